/* What a token attends to: the keys and values of the tokens before it, kept in half the bytes of a float. */

#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "vector.h"

static __m512 doubled(__mmask16 mask, const uint16_t *halves)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, halves));
}

static void halve(const float *in, int64_t count, uint16_t *out)
{
    for (int64_t i = 0; i < count; i += 16) {
        __mmask16 mask = lanes(count - i);
        __m256i halves = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(mask, in + i), _MM_FROUND_TO_NEAREST_INT);
        _mm256_mask_storeu_epi16(out + i, mask, halves);
    }
}

/* `whole`: a head's size is a multiple of 64, as in every GPT-2 of OpenAI's; known in advance, masks vanish. */
static inline __attribute__((always_inline)) void attend_sized(
    float *query, const uint16_t *keys, const uint16_t *values, int64_t reach, int64_t size, float *scores, bool whole)
{
    float factor = 1.0f / sqrtf((float)size), highest = -INFINITY, sum = 0;
    for (int64_t place = 0; place < reach; place++) {
        __m512 products = _mm512_setzero_ps();
        for (int64_t i = 0; i < size; i += 16) {
            __mmask16 mask = whole ? 0xffff : lanes(size - i);
            __m512 asked = _mm512_maskz_loadu_ps(mask, query + i);
            products = _mm512_fmadd_ps(asked, doubled(mask, keys + place * size + i), products);
            _mm_prefetch((const char *)(keys + (place + 16) * size + i), _MM_HINT_T0);
            _mm_prefetch((const char *)(values + place * size + i), _MM_HINT_T0);
        }
        scores[place] = _mm512_reduce_add_ps(products) * factor;
        highest = highest > scores[place] ? highest : scores[place];
    }
    for (int64_t place = 0; place < reach; place++) {
        scores[place] = exponential(scores[place] - highest);
        sum += scores[place];
    }
    for (int64_t i = 0; i < size; i += 64) { /* four sums at once, as each waits for its last number */
        __m512 found[4];
        for (int part = 0; part < 4; part++)
            found[part] = _mm512_setzero_ps();
        for (int64_t place = 0; place < reach; place++)
#pragma GCC unroll 4
            for (int part = 0; part < 4; part++) {
                __mmask16 mask = whole ? 0xffff : lanes(size - i - part * 16);
                __m512 value = doubled(mask, values + place * size + i + part * 16);
                found[part] = _mm512_fmadd_ps(_mm512_set1_ps(scores[place]), value, found[part]);
            }
        for (int part = 0; part < 4; part++) {
            __m512 mean = _mm512_div_ps(found[part], _mm512_set1_ps(sum));
            _mm512_mask_storeu_ps(query + i + part * 16, lanes(size - i - part * 16), mean);
        }
    }
}

/* What a query [size] finds in `keys` and `values` [reach, size], which takes the query's place. `scores` [reach] is
 * scratch. */
static void attend(
    float *query, const uint16_t *keys, const uint16_t *values, int64_t reach, int64_t size, float *scores)
{
    if (size % 64 == 0)
        attend_sized(query, keys, values, reach, size, scores, true);
    else
        attend_sized(query, keys, values, reach, size, scores, false);
}

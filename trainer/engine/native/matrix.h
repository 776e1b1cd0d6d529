/* Matrices of int8 weights, and the activations that go into them, quantised on the way: 32 numbers to one scale.
 *
 * Sums of a token never depend on the tokens beside it: its results are the same in every batch, to the last digit.
 */

#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "vector.h"

enum { GROUP = 32, COLUMNS = 32, ROWS = 6 }; /* inputs to a scale; outputs, and tokens, that are multiplied at once */

/* A matrix [outputs, inputs], packed by packed_weights.py: blocks of COLUMNS outputs; in a block, for every four
 * inputs in turn, those four weights of each output. A weight is its int8 plus 128. */
typedef struct {
    const uint8_t *weights;
    const float *scales, *bias; /* [blocks * COLUMNS] */
    int64_t inputs, outputs;
} Matrix;

/* Activations [count, inputs] as int8, with the scale of each group and -128 times its sum, which takes back the
 * 128 that every weight has too much. */
typedef struct { int8_t *values; float *scales; int32_t *corrections; } Quantised;

static int64_t blocks_of(const Matrix *matrix) { return (matrix->outputs + COLUMNS - 1) / COLUMNS; }
static int64_t groups_of(int64_t inputs) { return (inputs + GROUP - 1) / GROUP; }

static void quantise(const float *in, int64_t inputs, int64_t token, const Quantised *out)
{
    int64_t groups = groups_of(inputs);
    for (int64_t group = 0; group < groups; group++) {
        int64_t start = group * GROUP, left = inputs - start, place = token * groups + group;
        __m512 one = _mm512_maskz_loadu_ps(lanes(left), in + start);
        __m512 other = _mm512_maskz_loadu_ps(lanes(left - 16), in + start + 16);
        float highest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(one), _mm512_abs_ps(other)));
        __m512 factor = _mm512_set1_ps(highest > 0 ? 127.0f / highest : 0);
        __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(one, factor));
        __m512i more = _mm512_cvtps_epi32(_mm512_mul_ps(other, factor));
        _mm_storeu_si128((__m128i *)(out->values + place * GROUP), _mm512_cvtepi32_epi8(whole));
        _mm_storeu_si128((__m128i *)(out->values + place * GROUP + 16), _mm512_cvtepi32_epi8(more));
        out->scales[place] = highest / 127.0f;
        out->corrections[place] = -128 * _mm512_reduce_add_epi32(_mm512_add_epi32(whole, more));
    }
}

/* One block of outputs for `rows` tokens. The loops over rows vanish: each use has a constant there. */
static inline __attribute__((always_inline)) void multiply_tile(
    const Matrix *matrix, int64_t block, const Quantised *in, int64_t token, int rows, float *out)
{
    int64_t groups = groups_of(matrix->inputs), size = groups * GROUP * COLUMNS;
    int64_t ahead = size + 8192; /* fetched early: what comes so many bytes later */
    const uint8_t *weights = matrix->weights + block * size;
    const int8_t *values = in->values + token * groups * GROUP;
    const float *scales = in->scales + token * groups;
    const int32_t *corrections = in->corrections + token * groups;
    __m512 totals[ROWS][2];
#pragma GCC unroll 8
    for (int row = 0; row < rows; row++)
        totals[row][0] = totals[row][1] = _mm512_setzero_ps();
    for (int64_t group = 0; group < groups; group++) {
        __m512i sums[ROWS][2];
#pragma GCC unroll 8
        for (int row = 0; row < rows; row++)
            sums[row][0] = sums[row][1] = _mm512_set1_epi32(corrections[row * groups + group]);
#pragma GCC unroll 8
        for (int four = 0; four < GROUP / 4; four++, weights += 128) {
            __m512i left = _mm512_loadu_si512(weights), right = _mm512_loadu_si512(weights + 64);
            _mm_prefetch((const char *)weights + ahead, _MM_HINT_T1);
            _mm_prefetch((const char *)weights + ahead + 64, _MM_HINT_T1);
            __asm__ volatile("" ::: "memory"); /* else 16 of these stand together, and loads wait for them */
#pragma GCC unroll 8
            for (int row = 0; row < rows; row++) {
                int32_t inputs;
                memcpy(&inputs, values + (row * groups + group) * GROUP + four * 4, 4);
                __m512i all = _mm512_set1_epi32(inputs);
                sums[row][0] = _mm512_dpbusd_epi32(sums[row][0], left, all);
                sums[row][1] = _mm512_dpbusd_epi32(sums[row][1], right, all);
            }
        }
#pragma GCC unroll 8
        for (int row = 0; row < rows; row++) {
            __m512 scale = _mm512_set1_ps(scales[row * groups + group]);
            totals[row][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[row][0]), scale, totals[row][0]);
            totals[row][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[row][1]), scale, totals[row][1]);
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < rows; row++)
        for (int half = 0; half < 2; half++) {
            int64_t column = block * COLUMNS + half * 16;
            __m512 result = _mm512_mul_ps(totals[row][half], _mm512_loadu_ps(matrix->scales + column));
            result = _mm512_add_ps(result, _mm512_loadu_ps(matrix->bias + column));
            _mm512_storeu_ps(out + row * COLUMNS + half * 16, result);
        }
}

static void multiply_block(
    const Matrix *matrix, int64_t block, const Quantised *in, int64_t token, int rows, float *out)
{
    switch (rows) {
    case 1: multiply_tile(matrix, block, in, token, 1, out); return;
    case 2: multiply_tile(matrix, block, in, token, 2, out); return;
    case 3: multiply_tile(matrix, block, in, token, 3, out); return;
    case 4: multiply_tile(matrix, block, in, token, 4, out); return;
    case 5: multiply_tile(matrix, block, in, token, 5, out); return;
    default: multiply_tile(matrix, block, in, token, ROWS, out); return;
    }
}

/* What is done to the numbers between two matrices, in plain C that a compiler makes sixteen at a time of. */

#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdint.h>

/* Which of sixteen numbers are there, where `count` are left. */
static __mmask16 lanes(int64_t count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1 << count) - 1); }

typedef struct { const float *gain, *shift; } Norm;

/* e to the x, right to 2e-7 of it: the polynomial of the Cephes library, without a branch. */
static inline float exponential(float x)
{
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float whole = rintf(x * 1.44269504f);
    float rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    float sum = 1.9875691500e-4f;
    sum = sum * rest + 1.3981999507e-3f;
    sum = sum * rest + 8.3334519073e-3f;
    sum = sum * rest + 4.1665795894e-2f;
    sum = sum * rest + 1.6666665459e-1f;
    sum = sum * rest + 5.0000001201e-1f;
    union { int32_t bits; float value; } power = {((int32_t)whole + 127) << 23};
    return (sum * rest * rest + rest + 1.0f) * power.value;
}

static void gelu(float *values, int64_t count, int64_t exact)
{
    if (exact) {
        for (int64_t i = 0; i < count; i++)
            values[i] *= 0.5f * (1.0f + erff(values[i] * 0.70710678f));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        float x = values[i];
        values[i] = x / (1.0f + exponential(-1.59576912f * (x + 0.044715f * x * x * x)));
    }
}

static void normalise(const float *in, const Norm *norm, float epsilon, int64_t width, float *out)
{
    float sum = 0, squares = 0;
    for (int64_t i = 0; i < width; i++)
        sum += in[i];
    float mean = sum / (float)width;
    for (int64_t i = 0; i < width; i++)
        squares += (in[i] - mean) * (in[i] - mean);
    float factor = 1.0f / sqrtf(squares / (float)width + epsilon);
    for (int64_t i = 0; i < width; i++)
        out[i] = (in[i] - mean) * factor * norm->gain[i] + norm->shift[i];
}

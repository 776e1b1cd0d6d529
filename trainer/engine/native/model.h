/* What Python hands over: a model, an adapter for it, and a batch of tokens. kernel.py lays out the same. */

#pragma once

#include <stdint.h>

#include "matrix.h"
#include "vector.h"

typedef struct { const float *down, *up; int64_t rank; } Adapter; /* [rank, inputs], [rank, outputs]; rank 0: none */

/* The matrices of a layer, in the order of their use: to queries, keys and values; from what was attended to; into
 * and out of the wide part. */
enum { ATTENTION, MIXED, INNER, OUTER, MATRICES, HEAD = MATRICES };

typedef struct { Norm norms[2]; Matrix matrices[MATRICES]; } Layer;

typedef struct {
    int64_t layers, heads, width, inner, exact_gelu;
    float epsilon;
    const Layer *layer;
    const float *places; /* [context, width] */
    Matrix embedding, head;
    Norm last;
} Model;

/* `count` tokens: what they are, where each stands in its row, and which row of the cache that is. A row's earlier
 * tokens are in the cache or earlier in the batch. Logits [wanted, vocabulary] are made of those at `wanted`.
 * The cache is [rows, layers, heads, 2, capacity, width / heads] of half floats: a head's keys, then its values. */
typedef struct {
    const int64_t *tokens, *positions, *rows, *wanted;
    int64_t count, wanted_count, capacity;
    uint16_t *cache;
    float *logits;
} Batch;

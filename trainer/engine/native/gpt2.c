/* GPT-2 on processors with AVX-512 VNNI: any number of tokens, of any number of rows, in one pass.
 *
 * What a token costs on a small machine is reading every weight from memory once. So the weights are one byte each, lie
 * in the order of their use, and are read once for all tokens of a pass, by all threads together.
 */

#include "attention.h"
#include "matrix.h"
#include "model.h"
#include "team.h"
#include "vector.h"

typedef enum { STORE, ADD, GELU } Ending;

/* A batch on its way through the model. */
typedef struct {
    const Model *model;
    const Adapter *adapters; /* [layers, MATRICES], or NULL */
    const Batch *batch;
    Team *team;
    float *hidden, *wide, *lowered; /* [count, width], [count, 3 * width or inner], [count, rank] */
    float *scratch;                 /* [threads, width or capacity] */
    Quantised quantised;
    int64_t layer;

    /* What is being multiplied, and where to. */
    const Matrix *matrix;
    const Adapter *adapter;
    int64_t tokens;
    float *out;
    Ending ending;
} Pass;

static int64_t most(int64_t one, int64_t other) { return one > other ? one : other; }

/* Blocks of outputs of the matrix at hand, for all tokens that were quantised: block by block, so that each weight
 * comes from memory once. */
static void multiply_blocks(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    (void)thread;
    const Matrix *matrix = pass->matrix;
    const Adapter *adapter = pass->adapter;
    for (int64_t block = first; block < end; block++) {
        int64_t column = block * COLUMNS;
        int64_t columns = matrix->outputs - column < COLUMNS ? matrix->outputs - column : COLUMNS;
        for (int64_t token = 0; token < pass->tokens;) {
            int64_t left = pass->tokens - token;
            int rows = (int)(left <= ROWS ? left : left < 2 * ROWS ? (left + 1) / 2 : ROWS);
            float results[ROWS * COLUMNS];
            multiply_block(matrix, block, &pass->quantised, token, rows, results);
            for (int row = 0; row < rows; row++, token++) {
                float *result = results + row * COLUMNS, *place = pass->out + token * matrix->outputs + column;
                for (int64_t low = 0; adapter && low < adapter->rank; low++) {
                    float much = pass->lowered[token * adapter->rank + low];
                    const float *up = adapter->up + low * matrix->outputs + column;
                    for (int64_t i = 0; i < columns; i++)
                        result[i] += much * up[i];
                }
                if (pass->ending == GELU)
                    gelu(result, columns, pass->model->exact_gelu);
                for (int64_t i = 0; i < columns; i++)
                    place[i] = pass->ending == ADD ? place[i] + result[i] : result[i];
            }
        }
    }
}

/* Ready a token for a matrix: quantise it, and lower it to the adapter's rank. */
static void prepare(Pass *pass, const float *in, int64_t inputs, const Adapter *adapter, int64_t token)
{
    quantise(in, inputs, token, &pass->quantised);
    for (int64_t low = 0; adapter && low < adapter->rank; low++) {
        const float *down = adapter->down + low * inputs;
        float sum = 0;
        for (int64_t i = 0; i < inputs; i++)
            sum += in[i] * down[i];
        pass->lowered[token * adapter->rank + low] = sum;
    }
}

/* The keys of a row's head in the layer at hand; its values follow them. */
static uint16_t *keys_of(const Pass *pass, int64_t row, int64_t head)
{
    const Model *model = pass->model;
    int64_t place = (row * model->layers + pass->layer) * model->heads + head;
    return pass->batch->cache + place * 2 * pass->batch->capacity * (model->width / model->heads);
}

static void attend_head(const Pass *pass, int64_t token, int64_t head, float *scores)
{
    const Model *model = pass->model;
    int64_t size = model->width / model->heads, reach = pass->batch->positions[token] + 1;
    const uint16_t *keys = keys_of(pass, pass->batch->rows[token], head);
    float *query = pass->wide + token * 3 * model->width + head * size;
    attend(query, keys, keys + pass->batch->capacity * size, reach, size, scores);
}

static void remember(const Pass *pass, int64_t token)
{
    const Model *model = pass->model;
    int64_t size = model->width / model->heads, position = pass->batch->positions[token];
    for (int64_t head = 0; head < model->heads; head++) {
        uint16_t *keys = keys_of(pass, pass->batch->rows[token], head) + position * size;
        const float *key = pass->wide + (token * 3 + 1) * model->width + head * size;
        halve(key, size, keys);
        halve(key + model->width, size, keys + pass->batch->capacity * size);
    }
}

static void embed(const Pass *pass, int64_t token)
{
    const Model *model = pass->model;
    const Matrix *table = &model->embedding;
    int64_t number = pass->batch->tokens[token], block = number / COLUMNS, column = number % COLUMNS;
    const uint8_t *weights = table->weights + block * groups_of(table->inputs) * GROUP * COLUMNS + column * 4;
    const float *place = model->places + pass->batch->positions[token] * model->width;
    for (int64_t i = 0; i < model->width; i++) {
        float weight = (float)weights[i / 4 * COLUMNS * 4 + i % 4] - 128.0f;
        pass->hidden[token * model->width + i] = weight * table->scales[number] + place[i];
    }
}

static int64_t scratch_size(const Pass *pass) { return most(pass->model->width, pass->batch->capacity); }

static float *scratch_of(const Pass *pass, int64_t thread) { return pass->scratch + thread * scratch_size(pass); }

static const Adapter *adapter_of(const Pass *pass, int matrix)
{
    return pass->adapters ? pass->adapters + pass->layer * MATRICES + matrix : NULL;
}

/* One of the layer's matrices, or the head. `out` [tokens, outputs] is overwritten, added to, or written with GELU. */
static void multiply(Pass *pass, int kind, int64_t tokens, Ending ending, float *out)
{
    const Model *model = pass->model;
    pass->matrix = kind == HEAD ? &model->head : &model->layer[pass->layer].matrices[kind];
    pass->adapter = kind == HEAD ? NULL : adapter_of(pass, kind);
    pass->tokens = tokens;
    pass->ending = ending;
    pass->out = out;
    share(pass->team, multiply_blocks, blocks_of(pass->matrix));
}

/* Ready the normalised `token` for a matrix, as its number `place`. */
static void prepare_normalised(
    Pass *pass, int64_t thread, int64_t token, const Norm *norm, const Adapter *adapter, int64_t place)
{
    const Model *model = pass->model;
    float *scratch = scratch_of(pass, thread);
    normalise(pass->hidden + token * model->width, norm, model->epsilon, model->width, scratch);
    prepare(pass, scratch, model->width, adapter, place);
}

/* The works, each for tokens `first` to `end`, or for tokens and heads. */

static void embed_tokens(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    (void)thread;
    for (int64_t token = first; token < end; token++)
        embed(pass, token);
}

static void prepare_attention(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    const Model *model = pass->model;
    const Norm *norm = &model->layer[pass->layer].norms[0];
    for (int64_t token = first; token < end; token++)
        prepare_normalised(pass, thread, token, norm, adapter_of(pass, ATTENTION), token);
}

static void remember_tokens(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    (void)thread;
    for (int64_t token = first; token < end; token++)
        remember(pass, token);
}

static void attend_heads(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    int64_t heads = pass->model->heads;
    for (int64_t i = first; i < end; i++)
        attend_head(pass, i / heads, i % heads, scratch_of(pass, thread));
}

static void prepare_mixed(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    (void)thread;
    int64_t width = pass->model->width;
    for (int64_t token = first; token < end; token++)
        prepare(pass, pass->wide + token * 3 * width, width, adapter_of(pass, MIXED), token);
}

static void prepare_inner(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    const Model *model = pass->model;
    const Norm *norm = &model->layer[pass->layer].norms[1];
    for (int64_t token = first; token < end; token++)
        prepare_normalised(pass, thread, token, norm, adapter_of(pass, INNER), token);
}

static void prepare_outer(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    (void)thread;
    int64_t inner = pass->model->inner;
    for (int64_t token = first; token < end; token++)
        prepare(pass, pass->wide + token * inner, inner, adapter_of(pass, OUTER), token);
}

static void prepare_logits(void *task, int64_t thread, int64_t first, int64_t end)
{
    Pass *pass = task;
    for (int64_t i = first; i < end; i++)
        prepare_normalised(pass, thread, pass->batch->wanted[i], &pass->model->last, NULL, i);
}

static void lead(Pass *pass)
{
    const Model *model = pass->model;
    int64_t count = pass->batch->count, wanted = pass->batch->wanted_count;
    share(pass->team, embed_tokens, count);
    for (pass->layer = 0; pass->layer < model->layers; pass->layer++) {
        share(pass->team, prepare_attention, count);
        multiply(pass, ATTENTION, count, STORE, pass->wide);
        share(pass->team, remember_tokens, count);
        share(pass->team, attend_heads, count * model->heads);
        share(pass->team, prepare_mixed, count);
        multiply(pass, MIXED, count, ADD, pass->hidden);
        share(pass->team, prepare_inner, count);
        multiply(pass, INNER, count, GELU, pass->wide);
        share(pass->team, prepare_outer, count);
        multiply(pass, OUTER, count, ADD, pass->hidden);
    }
    share(pass->team, prepare_logits, wanted);
    multiply(pass, HEAD, wanted, STORE, pass->batch->logits);
}

static void clear(void *task)
{
    Pass *pass = task;
    free(pass->hidden);
    free(pass->wide);
    free(pass->lowered);
    free(pass->scratch);
    free(pass->quantised.values);
    free(pass->quantised.scales);
    free(pass->quantised.corrections);
    free(pass);
}

/* Whether this processor has the instructions used here. */
int mynah_supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

/* Run `batch` through `model`: its keys and values into the cache, its logits to where they are wanted. `adapters`
 * [layers, MATRICES] may be NULL. Returns 0, or -1 where there is no memory. */
int mynah_run(const Model *model, const Adapter *adapters, const Batch *batch, int64_t threads)
{
    Pass *pass = calloc(1, sizeof(Pass));
    if (!pass)
        return -1;
    int64_t rank = 0;
    for (int64_t i = 0; adapters && i < model->layers * MATRICES; i++)
        rank = most(rank, adapters[i].rank);
    size_t count = (size_t)batch->count, groups = (size_t)groups_of(most(model->width, model->inner));
    pass->model = model;
    pass->adapters = adapters;
    pass->batch = batch;
    pass->hidden = malloc(count * (size_t)model->width * sizeof(float));
    pass->wide = malloc(count * (size_t)most(3 * model->width, model->inner) * sizeof(float));
    pass->lowered = malloc(count * (size_t)(rank + 1) * sizeof(float));
    pass->scratch = malloc(MOST_THREADS * (size_t)scratch_size(pass) * sizeof(float));
    pass->quantised.values = malloc(count * groups * GROUP);
    pass->quantised.scales = malloc(count * groups * sizeof(float));
    pass->quantised.corrections = malloc(count * groups * sizeof(int32_t));
    const Quantised *quantised = &pass->quantised;
    bool possible = pass->hidden && pass->wide && pass->lowered && pass->scratch && quantised->values &&
                    quantised->scales && quantised->corrections;
    if (possible)
        pass->team = gather(pass, clear, threads);
    if (!pass->team) {
        clear(pass);
        return -1;
    }
    lead(pass);
    dismiss(pass->team);
    return 0;
}

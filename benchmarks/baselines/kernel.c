/* One training step of the model in C, and measurements of the machine, on one thread.

   Compiled and called by benchmarks/baselines/c.py and benchmarks/roofline.py. The mathematics is that of
   backends_test/oracle.py, in float32.

   The eight units of a review fill one vector, the sixteen numbers of an embedding two. So nothing has to be
   transposed, and a batch may have any size. The reviews of a batch are independent, which hides the latency of a step:
   time is the outer loop, the batch the inner one. The vectors are extensions of GCC and Clang, which map them to what
   the machine has. None is wider than eight numbers: wider ones would be kept in memory, and be many times slower, on
   machines without registers for them. */

#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#define D 16      /* numbers in an embedding */
#define U 8       /* units */
#define CHUNK 64  /* reviews predicted at once: their states stay in cache */
#define LEARNING_RATE 0.001
#define BETA_1 0.9
#define BETA_2 0.999
#define CLIP 1e-7f /* Keras clips scores at this distance from 0 and 1, whatever the epsilon of the optimizer */

/* aligned(4): any address is allowed. may_alias: memory is written as vectors and read as floats. */
typedef float units __attribute__((vector_size(U * 4), aligned(4), may_alias));
typedef int32_t integers __attribute__((vector_size(U * 4)));

/* All weights but the embeddings, in the order of `model.get_weights()`. */
struct layers {
    float kernel[D][U], recurrent[U][U], bias[U], out_kernel[U], out_bias;
};

/* Each array holds the embeddings, `ids` rows of D, and then a `struct layers`. Same fields as in baselines/c.py. */
struct model {
    float *weights, *gradient, *m, *v;
    int64_t ids, steps;
    double epsilon;
};

static units load(const float *at) { return *(const units *)at; }
static void store(float *at, units values) { *(units *)at = values; }
static struct layers *layers_of(float *array, int64_t ids) { return (struct layers *)(array + ids * D); }

/* tanh a = q / (q + 2) with q = exp(2a) - 1. It is accurate for small a as well, because 1 is never added to q and
   subtracted again, as -ffast-math would do. With 2a = (n + r) ln 2, n an integer and |r| <= 1/2:

       q = 2^n p + (2^n - 1),  p = 2^r - 1

   and p is a Taylor series, (r ln 2)^k / k!, whose first omitted term is below 6e-9. */
static inline units tanh_units(units a)
{
    units y = a * 2.88539008178f; /* 2 / ln 2 */
    /* Clamped, so that 2^n is neither infinite nor zero; beyond 26 tanh is 1 in float32. Element by element, because C
       has no ?: for vectors; the compiler makes two instructions of it. */
    for (int k = 0; k < U; k++) y[k] = y[k] > 26.0f ? 26.0f : y[k] < -26.0f ? -26.0f : y[k];
    /* The conversion truncates; for a positive number plus one half it rounds. */
    integers n = __builtin_convertvector(y + 64.5f, integers) - 64;
    units r = y - __builtin_convertvector(n, units), r2 = r * r, r4 = r2 * r2;
    units power = (units)((n + 127) << 23);
    /* In pairs, which makes the chain of dependent operations shorter. */
    units low = (0.693147180560f + r * 0.240226506959f) + r2 * (0.0555041086648f + r * 0.00961812910763f);
    units high = (0.00133335581464f + r * 0.000154035303934f) + r2 * 0.0000152527338041f;
    units q = power * (r * (low + r4 * high)) + (power - 1.0f);
    return q / (q + 2.0f);
}

/* Computes the states h_0 ... h_T, as states[t][review][unit], and the logits. */
static void forward(const float *embeddings, const struct layers *w, const int32_t *x, int64_t batch, int64_t length,
                    float *restrict states, float *logits)
{
    units kernel[D], recurrent[U], bias = load(w->bias); /* copies: the compiler keeps them in registers */
    for (int i = 0; i < D; i++) kernel[i] = load(w->kernel[i]);
    for (int j = 0; j < U; j++) recurrent[j] = load(w->recurrent[j]);
    memset(states, 0, batch * U * sizeof *states);
    for (int64_t t = 0; t < length; t++) {
        for (int64_t b = 0; b < batch; b++) {
            const float *in = embeddings + (int64_t)x[b * length + t] * D;
            float *h = states + (t * batch + b) * U;
            units sum = bias;
            for (int i = 0; i < D; i++) sum += in[i] * kernel[i];
            for (int j = 0; j < U; j++) sum += h[j] * recurrent[j];
            store(h + batch * U, tanh_units(sum));
        }
    }
    for (int64_t b = 0; b < batch; b++) {
        const float *h = states + (length * batch + b) * U;
        logits[b] = w->out_bias;
        for (int j = 0; j < U; j++) logits[b] += h[j] * w->out_kernel[j];
    }
}

static float sigmoid(float logit)
{
    float small = expf(-fabsf(logit));
    return (logit >= 0 ? 1.0f : small) / (1.0f + small);
}

/* The backward pass through time: the derivatives da[t][review][unit] with respect to the arguments of tanh, and from
   them dU, db, dv, dc. Until step t is reached, da[t] holds the derivatives with respect to h_t. */
static void backward(const struct layers *w, struct layers *dw, int64_t batch, int64_t length,
                     const float *restrict states, const float *d_logits, float *restrict da)
{
    units transposed[U], d_recurrent[U] = {0}, d_bias = {0}, d_out_kernel = {0};
    for (int j = 0; j < U; j++)
        for (int k = 0; k < U; k++) transposed[j][k] = w->recurrent[k][j];
    dw->out_bias = 0;
    for (int64_t b = 0; b < batch; b++) {
        store(da + ((length - 1) * batch + b) * U, d_logits[b] * load(w->out_kernel));
        d_out_kernel += d_logits[b] * load(states + (length * batch + b) * U);
        dw->out_bias += d_logits[b];
    }
    for (int64_t t = length - 1; t >= 0; t--) {
        for (int64_t b = 0; b < batch; b++) {
            const float *h = states + (t * batch + b) * U;
            float *d = da + (t * batch + b) * U;
            units after = load(h + batch * U), d_sum = load(d) * (1.0f - after * after), back = {0};
            store(d, d_sum);
            d_bias += d_sum;
            for (int j = 0; j < U; j++) d_recurrent[j] += h[j] * d_sum;
            for (int j = 0; j < U; j++) back += d[j] * transposed[j];
            if (t > 0) store(d - batch * U, back);
        }
    }
    for (int j = 0; j < U; j++) store(dw->recurrent[j], d_recurrent[j]);
    store(dw->bias, d_bias);
    store(dw->out_kernel, d_out_kernel);
}

/* Computes dE and dW from da, one after the other, for eight of the sixteen numbers of an embedding at a time: then the
   data of each loop fits in sixteen registers of eight numbers. */
static void backward_inputs(const float *embeddings, float *d_embeddings, const struct layers *w, struct layers *dw,
                            const int32_t *x, int64_t batch, int64_t length, const float *da)
{
    for (int half = 0; half < D; half += U) {
        units transposed[U], d_kernel[U] = {0};
        for (int j = 0; j < U; j++)
            for (int i = 0; i < U; i++) transposed[j][i] = w->kernel[half + i][j];
        for (int64_t t = 0; t < length; t++) {
            for (int64_t b = 0; b < batch; b++) {
                float *at = d_embeddings + (int64_t)x[b * length + t] * D + half;
                const float *d = da + (t * batch + b) * U;
                units back = load(at); /* the gradient of an id is the sum over all its positions */
                for (int j = 0; j < U; j++) back += d[j] * transposed[j];
                store(at, back);
            }
        }
        for (int64_t t = 0; t < length; t++) {
            for (int64_t b = 0; b < batch; b++) {
                units in = load(embeddings + (int64_t)x[b * length + t] * D + half);
                const float *d = da + (t * batch + b) * U;
                for (int j = 0; j < U; j++) d_kernel[j] += d[j] * in;
            }
        }
        for (int j = 0; j < U; j++)
            for (int i = 0; i < U; i++) dw->kernel[half + i][j] = d_kernel[j][i];
    }
}

/* Keras's Adam for every weight: the moments also change weights whose gradient is zero. */
static void adam(struct model *model)
{
    int64_t count = model->ids * D + (int64_t)(sizeof(struct layers) / sizeof(float));
    float *restrict w = model->weights, *restrict m = model->m, *restrict v = model->v;
    const float *restrict g = model->gradient;
    model->steps++;
    float rate = LEARNING_RATE * sqrt(1 - pow(BETA_2, model->steps)) / (1 - pow(BETA_1, model->steps));
    float epsilon = model->epsilon, less_1 = 1 - BETA_1, less_2 = 1 - BETA_2;
    for (int64_t i = 0; i < count; i++) {
        m[i] += less_1 * (g[i] - m[i]);
        v[i] += less_2 * (g[i] * g[i] - v[i]);
        w[i] -= rate * m[i] / (sqrtf(v[i]) + epsilon);
    }
}

static int all_valid(const int32_t *x, int64_t count, int64_t ids)
{
    uint32_t highest = 0; /* unsigned, so that a negative id becomes a very high one */
    for (int64_t i = 0; i < count; i++) highest = (uint32_t)x[i] > highest ? (uint32_t)x[i] : highest;
    return highest < ids;
}

/* Makes one step on a batch: x[batch][length], y[batch]. `scratch` holds (2 * length + 1) * batch * U + batch floats.
   Returns whether all ids are valid; if not, nothing is changed. */
int train(struct model *model, const int32_t *x, const float *y, int64_t batch, int64_t length, float *scratch)
{
    if (!all_valid(x, batch * length, model->ids)) return 0;
#ifdef __SSE__
    /* The moment of an id that does not occur again shrinks by a tenth per step, and some processors are a hundred
       times slower for numbers below 1e-38. Such numbers are flushed to zero while this function runs. */
    unsigned kept = _mm_getcsr();
    _mm_setcsr(kept | 0x8040);
#endif
    struct layers *w = layers_of(model->weights, model->ids), *dw = layers_of(model->gradient, model->ids);
    float *states = scratch, *da = states + (length + 1) * batch * U, *d_logits = da + length * batch * U;
    forward(model->weights, w, x, batch, length, states, d_logits);
    for (int64_t b = 0; b < batch; b++) {
        float score = sigmoid(d_logits[b]);
        int clipped = score < CLIP || score > 1.0f - CLIP;
        d_logits[b] = clipped ? 0.0f : (score - y[b]) / batch;
    }
    backward(w, dw, batch, length, states, d_logits, da);
    backward_inputs(model->weights, model->gradient, w, dw, x, batch, length, da);
    adam(model);
    /* Sets `gradient` to zero again: only the rows of this batch were not. */
    for (int64_t i = 0; i < batch * length; i++) memset(model->gradient + (int64_t)x[i] * D, 0, D * sizeof(float));
#ifdef __SSE__
    _mm_setcsr(kept);
#endif
    return 1;
}

/* Computes the scores of x[count][length]. `scratch` holds (length + 1) * CHUNK * U floats. Returns as `train` does. */
int predict(struct model *model, const int32_t *x, int64_t count, int64_t length, float *scratch, float *scores)
{
    if (!all_valid(x, count * length, model->ids)) return 0;
    const struct layers *w = layers_of(model->weights, model->ids);
    for (int64_t b = 0; b < count; b += CHUNK) {
        int64_t batch = count - b < CHUNK ? count - b : CHUNK;
        forward(model->weights, w, x + b * length, batch, length, scratch, scores + b);
    }
    for (int64_t b = 0; b < count; b++) scores[b] = sigmoid(scores[b]);
    return 1;
}

/* The widest vectors of the machine, for the rate of multiply-adds. */
#ifdef __AVX512F__
#define WIDE 16
#elif defined(__AVX__)
#define WIDE 8
#else
#define WIDE 4
#endif
#define SUMS 10 /* independent, all in registers: enough for two multiply-adds per cycle of four or five cycles each */
typedef float wide __attribute__((vector_size(WIDE * 4)));

/* Returns the number of floating-point operations. Factor and term are arguments, and the result is returned in
   numbers[2], so that the compiler cannot compute anything in advance: 1 * 0.999 + 0.001 is 1 in every round. */
int64_t multiply_add(int64_t rounds, float numbers[3])
{
    wide sums[SUMS], factor = (wide){0} + numbers[0], term = (wide){0} + numbers[1];
    for (int k = 0; k < SUMS; k++) sums[k] = (wide){0} + (float)k;
    for (int64_t i = 0; i < rounds; i++)
        for (int k = 0; k < SUMS; k++) sums[k] = sums[k] * factor + term;
    numbers[2] = 0;
    for (int k = 0; k < SUMS; k++) numbers[2] += sums[k][k % WIDE];
    return rounds * SUMS * WIDE * 2;
}

void copy(char *to, const char *from, int64_t size, int64_t rounds)
{
    for (int64_t i = 0; i < rounds; i++) {
        memcpy(to, from, size);
        __asm__ volatile("" ::: "memory"); /* keeps the compiler from removing copies */
    }
}

/* h <- tanh(a + h U), where each step depends on the one before. The eight products are added in pairs, because latency
   counts here; in `forward` the number of operations counts. */
void recurrence(float *h, const float *a, const float *recurrent, int64_t steps)
{
    units state = load(h), term = load(a), rows[U];
    for (int j = 0; j < U; j++) rows[j] = load(recurrent + j * U);
    for (int64_t i = 0; i < steps; i++) {
        units pairs[U / 2];
        for (int j = 0; j < U / 2; j++) pairs[j] = state[2 * j] * rows[2 * j] + state[2 * j + 1] * rows[2 * j + 1];
        state = tanh_units(((pairs[0] + pairs[1]) + (pairs[2] + pairs[3])) + term);
    }
    store(h, state);
}

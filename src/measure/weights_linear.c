/* weights_linear.c - trained linear attention read as an algorithm: products as multiples of I
 *
 * share: for every head the share of the squared norm of A = W_k^T W_q and V = P W_v that block
 * means keep, and the largest of them.
 *
 * step: one row a model. On tokens [p, x, s_t, s_{t-1}] the first block adds to p
 *
 *   sum_{j<=t} sum_{a,b,c} e[c,a,b] (slot c of x_j) (slot a of x_j . slot b of x_t)
 *
 * with e = sum_h mean V_h[0,c] mean A_h[a,b]. A gradient step has one e that is not 0, the step
 * size: value s_j, key s_{j-1}, query s_t. The table has it, the largest of the others, and what
 * is the loss of the model and of the one made of block means alone (CompressedAlg).
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858, figures 3B and 13.
 */
#include "base/larger.h"
#include "measure/weights.h"
#include "observe/observe.h"

#include <math.h>
#include <stdlib.h>

enum { SLOTS = 8 };

typedef struct {
    double A[SLOTS * SLOTS], V[SLOTS * SLOTS], share_A, share_V;
} head_means;

static il_status shape_of(il_observe_product_shape *s, const il_model *m, il_error *err)
{
    IL_TRY(il_observe_product_shape_of(s, m, err));
    return s->parts.n <= SLOTS
               ? IL_OK
               : il_fail(err, IL_ECONFIG, "a stream of more than %d parts", SLOTS);
}

/* The block means of every head, (blocks,heads). */
static il_status read_means(head_means **out, il_observe_product_shape *s,
                            const il_model *m, il_error *err)
{
    IL_TRY(shape_of(s, m, err));
    size_t n = (size_t)s->C * (size_t)s->C;
    head_means *means = calloc((size_t)(s->blocks * s->heads), sizeof *means);
    double *memory = malloc(2 * n * sizeof *memory);
    if (!means || !memory) {
        free(means);
        free(memory);
        return il_fail(err, IL_EFAIL, "out of memory for products");
    }
    il_observe_products p = { memory, memory + n };
    for (int i = 0; i < s->blocks * s->heads; i++) {
        il_observe_products_of(p, m, s, i / s->heads, i % s->heads);
        means[i].share_A = il_observe_block_means(means[i].A, p.A, &s->parts);
        means[i].share_V = il_observe_block_means(means[i].V, p.V, &s->parts);
    }
    free(memory);
    *out = means;
    return IL_OK;
}

/* With its sign; NaN stays. */
static double largest(const double *X, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(most) && !(fabs(X[i]) <= fabs(most))) most = X[i];
    return most;
}

/* ---- shares ------------------------------------------------------------------------------------- */

static il_status outline_share(il_table *table, const il_measured *model, int n,
                               il_error *err)
{
    for (int i = 0; i < n; i++) {
        il_observe_product_shape s;
        IL_TRY(shape_of(&s, model[i].model, err));
        for (int b = 0; b < s.blocks; b++)
            for (int h = 0; h < s.heads; h++) {
                char name[2 * IL_TEXT];
                snprintf(name, sizeof name, "%s%sh.%d.%d",
                         n > 1 ? il_measured_name(&model[i]) : "", n > 1 ? " " : "", b, h);
                IL_TRY(il_outline_name(table, name, err));
            }
    }
    return IL_OK;
}

/* Fills the rows from *from on, which becomes the row after them */
static il_status add_heads(il_table *table, int *from, const il_model *m, il_error *err)
{
    il_observe_product_shape s;
    head_means *means;
    IL_TRY(read_means(&means, &s, m, err));
    int n = s.parts.n;
    for (int i = 0; i < s.blocks * s.heads; i++) {
        double row[] = { means[i].share_A, means[i].share_V, largest(means[i].A, n * n),
                         largest(means[i].V, n * n) };
        il_measure_set(table, (*from)++, row, IL_COUNT(row));
    }
    free(means);
    return IL_OK;
}

static il_status fill_share(il_table *table, const il_weights_options *o,
                            const il_measured *model, int n, il_error *err)
{
    (void)o;
    for (int i = 0, row = 0; i < n; i++)
        IL_TRY(add_heads(table, &row, model[i].model, err));
    return IL_OK;
}

const il_weights_form il_weights_share = { "head$ qk_share pv_share qk pv",
                                           IL_MEASURE_MODELS, outline_share, fill_share };

/* ---- the step --------------------------------------------------------------------------------- */

/* Slots of a constructed token; e[c,a,b] as above. */
enum { NEWEST = 2, BEFORE = 3 };

static void read_step(double *eta, double *other, const head_means *means,
                      const il_observe_product_shape *s)
{
    int S = s->parts.n;
    *eta = *other = 0;
    for (int c = 0; c < S; c++)
        for (int a = 0; a < S; a++)
            for (int b = 0; b < S; b++) {
                double e = 0;
                for (int h = 0; h < s->heads; h++)
                    e += means[h].V[c] * means[h].A[a * S + b];
                if (c == NEWEST && a == BEFORE && b == NEWEST)
                    *eta = e;
                else
                    *other = il_larger(*other, fabs(e));
            }
}

static il_status outline_step(il_table *table, const il_measured *model, int n,
                              il_error *err)
{
    for (int i = 0; i < n; i++) {
        il_observe_product_shape s;
        IL_TRY(shape_of(&s, model[i].model, err));
        if (s.parts.n <= BEFORE)
            return il_fail(err, IL_ECONFIG, "%s has no constructed tokens",
                           il_measured_name(&model[i]));
    }
    return il_outline_models(table, model, n, err);
}

static il_status set_step(il_table *table, int i, const il_weights_options *o,
                          const il_model *m, il_error *err)
{
    il_observe_product_shape s;
    head_means *means;
    il_model *compressed;
    double eta, other, loss, small;
    IL_TRY(read_means(&means, &s, m, err));
    read_step(&eta, &other, means, &s);
    free(means);
    IL_TRY(il_observe_loss(&loss, m, o->prompts, o->seed, err));
    IL_TRY(il_observe_product_model(&compressed, m, m, 1, err));
    il_status status = il_observe_loss(&small, compressed, o->prompts, o->seed, err);
    il_model_free(compressed);
    if (status) return status;
    double row[] = { eta, other, loss, small };
    il_measure_set(table, i, row, IL_COUNT(row));
    return IL_OK;
}

static il_status fill_step(il_table *table, const il_weights_options *o,
                           const il_measured *model, int n, il_error *err)
{
    for (int i = 0; i < n; i++) IL_TRY(set_step(table, i, o, model[i].model, err));
    return IL_OK;
}

const il_weights_form il_weights_step = { "model$ step_size other loss compressed",
                                          IL_MEASURE_MODELS, outline_step, fill_step };

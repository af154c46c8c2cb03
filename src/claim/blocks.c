/* blocks.c - trained linear attention read as an algorithm: products as multiples of I
 *
 * `heads`: for every head the share of the squared norm of A = W_k^T W_q and V = P W_v that block
 * means keep, and the largest of them.
 *
 * `step`: one row a model. On tokens [p, x, s_t, s_{t-1}] the first block adds to p
 *
 *   sum_{j<=t} sum_{a,b,c} e[c,a,b] (slot c of x_j) (slot a of x_j . slot b of x_t)
 *
 * with e = sum_h mean V_h[0,c] mean A_h[a,b]. A gradient step has one e that is not 0, the step
 * size: value s_j, key s_{j-1}, query s_t. The table has it, the largest of the others, and what
 * is the loss of the model and of the one made of block means alone (CompressedAlg).
 *
 * Source: von Oswald et al. 2024, arXiv:2309.05858, figures 3B and 13.
 */
#include "claim/products.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    int prompts, seed;
} options;
static const il_opt opts[] = {
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 1280, 1, 1e8, "for the losses",
      NULL },
    { "seed", IL_OPT_INT, offsetof(options, seed), 1, 0, 2147483647, "which prompts",
      NULL },
    { 0 },
};

enum { SLOTS = 8 };

typedef struct {
    double A[SLOTS * SLOTS], V[SLOTS * SLOTS], share_A, share_V;
} head_means;

/* The block means of every head, (blocks,heads). */
static il_status read_means(head_means **out, il_product_shape *s, const il_model *m,
                            il_error *err)
{
    IL_TRY(il_product_shape_of(s, m, err));
    size_t n = (size_t)s->C * (size_t)s->C;
    head_means *means = calloc((size_t)(s->blocks * s->heads), sizeof *means);
    double *memory = malloc(2 * n * sizeof *memory);
    if (!means || !memory) {
        free(means);
        free(memory);
        return il_fail(err, IL_EFAIL, "out of memory for products");
    }
    il_products p = { memory, memory + n };
    for (int i = 0; i < s->blocks * s->heads; i++) {
        il_products_of(p, m, s, i / s->heads, i % s->heads);
        means[i].share_A = il_block_means(means[i].A, p.A, s);
        means[i].share_V = il_block_means(means[i].V, p.V, s);
    }
    free(memory);
    *out = means;
    return IL_OK;
}

static double largest(const double *X, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        if (fabs(X[i]) > fabs(most)) most = X[i];
    return most;
}

static il_status add_text_row(il_table *table, const char *text, il_error *err)
{
    int row = il_table_rows(table);
    IL_TRY(il_table_add_row(table, err));
    return il_table_set_text(table, row, 0, text, err);
}

static il_status add_columns(il_table *table, const char *const *names, int n,
                             il_error *err)
{
    for (int i = 0; i < n; i++) IL_TRY(il_table_add_col(table, names[i], i == 0, err));
    return IL_OK;
}

/* ---- heads -------------------------------------------------------------------------------------- */

static il_status fill_heads(il_table *table, const il_subject *subject, int many,
                            il_error *err)
{
    il_product_shape s;
    head_means *means;
    IL_TRY(read_means(&means, &s, subject->model, err));
    il_status status = IL_OK;
    for (int i = 0; i < s.blocks * s.heads && !status; i++) {
        char name[2 * IL_TEXT];
        int row = il_table_rows(table);
        snprintf(name, sizeof name, "%s%sh.%d.%d", many ? subject->name : "",
                 many ? " " : "", i / s.heads, i % s.heads);
        status = add_text_row(table, name, err);
        if (status) break;
        il_table_set(table, row, 1, means[i].share_A);
        il_table_set(table, row, 2, means[i].share_V);
        il_table_set(table, row, 3, largest(means[i].A, s.slots * s.slots));
        il_table_set(table, row, 4, largest(means[i].V, s.slots * s.slots));
    }
    free(means);
    return status;
}

static il_status run_heads(const void *opt, const il_subject *subject, int n,
                           const char *name, il_table **out, il_error *err)
{
    static const char *const cols[] = { "head", "qk_share", "pv_share", "qk", "pv" };
    (void)opt;
    il_table *table;
    IL_TRY(il_table_new(&table, name, err));
    il_status status = add_columns(table, cols, IL_COUNT(cols), err);
    for (int i = 0; i < n && !status; i++)
        status = fill_heads(table, subject + i, n > 1, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

const il_measure il_measure_heads = {
    .name = "heads",
    .summary = "products of linear attention: the share that multiples of I keep, by head",
    .run = run_heads,
};

/* ---- the step --------------------------------------------------------------------------------- */

/* Slots of a constructed token; e[c,a,b] as above. */
enum { NEWEST = 2, BEFORE = 3 };

static void read_step(double *eta, double *other, const head_means *means,
                      const il_product_shape *s)
{
    int S = s->slots;
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
                    *other = fmax(*other, fabs(e));
            }
}

static il_status fill_step(il_table *table, const options *o, const il_subject *subject,
                           il_error *err)
{
    il_product_shape s;
    head_means *means;
    il_model *compressed;
    double eta, other, loss, small;
    IL_TRY(read_means(&means, &s, subject->model, err));
    if (s.slots <= BEFORE) {
        free(means);
        return il_fail(err, IL_ECONFIG, "%s has no constructed tokens", subject->name);
    }
    read_step(&eta, &other, means, &s);
    free(means);
    IL_TRY(il_claim_loss(&loss, subject->model, o->prompts, o->seed, err));
    IL_TRY(il_product_model(&compressed, subject->model, subject->model, 1, err));
    il_status status = il_claim_loss(&small, compressed, o->prompts, o->seed, err);
    il_model_free(compressed);
    if (status) return status;
    int row = il_table_rows(table);
    IL_TRY(add_text_row(table, subject->name, err));
    il_table_set(table, row, 1, eta);
    il_table_set(table, row, 2, other);
    il_table_set(table, row, 3, loss);
    il_table_set(table, row, 4, small);
    return IL_OK;
}

static il_status run_step(const void *opt, const il_subject *subject, int n,
                          const char *name, il_table **out, il_error *err)
{
    static const char *const cols[] = { "model", "step_size", "other", "loss",
                                        "compressed" };
    il_table *table;
    IL_TRY(il_table_new(&table, name, err));
    il_status status = add_columns(table, cols, IL_COUNT(cols), err);
    for (int i = 0; i < n && !status; i++) status = fill_step(table, opt, subject + i, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

const il_measure il_measure_step = {
    .name = "step",
    .summary = "linear attention as a gradient step: its size, and the loss of block means",
    .opts = opts,
    .size = sizeof(options),
    .run = run_step,
};

/* curvature.c - how curved the training loss is where a model stands, and along the way that it took
 *
 *   gradient     |g|, g the gradient of the loss on the measure's prompts
 *   robust       max |H_ii| over median |H_ii|: the robust condition number, by the Hessian's diagonal, over the
 *                weights on which the loss depends
 *   smoothness   d^T H d / d^T d: by model along d = g, by checkpoint along d = w(t+1) - w(t), the step that the run
 *                took next; behind its last step there is none
 *
 *   by = model        a row for each
 *   by = checkpoint   a row for step 0 and for each kept checkpoint, a column for each model: of them one, `what`
 *
 * Hessians are central differences of gradients. Cost: by model 2 `weights` gradients. Source: Ahn et al. 2024,
 * arXiv:2310.01082, who measure all three along training by Adam and SGD.
 */
#include "la/dense.h"
#include "la/order.h"
#include "measure/gradients.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

enum { BY_MODEL, BY_CHECKPOINT };
enum { LOSS, GRADIENT, ROBUST, SMOOTHNESS, ALL };

typedef struct {
    int by, what, prompts, weights;
    uint64_t seed;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(CHOICE, by, BY_MODEL, 0, 1, "a row for each", "model|checkpoint"),
    IL_MEASURE_KEY(CHOICE, what, SMOOTHNESS, 0, 3, "by checkpoint: which", "loss|gradient|robust|smoothness"),
    IL_MEASURE_KEY(INT, prompts, 512, 1, 1e6, "for loss, gradient and Hessian", NULL),
    IL_MEASURE_KEY(INT, weights, 1000, 1, 1e9, "entries of the diagonal at most; more are sampled", NULL),
    IL_MEASURE_KEY(SEED, seed, 1, 0, 0, "which prompts, and which entries", NULL),
    { 0 },
};
/* clang-format on */

/* Where a model stands */
typedef struct {
    il_gradients at;
    double *grad, *along, *Hv; /* (n) */
    double *diagonal;          /* (n) */
} place;

static il_status place_new(place *p, const il_model *m, const options *o, il_error *err)
{
    *p = (place){ 0 };
    IL_TRY(il_gradients_new(&p->at, m, o->prompts, o->seed, err));
    p->grad = calloc(4 * p->at.n, sizeof *p->grad);
    if (!p->grad) return il_fail(err, IL_EFAIL, "curvature: out of memory");
    p->along = p->grad + p->at.n, p->Hv = p->along + p->at.n, p->diagonal = p->Hv + p->at.n;
    return IL_OK;
}

static void place_free(place *p)
{
    il_gradients_free(&p->at);
    free(p->grad);
}

/* Weight `draw` of those whose entries are computed: all, or so many drawn with replacement */
static size_t entry(const place *p, const options *o, il_rng *rng, int i)
{
    return p->at.n <= (size_t)o->weights ? (size_t)i : (size_t)il_below(rng, (int)p->at.n);
}

static il_status robust(double *ratio, place *p, const options *o, const il_real *w,
                        il_error *err)
{
    il_rng rng = il_rng_at(o->seed, IL_STREAM_USER, 0, 0);
    int entries = (int)(p->at.n < (size_t)o->weights ? p->at.n : (size_t)o->weights), n = 0;
    for (int i = 0; i < entries; i++) {
        size_t k = entry(p, o, &rng, i);
        memset(p->along, 0, p->at.n * sizeof *p->along);
        p->along[k] = 1;
        IL_TRY(il_gradients_hessian(p->Hv, &p->at, w, p->along, 0, err));
        if (p->Hv[k] != 0) p->diagonal[n++] = fabs(p->Hv[k]);
    }
    il_sort(p->diagonal, n);
    *ratio = n ? p->diagonal[n - 1] / il_quantile(p->diagonal, n, 0.5) : NAN;
    return IL_OK;
}

/* Along p->along; NAN where that is 0 */
static il_status smoothness(double *curvature, place *p, const il_real *w, il_error *err)
{
    int n = (int)p->at.n;
    *curvature = NAN;
    if (!(il_ddot(p->along, p->along, n) > 0)) return IL_OK;
    IL_TRY(il_gradients_hessian(p->Hv, &p->at, w, p->along, 0, err));
    *curvature = il_ddot(p->along, p->Hv, n) / il_ddot(p->along, p->along, n);
    return IL_OK;
}

/* `what` of weights, or ALL; along p->along, or the gradient where that is `steepest` */
static il_status look(double found[ALL], place *p, const options *o, const il_real *w,
                      int what, int steepest, il_error *err)
{
    IL_TRY(il_gradients_at(p->grad, &p->at, w, 0, err));
    found[LOSS] = p->at.loss;
    found[GRADIENT] = sqrt(il_ddot(p->grad, p->grad, (int)p->at.n));
    if (steepest) memcpy(p->along, p->grad, p->at.n * sizeof *p->grad);
    if (what == SMOOTHNESS || what == ALL)
        IL_TRY(smoothness(&found[SMOOTHNESS], p, w, err));
    if (what == ROBUST || what == ALL) IL_TRY(robust(&found[ROBUST], p, o, w, err));
    return IL_OK;
}

/* ---- along a run ----------------------------------------------------------------------------------- */

/* The trainer at a step of the run, and p->along the step that it takes from there; `w` is where it stood. */
static il_status step_on(place *p, il_real *w, il_trainer *t, const char *path,
                         il_error *err)
{
    il_progress progress;
    il_model *m = il_trainer_model(t);
    if (path) IL_TRY(il_checkpoint_read(path, m, il_trainer_moments(t), err));
    il_model_pack(m);
    memcpy(w, m->weights, p->at.n * sizeof *w);
    if (m->step < m->config.training.train_steps)
        IL_TRY(il_trainer_step(t, 0, &progress, err));
    for (size_t i = 0; i < p->at.n; i++) p->along[i] = (double)m->weights[i] - (double)w[i];
    return IL_OK;
}

static il_status follow(il_table *table, int column, const options *o,
                        const il_measured *model, place *p, il_trainer *t, il_error *err)
{
    il_status status = IL_OK;
    il_real *w = malloc(p->at.n * sizeof *w);
    if (!w) return il_fail(err, IL_EFAIL, "curvature: out of memory");
    for (int row = 0; row < il_table_rows(table) && !status; row++) {
        char path[4096];
        double found[ALL] = { 0 };
        int step = row * model->config->training.keep_every_steps;
        status = il_measured_kept(path, sizeof path, model, step, err);
        if (!status) status = step_on(p, w, t, step ? path : NULL, err);
        if (!status) status = look(found, p, o, w, o->what, 0, err);
        il_table_set(table, row, column, found[o->what]);
    }
    free(w);
    return status;
}

static il_status fill_run(il_table *table, int column, const options *o,
                          const il_measured *model, il_error *err)
{
    place p;
    il_trainer *t = NULL;
    il_status status = place_new(&p, model->model, o, err);
    if (!status) status = il_trainer_new(&t, model->config, err);
    if (!status) status = il_trainer_start(t, NULL, err);
    if (!status) status = follow(table, column, o, model, &p, t, err);
    il_trainer_free(t);
    place_free(&p);
    return status;
}

/* ---- the table ---------------------------------------------------------------------------------- */

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    if (o->by == BY_MODEL) {
        IL_TRY(il_table_add_col(table, "model", 1, err));
        IL_TRY(il_table_add_cols(table, "loss gradient robust smoothness", err));
        return il_outline_models(table, model, n, err);
    }
    IL_TRY(il_table_add_col(table, "step", 0, err));
    for (int i = 0; i < n; i++) {
        if (model[i].config->training.keep_every_steps !=
                model[0].config->training.keep_every_steps ||
            model[i].config->training.train_steps != model[0].config->training.train_steps)
            return il_fail(err, IL_ECONFIG,
                           "curvature: %s and %s keep checkpoints of different steps",
                           il_measured_name(&model[0]), il_measured_name(&model[i]));
        IL_TRY(il_table_add_col(table, il_measured_name(&model[i]), 0, err));
    }
    return il_outline_kept(table, model->config, err);
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    const options *o = opt;
    for (int i = 0; i < n; i++) {
        if (o->by == BY_CHECKPOINT) {
            IL_TRY(fill_run(table, 1 + i, o, &model[i], err));
            continue;
        }
        place p;
        double found[ALL] = { 0 };
        il_status status = place_new(&p, model[i].model, o, err);
        if (!status) status = look(found, &p, o, model[i].model->weights, ALL, 1, err);
        il_measure_set(table, i, found, ALL);
        place_free(&p);
        IL_TRY(status);
    }
    return IL_OK;
}

const il_measure_kind il_measure_curvature = {
    .name = "curvature",
    .summary = "gradient, robust condition number and directional smoothness of the loss",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = IL_MEASURE_MODELS,
    .outline = outline,
    .fill = fill,
};

/* probe.c - what a probe can read from a model's residual stream
 *
 * After every layer a probe (observe.h) is fitted to each target (targets.h), at the token of the query, or
 * from all tokens up to it. Every number is the squared error divided by the target's mean square: 1 means
 * that nothing is read. Fitted on four times as many prompts as it is scored on. Two controls: another prompt's
 * target (NAME_control), and the same probe on a model of the same recipe with its first weights
 * (NAME_untrained), which shows how much of the score is due to the probe alone.
 * Or by the protocol of von Oswald et al. (probe_mesa.c).
 * Sources: Yang et al. 2023, arXiv:2311.12424; von Oswald et al. 2023, arXiv:2309.05858; Hewitt & Liang
 * 2019, arXiv:1909.03368 (controls).
 */
#include "measure/probing.h"

#include <math.h>
#include <stdlib.h>

enum { TARGETS = 8, PROMPTS = 1024, POOLED = 256 };
enum { CONTROLS, MESA };

typedef il_probe_options options;
static const il_opt opts[] = {
    IL_ASK_KEYS,
    IL_MEASURE_KEY(STRING, target, 0, 0, 0,
                   "what is read: answer, gradient_step, least_squares, xty, w_ols, "
                   "preconditioned, labelN, pastN (the first three; mesa: answer)",
                   NULL),
    IL_MEASURE_KEY(STRING, probe, 0, 0, 0, "ridge, mlp (64 units) or mlp=UNITS", "ridge"),
    IL_MEASURE_KEY(BOOL, pool, 0, 0, 1,
                   "reads all tokens, under learnt weights of their positions", NULL),
    IL_MEASURE_KEY(CHOICE, protocol, CONTROLS, 0, 1,
                   "errors as shares beside two controls, or as in von Oswald et al. 2023: "
                   "half the squared error, a column for each number of examples",
                   "controls|mesa"),
    IL_MEASURE_KEY(CHOICE, from, 0, 0, 1,
                   "mesa: reads the stream, or the preconditioned input alone",
                   "stream|preconditioned"),
    IL_MEASURE_KEY(BOOL, control, 0, 0, 1, "mesa: the target of another prompt", NULL),
    IL_MEASURE_KEY(INT, stack, 1, 1, 64, "mesa: observations in the preconditioned input",
                   NULL),
    IL_MEASURE_KEY(REAL, ridge, 0.001, 1e-12, 1e12, "mesa: of the preconditioned input",
                   NULL),
    IL_MEASURE_KEY(REAL, shrink, -1, 0, 1e6,
                   "ridge of the probe, of the stream's mean square (1e-4; mesa 1e-6)",
                   NULL),
    { 0 },
};

typedef struct {
    il_target target[TARGETS];
    int n;
    il_regressor regressor;
} asked;

static il_status find_targets(asked *a, const char *text, il_error *err)
{
    char name[IL_TEXT];
    while (il_item_next(name, &text, " ,")) {
        if (a->n == TARGETS)
            return il_fail(err, IL_ECONFIG, "a probe has at most %d targets", TARGETS);
        IL_TRY(il_target_find(&a->target[a->n++], name, err));
    }
    return a->n ? IL_OK : il_fail(err, IL_ECONFIG, "target: no target is named");
}

static il_status columns(il_table *t, const asked *a, int untrained, il_error *err)
{
    IL_TRY(il_table_add_cols(t, "layer$ examples", err));
    for (int u = 0; u < 2 + untrained; u++)
        for (int i = 0; i < a->n; i++) {
            char name[IL_TEXT + 16];
            snprintf(name, sizeof name, "%s%s", a->target[i].name,
                     u == 0   ? ""
                     : u == 1 ? "_control"
                              : "_untrained");
            IL_TRY(il_table_add_col(t, name, 0, err));
        }
    return IL_OK;
}

static double part_of(il_regressor_score s) { return s.error / s.power; }

static il_status add_rows(il_table *t, const il_probing *p, const il_regressor_score *score,
                          const il_regressor_score *fresh, il_error *err)
{
    for (int l = 0; l <= p->layers->n; l++)
        for (int k = 0; k < p->P; k++) {
            double row[1 + 3 * TARGETS] = { p->examples[k] };
            int n = p->targets;
            for (int i = 0; i < n; i++) {
                row[1 + i] = part_of(score[il_probe_at(p, l, k, i, 0)]);
                row[1 + n + i] = part_of(score[il_probe_at(p, l, k, i, 1)]);
                if (fresh) row[1 + 2 * n + i] = part_of(fresh[il_probe_at(p, l, k, i, 0)]);
            }
            IL_TRY(il_table_add_numbers(t, l ? p->layers->names[l - 1].text : "input", 1,
                                        row, 1 + (fresh ? 3 : 2) * n, err));
        }
    return IL_OK;
}

/* A target further back than the most examples cannot be read. */
static il_status within_reach(const asked *a, const il_observe_whole *p, il_error *err)
{
    int most = 0;
    for (int k = 0; k < p->P; k++) most = il_max(most, p->examples[k]);
    for (int i = 0; i < a->n; i++)
        if (a->target[i].past > most)
            return il_fail(
                err, IL_ECONFIG,
                "target: '%s' reaches further back than the %d examples of the prompt",
                a->target[i].name, most);
    return IL_OK;
}

/* Whole prompts of one batch, through the model and the one that it was at first */
static il_status probe_whole(il_observation *s, il_table *t, const asked *a, int pool,
                             int i, const il_model *fresh, il_error *err)
{
    int prompts = s->o->prompts ? s->o->prompts : pool ? POOLED : PROMPTS;
    il_observe_whole fit = { 0 }, test = { 0 };
    il_status status = il_observe_whole_new(&test, s, i, prompts, 1, err);
    if (!status) status = within_reach(a, &test, err);
    if (!status) status = il_observe_whole_new(&fit, s, i, 4 * prompts, 2, err);
    il_probing p = { .model = s->model,
                     .layers = s->layers,
                     .fit = fit.batch,
                     .test = test.batch,
                     .P = test.P,
                     .examples = test.examples,
                     .tokens = test.tokens,
                     .pool = pool,
                     .target = a->target,
                     .targets = a->n,
                     .controls = 1,
                     .regressor = &a->regressor };
    size_t n = il_probe_at(&p, s->layers->n + 1, 0, 0, 0);
    il_regressor_score *score = malloc(sizeof *score * 2 * n);
    if (!score && !status) status = il_fail(err, IL_EFAIL, "out of memory for probes");
    if (!status) status = il_probe(score, &p, err);
    if (!status && fresh) {
        p.model = fresh;
        status = il_probe(score + n, &p, err);
    }
    if (!status) status = add_rows(t, &p, score, fresh ? score + n : NULL, err);
    free(score);
    il_batch_free(fit.batch);
    il_batch_free(test.batch);
    return status;
}

/* Is there an untrained model to compare with? */
static int has_untrained(const il_model *m) { return m->config.model.family != IL_BUILT; }

static il_status find_asked(asked *a, const options *o, il_error *err)
{
    *a = (asked){ 0 };
    IL_TRY(il_probe_regressor(&a->regressor, o, 1e-4, err));
    return find_targets(a, o->target ? o->target : "answer,gradient_step,least_squares",
                        err);
}

static il_status look(il_observation *s, il_table *t, const void *opt, il_error *err)
{
    const options *o = opt;
    asked a;
    il_model *fresh = NULL;
    IL_TRY(find_asked(&a, o, err));
    if (has_untrained(s->model)) IL_TRY(il_model_new(&fresh, &s->model->config, err));
    il_status status = IL_OK;
    for (int i = 0; i < il_observation_wholes(s) && !status; i++)
        status = probe_whole(s, t, &a, o->pool, i, fresh, err);
    il_model_free(fresh);
    return status;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    asked a;
    (void)n;
    if (o->protocol == MESA) return il_probe_mesa_outline(table, o, model, err);
    if (o->from || o->control)
        return il_fail(err, IL_ECONFIG,
                       "probe: from and control are only allowed with protocol = mesa");
    IL_TRY(find_asked(&a, o, err));
    return columns(table, &a, has_untrained(model->model), err);
}

static il_status fill(il_table *table, const void *opt, const il_measured *model, int n,
                      il_error *err)
{
    const options *o = opt;
    (void)n;
    if (o->protocol == MESA) return il_probe_mesa_fill(table, o, model, err);
    return il_measure_look(table, model, &o->ask, o, look, err);
}

const il_measure_kind il_measure_probe = {
    .name = "probe",
    .summary = "what a probe reads from the stream: its error, beside another prompt's "
               "target and an untrained model",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .outline = outline,
    .fill = fill,
};

/* patch.c - activation patching: does the prediction follow the patched activations?
 *
 * At a hook (observe/hooks.c) the activations of the query's token, of the examples' or of all are replaced by those
 * of another prompt's run. follows: how far the answer goes towards the other prompt's (1: all the way, 0: not
 * at all), the slope of least squares; explained: the share of its movement on that line. A learner that keeps
 * what it has learnt in the examples' tokens does not follow at the query until its last layers.
 *
 * Or, by an algorithm: after each layer the stream is edited so that the read-out gives the prediction of the
 * algorithm's step j (by_algorithm.c), and the answer is compared with the algorithm continued from there.
 * Source: activation patching, Meng et al. 2022, arXiv:2202.05262.
 */
#include "measure/patch.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    il_explain_options ask;
    const char *at, *by;
    int tokens;
} options;
static const il_opt opts[] = {
    IL_ASK_KEYS,
    IL_ASK(INT, queries, 0, 1, 1e6,
           "queries of each prompt (3 for every dimension; with `by` 4)", NULL),
    IL_MEASURE_KEY(STRING, at, 0, 0, 0,
                   "a register or an op (the stream after every layer)", NULL),
    IL_MEASURE_KEY(STRING, by, 0, 0, 0,
                   "an algorithm after N steps, ALGO@N (another prompt's run)", NULL),
    IL_MEASURE_KEY(CHOICE, tokens, IL_AT_USUAL, 0, 3,
                   "which are replaced; usual: query, with `by` all",
                   "query|examples|all|usual"),
    { 0 },
};

typedef struct {
    const il_observation *s;
    const il_observe_hook *hook; /* NULL: none */
    int which;                   /* tokens: IL_AT_* */
    size_t tokens;               /* room for so many of a question */
    il_real *values;             /* (points,tokens,columns) */
    int putting;                 /* else they are taken */
} patching;

/* The question of the next prompt with the same number */
static size_t other(const il_observe_prompts *e, size_t point)
{
    size_t each = (size_t)e->B * (size_t)e->Q, cell = point / each;
    return cell * each + (point % each + (size_t)e->Q) % each;
}

static void tap(const il_shard *q, il_state *s, int op)
{
    const patching *p = q->context;
    const il_observe_hook *at = p->hook;
    if (!at || op != at->op || s->plan->ops[op].section != IL_BODY) return;
    if (p->s->layers->loops && s->loop != at->loop) return;
    size_t columns = (size_t)at->columns;
    int first = p->which == IL_AT_QUERY ? q->token : 0;
    int last = p->which == IL_AT_EXAMPLES ? q->token - 1 : q->token;
    for (int i = 0; i < q->prompts; i++)
        for (int t = first; t <= last; t++) {
            size_t row = (size_t)(i * s->tokens + t), point = q->first + (size_t)i;
            il_real *value =
                s->value[s->plan->ops[op].out] + row * (size_t)at->width + at->at;
            size_t from = p->putting ? other(p->s->prompts, point) : point;
            il_real *kept = p->values + (from * p->tokens + (size_t)(t - first)) * columns;
            if (p->putting)
                memcpy(value, kept, sizeof *value * columns);
            else
                memcpy(kept, value, sizeof *value * columns);
        }
}

static il_status ask(patching *p, const il_observe_hook *hook, int putting, double *answer,
                     il_error *err)
{
    p->hook = hook;
    p->putting = putting;
    return il_observe_run(p->s->model, p->s->prompts,
                          (il_pass){ .loops = p->s->layers->loops ? p->s->layers->n : 1,
                                     .post = 1,
                                     .tap = tap,
                                     .context = p,
                                     .answer = answer },
                          err);
}

static il_status add_row(patching *p, const il_observe_hook *hook, double *before,
                         double *after, il_table *t, il_error *err)
{
    const il_observe_prompts *e = p->s->prompts;
    size_t size = il_product(il_observe_points(e) * p->tokens, (size_t)hook->columns);
    p->values = malloc(il_product(sizeof *p->values, size));
    if (!p->values) return il_fail(err, IL_EFAIL, "out of memory for patches");
    il_status status = ask(p, hook, 0, before, err);
    if (!status) status = ask(p, hook, 1, after, err);
    free(p->values);
    if (status) return status;
    double xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < il_observe_points(e); i++) {
        double x = before[other(e, i)] - before[i], y = after[i] - before[i];
        xx += x * x, xy += x * y, yy += y * y;
    }
    double row[] = { xx > 0 ? xy / xx : NAN, xx * yy > 0 ? xy * xy / (xx * yy) : NAN };
    return il_table_add_numbers(t, hook->name.text, 1, row, 2, err);
}

static il_status by_another_run(il_observation *s, const il_observe_hooks *hooks,
                                il_table *t, int which, il_error *err)
{
    int most = 0;
    for (int c = 0; c < s->prompts->cells; c++) most = il_max(most, s->prompts->cell[c].n);
    patching p = { .s = s, .which = which };
    p.tokens = which == IL_AT_QUERY ? 1 : (size_t)il_model_tokens(s->model, most + 1);
    double *answers = malloc(sizeof *answers * 2 * il_observe_points(s->prompts));
    il_status status =
        answers ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for patches");
    for (int i = 0; i < hooks->n && !status; i++)
        status = add_row(&p, &hooks->hook[i], answers,
                         answers + il_observe_points(s->prompts), t, err);
    free(answers);
    return status;
}

static il_status look(il_observation *s, il_table *t, const void *opt, il_error *err)
{
    const options *o = opt;
    il_observe_hooks hooks;
    int usual = o->by ? IL_AT_ALL : IL_AT_QUERY;
    int which = o->tokens == IL_AT_USUAL ? usual : o->tokens;
    if (o->by && !o->ask.queries) s->draw.queries = 4;
    IL_TRY(il_observation_draw(s, err));
    IL_TRY(il_observe_hooks_new(&hooks, s->model, s->layers, o->at, err));
    il_status status = o->by ? il_patch_by_algorithm(s, o->by, &hooks, t, which, err)
                             : by_another_run(s, &hooks, t, which, err);
    il_observe_hooks_free(&hooks);
    return status;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    (void)model, (void)n;
    return il_table_add_cols(
        table,
        o->by ? "place$ step continued written follows explained left nearest nearest_left"
              : "place$ follows explained",
        err);
}

const il_measure_kind il_measure_patch = {
    .name = "patch",
    .summary =
        "the stream replaced by another prompt's, or by an algorithm's step: does the "
        "answer follow?",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .outline = outline,
    .look = look,
};

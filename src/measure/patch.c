/* patch.c - does the answer follow what is put into the forward pass?
 *
 * At a place (places.h) the tokens of the query, of the examples or all get what another prompt's run has
 * there. follows: how far the answer goes towards the other prompt's (1: all the way, 0: not at all), the
 * slope of least squares; explained: the share of its movement on that line. A learner that keeps
 * what it has learnt in the examples' tokens does not follow at the query until its last layers.
 *
 * Or, by an algorithm: after each layer the stream is made to say what the algorithm's step j says
 * (by_algorithm.c), and the answer is held against the algorithm continued from there.
 * Source: activation patching, Meng et al. 2022, arXiv:2202.05262.
 */
#include "measure/patch.h"
#include "measure/inspect.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const il_subject *s;
    const il_place *place; /* NULL: none */
    int which;             /* tokens: IL_AT_* */
    size_t tokens;         /* room for so many of a question */
    il_real *values;       /* (points,tokens,columns) */
    int putting;           /* else they are taken */
} patching;

/* The question of the next prompt with the same number */
static size_t other(const il_evidence *e, size_t point)
{
    size_t each = (size_t)e->B * (size_t)e->Q, cell = point / each;
    return cell * each + (point % each + (size_t)e->Q) % each;
}

static void tap(const il_shard *q, il_state *s, int op)
{
    const patching *p = q->context;
    const il_place *at = p->place;
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
            size_t from = p->putting ? other(p->s->evidence, point) : point;
            il_real *kept = p->values + (from * p->tokens + (size_t)(t - first)) * columns;
            if (p->putting)
                memcpy(value, kept, sizeof *value * columns);
            else
                memcpy(kept, value, sizeof *value * columns);
        }
}

static il_status ask(patching *p, const il_place *place, int putting, double *answer,
                     il_error *err)
{
    p->place = place;
    p->putting = putting;
    return il_run_evidence(p->s->model, p->s->evidence,
                           (il_pass){ .loops = p->s->layers->loops ? p->s->layers->n : 1,
                                      .post = 1,
                                      .tap = tap,
                                      .context = p,
                                      .answer = answer },
                           err);
}

static il_status add_row(patching *p, const il_place *place, double *before, double *after,
                         il_table *t, il_error *err)
{
    const il_evidence *e = p->s->evidence;
    size_t size = il_product(il_points(e) * p->tokens, (size_t)place->columns);
    p->values = malloc(il_product(sizeof *p->values, size));
    if (!p->values) return il_fail(err, IL_EFAIL, "out of memory for patches");
    il_status status = ask(p, place, 0, before, err);
    if (!status) status = ask(p, place, 1, after, err);
    free(p->values);
    if (status) return status;
    double xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < il_points(e); i++) {
        double x = before[other(e, i)] - before[i], y = after[i] - before[i];
        xx += x * x, xy += x * y, yy += y * y;
    }
    double row[] = { xx > 0 ? xy / xx : NAN, xx * yy > 0 ? xy * xy / (xx * yy) : NAN };
    return il_table_add_numbers(t, place->name.text, 1, row, 2, err);
}

static il_status by_another_run(il_subject *s, const il_places *places, il_table *t,
                                int which, il_error *err)
{
    int most = 0;
    for (int c = 0; c < s->evidence->cells; c++)
        most = il_max(most, s->evidence->cell[c].n);
    patching p = { .s = s, .which = which };
    p.tokens = which == IL_AT_QUERY ? 1 : (size_t)il_model_tokens(s->model, most + 1);
    double *answers = malloc(sizeof *answers * 2 * il_points(s->evidence));
    il_status status =
        answers ? IL_OK : il_fail(err, IL_EFAIL, "out of memory for patches");
    if (!status) status = il_table_add_cols(t, "place$ follows explained", err);
    for (int i = 0; i < places->n && !status; i++)
        status = add_row(&p, &places->place[i], answers, answers + il_points(s->evidence),
                         t, err);
    free(answers);
    return status;
}

static il_status read_tokens(int *which, const char *text, int usual, il_error *err)
{
    static const char *const words[] = { "query", "examples", "all" };
    *which = usual;
    for (int i = 0; text && i < IL_COUNT(words); i++) {
        *which = i;
        if (!strcmp(text, words[i])) return IL_OK;
    }
    return text ? il_fail(err, IL_ECONFIG, "tokens = '%s' is not query, examples or all",
                          il_show(text).text)
                : IL_OK;
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    const il_inspect_options *o = s->look;
    il_places places;
    int which;
    IL_TRY(read_tokens(&which, o->tokens, o->by ? IL_AT_ALL : IL_AT_QUERY, err));
    if (o->by && !o->ask.queries) s->draw.queries = 4;
    IL_TRY(il_subject_ask(s, err));
    IL_TRY(il_places_new(&places, s->model, s->layers, o->at, err));
    il_status status = o->by ? il_patch_by_algorithm(s, &places, t, which, err)
                             : by_another_run(s, &places, t, which, err);
    il_places_free(&places);
    return status;
}

const il_analysis il_analysis_patch = {
    .name = "patch",
    .summary =
        "the stream replaced by another prompt's, or by an algorithm's step: does the "
        "answer follow?",
    .reads = "task data dims loops seed prompts examples queries at by tokens",
    .run = run,
};

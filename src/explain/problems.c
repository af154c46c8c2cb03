/* problems.c - explaining any program: prompts for it to answer, and the verdict on its answers
 *
 * The prompts are a function of the settings, which the file of prompts carries: it is enough to draw them again.
 */
#include "explain/explain.h"

#include <stdlib.h>

typedef struct {
    const char *data;
    int dims, examples, prompts, queries;
    uint64_t seed;
} options;
static const il_opt opts[] = {
    { "dims", IL_OPT_INT, offsetof(options, dims), 5, 1, 4096, "dimension of x", NULL,
      "D" },
    { "examples", IL_OPT_INT, offsetof(options, examples), 0, 0, 65535,
      "examples of each prompt (4 for every dimension)", NULL, "N" },
    { "data", IL_OPT_STRING, offsetof(options, data), 0, 0, 0,
      "kinds of inputs: isotropic,kappa=30", NULL, "SHIFT,..." },
    { "prompts", IL_OPT_INT, offsetof(options, prompts), 0, 0, 1e6,
      "prompts of each kind (32 or more)", NULL },
    { "queries", IL_OPT_INT, offsetof(options, queries), 0, 0, 1e6,
      "queries of each prompt (3 for every dimension)", NULL },
    { "seed", IL_OPT_SEED, offsetof(options, seed), 1, 0, 0, "which prompts", NULL },
    { 0 },
};

const il_opt *il_problems_opts(void) { return opts; }

static il_status draw(il_observe_prompts **e, const char *const *settings, int n,
                      il_error *err)
{
    options o;
    double task_opts[IL_TASK_OPTS];
    il_opt_init(opts, &o);
    IL_TRY(il_opt_apply(opts, &o, settings, n, "problems", err));
    il_observe_draw how = {
        .task = il_task_find("linear_regression"),
        .task_opts = task_opts,
        .data = o.data ? o.data : "isotropic",
        .sizes = { o.examples ? o.examples : 4 * o.dims },
        .n_sizes = 1,
        .prompts = o.prompts ? o.prompts : il_max(32, o.dims <= 12 ? 6 * o.dims : 0),
        .queries = o.queries ? o.queries : il_max(16, 3 * o.dims),
        .dim = o.dims,
        .dims = o.dims,
        .seed = o.seed,
        .step = 1,
    };
    il_opt_init(how.task->opts, task_opts);
    return il_observe_prompts_new(e, &how, err);
}

/* One prompt as another program sees it: x (n,D), y (n), query (Q,D) */
typedef struct {
    const il_real *x, *y;
    il_real *query;
} prompt;

static void look(prompt *to, const il_observe_prompts *e, int p, il_real *query)
{
    const il_observe_cell *cell = &e->cell[p / e->B];
    size_t D = (size_t)e->D, N = (size_t)cell->n + 1,
           first = (size_t)(p % e->B) * (size_t)e->Q * N;
    to->x = cell->asked->x + first * D;
    to->y = cell->asked->y + first;
    to->query = query;
    for (size_t q = 0; q < (size_t)e->Q; q++)
        memcpy(query + q * D, to->x + (q * N + N - 1) * D, sizeof *query * D);
}

/* x, y and query of all prompts, one after the other */
static il_status gather(il_real **all, const il_observe_prompts *e, il_error *err)
{
    size_t P = (size_t)(e->cells * e->B), D = (size_t)e->D, Q = (size_t)e->Q,
           n = (size_t)e->cell[0].n;
    il_real *x = malloc(sizeof *x * P * (n * D + n + Q * D)), *y = x + P * n * D,
            *query = y + P * n;
    if (!x) return il_fail(err, IL_EFAIL, "out of memory for the problems");
    for (size_t p = 0; p < P; p++) {
        prompt one;
        look(&one, e, (int)p, query + p * Q * D);
        memcpy(x + p * n * D, one.x, sizeof *x * n * D);
        memcpy(y + p * n, one.y, sizeof *y * n);
    }
    *all = x;
    return IL_OK;
}

il_status il_problems_write(const char *path, const char *const *settings, int n_settings,
                            il_error *err)
{
    il_observe_prompts *e;
    il_real *all = NULL;
    IL_GIVEN(err, "path", path);
    IL_TRY(draw(&e, settings, n_settings, err));
    il_status status = gather(&all, e, err);
    int64_t P = e->cells * e->B, D = e->D, Q = e->Q, n = e->cell[0].n;
    const il_array arrays[] = {
        { "x", all, 3, { P, n, D } },
        { "y", all + (all ? P * n * D : 0), 2, { P, n } },
        { "query", all + (all ? P * n * (D + 1) : 0), 3, { P, Q, D } },
    };
    if (!status) status = il_arrays_write(path, arrays, 3, settings, n_settings, err);
    free(all);
    il_observe_prompts_free(e);
    return status;
}

/* The prompts of a file, drawn again */
static il_status redraw(il_observe_prompts **e, const char *path, il_error *err)
{
    char text[IL_COUNT(opts)][2 * IL_TEXT];
    const char *settings[IL_COUNT(opts)];
    il_tensors *file;
    int n = 0;
    *e = NULL;
    IL_TRY(il_arrays_read(&file, path, err));
    for (const il_opt *o = opts; o->type != IL_OPT_END; o++) {
        const char *value = il_tensors_meta(file, o->name);
        if (!value) continue;
        snprintf(text[n], sizeof text[n], "%s=%s", o->name, value);
        settings[n] = text[n];
        n++;
    }
    il_status status = draw(e, settings, n, err);
    il_real *all = NULL, *theirs = NULL;
    const il_tensor *x = il_tensors_find(file, "x");
    size_t size = status ? 0
                         : (size_t)((*e)->cells * (*e)->B) * (size_t)(*e)->cell[0].n *
                               (size_t)(*e)->D;
    if (!status) status = gather(&all, *e, err);
    if (!status && x && il_tensor_count(x) == size) {
        theirs = malloc(sizeof *theirs * size);
        status = theirs ? il_tensor_reals(x, theirs, err)
                        : il_fail(err, IL_EFAIL, "out of memory for the problems");
    }
    if (!status && (!theirs || memcmp(theirs, all, sizeof *all * size)))
        status =
            il_fail(err, IL_ECONFIG,
                    "%s: these are not the problems that its settings draw here; write "
                    "them again with innerloop problems",
                    il_show(path).text);
    if (status) il_observe_prompts_free(*e);
    free(all);
    free(theirs);
    il_tensors_free(file);
    return status;
}

static il_status judge(const il_observe_prompts *e, il_observe_answers *r,
                       il_explanation *out, il_error *err)
{
    for (int l = 0; l < r->layers; l++)
        snprintf(r->names[l].text, sizeof r->names[l].text, "layer %d", l + 1);
    il_status status = il_explain_answers(e, r, "layer", out, err);
    if (!status) snprintf(out->reading, sizeof out->reading, "answers");
    return status;
}

/* The answers of a file: its array `answers`, or its only one, of shape (P,Q) or (L,P,Q) */
static il_status read_answers(il_observe_answers **r, const il_observe_prompts *e,
                              const il_tensors *file, const char *path, il_error *err)
{
    const il_tensor *t = il_tensors_find(file, "answers");
    if (!t && il_tensors_count(file) == 1) t = il_tensors_at(file, 0);
    if (!t)
        return il_fail(err, IL_ECONFIG,
                       "%s: it has %d arrays and none of them is called `answers`",
                       il_show(path).text, il_tensors_count(file));
    int64_t P = e->cells * e->B, layers = t->ndim == 3 ? t->shape[0] : 1;
    if (t->ndim < 2 || t->ndim > 3 || t->shape[t->ndim - 2] != P ||
        t->shape[t->ndim - 1] != e->Q || layers < 1 || layers > IL_LAYERS)
        return il_fail(err, IL_ECONFIG,
                       "%s: the problems ask for answers of shape (%lld, %d), or that "
                       "after each of up to %d layers",
                       il_show(path).text, (long long)P, e->Q, IL_LAYERS);
    if (t->dtype != IL_DTYPE_F32 && t->dtype != IL_DTYPE_F64)
        return il_fail(err, IL_ECONFIG,
                       "%s: its answers are of %s; save them as float32 or float64",
                       il_show(path).text, il_dtype_name(t->dtype));
    IL_TRY(il_observe_answers_blank(r, (int)layers, il_observe_numbers(e), err));
    for (size_t i = 0; i < il_tensor_count(t); i++)
        (*r)->yhat[i] = t->dtype == IL_DTYPE_F64 ? ((const double *)t->data)[i]
                                                 : (double)((const float *)t->data)[i];
    return IL_OK;
}

il_status il_explain_file(const char *problems, const char *answers, il_explanation *out,
                          il_error *err)
{
    il_observe_prompts *e;
    il_observe_answers *r = NULL;
    il_tensors *file = NULL;
    IL_GIVEN(err, "problems answers explanation", problems, answers, out);
    IL_TRY(redraw(&e, problems, err));
    il_status status = il_arrays_read(&file, answers, err);
    if (!status) status = read_answers(&r, e, file, answers, err);
    if (!status) status = judge(e, r, out, err);
    il_observe_answers_free(r);
    il_tensors_free(file);
    il_observe_prompts_free(e);
    return status;
}

il_status il_explain_call(il_explain_answer *answer, void *context, int layers,
                          const char *const *settings, int n_settings, il_explanation *out,
                          il_error *err)
{
    il_observe_prompts *e;
    IL_GIVEN(err, "answer explanation", answer, out);
    IL_WITHIN(err, IL_LAYERS, "layers", layers);
    if (!layers)
        return il_fail(err, IL_ECONFIG, "layers = 0: answers come after one or more");
    IL_TRY(draw(&e, settings, n_settings, err));
    size_t P = (size_t)(e->cells * e->B), Q = (size_t)e->Q, D = (size_t)e->D,
           L = (size_t)layers;
    il_observe_answers *r = NULL;
    double *one = calloc(L * Q, sizeof *one);
    il_real *query = malloc(sizeof *query * Q * D);
    il_status status =
        one && query ? il_observe_answers_blank(&r, layers, il_observe_numbers(e), err)
                     : il_fail(err, IL_EFAIL, "out of memory for answers");
    for (size_t p = 0; p < P && !status; p++) {
        prompt to;
        look(&to, e, (int)p, query);
        status = answer(context, e->cell[p / (size_t)e->B].n, e->D, to.x, to.y, e->Q, query,
                        one, err);
        for (size_t l = 0; l < L; l++)
            memcpy(r->yhat + (l * P + p) * Q, one + l * Q, sizeof *one * Q);
    }
    if (!status) status = judge(e, r, out, err);
    il_observe_answers_free(r);
    free(query);
    free(one);
    il_observe_prompts_free(e);
    return status;
}

/* algo.c - the list of algorithms, and how one answers a batch of prompts */
#include "algo/algo.h"
#include "task/task.h"

#include <stdlib.h>

static const il_algo_kind *const rows[] = {
#define IL_ALGO(name) &il_algo_##name,
#include "algo/algos.def"
#undef IL_ALGO
};

struct il_algo {
    const il_algo_kind *kind;
    char text[IL_TEXT];
    int stack; /* observations side by side */
    double opts[16];
};

const il_opt il_algo_common[] = {
    { "stack", IL_OPT_INT, 0, 1, 1, 64, "each x has the stack-1 before it beside it",
      NULL },
    { 0 },
};

const il_algo_kind *il_algo_at(int i)
{
    return i >= 0 && i < IL_COUNT(rows) ? rows[i] : NULL;
}

static const il_algo_kind *find(const char *name, il_error *err)
{
    const char *names[IL_COUNT(rows)];
    for (int i = 0; i < IL_COUNT(rows); i++) {
        names[i] = rows[i]->name;
        if (!strcmp(names[i], name)) return rows[i];
    }
    il_fail(err, IL_ECONFIG, "there is no algorithm '%s'%s", name,
            il_advise(name, names, IL_COUNT(rows), "; see the list of algorithms").text);
    return NULL;
}

/* Moves the options that every algorithm takes from the words `text` to `mine` */
static void divide(char *text, char *mine)
{
    char *to = text;
    while (*text) {
        size_t length = strcspn(text, " ");
        length += strspn(text + length, " ");
        char **end = &to;
        for (const il_opt *o = il_algo_common; o->name; o++) {
            size_t n = strlen(o->name);
            if (!strncmp(text, o->name, n) && text[n] == '=') end = &mine;
        }
        memmove(*end, text, length);
        *end += length;
        text += length;
    }
    *to = *mine = 0;
}

il_status il_algo_new(il_algo **algo, const char *text, il_error *err)
{
    IL_GIVEN(err, "algo text", algo, text);
    il_algo made = { 0 };
    text += strspn(text, " ");
    if (strlen(text) >= sizeof made.text)
        return il_fail(err, IL_ECONFIG,
                       "the algorithm '%.20s...' is longer than %d characters", text,
                       IL_TEXT - 1);
    strcpy(made.text, text);
    char name[IL_TEXT], own[IL_TEXT], shared[IL_TEXT];
    size_t length = strcspn(text, " ");
    memcpy(name, text, length);
    name[length] = 0;
    made.kind = find(name, err);
    if (!made.kind) return IL_ECONFIG;
    strcpy(own, text + length);
    divide(own, shared);
    il_opt_init(il_algo_common, &made.stack);
    il_opt_init(made.kind->opts, made.opts);
    IL_TRY(il_opt_parse(il_algo_common, &made.stack, shared, name, err));
    IL_TRY(il_opt_parse(made.kind->opts, made.opts, own, name, err));
    il_algo *kept = malloc(sizeof *kept);
    if (!kept) return il_fail(err, IL_EFAIL, "out of memory for an algorithm");
    *kept = made;
    *algo = kept;
    return IL_OK;
}

void il_algo_free(il_algo *algo) { free(algo); }
const char *il_algo_text(const il_algo *algo) { return algo ? algo->text : ""; }

int il_algo_steps(const il_algo *algo)
{
    int steps = 0;
    if (algo && algo->kind->iterates) memcpy(&steps, algo->opts, sizeof steps);
    return steps;
}

/* What one thread needs to answer one prompt, in double */
typedef struct {
    double *x, *y, *q;   /* (N,D), (N), (N,D), with D that of the stacked x */
    double *yhat, *what; /* (taken+1), (taken+1,D): one point's answers */
    double *work;
} desk;

typedef struct {
    const il_algo *algo;
    const il_batch *batch;
    int D;           /* of the stacked x */
    int first, last; /* steps that the caller wants */
    int taken;       /* that the algorithm takes: 0 for a closed form */
    il_real *yhat, *what;
    size_t work;
    desk *desks; /* one a thread */
} asking;

static void layout(asking *c, il_arena *arena)
{
    size_t N = (size_t)c->batch->points, D = (size_t)c->D, T = (size_t)c->taken + 1;
    desk *desks = il_take(arena, desk, il_workers());
    for (int i = 0; i < il_workers(); i++) {
        desk d = { 0 };
        d.x = il_take(arena, double, N *D);
        d.y = il_take(arena, double, N);
        d.q = il_take(arena, double, N *D);
        d.yhat = il_take(arena, double, T);
        d.what = il_take(arena, double, c->what ? T *D : 0);
        d.work = il_take(arena, double, c->work);
        if (desks) desks[i] = d;
    }
    c->desks = desks;
}

/* Rows of the newest (N,D) and of the x before them; zeros before the first */
static void stack(double *to, const il_real *newest, const il_real *x, int N, int D,
                  int many)
{
    for (int n = 0; n < N; n++) {
        for (int s = 0; s < many; s++, to += D) {
            const il_real *from = s ? x : newest;
            for (int d = 0; d < D; d++) to[d] = n < s ? 0 : (double)from[(n - s) * D + d];
        }
    }
}

/* Hands out output o of the answers to point n of prompt b; a closed form's to every step */
static void hand_out(const asking *c, const desk *d, int b, int n, int o)
{
    size_t B = (size_t)c->batch->prompts, N = (size_t)c->batch->points;
    size_t D = (size_t)c->batch->dim, O = (size_t)c->batch->outs;
    for (int t = c->first; t <= c->last; t++) {
        size_t from = c->taken ? (size_t)t : 0;
        size_t to =
            (((size_t)(t - c->first) * B + (size_t)b) * N + (size_t)n) * O + (size_t)o;
        c->yhat[to] = (il_real)d->yhat[from];
        for (size_t j = 0; c->what && j < D; j++)
            c->what[to * D + j] = (il_real)d->what[from * D + j];
    }
}

/* Output o of prompt b, whose x and queries are on the desk */
static void answer_output(const asking *c, const desk *d, int b, int o)
{
    const il_algo_kind *kind = c->algo->kind;
    const void *opts = c->algo->opts;
    int N = c->batch->points, D = c->D, O = c->batch->outs;
    const il_real *y = c->batch->y + (size_t)b * (size_t)N * (size_t)O + o;
    for (int n = 0; n < N; n++) d->y[n] = (double)y[n * O];
    memset(d->work, 0, sizeof *d->work * c->work);
    il_learner l = { .D = D, .x = d->x, .y = d->y, .work = d->work };
    l.noise = c->batch->noise ? (double)c->batch->noise[b] : 0;
    if (kind->start) kind->start(opts, &l);
    for (; l.n < N; l.n++) {
        kind->answer(opts, &l, d->q + (size_t)l.n * D, c->taken, d->yhat,
                     c->what ? d->what : NULL);
        hand_out(c, d, b, l.n, o);
        if (kind->learn) kind->learn(opts, &l, d->x + (size_t)l.n * D, d->y[l.n]);
    }
}

static void answer_prompt(void *context, int b, int worker)
{
    const asking *c = context;
    const desk *d = &c->desks[worker];
    const il_batch *batch = c->batch;
    int N = batch->points, D = batch->dim, many = c->algo->stack;
    size_t at = (size_t)b * (size_t)N * (size_t)D;
    stack(d->x, batch->x + at, batch->x + at, N, D, many);
    stack(d->q, (batch->xq ? batch->xq : batch->x) + at, batch->x + at, N, D, many);
    for (int o = 0; o < batch->outs; o++) answer_output(c, d, b, o);
}

il_status il_algo_predict(const il_algo *algo, const il_batch *batch, int first, int last,
                          il_real *yhat, il_real *what, il_error *err)
{
    IL_GIVEN(err, "algo yhat", algo, yhat);
    IL_TRY(il_batch_check(batch, err));
    IL_WITHIN(err, IL_MOST, "first last", first, last);
    if (last < first)
        return il_fail(err, IL_ECONFIG, "%s has no steps from %d to %d", algo->text, first,
                       last);
    if (what && algo->kind->weightless)
        return il_fail(err, IL_ECONFIG, "%s has no weights to show", algo->text);
    if (what && algo->stack > 1)
        return il_fail(err, IL_ECONFIG,
                       "%s has weights of %d observations, not of one; leave stack out",
                       algo->text, algo->stack);
    asking c = { .algo = algo,
                 .batch = batch,
                 .D = batch->dim * algo->stack,
                 .first = first,
                 .last = last,
                 .yhat = yhat,
                 .what = what };
    c.taken = algo->kind->iterates ? last : 0;
    c.work = algo->kind->work ? algo->kind->work(algo->opts, batch->points, c.D) : 0;
    il_arena arena = { 0 };
    layout(&c, &arena);
    IL_TRY(il_arena_fill(&arena, err));
    layout(&c, &arena);
    il_parallel(batch->prompts, answer_prompt, &c);
    il_arena_free(&arena);
    return IL_OK;
}

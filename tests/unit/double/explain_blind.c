/* explain_blind.c - random programs, inside the families and outside, and what explain calls them
 *
 * Each program has random constants, dimensions and layers, and some have idle layers, an output scale, or
 * both. A name is confident unless the verdict says "Not sure". Arguments: how many programs, each on every kind of
 * data, and the seed that draws them; with a third every verdict is printed. Without any, nine meet one kind each.
 */
#include "check.h"
#include "explain/explain.h"

#include <math.h>
#include <stdlib.h>

enum { LAYERS = 8, DIMS = 8, MOST_EXAMPLES = 64 };

/* One prompt of a program: its examples, in the inputs' own coordinates and in the eigenvectors' */
typedef struct {
    int n, D;
    const il_real *x, *y;
    const double *lambda, *V, *b;
    double unit; /* 1 / the largest eigenvalue of all prompts */
} problem;

typedef struct {
    double a[LAYERS], b[LAYERS]; /* constants, by layer */
    int rate, change;
} constants;

typedef struct {
    const char *name, *accepted; /* names that are right: |gd|gd layerwise| */
    const char
        *parameter; /* name of the first constant in the tables; NULL: not compared */
    int layerwise, outside;
    /* w (D): weights after layer l, given those before in w; state: scratch of the program's own */
    void (*step)(const constants *c, const problem *p, int l, double *w, double *state);
    /* or the answer to a query */
    double (*answer)(const constants *c, const problem *p, const il_real *query);
    double low, high; /* of the first constant */
} program;

/* ---- programs in the eigenvectors' coordinates: state keeps f of every eigenvalue ------------------------------ */

static void filter(const problem *p, const double *f, double *w)
{
    for (int d = 0; d < p->D; d++) w[d] = 0;
    for (int i = 0; i < p->D; i++)
        for (int d = 0; d < p->D; d++) w[d] += p->V[i * p->D + d] * f[i] * p->b[i];
}

#define FILTER(NAME, START, STEP)                                                          \
    static void NAME(const constants *c, const problem *p, int l, double *w, double *f)    \
    {                                                                                      \
        double *g = f + DIMS, a = c->a[l] * p->unit, b = c->b[l];                          \
        (void)g, (void)a, (void)b;                                                         \
        for (int i = 0; i < p->D; i++) {                                                   \
            double t = p->lambda[i];                                                       \
            (void)t;                                                                       \
            if (l == 0) f[i] = (START), g[i] = 0;                                          \
            for (int k = 0; k < c->rate; k++) {                                            \
                STEP;                                                                      \
            }                                                                              \
        }                                                                                  \
        filter(p, f, w);                                                                   \
    }

FILTER(gd, 0, f[i] += a * (1 - t * f[i]))
FILTER(decay, 0, f[i] += a * (1 - t * f[i]) - 0.1 * b * f[i])
FILTER(gdpp, 0, double m = 1 + g[i]; f[i] += a * m * m * (1 - t * f[i]);
       g[i] = m * (1 - 0.3 * b * a * m * m * t) - 1)
FILTER(heavy, 0, double was = f[i]; f[i] += a * (1 - t * f[i]) + b * (f[i] - g[i]);
       g[i] = was)
FILTER(nesterov, 0, double was = f[i]; double z = f[i] + b * (f[i] - g[i]);
       f[i] = z + a * (1 - t * z); g[i] = was)
FILTER(newton, a, f[i] *= 2 - t * f[i])
FILTER(newton_gram, a * p->unit * t, f[i] *= 2 - t * f[i])
FILTER(newton3, a, double r = 1 - t * f[i]; f[i] *= 1 + r + r * r)
FILTER(relaxed, a, f[i] *= 1 + (0.5 + b) * (1 - t * f[i]))
FILTER(newton_ridge, a, f[i] *= 2 - (t + b / p->unit * 0.1) * f[i])
FILTER(ridge, 0, f[i] = 1 / (t + c->a[l]))
FILTER(mixture, 0, if (l < c->change) f[i] += a * (1 - t * f[i]); else f[i] *= 2 - t * f[i])
FILTER(polynomial, 0, double s = t * p->unit;
       f[i] = p->unit * (1 - (0.2 + b) * s + (c->a[l] - 1) * s * s + 0.7 * s * s * s))
FILTER(root, 0, f[i] = 1 / sqrt(t * t + 20 * c->a[l] * t + 40))
FILTER(adam, 0, f[i] += a * (1 - t * f[i]) / (0.2 + fabs(1 - t * f[i])))

/* ---- programs that go through the examples --------------------------------------------------------------------- */

static double residual(const problem *p, int i, const double *w)
{
    double r = (double)p->y[i];
    for (int d = 0; d < p->D; d++) r -= w[d] * (double)p->x[i * p->D + d];
    return r;
}

#define EXAMPLES(NAME, WEIGHT)                                                             \
    static void NAME(const constants *c, const problem *p, int l, double *w, double *g)    \
    {                                                                                      \
        double a = c->a[l] * p->unit, b = c->b[l];                                         \
        (void)b;                                                                           \
        for (int d = 0; d < p->D; d++) g[d] = 0;                                           \
        for (int i = 0; i < p->n; i++) {                                                   \
            double r = residual(p, i, w);                                                  \
            for (int d = 0; d < p->D; d++)                                                 \
                g[d] += a * (WEIGHT) * (double)p->x[i * p->D + d];                         \
        }                                                                                  \
        for (int d = 0; d < p->D; d++) w[d] += g[d];                                       \
    }

EXAMPLES(huber, copysign(fmin(fabs(r), 0.5 + 2 * b), r))
EXAMPLES(signs, copysign(1, r))
EXAMPLES(forgetting, r *pow(0.9 + 0.09 * b, p->n - 1 - i))
EXAMPLES(windowed, i >= p->n / 2 ? r : 0)
EXAMPLES(diagonal, r *(1 + 2 * b * d))

static void passes(const constants *c, const problem *p, int l, double *w, double *g)
{
    (void)g;
    for (int i = 0; i < p->n; i++) {
        double r = residual(p, i, w), square = 0;
        for (int d = 0; d < p->D; d++)
            square += (double)p->x[i * p->D + d] * (double)p->x[i * p->D + d];
        for (int d = 0; d < p->D; d++)
            w[d] += c->a[l] * r / square * (double)p->x[i * p->D + d];
    }
}

static double kernel(const constants *c, const problem *p, const il_real *query)
{
    double sum = 0, all = 0;
    for (int i = 0; i < p->n; i++) {
        double square = 0;
        for (int d = 0; d < p->D; d++) {
            double x = (double)p->x[i * p->D + d] - (double)query[d];
            square += x * x;
        }
        double k = exp(-square / (2 * c->a[0] * c->a[0]));
        sum += k * (double)p->y[i], all += k;
    }
    return sum / all;
}

static double softmax(const constants *c, const problem *p, const il_real *query)
{
    double sum = 0, all = 0;
    for (int i = 0; i < p->n; i++) {
        double dot = 0;
        for (int d = 0; d < p->D; d++) dot += (double)p->x[i * p->D + d] * (double)query[d];
        double k = exp(c->a[0] * dot);
        sum += k * (double)p->y[i], all += k;
    }
    return sum / all;
}

static double nearest(const constants *c, const problem *p, const il_real *query)
{
    double least = INFINITY, answer = 0;
    (void)c;
    for (int i = 0; i < p->n; i++) {
        double square = 0;
        for (int d = 0; d < p->D; d++) {
            double x = (double)p->x[i * p->D + d] - (double)query[d];
            square += x * x;
        }
        if (square < least) least = square, answer = (double)p->y[i];
    }
    return answer;
}

/* The posterior mean over a fixed set of tasks */
static double discrete(const constants *c, const problem *p, const il_real *query)
{
    enum { SET = 12 };
    double log_p[SET], value[SET], top = -INFINITY, sum = 0, all = 0;
    for (int k = 0; k < SET; k++) {
        il_rng rng = il_rng_at(5, IL_STREAM_USER, 0, (uint32_t)k);
        double w[DIMS], loss = 0;
        for (int d = 0; d < p->D; d++) w[d] = il_normal(&rng);
        for (int i = 0; i < p->n; i++) {
            double r = residual(p, i, w);
            loss += r * r;
        }
        value[k] = 0;
        for (int d = 0; d < p->D; d++) value[k] += w[d] * (double)query[d];
        log_p[k] = -loss * c->a[0];
        top = fmax(top, log_p[k]);
    }
    for (int k = 0; k < SET; k++) {
        double q = exp(log_p[k] - top);
        sum += q * value[k], all += q;
    }
    return sum / all;
}

/* clang-format off */
static const program programs[] = {
    { "gd", "|gd|gd layerwise|", "step_size", 0, 0, gd, NULL, 0.1, 0.9 },
    { "gd layerwise", "|gd layerwise|", "step_size", 1, 0, gd, NULL, 0.2, 0.9 },
    { "gd decay", "|gd ridge|", "step_size", 0, 0, decay, NULL, 0.1, 0.8 },
    { "gdpp", "|gdpp|gdpp layerwise|", "step_size", 0, 0, gdpp, NULL, 0.3, 0.8 },
    { "momentum", "|momentum|", "step_size", 0, 0, heavy, NULL, 0.2, 0.8 },
    { "nesterov", "|nesterov|", "step_size", 0, 0, nesterov, NULL, 0.2, 0.8 },
    { "newton", "|newton|", "alpha", 0, 0, newton, NULL, 0.2, 0.9 },
    { "newton start=gram", "|newton start=gram|", NULL, 0, 0, newton_gram, NULL, 0.3, 0.9 },
    { "newton order=3", "|newton order=3|", "alpha", 0, 0, newton3, NULL, 0.2, 0.9 },
    { "newton relaxed", "|newton relaxed|", "alpha", 0, 0, relaxed, NULL, 0.2, 0.7 },
    { "newton ridge", "|newton ridge|", "alpha", 0, 0, newton_ridge, NULL, 0.2, 0.7 },
    { "ridge", "|ridge|", "alpha", 0, 0, ridge, NULL, 0.5, 20 },
    { "ridge layerwise", "|ridge layerwise|", "alpha", 1, 0, ridge, NULL, 0.5, 50 },
    { "gd preconditioned", "|gd preconditioned|", NULL, 0, 0, diagonal, NULL, 0.1, 0.5 },
    { "gd forgetting", "|gd forgetting|", "step_size", 0, 0, forgetting, NULL, 0.3, 0.9 },
    { "gd windowed", "|gd windowed|", "step_size", 0, 0, windowed, NULL, 0.3, 0.9 },
    { "kaczmarz", "|ogd normalised|", "rate", 0, 0, passes, NULL, 0.3, 1.2 },
    { "kernel", "|kernel|", "bandwidth", 0, 0, NULL, kernel, 0.5, 3 },
    { "softmax", "|softmax|", "beta", 0, 0, NULL, softmax, 0.2, 2 },
    { "knn", "|knn k=1|", NULL, 0, 0, NULL, nearest, 1, 2 },
    { "gd, then newton", "|gd then newton|", NULL, 0, 0, mixture, NULL, 0.2, 0.7 },
    { "huber", "", NULL, 0, 1, huber, NULL, 0.3, 0.9 },
    { "signs", "", NULL, 0, 1, signs, NULL, 0.1, 0.5 },
    { "polynomial", "", NULL, 1, 1, polynomial, NULL, 0.5, 1.5 },
    { "root", "", NULL, 1, 1, root, NULL, 0.5, 2 },
    { "normalised", "", NULL, 0, 1, adam, NULL, 0.05, 0.2 },
    { "posterior", "", NULL, 0, 1, NULL, discrete, 0.1, 1 },
};
/* clang-format on */
static const char *const kinds[] = { "isotropic", "kappa=10", "kappa=100", "skewed",
                                     "half_subspace" };

static il_observe_prompts *prompts_of(int dim, const char *data, uint64_t seed)
{
    il_observe_draw o = { .task = il_task_find("linear_regression"),
                          .data = data,
                          .sizes = { 3 * dim },
                          .n_sizes = 1,
                          .prompts = 32,
                          .queries = il_max(16, 3 * dim),
                          .dim = dim,
                          .dims = dim,
                          .seed = seed,
                          .step = 1 };
    double opts[16];
    il_opt_init(o.task->opts, opts);
    o.task_opts = opts;
    il_observe_prompts *e = NULL;
    CHECK_OK(il_observe_prompts_new(&e, &o, &err));
    return e;
}

typedef struct {
    const program *program;
    constants c;
    int layers, idle[LAYERS], dim;
    double scale, unit;
} drawn;

static void run(const drawn *s, const il_observe_prompts *e, il_observe_answers *r)
{
    for (int c = 0; c < e->cells; c++)
        for (int b = 0; b < e->B; b++) {
            const il_observe_cell *cell = &e->cell[c];
            size_t D = (size_t)e->D, N = (size_t)cell->n + 1,
                   first = (size_t)(b * e->Q) * N;
            problem p = { cell->n,
                          e->D,
                          cell->asked->x + first * D,
                          cell->asked->y + first,
                          cell->lambda + (size_t)b * D,
                          cell->V + (size_t)b * D * D,
                          cell->b + (size_t)b * D,
                          s->unit };
            double w[DIMS] = { 0 }, state[2 * DIMS] = { 0 };
            for (int l = 0, k = 0; l < s->layers; l++) {
                if (!s->idle[l] && s->program->step)
                    s->program->step(&s->c, &p, k++, w, state);
                for (int q = 0; q < e->Q; q++) {
                    const il_real *query =
                        cell->asked->x + ((size_t)(b * e->Q + q) * N + (N - 1)) * D;
                    double *to = r->yhat + (size_t)l * il_observe_numbers(e) +
                                 (size_t)((c * e->B + b) * e->Q + q);
                    *to = 0;
                    for (int d = 0; d < e->D; d++) *to += w[d] * (double)query[d];
                    if (s->program->answer) *to = s->program->answer(&s->c, &p, query);
                    *to = (float)(*to * s->scale);
                }
            }
        }
}

static int programs_to_draw = 9, every_kind, loud;
static uint64_t seed = 11;

static drawn draw(int i)
{
    il_rng rng = il_rng_at(seed, IL_STREAM_USER, 0, (uint32_t)i);
    drawn s = { .program = &programs[7 * i % IL_COUNT(programs)], .scale = 1 };
    const program *p = s.program;
    s.dim = 3 + (int)(4 * il_uniform(&rng));
    s.layers = p->answer ? 1 : 3 + (int)(3 * il_uniform(&rng));
    s.c.rate = p->layerwise || !p->parameter || il_uniform(&rng) < 0.7 ? 1 : 2;
    if (!strcmp(p->name, "gd decay") || !strcmp(p->name, "nesterov")) s.c.rate = 1;
    s.c.change = 3; /* one or two steps of gradient descent begin Newton's iteration, too */
    int mixed = p->step == mixture;
    if (mixed) s.layers = 5;
    double ratio = p->high / p->low, a = p->low * pow(ratio, il_uniform(&rng)),
           b = 0.1 + 0.8 * il_uniform(&rng);
    for (int l = 0; l < LAYERS; l++) {
        s.c.a[l] = a, s.c.b[l] = b;
        if (p->layerwise) a = p->low * pow(ratio, il_uniform(&rng));
    }
    if (!p->answer && il_uniform(&rng) < 0.25 && !mixed) s.idle[s.layers / 2] = 1;
    if (!p->answer && il_uniform(&rng) < 0.25) s.scale = 0.6 + 0.8 * il_uniform(&rng);
    return s;
}

/* Is the first constant printed for every layer that is not idle, within 2 %? */
static int parameters_are_right(const drawn *s, const il_explanation *x)
{
    char key[IL_TEXT];
    if (!s->program->parameter) return 1;
    snprintf(key, sizeof key, "%s=", s->program->parameter);
    int unitless = !strcmp(key, "rate=") || !strcmp(key, "bandwidth=") ||
                   !strcmp(key, "beta=") || s->program->step == ridge;
    for (int l = 0, k = 0; l < s->layers; l++) {
        const char *text = il_table_text(x->layers, l, 3), *at = strstr(text, key);
        if (s->idle[l]) continue;
        double truth = s->c.a[k++] * (unitless ? 1 : s->unit);
        if (!at || fabs(strtod(at + strlen(key), NULL) - truth) > 0.02 * truth) return 0;
    }
    return 1;
}

typedef struct {
    int in, named, unsure, tied, parameters, out, refused, wrong;
} counts;

static void judge(const drawn *s, const il_explanation *x, counts *to, const char *data)
{
    char item[2 * IL_TEXT];
    snprintf(item, sizeof item, "|%s|", x->family);
    int sure = x->found && !strstr(x->verdict, "Not sure");
    int right = *x->family && strstr(s->program->accepted, item);
    int fallback = !*x->family || !strcmp(x->family, "polynomial");
    int constants_right = right && parameters_are_right(s, x);
    to->in += !s->program->outside, to->out += s->program->outside;
    to->named += right, to->unsure += !sure;
    to->parameters += constants_right;
    to->refused += s->program->outside && (fallback || !sure);
    int wrong = sure && !right && !fallback;
    to->wrong += wrong;
    if (loud)
        printf("%-6s %-16s %-13s D=%d L=%d%s%s: %s\n",
               wrong                 ? "WRONG"
               : constants_right     ? "ok"
               : right               ? "values"
               : s->program->outside ? "none"
                                     : "missed",
               s->program->name, data, s->dim, s->layers,
               s->idle[s->layers / 2] ? " idle" : "", s->scale != 1 ? " scaled" : "",
               x->verdict);
}

static void ask(drawn *s, const char *data, uint64_t prompts, counts *to)
{
    il_observe_prompts *e = prompts_of(s->dim, data, prompts);
    double largest = 0;
    for (int c = 0; c < e->cells; c++)
        for (int k = 0; k < e->B * e->D; k++) largest = fmax(largest, e->cell[c].lambda[k]);
    s->unit = 1 / largest;
    il_observe_answers *r = NULL;
    CHECK_OK(il_observe_answers_blank(&r, s->layers, il_observe_numbers(e), &err));
    run(s, e, r);
    il_explanation x = { 0 };
    CHECK_OK(il_explain_answers(e, r, "layer", &x, &err));
    judge(s, &x, to, data);
    il_explanation_free(&x);
    il_observe_answers_free(r);
    il_observe_prompts_free(e);
}

/* Programs that were once called by a wrong name: over-relaxed Newton on three kinds of data, ridge regression whose
 * penalty falls, grows or stays, gradient descent before Newton and with a mild Huber clip, normalised steps, Newton's
 * iteration from a multiple of A with its answers times a factor. All constants are found. */
static void names_what_was_mistaken(void **state)
{
    static const struct {
        const char *program, *data;
        double a[5], b;
        int layers;
        double scale; /* 0: 1 */
        int prompts;  /* 0: 3 */
        int dim;      /* 0: 5 */
    } rows[] = {
        /* clang-format off */
        { "newton relaxed", "isotropic", { 0.4, 0.4, 0.4, 0.4, 0.4 }, 0.8, 5 },
        { "newton relaxed", "kappa=10", { 0.4, 0.4, 0.4, 0.4, 0.4 }, 0.8, 5 },
        { "newton relaxed", "kappa=100", { 0.4, 0.4, 0.4, 0.4, 0.4 }, 0.8, 5 },
        { "ridge layerwise", "isotropic,kappa=30", { 1000, 100, 10, 1, 0.1 }, 0, 5 },
        { "ridge layerwise", "kappa=100", { 1, 3, 10, 30, 100 }, 0, 5 },
        { "ridge", "isotropic", { 20, 20, 20, 20 }, 0, 4 },
        { "ridge", "kappa=30", { 20, 20, 20, 20 }, 0, 4 },
        { "gd, then newton", "isotropic", { 0.4, 0.4, 0.4, 0.4, 0.4 }, 0, 5 },
        { "huber", "isotropic", { 0.5, 0.5, 0.5, 0.5 }, 0.5, 4 },
        { "normalised", "half_subspace", { 0.1, 0.1 }, 0, 2 },
        { "normalised", "kappa=10", { 0.05, 0.05 }, 0, 2 },
        { "normalised", "skewed", { 0.053, 0.053, 0.053, 0.053, 0.053 }, 0, 5, .prompts = 19, .dim = 4 },
        { "newton start=gram", "kappa=10", { 0.682, 0.682, 0.682 }, 0, 3, .scale = 0.6224, .prompts = 190 },
        { "newton start=gram", "skewed", { 0.682, 0.682, 0.682 }, 0, 3, .scale = 0.6224, .prompts = 190 },
        /* clang-format on */
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(rows); i++) {
        counts got = { 0 };
        drawn s = { .layers = rows[i].layers };
        s.dim = rows[i].dim ? rows[i].dim : 5;
        s.scale = rows[i].scale ? rows[i].scale : 1;
        s.program = programs;
        while (strcmp(s.program->name, rows[i].program)) s.program++;
        s.c.rate = 1, s.c.change = 3;
        for (int l = 0; l < s.layers; l++) s.c.a[l] = rows[i].a[l], s.c.b[l] = rows[i].b;
        ask(&s, rows[i].data, (uint64_t)(rows[i].prompts ? rows[i].prompts : 3), &got);
        CHECK(s.program->outside ? got.refused && !got.wrong
                                 : got.parameters && !got.unsure,
              "%s on %s", rows[i].program, rows[i].data);
    }
}

static void names_no_wrong_algorithm(void **state)
{
    counts all = { 0 };
    (void)state;
    for (int i = 0; i < programs_to_draw; i++)
        for (int k = 0; k < IL_COUNT(kinds); k++)
            if (every_kind || k == i % IL_COUNT(kinds)) {
                drawn s = draw(i);
                ask(&s, kinds[k], (uint64_t)i, &all);
            }
    printf("%d of a family: %d named, %d with parameters to 2 %%; %d of none: %d "
           "refused; %d not sure; %d confident and wrong\n",
           all.in, all.named, all.parameters, all.out, all.refused, all.unsure, all.wrong);
    CHECK(all.wrong == 0, "%d confident wrong names", all.wrong);
}

int main(int argc, char **argv)
{
    if (argc > 1) programs_to_draw = atoi(argv[1]), every_kind = 1;
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    loud = argc > 3;
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_no_wrong_algorithm),
                                        cmocka_unit_test(names_what_was_mistaken) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tables_prior.c - invented tables: columns of many kinds, and a target that is a random function of them plus noise
 *
 * A prompt draws 1 to dims columns. Each is a function of a normal number z_c = a f.l_c + sqrt(1 - a^2) e_c, where the
 * common factors f make columns correlated: z itself, a skewed, heavy-tailed, bounded or rounded function of it, an
 * indicator of z > b, or one of the indicators of a categorical variable. Some cells may be missing: these hold the
 * column's mean, as `predict` fills them in. The target is
 *
 *   y = g(t),   t = (f(u) - mean) / sd + noise
 *
 * with f of functions.c, u the numbers z or what the table shows of them, noise of a size and kind drawn with the
 * table (normal, heavy-tailed, a few outliers, or growing with one column), and g the identity, a growing function, a
 * floor or a rounding. Means and deviations are those of REFERENCE points that the table does not show.
 *
 * With `standardise` inputs and targets are brought to mean 0 and variance 1 by the first half of the points, which
 * are the examples where model.tokens = halves; the targets of the others are held within LIMIT.
 * Source of such priors: Hollmann et al. 2023, arXiv:2207.01848.
 */
#include "task/functions.h"
#include "task/task.h"

#include <math.h>

enum { COLUMNS = IL_FUNCTION_INPUTS, FACTORS = 3, REFERENCE = 32, LIMIT = 6 };
enum { PLAIN, SKEWED, HEAVY, BOUNDED, ROUNDED, BINARY, LEVEL };
enum { NORMAL, TAILS, OUTLIERS, GROWING };

typedef struct {
    int standardise;
} options;
static const il_opt opts[] = {
    { "standardise", IL_OPT_BOOL, offsetof(options, standardise), 0, 0, 1,
      "inputs and targets by the first half of a prompt's points, its examples", NULL },
    { 0 },
};

typedef struct {
    int kind, source;            /* source: the column whose normal number it shows */
    double share, load[FACTORS]; /* a and l_c */
    double strength, from, to;   /* of a skewed, heavy or rounded one; of an indicator */
    double mean, sd;             /* of what is shown */
} column;

typedef struct {
    int columns, hidden; /* hidden: the function is one of the numbers behind the columns */
    column column[COLUMNS];
    il_function f;
    double f_mean, f_sd;
    int noise_kind, noise_column;
    double noise, growth, sign, least, step; /* growth, step 0: none */
    double missing;
} law;

/* ---- what a table is ---------------------------------------------------------------------------- */

static int draw_kind(il_rng *rng)
{
    static const int of[16] = { PLAIN,   PLAIN,  PLAIN,  PLAIN,   PLAIN,   SKEWED,
                                SKEWED,  SKEWED, HEAVY,  BOUNDED, BOUNDED, ROUNDED,
                                ROUNDED, BINARY, BINARY, LEVEL };
    return of[il_below(rng, 16)];
}

/* The indicators of a categorical variable, one for each level but the first, stand side by side. */
static int draw_levels(law *l, il_rng *rng, int c)
{
    int levels = 3 + il_below(rng, 4), source = c;
    double at = il_normal(rng) * 0.5 - 0.7;
    for (int i = 1; i < levels && c < l->columns; i++, c++) {
        column *k = &l->column[c];
        *k = l->column[source];
        k->kind = LEVEL;
        k->source = source;
        k->from = at;
        at += 0.3 + il_uniform(rng);
        k->to = i < levels - 1 ? at : INFINITY;
    }
    return c;
}

static void draw_columns(law *l, il_rng *rng)
{
    double correlated = il_uniform(rng), odd = il_uniform(rng);
    for (int c = 0; c < l->columns;) {
        column *k = &l->column[c];
        double squares = 0;
        int kind = draw_kind(rng);
        *k = (column){ .kind = il_uniform(rng) < odd ? kind : PLAIN, .source = c };
        k->share = correlated < 0.3 ? 0 : il_uniform(rng);
        for (int i = 0; i < FACTORS; i++) {
            k->load[i] = il_normal(rng) / (1 + i);
            squares += k->load[i] * k->load[i];
        }
        for (int i = 0; i < FACTORS; i++) k->load[i] /= sqrt(squares);
        k->strength = 0.2 + il_uniform(rng);
        k->from = il_normal(rng) * 0.8;
        k->to = INFINITY;
        c = k->kind == LEVEL ? draw_levels(l, rng, c) : c + 1;
    }
}

static void draw_target(law *l, il_rng *rng)
{
    double size = il_uniform(rng), growth = il_uniform(rng), step = il_uniform(rng),
           least = il_uniform(rng), missing = il_uniform(rng);
    int kind = il_below(rng, 8);
    l->hidden = il_below(rng, 2);
    il_function_draw(&l->f, rng, l->columns);
    l->noise = 0.02 + 1.6 * size * size;
    l->noise_kind = kind < 4 ? NORMAL : kind < 6 ? TAILS : kind < 7 ? OUTLIERS : GROWING;
    l->noise_column = il_below(rng, l->columns);
    l->growth = growth < 0.25 ? 0.2 + 4 * growth : 0;
    l->sign = il_below(rng, 2) ? 1 : -1;
    l->step = step < 0.15 ? 0.2 + 5 * step : 0;
    l->least = least < 0.08 ? il_normal(rng) * 0.5 - 0.5 : -INFINITY;
    l->missing = missing < 0.15 ? missing : 0;
}

/* ---- a point ------------------------------------------------------------------------------------- */

static double show(const column *k, double z)
{
    double s = k->strength;
    switch (k->kind) {
    case SKEWED:
        return il_grow(s * z);
    case HEAVY:
        return z + s * z * z * z / 4;
    case BOUNDED:
        return il_squash(2 * s * z);
    case ROUNDED:
        return floor(z / s + 0.5) * s;
    case BINARY:
        return z > k->from;
    case LEVEL:
        return z > k->from && z <= k->to;
    default:
        return z;
    }
}

/* The cells v of a row, and the inputs u of the function there */
static void draw_row(const law *l, il_rng *rng, double *v, double *u)
{
    double f[FACTORS], z[COLUMNS];
    for (int i = 0; i < FACTORS; i++) f[i] = il_normal(rng);
    for (int c = 0; c < l->columns; c++) {
        const column *k = &l->column[c];
        double common = 0, own = il_normal(rng);
        for (int i = 0; i < FACTORS; i++) common += k->load[i] * f[i];
        z[c] = k->share * common + sqrt(1 - k->share * k->share) * own;
    }
    for (int c = 0; c < l->columns; c++) {
        const column *k = &l->column[c];
        v[c] = show(k, z[k->source]);
        u[c] = l->hidden && k->kind < BINARY ? z[c]
               : k->sd > 0                   ? (v[c] - k->mean) / k->sd
                                             : 0;
    }
}

static double draw_noise(const law *l, il_rng *rng, const double *u)
{
    double e = il_normal(rng), more = il_normal(rng), rare = il_uniform(rng), a;
    switch (l->noise_kind) {
    case TAILS:
        return l->noise * e * (0.5 + more * more / 2);
    case OUTLIERS:
        return l->noise * e * (rare < 0.04 ? 8 : 1);
    case GROWING:
        a = u[l->noise_column];
        return l->noise * e * (0.2 + (a < 0 ? -a : a));
    default:
        return l->noise * e;
    }
}

static double target(const law *l, double value, double noise)
{
    double t = (value - l->f_mean) / l->f_sd + noise;
    if (l->growth > 0) t = l->sign * il_grow(l->growth * (t < 5 ? t : 5));
    if (t < l->least) t = l->least;
    return l->step > 0 ? floor(t / l->step + 0.5) * l->step : t;
}

/* The mean and deviation of n numbers; 1 where they do not vary */
static void moments(const double *x, int n, double *mean, double *sd)
{
    double squares = 0;
    *mean = 0;
    for (int i = 0; i < n; i++) *mean += x[i] / n;
    for (int i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean) / n;
    *sd = squares > 1e-12 ? sqrt(squares) : 1;
}

/* Columns first, with which the function's inputs are standardised, then the function. */
static void measure(law *l, il_rng *rng)
{
    double v[REFERENCE][COLUMNS], u[COLUMNS], one[REFERENCE];
    for (int i = 0; i < REFERENCE; i++) draw_row(l, rng, v[i], u);
    for (int c = 0; c < l->columns; c++) {
        for (int i = 0; i < REFERENCE; i++) one[i] = v[i][c];
        moments(one, REFERENCE, &l->column[c].mean, &l->column[c].sd);
    }
    for (int i = 0; i < REFERENCE; i++) {
        draw_row(l, rng, v[i], u);
        one[i] = il_function_at(&l->f, u);
    }
    moments(one, REFERENCE, &l->f_mean, &l->f_sd);
}

/* ---- a prompt ------------------------------------------------------------------------------------ */

/* By the mean and deviation of the first `examples` of n numbers, `apart` from each other */
static void standardise(il_real *x, int apart, int n, int examples)
{
    double mean = 0, squares = 0, least = 0;
    for (int i = 0; i < examples; i++) mean += (double)x[i * apart] / examples;
    for (int i = 0; i < examples; i++) {
        double d = (double)x[i * apart] - mean;
        squares += d * d / examples;
    }
    least = 1e-9 * (1 + mean * mean);
    for (int i = 0; i < n; i++)
        x[i * apart] =
            squares > least ? (il_real)(((double)x[i * apart] - mean) / sqrt(squares)) : 0;
}

static void standardise_all(il_table_prompt *t, int columns)
{
    int examples = il_examples_of(t->points);
    if (!examples) return;
    for (int c = 0; c < columns; c++) standardise(t->x + c, t->dim, t->points, examples);
    standardise(t->y, 1, t->points, examples);
    for (int n = examples; n < t->points; n++)
        t->y[n] = t->y[n] > LIMIT ? LIMIT : t->y[n] < -LIMIT ? -LIMIT : t->y[n];
}

static void rows(const void *opt, il_table_prompt *t)
{
    const options *o = opt;
    law l = { .columns = 1 + il_below(t->law, il_min(t->dims, COLUMNS)) };
    double v[COLUMNS], u[COLUMNS];
    draw_columns(&l, t->law);
    draw_target(&l, t->law);
    measure(&l, t->law);
    for (int n = 0; n < t->points; n++) {
        draw_row(&l, t->inputs, v, u);
        for (int c = 0; c < l.columns; c++) {
            int missing = il_uniform(t->inputs) < l.missing;
            t->x[n * t->dim + c] = (il_real)(missing ? l.column[c].mean : v[c]);
        }
        t->y[n] = (il_real)target(&l, il_function_at(&l.f, u), draw_noise(&l, t->noise, u));
    }
    if (o->standardise) standardise_all(t, l.columns);
}

const il_task il_task_tables_prior = {
    .name = "tables_prior",
    .summary = "invented tables: columns of many kinds, a random function of them, noise",
    .opts = opts,
    .size = sizeof(options),
    .loss = "mse",
    .rows = rows,
};

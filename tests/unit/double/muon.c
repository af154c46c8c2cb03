/* muon.c - the optimiser muon against its formulas: singular values, single steps, whole models */
#include "folder.h"
#include "la/dense.h"
#include "models.h"
#include "train/train.h"

#include <math.h>

enum { MOST = 40 }; /* rows and columns */

/* What the formulas need of the options, read from the text of a recipe and not from the row */
typedef struct {
    double momentum, decay;
    int plain, rms, steps; /* plain: without Nesterov */
} formula;

static double quintic(double s)
{
    return 3.4445 * s - 4.7750 * s * s * s + 2.0315 * pow(s, 5);
}

/* C = A B, or A B^T, by plain loops; (rows, inner) x (inner, cols) */
static void times(double *C, const double *A, const double *B, int rows, int inner,
                  int cols, int transposed)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            double sum = 0;
            for (int k = 0; k < inner; k++)
                sum += A[i * inner + k] * (transposed ? B[j * inner + k] : B[k * cols + j]);
            C[i * cols + j] = sum;
        }
}

/* X (rows, cols) of its momentum after so many steps; always X X^T, also where X^T X is smaller */
static void orthogonal(double *X, int rows, int cols, int steps)
{
    static double gram[MOST * MOST], square[MOST * MOST], product[MOST * MOST];
    double norm = 0;
    for (int i = 0; i < rows * cols; i++) norm += X[i] * X[i];
    for (int i = 0; i < rows * cols; i++) X[i] /= fmax(sqrt(norm), 1e-7);
    for (int step = 0; step < steps; step++) {
        times(gram, X, X, rows, cols, rows, 1);
        times(square, gram, gram, rows, rows, rows, 0);
        for (int i = 0; i < rows * rows; i++)
            square[i] = -4.7750 * gram[i] + 2.0315 * square[i];
        times(product, square, X, rows, rows, cols, 0);
        for (int i = 0; i < rows * cols; i++) X[i] = 3.4445 * X[i] + product[i];
    }
}

/* One step of a matrix w with momentum m */
static void stepped(const formula *f, double *w, double *m, const double *g, int rows,
                    int cols, double rate)
{
    static double X[MOST * MOST];
    double shape = (double)rows / cols,
           s = f->rms ? 0.2 * sqrt(fmax(rows, cols)) : sqrt(fmax(1, shape));
    for (int i = 0; i < rows * cols; i++) {
        m[i] = f->momentum * m[i] + (1 - f->momentum) * g[i];
        X[i] = f->plain ? m[i] : f->momentum * m[i] + (1 - f->momentum) * g[i];
    }
    orthogonal(X, rows, cols, f->steps);
    for (int i = 0; i < rows * cols; i++) w[i] -= rate * (s * X[i] + f->decay * w[i]);
}

/* The row's options with these set, "a=1 b=2" */
static const void *options(const char *text)
{
    static double room[IL_OPTIMIZER_OPTS];
    il_opt_init(il_optimizer_muon.opts, room);
    CHECK_OK(il_opt_parse(il_optimizer_muon.opts, room, text, "muon", &err));
    return room;
}

/* A step of the row on a matrix of the blocks */
static void row_step(const void *opts, double *w, double *m, const double *g, int rows,
                     int cols, double rate)
{
    static double second[MOST * MOST];
    il_update u = { .name = "",
                    .rows = rows,
                    .cols = cols,
                    .inner = 1,
                    .decays = 1,
                    .n = (size_t)(rows * cols),
                    .w = w,
                    .moment = { m, second },
                    .grad = g,
                    .scale = 1,
                    .rate = rate,
                    .share = 1,
                    .step = 1 };
    size_t n = il_optimizer_muon.whole(opts, &u);
    CHECK(n > 0, "a matrix of %d by %d takes no scratch", rows, cols);
    u.work = aligned_alloc(64, (sizeof *u.work * n + 63) / 64 * 64);
    assert_non_null(u.work);
    il_optimizer_muon.step(opts, &u);
    free(u.work);
}

static void draw(double *x, int n, uint64_t seed)
{
    il_rng rng = il_rng_at(seed, 0, 0, 0);
    for (int i = 0; i < n; i++) x[i] = il_normal(&rng);
}

static const int shapes[][2] = { { 7, 7 }, { 12, 20 }, { 20, 12 }, { 1, 9 },
                                 { 9, 1 }, { 1, 1 },   { 33, 17 }, { 16, 40 } };

/* Singular vectors stay, and every singular value goes through the polynomial. */
static void singular_values_follow_the_polynomial(void **state)
{
    (void)state;
    for (int k = 0; k < IL_COUNT(shapes); k++) {
        int rows = shapes[k][0], cols = shapes[k][1], low = il_min(rows, cols),
            wide = rows + cols - low;
        double g[MOST * MOST], w[MOST * MOST] = { 0 }, m[MOST * MOST] = { 0 },
                                        tall[MOST * MOST];
        double U[MOST * MOST], V[MOST * MOST], s[MOST], norm = 0;
        double *work = malloc(sizeof *work * il_svd_work(wide, low));
        char where[64];
        snprintf(where, sizeof where, "%d by %d", rows, cols);
        draw(g, rows * cols, (uint64_t)k + 1);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++)
                tall[rows >= cols ? i * cols + j : j * rows + i] = g[i * cols + j];
        memcpy(U, tall, sizeof U);
        il_svd(U, wide, low, s, V, work);
        for (int i = 0; i < low; i++) norm += s[i] * s[i];
        row_step(options("momentum=0 rate_scale=rms"), w, m, g, rows, cols,
                 -1 / (0.2 * sqrt(wide)));
        for (int i = 0; i < wide; i++)
            for (int j = 0; j < low; j++) {
                double want = 0;
                for (int l = 0; l < low; l++) {
                    double value = s[l] / sqrt(norm);
                    for (int step = 0; step < 5; step++) value = quintic(value);
                    want += U[i * low + l] * value * V[l * low + j];
                }
                CHECK_NEAR(rows >= cols ? w[i * cols + j] : w[j * cols + i], want, 1e-11,
                           where);
            }
        free(work);
    }
}

/* The band that is known of five steps, for values that are not tiny beside the norm */
static void five_steps_bring_values_near_one(void **state)
{
    (void)state;
    double g[16 * 40], w[16 * 40] = { 0 }, m[16 * 40] = { 0 }, tall[16 * 40], s[16],
                              V[16 * 16];
    double *work = malloc(sizeof *work * il_svd_work(40, 16));
    draw(g, 16 * 40, 5);
    row_step(options(""), w, m, g, 16, 40, -1);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 40; j++) tall[j * 16 + i] = w[i * 40 + j];
    il_svd(tall, 40, 16, s, V, work);
    CHECK(s[15] > 0.68 && s[0] < 1.13, "singular values from %g to %g", s[15], s[0]);
    CHECK(s[0] - s[15] > 1e-3, "all are %g: that is not this polynomial", s[0]);
    free(work);
}

static void single_steps_by_hand(void **state)
{
    static const struct {
        const char *text;
        formula f;
    } cases[] = {
        { "", { .momentum = 0.95, .steps = 5 } },
        { "rate_scale=rms momentum=0.8 weight_decay=0.3",
          { .momentum = 0.8, .decay = 0.3, .rms = 1, .steps = 5 } },
        { "nesterov=false ns_steps=2 weight_decay=0.1",
          { .momentum = 0.95, .decay = 0.1, .plain = 1, .steps = 2 } },
    };
    (void)state;
    for (int c = 0; c < IL_COUNT(cases); c++)
        for (int k = 0; k < IL_COUNT(shapes); k++) {
            int rows = shapes[k][0], cols = shapes[k][1], n = rows * cols;
            double w[MOST * MOST], m[MOST * MOST] = { 0 }, g[MOST * MOST],
                                            want[MOST * MOST], mean[MOST * MOST] = { 0 };
            char where[128];
            snprintf(where, sizeof where, "%s, %d by %d", cases[c].text, rows, cols);
            draw(w, n, 90);
            memcpy(want, w, sizeof w);
            for (int step = 0; step < 3; step++) {
                draw(g, n, 91 + (uint64_t)step);
                row_step(options(cases[c].text), w, m, g, rows, cols, 0.1);
                stepped(&cases[c].f, want, mean, g, rows, cols, 0.1);
                for (int i = 0; i < n; i++) CHECK_NEAR(w[i], want[i], 1e-11, where);
                for (int i = 0; i < n; i++) CHECK_NEAR(m[i], mean[i], 1e-14, where);
            }
        }
}

static void no_gradient_moves_nothing(void **state)
{
    (void)state;
    for (int k = 0; k < IL_COUNT(shapes); k++) {
        int rows = shapes[k][0], cols = shapes[k][1];
        double w[MOST * MOST], m[MOST * MOST] = { 0 }, g[MOST * MOST] = { 0 },
                                        before[MOST * MOST];
        draw(w, rows * cols, 3);
        memcpy(before, w, sizeof w);
        row_step(options(""), w, m, g, rows, cols, 0.1);
        for (int i = 0; i < rows * cols; i++) CHECK_NEAR(w[i], before[i], 0, "no gradient");
        g[0] = 1e-12; /* far below the least norm: nearly nothing, and no division by it */
        row_step(options(""), w, m, g, rows, cols, 0.1);
        for (int i = 0; i < rows * cols; i++)
            CHECK_NEAR(w[i], before[i], 1e-2, "hardly any");
    }
}

/* ---- whole models ------------------------------------------------------------------------------ */

static il_config recipe(const char *more)
{
    static const char base[] =
        "model.n_dims=3 model.n_positions=6 training.optimizer=muon training.batch_size=5 "
        "training.shard=2 "
        "training.slots=2 training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
        "training.curriculum.points.start=4 training.curriculum.points.end=4 "
        "training.learning_rate=0.1 "
        "training.adam_rate=0.03 training.train_steps=20 training.schedule=cosine "
        "training.momentum=0.9 "
        "training.weight_decay=0.2 training.beta1=0.8 ";
    return config_with(base, more);
}

/* One number's step of Adam */
static double adam_stepped(double w, double g, int is_matrix, double rate, int t, double *a,
                           double *b)
{
    *a = 0.8 * *a + 0.2 * g;
    *b = 0.999 * *b + 0.001 * g * g;
    double m = *a / (1 - pow(0.8, t)), v = *b / (1 - pow(0.999, t));
    return w - rate * (m / (sqrt(v) + 1e-8) + (is_matrix ? 0.2 * w : 0));
}

/* Trains with gradients of the trainer and steps of this file's formulas. A weight of a block whose name ends in
 * `suffix` joins so many maps of as many rows. */
static void play(const char *more, const char *suffix, int joined)
{
    const formula f = { .momentum = 0.9, .decay = 0.2, .steps = 5 };
    il_config c = recipe(more);
    il_trainer *t;
    il_progress p;
    int seen = 0;
    CHECK_OK(il_trainer_new(&t, &c, &err));
    il_model *model = il_trainer_model(t);
    size_t n = model->plan.n_weights;
    double *w = calloc(4 * n, sizeof *w), *g = w + n, *a = g + n, *b = a + n;
    memcpy(w, model->weights, sizeof *w * n);
    for (int step = 1; step <= 3; step++) {
        CHECK_OK(il_trainer_gradient(t, &p, &err));
        for (int i = 0; i < model->plan.n_params; i++) {
            const il_param *of = &model->plan.params[i];
            size_t at = of->offset, size = il_param_size(of);
            il_trainer_read_gradient(t, i, g + at);
            if (of->rows && !strncmp(of->name, "h.", 2)) {
                const char *end = strstr(of->name, suffix);
                int parts = end && !strcmp(end, suffix) ? joined : 1,
                    rows = of->rows / parts;
                seen += parts > 1;
                for (int k = 0; k < parts; k++, at += size / (size_t)parts)
                    stepped(&f, w + at, a + at, g + at, rows, of->cols, p.rate);
            } else
                for (size_t j = at; j < at + size; j++)
                    w[j] = adam_stepped(w[j], g[j], of->rows > 0, 0.03 * p.rate / 0.1, step,
                                        &a[j], &b[j]);
        }
        CHECK_OK(il_trainer_step(t, 0, &p, &err));
        for (int i = 0; i < model->plan.n_params; i++) {
            const il_param *of = &model->plan.params[i];
            for (size_t j = of->offset; j < of->offset + il_param_size(of); j++)
                CHECK_NEAR(model->weights[j], w[j], 1e-8, of->name);
        }
    }
    CHECK(joined == 1 || seen == 3 * c.model.n_layer, "%d weights called %s", seen, suffix);
    free(w);
    il_trainer_free(t);
}

/* Queries, keys and values of one weight are three matrices; all else than the maps of the blocks goes by Adam. */
static void joined_maps_are_changed_apart(void **state)
{
    (void)state;
    play("model.family=gpt2 model.n_embd=8 model.n_head=2 model.n_layer=2",
         "attn.c_attn.weight", 3);
    play("model.family=gpt2_loop model.n_embd=8 model.n_head=2 model.n_layer=1 "
         "training.n_loop_window=2 "
         "training.curriculum.loops.start=3 training.curriculum.loops.end=3",
         "attn.c_attn.weight", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(singular_values_follow_the_polynomial),
        cmocka_unit_test(five_steps_bring_values_near_one),
        cmocka_unit_test(single_steps_by_hand),
        cmocka_unit_test(no_gradient_moves_nothing),
        cmocka_unit_test(joined_maps_are_changed_apart),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

/* optimizers.c - every optimiser against its formulas, and resumed from a checkpoint */
#include "folder.h"
#include "models.h"
#include "train/train.h"

#include <math.h>

enum { STEPS = 4 };

/* A small recipe; `more` are assignments, separated by spaces. */
static il_config recipe(const char *more)
{
    static const char base[] =
        "model.n_embd=8 model.n_head=2 model.n_dims=3 model.n_positions=6 "
        "model.n_layer=2 training.batch_size=5 training.shard=2 training.slots=2 "
        "training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
        "training.curriculum.points.start=4 training.curriculum.points.end=4 "
        "training.learning_rate=0.01 training.train_steps=20 ";
    return config_with(base, more);
}

/* What the formulas need of a recipe, read from its text and not from the rows */
typedef struct {
    int sgd, nesterov;
    double decay, momentum, beta1, beta2, eps, clip, clip_value;
} formula;

/* One number's step t = 1, 2, ..., from its gradient g; a, b: its moments */
static double stepped(const formula *f, double w, double g, int is_matrix, double rate,
                      int t, double *a, double *b)
{
    double decay = is_matrix ? f->decay : 0;
    if (f->sgd) {
        g += decay * w;
        *a = f->momentum * *a + g;
        return w - rate * (f->nesterov ? g + f->momentum * *a : *a);
    }
    *a = f->beta1 * *a + (1 - f->beta1) * g;
    *b = f->beta2 * *b + (1 - f->beta2) * g * g;
    double m = *a / (1 - pow(f->beta1, t)), v = *b / (1 - pow(f->beta2, t));
    return w - rate * (m / (sqrt(v) + f->eps) + decay * w);
}

static void play(const char *options, formula f)
{
    il_config c = recipe(options);
    il_trainer *t;
    il_progress p;
    CHECK_OK(il_trainer_new(&t, &c, &err));
    il_model *m = il_trainer_model(t);
    size_t n = m->plan.n_weights;
    double *w = calloc(4 * n, sizeof *w), *g = w + n, *a = g + n, *b = a + n;
    memcpy(w, m->weights, sizeof *w * n);
    for (int step = 1; step <= STEPS; step++) {
        double norm = 0, furthest = 0, moved = 0;
        CHECK_OK(il_trainer_gradient(t, &p, &err));
        for (int i = 0; i < m->plan.n_params; i++) {
            const il_param *of = &m->plan.params[i];
            il_trainer_read_gradient(t, i, g + of->offset);
            for (size_t j = 0; j < il_param_size(of); j++)
                norm += g[of->offset + j] * g[of->offset + j];
        }
        double scale = f.clip > 0 && sqrt(norm) > f.clip ? f.clip / sqrt(norm) : 1;
        for (int i = 0; i < m->plan.n_params; i++) {
            const il_param *of = &m->plan.params[i];
            for (size_t j = of->offset; j < of->offset + il_param_size(of); j++) {
                double e =
                    f.clip_value > 0 ? fmax(-f.clip_value, fmin(g[j], f.clip_value)) : g[j];
                double before = w[j];
                w[j] =
                    stepped(&f, w[j], scale * e, of->rows > 0, p.rate, step, &a[j], &b[j]);
                moved = fmax(moved, fabs(w[j] - before));
            }
        }
        CHECK_OK(il_trainer_step(t, 0, &p, &err));
        for (int i = 0; i < m->plan.n_params; i++) {
            const il_param *of = &m->plan.params[i];
            for (size_t j = of->offset; j < of->offset + il_param_size(of); j++)
                furthest = fmax(furthest, fabs(w[j] - m->weights[j]));
        }
        CHECK(moved > 1e-4, "%s: step %d moves by %g", options, step, moved);
        /* a few roundings of 1e-16; Adam divides gradients that cancelled by their own size */
        CHECK_NEAR(furthest, 0, 1e-9 * moved, options);
    }
    free(w);
    il_trainer_free(t);
}

#define SGD "training.optimizer=sgd training.learning_rate=0.1 "
static void formulas_by_hand(void **state)
{
    (void)state;
    play("", (formula){ .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 });
    play("training.weight_decay=0.5 training.beta1=0.5 training.beta2=0.6 "
         "training.adam_eps=0.1 training.clip=0.01",
         (formula){ .decay = 0.5, .beta1 = 0.5, .beta2 = 0.6, .eps = 0.1, .clip = 0.01 });
    play("training.clip_value=0.001 training.beta1=0",
         (formula){ .beta2 = 0.999, .eps = 1e-8, .clip_value = 0.001 });
    play(SGD, (formula){ .sgd = 1 });
    play(SGD "training.momentum=0.9 training.weight_decay=0.3 training.clip=0.5",
         (formula){ .sgd = 1, .momentum = 0.9, .decay = 0.3, .clip = 0.5 });
    play(SGD "training.momentum=0.5 training.nesterov=true training.weight_decay=0.1 "
             "training.clip_value=0.02",
         (formula){
             .sgd = 1, .nesterov = 1, .momentum = 0.5, .decay = 0.1, .clip_value = 0.02 });
}

/* A checkpoint on the way changes no bit, and holds the moments under their optimiser's name. */
static void resumed_bit_for_bit(void **state)
{
    const il_optimizer *of;
    (void)state;
    for (int i = 0; (of = il_optimizer_at(i)); i++) {
        char options[128], name[128];
        snprintf(options, sizeof options, "training.optimizer=%s training.weight_decay=0.1",
                 of->name);
        il_config c = recipe(options);
        il_trainer *whole, *first, *second;
        il_progress p;
        il_tensors *file;
        const char *path = in_folder("on_the_way.safetensors");
        CHECK_OK(il_trainer_new(&whole, &c, &err));
        CHECK_OK(il_trainer_new(&first, &c, &err));
        CHECK_OK(il_trainer_new(&second, &c, &err));
        for (int step = 0; step < 2 * STEPS; step++)
            CHECK_OK(il_trainer_step(whole, 0, &p, &err));
        for (int step = 0; step < STEPS; step++)
            CHECK_OK(il_trainer_step(first, 0, &p, &err));
        CHECK_OK(il_checkpoint_write(path, il_trainer_model(first),
                                     il_trainer_moments(first), &err));
        CHECK_OK(il_tensors_read(&file, path, &err));
        for (int k = 0; of->moments[k].name; k++) {
            snprintf(name, sizeof name, "%s.%s.read_in.weight", of->name,
                     of->moments[k].name);
            CHECK(il_tensors_find(file, name), "%s is not in the checkpoint", name);
        }
        il_tensors_free(file);
        CHECK_OK(il_checkpoint_read(path, il_trainer_model(second),
                                    il_trainer_moments(second), &err));
        for (int step = 0; step < STEPS; step++)
            CHECK_OK(il_trainer_step(second, 0, &p, &err));
        CHECK(il_model_hash(il_trainer_model(whole)) ==
                  il_model_hash(il_trainer_model(second)),
              "%s: resumed, it goes elsewhere", of->name);
        il_trainer_free(whole);
        il_trainer_free(first);
        il_trainer_free(second);
    }
}

/* Options stand beside those of tasks and the keys of training, so no two may have one name. */
static void names_are_its_own(void **state)
{
    const il_optimizer *of;
    const il_task *task;
    (void)state;
    for (int i = 0; (of = il_optimizer_at(i)); i++) {
        CHECK(of->size <= sizeof((il_config *)0)->training.optimizer_opts, "%s", of->name);
        assert_ptr_equal(il_optimizer_find(of->name), of);
        for (const il_opt *o = of->opts; o->type != IL_OPT_END; o++) {
            char key[128];
            snprintf(key, sizeof key, "training.%s", o->name);
            CHECK(!il_opt_find(il_config_opts(), key), "%s is a key of all recipes", key);
            for (int j = 0; (task = il_task_at(j)); j++)
                CHECK(!task->opts || !il_opt_find(task->opts, o->name),
                      "%s is an option of the task %s, too", key, task->name);
        }
    }
    assert_null(il_optimizer_find("newton"));
    assert_null(il_optimizer_at(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_by_hand),
        cmocka_unit_test(resumed_bit_for_bit),
        cmocka_unit_test(names_are_its_own),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

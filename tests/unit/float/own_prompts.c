/* own_prompts.c - a training on prompts that the caller draws: fed from the task it has the task's bits */
#include "folder.h"
#include "models.h"

#include <string.h>

static const char *const set[] = { "training.train_steps=4",
                                   "training.batch_size=6",
                                   "training.save_every_steps=1",
                                   "training.curriculum.dims.start=1",
                                   "training.curriculum.dims.interval=2",
                                   "training.curriculum.points.start=3",
                                   "training.curriculum.points.interval=1" };

typedef struct {
    const il_config *config;
    int calls, dims[8], points[8];
    uint32_t fails_at; /* a step */
} drawing;

static il_status draw(void *context, il_batch *batch, int dims, il_draw at, il_error *why)
{
    drawing *d = context;
    if (at.step == d->fails_at)
        return il_fail(why, IL_EIO, "no prompts for step %u", at.step);
    d->dims[d->calls] = dims;
    d->points[d->calls++] = batch->points;
    return il_batch_draw(batch, il_task_find(d->config->training.task_name),
                         d->config->training.task_opts, NULL, dims, at, why);
}

static il_config recipe(void)
{
    il_model *m = of_numbers("model.family=gpt2");
    il_config c = *il_model_config(m);
    il_model_free(m);
    CHECK_OK(il_config_override(&c, set, sizeof set / sizeof *set, &err));
    return c;
}

static void prompts_of_the_task_give_its_bits(void **state)
{
    (void)state;
    il_config c = recipe();
    drawing d = { .config = &c, .fails_at = UINT32_MAX };
    il_watch watch = { .context = &d, .draw = draw };
    il_trained plain, own;
    CHECK_OK(il_train(&c, in_folder("plain"), 0, NULL, &plain, &err));
    CHECK_OK(il_train(&c, in_folder("own"), 0, &watch, &own, &err));
    assert_true(plain.hash == own.hash && plain.loss == own.loss);
    assert_int_equal(d.calls, 4);
    for (int i = 0; i < d.calls; i++) {
        assert_int_equal(d.dims[i], il_ramp_at(&c.training.curriculum.dims, i));
        assert_int_equal(d.points[i], il_ramp_at(&c.training.curriculum.points, i));
    }

    /* what fails ends the training with its sentence; the run goes on from its last checkpoint */
    il_error why;
    d.calls = 0;
    d.fails_at = 2;
    assert_int_equal(il_train(&c, in_folder("broken"), 0, &watch, NULL, &why), IL_EIO);
    assert_string_equal(why.text, "no prompts for step 2");
    d.fails_at = UINT32_MAX;
    CHECK_OK(il_train(&c, in_folder("broken"), 1, &watch, &own, &err));
    assert_true(plain.hash == own.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        prompts_of_the_task_give_its_bits) };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

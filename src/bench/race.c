/* race.c - how long a recipe trains until its model is as exact as asked, beside a reference
 *
 * Both recipes are trained from their first step to their last, in turn and on the same threads, and both models
 * are asked 1,280 prompts. What counts is the error at the last point of a prompt. A recipe that does not reach the
 * error asked for has no time to it: the row fails with what it reached.
 */
#include "bench/bench.h"
#include "evaluate/evaluate.h"

static il_status open_recipe(const char *path, const char *option, il_error *err)
{
    il_config c;
    if (!path) return il_fail(err, IL_ECONFIG, "it needs the option %s", option);
    IL_TRY(il_config_read(&c, path, NULL, 0, err));
    return il_config_check(&c, err);
}

il_status il_bench_open_race(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row;
    IL_TRY(open_recipe(w->race->recipe, "recipe", err));
    return open_recipe(w->race->reference, "reference", err);
}

/* The error at the last point of a prompt */
static il_status ask(double *error, const il_model *m, il_error *err)
{
    const il_eval_options o = { .prompts = 1280, .seed = 1 };
    il_table *t;
    IL_TRY(il_eval(&t, m, &o, IL_EVAL_POINTS, err));
    *error = il_table_number(t, il_table_rows(t) - 1, il_table_find(t, "model"));
    il_table_free(t);
    return IL_OK;
}

static il_status train(il_trainer *t, const il_config *c, il_error *err)
{
    il_progress p;
    while (il_trainer_model(t)->step < c->training.train_steps)
        IL_TRY(il_trainer_step(t, 0, &p, err));
    return IL_OK;
}

static il_status race(double *error, const char *path, double most, il_error *err)
{
    il_config c;
    il_trainer *t;
    IL_TRY(il_config_read(&c, path, NULL, 0, err));
    IL_TRY(il_trainer_new(&t, &c, err));
    il_status status = train(t, &c, err);
    if (status == IL_OK) status = ask(error, il_trainer_model(t), err);
    il_trainer_free(t);
    if (status == IL_OK && !(*error <= most))
        return il_fail(
            err, IL_ENUMERIC,
            "%s reaches an error of %.4g, not %.4g: train it longer, or ask for another "
            "--error",
            path, *error, most);
    return status;
}

il_status il_bench_run_race(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row;
    return race(&w->error, w->race->recipe, w->race->error, err);
}

il_status il_bench_run_reference(const il_bench_row *row, il_bench_work *w, il_error *err)
{
    (void)row;
    double error;
    IL_TRY(race(&error, w->race->reference, w->race->error, err));
    snprintf(w->note, sizeof w->note, "the reference, error %.4f; here %.4f", error,
             w->error);
    return IL_OK;
}

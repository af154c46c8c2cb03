/* models.h - small models for tests of the public header */
#ifndef IL_MODELS_H
#define IL_MODELS_H

#include "check.h"
#include "innerloop_lab.h"

static inline il_model *new_model(const char *const *set, int n)
{
    il_config c;
    il_model *m;
    il_config_init(&c);
    CHECK_OK(il_config_override(&c, set, n, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

static inline il_model *of_numbers(void)
{
    static const char *const set[] = { "model.family=gpt2",
                                       "model.n_layer=1",
                                       "model.n_embd=8",
                                       "model.n_head=2",
                                       "model.n_dims=3",
                                       "model.n_positions=9",
                                       "training.curriculum.dims.start=2",
                                       "training.curriculum.dims.end=2",
                                       "training.curriculum.points.start=5",
                                       "training.curriculum.points.end=5" };
    return new_model(set, sizeof set / sizeof *set);
}

static inline il_model *of_recipe(const char *path)
{
    il_config c;
    il_model *m;
    CHECK_OK(il_config_read(&c, path, NULL, 0, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

#endif

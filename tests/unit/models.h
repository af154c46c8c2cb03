/* models.h - small models for tests of the public header */
#ifndef IL_MODELS_H
#define IL_MODELS_H

#include "check.h"
#include "innerloop_lab.h"

#include <string.h>

/* The keys of `base`, then those of `more`, as "a=1 b=2" */
static inline il_config config_with(const char *base, const char *more)
{
    il_config c;
    char text[2048];
    il_config_init(&c);
    snprintf(text, sizeof text, "%s %s", base, more);
    for (char *item = strtok(text, " "); item; item = strtok(NULL, " "))
        CHECK_OK(il_config_set(&c, item, &err));
    return c;
}

static inline il_model *model_with(const char *base, const char *more)
{
    il_config c = config_with(base, more);
    il_model *m;
    CHECK_OK(il_model_new(&m, &c, &err));
    return m;
}

/* 5 points of 2 dimensions */
static inline il_model *of_numbers(const char *more)
{
    return model_with("model.n_layer=1 model.n_embd=8 model.n_head=2 model.n_dims=3 "
                      "model.n_positions=9 training.curriculum.dims.start=2 "
                      "training.curriculum.dims.end=2 training.curriculum.points.start=5 "
                      "training.curriculum.points.end=5",
                      more);
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

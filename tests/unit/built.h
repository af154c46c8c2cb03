/* built.h - a built model, and room for what its test computes */
#ifndef IL_BUILT_TEST_H
#define IL_BUILT_TEST_H

#include "check.h"
#include "construct/construct.h"

#include <stdlib.h>

enum { ROOM = 1 << 22 };

static inline il_check start(const char *text, il_program_layers *layers)
{
    il_check c = { .size = ROOM, .room = calloc(ROOM, sizeof(double)) };
    il_model *m;
    CHECK_OK(il_construct_new(&m, layers, text, &err));
    c.model = m;
    return c;
}

static inline void finish(il_check *c)
{
    CHECK(c->status == IL_OK, "%s", c->error.text);
    il_model_free((il_model *)c->model);
    free(c->room);
}

/* Is "NAME" or "NAME options" of this row? */
static inline int is_of(const char *text, const il_construct *row)
{
    size_t n = strlen(row->name);
    return !strncmp(text, row->name, n) && (text[n] == ' ' || !text[n]);
}

#endif

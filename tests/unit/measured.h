/* measured.h - a measure of no model, of one or of two, with its settings in one text: "prompts=4;seed=3" */
#ifndef IL_TEST_MEASURED_H
#define IL_TEST_MEASURED_H

#include "check.h"
#include "innerloop_lab.h"

#include <string.h>

static inline il_status try_to_measure(il_table **t, const char *name, const il_model *a,
                                       const il_model *b, const char *settings, il_error *e)
{
    static const char *const names[] = { "a", "b" };
    const il_model *models[] = { a, b };
    const char *setting[16];
    char text[512];
    int n = 0, size = snprintf(text, sizeof text, "%s", settings);
    assert_true(size < (int)sizeof text);
    for (char *at = strtok(text, ";"); at; at = strtok(NULL, ";")) setting[n++] = at;
    return il_measure(t, name, models, b ? names : NULL, !a ? 0 : b ? 2 : 1, setting, n, e);
}

static inline il_table *measured(const char *name, const il_model *m, const char *settings)
{
    il_table *t = NULL;
    CHECK_OK(try_to_measure(&t, name, m, NULL, settings, &err));
    return t;
}

#endif

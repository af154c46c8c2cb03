/* construct.c - the list of constructions: building one, and verifying it */
#include "construct/construct.h"
#include "report/report.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

static const il_construct *const rows[] = {
#define IL_CONSTRUCT(name) &il_construct_##name,
#include "construct/constructs.def"
#undef IL_CONSTRUCT
};

const il_construct *il_construct_at(int i)
{
    return i >= 0 && i < IL_COUNT(rows) ? rows[i] : NULL;
}

/* "newton dims=5": the row, and its options. */
static il_status parse(const il_construct **row, void *opts, const char *text,
                       il_error *err)
{
    const char *names[IL_COUNT(rows)];
    char name[IL_TEXT];
    size_t length = strcspn(text, " ");
    snprintf(name, sizeof name, "%.*s", (int)(length < 100 ? length : 100), text);
    for (int i = 0; i < IL_COUNT(rows); i++) {
        names[i] = rows[i]->name;
        if (strcmp(name, names[i])) continue;
        *row = rows[i];
        assert(rows[i]->size <= IL_CONSTRUCT_OPTS);
        il_opt_init(rows[i]->opts, opts);
        return il_opt_parse(rows[i]->opts, opts, text + length, name, err);
    }
    return il_fail(err, IL_ECONFIG, "there is no construction '%s'%s", il_show(name).text,
                   il_advise(name, names, IL_COUNT(rows), "").text);
}

il_status il_construct_build(il_model **model, const il_construct *c, const void *opts,
                             il_program_layers *layers, il_error *err)
{
    il_program *p;
    char options[512];
    size_t at = 0;
    IL_TRY(il_program_new(&p, err));
    options[0] = 0;
    for (const il_opt *o = c->opts; o && o->type != IL_OPT_END && at < sizeof options;
         o++) {
        char value[IL_TEXT];
        il_opt_print(o, opts, value, sizeof value);
        at += (size_t)snprintf(options + at, sizeof options - at, " %s=%s", o->name, value);
    }
    il_program_title(p, "%s%s\n%s. %s", c->name, options, c->summary, c->source);
    c->compose(p, opts);
    il_status status = il_assemble(model, p, layers, err);
    il_program_free(p);
    return status;
}

il_status il_construct_new(il_model **model, il_program_layers *layers, const char *text,
                           il_error *err)
{
    double opts[IL_CONSTRUCT_OPTS / sizeof(double)];
    const il_construct *row;
    IL_TRY(parse(&row, opts, text, err));
    return il_construct_build(model, row, opts, layers, err);
}

il_status il_build(il_model **model, const char *text, il_error *err)
{
    IL_GIVEN(err, "model text", model, text);
    return il_construct_new(model, NULL, text, err);
}

enum { ROOM = 1 << 22 }; /* numbers that a verification can take */

void il_check_row(il_check *c, const char *size, double condition, int steps, double error,
                  double exact, double stated)
{
    if (c->status != IL_OK) return;
    if (sizeof(il_real) == 4) stated *= 0x1p29; /* the ratio of the two precisions */
    int ok =
        error <= stated && (isnan(condition) || (condition > 0 && isfinite(condition)));
    const char *texts[] = { size, ok ? "yes" : "NO" };
    const double numbers[] = { condition, steps, error, exact, stated };
    c->status = il_table_add(c->table, texts, numbers, &c->error);
    c->failed += !ok;
}

void il_check_refuse(il_check *c, const char *format, ...)
{
    va_list args;
    char text[512];
    if (c->status != IL_OK) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->status = il_fail(&c->error, IL_ECONFIG, "%s", text);
}

il_status il_check_all(il_check *c, const il_construct *row, const void *opts)
{
    IL_TRY(il_table_add_cols(c->table, "size$ condition steps error exact stated ok$",
                             &c->error));
    IL_TRY(il_table_set_caption(c->table,
                                "largest relative error of the model against the algorithm "
                                "it runs, and against the exact solution",
                                &c->error));
    row->verify(c, opts);
    return c->status;
}

il_status il_build_verify(il_table **table, int *failed, const char *text, il_error *err)
{
    IL_GIVEN(err, "table failed text", table, failed, text);
    double opts[IL_CONSTRUCT_OPTS / sizeof(double)];
    const il_construct *row;
    il_model *model;
    IL_TRY(parse(&row, opts, text, err));
    IL_TRY(il_construct_build(&model, row, opts, NULL, err));
    il_check c = { .model = model, .size = ROOM };
    c.room = calloc(ROOM, sizeof *c.room);
    il_status status = c.room ? il_table_new(&c.table, "verification", &c.error)
                              : il_fail(&c.error, IL_EFAIL, "out of memory to verify");
    if (status == IL_OK) status = il_check_all(&c, row, opts);
    il_model_free(model);
    free(c.room);
    *failed = c.failed;
    if (status != IL_OK) il_fail(err, status, "%s", c.error.text);
    return il_table_hand_over(table, c.table, status);
}

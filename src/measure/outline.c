/* outline.c - the table of a measure: what is known of it before a model is trained, then all of it */
#include "measure/measure.h"

enum { LONGEST = 65536 };

static il_status add_row(il_table *table, il_error *err)
{
    if (il_table_rows(table) == LONGEST)
        return il_fail(err, IL_ECONFIG, "its table has more than %d rows", LONGEST);
    return il_table_add_row(table, err);
}

il_status il_outline_name(il_table *table, const char *name, il_error *err)
{
    IL_TRY(add_row(table, err));
    return il_table_set_text(table, il_table_rows(table) - 1, 0, name, err);
}

il_status il_outline_number(il_table *table, double number, il_error *err)
{
    IL_TRY(add_row(table, err));
    il_table_set(table, il_table_rows(table) - 1, 0, number);
    return IL_OK;
}

il_status il_outline_subjects(il_table *table, const il_subject *subject, int n,
                              il_error *err)
{
    for (int i = 0; i < n; i++) IL_TRY(il_outline_name(table, subject[i].name, err));
    return IL_OK;
}

il_status il_outline_one(const char *measure, int n, il_error *err)
{
    if (n == 1) return IL_OK;
    return il_fail(err, IL_ECONFIG, "%s measures one model, not %d; name it in `models`",
                   measure, n);
}

void il_claim_set(il_table *table, int row, const double *numbers, int n)
{
    for (int i = 0; i < n; i++) il_table_set(table, row, 1 + i, numbers[i]);
}

il_status il_measure_outline(il_table **out, const il_measure *measure, const void *opts,
                             const il_subject *subject, int n, const char *name,
                             il_error *err)
{
    il_table *table;
    IL_TRY(il_table_new(&table, name, err));
    il_status status = IL_OK;
    if (measure->columns) status = il_table_add_cols(table, measure->columns, err);
    if (!status)
        status = measure->outline ? measure->outline(table, opts, subject, n, err)
                                  : il_outline_subjects(table, subject, n, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

il_status il_measure_table(il_table **out, const il_measure *measure, const void *opts,
                           const il_subject *subject, int n, const char *name,
                           il_error *err)
{
    il_table *table;
    IL_TRY(il_measure_outline(&table, measure, opts, subject, n, name, err));
    il_status status = measure->fill(table, opts, subject, n, err);
    if (status)
        il_table_free(table);
    else
        *out = table;
    return status;
}

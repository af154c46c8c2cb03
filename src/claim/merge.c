/* merge.c - one table of several: the same rows, the columns of each */
#include "claim/claim.h"

il_status il_claim_add_column(il_table *table, const il_table *source, int from,
                              const char *name, il_error *err)
{
    int col = il_table_cols(table), rows = il_table_rows(source);
    IL_TRY(il_table_add_col(table, name, il_table_is_text(source, from), err));
    while (col == 0 && il_table_rows(table) < rows) IL_TRY(il_table_add_row(table, err));
    if (il_table_rows(table) != rows)
        return il_fail(err, IL_ECONFIG, "%s has %d rows where others have %d", name, rows,
                       il_table_rows(table));
    for (int r = 0; r < rows; r++) {
        if (il_table_is_text(source, from))
            IL_TRY(il_table_set_text(table, r, col, il_table_text(source, r, from), err));
        else
            il_table_set(table, r, col, il_table_number(source, r, from));
    }
    return IL_OK;
}

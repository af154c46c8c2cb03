/* shift.c - the list of shifts, and the reading of "scaled_x=2" */
#include "task/task.h"

static const il_shift *const rows[] = {
#define IL_SHIFT(name) &il_shift_##name,
#include "task/shifts.def"
#undef IL_SHIFT
};

const il_shift *il_shift_at(int i) { return i >= 0 && i < IL_COUNT(rows) ? rows[i] : NULL; }

static const il_shift *find(const char *name)
{
    for (int i = 0; i < IL_COUNT(rows); i++)
        if (!strcmp(rows[i]->name, name) ||
            (rows[i]->alias && !strcmp(rows[i]->alias, name)))
            return rows[i];
    return NULL;
}

static il_status unknown(const char *name, il_error *err)
{
    const char *names[IL_COUNT(rows)];
    for (int i = 0; i < IL_COUNT(rows); i++) names[i] = rows[i]->name;
    return il_fail(err, IL_ECONFIG, "there is no shift '%s'%s", name,
                   il_advise(name, names, IL_COUNT(rows), "; see the list of shifts").text);
}

il_status il_shift_parse(const il_shift **shift, double *value, const char *text,
                         il_error *err)
{
    *shift = NULL;
    *value = 0;
    if (!text || !strcmp(text, "standard")) return IL_OK;
    char name[IL_TEXT];
    size_t length = strcspn(text, "=");
    if (length >= sizeof name)
        return il_fail(err, IL_ECONFIG, "a shift's name is too long");
    memcpy(name, text, length);
    name[length] = 0;
    const il_shift *found = find(name);
    if (!found) return unknown(name, err);
    if (found->opts) {
        il_opt_init(found->opts, value);
        if (text[length])
            IL_TRY(il_opt_set(found->opts, value, name, text + length + 1, err));
    } else if (text[length]) {
        return il_fail(err, IL_ECONFIG, "the shift '%s' takes no value", name);
    }
    *shift = found;
    return IL_OK;
}

/* optimizer.c - the list of optimisers */
#include "optimizer/optimizer.h"

static const il_optimizer *const rows[] = {
#define IL_OPTIMIZER(name) &il_optimizer_##name,
#include "optimizer/optimizers.def"
#undef IL_OPTIMIZER
};

const il_optimizer *il_optimizer_at(int i)
{
    return i >= 0 && i < IL_COUNT(rows) ? rows[i] : NULL;
}

const il_optimizer *il_optimizer_find(const char *name)
{
    for (int i = 0; name && i < IL_COUNT(rows); i++)
        if (!strcmp(rows[i]->name, name)) return rows[i];
    return NULL;
}

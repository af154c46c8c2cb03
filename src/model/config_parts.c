/* config_parts.c - the parts of a recipe that have options of their own: task and optimiser (see config.h) */
#include "model/config.h"

static const char *task_row(int i, const il_opt **opts)
{
    const il_task *row = il_task_at(i);
    *opts = row ? row->opts : NULL;
    return row ? row->name : NULL;
}

static const char *optimizer_row(int i, const il_opt **opts)
{
    const il_optimizer *row = il_optimizer_at(i);
    *opts = row ? row->opts : NULL;
    return row ? row->name : NULL;
}

#define TRAINING(field) offsetof(il_config, training.field)
static const struct {
    const char *key, *what;
    const char *(*row)(int i, const il_opt **opts);
    size_t name, opts, room; /* where they are in a recipe */
} parts[IL_CONFIG_PARTS] = {
    { "training.task_name", "task", task_row, TRAINING(task_name), TRAINING(task_opts),
      sizeof(double) * IL_TASK_OPTS },
    { "training.optimizer", "optimizer", optimizer_row, TRAINING(optimizer),
      TRAINING(optimizer_opts), sizeof(double) * IL_OPTIMIZER_OPTS },
};

int il_config_part_named(const char *key)
{
    for (int part = 0; part < IL_CONFIG_PARTS; part++)
        if (!strcmp(parts[part].key, key)) return part;
    return -1;
}

const char *il_config_part_row(int part, int i, const il_opt **opts)
{
    return parts[part].row(i, opts);
}

il_config_part il_config_part_of(const il_config *config, int part)
{
    char *base = (char *)config;
    const char *name;
    const il_opt *opts;
    il_config_part p = { .key = parts[part].key,
                         .what = parts[part].what,
                         .name = base + parts[part].name,
                         .target = base + parts[part].opts,
                         .room = parts[part].room };
    for (int i = 0; !p.known && (name = il_config_part_row(part, i, &opts)); i++)
        if (!strcmp(name, p.name)) {
            p.known = 1;
            p.opts = opts;
        }
    return p;
}

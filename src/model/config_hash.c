/* config_hash.c - a recipe's name for its run: FNV-1a of all keys that the run's files depend on
 *
 * A key at its default is left out, so that a later version's new keys change no name.
 */
#include "model/model.h"

static int is_free(const char *key)
{
    static const char *const keys[] = { "training.save_every_steps",
                                        "training.log_every_steps", "training.recompute",
                                        "out_dir" };
    for (int i = 0; i < IL_COUNT(keys); i++)
        if (!strcmp(key, keys[i])) return 1;
    return 0;
}

static uint64_t hash_options(uint64_t hash, const il_opt *table, const void *target,
                             const void *defaults)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char value[IL_TEXT];
        if (is_free(o->name) || il_opt_equal(o, target, defaults)) continue;
        il_opt_print(o, target, value, sizeof value);
        hash = il_hash(hash, o->name, strlen(o->name) + 1);
        hash = il_hash(hash, value, strlen(value) + 1);
    }
    return hash;
}

uint64_t il_config_hash(const il_config *config)
{
    if (!config) return 0;
    const il_task *task = il_task_find(config->training.task_name);
    il_config start;
    double opts[IL_TASK_OPTS];
    il_config_init(&start);
    uint64_t hash = hash_options(IL_HASH_START, il_config_opts(), config, &start);
    if (!task) return hash;
    il_opt_init(task->opts, opts);
    return hash_options(hash, task->opts, config->training.task_opts, opts);
}

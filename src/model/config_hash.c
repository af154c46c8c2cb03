/* config_hash.c - the hash by which a recipe's runs are known: FNV-1a of all keys that a run's files depend on
 *
 * A key at its default is left out, so that a later version's new keys change no hash. The optimiser's
 * options stand behind its name, the task's behind all else and without `training.`.
 */
#include "model/config.h"

static int is_free(const char *key)
{
    static const char *const keys[] = { "training.save_every_steps",
                                        "training.log_every_steps",
                                        "training.eval_every_steps", "training.recompute",
                                        "out_dir" };
    for (int i = 0; i < IL_COUNT(keys); i++)
        if (!strcmp(key, keys[i])) return 1;
    return 0;
}

static uint64_t hash_option(uint64_t hash, const char *prefix, const il_opt *o,
                            const void *target, const void *defaults)
{
    char name[2 * IL_TEXT], value[IL_TEXT];
    if (is_free(o->name) || il_opt_equal(o, target, defaults)) return hash;
    snprintf(name, sizeof name, "%s%s", prefix, o->name);
    il_opt_print(o, target, value, sizeof value);
    hash = il_hash(hash, name, strlen(name) + 1);
    return il_hash(hash, value, strlen(value) + 1);
}

static uint64_t hash_part(uint64_t hash, const char *prefix, il_config_part p)
{
    double defaults[IL_TASK_OPTS]; /* the largest part's room */
    il_opt_init(p.opts, defaults);
    for (const il_opt *o = p.opts; o && o->type != IL_OPT_END; o++)
        hash = hash_option(hash, prefix, o, p.target, defaults);
    return hash;
}

uint64_t il_config_hash(const il_config *config)
{
    if (!config) return 0;
    il_config start;
    il_config_part optimizer = il_config_part_of(config, IL_CONFIG_OPTIMIZER);
    uint64_t hash = IL_HASH_START;
    il_config_init(&start);
    for (const il_opt *o = il_config_opts(); o->type != IL_OPT_END; o++) {
        hash = hash_option(hash, "", o, config, &start);
        if (!strcmp(o->name, optimizer.key)) hash = hash_part(hash, "training.", optimizer);
    }
    return hash_part(hash, "", il_config_part_of(config, IL_CONFIG_TASK));
}

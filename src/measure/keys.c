/* keys.c - checks the options of measures that name algorithms, tasks, shifts, families or probe targets
 *
 * An option has one meaning in every measure that has it: `against` are algorithms, `data` distributions of
 * inputs.
 */
#include "measure/measure.h"
#include "measure/targets.h"

static il_status check_algo(const char *text, il_error *err)
{
    il_algo *algo;
    IL_TRY(il_algo_new(&algo, text, err));
    il_algo_free(algo);
    return IL_OK;
}

static il_status check_shift(const char *text, il_error *err)
{
    const il_shift *shift;
    double value;
    return il_shift_parse(&shift, &value, text, err);
}

static il_status check_data(const char *text, il_error *err)
{
    char word[IL_TEXT];
    while (il_item_next(word, &text, ","))
        if (strcmp(word, "isotropic")) IL_TRY(check_shift(word, err));
    return IL_OK;
}

static il_status check_shifts(const char *text, il_error *err)
{
    char word[IL_TEXT];
    while (il_item_next(word, &text, ",")) IL_TRY(check_shift(word, err));
    return IL_OK;
}

static il_status check_family(const char *text, il_error *err)
{
    const char *names[64];
    int n = 0;
    for (; n < 64 && il_explain_family_at(n); n++) {
        names[n] = il_explain_family_at(n)->name;
        if (!strcmp(names[n], text)) return IL_OK;
    }
    return il_fail(err, IL_ECONFIG, "there is no family '%s'%s", il_show(text).text,
                   il_advise(text, names, n, "; docs/explain.md lists them").text);
}

static il_status check_targets(const char *text, il_error *err)
{
    char name[IL_TEXT];
    il_target target;
    while (il_item_next(name, &text, " ,")) IL_TRY(il_target_find(&target, name, err));
    return IL_OK;
}

il_status il_measure_check_key(const char *key, const char *value, il_error *err)
{
    static const struct {
        const char *key;
        il_status (*check)(const char *value, il_error *err);
    } keys[] = {
        { "a", check_algo },
        { "b", check_algo },
        { "algo", check_algo },
        { "control", check_algo },
        { "less", check_algo },
        { "against", il_eval_check_against },
        { "task", il_task_prompts_check },
        { "shift", check_shift },
        { "shifts", check_shifts },
        { "data", check_data },
        { "family", check_family },
        { "target", check_targets },
    };
    for (int i = 0; i < IL_COUNT(keys) && *value; i++)
        if (!strcmp(keys[i].key, key)) return keys[i].check(value, err);
    return IL_OK;
}

/* keys.c - a measure's keys of text
 *
 * A key of text means the same in every measure that has it: `against` are algorithms, `data` kinds of
 * inputs.
 */
#include "measure/measure.h"
#include "measure/probing.h"

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
    for (int more = 1; more;) {
        char word[IL_TEXT];
        text += strspn(text, " ");
        size_t size = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)size, text);
        if (strcmp(word, "isotropic")) IL_TRY(check_shift(word, err));
        more = text[size] == ',';
        text += size + (size_t)more;
    }
    return IL_OK;
}

static il_status check_family(const char *text, il_error *err)
{
    const char *names[64];
    int n = 0;
    for (; n < 64 && il_family_at(n); n++) {
        names[n] = il_family_at(n)->name;
        if (!strcmp(names[n], text)) return IL_OK;
    }
    const char *near = il_nearest(text, names, n);
    return il_fail(err, IL_ECONFIG, "there is no family '%s'%s%s%s", il_show(text).text,
                   near ? "; did you mean '" : "; docs/explain.md lists them",
                   near ? near : "", near ? "'?" : "");
}

static il_status check_reading(const char *text, il_error *err)
{
    if (!strcmp(text, "auto") || !strcmp(text, "lens") || !strcmp(text, "probe"))
        return IL_OK;
    return il_fail(err, IL_ECONFIG, "reading = '%s' is not auto, lens or probe",
                   il_show(text).text);
}

static il_status check_target(const char *text, il_error *err)
{
    il_target target;
    if (!strcmp(text, "next") || !strcmp(text, "control")) return IL_OK;
    return il_target_find(&target, text, err);
}

il_status il_claim_check_key(const char *key, const char *value, il_error *err)
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
        { "task", il_claim_check_task },
        { "shift", check_shift },
        { "data", check_data },
        { "family", check_family },
        { "reading", check_reading },
        { "what", check_target },
    };
    for (int i = 0; i < IL_COUNT(keys) && *value; i++)
        if (!strcmp(keys[i].key, key)) return keys[i].check(value, err);
    return IL_OK;
}

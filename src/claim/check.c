/* check.c - what of a claim can be known wrong before a model is trained for it
 *
 * A key of text means the same in every measure that has it: `against` are algorithms, `data` kinds of
 * inputs. A row names a column of its measure: one of those that it always has or, of an evaluation
 * (which has a key `against`), of its models and algorithms; and rows of it by numbers or, where the
 * first column is `model`, by names.
 */
#include "analysis/probing.h"
#include "claim/claim.h"

/* ---- a key of a measure ------------------------------------------------------------------------ */

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

/* ---- a row -------------------------------------------------------------------------------------- */

/* The columns that a table may be read at */
enum { ROOM = 128 };
typedef struct {
    int n;
    char name[ROOM][2 * IL_TEXT];
} column_list;

static void add(column_list *to, const char *name, int size, const char *end)
{
    if (to->n < ROOM)
        snprintf(to->name[to->n++], sizeof *to->name, "%.*s%s", size, name, end);
}

/* A key's text; "" where the measure has none. */
static const char *text_of(const il_claim_measured *t, const char *key)
{
    const il_opt *o = il_opt_find(t->measure->opts, key);
    return o ? (const char *)t->opts + o->offset : "";
}

static int is_of_classes(const char *text)
{
    char name[IL_TEXT];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
    const il_task *task = il_task_find(name);
    return task && task->ids;
}

/* Are answers classes? Then an evaluation has columns of its own. */
static int of_classes(const il_claim *c, const il_claim_measured *t)
{
    int some = is_of_classes(text_of(t, "task"));
    for (int i = 0; i < t->n_subjects && !*text_of(t, "task"); i++)
        some |= is_of_classes(c->model[t->subject[i]].config.training.task_name);
    return some;
}

/* Of an evaluation: NAME, NAME_low, NAME_high of every model, and what it is beside */
static void add_evaluation(column_list *to, const il_claim *c, const il_claim_measured *t)
{
    static const char *const ends[] = { "", "_low", "_high" };
    const char *text = text_of(t, "against");
    add(to, t->measure == &il_measure_loops ? "loop" : "k", IL_TEXT, "");
    for (int i = 0; i < t->n_subjects; i++)
        for (int e = 0; e < IL_COUNT(ends); e++)
            add(to, c->model[t->subject[i]].name, IL_TEXT, ends[e]);
    while (*text) {
        text += strspn(text, " ");
        int size = (int)strcspn(text, ",");
        add(to, text, size, "");
        text += size + (text[size] == ',');
    }
}

static void add_fixed(column_list *to, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, " ");
        if (text[size - 1] != '$') add(to, text, (int)size, "");
        text += size + (text[size] == ' ');
    }
}

static il_status check_column(const char *key, const char *name, const il_claim *c,
                              const il_claim_measured *t, il_error *err)
{
    column_list all = { 0 };
    const char *names[ROOM];
    int evaluates = il_opt_find(t->measure->opts, "against") != NULL;
    if (t->measure->columns) add_fixed(&all, t->measure->columns);
    if (evaluates && !of_classes(c, t)) add_evaluation(&all, c, t);
    if (!all.n || !*name) return IL_OK;
    for (int i = 0; i < all.n; i++) {
        names[i] = all.name[i];
        if (!strcmp(names[i], name)) return IL_OK;
    }
    const char *near = il_nearest(name, names, all.n);
    return il_fail(err, IL_ECONFIG, "%s = '%s' is no column of numbers of %s%s%s%s", key,
                   il_show(name).text, t->name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

/* "7", "3..10" */
static int is_range(const char *at)
{
    const char *dots = strstr(at, "..");
    char first[IL_TEXT];
    double x;
    snprintf(first, sizeof first, "%.*s", dots ? (int)(dots - at) : (int)strlen(at), at);
    return il_number_parse(first, &x) && (!dots || il_number_parse(dots + 2, &x));
}

static il_status check_at(const char *key, const char *at, const il_claim *c,
                          const il_claim_measured *t, il_error *err)
{
    const char *columns = t->measure->columns ? t->measure->columns : "";
    int models = !strncmp(columns, "model$", 6);
    const char *names[IL_CLAIM_MODELS];
    if (!*at || !strcmp(at, "all")) return IL_OK;
    if (!models && columns[strcspn(columns, " $")] == '$') return IL_OK;
    if (!models && is_range(at)) return IL_OK;
    if (!models)
        return il_fail(err, IL_ECONFIG,
                       "%s = '%s' is no number, range (3..10) or the word all", key,
                       il_show(at).text);
    for (int i = 0; i < t->n_subjects; i++) {
        names[i] = c->model[t->subject[i]].name;
        if (!strcmp(names[i], at)) return IL_OK;
    }
    const char *near = il_nearest(at, names, t->n_subjects);
    return il_fail(err, IL_ECONFIG, "%s = '%s' is none of the models of %s%s%s%s", key,
                   il_show(at).text, t->name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

il_status il_claim_check_row(const il_claim *c, const il_claim_row *row, il_error *err)
{
    const il_claim_measured *t = &c->table[row->table];
    IL_TRY(check_column("column", row->column, c, t, err));
    IL_TRY(check_column("minus", row->minus, c, t, err));
    IL_TRY(check_column("over", row->over, c, t, err));
    IL_TRY(check_at("at", row->at, c, t, err));
    return check_at("over_at", row->over_at, c, t, err);
}

/* read.c - fills a claim from its parsed YAML, and checks its keys
 *
 *   title, paper, reduced, minutes, seeds, one_seed
 *   models.NAME.recipe          a recipe, relative to this file; every other key beneath NAME
 *                               is a key of that recipe, and replaces its value
 *   measures.NAME.measure       a row of measures.def; its options stand beside it
 *   rows.NAME.read              one of the measures; column, at, take say which number
 *
 * Names may be used before they are given, so keys that others depend on are read first.
 */
#include "claim/claim.h"

#include <math.h>
#include <stdlib.h>

#define KEY(type, struct_, field, init, min, max, help, words)                             \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(struct_, field), init, min, max, help, words       \
    }
#define HEAD(type, field, help)                                                            \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(il_claim, head.field), 0, 0, 1e6, help, NULL       \
    }

/* clang-format off */
static const il_opt head_opts[] = {
    HEAD(TEXT, title, "what is claimed, in a line"),
    HEAD(TEXT, paper, "where: arXiv number and place"),
    HEAD(TEXT, reduced, "what is smaller than in the paper; left out: nothing"),
    HEAD(REAL, minutes, "on two cores, with training, all seeds together"),
    HEAD(TEXT, seeds, "from which every model is trained: [1, 2, 3]"),
    HEAD(TEXT, one_seed, "why models are trained from their recipes' seeds alone, with minutes"),
    { 0 },
};

static const il_opt common_opts[] = {
    { "measure", IL_OPT_TEXT, offsetof(il_claim_common, kind), 0, 0, 0, "what is measured", NULL },
    KEY(TEXT, il_claim_common, models, 0, 0, 0, "of which models; left out: of all", NULL),
    KEY(BOOL, il_claim_common, draw, 1, 0, 1, "whether the table is drawn", NULL),
    KEY(BOOL, il_claim_common, log_x, 0, 0, 1, "logarithmic x", NULL),
    KEY(BOOL, il_claim_common, log_y, 1, 0, 1, "logarithmic y", NULL),
    KEY(TEXT, il_claim_common, title, 0, 0, 0, "of the figure; left out: the claim's", NULL),
    KEY(TEXT, il_claim_common, x_label, 0, 0, 0, "of the figure", NULL),
    KEY(TEXT, il_claim_common, y_label, 0, 0, 0, "of the figure", NULL),
    KEY(TEXT, il_claim_common, marker, 0, 0, 0, "label of a vertical line", NULL),
    KEY(REAL, il_claim_common, marker_x, 0, -1e9, 1e9, "where it stands", NULL),
    { 0 },
};

static const il_opt row_opts[] = {
    KEY(TEXT, il_claim_row, claim, 0, 0, 0, "what is claimed, in a line", NULL),
    KEY(TEXT, il_claim_row, paper, 0, 0, 0, "what the paper says", "-"),
    { "short", IL_OPT_TEXT, offsetof(il_claim_row, falls_short), 0, 0, 0, "why it falls short of the paper; its bounds are then its own", NULL },
    KEY(TEXT, il_claim_row, read, 0, 0, 0, "the measure it is read from", NULL),
    KEY(TEXT, il_claim_row, column, 0, 0, 0, "the column", NULL),
    KEY(TEXT, il_claim_row, minus, 0, 0, 0, "a column that is subtracted", NULL),
    KEY(TEXT, il_claim_row, over, 0, 0, 0, "a column that it is divided by", NULL),
    KEY(TEXT, il_claim_row, at, 0, 0, 0, "rows by their first column: 10, 1..4, a word, all", "all"),
    KEY(TEXT, il_claim_row, over_at, 0, 0, 0, "and divided by the mean over these rows", NULL),
    KEY(CHOICE, il_claim_row, take, 0, 0, 0, "of these rows", "mean|most|least|slope"),
    KEY(REAL, il_claim_row, times, 1, -1e9, 1e9, "and multiplied by it", NULL),
    KEY(REAL, il_claim_row, expect, NAN, -1e300, 1e300, "the value, within or percent beside it", NULL),
    KEY(REAL, il_claim_row, within, NAN, 0, 1e300, "tolerance of expect", NULL),
    KEY(REAL, il_claim_row, percent, NAN, 0, 1e300, "tolerance of expect, in percent of it", NULL),
    KEY(REAL, il_claim_row, least, NAN, -1e300, 1e300, "a bound from below", NULL),
    KEY(REAL, il_claim_row, most, NAN, -1e300, 1e300, "a bound from above", NULL),
    { 0 },
};
/* clang-format on */

const il_opt *il_claim_opts(const char *part)
{
    if (!part) return head_opts;
    return !strcmp(part, "measures") ? common_opts
           : !strcmp(part, "rows")   ? row_opts
                                     : NULL;
}

/* ---- keys ------------------------------------------------------------------------------------- */

/* A key with up to two names before it: "rows.NAME.KEY" */
typedef struct {
    const il_leaf *leaf;
    char group[IL_TEXT], name[IL_TEXT];
    const char *key; /* the rest of the path */
} place;

il_status il_claim_fail(const il_leaf *leaf, il_error *err, const char *format, ...)
{
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return il_fail(err, IL_ECONFIG, "%s:%d:%d: %s", leaf->file, leaf->line, leaf->column,
                   what);
}

static il_status unknown(const il_leaf *leaf, const char *key, const char *what,
                         const char *const *names, int n, il_error *err)
{
    return il_claim_fail(leaf, err, "there is no %s '%s'%s", what, il_show(key).text,
                         il_advise(key, names, n, "; docs/reproduce.md lists them").text);
}

static int add_names(const char **names, int n, int room, const il_opt *table)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END && n < room; o++)
        names[n++] = o->name;
    return n;
}

/* Splits a path; a name of its own is one word of letters, digits, - and _. */
static il_status split(place *at, const il_leaf *leaf, il_error *err)
{
    static const char *const groups[] = { "models", "measures", "rows" };
    static const char fit[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *dot = strchr(leaf->path, '.');
    *at = (place){ .leaf = leaf, .key = leaf->path };
    if (!dot) return IL_OK;
    snprintf(at->group, IL_TEXT, "%.*s", (int)(dot - leaf->path), leaf->path);
    int known = 0;
    for (int i = 0; i < IL_COUNT(groups); i++) known |= !strcmp(groups[i], at->group);
    if (!known) return unknown(leaf, at->group, "key", groups, IL_COUNT(groups), err);
    const char *name = dot + 1, *end = strchr(name, '.');
    size_t size = end ? (size_t)(end - name) : strlen(name);
    if (!end)
        return il_claim_fail(leaf, err, "%s needs keys of its own beneath it",
                             il_show(leaf->path).text);
    if (size > 48 || strspn(name, fit) < size || !size)
        return il_claim_fail(leaf, err,
                             "'%s' is not a name: letters, digits, - and _, at most 48",
                             il_show(name).text);
    snprintf(at->name, IL_TEXT, "%.*s", (int)size, name);
    at->key = end + 1;
    return IL_OK;
}

static il_status set(const il_opt *o, void *target, const il_leaf *leaf, il_error *err)
{
    il_error inner = { 0 };
    const char *value = leaf->value;
    size_t size = value ? strlen(value) : 0;
    if (!value)
        return il_claim_fail(leaf, err, "%s has no value; write one, or take the line out",
                             il_show(leaf->path).text);
    if (size >= IL_TEXT || il_utf8_bad(value, size) < size || strpbrk(value, "\t\r\n"))
        return il_claim_fail(leaf, err, "%s must be one line of text, at most %d bytes",
                             il_show(leaf->path).text, IL_TEXT - 1);
    if (il_opt_set(o, target, leaf->path, value, &inner))
        return il_claim_fail(leaf, err, "%s", inner.text);
    return IL_OK;
}

/* ---- models ----------------------------------------------------------------------------------- */

static int find_model(const il_claim *c, const char *name)
{
    int i = 0;
    while (i < c->models && strcmp(c->model[i].name, name)) i++;
    return i < c->models ? i : -1;
}

static il_status add_model(il_claim *c, const place *at, il_error *err)
{
    if (find_model(c, at->name) >= 0) return IL_OK;
    if (c->models == IL_CLAIM_MODELS)
        return il_claim_fail(at->leaf, err, "a claim has at most %d models",
                             IL_CLAIM_MODELS);
    il_claim_subject *m = &c->model[c->models++];
    snprintf(m->name, IL_TEXT, "%s", at->name);
    il_config_init(&m->config);
    return IL_OK;
}

static il_status read_recipe(il_claim *c, const place *at, int from_file, il_error *err)
{
    const il_leaf *leaf = at->leaf;
    const char *slash = strrchr(leaf->file, '/');
    char path[4096];
    il_error inner = { 0 };
    if (!from_file)
        return il_claim_fail(leaf, err, "recipe is not possible here, only in a file");
    if (!leaf->value || !*leaf->value)
        return il_claim_fail(leaf, err, "recipe needs the name of a file");
    int folder = slash && *leaf->value != '/' ? (int)(slash - leaf->file) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*s%s", folder, leaf->file, leaf->value) >=
        (int)sizeof path)
        return il_claim_fail(leaf, err, "the path of the recipe is too long");
    il_status status =
        il_config_read(&c->model[find_model(c, at->name)].config, path, NULL, 0, &inner);
    if (status == IL_EIO) /* as of what a recipe inherits */
        return il_fail(err, status, "%s:%d:%d: recipe: %s", leaf->file, leaf->line,
                       leaf->column, inner.text);
    return status ? il_fail(err, status, "%s", inner.text) : IL_OK;
}

static il_status override(il_claim *c, const place *at, il_error *err)
{
    const il_leaf *leaf = at->leaf;
    il_error inner = { 0 };
    if (!leaf->value)
        return il_claim_fail(leaf, err, "%s has no value; write one, or take the line out",
                             il_show(leaf->path).text);
    size_t size = strlen(at->key) + strlen(leaf->value) + 2;
    char *text = malloc(size);
    if (!text) return il_fail(err, IL_EFAIL, "%s: out of memory", leaf->file);
    snprintf(text, size, "%s=%s", at->key, leaf->value);
    il_status status =
        il_config_set(&c->model[find_model(c, at->name)].config, text, &inner);
    free(text);
    return status ? il_claim_fail(leaf, err, "%s", inner.text) : IL_OK;
}

/* Recipes first, then their tasks, on whose options other keys depend, then the rest. */
static il_status read_models(il_claim *c, const place *all, int n, int from_file,
                             il_error *err)
{
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < n; i++) {
            const place *at = all + i;
            if (strcmp(at->group, "models")) continue;
            int turn = !strcmp(at->key, "recipe")               ? 0
                       : !strcmp(at->key, "training.task_name") ? 1
                                                                : 2;
            if (!pass) IL_TRY(add_model(c, at, err));
            if (!pass && !strcmp(at->key, "training.seed"))
                c->model[find_model(c, at->name)].seed_leaf = at->leaf;
            if (turn != pass) continue;
            IL_TRY(turn ? override(c, at, err) : read_recipe(c, at, from_file, err));
        }
    for (int i = 0; i < c->models; i++) {
        il_error inner = { 0 };
        il_status status = il_config_check(&c->model[i].config, &inner);
        if (status)
            return il_fail(err, status, "%s: models.%s: %s", c->name, c->model[i].name,
                           inner.text);
    }
    return IL_OK;
}

/* ---- measures --------------------------------------------------------------------------------- */

static int find_table(const il_claim *c, const char *name)
{
    int i = 0;
    while (i < c->tables && strcmp(c->table[i].name, name)) i++;
    return i < c->tables ? i : -1;
}

static il_status add_table(il_claim *c, const place *at, il_error *err)
{
    il_error inner = { 0 };
    if (c->tables == IL_CLAIM_TABLES)
        return il_claim_fail(at->leaf, err, "a claim has at most %d measures",
                             IL_CLAIM_TABLES);
    il_claim_measured *t = &c->table[c->tables];
    snprintf(t->name, IL_TEXT, "%s", at->name);
    t->kind_leaf = at->leaf;
    il_opt_init(common_opts, &t->common);
    IL_TRY(set(il_opt_find(common_opts, "measure"), &t->common, at->leaf, err));
    if (il_measure_find(&t->measure, t->common.kind, &inner))
        return il_claim_fail(at->leaf, err, "%s", inner.text);
    t->opts = calloc(1, t->measure->size ? t->measure->size : 1);
    if (!t->opts) return il_fail(err, IL_EFAIL, "%s: out of memory", at->leaf->file);
    il_opt_init(t->measure->opts, t->opts);
    c->tables++;
    return IL_OK;
}

static il_status set_table(il_claim *c, const place *at, il_error *err)
{
    int i = find_table(c, at->name);
    if (i < 0)
        return il_claim_fail(
            at->leaf, err,
            "measures.%s lacks the key `measure`; innerloop list measures has them all",
            at->name);
    il_claim_measured *t = &c->table[i];
    const il_opt *o = il_opt_find(common_opts, at->key);
    if (!strcmp(at->key, "models")) t->models_leaf = at->leaf;
    if (o) return set(o, &t->common, at->leaf, err);
    o = il_opt_find(t->measure->opts, at->key);
    if (o) {
        il_error inner = { 0 };
        IL_TRY(set(o, t->opts, at->leaf, err));
        if (o->type != IL_OPT_TEXT && o->type != IL_OPT_STRING) return IL_OK;
        il_status status = il_measure_check_key(at->key, at->leaf->value, &inner);
        return status ? il_claim_fail(at->leaf, err, "%s: %s", at->leaf->path, inner.text)
                      : IL_OK;
    }
    const char *names[64];
    int n = add_names(names, 0, 64, common_opts);
    n = add_names(names, n, 64, t->measure->opts);
    return unknown(at->leaf, at->key, "key", names, n, err);
}

/* "a, b c" as indices of models; nothing: all of them. */
static il_status find_subjects(il_claim *c, il_claim_measured *t, il_error *err)
{
    const char *text = t->common.models;
    if (!t->measure->most && !*text) return IL_OK;
    for (int i = 0; i < c->models && !*text; i++) t->subject[t->n_subjects++] = i;
    char name[IL_TEXT];
    while (il_item_next(name, &text, " ,")) {
        int i = find_model(c, name);
        if (i < 0)
            return il_claim_fail(
                t->models_leaf, err,
                "measures.%s.models names '%s', which is none of the claim's "
                "models",
                t->name, il_show(name).text);
        if (t->n_subjects == IL_CLAIM_MODELS)
            return il_claim_fail(t->models_leaf, err, "measures.%s.models are too many",
                                 t->name);
        t->subject[t->n_subjects++] = i;
    }
    for (int i = 0; i < t->n_subjects && !t->measure->untrained; i++)
        c->model[t->subject[i]].trained = 1;
    return IL_OK;
}

static il_status read_measures(il_claim *c, const place *all, int n, il_error *err)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n; i++) {
            const place *at = all + i;
            if (strcmp(at->group, "measures")) continue;
            int first = !strcmp(at->key, "measure");
            if (!pass && first) IL_TRY(add_table(c, at, err));
            if (pass && !first) IL_TRY(set_table(c, at, err));
        }
    for (int i = 0; i < c->tables; i++) IL_TRY(find_subjects(c, &c->table[i], err));
    return IL_OK;
}

/* ---- rows ------------------------------------------------------------------------------------- */

static il_status row_at(il_claim *c, const place *at, il_claim_row **row, il_error *err)
{
    int i = 0;
    while (i < c->rows && strcmp(c->row[i].name, at->name)) i++;
    *row = &c->row[i];
    if (i < c->rows) return IL_OK;
    if (i == IL_CLAIM_ROWS)
        return il_claim_fail(at->leaf, err, "a claim has at most %d rows", IL_CLAIM_ROWS);
    il_opt_init(row_opts, *row);
    snprintf((*row)->name, IL_TEXT, "%s", at->name);
    (*row)->leaf = at->leaf;
    c->rows++;
    return IL_OK;
}

static il_status check_row(const il_claim *c, il_claim_row *row, il_error *err)
{
    const il_leaf *leaf = row->leaf;
    const char *names[IL_CLAIM_TABLES];
    int exact = !isnan(row->expect), loose = !isnan(row->within) || !isnan(row->percent);
    for (int i = 0; i < c->tables; i++) names[i] = c->table[i].name;
    row->table = find_table(c, row->read);
    if (row->table < 0)
        return il_claim_fail(leaf, err, "rows.%s.read = '%s' is none of the measures%s",
                             row->name, row->read,
                             il_advise(row->read, names, c->tables, "").text);
    if (!row->column[0])
        return il_claim_fail(leaf, err, "rows.%s has no key `column`", row->name);
    if (row->minus[0] && row->over[0])
        return il_claim_fail(leaf, err, "rows.%s has both minus and over; keep one",
                             row->name);
    if (exact != loose)
        return il_claim_fail(leaf, err,
                             "rows.%s: `expect` needs a tolerance, `within` or `percent`, "
                             "and a tolerance needs `expect`",
                             row->name);
    if (!exact && isnan(row->least) && isnan(row->most))
        return il_claim_fail(leaf, err, "rows.%s has no bound: expect, least or most",
                             row->name);
    return IL_OK;
}

static il_status read_rows(il_claim *c, const place *all, int n, il_error *err)
{
    const char *names[IL_COUNT(row_opts)];
    int n_names = add_names(names, 0, IL_COUNT(row_opts), row_opts);
    for (int i = 0; i < n; i++) {
        const place *at = all + i;
        il_claim_row *row;
        if (strcmp(at->group, "rows")) continue;
        IL_TRY(row_at(c, at, &row, err));
        const il_opt *o = il_opt_find(row_opts, at->key);
        if (!o) return unknown(at->leaf, at->key, "key", names, n_names, err);
        IL_TRY(set(o, row, at->leaf, err));
        if (!strcmp(at->key, "short") && !row->falls_short[0])
            return il_claim_fail(at->leaf, err, "%s needs a sentence that says why",
                                 at->leaf->path);
    }
    for (int i = 0; i < c->rows; i++) IL_TRY(check_row(c, &c->row[i], err));
    return IL_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static il_status read_head(il_claim *c, const place *all, int n, il_error *err)
{
    const char *names[8];
    int n_names = add_names(names, 0, 8, head_opts);
    for (int i = 0; i < n; i++) {
        if (all[i].group[0]) continue;
        const il_opt *o = il_opt_find(head_opts, all[i].key);
        if (!o) return unknown(all[i].leaf, all[i].key, "key", names, n_names, err);
        IL_TRY(set(o, c, all[i].leaf, err));
        if (!strcmp(all[i].key, "seeds")) c->seeds_leaf = all[i].leaf;
        if (!strcmp(all[i].key, "one_seed")) c->one_leaf = all[i].leaf;
    }
    return IL_OK;
}

il_status il_claim_fill(il_claim *c, int from_file, il_error *err)
{
    int n = il_yaml_count(c->yaml);
    place *all = calloc((size_t)n + 1, sizeof *all);
    il_status status = IL_OK;
    if (!all) return il_fail(err, IL_EFAIL, "%s: out of memory", c->name);
    for (int i = 0; i < n && !status; i++)
        status = split(all + i, il_yaml_at(c->yaml, i), err);
    if (!status) status = read_head(c, all, n, err);
    if (!status) status = read_models(c, all, n, from_file, err);
    if (!status) status = read_measures(c, all, n, err);
    if (!status) status = read_rows(c, all, n, err);
    free(all);
    if (status) return status;
    if (!c->head.title[0] || !c->head.paper[0])
        return il_fail(err, IL_ECONFIG, "%s: a claim needs the keys title and paper",
                       c->name);
    if (!c->rows)
        return il_fail(err, IL_ECONFIG, "%s: a claim needs rows, which say what must hold",
                       c->name);
    return IL_OK;
}

/* sweep.c - a sweep: many runs of one recipe, and how they differ
 *
 *   recipe: quick.yaml                 relative to this file; left out: a recipe's defaults
 *   set: {training.train_steps: 500}   keys of all runs
 *   grid:                              every combination of these values,
 *     training.learning_rate: [0.001, 0.003]
 *   variants:                          of these lists of keys,
 *     narrow: {model.n_embd: 32, model.n_head: 2}
 *     wide: {model.n_embd: 64, model.n_head: 4}
 *   seeds: [1, 2, 3]                   and of these seeds is a run
 *
 * Run i is a number in mixed radix: a digit for each axis (a key of the grid, the variants, the seeds), the last one
 * counting fastest. No two runs are of the same recipe.
 */
#include "model/model.h"
#include "report/report.h"

#include <stdlib.h>

enum {
    MOST_RUNS = 10000,
    MOST_AXES = 24,
    MOST_CHOICES = 256, /* of an axis */
    MOST_KEYS = 128     /* that a run sets */
};

/* One value of an axis: what the table calls it, and the keys that it sets */
typedef struct {
    char label[IL_TEXT];
    char **assignment; /* (n) "key=value" */
    int n;
} choice;

typedef struct {
    const char *name;
    choice *choice; /* (n) */
    int n;
} axis;

struct il_sweep {
    il_yaml *yaml;
    const char *file;
    il_config base;
    choice all; /* `set` */
    axis axis[MOST_AXES];
    int axes, runs;
    uint64_t *hash; /* (runs) */
};

static il_status fail_at(const il_leaf *leaf, il_error *err, const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s:%d:%d: %s: %s", leaf->file, leaf->line,
                   leaf->column, il_show(leaf->path).text, what);
}

static il_status no_memory(const il_sweep *s, il_error *err)
{
    return il_fail(err, IL_EFAIL, "%s: out of memory for the runs of a sweep", s->file);
}

/* ---- axes and their choices --------------------------------------------------------------------- */

static il_status assign(il_sweep *s, choice *c, const char *key, const char *value,
                        il_error *err)
{
    size_t size = strlen(key) + strlen(value) + 2;
    char **grown = realloc(c->assignment, sizeof *grown * (size_t)(c->n + 1));
    if (!grown) return no_memory(s, err);
    c->assignment = grown;
    grown[c->n] = malloc(size);
    if (!grown[c->n]) return no_memory(s, err);
    snprintf(grown[c->n++], size, "%s=%s", key, value);
    return IL_OK;
}

/* The axis of that name, which is the last one or new */
static il_status axis_of(il_sweep *s, axis **a, const char *name, const il_leaf *leaf,
                         il_error *err)
{
    for (int i = 0; i < s->axes; i++) {
        *a = &s->axis[i];
        if (!strcmp((*a)->name, name)) return IL_OK;
    }
    if (s->axes == MOST_AXES)
        return fail_at(leaf, err, "a sweep varies at most 24 keys; move some to `set`");
    *a = &s->axis[s->axes++];
    (*a)->name = name;
    return IL_OK;
}

static il_status add_choice(il_sweep *s, choice **c, axis *a, const char *label,
                            const il_leaf *leaf, il_error *err)
{
    for (int i = 0; i < a->n; i++)
        if (!strcmp(a->choice[i].label, label))
            return fail_at(leaf, err, "a value stands there twice; keep one");
    if (a->n == MOST_CHOICES)
        return fail_at(leaf, err, "these are more than 256; make two sweeps of them");
    choice *grown = realloc(a->choice, sizeof *grown * (size_t)(a->n + 1));
    if (!grown) return no_memory(s, err);
    a->choice = grown;
    *c = &grown[a->n++];
    **c = (choice){ 0 };
    snprintf((*c)->label, IL_TEXT, "%s", label);
    return IL_OK;
}

/* An axis `name` of the values "a, b, c" of a key */
static il_status add_values(il_sweep *s, const char *name, const char *key,
                            const il_leaf *leaf, il_error *err)
{
    axis *a;
    const char *list = leaf->value;
    char value[IL_TEXT];
    IL_TRY(axis_of(s, &a, name, leaf, err));
    while (il_item_next(value, &list, ",")) {
        choice *c;
        IL_TRY(add_choice(s, &c, a, value, leaf, err));
        IL_TRY(assign(s, c, key, value, err));
    }
    return a->n ? IL_OK : fail_at(leaf, err, "there is no value in this list");
}

/* variants.NAME.KEY: one more key of a variant */
static il_status add_variant(il_sweep *s, const il_leaf *leaf, il_error *err)
{
    axis *a;
    char name[IL_TEXT];
    const char *from = leaf->path + strlen("variants."), *dot = strchr(from, '.');
    if (!dot) return fail_at(leaf, err, "a variant needs a name and keys beneath it");
    snprintf(name, sizeof name, "%.*s", (int)(dot - from), from);
    IL_TRY(axis_of(s, &a, "variant", leaf, err));
    for (int i = 0; i < a->n; i++)
        if (!strcmp(a->choice[i].label, name))
            return assign(s, &a->choice[i], dot + 1, leaf->value, err);
    choice *c;
    IL_TRY(add_choice(s, &c, a, name, leaf, err));
    return assign(s, c, dot + 1, leaf->value, err);
}

/* ---- the file -------------------------------------------------------------------------------------- */

static il_status read_recipe(il_sweep *s, const il_leaf *leaf, int from_file, il_error *err)
{
    const char *slash = strrchr(leaf->file, '/');
    char path[4096];
    il_error inner = { 0 };
    if (!from_file)
        return fail_at(leaf, err, "a recipe is not possible here, only in a file");
    int folder = slash && *leaf->value != '/' ? (int)(slash - leaf->file) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*s%s", folder, leaf->file, leaf->value) >=
        (int)sizeof path)
        return fail_at(leaf, err, "the path of the recipe is too long");
    il_status status = il_config_read(&s->base, path, NULL, 0, &inner);
    if (status == IL_EIO) /* as of what a recipe inherits */
        return il_fail(err, status, "%s:%d:%d: recipe: %s", leaf->file, leaf->line,
                       leaf->column, inner.text);
    return status ? il_fail(err, status, "%s", inner.text) : IL_OK;
}

static const char *beneath(const il_leaf *leaf, const char *group)
{
    size_t n = strlen(group);
    return strncmp(leaf->path, group, n) || leaf->path[n] != '.' ? NULL
                                                                 : leaf->path + n + 1;
}

static il_status read_key(il_sweep *s, const il_leaf *leaf, int from_file, il_error *err)
{
    static const char *const names[] = { "recipe", "set", "grid", "variants", "seeds" };
    const char *key;
    if (!leaf->value)
        return fail_at(leaf, err, "it has no value; write one, or take the line out");
    if (!strcmp(leaf->path, "recipe")) return read_recipe(s, leaf, from_file, err);
    if (!strcmp(leaf->path, "seeds"))
        return add_values(s, "seed", "training.seed", leaf, err);
    if ((key = beneath(leaf, "set"))) return assign(s, &s->all, key, leaf->value, err);
    if ((key = beneath(leaf, "grid"))) return add_values(s, key, key, leaf, err);
    if (beneath(leaf, "variants")) return add_variant(s, leaf, err);
    return il_fail(err, IL_ECONFIG, "%s:%d:%d: there is no key '%s' of a sweep%s",
                   leaf->file, leaf->line, leaf->column, il_show(leaf->path).text,
                   il_advise(leaf->path, names, IL_COUNT(names),
                             "; they are recipe, set, grid, variants and seeds")
                       .text);
}

/* ---- runs -------------------------------------------------------------------------------------------- */

static const choice *choice_of(const il_sweep *s, int run, int i)
{
    for (int k = s->axes - 1; k > i; k--) run /= s->axis[k].n;
    return &s->axis[i].choice[run % s->axis[i].n];
}

static int is_run(const il_sweep *s, int run) { return s && run >= 0 && run < s->runs; }

static void copy_keys(const char *to[MOST_KEYS], int *n, const choice *c)
{
    for (int i = 0; i < c->n; i++, ++*n)
        if (*n < MOST_KEYS) to[*n] = c->assignment[i];
}

/* "model.n_embd=32 seed=1" */
static void describe(char text[IL_TEXT], const il_sweep *s, int run)
{
    size_t used = 0;
    *text = 0;
    for (int i = 0; i < s->axes && used < IL_TEXT; i++)
        used += (size_t)snprintf(text + used, IL_TEXT - used, "%s%s=%s", i ? " " : "",
                                 s->axis[i].name, choice_of(s, run, i)->label);
}

static il_status configure(il_config *config, const il_sweep *s, int run, il_error *err)
{
    const char *keys[MOST_KEYS];
    int n = 0;
    char text[IL_TEXT];
    il_error inner = { 0 };
    copy_keys(keys, &n, &s->all);
    for (int i = 0; i < s->axes; i++) copy_keys(keys, &n, choice_of(s, run, i));
    *config = s->base;
    il_status status = n > MOST_KEYS ? il_fail(&inner, IL_ECONFIG,
                                               "a run sets more than %d keys", MOST_KEYS)
                                     : il_config_override(config, keys, n, &inner);
    if (!status) status = il_config_check(config, &inner);
    if (!status) return IL_OK;
    describe(text, s, run);
    return il_fail(err, status, "%s: run %d (%s): %s", s->file, run, text, inner.text);
}

/* Every run is a recipe that can be trained, and no other's. */
static il_status check_runs(il_sweep *s, il_error *err)
{
    s->hash = calloc((size_t)s->runs, sizeof *s->hash);
    if (!s->hash) return no_memory(s, err);
    for (int run = 0; run < s->runs; run++) {
        il_config config;
        IL_TRY(configure(&config, s, run, err));
        s->hash[run] = il_config_hash(&config);
        for (int i = 0; i < run; i++)
            if (s->hash[i] == s->hash[run])
                return il_fail(err, IL_ECONFIG,
                               "%s: runs %d and %d are of the same recipe; take one out",
                               s->file, i, run);
    }
    return IL_OK;
}

static il_status fill(il_sweep *s, int from_file, il_error *err)
{
    il_config_init(&s->base);
    for (int i = 0; i < il_yaml_count(s->yaml); i++)
        IL_TRY(read_key(s, il_yaml_at(s->yaml, i), from_file, err));
    s->runs = 1;
    for (int i = 0; i < s->axes; i++) {
        if (s->runs > MOST_RUNS / s->axis[i].n)
            return il_fail(err, IL_ECONFIG,
                           "%s: these are more than %d runs; make several sweeps of them",
                           s->file, MOST_RUNS);
        s->runs *= s->axis[i].n;
    }
    return check_runs(s, err);
}

/* Takes the yaml over. */
static il_status make(il_sweep **sweep, il_yaml *yaml, const char *file, int from_file,
                      il_error *err)
{
    il_sweep *s = calloc(1, sizeof *s);
    if (!s) {
        il_yaml_free(yaml);
        return il_fail(err, IL_EFAIL, "%s: out of memory", file);
    }
    s->yaml = yaml;
    s->file = il_yaml_count(yaml) ? il_yaml_at(yaml, 0)->file : "the sweep";
    il_status status = fill(s, from_file, err);
    if (status)
        il_sweep_free(s);
    else
        *sweep = s;
    return status;
}

il_status il_sweep_read(il_sweep **sweep, const char *path, il_error *err)
{
    IL_GIVEN(err, "sweep path", sweep, path);
    il_yaml *yaml;
    IL_TRY(il_yaml_read(&yaml, path, NULL, err));
    return make(sweep, yaml, path, 1, err);
}

il_status il_sweep_parse(il_sweep **sweep, const char *text, size_t bytes, const char *name,
                         il_error *err)
{
    IL_GIVEN(err, "sweep text name", sweep, text, name);
    il_yaml *yaml;
    IL_TRY(il_yaml_parse(&yaml, text, bytes, name, NULL, err));
    return make(sweep, yaml, name, 0, err);
}

static void free_choice(choice *c)
{
    for (int i = 0; i < c->n; i++) free(c->assignment[i]);
    free(c->assignment);
}

void il_sweep_free(il_sweep *s)
{
    if (!s) return;
    for (int i = 0; i < s->axes; i++) {
        for (int k = 0; k < s->axis[i].n; k++) free_choice(&s->axis[i].choice[k]);
        free(s->axis[i].choice);
    }
    free_choice(&s->all);
    free(s->hash);
    il_yaml_free(s->yaml);
    free(s);
}

int il_sweep_runs(const il_sweep *s) { return s ? s->runs : 0; }

il_status il_sweep_config(il_config *config, const il_sweep *s, int run, il_error *err)
{
    IL_GIVEN(err, "config sweep", config, s);
    if (!is_run(s, run))
        return il_fail(err, IL_ECONFIG, "there is no run %d: they are 0 to %d", run,
                       s->runs - 1);
    return configure(config, s, run, err);
}

static il_status fill_table(il_table *table, const il_sweep *s, il_error *err)
{
    IL_TRY(il_table_add_col(table, "run", 0, err));
    for (int i = 0; i < s->axes; i++)
        IL_TRY(il_table_add_col(table, s->axis[i].name, 1, err));
    for (int run = 0; run < s->runs; run++) {
        IL_TRY(il_table_add_row(table, err));
        il_table_set(table, run, 0, run);
        for (int i = 0; i < s->axes; i++)
            IL_TRY(il_table_set_text(table, run, i + 1, choice_of(s, run, i)->label, err));
    }
    return IL_OK;
}

il_status il_sweep_table(il_table **out, const il_sweep *s, il_error *err)
{
    IL_GIVEN(err, "table sweep", out, s);
    il_table *table = NULL;
    il_status status = il_table_new(&table, "sweep", err);
    if (!status) status = fill_table(table, s, err);
    return il_table_hand_over(out, table, status);
}

/* config.c - recipes: the table of keys drives reading, overriding and writing
 *
 * The options of the task and of the optimiser follow `training.` like the others (the field also writes
 * a task's below `training.task_kwargs`). Setting such a name sets its options to their defaults, so in a
 * file the names count first, wherever they stand.
 */
#include "model/model.h"

#include <strings.h>

/* Keys of the field's recipes without a meaning here, and why */
static const struct {
    const char *key, *why;
} ignored[] = {
    { "wandb", "nothing is sent anywhere, a run's numbers are in its metrics.jsonl" },
    { "gpu", "innerloop computes on the processor" },
    { "debug_mode", "there is no such mode" },
};
/* ---- finding a key ----------------------------------------------------------------------------- */

/* `path` without `prefix` and a dot, or NULL if it does not begin so. */
static const char *below(const char *path, const char *prefix)
{
    size_t length = strlen(prefix);
    return !strncmp(path, prefix, length) && path[length] == '.' ? path + length + 1 : NULL;
}

/* The option at a path and the struct it lives in, or NULL. */
static const il_opt *find(il_config *c, const char *path, void **target)
{
    const il_opt *o = il_opt_find(il_config_opts(), path);
    *target = c;
    if (o) return o;
    const char *name = below(path, "training");
    for (int part = 0; name && !o && part < IL_CONFIG_PARTS; part++) {
        il_config_part p = il_config_part_of(c, part);
        *target = p.target;
        o = il_opt_find(p.opts, name);
    }
    return o;
}

static int is_group(const char *path)
{
    for (const il_opt *o = il_config_opts(); o->type != IL_OPT_END; o++)
        if (below(o->name, path)) return 1;
    return !strcmp(path, "training.task_kwargs");
}

/* The row of a part that has an option of this name, or NULL */
static const char *row_with(int part, const char *option)
{
    const char *name;
    const il_opt *opts;
    for (int i = 0; (name = il_config_part_row(part, i, &opts)); i++)
        if (il_opt_find(opts, option)) return name;
    return NULL;
}

/* The one of the field's logging keys that has a meaning, and the options of the task where the field
 * writes them. */
static void respell(char to[IL_YAML_PATH], const char *path)
{
    const char *name = below(path, "training.task_kwargs");
    snprintf(to, IL_YAML_PATH, "%s", path);
    if (!strcmp(path, "wandb.log_every_steps"))
        snprintf(to, IL_YAML_PATH, "training.log_every_steps");
    if (!name) return;
    snprintf(to, IL_YAML_PATH, "training.%s", name);
    if (il_opt_find(il_config_opts(), to) || is_group(to) ||
        row_with(IL_CONFIG_OPTIMIZER, name)) /* not the task's */
        snprintf(to, IL_YAML_PATH, "%s", path);
}

static const char *last_word(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* What the field calls a key by another name: "lr" */
static const char *our_word(const char *key)
{
    static const struct {
        const char *theirs, *ours;
    } words[] = {
        { "lr", "learning_rate" },
        { "rate", "learning_rate" },
        { "min_lr", "min_learning_rate" },
        { "wd", "weight_decay" },
        { "eps", "adam_eps" },
        { "batch", "batch_size" },
        { "bs", "batch_size" },
        { "steps", "train_steps" },
        { "max_steps", "train_steps" },
        { "warmup", "warmup_steps" },
        { "task", "task_name" },
        { "grad_clip", "clip" },
        { "max_grad_norm", "clip" },
        { "scheduler", "schedule" },
        { "lr_scheduler", "schedule" },
        { "dtype", "precision" },
        { "layers", "n_layer" },
        { "n_layers", "n_layer" },
        { "num_layers", "n_layer" },
        { "depth", "n_layer" },
        { "heads", "n_head" },
        { "n_heads", "n_head" },
        { "num_heads", "n_head" },
        { "width", "n_embd" },
        { "d_model", "n_embd" },
        { "hidden_size", "n_embd" },
        { "dims", "n_dims" },
        { "output_dir", "out_dir" },
    };
    for (int i = 0; i < IL_COUNT(words); i++)
        if (!strcmp(key, words[i].theirs)) return words[i].ours;
    return key;
}

/* What to say about a key that is not there. */
static il_status unknown(const il_config *c, const char *path, il_error *err)
{
    enum { KEYS = 128, OWN = 24 };
    const char *key = last_word(path), *all[KEYS], *same[2 * KEYS];
    char own[OWN][IL_TEXT];
    int n = 0, nsame = 0, nown = 0;
    for (const il_opt *o = il_config_opts(); o->type != IL_OPT_END && n < KEYS - OWN; o++)
        all[n++] = o->name;
    for (int part = 0; part < IL_CONFIG_PARTS; part++)
        for (const il_opt *o = il_config_part_of(c, part).opts;
             o && o->type != IL_OPT_END && nown < OWN; o++) {
            snprintf(own[nown], IL_TEXT, "training.%s", o->name);
            all[n++] = own[nown++];
        }
    for (int i = 0; i < n; i++) /* the right word in the wrong place? */
        if (!strcmp(last_word(all[i]), key)) same[nsame++] = all[i];
    for (int i = 0; i < n && key != our_word(key); i++)
        if (!strcmp(last_word(all[i]), our_word(key))) same[nsame++] = all[i];
    for (int part = 0; !nsame && below(path, "training") && part < IL_CONFIG_PARTS;
         part++) {
        il_config_part p = il_config_part_of(c, part);
        const char *row = row_with(part, key);
        if (row)
            return il_fail(err, IL_ECONFIG, "%s is an option of the %s %s, not of %s", path,
                           p.what, row, p.name);
    }
    char ours[IL_YAML_PATH];
    snprintf(ours, sizeof ours, "%.*s%s", (int)(key - path), path, our_word(key));
    const char *near = nsame ? il_nearest(ours, same, nsame) : il_nearest(path, all, n);
    if (nsame && !near) near = same[0];
    return il_fail(err, IL_ECONFIG, "there is no key '%s'%s%s%s", il_show(path).text,
                   near ? "; did you mean '" : "; docs/formats.md lists them",
                   near ? near : "", near ? "'?" : "");
}

/* ---- setting a key ----------------------------------------------------------------------------- */

static void init_part(il_config *c, int part)
{
    il_config_part p = il_config_part_of(c, part);
    memset(p.target, 0, p.room);
    il_opt_init(p.opts, p.target);
}

void il_config_init(il_config *config)
{
    if (!config) return;
    memset(config, 0, sizeof *config);
    il_opt_init(il_config_opts(), config);
    for (int part = 0; part < IL_CONFIG_PARTS; part++) init_part(config, part);
}

static il_status set_part(il_config *c, int part, const il_opt *o, const char *name,
                          il_error *err)
{
    const char *names[64];
    const il_opt *opts;
    int n = 0, known = 0;
    il_config_part p = il_config_part_of(c, part);
    if (!strcmp(name, p.name)) return IL_OK;
    while (n < IL_COUNT(names) && (names[n] = il_config_part_row(part, n, &opts)))
        known |= !strcmp(names[n++], name);
    if (!known) {
        const char *near = il_nearest(name, names, n);
        return il_fail(err, IL_ECONFIG, "%s = '%s' is no %s%s%s%s", p.key,
                       il_show(name).text, p.what,
                       near ? "; did you mean '" : "; see innerloop list ",
                       near ? near : p.what, near ? "'?" : "s");
    }
    IL_TRY(il_opt_set(o, c, p.key, name, err));
    init_part(c, part);
    return IL_OK;
}

static il_status set(il_config *c, const char *path, const char *value, il_error *err)
{
    size_t length = strlen(value);
    void *target;
    const il_opt *o = find(c, path, &target);
    if (!o && is_group(path))
        return il_fail(err, IL_ECONFIG, "%s is a group of keys and has no value of its own",
                       path);
    if (!o) return unknown(c, path, err);
    if (length >= IL_TEXT || il_utf8_bad(value, length) < length ||
        strpbrk(value, "\t\r\n"))
        return il_fail(err, IL_ECONFIG, "%s must be one line of text, at most %d bytes",
                       path, IL_TEXT - 1);
    int part = il_config_part_named(path);
    if (part >= 0) return set_part(c, part, o, value, err);
    return il_opt_set(o, target, path, value, err);
}

/* The key of an assignment, by its own spelling; `value` is what it is set to. */
static il_status key_of(char path[IL_YAML_PATH], const char **value, const char *assignment,
                        il_error *err)
{
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    char spelt[IL_YAML_PATH];
    if (!length || length >= sizeof spelt)
        return il_fail(err, IL_ECONFIG,
                       "'%s' is not of the form key=value, as in "
                       "model.n_embd=64",
                       il_show(assignment).text);
    memcpy(spelt, assignment, length);
    spelt[length] = 0;
    respell(path, spelt);
    *value = equals + 1;
    return IL_OK;
}

il_status il_config_set(il_config *config, const char *assignment, il_error *err)
{
    IL_GIVEN(err, "config assignment", config, assignment);
    char path[IL_YAML_PATH];
    const char *value = "";
    IL_TRY(key_of(path, &value, assignment, err));
    return set(config, path, value, err);
}

static il_status check_once(const char *const *assignments, int i, il_error *err)
{
    char path[IL_YAML_PATH], other[IL_YAML_PATH];
    const char *value;
    IL_TRY(key_of(path, &value, assignments[i], err));
    for (int j = 0; j < i; j++) {
        IL_TRY(key_of(other, &value, assignments[j], err));
        if (!strcmp(path, other))
            return il_fail(err, IL_ECONFIG, "%s is given twice, by '%s' and '%s'; keep one",
                           il_show(path).text, il_show(assignments[j]).text,
                           il_show(assignments[i]).text);
    }
    return IL_OK;
}

il_status il_config_override(il_config *config, const char *const *assignments, int n,
                             il_error *err)
{
    IL_GIVEN(err, "config", config);
    IL_WITHIN(err, IL_MOST, "n", n);
    for (int i = 0; i < n; i++)
        IL_GIVEN(err, "assignments", assignments ? assignments[i] : NULL);
    for (int i = 0; i < n; i++) IL_TRY(check_once(assignments, i, err));
    for (int first = 1; first >= 0; first--) /* what others stand on */
        for (int i = 0; i < n; i++) {
            char path[IL_YAML_PATH];
            const char *value = NULL;
            IL_TRY(key_of(path, &value, assignments[i], err));
            if (first == (il_config_part_named(path) >= 0))
                IL_TRY(set(config, path, value, err));
        }
    return IL_OK;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* The row of `ignored` that a path belongs to, or -1. */
static int find_ignored(const char *path)
{
    for (int i = 0; i < IL_COUNT(ignored); i++)
        if (!strcmp(path, ignored[i].key) || below(path, ignored[i].key)) return i;
    return -1;
}

static void append(char *notes, size_t size, const il_leaf *leaf, int row)
{
    size_t used = notes ? strlen(notes) : size;
    if (used < size)
        snprintf(notes + used, size - used, "%s:%d: `%s` is accepted and ignored: %s\n",
                 leaf->file, leaf->line, ignored[row].key, ignored[row].why);
}

static il_status apply(il_config *c, const il_leaf *leaf, il_error *err)
{
    const char *path = leaf->path;
    il_error inner = { 0 };
    if (!leaf->value && is_group(path))
        return IL_OK; /* a block whose keys are commented out */
    il_status status = leaf->value
                           ? set(c, path, leaf->value, &inner)
                           : il_fail(&inner, IL_ECONFIG,
                                     "%s has no value; write one, or take the line out",
                                     il_show(path).text);
    if (status == IL_OK) return IL_OK;
    return il_fail(err, status, "%s:%d:%d: %s", leaf->file, leaf->line, leaf->column,
                   inner.text);
}

static il_status apply_all(il_config *c, const il_yaml *yaml, char *notes, size_t size,
                           il_error *err)
{
    int n = il_yaml_count(yaml), told[IL_COUNT(ignored)] = { 0 };
    for (int i = 0; i < n; i++) /* what others stand on */
        if (il_config_part_named(il_yaml_at(yaml, i)->path) >= 0)
            IL_TRY(apply(c, il_yaml_at(yaml, i), err));
    for (int i = 0; i < n; i++) {
        const il_leaf *leaf = il_yaml_at(yaml, i);
        int row = find_ignored(leaf->path);
        if (row < 0)
            IL_TRY(apply(c, leaf, err));
        else if (!told[row]++)
            append(notes, size, leaf, row);
    }
    return IL_OK;
}

/* Takes the yaml over. */
static il_status finish(il_config *config, il_yaml *yaml, char *notes, size_t size,
                        il_error *err)
{
    il_config c;
    il_config_init(&c);
    if (notes && size) *notes = 0;
    il_status status = apply_all(&c, yaml, notes, size, err);
    il_yaml_free(yaml);
    if (status == IL_OK) *config = c;
    return status;
}

il_status il_config_read(il_config *config, const char *path, char *notes, size_t size,
                         il_error *err)
{
    IL_GIVEN(err, "config path", config, path);
    il_yaml *yaml;
    IL_TRY(il_yaml_read(&yaml, path, respell, err));
    return finish(config, yaml, notes, size, err);
}

il_status il_config_parse(il_config *config, const char *text, size_t bytes,
                          const char *name, il_error *err)
{
    IL_GIVEN(err, "config text name", config, text, name);
    il_yaml *yaml;
    IL_TRY(il_yaml_parse(&yaml, text, bytes, name, respell, err));
    return finish(config, yaml, NULL, 0, err);
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* Words that YAML 1.1 or 1.2 takes for something else than text, in any case */
static int is_reserved(const char *text)
{
    static const char *const words[] = { "null", "true", "false", "yes", "no",
                                         "on",   "off",  "y",     "n" };
    for (int i = 0; i < IL_COUNT(words); i++)
        if (!strcasecmp(text, words[i])) return 1;
    return 0;
}

/* Text that reads back as the same text: in quotes unless nobody can take it for a number, a date, or
 * a sign. */
static void write_text(const char *text, FILE *f)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
    if (*text && strchr(first, *text) && !text[strspn(text, plain)] && !is_reserved(text)) {
        fputs(text, f);
        return;
    }
    fputc('\'', f);
    for (; *text; text++) {
        if (*text == '\'') fputc('\'', f);
        fputc(*text, f);
    }
    fputc('\'', f);
}

/* 1e-05 as 1.0e-05: without the point YAML 1.1 takes it for text. */
static void write_value(const il_opt *o, const char *value, FILE *f)
{
    if (o->type == IL_OPT_TEXT || o->type == IL_OPT_CHOICE) {
        write_text(value, f);
        return;
    }
    const char *e = o->type == IL_OPT_REAL ? strchr(value, 'e') : NULL;
    if (e && !strchr(value, '.'))
        fprintf(f, "%.*s.0%s", (int)(e - value), value, e);
    else
        fputs(value, f);
}

/* One line `key: value`, under the mappings of its path that are not `open` (the path written
 * before) yet. */
static void write_option(const il_opt *o, const void *target, const char *path,
                         const char *open, FILE *f)
{
    char value[IL_TEXT];
    const char *key = path, *dot;
    int indent = 0;
    for (; (dot = strchr(key, '.')); key = dot + 1, indent += 2) {
        size_t length = (size_t)(dot + 1 - path);
        if (strncmp(path, open, length))
            fprintf(f, "%*s%.*s:\n", indent, "", (int)(dot - key), key);
    }
    il_opt_print(o, target, value, sizeof value);
    fprintf(f, "%*s%s: ", indent, "", key);
    write_value(o, value, f);
    fputc('\n', f);
}

il_status il_config_fill(const void *context, FILE *f, il_error *err)
{
    const il_config *config = context;
    const char *open = "";
    (void)err;
    for (const il_opt *o = il_config_opts(); o->type != IL_OPT_END; o++) {
        write_option(o, config, o->name, open, f);
        open = o->name;
        int part = il_config_part_named(o->name);
        if (part < 0) continue;
        il_config_part p = il_config_part_of(config, part);
        for (const il_opt *t = p.opts; t && t->type != IL_OPT_END; t++) {
            char path[IL_TEXT];
            snprintf(path, sizeof path, "training.%s", t->name);
            write_option(t, p.target, path, open, f);
        }
    }
    return IL_OK;
}

size_t il_config_size(void) { return sizeof(il_config); }

il_status il_config_text(char **text, const il_config *config, il_error *err)
{
    IL_GIVEN(err, "text config", text, config);
    return il_text_write(text, il_config_fill, config, err);
}

/* yaml.c - nested mappings in a YAML file as a flat list of leaves
 *
 *   training:                        ("training.seed", "42")
 *     seed: 42                  ->   ("training.curriculum.dims.start", "5")
 *     curriculum: {dims: {start: 5}}
 *
 * libyaml reads the text. We take the mappings and scalars of one document and refuse the rest,
 * so the work is bounded by the text: nothing is repeated, nothing can blow up. `inherit` at the
 * top puts the leaves of other files first; a later leaf of the same path wins.
 *
 * Source: YAML 1.1, yaml.org/spec/1.1; `inherit` as in the field's published recipes.
 */
#include "base/base.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

struct il_yaml {
    il_leaf *leaf;
    int count, room;
    char *file[IL_YAML_FILES]; /* names, which leaves point to */
    int files;
    il_respell *respell;
};

typedef enum { LEAF, GROUP, INHERIT } entry_kind;

/* A key of the file being read; an INHERIT is one file's name under `inherit`. */
typedef struct {
    entry_kind kind;
    il_leaf leaf;
    char *spelt; /* the path as the file has it */
} entry;

/* One file while it is read. */
typedef struct reader {
    il_yaml *yaml; /* receives the leaves at the end */
    const char *file, *text;
    size_t bytes;
    const struct reader *heir; /* the file that inherits this one */
    struct stat identity;      /* all zero when there is no file */
    yaml_parser_t parser;
    yaml_event_t event; /* the one just read */
    entry *entries;
    int count, room;
    char path[IL_YAML_PATH]; /* of the current key */
} reader;

static il_status read_file(il_yaml *y, const char *path, const reader *heir, il_error *err);

static il_status no_memory(const reader *r, il_error *err)
{
    return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", r->file);
}

/* ---- where an error is ----------------------------------------------------------------------- */

static il_status fail_at(const reader *r, int line, int column, il_error *err,
                         const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s:%d:%d: %s", r->file, line, column, what);
}

static il_status fail_here(const reader *r, il_error *err, const char *what)
{
    return fail_at(r, (int)r->event.start_mark.line + 1,
                   (int)r->event.start_mark.column + 1, err, what);
}

static il_status fail_offset(const reader *r, size_t offset, il_error *err,
                             const char *what)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < offset && i < r->bytes; i++) {
        if (r->text[i] == '\n') {
            line++;
            column = 1;
        } else {
            column +=
                ((unsigned char)r->text[i] & 0xc0) != 0x80; /* characters, not bytes */
        }
    }
    return fail_at(r, line, column, err, what);
}

static int indented_by_tab(const reader *r, size_t line)
{
    const char *p = r->text, *end = r->text + r->bytes;
    while (p && line--) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (p) p++;
    }
    while (p && p < end && *p == ' ') p++;
    return p && p < end && *p == '\t';
}

static il_status fail_syntax(const reader *r, il_error *err)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return no_memory(r, err);
    char what[256];
    snprintf(what, sizeof what, "this is not YAML: %s%s", p->problem ? p->problem : "?",
             indented_by_tab(r, p->problem_mark.line) ? " (indent with spaces, not tabs)"
                                                      : "");
    return fail_at(r, (int)p->problem_mark.line + 1, (int)p->problem_mark.column + 1, err,
                   what);
}

/* ---- one file's keys --------------------------------------------------------------------------- */

static il_status next(reader *r, il_error *err)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) return fail_syntax(r, err);
    const yaml_event_t *e = &r->event;
    int scalar = e->type == YAML_SCALAR_EVENT, map = e->type == YAML_MAPPING_START_EVENT;
    int list = e->type == YAML_SEQUENCE_START_EVENT;
    if (e->type == YAML_ALIAS_EVENT || (scalar && e->data.scalar.anchor) ||
        (map && e->data.mapping_start.anchor) || (list && e->data.sequence_start.anchor))
        return fail_here(r, err,
                         "anchors and aliases (& and *) are not supported; write the value "
                         "out, or share it through `inherit`");
    if ((scalar && e->data.scalar.tag) || (map && e->data.mapping_start.tag) ||
        (list && e->data.sequence_start.tag))
        return fail_here(r, err, "tags (!) are not supported; leave this one out");
    if (scalar && strlen((char *)e->data.scalar.value) != e->data.scalar.length)
        return fail_here(r, err, "a zero byte is not allowed here");
    return IL_OK;
}

/* Is r->path another spelling of a leaf that is there? */
static il_status check_spelling(const reader *r, const char *path, const yaml_mark_t *at,
                                il_error *err)
{
    for (int i = 0; i < r->count; i++) {
        const entry *e = r->entries + i;
        if (e->kind == LEAF && !strcmp(e->leaf.path, path))
            return il_fail(err, IL_ECONFIG,
                           "%s:%d:%d: %s is %s of line %d in other words; keep one",
                           r->file, (int)at->line + 1, (int)at->column + 1,
                           il_show(r->path).text, il_show(e->spelt).text, e->leaf.line);
    }
    return IL_OK;
}

/* Notes r->path as a key found at `at`, with a copy of `value` (NULL: none). */
static il_status note(reader *r, entry_kind kind, const yaml_mark_t *at, const char *value,
                      il_error *err)
{
    if (r->count == IL_YAML_KEYS)
        return il_fail(err, IL_ECONFIG, "%s has more than %d keys", r->file, IL_YAML_KEYS);
    if (r->count == r->room) {
        int room = r->room ? 2 * r->room : 64;
        entry *grown = realloc(r->entries, sizeof *grown * (size_t)room);
        if (!grown) return no_memory(r, err);
        r->entries = grown;
        r->room = room;
    }
    char path[IL_YAML_PATH];
    snprintf(path, sizeof path, "%s", r->path);
    if (value && r->yaml->respell) r->yaml->respell(path, r->path);
    if (kind == LEAF) IL_TRY(check_spelling(r, path, at, err));
    entry *e = r->entries + r->count;
    *e = (entry){ .kind = kind };
    e->leaf.file = r->file;
    e->leaf.line = (int)at->line + 1;
    e->leaf.column = (int)at->column + 1;
    e->leaf.path = strdup(path);
    e->leaf.value = value ? strdup(value) : NULL;
    e->spelt = strdup(r->path);
    r->count++; /* from here on it is freed with the others */
    return e->leaf.path && e->spelt && (!value || e->leaf.value) ? IL_OK
                                                                 : no_memory(r, err);
}

/* Appends the current event, a key, to r->path. */
static il_status descend(reader *r, il_error *err)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail_here(r, err, "a key must be a word, not a list or a mapping");
    const char *key = (const char *)r->event.data.scalar.value;
    size_t used = strlen(r->path), length = strlen(key);
    if (!length || il_utf8_bad(key, length) < length || strpbrk(key, "\t\r\n"))
        return fail_here(r, err, "a key must be a word on one line");
    if (used + length + 2 > sizeof r->path)
        return fail_here(r, err, "this key is too long");
    snprintf(r->path + used, sizeof r->path - used, "%s%s", used ? "." : "", key);
    for (int i = 0; i < r->count; i++)
        if (!strcmp(r->entries[i].spelt, r->path)) {
            char what[160];
            snprintf(what, sizeof what, "%s is given twice, first in line %d; keep one",
                     il_show(r->path).text, r->entries[i].leaf.line);
            return fail_here(r, err, what);
        }
    return IL_OK;
}

static const char *scalar_value(const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    static const char *const nothing[] = { "", "~", "null", "Null", "NULL" };
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        for (int i = 0; i < IL_COUNT(nothing); i++)
            if (!strcmp(text, nothing[i])) return NULL;
    return text;
}

static il_status inherit(reader *r, il_error *err)
{
    int list = r->event.type == YAML_SEQUENCE_START_EVENT;
    for (;;) {
        if (list) IL_TRY(next(r, err));
        if (list && r->event.type == YAML_SEQUENCE_END_EVENT) return IL_OK;
        const char *name =
            r->event.type == YAML_SCALAR_EVENT ? scalar_value(&r->event) : NULL;
        if (!name || !*name)
            return fail_here(r, err,
                             "inherit wants the name of a file, or a list of names");
        IL_TRY(note(r, INHERIT, &r->event.start_mark, name, err));
        if (!list) return IL_OK;
    }
}

/* `seeds` at the top is a list of scalars, and one leaf: "1, 2, 3". */
static il_status seeds(reader *r, const yaml_mark_t *at, il_error *err)
{
    char text[IL_TEXT] = "";
    for (size_t used = 0;;) {
        IL_TRY(next(r, err));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) return note(r, LEAF, at, text, err);
        const char *value =
            r->event.type == YAML_SCALAR_EVENT ? scalar_value(&r->event) : NULL;
        if (!value) return fail_here(r, err, "seeds wants whole numbers: [1, 2, 3]");
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "",
                                 value);
        if (used >= sizeof text) return fail_here(r, err, "these are too many seeds");
    }
}

/* The keys of a mapping whose start has just been read. */
static il_status mapping(reader *r, int depth, il_error *err)
{
    size_t length = strlen(r->path);
    if (depth > IL_YAML_DEPTH)
        return fail_here(r, err, "mappings are nested too deeply here");
    for (;; r->path[length] = 0) {
        IL_TRY(next(r, err));
        if (r->event.type == YAML_MAPPING_END_EVENT) return IL_OK;
        IL_TRY(descend(r, err));
        yaml_mark_t at = r->event.start_mark;
        IL_TRY(next(r, err));
        if (!length && !strcmp(r->path, "inherit")) {
            IL_TRY(inherit(r, err));
        } else if (!length && !strcmp(r->path, "seeds") &&
                   r->event.type == YAML_SEQUENCE_START_EVENT) {
            IL_TRY(seeds(r, &at, err));
        } else if (r->event.type == YAML_SCALAR_EVENT) {
            IL_TRY(note(r, LEAF, &at, scalar_value(&r->event), err));
        } else if (r->event.type == YAML_MAPPING_START_EVENT) {
            IL_TRY(note(r, GROUP, &at, NULL, err));
            IL_TRY(mapping(r, depth + 1, err));
        } else {
            return fail_here(
                r, err,
                "a list is not expected here; only inherit, and a claim's seeds, may be "
                "a list");
        }
    }
}

static il_status document(reader *r, il_error *err)
{
    IL_TRY(next(r, err)); /* the start of the stream */
    IL_TRY(next(r, err));
    if (r->event.type == YAML_STREAM_END_EVENT)
        return il_fail(err, IL_ECONFIG, "%s is empty", r->file);
    IL_TRY(next(r, err));
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail_here(r, err, "this is not a recipe: `key: value` lines are expected");
    IL_TRY(mapping(r, 1, err));
    IL_TRY(next(r, err)); /* the end of the document */
    IL_TRY(next(r, err));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail_here(r, err, "a second document starts here; a recipe is one");
    return IL_OK;
}

/* ---- inheriting ---------------------------------------------------------------------------------- */

/* Moves a leaf into the list, over one of the same path. */
static il_status put(const reader *r, il_leaf *leaf, il_error *err)
{
    il_yaml *y = r->yaml;
    int i = 0;
    while (i < y->count && strcmp(y->leaf[i].path, leaf->path)) i++;
    if (i == IL_YAML_KEYS)
        return il_fail(err, IL_ECONFIG, "%s and what it inherits have more than %d keys",
                       r->file, IL_YAML_KEYS);
    if (i == y->room) {
        int room = y->room ? 2 * y->room : 64;
        il_leaf *grown = realloc(y->leaf, sizeof *grown * (size_t)room);
        if (!grown) return no_memory(r, err);
        y->leaf = grown;
        y->room = room;
    }
    if (i < y->count) {
        free(y->leaf[i].path);
        free(y->leaf[i].value);
    } else {
        y->count++;
    }
    y->leaf[i] = *leaf;
    leaf->path = leaf->value = NULL;
    return IL_OK;
}

/* Reads the file that `leaf` names, relative to r's folder. */
static il_status read_parent(const reader *r, const il_leaf *leaf, il_error *err)
{
    if (!r->identity.st_mode)
        return fail_at(r, leaf->line, leaf->column, err,
                       "inherit is not possible here, only in a file");
    const char *slash = *leaf->value == '/' ? NULL : strrchr(r->file, '/');
    int folder = slash ? (int)(slash - r->file) + 1 : 0;
    size_t room = (size_t)folder + strlen(leaf->value) + 1;
    char *path = malloc(room);
    if (!path) return no_memory(r, err);
    snprintf(path, room, "%.*s%s", folder, r->file, leaf->value);
    il_error inner = { 0 };
    il_status status = read_file(r->yaml, path, r, &inner);
    if (status == IL_EIO) /* say who asked for it */
        il_fail(err, status, "%s:%d:%d: inherit: %.400s", r->file, leaf->line, leaf->column,
                inner.text);
    else if (status != IL_OK)
        il_fail(err, status, "%s", inner.text);
    free(path);
    return status;
}

/* Inherited leaves first, then the file's own. */
static il_status deliver(reader *r, il_error *err)
{
    for (int i = 0; i < r->count; i++)
        if (r->entries[i].kind == INHERIT) IL_TRY(read_parent(r, &r->entries[i].leaf, err));
    for (int i = 0; i < r->count; i++)
        if (r->entries[i].kind == LEAF) IL_TRY(put(r, &r->entries[i].leaf, err));
    return IL_OK;
}

static il_status read_text(reader *r, il_error *err)
{
    if (r->bytes > IL_YAML_BYTES)
        return il_fail(err, IL_ECONFIG, "%s is larger than a recipe may be (%d bytes)",
                       r->file, IL_YAML_BYTES);
    if (r->bytes >= 3 && !memcmp(r->text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
        r->text += 3;
        r->bytes -= 3;
    }
    size_t bad = il_utf8_bad(r->text, r->bytes);
    if (bad < r->bytes)
        return fail_offset(r, bad, err, "this is not text; a recipe is YAML in UTF-8");
    if (!yaml_parser_initialize(&r->parser)) return no_memory(r, err);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, r->bytes);
    il_status status = document(r, err);
    yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    if (status == IL_OK) status = deliver(r, err);
    for (int i = 0; i < r->count; i++) {
        free(r->entries[i].leaf.path);
        free(r->entries[i].leaf.value);
        free(r->entries[i].spelt);
    }
    free(r->entries);
    return status;
}

/* Keeps a copy of the file's name as long as the leaves. */
static il_status name_file(reader *r, const char *name, il_error *err)
{
    il_yaml *y = r->yaml;
    r->file = name;
    if (y->files == IL_YAML_FILES)
        return il_fail(err, IL_ECONFIG, "%s: more than %d files are inherited", name,
                       IL_YAML_FILES);
    if (!(y->file[y->files] = strdup(name))) return no_memory(r, err);
    r->file = y->file[y->files++];
    return IL_OK;
}

/* Is the file r one of those that inherit it? */
static il_status check_circle(const reader *r, il_error *err)
{
    int depth = 0;
    for (const reader *h = r->heir; h; h = h->heir) {
        if (h->identity.st_dev == r->identity.st_dev &&
            h->identity.st_ino == r->identity.st_ino) {
            char circle[400];
            size_t used = 0;
            for (const reader *c = r->heir; used < sizeof circle; c = c->heir) {
                used += (size_t)snprintf(circle + used, sizeof circle - used, " <- %s",
                                         c->file);
                if (c == h) break;
            }
            return il_fail(err, IL_ECONFIG, "%s inherits itself: %s%s", h->file, r->file,
                           circle);
        }
        depth++;
    }
    if (depth >= IL_YAML_DEPTH)
        return il_fail(err, IL_ECONFIG, "%s: files inherit files more than %d deep",
                       r->file, IL_YAML_DEPTH);
    return IL_OK;
}

static il_status read_file(il_yaml *y, const char *path, const reader *heir, il_error *err)
{
    reader r = { .yaml = y, .heir = heir };
    char *text = NULL;
    IL_TRY(name_file(&r, path, err));
    if (!stat(path, &r.identity)) IL_TRY(check_circle(&r, err));
    IL_TRY(il_file_read(&text, &r.bytes, path, IL_YAML_BYTES, err));
    r.text = text;
    il_status status = read_text(&r, err);
    free(text);
    return status;
}

/* ---- the list -------------------------------------------------------------------------------------- */

static il_status hand_out(il_yaml **yaml, il_yaml *y, il_status status)
{
    if (status == IL_OK)
        *yaml = y;
    else
        il_yaml_free(y);
    return status;
}

il_status il_yaml_read(il_yaml **yaml, const char *path, il_respell *respell, il_error *err)
{
    il_yaml *y = calloc(1, sizeof *y);
    if (!y) return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", path);
    y->respell = respell;
    return hand_out(yaml, y, read_file(y, path, NULL, err));
}

il_status il_yaml_parse(il_yaml **yaml, const char *text, size_t bytes, const char *name,
                        il_respell *respell, il_error *err)
{
    il_yaml *y = calloc(1, sizeof *y);
    if (!y) return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", name);
    y->respell = respell;
    reader r = { .yaml = y, .text = text, .bytes = bytes };
    il_status status = name_file(&r, name, err);
    if (status == IL_OK) status = read_text(&r, err);
    return hand_out(yaml, y, status);
}

void il_yaml_free(il_yaml *y)
{
    if (!y) return;
    for (int i = 0; i < y->count; i++) {
        free(y->leaf[i].path);
        free(y->leaf[i].value);
    }
    for (int i = 0; i < y->files; i++) free(y->file[i]);
    free(y->leaf);
    free(y);
}

int il_yaml_count(const il_yaml *y) { return y->count; }
const il_leaf *il_yaml_at(const il_yaml *y, int i) { return y->leaf + i; }

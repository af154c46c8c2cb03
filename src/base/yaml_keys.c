/* yaml_keys.c - the keys of one YAML text
 *
 * libyaml reads the text. We take the mappings and scalars of one document and refuse the rest,
 * so the work is bounded by the text: nothing is repeated, nothing can blow up.
 *
 * Source: YAML 1.1, yaml.org/spec/1.1.
 */
#include "base/yaml_keys.h"

#include <stdlib.h>
#include <yaml.h>

typedef struct {
    il_yaml_keys *to;
    yaml_parser_t parser;
    yaml_event_t event;      /* the one just read */
    char path[IL_YAML_PATH]; /* of the current key */
} reader;

static il_status no_memory(const reader *r, il_error *err)
{
    return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", r->to->file);
}

/* ---- where an error is ----------------------------------------------------------------------- */

static il_status fail_at(const reader *r, int line, int column, il_error *err,
                         const char *what)
{
    return il_fail(err, IL_ECONFIG, "%s:%d:%d: %s", r->to->file, line, column, what);
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
    for (size_t i = 0; i < offset && i < r->to->bytes; i++) {
        if (r->to->text[i] == '\n') {
            line++;
            column = 1;
        } else {
            column +=
                ((unsigned char)r->to->text[i] & 0xc0) != 0x80; /* characters, not bytes */
        }
    }
    return fail_at(r, line, column, err, what);
}

static int indented_by_tab(const reader *r, size_t line)
{
    const char *p = r->to->text, *end = r->to->text + r->to->bytes;
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
    for (int i = 0; i < r->to->count; i++) {
        const il_yaml_entry *e = r->to->entries + i;
        if (e->kind == IL_YAML_LEAF && !strcmp(e->leaf.path, path))
            return il_fail(err, IL_ECONFIG,
                           "%s:%d:%d: %s sets the same key as %s of line %d; keep one",
                           r->to->file, (int)at->line + 1, (int)at->column + 1,
                           il_show(r->path).text, il_show(e->spelt).text, e->leaf.line);
    }
    return IL_OK;
}

/* Notes r->path as a key found at `at`, with a copy of `value` (NULL: none). */
static il_status note(reader *r, il_yaml_kind kind, const yaml_mark_t *at,
                      const char *value, il_error *err)
{
    if (r->to->count == IL_YAML_KEYS)
        return il_fail(err, IL_ECONFIG, "%s has more than %d keys", r->to->file,
                       IL_YAML_KEYS);
    if (r->to->count == r->to->room) {
        int room = r->to->room ? 2 * r->to->room : 64;
        il_yaml_entry *grown = realloc(r->to->entries, sizeof *grown * (size_t)room);
        if (!grown) return no_memory(r, err);
        r->to->entries = grown;
        r->to->room = room;
    }
    char path[IL_YAML_PATH];
    snprintf(path, sizeof path, "%s", r->path);
    if (value && r->to->respell) r->to->respell(path, r->path);
    if (kind == IL_YAML_LEAF) IL_TRY(check_spelling(r, path, at, err));
    il_yaml_entry *e = r->to->entries + r->to->count;
    *e = (il_yaml_entry){ .kind = kind };
    e->leaf.file = r->to->file;
    e->leaf.line = (int)at->line + 1;
    e->leaf.column = (int)at->column + 1;
    e->leaf.path = strdup(path);
    e->leaf.value = value ? strdup(value) : NULL;
    e->spelt = strdup(r->path);
    r->to->count++; /* from here on it is freed with the others */
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
    for (int i = 0; i < r->to->count; i++)
        if (!strcmp(r->to->entries[i].spelt, r->path)) {
            char what[160];
            snprintf(what, sizeof what, "%s is given twice, first in line %d; keep one",
                     il_show(r->path).text, r->to->entries[i].leaf.line);
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
        IL_TRY(note(r, IL_YAML_INHERIT, &r->event.start_mark, name, err));
        if (!list) return IL_OK;
    }
}

/* May a key have a list of scalars, which is one leaf, "1, 2, 3"? */
static int may_be_list(const char *path)
{
    return !strcmp(path, "seeds") || !strncmp(path, "grid.", 5);
}

static il_status list(reader *r, const yaml_mark_t *at, il_error *err)
{
    char text[IL_TEXT] = "";
    int seeds = !strcmp(r->path, "seeds");
    for (size_t used = 0;;) {
        IL_TRY(next(r, err));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return note(r, IL_YAML_LEAF, at, text, err);
        const char *value =
            r->event.type == YAML_SCALAR_EVENT ? scalar_value(&r->event) : NULL;
        if (!value && seeds)
            return fail_here(r, err, "seeds wants whole numbers: [1, 2, 3]");
        if (!value || strchr(value, ','))
            return fail_here(r, err,
                             "a list wants numbers or words without commas: [0.1, 0.3]");
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "",
                                 value);
        if (used >= sizeof text) return fail_here(r, err, "this list is too long");
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
        } else if (r->event.type == YAML_SEQUENCE_START_EVENT && may_be_list(r->path)) {
            IL_TRY(list(r, &at, err));
        } else if (r->event.type == YAML_SCALAR_EVENT) {
            IL_TRY(note(r, IL_YAML_LEAF, &at, scalar_value(&r->event), err));
        } else if (r->event.type == YAML_MAPPING_START_EVENT) {
            IL_TRY(note(r, IL_YAML_GROUP, &at, NULL, err));
            IL_TRY(mapping(r, depth + 1, err));
        } else {
            return fail_here(
                r, err,
                "a list is not expected here; only inherit, the seeds of a claim, and the "
                "seeds and the grid of a sweep may be lists");
        }
    }
}

static il_status document(reader *r, il_error *err)
{
    IL_TRY(next(r, err)); /* the start of the stream */
    IL_TRY(next(r, err));
    if (r->event.type == YAML_STREAM_END_EVENT)
        return il_fail(err, IL_ECONFIG, "%s is empty", r->to->file);
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

/* ---- a text -------------------------------------------------------------------------------------- */

il_status il_yaml_keys_read(il_yaml_keys *to, il_error *err)
{
    reader r = { .to = to };
    if (to->bytes > IL_YAML_BYTES)
        return il_fail(err, IL_ECONFIG, "%s is larger than a recipe may be (%d bytes)",
                       to->file, IL_YAML_BYTES);
    if (to->bytes >= 3 && !memcmp(to->text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
        to->text += 3;
        to->bytes -= 3;
    }
    size_t bad = il_utf8_bad(to->text, to->bytes);
    if (bad < to->bytes)
        return fail_offset(&r, bad, err, "this is not text; a recipe is YAML in UTF-8");
    if (!yaml_parser_initialize(&r.parser)) return no_memory(&r, err);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)to->text, to->bytes);
    il_status status = document(&r, err);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}

void il_yaml_keys_free(il_yaml_keys *keys)
{
    for (int i = 0; i < keys->count; i++) {
        free(keys->entries[i].leaf.path);
        free(keys->entries[i].leaf.value);
        free(keys->entries[i].spelt);
    }
    free(keys->entries);
}

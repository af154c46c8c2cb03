/* yaml.c - nested mappings in a YAML file as a flat list of leaves
 *
 *   training:                        ("training.seed", "42")
 *     seed: 42                  ->   ("training.curriculum.dims.start", "5")
 *     curriculum: {dims: {start: 5}}
 *
 * `inherit` at the top puts the leaves of other files first; a later leaf of the same path wins. The keys of
 * one file: yaml_keys.c.
 *
 * Source: YAML 1.1, yaml.org/spec/1.1; `inherit` as in the field's published recipes.
 */
#include "base/yaml_keys.h"

#include <stdlib.h>
#include <sys/stat.h>

struct il_yaml {
    il_leaf *leaf;
    int count, room;
    char *file[IL_YAML_FILES]; /* names, which leaves point to */
    int files;
    il_respell *respell;
};

/* One file while it is read. */
typedef struct reader {
    il_yaml *yaml; /* receives the leaves at the end */
    il_yaml_keys keys;
    const struct reader *heir; /* the file that inherits this one */
    struct stat identity;      /* all zero when there is no file */
} reader;

static il_status read_file(il_yaml *y, const char *path, const reader *heir, il_error *err);

static il_status no_memory(const reader *r, il_error *err)
{
    return il_fail(err, IL_EFAIL, "%s: out of memory while reading it", r->keys.file);
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
                       r->keys.file, IL_YAML_KEYS);
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
        return il_fail(err, IL_ECONFIG,
                       "%s:%d:%d: inherit is not possible here, only in a file",
                       r->keys.file, leaf->line, leaf->column);
    const char *slash = *leaf->value == '/' ? NULL : strrchr(r->keys.file, '/');
    int folder = slash ? (int)(slash - r->keys.file) + 1 : 0;
    size_t room = (size_t)folder + strlen(leaf->value) + 1;
    char *path = malloc(room);
    if (!path) return no_memory(r, err);
    snprintf(path, room, "%.*s%s", folder, r->keys.file, leaf->value);
    il_error inner = { 0 };
    il_status status = read_file(r->yaml, path, r, &inner);
    if (status == IL_EIO) /* say who asked for it */
        il_fail(err, status, "%s:%d:%d: inherit: %.400s", r->keys.file, leaf->line,
                leaf->column, inner.text);
    else if (status != IL_OK)
        il_fail(err, status, "%s", inner.text);
    free(path);
    return status;
}

/* Inherited leaves first, then the file's own. */
static il_status deliver(reader *r, il_error *err)
{
    for (int i = 0; i < r->keys.count; i++)
        if (r->keys.entries[i].kind == IL_YAML_INHERIT)
            IL_TRY(read_parent(r, &r->keys.entries[i].leaf, err));
    for (int i = 0; i < r->keys.count; i++)
        if (r->keys.entries[i].kind == IL_YAML_LEAF)
            IL_TRY(put(r, &r->keys.entries[i].leaf, err));
    return IL_OK;
}

static il_status read_text(reader *r, il_error *err)
{
    r->keys.respell = r->yaml->respell;
    il_status status = il_yaml_keys_read(&r->keys, err);
    if (status == IL_OK) status = deliver(r, err);
    il_yaml_keys_free(&r->keys);
    return status;
}

/* Keeps a copy of the file's name as long as the leaves. */
static il_status name_file(reader *r, const char *name, il_error *err)
{
    il_yaml *y = r->yaml;
    r->keys.file = name;
    if (y->files == IL_YAML_FILES)
        return il_fail(err, IL_ECONFIG, "%s: more than %d files are inherited", name,
                       IL_YAML_FILES);
    if (!(y->file[y->files] = strdup(name))) return no_memory(r, err);
    r->keys.file = y->file[y->files++];
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
                                         c->keys.file);
                if (c == h) break;
            }
            return il_fail(err, IL_ECONFIG, "%s inherits itself: %s%s", h->keys.file,
                           r->keys.file, circle);
        }
        depth++;
    }
    if (depth >= IL_YAML_DEPTH)
        return il_fail(err, IL_ECONFIG, "%s: files inherit files more than %d deep",
                       r->keys.file, IL_YAML_DEPTH);
    return IL_OK;
}

static il_status read_file(il_yaml *y, const char *path, const reader *heir, il_error *err)
{
    reader r = { .yaml = y, .heir = heir };
    char *text = NULL;
    IL_TRY(name_file(&r, path, err));
    if (!stat(path, &r.identity)) IL_TRY(check_circle(&r, err));
    IL_TRY(il_file_read(&text, &r.keys.bytes, path, IL_YAML_BYTES, err));
    r.keys.text = text;
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
    reader r = { .yaml = y, .keys = { .text = text, .bytes = bytes } };
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

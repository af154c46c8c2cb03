/* yaml_keys.h - the keys of one YAML text, which yaml.c puts together with what it inherits (private) */
#ifndef IL_YAML_KEYS_H
#define IL_YAML_KEYS_H

#include "base/base.h"

typedef enum { IL_YAML_LEAF, IL_YAML_GROUP, IL_YAML_INHERIT } il_yaml_kind;

/* A key; an IL_YAML_INHERIT is one file's name under `inherit`. */
typedef struct {
    il_yaml_kind kind;
    il_leaf leaf;
    char *spelt; /* the path as the file has it */
} il_yaml_entry;

typedef struct {
    const char *file, *text; /* file: for sentences, borrowed by the leaves */
    size_t bytes;
    il_respell *respell;
    il_yaml_entry *entries;
    int count, room;
} il_yaml_keys;

/* Reads the text's keys; il_yaml_keys_free also after a failure. Errors: IL_ECONFIG with line and column. */
il_status il_yaml_keys_read(il_yaml_keys *keys, il_error *err);
void il_yaml_keys_free(il_yaml_keys *keys);

#endif

/* config.h - the parts of a recipe that have options of their own
 *
 * A key like training.task_name names a row, and the row brings a table of options, which follow
 * `training.` like other keys. Setting the name sets the options to their defaults, so it counts first.
 */
#ifndef IL_CONFIG_H
#define IL_CONFIG_H

#include "optimizer/optimizer.h"
#include "task/task.h"

/* Every key of a recipe but these options */
const il_opt *il_config_opts(void);

enum { IL_CONFIG_TASK, IL_CONFIG_OPTIMIZER, IL_CONFIG_PARTS };

typedef struct {
    const char *key, *what; /* "training.task_name", "task" */
    const char *name;       /* what the recipe says there */
    const il_opt
        *opts;    /* of the row of this name; NULL: it has none, or there is no such row */
    void *target; /* the options struct in the recipe */
    size_t room;  /* bytes of it */
    int known;    /* there is a row of this name */
} il_config_part;

int il_config_part_named(const char *key); /* the part of this key, or -1 */
il_config_part il_config_part_of(const il_config *config, int part);
/* The name of row i of a part, and its options; NULL past the last */
const char *il_config_part_row(int part, int i, const il_opt **opts);

#endif

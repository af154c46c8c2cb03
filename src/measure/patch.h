/* patch.h - shared by patch.c and by_algorithm.c: which tokens are patched (private) */
#ifndef IL_PATCH_H
#define IL_PATCH_H

#include "observe/observe.h"

enum { IL_AT_QUERY, IL_AT_EXAMPLES, IL_AT_ALL, IL_AT_USUAL }; /* which tokens */

/* Patches the iterates of the algorithm `by` into the stream: by_algorithm.c. Errors: IL_ECONFIG. */
il_status il_patch_by_algorithm(il_observation *subject, const char *by,
                                const il_observe_hooks *hooks, il_table *table, int which,
                                il_error *err);

#endif

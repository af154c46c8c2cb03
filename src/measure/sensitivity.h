/* sensitivity.h - shared by sensitivity.c and binding.c (private) */
#ifndef IL_SENSITIVITY_H
#define IL_SENSITIVITY_H

#include "observe/observe.h"

/* binding.c: the sensitivity of a model of sequences, token by token. */
il_status il_sensitivity_of_tokens(il_observation *subject, il_table *table, il_error *err);

#endif

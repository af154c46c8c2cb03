/* places.h - where in a forward pass something can be put
 *
 * A place is some columns of an op's output in one loop: the stream after a layer, a register of it, or
 * what an op of a block says.
 */
#ifndef IL_PLACES_H
#define IL_PLACES_H

#include "observe/products.h"
#include "observe/subject.h"

typedef struct {
    int op, loop;     /* loop: from 0, of a model that loops */
    int at, columns;  /* of the op's output, which is `width` wide */
    int width, layer; /* layer: the stream's, from 1; 0 where it is no border of layers */
    il_label name;
} il_place;

typedef struct {
    il_place *place;
    int n;
} il_places;

/* `at` NULL: the stream after every layer; a register's name: its columns of that; an op's name, or what
 * it is called in every block ("attn", "mlp.c_proj"): its output. Errors: IL_ECONFIG with the nearest
 * name. */
il_status il_places_new(il_places *places, const il_model *model, const il_layers *layers,
                        const char *at, il_error *err);
void il_places_free(il_places *places);

#endif

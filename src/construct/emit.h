/* emit.h - what the assembler's files share: a plan that grows op by op, and the weights it will have */
#ifndef IL_EMIT_H
#define IL_EMIT_H

#include "construct/program.h"

enum { WEIGHTS = 4096 };

typedef struct {
    il_program *p;
    il_plan plan;
    struct {
        int param;
        double *data;
    } weights[WEIGHTS];
    int n_weights, stream, tokens, mask;
} builder;

/* schedule.c: every instruction's time, and how many layers each section has */
void il_schedule(il_program *p);

/* An op whose weights get `data` (as stored) and `bias`, where they are not NULL; its output slot. */
int il_emit(builder *b, il_section section, const char *kind, const char *name,
            const char *opts, int n_in, const int *in, double *data, double *bias);
/* Zeros that live as long as the program; NULL without memory, which is a mistake. */
double *il_emit_matrix(builder *b, int rows, int cols);
/* y = W x (+ residual, unless it is IL_NONE), W (out,in), named LAYER.NAME */
int il_emit_linear(builder *b, il_section section, const char *layer, const char *name,
                   int out, double *W, double *bias, int x, int residual);

/* Each adds to b->stream what instructions of a section and a time do to the layer's input x. */
void il_emit_heads(builder *b, const char *layer, int section, int time,
                   instruction_kind kind, int x);
void il_emit_map(builder *b, const char *layer, int section, int time, int x);
void il_emit_units(builder *b, const char *layer, int section, int time,
                   instruction_kind kind, int x);
void il_emit_quotients(builder *b, const char *layer, int section, int time, int x);

#endif

/* program.h - what a program is made of, for the assembler's own files */
#ifndef IL_PROGRAM_H
#define IL_PROGRAM_H

#include "construct/construct.h"

enum { PARTS = 6, BLOCKS = 4, REGISTERS = 64, NAME = 24, MOST_WIDTH = 4096 };

typedef enum { PLAIN, SUM, CONSTANT, MATRIX } part_kind;

/* c times: columns at..at+width-1; their sum; 1; a matrix (rows,width) times them */
typedef struct {
    part_kind kind;
    double c;
    int at, width, rows;
    const double *matrix;
} part;

typedef struct {
    part part[PARTS];
    int n, rows;
} form;

typedef struct {
    int at, rows; /* columns written */
    double scale;
    form form;
} item;

/* From RELU on, what runs after attention in a layer */
typedef enum { ATTEND, SOFTMAX, MAP, RELU, GELU, QUOTIENT } instruction_kind;

typedef struct {
    instruction_kind kind;
    il_section section;
    int also;    /* runs at the time of the instruction before it */
    int alone;   /* instructions before this one are in earlier layers */
    int time;    /* in its section: 2 layer for attention, 2 layer + 1 for units */
    item *items; /* value forms, or units' forms */
    int n_items;
    form keys[BLOCKS], queries[BLOCKS];
    int n_keys, n_queries;
    double big; /* a quotient's N; keys[0] is what it divides by */
    char *text;
} instruction;

typedef struct {
    char name[NAME], what[96];
    int at, width;
    int token;           /* first column of the tokens, or -1 */
    int rows;            /* of `table`; 0: none */
    const double *table; /* (rows,width), by position; NULL with rows: the identity */
} reg;

typedef struct {
    char name[NAME];
    int rows, cols;
    const double *data;
} matrix;

struct il_program {
    char title[256];
    reg regs[REGISTERS];
    matrix matrices[REGISTERS];
    instruction *list;
    item *starts;
    il_pwl **functions;
    void **owned; /* everything else that is freed at the end */
    int n_regs, n_matrices, n_list, n_starts, n_functions, n_owned;
    int width, tokens, positions; /* columns; of a token; rows of the table of positions */
    int barrier;                  /* the first instruction after il_layer */
    int loops, looped, section;   /* looped: il_loop was called */
    int causal, masked;
    form answer;
    const char *starts_text[REGISTERS];
    int n_starts_text;
    char answer_text[128], task[32], layout[32];
    int dims, points;
    il_program_layers layers;
    int failed;
    il_error error; /* of the first mistake */
};

/* The first mistake is kept. */
void il_mistake(il_program *p, il_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A list of n items with room for one more; NULL without memory, which is a mistake. */
void *il_program_grow(il_program *p, void *list, int n, size_t size);
/* Memory of the program's; NULL without, which is a mistake. */
void *il_own(il_program *p, size_t bytes);
/* Printf into memory of the program's, where %g writes every digit. NULL without memory. */
char *il_words(il_program *p, const char *format, va_list args);

/* Variables of a function that takes a format: its words as the program's text */
#define IL_WORDS(text, format)                                                             \
    char *text;                                                                            \
    {                                                                                      \
        va_list args_;                                                                     \
        va_start(args_, format);                                                           \
        text = il_words(p, format, args_);                                                 \
        va_end(args_);                                                                     \
        if (!text) return;                                                                 \
    }

/* The next instruction, whose text is shown; NULL after a mistake. */
instruction *il_instruction(il_program *p, instruction_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* parse.c: what a text says. 0 after a mistake. */
int il_parse_form(il_program *p, const char *text, form *f);
int il_parse_starts(il_program *p, const char *text, item **items, int *n);
int il_parse_units(il_program *p, const char *text, const char *unit, item **items, int *n);
int il_parse_attend(il_program *p, const char *text, instruction *in);

/* Row i of a form: row (C) += ..., *bias += ... */
void il_form_row(const form *f, int i, double *row, double *bias);
int il_form_equal(const form *a, const form *b);

/* print.c: the program as text, after il_assemble has given its instructions a time */
void il_program_print(const il_program *p, FILE *f);

#endif

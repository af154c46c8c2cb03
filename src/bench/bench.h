/* bench.h - the benchmark cases: work that is the same every time */
#ifndef IL_BENCH_H
#define IL_BENCH_H

#include "train/train.h"

enum { IL_BENCH_ALGOS = 32 };

/* Two recipes and the error that both are to reach: files, NULL where they are not given */
typedef struct {
    const char *recipe, *reference;
    double error;
} il_bench_race;

/* A row's work, ready to run */
typedef struct {
    double flop;  /* of one run, by the model in docs/performance.md; NaN if unknown */
    double bytes; /* of memory its plan holds, all threads; NaN if unknown */
    il_trainer *trainer;
    il_model *model;
    il_context *context;
    il_state *state;
    il_batch *batch;
    il_algo *algos[IL_BENCH_ALGOS];
    il_real *a, *b, *c, *packed, *work; /* kernels' operands, answers */
    il_arena arena;                     /* behind these */
    const il_bench_race *race;
    double error;       /* that the recipe reached */
    char note[IL_TEXT]; /* of the other way, instead of its name; or "" */
} il_bench_work;

/* A model and its prompts: il_config's values of these names */
typedef struct {
    int family, n_dims, n_positions, n_embd, n_head, n_layer;
    int points, loops, window;
} il_bench_model;

typedef struct il_bench_row il_bench_row;
typedef il_status il_bench_call(const il_bench_row *row, il_bench_work *w, il_error *err);

struct il_bench_row {
    const char *name;
    const il_bench_model *model; /* a kernel takes its sizes from it too */
    il_bench_call *open, *run;
    const char *const *algos; /* of a row of algorithms, with a NULL behind the last */
    int one_thread;           /* whatever the other rows use */
    int bf16;                 /* products in bfloat16, against the peak of bfloat16 */
    int once; /* it takes minutes: run once, and only where `only` names it */
    /* The library's own other way to the same result, or NULL */
    il_bench_call *other;
    const char *other_name;
};

const il_opt *il_bench_opts(void);         /* of il_bench */
extern const il_bench_row il_bench_rows[]; /* ends in a NULL name */

/* Gives back what `open` made, also when it failed half way. */
void il_bench_close(il_bench_work *w);

/* Room for a, b, c, packed and work of so many elements, all zero. */
il_status il_bench_operands(il_bench_work *w, const size_t sizes[5], il_error *err);

/* The four products of a block on one shard's rows: forward, to the input, to the weights; and
 * the attention of its heads. */
il_bench_call il_bench_open_products, il_bench_run_nn, il_bench_run_nt, il_bench_run_tn;
il_bench_call il_bench_open_attention, il_bench_run_attention, il_bench_run_attention_back;

/* Two trainings (race.c) */
il_bench_call il_bench_open_race, il_bench_run_race, il_bench_run_reference;

/* The mesa layer by itself; its `bytes` are those of the state that it carries along. */
il_bench_call il_bench_open_mesa, il_bench_run_mesa, il_bench_run_mesa_back;

#endif

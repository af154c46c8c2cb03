/* innerloop.h - use models that learn in context: load, ask, predict, forecast, look inside
 *
 * The first of two tiers: innerloop_lab.h includes it and adds what makes models and studies them.
 *
 *   - A function that can fail returns il_status and writes one sentence into `err`, which may be NULL.
 *     On failure its outputs are as they were.
 *   - The library never prints, exits or aborts. A child of fork() may use it.
 *   - Wrong arguments (NULL where something is needed, a place that is not there, a negative number, a size
 *     that overflows) make a function with a status fail, most with IL_ECONFIG; any other answers nothing:
 *     0, NAN, "", NULL or a struct of zeros, -1 where 0 is a place.
 *   - What a `_new`, `_load` or `_read` hands out, the matching `_free` takes back (NULL is fine).
 *   - Objects without a lock of their own belong to one thread at a time. A model is constant: any number
 *     of threads may use it together.
 *   - Settings are n texts "key=value", each key once; what is not given has its default. docs/reference.md
 *     and il_options (innerloop_lab.h) list them.
 *   - Letters for sizes: B prompts, N points, D dimensions, O numbers of an answer, T tokens, C width, R loops.
 *   - Arrays are dense and row-major; (B,N,D) means x[(b * N + n) * D + d].
 *
 * Binary interface: an object is opaque, and grows without notice. A struct whose fields are written out in
 * this header stays as it is for as long as the shared library keeps its name (libinnerloop.so.0). The second
 * tier makes no such promise: a program that uses it is compiled anew for every version.
 */
#ifndef INNERLOOP_H
#define INNERLOOP_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
/* What the shared library shows: these functions, and nothing else. */
#ifndef IL_API
#define IL_API __attribute__((visibility("default")))
#endif

/* A library computes in float or in double, and so must the program that is linked to it: what was compiled
 * for the other does not link, and the symbol that is missing says why. */
#ifdef IL_DOUBLE
typedef double il_real; /* constructions and gradient checks */
#define IL_LINKED_AS il_library_is_float_but_program_has_IL_DOUBLE
#else
typedef float il_real; /* training and inference */
#define IL_LINKED_AS il_library_is_double_but_program_lacks_IL_DOUBLE
#endif
extern IL_API const char IL_LINKED_AS;
static const char *const il_linked_as __attribute__((used)) = &IL_LINKED_AS;

/* ---- status and error ---------------------------------------------------------------------------- */
/* A status is also the program's exit code. */
typedef enum {
    IL_OK = 0,
    IL_EFAIL = 1,       /* out of memory, or a fault with no better name */
    IL_EUSAGE = 2,      /* the command line */
    IL_ECONFIG = 3,     /* a recipe, a checkpoint's contents or a table */
    IL_ENUMERIC = 4,    /* training met a value that is not finite */
    IL_EIO = 5,         /* a file or folder could not be read or written */
    IL_ECLAIM = 6,      /* a claim is out of its tolerance */
    IL_EINTERRUPT = 130 /* stopped on request, after saving */
} il_status;
/* One sentence: file, line or key; what is wrong; what to do. */
typedef struct { il_status status; char text[512]; } il_error;

IL_API const char *il_version(void);     /* "0.1.0" */
IL_API const char *il_kernel_name(void); /* the instruction set in use: "avx512", "avx2", ... */
IL_API int il_threads(void);             /* in use: IL_THREADS, or the processors this process may use */

/* The same from here on, whatever IL_THREADS says; no result depends on it. Any number of 1..256 before the
 * library is first put to work, and later up to the number that it began with.
 * Errors: IL_ECONFIG for another number. */
IL_API il_status il_threads_set(int n, il_error *err);

enum { IL_TEXT = 128 }; /* bytes of a short text, with its terminating zero */

/* Takes written bytes, and reports nothing: a function of yours remembers what failed. */
typedef void il_write_fn(void *context, const char *bytes, size_t n);
/* Hands out bytes: waits for some and returns how many, at most `room`; 0 at the end; -1 with errno where
 * they cannot be read. */
typedef ptrdiff_t il_read_fn(void *context, char *bytes, size_t room);

/* ---- tables -------------------------------------------------------------------------------------- */
/* Named columns of numbers or text; a missing number is NaN, a missing text "". */
typedef struct il_table il_table;

IL_API il_status il_table_new(il_table **table, const char *name, il_error *err);
IL_API void il_table_free(il_table *table);
IL_API int il_table_rows(const il_table *table);
IL_API int il_table_cols(const il_table *table);
IL_API const char *il_table_name(const il_table *table);
IL_API const char *il_table_caption(const il_table *table); /* what its numbers are; "" if unsaid */
IL_API const char *il_table_notes(const il_table *table);   /* what its reader should know, one sentence a line */
IL_API const char *il_table_col(const il_table *table, int col);       /* a column's name */
IL_API int il_table_find(const il_table *table, const char *col);      /* -1 if there is none */
IL_API int il_table_is_text(const il_table *table, int col);
IL_API double il_table_number(const il_table *table, int row, int col);
IL_API const char *il_table_text(const il_table *table, int row, int col);
/* Where there is no such row or column, it is no text, NaN or "", and setting it does nothing but for
 * il_table_set_text, which fails. */
IL_API il_status il_table_set_caption(il_table *table, const char *caption, il_error *err);
/* Columns first, then rows; a new row is all missing. */
IL_API il_status il_table_add_col(il_table *table, const char *name, int is_text, il_error *err);
/* Columns from "layer$ error": a $ marks text. */
IL_API il_status il_table_add_cols(il_table *table, const char *names, il_error *err);
IL_API il_status il_table_add_row(il_table *table, il_error *err);
/* A row with as many texts as there are columns of text, and as many numbers as there are others; NULL: missing. */
IL_API il_status il_table_add(il_table *table, const char *const *texts, const double *numbers, il_error *err);
IL_API void il_table_set(il_table *table, int row, int col, double value);
IL_API il_status il_table_set_text(il_table *table, int row, int col, const char *text, il_error *err);

/* A CSV file with a header (RFC 4180 quoting; `,`, `;` or tab). A column is numbers when every cell that
 * is not missing ("", NA, NaN, ?, null, any case) is one. Errors name file and line. */
IL_API il_status il_table_read(il_table **table, const char *path, il_error *err);
/* The same from anywhere; `name` stands for the file in errors. */
IL_API il_status il_table_read_from(il_table **table, il_read_fn *read, void *context, const char *name,
                                    il_error *err);
IL_API int il_table_line(const il_table *table, int row); /* of the file it was read from, or 0 */

/* CSV; text for a terminal; {"name","columns","rows"} with every bit; CSV, no header; a line {"column":cell} a row */
enum { IL_TABLE_CSV, IL_TABLE_TEXT, IL_TABLE_JSON, IL_TABLE_CSV_ROWS, IL_TABLE_OBJECTS };
IL_API void il_table_write(const il_table *table, int form, il_write_fn *write, void *context);
IL_API il_status il_table_save(const il_table *table, const char *path, il_error *err); /* CSV; as a whole or not */

/* kind: "tasks", "shifts", "layouts", "algos", "constructions", "ops", "models", "optimizers", "measures": what there
 * is, as a table of name, summary, options. Errors: IL_EUSAGE with the nearest kind. */
IL_API il_status il_list(il_table **table, const char *kind, il_error *err);

/* ---- tasks and prompts --------------------------------------------------------------------------- */
typedef struct il_task il_task;

/* B prompts of N points in D dimensions; an answer y is O numbers. A prompt asks, for every n: given
 * (x_0,y_0) .. (x_{n-1},y_{n-1}), what is y at query n? A sequence s_0, s_1, ... is a prompt with x_n = s_n
 * and y_n = s_{n+1}.
 *
 * It comes from il_batch_new; or it is a struct of your own around arrays of your own, of which those that
 * may be NULL and are not needed are NULL. Whatever reads prompts takes both. */
typedef struct {
    int prompts, points, dim, outs;
    il_real *x;     /* (B,N,D) examples */
    il_real *y;     /* (B,N,O) */
    il_real *w;     /* (B,O,D) the task's weights where it has some, else zeros */
    il_real *xq;    /* (B,N,D) queries, where they differ from the examples; else NULL */
    il_real *yq;    /* (B,N,O) what they ask for; without xq: at the same x; NULL: y */
    il_real *noise; /* (B) deviation of the noise on y of each prompt; zeros or NULL: none */
} il_batch;

/* Where prompts are drawn from: random numbers are f(seed, stream, step, index). */
enum { IL_STREAM_INIT, IL_STREAM_TRAIN, IL_STREAM_EVAL, IL_STREAM_BOOTSTRAP, IL_STREAM_USER };
typedef struct { uint64_t seed; uint32_t stream, step, first; } il_draw; /* first: of the batch's prompts */

IL_API const il_task *il_task_find(const char *name); /* NULL if there is none */
IL_API int il_task_outs(const il_task *task, const void *opts, int dim); /* O, for D = dim */
/* Room for prompts with one answer a point, or with `outs`. */
IL_API il_status il_batch_new(il_batch **batch, int prompts, int points, int dim, il_error *err);
IL_API il_status il_batch_new_outs(il_batch **batch, int prompts, int points, int dim, int outs, il_error *err);
IL_API void il_batch_free(il_batch *batch);

/* Fills a batch of il_batch_new_outs that was made for the task's O; the first `dims` dimensions are alive.
 * `opts` is the task's options struct (il_config.training.task_opts), NULL: its defaults; `shift` NULL for none, or
 * a row of il_list("shifts"), as "scaled_x=2" where it has a parameter. Cost O(B N D).
 * Errors: IL_ECONFIG for an unknown shift, for dims outside 1..D, or options out of their range. */
IL_API il_status il_batch_draw(il_batch *batch, const il_task *task, const void *opts, const char *shift,
                               int dims, il_draw at, il_error *err);

/* ---- algorithms ---------------------------------------------------------------------------------- */
typedef struct il_algo il_algo; /* an algorithm with its options set */

/* `text` is a name with options: "gd", "ridge alpha=0.1", "knn k=3". */
IL_API il_status il_algo_new(il_algo **algo, const char *text, il_error *err);
IL_API void il_algo_free(il_algo *algo);
IL_API const char *il_algo_text(const il_algo *algo);
IL_API int il_algo_steps(const il_algo *algo); /* its option `steps`; 0: a closed form */

/* The answers of a learning algorithm at every point of every prompt, after each of the steps first..last
 * (step 0 is where an iteration starts; a closed form answers the same after each). Each of the O numbers
 * of an answer is a problem of its own.
 *
 *   yhat   (last-first+1, B, N, O) out: answer n uses points 0..n-1 only; units of batch->y
 *   what   (last-first+1, B, N, O, D) out: the weights behind the answers, or NULL
 *
 * Errors: IL_ECONFIG if there are no such steps, or if `what` is asked of an algorithm that has none. */
IL_API il_status il_algo_predict(const il_algo *algo, const il_batch *batch, int first, int last,
                                 il_real *yhat, il_real *what, il_error *err);

/* ---- models -------------------------------------------------------------------------------------- */
typedef struct il_model il_model;

/* `path`: a .safetensors file or a run folder (its newest checkpoint). The file is checked in every offset,
 * shape, dtype and value before a model exists. */
IL_API il_status il_model_load(il_model **model, const char *path, il_error *err);
IL_API il_status il_model_save(const il_model *model, const char *path, il_error *err);
IL_API void il_model_free(il_model *model);

IL_API int64_t il_model_step(const il_model *model);  /* training steps taken */
IL_API uint64_t il_model_hash(const il_model *model); /* FNV-1a over names, shapes and weights */
IL_API int il_model_classes(const il_model *model);   /* ids of a token-id model, else 0 */
IL_API int il_model_loops(const il_model *model);     /* loops at the end of training; 1 for gpt2 */
IL_API int il_model_dims(const il_model *model);      /* dimensions alive at the end of training */
/* Points of the longest prompts of its training, the last of them the query alone; of sequences and ids, the length */
IL_API int il_model_points(const il_model *model);

/* Is any of these more than it was trained on, or made for? Then `note` (of so many bytes) says so, in a sentence
 * for a warning. Returns a bit for each that is: 1 points (with the query), 2 dimensions, 4 loops. 0: not asked. */
IL_API int il_model_beyond(const il_model *model, int points, int dims, int loops, char *note, size_t size);

/* Weights by name: *data (rows, cols) borrowed from the model; NULL data when there is none. */
IL_API int il_model_weights(const il_model *model); /* how many */
IL_API void il_model_weight(const il_model *model, int index, const char **name, const il_real **data,
                            int *rows, int *cols);
/* Answers after each of the loops first..last (counted from 1).
 *   yhat  (last-first+1, B, N, O) out; for batch->xq, point n is asked with query n
 * Errors: IL_ECONFIG if the prompts do not fit the model. */
IL_API il_status il_model_answer(const il_model *model, const il_batch *batch, int first, int last,
                                 il_real *yhat, il_error *err);
/* The same for `queries` (Q) of every prompt, each asked in context of all its N points.
 *   xq    (B,Q,D)
 *   yhat  (last-first+1, B, Q, O) out
 * Cost: where the model can run token by token, the examples once, and a token a query; else a prompt a query.
 * Errors: likewise. */
IL_API il_status il_model_ask(const il_model *model, const il_batch *examples, const il_real *xq, int queries,
                              int first, int last, il_real *yhat, il_error *err);

/* Both with loops that stop by themselves: an answer is that after the first loop which changes the residual stream
 * at the query's token by at most `tolerance` of its length, or after loop `most`: bit for bit what it is there in any
 * batch. A prompt whose answers have all been taken costs no more loops. loops (B,N) or (B,Q) out: of each; or NULL */
typedef struct { double tolerance; int most; } il_until; /* NULL, or zeros: 0.02, and the model's loops */
IL_API il_status il_model_answer_until(const il_model *model, const il_batch *batch, const il_until *until,
                                       il_real *yhat, int *loops, il_error *err);
IL_API il_status il_model_ask_until(const il_model *model, const il_batch *examples, const il_real *xq, int queries,
                                    const il_until *until, il_real *yhat, int *loops, il_error *err);

/* ---- looking inside ------------------------------------------------------------------------------ */

/* Tokens of a prompt of so many points. Point n is answered at token il_model_tokens(model, n). */
IL_API int il_model_tokens(const il_model *model, int points);

/* All that il_observe can record: a table of name; width; part ("before", "loop" or "after": of the loops);
 * what ("stream" for the residual stream where layers begin and end, "pattern", "answer", "input", or the op
 * behind it); layer (of a stream: 0 where the first begins, n where the n-th ends). */
IL_API il_status il_model_slots(il_table **table, const il_model *model, il_error *err);

/* What a model computes on its way, at all T tokens of every prompt, after each of the loops first..last.
 *
 *   point  -1: whole prompts of all N points; n: points 0..n-1 as examples, and query n
 *   names  (n) of il_model_slots
 *   out    (n) arrays, out[i] of (last-first+1, B, T, width); a pattern's is (last-first+1, B, width, T, T):
 *          how much head h gives, at one token, of every token's value (softmax, linear, fast weights, mesa)
 *
 * What does not belong to a loop is the same in all of them. Cost: a forward pass, and a copy.
 * Errors: IL_ECONFIG if the prompts do not fit the model, or for a name that it has not. */
IL_API il_status il_observe(const il_model *model, const il_batch *batch, int point, const char *const *names,
                            int n, int first, int last, il_real *const *out, il_error *err);

/* ---- contexts: one prompt, example by example ---------------------------------------------------- */

/* What earlier tokens left behind is remembered, so that one more example or query costs one token in every
 * loop, not the whole prompt again. The answers are bit for bit those of il_model_answer. */
typedef struct il_context il_context;

/* Room for the model's n_positions points; `loops` 0: the model's. The model must outlive it.
 * Errors: IL_ECONFIG when the model cannot run so. */
IL_API il_status il_context_new(il_context **context, const il_model *model, int loops, il_error *err);
IL_API void il_context_free(il_context *context);
IL_API void il_context_clear(il_context *context);
IL_API int il_context_points(const il_context *context);
/* A sentence when the context has come to hold more points, dimensions or loops than the model was trained on, so
 * that what it answers is not learnt: once, for a warning, and NULL from then on, as before. Valid until the next call. */
IL_API const char *il_context_note(il_context *context);
/* x: (n_dims). Errors: IL_ECONFIG when the context is full, or for what is no finite number. */
IL_API il_status il_context_add(il_context *context, const il_real *x, il_real y, il_error *err);
/* A sequence's next observation x (n_dims); yhat: what the model expects to come after it. A model whose
 * blocks carry a state, and no position from a table, takes as many as come. Errors: as il_context_add. */
IL_API il_status il_context_observe(il_context *context, const il_real *x, il_real *yhat, il_error *err);
/* Leaves the context as it is. */
IL_API il_status il_context_ask(il_context *context, const il_real *x, il_real *yhat, il_error *err);
/* From here on queries stop by themselves, after at most the context's loops, all of which examples run through. */
IL_API il_status il_context_until(il_context *context, const il_until *until, il_error *err);
IL_API int il_context_loops(const il_context *context); /* that the last query took; 0: none yet */
/* The same for a token-id model: one more id, and the scores (il_model_classes) of the one after it, which
 * the context keeps until the next call; `scores` may be NULL.
 * Errors: IL_ECONFIG when the context is full, or for an id that is no class. */
IL_API il_status il_context_next(il_context *context, int id, const il_real **scores, il_error *err);
/* A class with probability proportional to exp(score / temperature); 0: the likeliest. Which one is a
 * function of the scores, the seed and the index; -1: there is none. */
IL_API int il_scores_draw(const il_real *scores, int n, double temperature, uint64_t seed, uint32_t index);

/* ---- prediction on the user's own table ---------------------------------------------------------- */

typedef struct {
    int features;   /* columns the model saw */
    int prompts;    /* prompts averaged */
    int per_prompt; /* examples in each */
    int targets;    /* queries that hold the target, and so are scored */
    int not_finite; /* queries whose answer is no finite number */
    double rmse, rmse_ridge, rmse_ols, rmse_mean; /* NaN without targets, or with answers that are not finite */
    char *notes;    /* what was done to the tables, one sentence a line; il_prediction_free */
} il_prediction;
IL_API void il_prediction_free(il_prediction *summary);

/* Predicts the target of every row of `queries` in context of `examples`; settings: target, which must be
 * given, loops, tolerance, most_loops, prompts, seed, predictor (who answers), quantiles. `answers` gets the columns
 * row, prediction, target where queries hold it, loops with loops=auto, q0.05 with quantiles=0.05. docs/predict.md:
 * missing cells, text, larger tables. Cost: the examples once a prompt, a token a query and prompt. */
IL_API il_status il_predict(const il_model *model, const il_table *examples, const il_table *queries,
                            const char *const *settings, int n_settings, il_table **answers,
                            il_prediction *summary, il_error *err);

/* ---- forecasting a series, row by row ------------------------------------------------------------ */

/* Each interval's bounds are NaN while there are too few errors to say. */
typedef struct { double value, low_80, high_80, low_95, high_95; } il_forecast_value;

/* A mesa-layer that learns C series online: no fit, no split; every forecast is made before its row is seen.
 * It is bounded for any input and any `forget` (docs/forecast.md). */
typedef struct il_forecast il_forecast;

/* Settings: lags, others, horizon (H), period ("24,168", "none", or "auto": one is looked for), forget, ridge, and
 * against, whose forecasters run beside it. A model of a task of sequences, or NULL, is borrowed: what it says one
 * row ahead is answered, and the mesa-layer stands beside it. `names` (C) or NULL: for tables and sentences. Memory
 * O(C H (H + n^2)), with n <= 72 the inputs of a forecast: 4 + lags + 3 per period + (C - 1)(1 + others) if
 * others > 0. Errors: IL_ECONFIG naming the setting. */
IL_API il_status il_forecast_new(il_forecast **forecast, int columns, const char *const *names,
                                 const il_model *model, const char *const *settings, int n_settings,
                                 il_error *err);
IL_API void il_forecast_free(il_forecast *forecast);

/* Takes the next row in and forecasts the following ones.
 *   y    (C) values; NaN: missing, nothing is learnt from it and the forecast stands in for it
 *   out  (C,H) what row + 1 .. row + H will be; NaN before a column's first value
 * Cost O(C H n^3 / 6). Errors: IL_ECONFIG for a value beyond 1e300; nothing has changed then. */
IL_API il_status il_forecast_step(il_forecast *forecast, const double *y, il_forecast_value *out, il_error *err);

IL_API int il_forecast_columns(const il_forecast *forecast);
IL_API const char *il_forecast_name(const il_forecast *forecast, int column);
IL_API int64_t il_forecast_rows(const il_forecast *forecast); /* rows taken in */
IL_API int il_forecast_horizon(const il_forecast *forecast); /* H */
IL_API int il_forecast_season(const il_forecast *forecast, int column); /* its first period, in rows; 0: none */

/* All errors so far: columns column, ahead, method, errors (how many), mae, rmse, mae_ratio and rmse_ratio
 * (to persistence, if it is run), in_80, in_95 (shares of values inside the intervals), us_per_step. */
IL_API il_status il_forecast_scores(const il_forecast *forecast, il_table **table, il_error *err);

/* A saved forecast goes on with the same bits as one that was not interrupted. The file is replaced as a
 * whole; a loaded one is checked in every size before it is used. `model` is the one it was made with, NULL
 * for none. Errors: IL_EIO; IL_ECONFIG naming file and array. */
IL_API il_status il_forecast_save(const il_forecast *forecast, const char *path, il_error *err);
IL_API il_status il_forecast_load(il_forecast **forecast, const char *path, const il_model *model, il_error *err);

#ifdef __cplusplus
}
#endif
#endif

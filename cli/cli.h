/* cli.h - what the commands share
 *
 * The program is the library's first customer: it includes innerloop_lab.h and nothing of src/.
 * Results go to stdout, progress and notes to stderr; a command returns its exit code.
 */
#ifndef IL_CLI_H
#define IL_CLI_H

#include "innerloop_lab.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLI_PATH = 1024 };

#define CLI_TRY(call)                                                                      \
    do {                                                                                   \
        il_status try_status_ = (call);                                                    \
        if (try_status_ != IL_OK) return try_status_;                                      \
    } while (0)
#define CLI_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- commands and their options ---------------------------------------------------------- */

typedef enum {
    CLI_END,
    CLI_FLAG, /* int, set to 1 */
    CLI_TEXT, /* const char *, borrowed from argv */
    CLI_INT,  /* int of at least `min` */
    CLI_SEED, /* uint64_t, less than CLI_NO_SEED */
    CLI_REAL  /* double, finite */
} cli_kind;
#define CLI_NO_SEED UINT64_MAX /* where none is given */

typedef struct {
    const char *name; /* without its dashes: two, or one before a single letter */
    cli_kind kind;
    size_t offset; /* in the command's options struct */
    int min;
    const char *value; /* what stands for the value in the help */
    const char *help;
} cli_option;

typedef struct {
    const char *usage;         /* "RECIPE [key=value ...]" */
    const char *help;          /* a paragraph, or NULL */
    const cli_option *options; /* up to CLI_END, or NULL */
    int in_double;             /* runs in the twin program that computes in double */
    const char *but;           /* except with this option; NULL: always */
    il_status (*run)(int argc, char **argv,
                     il_error *err); /* argv[0]: the command's name */
} cli_command;

typedef struct {
    const char *name, *summary;
    const cli_command *command;
} cli_row;

#define CMD(name, summary) extern const cli_command cmd_##name;
#include "commands.def"
#undef CMD
extern const cli_row cli_commands[]; /* ends in a NULL name */
const cli_row *cli_command_find(const char *name, il_error *err);

/* Reads the options in argv[1..] into `target`; the other words, `least` to `most` of them, move
 * to argv[1..*words]. Errors: IL_EUSAGE with the nearest option. */
il_status cli_parse(const cli_command *command, int argc, char **argv, void *target,
                    int least, int most, int *words, il_error *err);

const char *cli_dashes(const cli_option *option);

/* "note: ..." on stderr, one line that changes no terminal */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What a model is asked when it is explained or looked into: rows of the options of a command whose
 * struct has an il_explain_options `ask`, and their usage. */
#define CLI_ASKING_ROW(kind, options, field, min, value, help)                             \
    {                                                                                      \
#field, kind, offsetof(options, ask.field), min, value, help                       \
    }
#define CLI_ASKING(options)                                                                \
    CLI_ASKING_ROW(CLI_TEXT, options, task, 0, "T", "another task than the model's own"),  \
        CLI_ASKING_ROW(CLI_TEXT, options, data, 0, "A,B",                                  \
                       "kinds of inputs: isotropic,kappa=30"),                             \
        CLI_ASKING_ROW(CLI_TEXT, options, examples, 0, "N,M",                              \
                       "numbers of examples (those of training, and half)"),               \
        CLI_ASKING_ROW(CLI_TEXT, options, reading, 0, "HOW", "auto, lens or probe"),       \
        CLI_ASKING_ROW(CLI_INT, options, prompts, 1, "N",                                  \
                       "prompts of each kind and size (32; of lens and probe more)"),      \
        CLI_ASKING_ROW(CLI_INT, options, queries, 1, "N",                                  \
                       "queries of each prompt (3 for every dimension)"),                  \
        CLI_ASKING_ROW(CLI_INT, options, dims, 1, "D", "dimensions that are alive"),       \
        CLI_ASKING_ROW(CLI_INT, options, loops, 1, "R", "loops of a looped model"),        \
        CLI_ASKING_ROW(CLI_SEED, options, seed, 0, "S", "which prompts (1)")
#define CLI_ASKING_USAGE                                                                   \
    "[--task T] [--data A,B] [--examples N,M] [--reading auto|lens|probe] [--prompts N] "  \
    "[--queries N] [--dims D] [--loops R] [--seed S]"

/* What SIGINT, SIGTERM, SIGHUP and SIGXCPU call from here on; NULL: the program says so and ends with 130, unless
 * they were ignored when it began. SIGHUP stays ignored where it was (nohup). */
void cli_at_signal(void (*handler)(int number));

/* ---- files ---------------------------------------------------------------------------------- */

/* The executable's path without links, to be freed; NULL: unknown. */
char *cli_executable(const char *program);
/* Becomes innerloop-double, which lies beside the executable, with the same arguments.
 * Errors: IL_EFAIL when it is not there or does not start. */
il_status cli_become_double(char **argv, il_error *err);
/* Tells, once and first, how the program was called: its data may be installed beside it. */
void cli_data_beside(const char *program);
/* The file FOLDER/NAME of the program's data: in IL_DATA, here, or where it is installed.
 * Errors: IL_EIO when none of these has it. */
il_status cli_data(char path[CLI_PATH], const char *folder, const char *name,
                   il_error *err);
/* RECIPE: a path, or a name in recipes/. */
il_status cli_find_recipe(char path[CLI_PATH], const char *recipe, il_error *err);
/* The same of a claim in recipes/claims/. */
il_status cli_find_claim(char path[CLI_PATH], const char *claim, il_error *err);
/* The names in a folder of the data, sorted, without .yaml; returns how many. */
enum { CLI_NAMES = 256 };
int cli_names(char *names[CLI_NAMES], const char *folder);
void cli_free_names(char **names, int n);
/* What the data's recipes/ hold: name and summary (a recipe's first comment). */
il_status cli_list_recipes(il_table **table, il_error *err);
int cli_is_folder(const char *path);
int cli_is_file(const char *path);
int cli_ends_with(const char *text, const char *tail);
il_status cli_join(char path[CLI_PATH], const char *folder, const char *name,
                   il_error *err);

/* ---- training with progress -------------------------------------------------------------------- */

typedef struct {
    const char *recipe; /* as the user gave it */
    char *const *assignments;
    int n_assignments;
    const char *folder; /* NULL: the recipe's out_dir, or runs/<recipe's name> */
    int resume;
} cli_training;

/* Reads, checks and trains a recipe with a progress line; `folder` gets where. SIGINT and
 * SIGTERM save and stop: IL_EINTERRUPT. */
il_status cli_train(const cli_training *training, char folder[CLI_PATH], il_trained *result,
                    il_error *err);
il_status cli_read_recipe(il_config *config, const cli_training *training, il_error *err);
/* The same of a recipe that was read, in a folder. */
il_status cli_train_in(const il_config *config, const char *folder, int resume,
                       il_trained *result, il_error *err);

typedef struct cli_progress cli_progress;
cli_progress *cli_progress_new(void); /* NULL without memory, which the others accept */
void cli_progress_show(cli_progress *progress, const il_progress *p);
void cli_progress_end(cli_progress *progress);  /* the line, for what is said beside it */
void cli_progress_free(cli_progress *progress); /* ends the line */

/* ---- text ------------------------------------------------------------------------------------ */

const char *cli_grouped(char text[32], int64_t n); /* 1234567 as 1,234,567 */
void cli_notes(const char *notes);                 /* sentences, one a line, to stderr */
/* Writes a table to stdout: as one JSON object, as CSV, or as text. */
typedef enum { CLI_AS_TEXT, CLI_AS_CSV, CLI_AS_JSON } cli_form;
void cli_write(const il_table *table, cli_form form);

/* ---- measuring ------------------------------------------------------------------------------------ */

/* Measures a model on its own task: `points` by number of examples, `loops` by loop (NULL for a
 * model of one loop), with the algorithms every report shows. */
il_status cli_measure(const il_model *model, il_table **points, il_table **loops,
                      il_error *err);
/* Draws such a table; says on stderr when gnuplot is missing. dims 0: the model's own. */
void cli_drawn(const char *path, int drawn); /* a note when it is not */
il_status cli_draw(const il_model *model, const il_table *table, const char *path,
                   int by_loops, int dims, il_error *err);
/* The tables' figures and FOLDER/report.html, whose path goes to `path`. `loops` may be NULL. */
il_status cli_report(char path[CLI_PATH], const char *folder, const il_model *model,
                     const il_table *points, const il_table *loops, il_error *err);

/* ---- benchmarking ------------------------------------------------------------------------------- */

/* bench/peer.py at work; started when it is first asked. `python` NULL: /usr/bin/python3. */
typedef struct cli_peer cli_peer;
il_status cli_peer_new(cli_peer **peer, const char *python, il_error *err);
void cli_peer_free(cli_peer *peer);
/* Seconds of one run of a row of il_bench on so many threads, NaN if it has none; says on stderr,
 * once, why there is no peer. `name` gets what it is. */
double cli_peer_run(cli_peer *peer, const char *row, int threads, char name[IL_TEXT]);

#endif

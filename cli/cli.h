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
#include <stdio.h>
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

/* A command line, taken apart. */
typedef struct {
    int words; /* what is no option: word[1..words]; word[0] is the command's name */
    char **word;
    void *options;               /* the command's struct, of its table */
    const char *const *settings; /* the options of the library's table that are given, */
    int n_settings;              /* as "key=value" */
    void *memory;
} cli_call;

typedef struct {
    const char *words; /* what follows the command's name: "RECIPE [key=value ...]" */
    int least, most;   /* so many words */
    const char *help;  /* a paragraph, or NULL */
    const il_opt *options;
    size_t size; /* of the struct that `options` describe */
    const char *
        kind; /* options that the library reads, and the command hands on: il_options(kind, NULL) */
    /* The same where the words say which they are: all of the command line behind the command's name. */
    const il_opt *(*settings)(int words, char *const *word);
    const il_opt *(*keys)(int words,
                          char *const *word); /* and the keys of key=value words */
    int in_double;   /* runs in the program that computes in double */
    const char *but; /* except with this option; NULL: always */
    int by_ranks;    /* processes that MPI started together do it together */
    il_status (*run)(const cli_call *call, il_error *err);
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

/* Options of a command whose struct is called `options`: --field, where `_` is written `-`. */
#define CLI_OPT(type, field, init, min, max, value, help, words)                           \
    {                                                                                      \
#field, IL_OPT_##type, offsetof(options, field), init, min, max, help, words,      \
            value                                                                          \
    }
#define CLI_FLAG(field, help) CLI_OPT(BOOL, field, 0, 0, 1, NULL, help, NULL)
#define CLI_INT(field, init, min, value, help)                                             \
    CLI_OPT(INT, field, init, min, 1e9, value, help, NULL)
#define CLI_SEED(field, init, help)    CLI_OPT(SEED, field, init, 0, 0, "S", help, NULL)
#define CLI_CHOICE(field, words, help) CLI_OPT(CHOICE, field, 0, 0, 0, NULL, help, words)
#define CLI_STRING(field, init, value, help)                                               \
    CLI_OPT(STRING, field, 0, 0, 0, value, help, init)

/* Takes a command line apart: argv[0] is the row's name. cli_call_free gives the memory back.
 * Errors: IL_EUSAGE with the nearest option; IL_EFAIL. */
il_status cli_parse(cli_call *call, const cli_row *row, int argc, char **argv,
                    il_error *err);
void cli_call_free(cli_call *call);

/* An option as it is given: "--save-every", "-o"; with what stands for its value: " N". */
enum { CLI_SHOWN = 192 };
void cli_show_option(char text[CLI_SHOWN], const il_opt *option, int with_value);
/* Its default as text, "" for a flag that takes no value and where the help says what holds without it. */
void cli_show_default(char text[CLI_SHOWN], const il_opt *option, int flag);

/* The library's options, by `kind` or by the words; NULL: none. */
const il_opt *cli_settings(const cli_command *command, int words, char *const *word);
/* The value of a setting that was given, NULL for one that was not. */
const char *cli_setting(const cli_call *call, const char *key);

/* What `innerloop help COMMAND WORD...` prints. */
void cli_help(const cli_row *row, int words, char *const *word);

typedef struct {
    const char *name, *says;
} cli_fact;
extern const cli_fact cli_exit_codes[], cli_environment[]; /* each ends in a NULL name */

/* All that help knows, as docs/reference.md and as innerloop.1. */
il_status cli_reference_markdown(il_error *err);
void cli_reference_man(void);

/* "note: ..." on stderr, one line that changes no terminal; of several ranks, rank 0's */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What SIGINT, SIGTERM, SIGHUP, SIGXCPU and SIGUSR1 call from here on; NULL: the program says so and ends with 130, unless
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
/* Loads MODEL: a run folder, a checkpoint, or a name in models/. Errors: those of il_model_load. */
il_status cli_load(il_model **model, const char *name, il_error *err);
/* The names in a folder of the data, sorted, without .yaml or .safetensors; returns how many. */
enum { CLI_NAMES = 256 };
int cli_names(char *names[CLI_NAMES], const char *folder);
void cli_free_names(char **names, int n);
/* What the data's recipes/ hold: columns name and summary (a recipe's first comment). */
il_status cli_list_recipes(il_table *table, il_error *err);
/* What its models/ hold: name, hash of the weights, task, width of an input, points, parameters. */
il_status cli_list_trained(il_table *table, il_error *err);
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

/* Reads, checks and trains a recipe with a progress line; `folder` gets where. SIGINT,
 * SIGTERM and SIGUSR1 save and stop: IL_EINTERRUPT. */
il_status cli_train(const cli_training *training, char folder[CLI_PATH], il_trained *result,
                    il_error *err);
il_status cli_read_recipe(il_config *config, const cli_training *training, il_error *err);
/* The same of a recipe that was read, in a folder; `silent`: without the line. */
il_status cli_train_in(const il_config *config, const char *folder, int resume, int silent,
                       il_trained *result, il_error *err);

/* The run folder OUT/<hash of the recipe> */
il_status cli_run_folder(char folder[CLI_PATH], const char *out, const il_config *config,
                         il_error *err);
/* Is a folder's model of that recipe, and trained to its end? Errors: what is there cannot be read now. */
il_status cli_find_trained(int *trained, const char *folder, const il_config *config,
                           il_error *err);
/* The same, where what cannot be read is as good as untrained. */
int cli_is_trained(const char *folder, const il_config *config);
/* Trains what is left of it. IL_EINTERRUPT: the sentence says how to continue. */
il_status cli_train_on(const il_config *config, const char *folder, int silent,
                       il_error *err);

/* Pieces 0 .. n-1 of work, each done by one(context, i), by several processes that take the next one until none is
 * left. A piece that fails does not keep the others from being done, unless it was asked to stop (IL_EINTERRUPT) or
 * could not write (IL_EIO). Errors: the last piece's where this process does it all, else what a worker ended with. */
enum { CLI_WORKERS = 256 };
typedef struct {
    il_status (*one)(void *context, int i, il_error *err);
    void *context;
    int n;
} cli_work;
il_status cli_share_out(const cli_work *work, int workers, il_error *err);

typedef struct cli_progress cli_progress;
cli_progress *cli_progress_new(void); /* NULL without memory, which the others accept */
void cli_progress_show(cli_progress *progress, const il_progress *p);
void cli_progress_end(cli_progress *progress);  /* the line, for what is said beside it */
void cli_progress_free(cli_progress *progress); /* ends the line */

/* ---- text ------------------------------------------------------------------------------------ */

/* Columns of the terminal, or of COLUMNS, or 80. */
int cli_width(void);
/* Prints words, wrapped to that width; lines but the first begin with `indent` blanks, and the first has
 * reached that column. Ends the line. */
void cli_wrap(const char *text, int indent);
const char *cli_grouped(char text[32], int64_t n); /* 1234567 as 1,234,567 */
void cli_notes(const char *notes);                 /* sentences, one a line, to stderr */
double cli_seconds(void);                          /* of a clock that is never set */
/* Writes a table to stdout: as one JSON object, as CSV, or as text. */
typedef enum { CLI_AS_TEXT, CLI_AS_CSV, CLI_AS_JSON } cli_form;
void cli_write(const il_table *table, cli_form form);
void cli_out(void *context, const char *bytes, size_t n); /* an il_write_fn to stdout */
ptrdiff_t cli_in(void *file, char *bytes,
                 size_t room); /* an il_read_fn of a FILE, past its buffer */

/* ---- measuring ------------------------------------------------------------------------------------ */

/* Measures a model on its own task: `points` by number of examples, `loops` by loop (NULL for a
 * model of one loop), with the algorithms every report shows. */
il_status cli_measure(const il_model *model, il_table **points, il_table **loops,
                      il_error *err);
/* Draws such a table; says on stderr when gnuplot is missing. dims 0: the model's own. */
void cli_drawn(const char *path, int drawn); /* a note when it is not */
il_status cli_draw(const il_model *model, const il_table *table, const char *path,
                   int by_loops, int dims, il_error *err);

/* ---- pages about runs ------------------------------------------------------------------------------ */

enum { CLI_RUNS = 24, CLI_PARTS = 5 }; /* runs of a page; tables of one */

typedef struct {
    const char *folder;
    char name[CLI_PATH]; /* what columns call it */
    il_model *model;
    il_table *loss;      /* NULL: it has no metrics */
    il_table *explained; /* NULL: it was not asked for */
} cli_run;

/* A table of a page, and how it is drawn; without a title it is not. */
typedef struct {
    const il_table *table;
    il_figure figure;
} cli_part;

/* Loads the newest checkpoints of n run folders. */
il_status cli_runs_open(cli_run *run, char *const *folders, int n, il_error *err);
void cli_runs_close(cli_run *run, int n);
/* What each run is; the keys of their recipes that differ; their losses over one another. */
il_status cli_runs_table(il_table **table, const cli_run *run, int n, il_error *err);
il_status cli_differences(il_table **table, const cli_run *run, int n, il_error *err);
il_status cli_losses(il_table **table, const cli_run *run, int n, il_error *err);
/* Which algorithm the checkpoints of a run follow: step, what is said, what is left unexplained. */
il_status cli_explained(il_table **table, const char *folder, il_error *err);
/* The tables' figures and FOLDER/report.html, whose path goes to `path`. */
il_status cli_page(char path[CLI_PATH], const char *folder, const cli_part *parts, int n,
                   il_error *err);
/* That of one run, with the tables of cli_measure. `loops` may be NULL. */
il_status cli_report(char path[CLI_PATH], const cli_run *run, const il_table *points,
                     const il_table *loops, il_error *err);

/* ---- benchmarking ------------------------------------------------------------------------------- */

/* bench/peer.py at work; started when it is first asked. `python` NULL: /usr/bin/python3. */
typedef struct cli_peer cli_peer;
il_status cli_peer_new(cli_peer **peer, const char *python, il_error *err);
void cli_peer_free(cli_peer *peer);
/* Seconds of one run of a row of il_bench on so many threads, NaN if it has none; says on stderr,
 * once, why there is no peer. `name` gets what it is. */
double cli_peer_run(cli_peer *peer, const char *row, int threads, char name[IL_TEXT]);

#endif

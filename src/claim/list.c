/* list.c - tables for `innerloop list`: the rows of every .def file, and all options
 *
 * It stands in the last of the folders, since it names what is in the others.
 */
#include "algo/algo.h"
#include "bench/bench.h"
#include "claim/claim.h"
#include "construct/construct.h"
#include "explain/explain.h"
#include "forecast/forecast.h"
#include "predict/predict.h"
#include "train/train.h"

typedef struct {
    const char *name, *summary;
    const il_opt *opts;
} row;

/* KIND_row(i): the i-th row of a registry */
#define ROWS(kind, at, options)                                                            \
    static row kind##_row(int i)                                                           \
    {                                                                                      \
        return at(i) ? (row){ at(i)->name, at(i)->summary, options } : (row){ 0 };         \
    }
ROWS(task, il_task_at, il_task_at(i)->opts)
ROWS(shift, il_shift_at, il_shift_at(i)->opts)
ROWS(algo, il_algo_at, il_algo_at(i)->opts)
ROWS(op, il_op_at, il_op_at(i)->opts)
ROWS(layout, il_layout_at, NULL)
ROWS(optimizer, il_optimizer_at, il_optimizer_at(i)->opts)
ROWS(construct, il_construct_at, il_construct_at(i)->opts)
ROWS(measure, il_measure_at, il_measure_at(i)->opts)

static row model_row(int i)
{
    static const row rows[] = {
        { "gpt2", "a standard transformer: n_layer blocks, run once", NULL },
        { "gpt2_loop", "n_layer blocks in a loop, with the read-in injected in every loop",
          NULL },
        { "gpt2_tying", "one block run n_layer times, without injection", NULL },
        { "stack",
          "the blocks of model.blocks, run model.loops times: softmax, linear, mesa, gated",
          NULL },
    };
    return i < IL_COUNT(rows) ? rows[i] : (row){ 0 };
}

static const il_opt *algo_opts(void) { return il_algo_common; }

static const struct {
    const char *name;
    row (*at)(int i);
    const il_opt *(*common)(void); /* options of every row, or NULL */
} kinds[] = {
    { "tasks", task_row, NULL },           { "shifts", shift_row, NULL },
    { "layouts", layout_row, NULL },       { "constructions", construct_row, NULL },
    { "algos", algo_row, algo_opts },      { "ops", op_row, NULL },
    { "models", model_row, NULL },         { "measures", measure_row, NULL },
    { "optimizers", optimizer_row, NULL },
};

/* Tables of what is no list of rows */
static const struct {
    const char *name;
    const il_opt *(*table)(void);
} tables[] = {
    { "recipes", il_config_opts },  { "explain", il_explain_opts },
    { "predict", il_predict_opts }, { "forecast", il_forecast_opts },
    { "bench", il_bench_opts },     { "problems", il_problems_opts },
    { "plan", il_cost_opts },
};

const il_opt *il_options(const char *kind, const char *name)
{
    for (int i = 0; kind && i < IL_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i].name)) continue;
        if (!name) return kinds[i].common ? kinds[i].common() : NULL;
        row r;
        for (int j = 0; (r = kinds[i].at(j)).name; j++)
            if (!strcmp(name, r.name)) return r.opts;
    }
    if (kind && !strcmp(kind, "claims")) return il_claim_opts(name);
    for (int i = 0; kind && !name && i < IL_COUNT(tables); i++)
        if (!strcmp(kind, tables[i].name)) return tables[i].table();
    return NULL;
}

/* Adds "alpha=0.1 k=3" to text: every option with its default */
static void print_options(char *text, size_t size, const il_opt *table)
{
    double defaults[256];
    size_t at = strlen(text);
    if (table) il_opt_init(table, defaults);
    for (const il_opt *o = table; o && o->type != IL_OPT_END && at < size; o++) {
        char value[IL_TEXT];
        il_opt_print(o, defaults, value, sizeof value);
        at += (size_t)snprintf(text + at, size - at, "%s%s=%s", at ? " " : "", o->name,
                               value);
    }
}

static il_status fill(il_table *table, row (*at)(int i), const il_opt *common,
                      il_error *err)
{
    IL_TRY(il_table_add_cols(table, "name$ summary$ options$", err));
    row r;
    for (int i = 0; (r = at(i)).name; i++) {
        char options[512] = "";
        print_options(options, sizeof options, r.opts);
        print_options(options, sizeof options, common);
        const char *texts[] = { r.name, r.summary, options };
        IL_TRY(il_table_add(table, texts, NULL, err));
    }
    return IL_OK;
}

il_status il_list(il_table **out, const char *kind, il_error *err)
{
    IL_GIVEN(err, "table kind", out, kind);
    for (int i = 0; i < IL_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i].name)) continue;
        il_table *table;
        IL_TRY(il_table_new(&table, kind, err));
        il_status status = fill(table, kinds[i].at, il_options(kind, NULL), err);
        return il_table_hand_over(out, table, status);
    }
    const char *names[IL_COUNT(kinds)];
    for (int i = 0; i < IL_COUNT(kinds); i++) names[i] = kinds[i].name;
    return il_fail(err, IL_EUSAGE, "there is no list of '%s'%s", il_show(kind).text,
                   il_advise(kind, names, IL_COUNT(kinds), "").text);
}

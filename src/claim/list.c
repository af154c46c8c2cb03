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

static row task_row(int i)
{
    const il_task *t = il_task_at(i);
    return t ? (row){ t->name, t->summary, t->opts } : (row){ 0 };
}

static row shift_row(int i)
{
    const il_shift *s = il_shift_at(i);
    return s ? (row){ s->name, s->summary, s->opts } : (row){ 0 };
}

static row algo_row(int i)
{
    const il_algo_kind *a = il_algo_at(i);
    return a ? (row){ a->name, a->summary, a->opts } : (row){ 0 };
}

static row op_row(int i)
{
    const il_op_kind *o = il_op_at(i);
    return o ? (row){ o->name, o->summary, o->opts } : (row){ 0 };
}

static row layout_row(int i)
{
    const il_layout *l = il_layout_at(i);
    return l ? (row){ l->name, l->summary, NULL } : (row){ 0 };
}

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

static row optimizer_row(int i)
{
    const il_optimizer *o = il_optimizer_at(i);
    return o ? (row){ o->name, o->summary, o->opts } : (row){ 0 };
}

static row construct_row(int i)
{
    const il_construct *c = il_construct_at(i);
    return c ? (row){ c->name, c->summary, c->opts } : (row){ 0 };
}

static row measure_row(int i)
{
    const il_measure_kind *m = il_measure_at(i);
    return m ? (row){ m->name, m->summary, m->opts } : (row){ 0 };
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
    { "bench", il_bench_opts },
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
    static const char *const cols[] = { "name", "summary", "options" };
    for (int i = 0; i < IL_COUNT(cols); i++)
        IL_TRY(il_table_add_col(table, cols[i], 1, err));
    row r;
    for (int i = 0; (r = at(i)).name; i++) {
        char options[512] = "";
        print_options(options, sizeof options, r.opts);
        print_options(options, sizeof options, common);
        IL_TRY(il_table_add_row(table, err));
        IL_TRY(il_table_set_text(table, i, 0, r.name, err));
        IL_TRY(il_table_set_text(table, i, 1, r.summary, err));
        IL_TRY(il_table_set_text(table, i, 2, options, err));
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
        if (status == IL_OK)
            *out = table;
        else
            il_table_free(table);
        return status;
    }
    const char *names[IL_COUNT(kinds)];
    for (int i = 0; i < IL_COUNT(kinds); i++) names[i] = kinds[i].name;
    const char *near = il_nearest(kind, names, IL_COUNT(kinds));
    return il_fail(err, IL_EUSAGE, "there is no list of '%s'%s%s%s", il_show(kind).text,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

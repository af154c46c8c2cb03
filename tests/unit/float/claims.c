/* claims.c - what a claim's file may say, and when its rows hold */
#include "claim/claim.h"

#include "folder.h"

#include <math.h>

#define HEAD "title: t\npaper: p\n"
#define PLAIN                                                                              \
    HEAD "measures: {a: {measure: points, task: linear_regression, dims: 4, points: 9, "   \
         "prompts: 500, against: 'zero,ols'}}\n"

#define ROW(read)   "rows: {r: {" read ", least: 0}}\n"
#define MODEL(keys) HEAD "models: {m: {" keys "}}\n"
#define SEQUENCE                                                                           \
    MODEL("model: {family: stack, tokens: sequence, n_dims: 3, n_positions: 40, "          \
          "n_embd: 8, n_head: 1, blocks: linear*2}, training: {task_name: "                \
          "linear_dynamics, curriculum: {dims: {start: 3, end: 3}, points: {start: 20, "   \
          "end: 20}}}")
#define FEW(keys)    SEQUENCE "measures: {f: {measure: few_shot, pairs: 9" keys "}}\n"
#define PROBES(keys) SEQUENCE "measures: {p: {measure: probe, protocol: mesa" keys "}}\n"
#define TUNED(keys)  HEAD "measures: {t: {measure: tuned, points: 9, dims: 4" keys "}}\n"
#define LINEAR                                                                             \
    MODEL("model: {family: stack, tokens: columns, read_in: none, read: minus_y, "         \
          "n_dims: 4, n_embd: 5, n_head: 1, n_positions: 12, blocks: linear*2}, "          \
          "training: {keep_every_steps: 10, train_steps: 100, curriculum: {dims: "         \
          "{start: 4, end: 4}, points: {start: 9, end: 9}}}")

#define CLASSES                                                                            \
    MODEL("model: {family: stack, blocks: linear, tokens: ids, n_dims: 1, n_embd: 8, "     \
          "n_head: 1, n_positions: 8}, training: {task_name: recall, pairs: 2, "           \
          "curriculum: {dims: {start: 1, end: 1}, points: {start: 6, end: 6}}}")

#define TWO HEAD "models: {m: {model: {n_dims: 20}}}\nmeasures: {b: {measure: loss}}\n"

#define TRAINS(seeds) TWO seeds ROW("read: b, column: loss")

static il_claim *parse(const char *text)
{
    il_claim *claim = NULL;
    CHECK_OK(il_claim_parse(&claim, text, strlen(text), "test", &err));
    return claim;
}

/* The claim's only row: its number and whether it holds */
static double measure(const char *row, int *held)
{
    char text[1024];
    const char *folders[IL_CLAIM_MODELS] = { 0 };
    il_table *rows = NULL;
    int failed = -1;
    snprintf(text, sizeof text, PLAIN "rows: {r: {read: a, %s}}\n", row);
    il_claim *claim = parse(text);
    CHECK_OK(il_claim_measure(claim, folders, NULL, NULL, &rows, &failed, &err));
    double value = il_table_number(rows, 0, il_table_find(rows, "measured"));
    const char *verdict = il_table_text(rows, 0, il_table_find(rows, "verdict"));
    *held = !failed;
    assert_string_equal(verdict, failed ? "fails" : "holds");
    il_table_free(rows);
    il_claim_free(claim);
    return value;
}

/* The table a claim measures, from which the tests below take what they expect */
static const il_table *measured(il_claim **claim)
{
    const char *folders[IL_CLAIM_MODELS] = { 0 };
    il_figure figure;
    il_table *rows = NULL;
    int failed;
    *claim = parse(PLAIN "rows: {r: {read: a, column: ols, least: 0}}\n");
    CHECK_OK(il_claim_measure(*claim, folders, NULL, NULL, &rows, &failed, &err));
    il_table_free(rows);
    return il_claim_table(*claim, 0, &figure);
}

static void rows_read_what_they_name(void **state)
{
    (void)state;
    il_claim *claim;
    const il_table *t = measured(&claim);
    int ols = il_table_find(t, "ols"), zero = il_table_find(t, "zero"), held;
    double e1 = il_table_number(t, 1, ols), e2 = il_table_number(t, 2, ols),
           z1 = il_table_number(t, 1, zero), z2 = il_table_number(t, 2, zero);
    CHECK(e1 > e2 && e2 > 0, "least squares learns: %g, %g", e1, e2);
    CHECK_NEAR(measure("column: ols, at: 2, least: 0", &held), e2, 0, "one row");
    CHECK_NEAR(measure("column: ols, at: 1..2, least: 0", &held), (e1 + e2) / 2, 1e-15,
               "mean");
    CHECK_NEAR(measure("column: ols, at: 1..2, take: most, least: 0", &held), e1, 0,
               "most");
    CHECK_NEAR(measure("column: ols, at: 1..2, take: least, least: 0", &held), e2, 0,
               "least");
    CHECK_NEAR(measure("column: ols, at: 1..2, take: slope, least: -9", &held), e2 - e1,
               1e-14, "slope");
    CHECK_NEAR(measure("column: ols, at: 2, over_at: 1, least: 0", &held), e2 / e1, 0,
               "over_at");
    CHECK_NEAR(measure("column: ols, minus: zero, at: 2, least: 0", &held), e2 - z2, 0,
               "minus");
    CHECK_NEAR(measure("column: ols, at: 2, times: -5, most: 0", &held), -5 * e2, 0,
               "times");
    CHECK_NEAR(measure("column: ols, over: zero, at: 2, least: 0", &held), e2 / z2, 0,
               "over");
    CHECK_NEAR(measure("column: ols, over: zero, at: 1..2, least: 0", &held),
               (e1 + e2) / (z1 + z2), 1e-15, "a mean over a mean");
    CHECK_NEAR(measure("column: ols, over: zero, at: 1..2, take: most, least: 0", &held),
               e1 / z1, 1e-15, "the largest ratio");
    il_claim_free(claim);
}

static void bounds_hold_up_to_their_edge(void **state)
{
    (void)state;
    static const struct {
        const char *bound;
        int held;
    } cases[] = {
        /* zero minus zero is exactly 0 */
        { "least: 0", 1 },
        { "most: 0", 1 },
        { "least: 1e-300", 0 },
        { "most: -1e-300", 0 },
        { "expect: 0, within: 0", 1 },
        { "expect: 1, within: 1", 1 },
        { "expect: 1, within: 0.999", 0 },
        { "expect: -2, percent: 100", 1 },
        { "expect: -2, percent: 99", 0 },
        { "expect: 1, within: 1, percent: 50", 0 },
        { "expect: 1, within: 1, least: 0.5", 0 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        char row[256];
        int held;
        snprintf(row, sizeof row, "column: zero, minus: zero, %s", cases[i].bound);
        CHECK_NEAR(measure(row, &held), 0, 0, row);
        CHECK(held == cases[i].held, "%s: %s", row, held ? "holds" : "fails");
    }
}

static void check_fails(const char *text)
{
    const char *folders[IL_CLAIM_MODELS] = { 0 };
    il_table *rows = NULL;
    int failed = -1;
    il_claim *claim = parse(text);
    CHECK_OK(il_claim_measure(claim, folders, NULL, NULL, &rows, &failed, &err));
    CHECK(failed == il_table_rows(rows), "%s: %d of %d rows fail", text, failed,
          il_table_rows(rows));
    for (int i = 0; i < il_table_rows(rows); i++) {
        CHECK(!isfinite(il_table_number(rows, i, il_table_find(rows, "measured"))),
              "%s: row %d is finite", text, i);
        CHECK_NEAR(il_table_number(rows, i, il_table_find(rows, "held")), 0, 0, text);
    }
    il_table_free(rows);
    il_claim_free(claim);
}

/* In one dimension an example tells every sign, so the error at 2 is 0: x / 0, -x / 0, and slopes of
 * one row */
static void what_is_not_finite_fails(void **state)
{
    (void)state;
    check_fails(
        HEAD "measures: {a: {measure: points, task: linear_classification, dims: 1, "
             "points: 3, prompts: 4, against: 'zero,ols'}}\n"
             "rows: {a: {read: a, column: zero, over: ols, at: 2, least: 0}, "
             "b: {read: a, column: zero, over: ols, at: 2, times: -1, most: 0}, "
             "c: {read: a, column: ols, at: 0, over_at: 2, least: 0}, "
             "d: {read: a, column: ols, at: 1, take: slope, least: -9}, "
             "e: {read: a, column: ols, at: 1..1, take: slope, most: 9}, "
             "f: {read: a, column: ols, at: 1, take: slope, expect: 0, within: 1e300}}\n");
}

/* In one dimension an example tells every sign: 0 / 0. */
static void no_number_holds_nothing(void **state)
{
    (void)state;
    const char *folders[IL_CLAIM_MODELS] = { 0 };
    il_table *rows = NULL;
    int failed = -1;
    il_claim *claim =
        parse(HEAD "measures: {a: {measure: points, task: linear_classification, dims: 1, "
                   "points: 3, prompts: 4, against: ols}}\n"
                   "rows: {r: {read: a, column: ols, over: ols, least: -1}, "
                   "s: {read: a, column: ols, over: ols, take: most, most: 1}}\n");
    CHECK_OK(il_claim_measure(claim, folders, NULL, NULL, &rows, &failed, &err));
    double value = il_table_number(rows, 0, il_table_find(rows, "measured"));
    CHECK(isnan(value), "%g is a number", value);
    CHECK(failed == 2, "%d of 2 fail", failed);
    il_table_free(rows);
    il_claim_free(claim);
}

/* The verdict of a row "most: 2" of these runs */
static const char *judged(const double *value, int runs, const char *falls_short,
                          double *median, int *held)
{
    static il_claim_row row;
    static char verdict[IL_TEXT];
    il_claim claim = {
        .name = "test", .row = &row, .rows = 1, .seeds = runs > 1 ? runs : 0
    };
    il_table *rows = NULL;
    int failed = -1;
    row = (il_claim_row){
        .expect = NAN, .within = NAN, .percent = NAN, .least = NAN, .most = 2
    };
    snprintf(row.name, sizeof row.name, "r");
    snprintf(row.falls_short, sizeof row.falls_short, "%s", falls_short);
    memcpy(row.value, value, (size_t)runs * sizeof *value);
    CHECK_OK(il_yaml_parse(&claim.yaml, "a: b\n", 5, "test", NULL, &err));
    CHECK_OK(il_claim_judge(&rows, &claim, &failed, &err));
    *median = il_table_number(rows, 0, il_table_find(rows, "measured"));
    *held = (int)il_table_number(rows, 0, il_table_find(rows, "held"));
    snprintf(verdict, sizeof verdict, "%s",
             il_table_text(rows, 0, il_table_find(rows, "verdict")));
    CHECK(failed == !strcmp(verdict, "fails"), "%s, %d fail", verdict, failed);
    il_table_free(rows);
    il_yaml_free(claim.yaml);
    return verdict;
}

static void a_row_holds_by_its_median(void **state)
{
    (void)state;
    static const struct {
        double value[4];
        int runs;
        const char *falls_short, *verdict;
        double median;
        int held;
    } cases[] = {
        { { 9, 1, 2 }, 3, "", "holds", 2, 2 },
        { { 9, 1, 3 }, 3, "", "fails", 3, 1 },
        { { 9, 1, 2 }, 3, "why", "short", 2, 2 },
        { { 9, 1, 3 }, 3, "why", "fails", 3, 1 },
        { { 3, 0, 1, 9 }, 4, "", "holds", 2, 2 },
        { { 2 }, 1, "", "holds", 2, 1 },
        { { 3 }, 1, "", "fails", 3, 0 },
        { { 1, NAN, 1 }, 3, "", "fails", NAN, 2 },
        { { 1, 1, -INFINITY }, 3, "why", "fails", NAN, 2 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        double median;
        int held;
        const char *verdict =
            judged(cases[i].value, cases[i].runs, cases[i].falls_short, &median, &held);
        CHECK(!strcmp(verdict, cases[i].verdict), "case %d: %s", i, verdict);
        CHECK(isnan(cases[i].median) ? isnan(median) : median == cases[i].median,
              "case %d: median %g", i, median);
        CHECK(held == cases[i].held, "case %d: %d runs hold", i, held);
    }
}

static void wrong_files_get_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "title: t\n", "title and paper" },
        { HEAD, "needs rows" },
        { HEAD "rows: 3\n", "test:3:1" },
        { HEAD "row: {a: {b: c}}\n", "did you mean 'rows'" },
        { HEAD "rows: {a: {read: x, column: y, least: 0}}\n", "none of the measures" },
        { HEAD "rows: {'a b': {read: x}}\n", "is not a name" },
        { HEAD "rows: {a: 3}\n", "needs keys of its own" },
        { HEAD "models: {m: {recipe: /etc/passwd}}\n", "only in a file" },
        { HEAD "models: {m: {model: {n_embd: 7, n_head: 2}}}\n", "models.m" },
        { HEAD "models: {m: {model: {n_embd: x}}}\n", "n_embd" },
        { HEAD "measures: {a: {task: x}}\n", "lacks the key `measure`" },
        { HEAD "measures: {a: {measure: point}}\n", "did you mean 'points'" },
        { HEAD "measures: {a: {measure: points, promts: 3}}\n", "did you mean 'prompts'" },
        { HEAD "minutes: -1\n", "out of its range" },
        { HEAD "minutes: [1]\n", "list" },
        { PLAIN "rows: {a: {read: a, column: ols}}\n", "no bound" },
        { PLAIN "rows: {a: {read: a, column: ols, least: 0, short: ''}}\n",
          "test:4:44: rows.a.short needs a sentence" },
        { PLAIN "seeds: [1, 2, 3]\n" ROW("read: a, column: ols"),
          "test:4:1: nothing is trained here; leave seeds out" },
        { TRAINS(""), "states no seeds" },
        { TRAINS("seeds: [1, 2]\n"),
          "test:5:1: seeds: a claim is trained from at least 3" },
        { TRAINS("seeds: []\n"), "here are 0" },
        { TRAINS("seeds: [1, 1, 2]\n"), "1 is given twice" },
        { TRAINS("seeds: [1, 2, x]\n"), "'x' is not a whole number" },
        { TRAINS("seeds: [1, 2, -3]\n"), "'-3' is not a whole number" },
        { TRAINS("seeds: [1, 2, 1.5]\n"), "'1.5' is not a whole number" },
        { TRAINS("seeds: [1, 2, [3]]\n"), "seeds wants whole numbers" },
        { TRAINS("seeds: 3\n"), "here are 1" },
        { TRAINS("one_seed: ''\n"), "one_seed needs a sentence" },
        { TRAINS("one_seed: too long\n"), "with the minutes" },
        { TRAINS("one_seed: 90 minutes\nseeds: [1, 2, 3]\n"), "both seeds and one_seed" },
        { MODEL("training: {seed: 4}") "measures: {b: {measure: loss}}\nseeds: [1, 2, "
                                       "3]\n" ROW("read: b, column: loss"),
          "test:3:25: models.m has a seed of its own" },
        { PLAIN "rows: {a: {read: a, least: 0}}\n", "no key `column`" },
        { PLAIN "rows: {a: {read: a, column: ols, minus: a, over: b, least: 0}}\n",
          "both" },
        { PLAIN "rows: {a: {read: a, column: ols, within: 0, least: 0}}\n",
          "`expect` needs a tolerance" },
        { HEAD "measures: {a: {measure: points, models: m}}\n",
          "test:3:33: measures.a.models names 'm'" },
        { HEAD "measures: {a: {measure: points, against: 'zero,olz'}}\n",
          "test:3:33: measures.a.against: there is no algorithm 'olz'" },
        { HEAD "measures: {a: {measure: points, against: 'gd@x'}}\n", "after @ comes" },
        { HEAD "measures: {a: {measure: points, task: linear}}\n", "there is no task" },
        { HEAD "measures: {a: {measure: points, task: linear_regression x=1}}\n", "'x'" },
        { HEAD "measures: {a: {measure: points, shift: kapa=3}}\n", "kappa" },
        { HEAD "measures: {a: {measure: similarity, data: 'isotropic, kapa=3'}}\n",
          "kappa" },
        { HEAD "measures: {a: {measure: similarity, family: newtn}}\n",
          "no family 'newtn'; did you mean 'newton'?" },
        { HEAD "measures: {a: {measure: similarity, reading: lense}}\n",
          "none of auto|lens|probe" },
        { HEAD "measures: {a: {measure: probe, protocol: mesa, target: answr}}\n",
          "did you mean 'answer'" },
        { HEAD "measures: {a: {measure: loss, less: ridge alpa=1}}\n", "alpha" },
        { PLAIN "rows: {a: {read: a, column: ols, at: 1..x, least: 0}}\n",
          "is not a number" },
        { TWO "rows: {a: {read: b, column: los, least: 0}}\n",
          "test:5:12: rows.a.column = 'los' is not a column of numbers of b; did you mean "
          "'loss'?" },
        { PLAIN "rows: {a: {read: a, column: olz, least: 0}}\n",
          "column = 'olz' is not a column of numbers of a; did you mean 'ols'?" },
        { PLAIN "models: {m: {model: {n_dims: 20}}}\n"
                "rows: {a: {read: a, column: m_hig, least: 0}}\n",
          "did you mean 'm_high'?" },
        { TWO "rows: {a: {read: b, column: model, least: 0}}\n",
          "not a column of numbers" },
        { TWO "rows: {a: {read: b, column: loss, over: x, least: 0}}\n", "over = 'x'" },
        { TWO "rows: {a: {read: b, column: loss, at: mm, least: 0}}\n",
          "rows.a.at = 'mm' matches no row of table b in its first column, model; did you "
          "mean 'm'?" },
        /* what depends on models and options */
        { FEW("") ROW("read: f, column: m+EOSS"),
          "test:5:12: rows.r.column = 'm+EOSS' is not a column of numbers of f; did you "
          "mean "
          "'m+EOS'?" },
        { FEW("") ROW("read: f, column: other"),
          "; it has pair, m, m+EOS, m+EOS+prefix, control, control on pairs" },
        { FEW("") ROW("read: f, column: m, at: 10"),
          "at = '10' matches no row of table f in its first column, pair, which goes from "
          "1 to 9" },
        { FEW(", control: rige") ROW("read: f, column: m"), "did you mean 'ridge'?" },
        { FEW(", prefix: 30") ROW("read: f, column: m"),
          "test:4:16: measures.f: model.n_positions = 40 is too short" },
        { PROBES(", examples: '4,9'") ROW("read: p, column: k=5"), "did you mean 'k=4'?" },
        { PROBES(", examples: '4,9'") ROW("read: p, column: other"),
          "it has layer, k=4, k=9, mean" },
        { PROBES(", examples: '4,9'") ROW("read: p, column: mean, at: 1..x"),
          "rows.r.at = '1..x' is not a number" },
        { PROBES(", examples: '4,9'") ROW("read: p, column: mean, over_at: 3"),
          "over_at = '3' matches no row of table p in its first column, layer, which goes "
          "from 0 to 2" },
        { PROBES(", examples: '4,9', from: preconditioned")
              ROW("read: p, column: mean, at: 1"),
          "from 0 to 0" },
        { PROBES(", examples: '4,20'") ROW("read: p, column: mean"),
          "measures.p: examples: at '20': at most" },
        { TUNED("") ROW("read: t, column: value, at: gd steps=2"),
          "matches no row of table t in its first column, algorithm; did you mean 'gd "
          "steps=1'?" },
        { TUNED(", option: stepsize") ROW("read: t, column: value"),
          "test:3:16: measures.t: option = 'stepsize' cannot be tuned: it is not a "
          "real-valued "
          "option of gd, which has step_size, ridge" },
        { TUNED(", option: steps") ROW("read: t, column: value"), "which has step_size" },
        { TUNED(", algo: zero") ROW("read: t, column: value"), "has no real number" },
        { TUNED(", low: 2") ROW("read: t, column: value"),
          "low = 2 is not below high = 1" },
        { TUNED(", high: 1e9") ROW("read: t, column: value"), "step_size = 1" },
        { HEAD
          "measures: {a: {measure: alike, last: 4}}\n" ROW("read: a, column: SimE, at: 5"),
          "which goes from 1 to 4" },
        { HEAD "measures: {a: {measure: alike, b: ols}}\n" ROW("read: a, column: SimE"),
          "measures.a: there are no steps to compare" },
        { LINEAR "measures: {h: {measure: weights, each: share}}\n" ROW(
              "read: h, column: qk, at: h.2.0"),
          "matches no row of table h in its first column, head; did you mean 'h.0.0'?" },
        { LINEAR "measures: {b: {measure: weights, each: preconditioner}}\n" ROW(
              "read: b, column: scale, at: block 7"),
          "; it has h.0, h.1" },
        { LINEAR
          "measures: {s: {measure: weights, each: step}}\n" ROW("read: s, column: other"),
          "measures.s: m has no constructed tokens" },
        { LINEAR "measures: {i: {measure: interpolate, by: checkpoint}}\n" ROW(
              "read: i, column: trained, at: 15"),
          "which goes from 0 to 100" },
        { LINEAR "measures: {s: {measure: similarity, family: gd}}\n" ROW(
              "read: s, column: SimE, at: 3"),
          "which goes from 1 to 2" },
        { PLAIN ROW("read: a, column: ols, at: 9"), "k, which goes from 0 to 8" },
        { PLAIN ROW("read: a, column: ols, at: 5..4"), "'5..4' matches no row" },
        { MODEL("model: {n_dims: 20}") "measures: {c: {measure: points, points: "
                                       "900}}\n" ROW("read: c, column: m"),
          "measures.c: points = 900 is more than the model's n_positions = 101" },
        { MODEL("model: {n_dims: 20}") "measures: {c: {measure: points, task: "
                                       "linear_dynamics}}\n" ROW("read: c, column: m"),
          "prompts whose answers are 20 numbers do not fit the model's 1" },
        { CLASSES "measures: {c: {measure: points}}\n" ROW("read: c, column: loss"),
          "; it has k, m, m_low, m_high, m_wrong, m_asked" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_claim *claim = NULL;
        il_error err = { 0 };
        il_status status =
            il_claim_parse(&claim, cases[i].text, strlen(cases[i].text), "test", &err);
        CHECK(status == IL_ECONFIG && !claim, "%s: read", cases[i].text);
        CHECK(strstr(err.text, cases[i].said), "%s: %s", cases[i].text, err.text);
    }
}

/* Overrides stand in any order; a hash names what is trained, not how it is logged. */
static void recipes_have_hashes(void **state)
{
    (void)state;
    static const char *const models[] = {
        "training: {noise_std: 2, task_name: noisy_linear_regression}",
        "training: {task_name: noisy_linear_regression, noise_std: 2}",
        "training: {task_name: noisy_linear_regression, noise_std: 2, log_every_steps: 7}",
        "training: {task_name: noisy_linear_regression, noise_std: 3}",
        "training: {task_name: noisy_linear_regression, noise_std: 2, keep_every_steps: 5}",
    };
    uint64_t hash[IL_COUNT(models)];
    for (int i = 0; i < IL_COUNT(models); i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 PLAIN "one_seed: 0 minutes\nmodels: {m: {%s}}\nrows: {r: {read: a, "
                       "column: ols, least: 0}}\n",
                 models[i]);
        il_claim *claim = parse(text);
        hash[i] = il_config_hash(il_claim_model_at(claim, 0).config);
        il_claim_free(claim);
    }
    CHECK(hash[0] == hash[1] && hash[0] == hash[2], "the same run, other hashes");
    CHECK(hash[0] != hash[3] && hash[0] != hash[4], "another run, the same hash");
}

/* Every claim that ships is read. */
static void shipped_claims_are_read(void **state)
{
    (void)state;
    DIR *dir = opendir("recipes/claims");
    int n = 0;
    CHECK(dir, "no recipes/claims here");
    for (struct dirent *e; (e = readdir(dir));) {
        char path[512];
        il_claim *claim = NULL;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "recipes/claims/%s", e->d_name);
        CHECK_OK(il_claim_read(&claim, path, &err));
        CHECK(il_claim_about(claim).minutes > 0, "%s has no minutes", path);
        il_claim_free(claim);
        n++;
    }
    closedir(dir);
    CHECK(n >= 3, "%d claims", n);
}

/* Rows that every kind of table has, of models that suit it: read, with nothing trained. */
static void every_measure_is_outlined(void **state)
{
    (void)state;
    il_claim *claim = NULL;
    CHECK_OK(il_claim_read(&claim, "tests/fuzz/corpus/claim/measures.yaml", &err));
    for (int i = 0; il_measure_at(i); i++) {
        int has = 0;
        for (int t = 0; t < claim->tables; t++)
            has |= claim->table[t].measure == il_measure_at(i);
        CHECK(has, "no table of %s", il_measure_at(i)->name);
    }
    for (int t = 0; t < claim->tables; t++)
        CHECK(!claim->table[t].table, "%s is measured", claim->table[t].name);
    il_claim_free(claim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_read_what_they_name),
        cmocka_unit_test(bounds_hold_up_to_their_edge),
        cmocka_unit_test(no_number_holds_nothing),
        cmocka_unit_test(what_is_not_finite_fails),
        cmocka_unit_test(a_row_holds_by_its_median),
        cmocka_unit_test(wrong_files_get_a_sentence),
        cmocka_unit_test(recipes_have_hashes),
        cmocka_unit_test(shipped_claims_are_read),
        cmocka_unit_test(every_measure_is_outlined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

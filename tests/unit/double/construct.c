/* construct.c - every construction against the algorithm its row names, on every case of its row */
#include "construct/construct.h"
#include "check.h"
#include "folder.h"

#include <math.h>
#include <stdlib.h>

static void every_row(void **state)
{
    (void)state;
    const il_construct *row;
    for (int i = 0; (row = il_construct_at(i)); i++)
        for (int k = 0; row->cases[k]; k++) {
            char text[256];
            il_table *table;
            int failed;
            snprintf(text, sizeof text, "%s %s", row->name, row->cases[k]);
            CHECK_OK(il_build_verify(&table, &failed, text, &err));
            if (failed || getenv("VERBOSE"))
                il_table_write(table, IL_TABLE_TEXT, il_write_file, stdout);
            CHECK(il_table_rows(table) > 0, "%s is not verified", text);
            CHECK(!failed, "%s: %d errors above what is stated", text, failed);
            il_table_free(table);
        }
}

/* Every graph that there is is drawn, connected and with all its edges; others are refused. */
static void graphs_are_connected(void **state)
{
    static const char *const bad[] = { "graph nodes=10 edges=5",
                                       "graph nodes=10 edges=8",
                                       "graph nodes=10 edges=46",
                                       "graph nodes=3 edges=4",
                                       "eigenvectors nodes=10 edges=8",
                                       "eigenvectors nodes=4 edges=7 vectors=1",
                                       "graph form=inverse nodes=20 edges=18" };
    (void)state;
    for (int i = 0; i < IL_COUNT(bad); i++) {
        il_error why;
        il_model *m = NULL;
        assert_int_equal(il_build(&m, bad[i], &why), IL_ECONFIG);
        CHECK(strstr(why.text, "edges = ") && strstr(why.text, "nodes has at "), "%s",
              why.text);
        assert_null(m);
    }
    for (int nodes = 3; nodes <= 8; nodes++)
        for (int edges = nodes - 1; edges <= nodes * (nodes - 1) / 2; edges++)
            for (int form = 0; form < 2; form++) {
                char text[128];
                il_table *table;
                int failed;
                snprintf(text, sizeof text,
                         form ? "eigenvectors nodes=%d edges=%d vectors=1 loops=2"
                              : "graph nodes=%d edges=%d layers=2",
                         nodes, edges);
                if (edges < 2) continue;
                CHECK_OK(il_build_verify(&table, &failed, text, &err));
                int col = il_table_find(table, "condition");
                for (int r = 0; r < il_table_rows(table) && !form; r++)
                    CHECK(il_table_number(table, r, col) >= 1 &&
                              il_table_number(table, r, col) < 1e6,
                          "%s: condition %g", text, il_table_number(table, r, col));
                il_table_free(table);
            }
}

/* Standard normal prompts stay within what constructions take for their largest eigenvalue. */
static void usual_prompts_are_in_range(void **state)
{
    static const int sizes[][2] = {
        { 40, 5 }, { 10, 5 }, { 40, 20 }, { 2, 1 }, { 100, 2 }
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(sizes); i++) {
        int n = sizes[i][0], d = sizes[i][1];
        il_rng rng = il_rng_at(7, IL_STREAM_USER, 0, (uint32_t)i);
        double most = 0, x[100 * 20], v[20], next[20];
        for (int prompt = 0; prompt < 4000; prompt++) {
            double size = 0;
            for (int k = 0; k < n * d; k++) x[k] = il_normal(&rng);
            for (int c = 0; c < d; c++) v[c] = 1;
            for (int turn = 0; turn < 30; turn++) { /* power iteration: from below */
                size = 0;
                for (int c = 0; c < d; c++) next[c] = 0;
                for (int p = 0; p < n; p++) {
                    double dot = 0;
                    for (int c = 0; c < d; c++) dot += x[p * d + c] * v[c];
                    for (int c = 0; c < d; c++) next[c] += dot * x[p * d + c];
                }
                for (int c = 0; c < d; c++) size += next[c] * next[c];
                size = sqrt(size);
                for (int c = 0; c < d; c++) v[c] = next[c] / size;
            }
            most = fmax(most, size);
        }
        CHECK(most < il_usual_largest(n, d), "n = %d, d = %d: %g of %g", n, d, most,
              il_usual_largest(n, d));
    }
}

#define PYTHON "/usr/bin/python3" /* where the system's NumPy is */

/* Runs a built model here, and its checkpoint by the NumPy program. */
static void numpy_says_the_same(void **state)
{
    (void)state;
    /* Ridge in an ordinary transformer rounds by N 2^-53 in each of its 69 layers, which is what N costs there */
    static const struct {
        const char *text;
        double within;
    } models[] = {
        { "newton dims=4 points=12 order=3", 1e-12 },
        { "newton dims=3 points=12 ridge=0.5 loops=6", 1e-12 },
        { "gd dims=3", 1e-12 },
        { "gd dims=3 momentum=0.5 loops=40", 1e-12 },
        { "newton_gram dims=3 points=12 ridge=1", 1e-12 },
        { "graph form=resistive layers=6 nodes=9 edges=8", 1e-12 },
        { "mesa_gd dims=3 layers=4 points=12", 1e-12 },
        { "polar dims=9 loops=2", 1e-12 },
        { "copy dims=3 points=9", 1e-12 },
        { "logistic dims=2 examples=8 knots=16 loops=2", 1e-12 },
        { "rank_one products=primitives examples=4 e=0.01", 1e-12 },
        { "rank_one form=ridge products=primitives e=0.01 lambda=10 big=100", 1e-12 },
        { "rank_one form=ridge products=primitives e=0.01 lambda=1 big=1000",
          69 * 1e3 * 0x1p-53 },
        { "rank_one form=ridge products=primitives e=0.01", 69 * 1e4 * 0x1p-53 },
    };
    if (system(PYTHON " -c 'import numpy' 2>/dev/null")) skip();
    for (int i = 0; i < IL_COUNT(models); i++) {
        char command[512];
        il_model *m;
        CHECK_OK(il_build(&m, models[i].text, &err));
        int T = 9, width = il_width(&m->plan, m->plan.tokens), loops = m->plan.loops;
        int outs = il_width(&m->plan, m->plan.answer);
        il_check c = { .model = m, .size = 1 << 16 };
        c.room = calloc(c.size, sizeof *c.room);
        double *tokens = il_check_random(&c, (size_t)(T * width), 5);
        double *mask = il_check_take(&c, (size_t)T);
        double *answers = il_check_take(&c, (size_t)(loops * T * outs));
        for (int t = 0; t < T - 1; t++) mask[t] = 1;
        il_check_run(&c, T, tokens, mask, loops, NULL, answers);
        CHECK_OK(il_model_save(m, in_folder("model.safetensors"), &err));
        FILE *f = fopen(in_folder("tokens.txt"), "w"),
             *g = fopen(in_folder("answers.txt"), "w");
        for (int t = 0; t < T; t++) {
            for (int j = 0; j < width; j++) fprintf(f, "%.17g ", tokens[t * width + j]);
            fprintf(f, "%g\n", mask[t]);
            for (int j = 0; j < outs; j++)
                fprintf(g, "%.17g ", answers[((loops - 1) * T + t) * outs + j]);
            fprintf(g, "\n");
        }
        CHECK(!fclose(f) && !fclose(g), "the files are not written");
        snprintf(command, sizeof command, PYTHON " tests/numpy_forward.py %s %g", folder,
                 models[i].within);
        CHECK(!system(command), "NumPy differs on %s", models[i].text);
        il_model_free(m);
        free(c.room);
    }
}

/* The answers on a batch of prompts, query by query, are those of the algorithm too. */
static void answers_on_prompts(void **state)
{
    (void)state;
    enum { B = 3, N = 20, D = 5, R = 8 };
    il_config config;
    il_batch *batch;
    il_model *m;
    il_algo *algo;
    static il_real yhat[R][B][N], want[R][B][N];
    CHECK_OK(il_batch_new(&batch, B, N, D, &err));
    il_config_init(&config);
    CHECK_OK(il_batch_draw(batch, il_task_find("linear_regression"),
                           config.training.task_opts, NULL, D,
                           (il_draw){ .seed = 1, .stream = IL_STREAM_EVAL }, &err));
    for (int i = 0; i < 2;
         i++) { /* layouts columns and led: fewer examples than dimensions too */
        CHECK_OK(il_build(
            &m, i ? "newton dims=5 alpha=0.0001 ridge=0.5" : "newton dims=5 alpha=0.0001",
            &err));
        CHECK_OK(il_model_answer(m, batch, 1, R, &yhat[0][0][0], &err));
        CHECK_OK(il_algo_new(&algo,
                             i ? "newton start=alpha_s alpha=0.0001 ridge=0.5"
                               : "newton start=alpha_s alpha=0.0001",
                             &err));
        CHECK_OK(il_algo_predict(algo, batch, 1, R, &want[0][0][0], NULL, &err));
        for (int j = 0; j < R * B * N; j++)
            CHECK_NEAR((&yhat[0][0][0])[j], (&want[0][0][0])[j], 1e-12, "an answer");
        il_algo_free(algo);
        il_model_free(m);
    }
    il_batch_free(batch);
}

/* What is not finite, and what is not measured at all, is not verified */
static void nothing_is_verified_by_default(void **state)
{
    (void)state;
    static const char *const diverge[] = { "rank_one alpha=1e9 lambda=0 examples=64",
                                           "mesa_gd layers=64 step_size=1e6" };
    il_table *table;
    int failed;
    il_error refused;
    for (int i = 0; i < IL_COUNT(diverge); i++) {
        CHECK_OK(il_build_verify(&table, &failed, diverge[i], &err));
        CHECK(failed == il_table_rows(table), "%s: %d rows fail", diverge[i], failed);
        il_table_free(table);
    }
    CHECK(il_build_verify(&table, &failed, "newton dims=12 points=12", &refused) ==
                  IL_ECONFIG &&
              strstr(refused.text, "at least 12 and the query"),
          "verified: %s", refused.text);
}

/* Every verification says so when its room is too small, however small it is. */
static void too_little_room(void **state)
{
    const il_construct *row;
    (void)state;
    for (int i = 0; (row = il_construct_at(i)); i++) {
        double opts[IL_CONSTRUCT_OPTS / sizeof(double)];
        int refused = 0;
        il_status status = IL_ECONFIG;
        il_model *m;
        il_opt_init(row->opts, opts);
        CHECK_OK(il_opt_parse(row->opts, opts, row->cases[0], row->name, &err));
        CHECK_OK(il_construct_build(&m, row, opts, NULL, &err));
        for (size_t size = 1; status != IL_OK; size += 1 + size / 5) {
            il_check c = { .model = m, .size = size };
            c.room = calloc(size, sizeof *c.room);
            CHECK_OK(il_table_new(&c.table, "verification", &err));
            status = il_check_all(&c, row, opts);
            CHECK(status == IL_OK || strstr(c.error.text, "too large to verify"),
                  "%s in %zu numbers: %s", row->name, size, c.error.text);
            refused += status != IL_OK;
            il_table_free(c.table);
            free(c.room);
        }
        CHECK(refused > 5, "%s was refused %d times", row->name, refused);
        il_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(graphs_are_connected),
        cmocka_unit_test(usual_prompts_are_in_range),
        cmocka_unit_test(answers_on_prompts),
        cmocka_unit_test(nothing_is_verified_by_default),
        cmocka_unit_test(numpy_says_the_same),
        cmocka_unit_test(too_little_room),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

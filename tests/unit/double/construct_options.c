/* construct_options.c - options at their edges and in pairs that do not fit: what is built is right, and what is not is
 * refused in a sentence */
#include "check.h"
#include "construct/construct.h"

#include <string.h>

/* Verified, or refused by a sentence about an option; `text` is what was built. */
static void right_or_refused(const char *text)
{
    il_table *table = NULL;
    int failed = 0;
    il_error why = { 0 };
    il_status status = il_build_verify(&table, &failed, text, &why);
    CHECK(!status || status == IL_ECONFIG, "%s: %d, %s", text, (int)status, why.text);
    CHECK(!status || strstr(why.text, " = ") || strstr(why.text, "to verify"), "%s: %s",
          text, why.text);
    CHECK(!strstr(why.text, "nan") && !strstr(why.text, "inf "), "%s: %s", text, why.text);
    CHECK(!failed, "%s: %d errors above what is stated", text, failed);
    il_table_free(table);
}

/* Every option of every construction at its least, next to it, and a few more; sizes that are quick */
static void one_by_one(void **state)
{
    (void)state;
    const il_construct *c;
    for (int i = 0; (c = il_construct_at(i)); i++)
        for (const il_opt *o = c->opts; o->type != IL_OPT_END; o++) {
            double values[] = { o->min, o->min + 1, 4, 9, 33, o->max };
            if (o->type != IL_OPT_INT && o->type != IL_OPT_REAL) continue;
            for (int v = 0; v < IL_COUNT(values) - (o->type == IL_OPT_INT); v++) {
                char text[IL_TEXT];
                snprintf(text, sizeof text, "%s %s=%s", c->name, o->name,
                         il_digits(values[v]).text);
                right_or_refused(text);
            }
        }
}

/* Every choice of every option builds with the defaults of all others, and is right */
static void choices_have_defaults(void **state)
{
    (void)state;
    const il_construct *c;
    int choices = 0;
    for (int i = 0; (c = il_construct_at(i)); i++)
        for (const il_opt *o = c->opts; o->type != IL_OPT_END; o++) {
            if (o->type != IL_OPT_CHOICE) continue;
            for (const char *at = o->words; *at;) {
                char text[IL_TEXT];
                int length = (int)strcspn(at, "|"), failed = -1;
                il_table *table = NULL;
                snprintf(text, sizeof text, "%s %s=%.*s", c->name, o->name, length, at);
                CHECK_OK(il_build_verify(&table, &failed, text, &err));
                CHECK(!failed, "%s: %d errors above what is stated", text, failed);
                il_table_free(table);
                at += length + (at[length] == '|');
                choices++;
            }
        }
    CHECK(choices > 20, "%d choices", choices);
}

/* Every pair of sizes, each below and above the other */
static void sizes_in_pairs(void **state)
{
    (void)state;
    static const int values[] = { 1, 3, 7 };
    const il_construct *c;
    for (int i = 0; (c = il_construct_at(i)); i++)
        for (const il_opt *a = c->opts; a->type != IL_OPT_END; a++)
            for (const il_opt *b = a + 1; b->type != IL_OPT_END; b++)
                for (int v = 0; v < 9; v++) {
                    char text[IL_TEXT];
                    if (a->type != IL_OPT_INT || b->type != IL_OPT_INT) continue;
                    snprintf(text, sizeof text, "%s %s=%d %s=%d", c->name, a->name,
                             values[v / 3], b->name, values[v % 3]);
                    right_or_refused(text);
                }
}

/* Of each kind of misfit one, with the sentence */
static void says_what_does_not_fit(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "logistic examples=4", "examples = 4: at least dims = 5" },
        { "logistic range=1", "range = 1: w.a reaches 1.2" },
        { "logistic range=1 program=paper", "range = 1: w.a reaches" },
        { "logistic most=0.1", "most = 0.1: the squared decrement reaches" },
        { "logistic inverse=1", "inverse = 1: with mu = 0.1 up to 0.31" },
        { "logistic mu=1e-5", "knots = 128: too few for w.a in +- 372.3" },
        { "logistic range=1000", "knots = 128: too few for w.a in +- 1000" },
        { "newton_gram dims=20 points=10",
          "points = 10: with dims = 20 at least 20 examples" },
        { "newton_gram start=trace ridge=1e6", "ridge = 1000000: with start=trace" },
        { "newton_gram start=I alpha=1 ridge=2", "alpha = 1: with ridge = 2 Newton's" },
        { "newton alpha=1 ridge=30",
          "alpha = 1: with ridge = 30 Newton's iteration diverges" },
        { "gdpp gamma=1", "gamma = 1: inputs grow without bound" },
        { "chebyshev lo=1000", "lo = 1000: it must be below hi = 135" },
        { "chebyshev lo=5 hi=5", "lo = 5: it must be below hi = 5" },
        { "mesa_gd schedule=chebyshev hi=0", "hi = 0: the largest eigenvalue" },
        { "copy beta=1", "beta = 1: too small to tell points = 50 apart" },
        { "graph form=heat_cubing layers=17", "layers = 17: at most 16 with this form" },
        { "graph form=heat_cubing time=20 layers=4", "layers = 4: too few for time = 20" },
        { "rank_one form=ridge lambda=1e9", "knots = 1024: on 1 to 1.000000016 they" },
        { "graph form=heat_cubing time=20", "time = 20: of the demands" },
        { "graph form=inverse layers=1", "layers = 1: at least 2 with form=inverse" },
        { "graph form=root layers=46", "layers = 46: at most 45 with this form" },
        { "graph form=heat time=100", "time = 100: this graph has the eigenvalue" },
        { "graph form=heat time=1e6", "time = 1e+06: this graph has the eigenvalue" },
        { "graph delta=1e9", "delta = 1e+09: this graph has the eigenvalue" },
        { "eigenvectors mu=1", "mu = 1: this graph has the eigenvalue" },
        { "rank_one form=ridge dims=9", "examples = 6: at least dims = 9" },
        { "rank_one form=ridge lambda=0", "lambda = 0: at least 0.001" },
        { "rank_one form=ridge knots=9", "knots = 9: too few for 1/c up to c = 161" },
        { "rank_one form=ridge dims=16 examples=16 lambda=0.01 knots=512",
          "knots = 512: too few" },
        { "rank_one form=ridge most=30", "most = 30: the first c is 41 on average" },
        { "rank_one form=ridge most=42", "most = 42: c reaches" },
        { "rank_one alpha=30", "alpha = 30 with lambda = 0.1: weights grow" },
        { "rank_one products=primitives big=1", "big = 1: at least 10" },
        { "rank_one products=primitives form=ridge lambda=0.01",
          "lambda = 0.01: at least 0.05" },
    };
    for (int i = 0; i < IL_COUNT(bad); i++) {
        il_table *table = NULL;
        int failed;
        il_error why = { 0 };
        CHECK(il_build_verify(&table, &failed, bad[i][0], &why) == IL_ECONFIG, "%s",
              bad[i][0]);
        CHECK(strstr(why.text, bad[i][1]), "%s: %s", bad[i][0], why.text);
    }
    static const char *const fine[] = {
        "graph form=root",
        "graph form=inverse layers=45 nodes=30 edges=60",
        "graph form=heat_cubing layers=16 nodes=40 edges=60",
        "graph form=heat time=0.9 layers=100",
        "graph form=heat_cubing time=5 layers=8",
        "graph form=heat_cubing time=2",
        "chebyshev ridge=0",
        "chebyshev dims=3 points=7 layers=256 ridge=1e-9 hi=1e6",
        "chebyshev dims=10 points=11 layers=40 ridge=0 hi=30",
        "chebyshev layers=64 ridge=1e-9",
        "chebyshev hi=1e6",
        "newton_gram start=trace ridge=1000",
        "logistic range=3",
        "logistic most=1e6 knots=1024",
        "logistic mu=100 range=0.01 dims=2 examples=2",
        "logistic inverse=2",
        "logistic inverse=3 program=paper",
        "neighbours bound=0.5",
        "neighbours bound=1e6",
        "copy beta=10",
        "inverse dims=4",
        "rank_one form=ridge most=1e4",
        "rank_one form=ridge knots=128",
        "rank_one form=ridge lambda=0.001",
        "rank_one form=ridge dims=2 examples=2 lambda=0.03243 knots=256 most=330.085",
        "rank_one form=ridge dims=8 examples=8 lambda=0.146 knots=512",
    };
    for (int i = 0; i < IL_COUNT(fine); i++) {
        il_table *table = NULL;
        int failed;
        CHECK_OK(il_build_verify(&table, &failed, fine[i], &err));
        CHECK(!failed, "%s: %d errors above what is stated", fine[i], failed);
        il_table_free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_does_not_fit),
        cmocka_unit_test(choices_have_defaults),
        cmocka_unit_test(one_by_one),
        cmocka_unit_test(sizes_in_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

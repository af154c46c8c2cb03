/* construct_float.c - every construction in single precision: within 1e-4 of its algorithm where the
 * condition is 10 or less
 *
 * Chords near a root (eta of logistic) are sums that cancel, and cost digits on the way to the minimum, not
 * at it: there what counts is the distance to the minimum. Products by GeLU magnify rounding by 1/e, and three
 * in a row (ridge) leave 1e-3: only sgd is asked.
 */
#include "built.h"

static const struct {
    const char *text;
    int condition;    /* the largest that is asked */
    const char *what; /* the column that counts */
} models[] = {
    { "gd loops=20", 10, "error" },
    { "gd loops=16 momentum=0.7", 10, "error" },
    { "gd loops=16 precondition=1", 10, "error" },
    { "gdpp", 10, "error" },
    { "gdpp schedule=second_order loops=9", 10, "error" },
    { "mesa_gd layers=1", 10, "error" },
    { "mesa_gd", 10, "error" },
    { "mesa_gd schedule=chebyshev layers=8", 10, "error" },
    { "chebyshev layers=8", 10, "error" },
    { "copy", 10, "error" },
    { "preconditioned", 10, "error" },
    { "preconditioned dims=5 scales=0.42,0.685,1.705", 10, "error" },
    { "inverse form=two_layers loops=11", 10, "error" },
    { "inverse form=one_layer loops=11", 10, "error" },
    { "inverse form=order order=3 loops=7", 10, "error" },
    { "inverse form=coupled loops=7", 10, "error" },
    { "newton loops=14", 10, "error" },
    { "newton loops=14 ridge=0.5", 10, "error" },
    { "newton order=3", 10, "error" },
    { "newton start=I dims=10", 10, "error" },
    { "newton_gram loops=12", 10, "error" },
    { "newton_gram loops=12 ridge=0.5 mask=0", 10, "error" },
    { "newton_gram loops=12 start=trace", 10, "error" },
    { "logistic inverse=6 loops=7 knots=256", 10, "exact" },
    { "logistic program=paper loops=7 knots=256", 10, "exact" },
    { "rescaling examples=400", 10, "error" },
    { "rank_one", 10, "error" },
    { "rank_one form=ridge lambda=1", 10, "error" },
    { "rank_one products=primitives e=0.01 big=16", 10, "error" },
    { "graph", 10, "error" },
    { "graph form=resistive", 10, "error" },
    { "graph form=heat time=0.1 layers=24", 10, "error" },
    { "graph form=heat_cubing layers=4 time=0.1", 10, "error" },
    { "graph form=root layers=8", 10, "error" },
    { "graph form=inverse layers=8", 10, "error" },
    { "eigenvectors loops=400", 100, "error" }, /* the column says how slow it is */
    { "eigenvectors loops=400 form=basis", 100, "error" },
    { "neighbours", 10, "error" },
    { "polar", 10, "error" },
    { "square_root", 10, "error" },
};

static void within_a_ten_thousandth(void **state)
{
    (void)state;
    for (int i = 0; i < IL_COUNT(models); i++) {
        il_table *table;
        int failed, seen = 0;
        double worst = 0;
        CHECK_OK(il_build_verify(&table, &failed, models[i].text, &err));
        int condition = il_table_find(table, "condition"),
            column = il_table_find(table, models[i].what);
        for (int row = 0; row < il_table_rows(table); row++) {
            if (il_table_number(table, row, condition) > models[i].condition) continue;
            worst = fmax(worst, il_table_number(table, row, column));
            seen++;
        }
        printf("%-46s %.2g\n", models[i].text, worst);
        CHECK(seen && worst < 1e-4, "%s: %g", models[i].text, worst);
        il_table_free(table);
    }
}

static void no_construction_is_forgotten(void **state)
{
    (void)state;
    const il_construct *row;
    for (int i = 0; (row = il_construct_at(i)); i++) {
        int found = 0;
        for (int k = 0; k < IL_COUNT(models); k++) found |= is_of(models[k].text, row);
        CHECK(found, "%s is not run in single precision", row->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_a_ten_thousandth),
        cmocka_unit_test(no_construction_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

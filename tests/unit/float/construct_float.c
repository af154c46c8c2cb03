/* construct_float.c - built models in single precision: within 1e-4 of their algorithms where the
 * condition is 10 or less */
#include "check.h"
#include "construct/construct.h"

static void within_a_ten_thousandth(void **state)
{
    (void)state;
    static const char *const models[] = { "gd loops=20",
                                          "newton loops=14",
                                          "newton order=3",
                                          "newton start=I dims=10",
                                          "gdpp",
                                          "chebyshev layers=8",
                                          "newton_gram loops=12",
                                          "inverse loops=11",
                                          "preconditioned",
                                          "polar",
                                          "graph" };
    for (int i = 0; i < IL_COUNT(models); i++) {
        il_table *table;
        int failed, seen = 0;
        double worst = 0;
        CHECK_OK(il_build_verify(&table, &failed, models[i], &err));
        for (int row = 0; row < il_table_rows(table); row++) {
            if (il_table_number(table, row, il_table_find(table, "condition")) > 10)
                continue;
            worst = fmax(worst, il_table_number(table, row, il_table_find(table, "error")));
            seen++;
        }
        printf("%-24s %.2g\n", models[i], worst);
        CHECK(seen && worst < 1e-4, "%s: %g", models[i], worst);
        il_table_free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(within_a_ten_thousandth) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

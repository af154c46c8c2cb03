/* classes.c - what the ops of classes promise beyond their gradient */
#include "op_bench.h"

static const il_run once = { .loops = 1, .post = 1 };

/* The loss of one row of scores that starts with `z` and goes on with `rest`; every score is
 * handed in through both inputs of the bench's sum. */
static double loss_of(const char *text, il_real z, il_real rest, int target)
{
    bench b = bench_new(il_op_find("softmax_cross_entropy"), text, 1, 1, 1);
    const il_plan *p = &b.model->plan;
    int V = il_width(p, b.inputs[0]);
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < V; c++) b.s->value[b.inputs[i]][c] = (c ? rest : z) / 2;
    b.s->value[p->target][0] = (il_real)target;
    b.s->value[p->weight][0] = 1;
    b.s->loss = 0;
    il_forward(b.s, &once);
    double loss = b.s->loss;
    bench_free(&b);
    return loss;
}

static void equal_scores_cost_the_logarithm_of_the_classes(void **state)
{
    (void)state;
    /* two roundings of numbers around 6 */
    CHECK_NEAR(loss_of("width=256", 0, 0, 3), log(256), 1e-6, "256 classes");
    CHECK_NEAR(loss_of("width=300", 0, 0, 299), log(300), 1e-6, "300 classes");
    CHECK_NEAR(loss_of("width=3", (il_real)0.5, (il_real)0.5, 0), log(3), 1e-6,
               "3 classes");
}

static void scores_of_any_size_cost_what_they_should(void **state)
{
    (void)state;
    CHECK_NEAR(loss_of("width=20", 1000, 0, 0), 0, 0, "sure and right");
    CHECK_NEAR(loss_of("width=20", 1000, 0, 5), 1000, 0, "sure and wrong");
    CHECK_NEAR(loss_of("width=20", -1000, -1000, 7), log(20), 2e-4, "all far below");
    CHECK_NEAR(loss_of("width=2", (il_real)1.5, 0, 0), log1p(exp(-1.5)), 1e-6, "logistic");
}

static void a_row_of_weight_0_may_have_any_target(void **state)
{
    (void)state;
    bench b = bench_new(il_op_find("softmax_cross_entropy"), "width=4", 1, 2, 1);
    const il_plan *p = &b.model->plan;
    b.s->value[p->target][0] = -1;
    b.s->value[p->target][1] = 2;
    b.s->value[p->weight][0] = 0;
    b.s->value[p->weight][1] = 1;
    b.s->loss = 0;
    il_forward(b.s, &once);
    il_real *each = b.s->value[p->ops[1].out];
    CHECK_NEAR(each[0], 0, 0, "weight 0");
    CHECK(each[1] > 0, "weight 1 costs nothing");
    CHECK_NEAR(b.s->loss, each[1], 0, "the sum");
    bench_free(&b);
}

static void an_id_finds_its_row(void **state)
{
    (void)state;
    bench b = bench_new(il_op_find("embed"), "width=1 classes=9 out=5", 1, 4, 1);
    const int ids[] = { 8, 0, 3, 8 };
    for (int t = 0; t < 4; t++) b.s->value[b.inputs[0]][t] = (il_real)ids[t];
    il_forward(b.s, &once);
    for (int t = 0; t < 4; t++)
        assert_memory_equal(b.s->value[bench_op(&b)->out] + 5 * t,
                            b.model->weights + 5 * ids[t], 5 * sizeof(il_real));
    bench_free(&b);
}

static void shapes_are_checked(void **state)
{
    (void)state;
    il_plan p;
    il_error err = { 0 };
    il_plan_init(&p);
    int a = il_plan_input(&p, "a", 2, 0), out, three[3] = { a, a, a };
    assert_int_equal(il_plan_add(&p, IL_PRE, "embed", "e", "", 1, &a, &out, &err),
                     IL_ECONFIG);
    assert_non_null(strstr(err.text, "an id is 1 wide, not 2"));
    assert_int_equal(
        il_plan_add(&p, IL_POST, "softmax_cross_entropy", "l", "", 3, three, &out, &err),
        IL_ECONFIG);
    assert_non_null(strstr(err.text, "a target is 1 wide, not 2"));
    il_plan_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_scores_cost_the_logarithm_of_the_classes),
        cmocka_unit_test(scores_of_any_size_cost_what_they_should),
        cmocka_unit_test(a_row_of_weight_0_may_have_any_target),
        cmocka_unit_test(an_id_finds_its_row),
        cmocka_unit_test(shapes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

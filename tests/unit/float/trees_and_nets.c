/* trees_and_nets.c - the tasks decision_tree and relu_2nn: which functions they draw */
#include "check.h"
#include "task/task.h"

enum { D = 20, N = 30, PROMPTS = 3000 };

static const il_draw here = { .seed = 11, .stream = IL_STREAM_EVAL, .step = 4 };

static il_batch *drawn(const char *text, const char *shift, int prompts, int points,
                       int dims)
{
    const il_task *task;
    double opts[IL_TASK_OPTS];
    il_batch *batch = NULL;
    CHECK_OK(il_task_parse(&task, opts, text, NULL, &err));
    CHECK_OK(il_batch_new_drawn(&batch, task, opts, shift, prompts, points, D, dims, here,
                                &err));
    return batch;
}

static int beyond(const il_batch *batch, int dims) /* inputs that are not 0 there */
{
    int count = 0;
    for (int i = 0; i < batch->prompts * batch->points * D; i++)
        count += i % D >= dims && batch->x[i] != 0;
    return count;
}

/* How often two points of a prompt reach one leaf, as D coordinates of which `alive` are not 0 give it: at a node that
 * asks a coordinate for the first time they part with probability 1/2. at[u]: they are together, and u alive
 * coordinates have been asked. */
static double together(int depth, int alive)
{
    double at[16] = { 1 }, sum = 0;
    for (int level = 0; level < depth; level++)
        for (int u = level; u >= 0; u--) {
            double fresh = (double)(alive - u) / D;
            at[u + 1] += at[u] * fresh / 2;
            at[u] *= 1 - fresh;
        }
    for (int u = 0; u <= depth; u++) sum += at[u];
    return sum;
}

static void leaves_are_reached_as_often_as_they_should(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int depth, dims, alive;
    } cases[] = {
        { "decision_tree", 4, 20, 20 },
        { "decision_tree depth=1", 1, 20, 20 },
        { "decision_tree depth=7", 7, 20, 20 },
        { "decision_tree", 4, 5, 20 },
        { "decision_tree inputs=alive", 4, 5, 5 },
        { "decision_tree inputs=alive depth=2", 2, 1, 1 },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_batch *batch = drawn(cases[i].text, NULL, PROMPTS, N, cases[i].dims);
        double mean = 0, square = 0;
        int most = 0;
        for (int b = 0; b < PROMPTS; b++) {
            const il_real *y = batch->y + b * N;
            int same = 0, leaves = 0;
            for (int n = 0; n < N; n++) {
                int before = 0;
                for (int m = 0; m < n; m++) before += y[m] == y[n];
                same += before;
                leaves += !before;
            }
            double share = same / (N * (N - 1) / 2.0);
            mean += share / PROMPTS;
            square += share * share / PROMPTS;
            most = il_max(most, leaves);
        }
        CHECK_NEAR(mean, together(cases[i].depth, cases[i].alive),
                   4 * sqrt((square - mean * mean) / PROMPTS), cases[i].text);
        assert_true(most <= 1 << cases[i].depth);
        assert_true((beyond(batch, cases[i].dims) > 0) == (cases[i].alive > cases[i].dims));
        il_batch_free(batch);
    }
}

/* A tree asks for signs alone, a network without biases is homogeneous */
static void scaled_inputs_scale_networks_alone(void **state)
{
    (void)state;
    static const char *const task[] = { "decision_tree", "relu_2nn" };
    for (int i = 0; i < 2; i++) {
        il_batch *plain = drawn(task[i], NULL, 20, N, D),
                 *twice = drawn(task[i], "scaled_x=2", 20, N, D);
        for (int n = 0; n < 20 * N; n++) {
            assert_true(twice->x[n * D] == 2 * plain->x[n * D]);
            assert_true(twice->y[n] == (i ? 2 : 1) * plain->y[n]);
        }
        il_batch_free(plain);
        il_batch_free(twice);
    }
}

static void one_hidden_unit_is_silent_half_the_time(void **state)
{
    (void)state;
    il_batch *one = drawn("relu_2nn hidden=1", NULL, PROMPTS, N, 7);
    int silent = 0;
    for (int b = 0; b < PROMPTS; b++) {
        int up = 0, down = 0;
        for (int n = 0; n < N; n++) {
            il_real y = one->y[b * N + n];
            silent += y == 0;
            up += y > 0;
            down += y < 0;
        }
        assert_true(!up || !down); /* v max(0, u.x) has the sign of v */
    }
    CHECK_NEAR((double)silent / (PROMPTS * N), 0.5, 4 * 0.5 / sqrt(PROMPTS * N), "share");
    il_batch_free(one);
}

static void fewer_active_units_keep_the_factor(void **state)
{
    (void)state;
    il_batch *few = drawn("relu_2nn hidden=20 active=5", NULL, 20, N, D),
             *five = drawn("relu_2nn hidden=5", NULL, 20, N, D);
    for (int n = 0; n < 20 * N; n++) /* sqrt(2/20) = sqrt(2/5) / 2 */
        CHECK_NEAR(few->y[n], five->y[n] / 2, 1e-5, "the same units");
    il_batch_free(few);
    il_batch_free(five);
}

static void wrong_options_get_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "decision_tree depth=0", "depth = 0 is out of its range 1 to 10" },
        { "decision_tree depth=11", "depth = 11 is out of its range 1 to 10" },
        { "decision_tree inputs=some", "inputs = 'some'" },
        { "relu_2nn hidden=0", "hidden = 0 is out of its range 1 to 10000" },
        { "relu_2nn hidden=10 active=11",
          "training.active = 11 is more than the training.hidden = 10 hidden units" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        const il_task *task;
        double opts[IL_TASK_OPTS];
        il_error err = { 0 };
        il_status status = il_task_parse(&task, opts, cases[i].text, NULL, &err);
        if (!status) status = il_task_check(task, opts, &err);
        assert_int_equal(status, IL_ECONFIG);
        CHECK(strstr(err.text, cases[i].says), "%s: %s", cases[i].text, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_are_reached_as_often_as_they_should),
        cmocka_unit_test(scaled_inputs_scale_networks_alone),
        cmocka_unit_test(one_hidden_unit_is_silent_half_the_time),
        cmocka_unit_test(fewer_active_units_keep_the_factor),
        cmocka_unit_test(wrong_options_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

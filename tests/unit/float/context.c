/* context.c - example by example gives the bits of whole prompts, for every family */
#include "check.h"
#include "model/model.h"

#include <stdlib.h>

enum { D = 4, N = 9 };

/* Queries in context of all points but the last: after the last loop, after every loop, and each alone, as a prompt of
 * its own. The first is the last point's input. */
static void check_queries(const il_model *m, const il_batch *batch, int loops, il_real want)
{
    enum { Q = 3, LOOPS = 16 };
    il_batch given = *batch;
    il_real xq[Q * D], got[Q], all[LOOPS * Q], alone[LOOPS];
    given.points = N - 1;
    memcpy(xq, batch->x + (N - 1) * D, sizeof *xq * D);
    memcpy(xq + D, batch->x, sizeof *xq * (Q - 1) * D);
    assert_true(loops <= LOOPS);
    CHECK_OK(il_model_ask(m, &given, xq, Q, loops, loops, got, &err));
    CHECK_OK(il_model_ask(m, &given, xq, Q, 1, loops, all, &err));
    assert_true(got[0] == want);
    assert_memory_equal(got, all + (loops - 1) * Q, sizeof got);
    for (int q = 0; q < Q; q++) {
        CHECK_OK(il_model_ask(m, &given, xq + q * D, 1, 1, loops, alone, &err));
        for (int l = 0; l < loops; l++) assert_true(alone[l] == all[l * Q + q]);
    }
}

static void check_family(const char *family, int layers, int loops)
{
    il_config c;
    il_model *m;
    il_batch *batch;
    il_context *context;
    char text[3][64];
    il_config_init(&c);
    snprintf(text[0], sizeof text[0], "model.family=%s", family);
    snprintf(text[1], sizeof text[1], "model.n_layer=%d", layers);
    snprintf(text[2], sizeof text[2], "training.curriculum.loops.end=%d", loops);
    const char *const set[] = { text[0],
                                text[1],
                                text[2],
                                "model.n_embd=24",
                                "model.n_head=3",
                                "model.n_dims=4",
                                "model.n_positions=9",
                                "training.curriculum.loops.start=1",
                                "training.curriculum.dims.start=1",
                                "training.curriculum.dims.end=4",
                                "training.curriculum.points.start=1",
                                "training.curriculum.points.end=9" };
    for (int i = 0; i < IL_COUNT(set); i++) CHECK_OK(il_config_set(&c, set[i], &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    for (size_t i = 0; i < m->plan.n_weights; i++)
        m->weights[i] *= 4; /* far from the linear regime */
    il_model_pack(m);
    CHECK_OK(il_batch_new(&batch, 1, N, D, &err));
    CHECK_OK(il_batch_draw(batch, il_task_find("linear_regression"), c.training.task_opts,
                           NULL, D, (il_draw){ .seed = 1, .stream = IL_STREAM_EVAL },
                           &err));
    il_real want[N], got;
    loops = il_model_loops(m);
    if (m->plan.carry == IL_CARRY_NONE) loops = 1;
    CHECK_OK(il_model_answer(m, batch, loops, loops, want, &err));
    CHECK_OK(il_context_new(&context, m, 0, &err));
    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < N; n++) {
            /* a stray question in between must leave no trace, nor what is refused */
            il_error why;
            assert_int_equal(il_context_add(context, batch->x + D * n, NAN, &why),
                             IL_ECONFIG);
            assert_non_null(strstr(why.text, "y[0] is no finite number"));
            CHECK_OK(il_context_ask(context, batch->x + D * ((n + 3) % N), &got, &err));
            CHECK_OK(il_context_ask(context, batch->x + D * n, &got, &err));
            CHECK(got == want[n], "%s: answer %d is %.9g, in a whole prompt %.9g", family,
                  n, (double)got, (double)want[n]);
            CHECK_OK(il_context_add(context, batch->x + D * n, batch->y[n], &err));
        }
        il_error err;
        assert_int_equal(il_context_add(context, batch->x, 0, &err), IL_ECONFIG);
        assert_int_equal(il_context_points(context), N);
        il_context_clear(context);
    }
    check_queries(m, batch, loops, want[N - 1]);
    il_context_free(context);
    il_batch_free(batch);
    il_model_free(m);
}

static void context_gives_the_bits_of_whole_prompts(void **state)
{
    (void)state;
    check_family("gpt2", 2, 1);
    check_family("gpt2_loop", 1, 7);
    check_family("gpt2_tying", 3, 1);
}

/* The same for sequences, in every layout and with every mixer; past n_positions where the blocks
 * carry a state */
static void check_sequence(const char *more, double tolerance, int goes_on)
{
    il_config c;
    il_model *m;
    il_batch *batch;
    il_context *context;
    char text[1024];
    snprintf(text, sizeof text,
             "model.family=stack training.task_name=linear_dynamics model.n_embd=24 "
             "model.n_head=2 model.n_dims=4 model.n_positions=9 model.init_std=0.3 "
             "training.curriculum.dims.start=4 training.curriculum.dims.end=4 "
             "training.curriculum.points.start=9 training.curriculum.points.end=9 %s",
             more);
    il_config_init(&c);
    for (char *item = strtok(text, " "); item; item = strtok(NULL, " "))
        CHECK_OK(il_config_set(&c, item, &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    CHECK_OK(il_batch_new_outs(&batch, 1, N, D, D, &err));
    CHECK_OK(il_batch_draw(batch, il_task_find("linear_dynamics"), c.training.task_opts,
                           NULL, D, (il_draw){ .seed = 1, .stream = IL_STREAM_EVAL },
                           &err));
    il_real want[N * D], got[D];
    CHECK_OK(il_model_answer(m, batch, m->plan.loops, m->plan.loops, want, &err));
    CHECK_OK(il_context_new(&context, m, 0, &err));
    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < N; n++) {
            il_error why;
            il_real lost[16] = { 0 };
            assert_true(D <= 16);
            lost[D - 1] = (il_real)INFINITY;
            assert_int_equal(il_context_observe(context, lost, got, &why), IL_ECONFIG);
            CHECK_OK(il_context_observe(context, batch->x + D * n, got, &err));
            for (int d = 0; d < D; d++)
                CHECK_NEAR(got[d], want[n * D + d],
                           tolerance * fmax(1, fabs((double)want[n * D + d])), more);
        }
        il_error e;
        assert_int_equal(il_context_observe(context, batch->x, got, &e),
                         goes_on ? IL_OK : IL_ECONFIG);
        assert_int_equal(il_context_add(context, batch->x, 0, &e), IL_ECONFIG);
        il_context_clear(context);
    }
    il_context_free(context);
    il_batch_free(batch);
    il_model_free(m);
}

static void sequences_go_token_by_token(void **state)
{
    (void)state;
    check_sequence("model.tokens=sequence model.blocks=softmax*2 model.position=concat", 0,
                   0);
    check_sequence(
        "model.tokens=constructed model.blocks=linear*2 model.loops=2 model.clip=2", 1e-5,
        1);
    check_sequence("model.tokens=stacked model.stack=3 model.blocks=mesa,linear "
                   "model.position=learned",
                   1e-4, 0);
    check_sequence("model.tokens=sequence model.blocks=mesanet,gla,delta,gated_delta,mlstm "
                   "model.conv=3 model.qk_norm=l2 model.head_norm=true model.norm=rmsnorm "
                   "model.n_mlp=8 model.mlp_act=swiglu",
                   1e-4, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_gives_the_bits_of_whole_prompts),
        cmocka_unit_test(sequences_go_token_by_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

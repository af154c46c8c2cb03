/* classes.c - what the ops of classes promise beyond their gradient */
#include "claim/claim.h"
#include "evaluate/evaluate.h"
#include "folder.h"
#include "op_bench.h"
#include "train/train.h"

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

/* ---- tasks ------------------------------------------------------------------------------------ */

typedef struct {
    double fields[IL_TASK_OPTS];
} options;

static const il_draw train = { .seed = 11, .stream = IL_STREAM_TRAIN, .step = 4 };
static const il_draw eval = { .seed = 11, .stream = IL_STREAM_EVAL };

static il_status draw(il_batch **batch, const char *task, const char *opts, int prompts,
                      int points, il_draw at, il_error *why)
{
    const il_task *t = il_task_find(task);
    options o = { { 0 } };
    il_opt_init(t->opts, &o);
    CHECK_OK(il_opt_parse(t->opts, &o, opts, task, &err));
    CHECK_OK(il_batch_new(batch, prompts, points, 1, &err));
    il_status status = il_batch_draw(*batch, t, &o, NULL, 1, at, why);
    if (status != IL_OK) il_batch_free(*batch);
    return status;
}

static il_batch *drawn(const char *task, const char *opts, int prompts, int points,
                       il_draw at)
{
    il_batch *batch;
    CHECK_OK(draw(&batch, task, opts, prompts, points, at, &err));
    return batch;
}

/* A file whose byte i is i mod 251, of 20,000 bytes */
static const char *counting_file(void)
{
    static char opts[256], bytes[20000];
    for (int i = 0; i < 20000; i++) bytes[i] = (char)(i % 251);
    snprintf(opts, sizeof opts, "path=%s held_out=0.1",
             put_file("counting", bytes, sizeof bytes));
    return opts;
}

static void prompts_are_functions_of_their_coordinates(void **state)
{
    (void)state;
    const char *tasks[] = { "bytes", "recall" };
    const char *opts[] = { counting_file(), "pairs=5 keys=8 values=6" };
    il_draw tenth = train, later = train;
    tenth.first = 10;
    later.step++;
    for (int i = 0; i < 2; i++) {
        il_batch *all = drawn(tasks[i], opts[i], 64, 40, train),
                 *part = drawn(tasks[i], opts[i], 10, 40, tenth),
                 *next = drawn(tasks[i], opts[i], 10, 40, later);
        size_t ten = 10 * 40 * sizeof(il_real);
        assert_memory_equal(part->x, all->x + 400, ten);
        assert_memory_equal(part->y, all->y + 400, ten);
        assert_memory_not_equal(next->x, all->x, ten);
        il_batch_free(all);
        il_batch_free(part);
        il_batch_free(next);
    }
}

static void bytes_are_windows_and_training_does_not_see_the_end(void **state)
{
    (void)state;
    const char *opts = counting_file();
    il_batch *seen = drawn("bytes", opts, 500, 300, train),
             *held = drawn("bytes", opts, 500, 300, eval);
    for (int i = 0; i < 500 * 300; i++) {
        assert_int_equal((int)seen->y[i], ((int)seen->x[i] + 1) % 251);
        assert_int_equal((int)held->y[i], ((int)held->x[i] + 1) % 251);
        if (i % 300) assert_int_equal((int)seen->x[i], (int)seen->y[i - 1]);
    }
    il_batch_free(seen);
    il_batch_free(held);
    /* halves that hold one window each */
    char few[20], text[256];
    for (int i = 0; i < 20; i++) few[i] = (char)i;
    snprintf(text, sizeof text, "path=%s held_out=0.5", put_file("few", few, sizeof few));
    seen = drawn("bytes", text, 50, 9, train);
    held = drawn("bytes", text, 50, 9, eval);
    for (int b = 0; b < 50; b++) {
        assert_int_equal((int)seen->x[9 * b], 0);
        assert_int_equal((int)held->x[9 * b], 10);
        assert_int_equal((int)held->y[9 * b + 8], 19);
    }
    il_batch_free(seen);
    il_batch_free(held);
}

static void files_that_will_not_do_are_refused(void **state)
{
    (void)state;
    char few[300];
    snprintf(few, sizeof few, "%.*s held_out=0.001", (int)strcspn(counting_file(), " "),
             counting_file());
    const struct {
        const char *opts, *says;
        il_status status;
    } cases[] = {
        { "", "training.path names no file", IL_ECONFIG },
        { "path=/gone/far", "cannot read /gone/far: No such file", IL_EIO },
        { "path=/", "is not an ordinary file", IL_EIO },
        { few, "of which 20 are held out", IL_ECONFIG },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_error err;
        il_batch *batch;
        assert_int_equal(draw(&batch, "bytes", cases[i].opts, 4, 20, eval, &err),
                         cases[i].status);
        CHECK(strstr(err.text, cases[i].says), "said: %s", err.text);
    }
}

/* Every key comes twice in a round, with the same value; it is asked the second time. */
static void recall_asks_for_what_it_showed(void **state)
{
    (void)state;
    enum { P = 5, K = 8, V = 6, N = 4 * P + 13, B = 200 };
    il_batch *batch = drawn("recall", "pairs=5 keys=8 values=6", B, N, train);
    int asked = 0, moved = 0;
    for (int b = 0; b < B; b++) {
        const il_real *x = batch->x + b * N, *y = batch->y + b * N;
        int value[K];
        for (int n = 0; n < N; n++) {
            int at = n % (4 * P), id = (int)x[n];
            if (at == 0)
                for (int k = 0; k < K; k++) value[k] = -1;
            if (at % 2 == 0) {
                assert_true(id >= 0 && id < K);
                assert_true((value[id] < 0) == (at < 2 * P));
                assert_int_equal((int)y[n], at < 2 * P ? -1 : value[id]);
                moved += at >= 2 * P && id != (int)x[n - 2 * P];
                asked += at >= 2 * P;
            } else {
                int key = (int)x[n - 1];
                assert_true(id >= K && id < K + V);
                if (at < 2 * P)
                    value[key] = id;
                else
                    assert_int_equal(id, value[key]);
                assert_int_equal((int)y[n], -1);
            }
        }
    }
    assert_int_equal(asked, B * (P + 2));
    /* a random order leaves one key in P where it was */
    CHECK_NEAR(moved, asked * (1 - 1.0 / P), 5 * sqrt(asked * 0.16), "keys that moved");
    il_batch_free(batch);
}

static void rounds_that_ask_nothing_are_refused(void **state)
{
    (void)state;
    il_error err;
    il_batch *batch;
    assert_int_equal(draw(&batch, "recall", "pairs=9 keys=8", 4, 40, train, &err),
                     IL_ECONFIG);
    assert_non_null(strstr(err.text, "training.pairs = 9 is more than training.keys = 8"));
    assert_int_equal(draw(&batch, "recall", "pairs=8", 4, 16, train, &err), IL_ECONFIG);
    assert_non_null(strstr(err.text, "16 points ask nothing"));
}

/* ---- models ------------------------------------------------------------------------------------ */

static il_model *recaller(const char *blocks)
{
    static const char *const keys[] = {
        "training.task_name=recall",
        "training.pairs=4",
        "training.keys=8",
        "training.values=5",
        "model.tokens=ids",
        "model.n_dims=1",
        "model.n_positions=20",
        "model.n_embd=16",
        "model.n_head=2",
        "model.n_layer=2",
        "training.curriculum.dims.start=1",
        "training.curriculum.dims.end=1",
        "training.curriculum.points.start=16",
        "training.curriculum.points.end=16",
    };
    il_config c;
    il_model *model = NULL;
    il_config_init(&c);
    for (int i = 0; i < IL_COUNT(keys); i++) CHECK_OK(il_config_set(&c, keys[i], &err));
    if (blocks) {
        CHECK_OK(il_config_set(&c, "model.family=stack", &err));
        CHECK_OK(il_config_set(&c, "model.norm=rmsnorm", &err));
        CHECK_OK(il_config_set(&c, "model.conv=3", &err));
        CHECK_OK(il_config_set(&c, "model.qk_norm=l2", &err));
        CHECK_OK(il_config_set(&c, "model.head_norm=true", &err));
        CHECK_OK(il_config_set(&c, blocks, &err));
    }
    CHECK_OK(il_model_new(&model, &c, &err));
    return model;
}

static void id_by_id_says_what_the_whole_prompt_says(void **state)
{
    (void)state;
    il_model *model = recaller(NULL);
    il_batch *batch = drawn("recall", "pairs=4 keys=8 values=5", 3, 20, eval);
    il_state *s;
    CHECK_OK(il_state_new(&s, model, 1, 20, 0, &err));
    il_state_fill(s, batch, 2, 1, 20);
    il_forward(s, &(il_run){ .loops = 1, .post = 1 });
    il_context *context;
    const il_real *scores;
    il_error no;
    CHECK_OK(il_context_new(&context, model, 0, &err));
    for (int again = 0; again < 2; again++, il_context_clear(context))
        for (int n = 0; n < 20; n++) {
            int id = (int)batch->x[2 * 20 + n];
            CHECK_OK(il_context_next(context, id, &scores, &err));
            assert_memory_equal(scores, s->value[s->plan->answer] + 13 * n,
                                13 * sizeof *scores);
        }
    for (int n = 0; n < 20; n++) CHECK_OK(il_context_next(context, n % 13, NULL, &err));
    assert_int_equal(il_context_next(context, 1, &scores, &no), IL_ECONFIG);
    assert_non_null(strstr(no.text, "the context is full: model.n_positions = 20"));
    il_context_clear(context);
    assert_int_equal(il_context_next(context, 13, &scores, &no), IL_ECONFIG);
    assert_non_null(strstr(no.text, "id 13 is none of the model's 13 classes"));
    il_context_free(context);
    il_state_free(s);
    il_batch_free(batch);
    il_model_free(model);
}

/* Models that carry a state from token to token: rounding alone differs. */
static void mixers_carry_their_state(void **state)
{
    (void)state;
    const char *rows[] = { "model.blocks=linear,gla", "model.blocks=delta,gated_delta",
                           "model.blocks=mlstm,mesanet", "model.blocks=softmax,mesa" };
    for (int i = 0; i < IL_COUNT(rows); i++) {
        il_model *model = recaller(rows[i]);
        il_batch *batch = drawn("recall", "pairs=4 keys=8 values=5", 1, 20, eval);
        il_state *s;
        il_context *context;
        const il_real *scores;
        CHECK_OK(il_state_new(&s, model, 1, 20, 0, &err));
        il_state_fill(s, batch, 0, 1, 20);
        il_forward(s, &(il_run){ .loops = 1, .post = 1 });
        CHECK_OK(il_context_new(&context, model, 0, &err));
        for (int n = 0; n < 20; n++) {
            CHECK_OK(il_context_next(context, (int)batch->x[n], &scores, &err));
            for (int c = 0; c < 13; c++)
                CHECK_NEAR(scores[c], s->value[s->plan->answer][13 * n + c], 1e-5, rows[i]);
        }
        il_context_free(context);
        il_state_free(s);
        il_batch_free(batch);
        il_model_free(model);
    }
}

static void files_keep_models_of_classes(void **state)
{
    (void)state;
    il_model *model = recaller("model.blocks=softmax,mesanet"), *again;
    const char *path = in_folder("recall.safetensors");
    CHECK_OK(il_model_save(model, path, &err));
    CHECK_OK(il_model_load(&again, path, &err));
    assert_true(il_model_hash(again) == il_model_hash(model));
    assert_int_equal(il_model_classes(again), 13);
    il_model_free(again);
    /* a recipe whose prompts have more ids than the plan knows */
    CHECK_OK(il_config_set(&model->config, "training.values=6", &err));
    CHECK_OK(il_model_save(model, path, &err));
    il_error no;
    assert_int_equal(il_model_load(&again, path, &no), IL_ECONFIG);
    CHECK(strstr(no.text, "reads ids that prompts of recall do not have"), "said: %s",
          no.text);
    il_model_free(model);
}

/* Scores that are all zero: every answer costs log(13) and the first class is always chosen. */
static void evaluation_counts_what_is_asked(void **state)
{
    (void)state;
    il_model *model = recaller(NULL);
    memset(model->weights, 0, model->plan.n_weights * sizeof *model->weights);
    il_model_pack(model);
    il_table *table;
    il_eval_options o = { .prompts = 10, .seed = 3 };
    CHECK_OK(il_eval(&table, model, &o, IL_EVAL_POINTS, &err));
    assert_int_equal(il_table_rows(table), 1); /* positions 9 to 16 */
    const struct {
        const char *col;
        double value;
    } want[] = { { "k", 16 },
                 { "loss", log(13) },
                 { "loss_low", log(13) },
                 { "loss_high", log(13) },
                 { "wrong", 1 },
                 { "asked", 4 } };
    for (int i = 0; i < IL_COUNT(want); i++)
        CHECK_NEAR(il_table_number(table, 0, il_table_find(table, want[i].col)),
                   want[i].value, 1e-6, want[i].col);
    CHECK(strstr(il_table_caption(table), "over all of them 2.565 nats, 3.700 bits"),
          "caption: %s", il_table_caption(table));
    il_table_free(table);
    CHECK_OK(il_eval(&table, model, &o, IL_EVAL_MEAN, &err));
    assert_int_equal(il_table_rows(table), 1);
    for (int i = 0; i < IL_COUNT(want); i++)
        CHECK_NEAR(il_table_number(table, 0, il_table_find(table, want[i].col)),
                   want[i].value, 1e-6, want[i].col);
    il_table_free(table);
    il_error err;
    o.against = "ols";
    assert_int_equal(il_eval(&table, model, &o, IL_EVAL_POINTS, &err), IL_ECONFIG);
    o = (il_eval_options){ .prompts = 10, .task = "recall values=6" };
    assert_int_equal(il_eval(&table, model, &o, IL_EVAL_POINTS, &err), IL_ECONFIG);
    assert_non_null(strstr(err.text, "the task has 14 token ids and the model 13"));
    o.task = "linear_regression";
    assert_true(il_eval(&table, model, &o, IL_EVAL_POINTS, &err) != IL_OK);
    il_model_free(model);
}

/* A measure's table has the numbers of the evaluation under the model's name. */
static void claims_measure_classes(void **state)
{
    (void)state;
    static const char *const cols[] = { "k", "m", "m_low", "m_high", "m_wrong", "m_asked" };
    il_model *model = recaller(NULL);
    const il_model *models[] = { model };
    const char *name[] = { "m" }, *settings[] = { "prompts=10", "seed=3" };
    il_table *table, *own;
    CHECK_OK(il_measure(&table, "points", models, name, 1, settings, 2, &err));
    CHECK_OK(il_eval(&own, model, &(il_eval_options){ .prompts = 10, .seed = 3 },
                     IL_EVAL_POINTS, &err));
    assert_int_equal(il_table_rows(table), il_table_rows(own));
    assert_int_equal(il_table_cols(table), IL_COUNT(cols));
    assert_string_equal(il_table_caption(table), il_table_caption(own));
    for (int c = 0; c < IL_COUNT(cols); c++) {
        assert_string_equal(il_table_col(table, c), cols[c]);
        for (int r = 0; r < il_table_rows(own); r++)
            CHECK_NEAR(il_table_number(table, r, c), il_table_number(own, r, c), 0,
                       cols[c]);
    }
    il_table_free(table);
    il_table_free(own);
    il_model_free(model);
}

/* One block with a convolution sees key and value in one place and soon makes no mistakes; without
 * it, a linear layer cannot tell which value followed which key (0.1 % and 33 % wrong after 600 steps). */
static void a_convolution_lets_a_linear_layer_recall(void **state)
{
    (void)state;
    for (int conv = 0; conv <= 4; conv += 4) {
        il_model *start = recaller("model.blocks=linear");
        il_config c = *il_model_config(start);
        il_model_free(start);
        c.model.conv = conv;
        c.model.position = IL_POSITION_LEARNED;
        c.model.n_embd = 32;
        c.training.batch_size = 32;
        c.training.train_steps = 600;
        c.training.learning_rate = 0.01;
        c.training.schedule = IL_RATE_COSINE;
        c.training.warmup_steps = 20;
        c.training.clip = 1;
        il_trainer *t;
        il_progress progress;
        il_table *table;
        CHECK_OK(il_trainer_new(&t, &c, &err));
        for (int i = 0; i < 600; i++) CHECK_OK(il_trainer_step(t, 0, &progress, &err));
        il_eval_options o = { .prompts = 200, .seed = 1 };
        CHECK_OK(il_eval(&table, il_trainer_model(t), &o, IL_EVAL_MEAN, &err));
        double wrong = il_table_number(table, 0, il_table_find(table, "wrong"));
        CHECK(conv ? wrong < 0.03 : wrong > 0.2, "conv=%d: %g wrong", conv, wrong);
        il_table_free(table);
        il_trainer_free(t);
    }
}

static void recipes_must_say_ids(void **state)
{
    (void)state;
    il_config c;
    il_error no;
    il_config_init(&c);
    CHECK_OK(il_config_set(&c, "training.task_name=recall", &err));
    assert_int_equal(il_config_check(&c, &no), IL_ECONFIG);
    assert_non_null(strstr(no.text, "recall has token-id prompts"));
    il_config_init(&c);
    CHECK_OK(il_config_set(&c, "model.tokens=ids", &err));
    assert_int_equal(il_config_check(&c, &no), IL_ECONFIG);
    assert_non_null(strstr(no.text, "linear_regression has real-valued prompts"));
}

/* 3 classes with probabilities 0.7, 0.2, 0.1, drawn 20,000 times: within 5 deviations */
static void draws_have_the_probabilities_of_the_scores(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const double p[] = { 0.7, 0.2, 0.1 };
    il_real scores[3];
    for (int c = 0; c < 3; c++) scores[c] = (il_real)(2 * log(p[c]) + 50);
    int counts[3] = { 0 };
    for (uint32_t i = 0; i < DRAWS; i++) counts[il_scores_draw(scores, 3, 2, 5, i)]++;
    for (int c = 0; c < 3; c++)
        CHECK_NEAR(counts[c], DRAWS * p[c], 5 * sqrt(DRAWS * p[c] * (1 - p[c])), "counts");
    assert_int_equal(il_scores_draw(scores, 3, 0, 5, 0), 0);
    il_real many[200] = { 0 };
    many[150] = 100;
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(il_scores_draw(many, 200, 1, 5, i), 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_scores_cost_the_logarithm_of_the_classes),
        cmocka_unit_test(scores_of_any_size_cost_what_they_should),
        cmocka_unit_test(a_row_of_weight_0_may_have_any_target),
        cmocka_unit_test(an_id_finds_its_row),
        cmocka_unit_test(shapes_are_checked),
        cmocka_unit_test(prompts_are_functions_of_their_coordinates),
        cmocka_unit_test(bytes_are_windows_and_training_does_not_see_the_end),
        cmocka_unit_test(files_that_will_not_do_are_refused),
        cmocka_unit_test(recall_asks_for_what_it_showed),
        cmocka_unit_test(rounds_that_ask_nothing_are_refused),
        cmocka_unit_test(id_by_id_says_what_the_whole_prompt_says),
        cmocka_unit_test(mixers_carry_their_state),
        cmocka_unit_test(files_keep_models_of_classes),
        cmocka_unit_test(evaluation_counts_what_is_asked),
        cmocka_unit_test(claims_measure_classes),
        cmocka_unit_test(a_convolution_lets_a_linear_layer_recall),
        cmocka_unit_test(recipes_must_say_ids),
        cmocka_unit_test(draws_have_the_probabilities_of_the_scores),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

/* training.c - schedules, averages of weights, random loops, growing batches and pools of prompts, against formulas;
 * and resumed with all of them */
#include "folder.h"
#include "task/task.h"
#include "train/train.h"

#include <math.h>

enum { STEPS = 9 };

/* A small looped recipe; `more` are assignments, separated by spaces. */
static il_config recipe(const char *more)
{
    static const char base[] =
        "model.family=gpt2_loop model.n_embd=8 model.n_head=2 model.n_dims=3 "
        "model.n_positions=6 "
        "model.n_layer=1 training.batch_size=6 training.shard=2 training.slots=2 "
        "training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
        "training.curriculum.points.start=4 training.curriculum.points.end=4 "
        "training.curriculum.loops.start=3 training.curriculum.loops.end=3 "
        "training.n_loop_window=2 training.learning_rate=0.01 training.train_steps=9 ";
    il_config c;
    char text[2048];
    il_config_init(&c);
    snprintf(text, sizeof text, "%s%s", base, more);
    for (char *item = strtok(text, " "); item; item = strtok(NULL, " "))
        CHECK_OK(il_config_set(&c, item, &err));
    CHECK_OK(il_config_check(&c, &err));
    return c;
}

/* warm-up, stable, decay */
static void the_rate_stays_and_falls(void **state)
{
    (void)state;
    il_config c =
        recipe("training.schedule=linear training.warmup_steps=10 training.decay_steps=20 "
               "training.train_steps=100 training.min_learning_rate=0.002");
    for (int step = 0; step < 120; step++) {
        double want = step < 10   ? 0.01 * (step + 1) / 10
                      : step < 80 ? 0.01
                                  : 0.01 - 0.008 * fmin(step - 80, 20) / 20;
        CHECK_NEAR(il_rate_at(&c, step), want, 1e-17, "a line to the least rate");
    }
    c.training.decay_steps = 0; /* from the warm-up on */
    CHECK_NEAR(il_rate_at(&c, 55), 0.006, 1e-17, "half-way down");
    c.training.schedule = IL_RATE_COSINE;
    c.training.decay_steps = 20;
    c.training.schedule_steps = 50;
    CHECK_NEAR(il_rate_at(&c, 30), 0.01, 1e-17, "not yet");
    CHECK_NEAR(il_rate_at(&c, 35), 0.002 + 0.004 * (1 + cos(acos(-1) / 4)), 1e-17,
               "cosine");
    assert_true(il_rate_at(&c, 50) == 0.002 && il_rate_at(&c, 99) == 0.002);
}

/* The average is the weighted mean of the weights after each step of its window. */
static void play(const char *options, double keep, int last)
{
    il_config c = recipe(options);
    il_trainer *t;
    il_progress p;
    CHECK_OK(il_trainer_new(&t, &c, &err));
    il_model *m = il_trainer_model(t);
    size_t n = m->plan.n_weights;
    double *sum = calloc(n, sizeof *sum), count = 0, moved = 0;
    const il_real *average = il_trainer_moments(t).average;
    for (int step = 1; step <= STEPS; step++) {
        CHECK_OK(il_trainer_step(t, 0, &p, &err));
        int counts = step > STEPS - last;
        count = counts ? keep * count + 1 : 1;
        for (size_t i = 0; i < n; i++) {
            sum[i] = counts ? keep * sum[i] + m->weights[i] : m->weights[i];
            CHECK_NEAR(average[i], sum[i] / count, 1e-13, options);
            moved = fmax(moved, fabs(average[i] - m->weights[i]));
            if (!counts) assert_true(average[i] == m->weights[i]);
        }
        if (step == STEPS - last) count = 0, memset(sum, 0, sizeof *sum * n);
    }
    CHECK(moved > 1e-3, "%s: the average is the last weights", options);
    CHECK(il_checkpoint_hash(m, il_trainer_moments(t)) != il_model_hash(m),
          "%s: the hash is not the average's", options);
    free(sum);
    il_trainer_free(t);
}

static void averages_are_weighted_means(void **state)
{
    (void)state;
    play("training.average=0.7", 0.7, STEPS);
    play("training.average=1", 1, STEPS);
    play("training.average=1 training.average_steps=4", 1, 4);
    play("training.average=0.5 training.average_steps=6 training.optimizer=muon", 0.5, 6);
}

#define ALL                                                                                \
    "training.average=0.8 training.random_loops=4 training.random_window=2 "               \
    "training.curriculum.batch.start=2 training.curriculum.batch.inc=1 "                   \
    "training.curriculum.batch.interval=2 training.pool_prompts=50 "                       \
    "training.pool_functions=9"

/* A checkpoint on the way changes no bit of weights and average; a model is loaded with the average. */
static void resumed_bit_for_bit(void **state)
{
    il_config c = recipe(ALL);
    il_trainer *t[2];
    il_model *loaded;
    il_progress p;
    il_tensors *file;
    const char *path = in_folder("on_the_way.safetensors");
    (void)state;
    for (int i = 0; i < 2; i++) CHECK_OK(il_trainer_new(&t[i], &c, &err));
    for (int step = 0; step < STEPS; step++) {
        CHECK_OK(il_trainer_step(t[0], 0, &p, &err));
        if (step != 3) continue;
        CHECK_OK(il_checkpoint_write(path, il_trainer_model(t[0]), il_trainer_moments(t[0]),
                                     &err));
        CHECK_OK(il_checkpoint_read(path, il_trainer_model(t[1]), il_trainer_moments(t[1]),
                                    &err));
    }
    CHECK_OK(il_tensors_read(&file, path, &err));
    CHECK(il_tensors_find(file, "iterate.read_in.weight"), "no iterate in the checkpoint");
    il_tensors_free(file);
    CHECK_OK(il_model_load(&loaded, path, &err));
    uint64_t average = il_checkpoint_hash(il_trainer_model(t[1]), il_trainer_moments(t[1]));
    CHECK(il_model_hash(loaded) == average, "what is loaded is not the average");
    il_model_free(loaded);
    while (il_trainer_model(t[1])->step < STEPS)
        CHECK_OK(il_trainer_step(t[1], 0, &p, &err));
    for (int averaged = 0; averaged < 2; averaged++) {
        uint64_t hash[2];
        for (int i = 0; i < 2; i++)
            hash[i] = averaged ? il_checkpoint_hash(il_trainer_model(t[i]),
                                                    il_trainer_moments(t[i]))
                               : il_model_hash(il_trainer_model(t[i]));
        CHECK(hash[0] == hash[1], "resumed, %s goes elsewhere",
              averaged ? "the average" : "it");
    }
    for (int i = 0; i < 2; i++) il_trainer_free(t[i]);
}

/* Of random_points r, u^2 (r + 1) are left; a function of seed and step. */
static void points_are_drawn(void **state)
{
    enum { DRAWS = 20000, MORE = 3 };
    (void)state;
    il_config c = recipe("training.random_points=3"), other = c;
    int end = c.training.curriculum.points.end, seen[MORE + 1] = { 0 }, differ = 0;
    c.training.curriculum.points.start = other.training.curriculum.points.start = end;
    other.training.seed++;
    for (int step = 0; step < DRAWS; step++) {
        int points = il_points_at(&c, step);
        assert_in_range(points, end - MORE, end);
        assert_true(points == il_points_at(&c, step));
        differ += points != il_points_at(&other, step);
        seen[points - end + MORE]++;
    }
    for (int i = 0; i <= MORE; i++) { /* five deviations of a binomial count */
        double p = (sqrt(i + 1) - sqrt(i)) / 2;
        CHECK_NEAR(seen[i], DRAWS * p, 5 * sqrt(DRAWS * p * (1 - p)), "points");
    }
    CHECK(differ > DRAWS / 2, "the seed counts");
    c.training.random_points = 0;
    assert_int_equal(il_points_at(&c, 5), end);
}

/* Loops and windows are uniform on their range, and functions of seed and step. */
static void loops_are_drawn(void **state)
{
    enum { DRAWS = 20000, MORE = 4 };
    (void)state;
    il_config c = recipe("training.random_loops=4 training.random_window=2"), other = c;
    il_model *m, *n;
    int seen[MORE + 1] = { 0 }, windows[3] = { 0 }, differ = 0;
    other.training.seed++;
    CHECK_OK(il_model_new(&m, &c, &err));
    CHECK_OK(il_model_new(&n, &other, &err));
    for (int step = 0; step < DRAWS; step++) {
        il_run run = il_run_at(m, step);
        assert_true(run.loops == il_run_at(m, step).loops);
        assert_in_range(run.loops, 3, 3 + MORE);
        assert_in_range(run.window, 2, il_min(4, run.loops));
        assert_int_equal(run.window, run.post);
        differ += run.loops != il_run_at(n, step).loops;
        seen[run.loops - 3]++;
        if (run.loops > 3) windows[run.window - 2]++;
    }
    /* five deviations of a binomial count */
    for (int i = 0; i <= MORE; i++) CHECK_NEAR(seen[i], DRAWS / 5.0, 5 * 57, "loops");
    for (int i = 0; i < 3; i++) CHECK_NEAR(windows[i], DRAWS * 0.8 / 3, 5 * 62, "windows");
    CHECK_NEAR(differ, DRAWS * 0.8, 5 * 57, "the seed counts");
    il_model_free(m);
    il_model_free(n);
}

static void batches_grow(void **state)
{
    (void)state;
    il_config c =
        recipe("training.curriculum.batch.start=2 training.curriculum.batch.inc=3 "
               "training.curriculum.batch.interval=2");
    static const int want[] = { 2, 2, 5, 5, 6, 6, 6 };
    for (int step = 0; step < IL_COUNT(want); step++)
        assert_int_equal(il_batch_at(&c, step), want[step]);
    c.training.curriculum.batch.start = 0;
    assert_int_equal(il_batch_at(&c, 0), 6);

    /* the gradient of the first step is that of a recipe of two prompts */
    il_config small = recipe("training.batch_size=2"),
              ramp = recipe("training.curriculum.batch.start=2");
    il_trainer *t[2];
    il_progress p[2];
    CHECK_OK(il_trainer_new(&t[0], &small, &err));
    CHECK_OK(il_trainer_new(&t[1], &ramp, &err));
    for (int i = 0; i < 2; i++) CHECK_OK(il_trainer_step(t[i], 1, &p[i], &err));
    assert_true(p[0].loss == p[1].loss && p[0].grad_norm == p[1].grad_norm);
    for (int i = 0; i < 2; i++) il_trainer_free(t[i]);
}

/* How many of all the prompts' numbers (size each) are new, in prompts of many steps */
static int count_new(const il_real *of, int prompts, int size)
{
    int n = 0;
    for (int i = 0; i < prompts; i++) {
        int seen = 0;
        for (int j = 0; j < i && !seen; j++)
            seen = !memcmp(of + (size_t)i * (size_t)size, of + (size_t)j * (size_t)size,
                           sizeof *of * (size_t)size);
        n += !seen;
    }
    return n;
}

/* x, w, y of 300 prompts over ten steps: how many of each there are */
static void draw(il_pool pool, int wanted[3])
{
    enum { STEP = 30, ALL_PROMPTS = 10 * STEP, N = 4, D = 3 };
    static il_real x[ALL_PROMPTS * N * D], w[ALL_PROMPTS * D], y[ALL_PROMPTS * N];
    il_batch *batch;
    CHECK_OK(il_batch_new(&batch, STEP, N, D, &err));
    for (int step = 0; step < 10; step++) {
        il_draw at = { .seed = 5, .stream = IL_STREAM_TRAIN, .step = (uint32_t)step };
        CHECK_OK(il_batch_draw_from(batch, il_task_find("noisy_linear_regression"), NULL,
                                    NULL, D, at, pool, &err));
        memcpy(x + step * STEP * N * D, batch->x, sizeof *x * STEP * N * D);
        memcpy(w + step * STEP * D, batch->w, sizeof *w * STEP * D);
        memcpy(y + step * STEP * N, batch->y, sizeof *y * STEP * N);
    }
    il_batch_free(batch);
    wanted[0] = count_new(x, ALL_PROMPTS, N * D);
    wanted[1] = count_new(w, ALL_PROMPTS, D);
    wanted[2] = count_new(y, ALL_PROMPTS, N);
}

/* Of so many prompts all come, as 300 draws of 8 or 20 miss one with a probability below 1e-5. */
static void pools_are_finite(void **state)
{
    static const struct {
        il_pool pool;
        int want[3];
    } rows[] = {
        { { 0, 0 }, { 300, 300, 300 } },
        { { 20, 0 }, { 20, 20, 20 } },
        { { 0, 8 }, { 300, 8, 300 } },
        { { 20, 8 }, { 20, 8, -1 } },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(rows); i++) {
        int got[3];
        draw(rows[i].pool, got);
        for (int k = 0; k < 3; k++)
            CHECK(rows[i].want[k] < 0 || got[k] == rows[i].want[k], "pool %d: %d of %d", i,
                  got[k], rows[i].want[k]);
    }
}

/* What a trainer holds and sends is what was planned; only its blocks are of whole huge pages. */
static void memory_is_planned(void **state)
{
    (void)state;
    static const char *const more[] = {
        "",
        "training.optimizer=muon training.slots=3",
        "training.average=0.9",
        "training.optimizer=sgd model.n_embd=64 training.recompute=2",
        "model.family=gpt2 model.n_layer=3 training.clip=1 training.slots=5",
    };
    for (int i = 0; i < IL_COUNT(more); i++) {
        il_config c = recipe(more[i]);
        il_trainer *t;
        il_room room;
        CHECK_OK(il_trainer_new(&t, &c, &err));
        CHECK_OK(il_trainer_room(&room, &c, 0, 1, il_workers(), &err));
        double held = (double)il_trainer_bytes(t),
               planned = il_room_bytes(&room) - room.prompts - room.evaluation;
        assert_true(held >= planned && held < planned + 2 * (2 << 20));
        assert_true(room.sent == 0 &&
                    room.n_weights == il_trainer_model(t)->plan.n_weights);
        il_trainer_free(t);
    }
}

/* A model of one block and one loop, counted by hand: read-in D to C, q k v, attention, its map, the MLP, read-out */
static void operations_are_counted(void **state)
{
    (void)state;
    il_config c = recipe("model.family=gpt2");
    il_model *m;
    CHECK_OK(il_model_new(&m, &c, &err));
    double C = 8, D = 3, T = 8, token = 2 * D * C + 24 * C * C + 4 * T * C + 2 * C;
    CHECK_NEAR(il_step_flop(m, 0), 3 * 6 * T * token, 1e-6,
               "forward, and backward twice that");
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_stays_and_falls),
        cmocka_unit_test(averages_are_weighted_means),
        cmocka_unit_test(resumed_bit_for_bit),
        cmocka_unit_test(points_are_drawn),
        cmocka_unit_test(loops_are_drawn),
        cmocka_unit_test(batches_grow),
        cmocka_unit_test(pools_are_finite),
        cmocka_unit_test(memory_is_planned),
        cmocka_unit_test(operations_are_counted),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

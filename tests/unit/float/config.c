/* config.c - recipes: published ones are read unchanged, wrong ones get a sentence, and every
 * configuration survives being written and read */
#include "base/base.h"
#include "optimizer/optimizer.h"
#include "task/task.h"

#include "folder.h"

#include <locale.h>

#define STANDARD_TRAINING                                                                  \
    "training:\n"                                                                          \
    "    batch_size: 64\n"                                                                 \
    "    task_name: linear_regression\n"                                                   \
    "    learning_rate: 0.0001\n"                                                          \
    "    weight_decay: 0.0\n"                                                              \
    "    train_steps: 500000\n"                                                            \
    "    save_every_steps: 1000\n"                                                         \
    "    keep_every_steps: 100000\n"                                                       \
    "    curriculum:\n"                                                                    \
    "        dims:\n"                                                                      \
    "            start: 5\n"                                                               \
    "            end: 20\n"                                                                \
    "            inc: 1\n"                                                                 \
    "            interval: 5000\n"                                                         \
    "        points:\n"                                                                    \
    "            start: 11\n"                                                              \
    "            end: 41\n"                                                                \
    "            inc: 2\n"                                                                 \
    "            interval: 5000\n"

/* The field's looped base recipe, as published. */
static const char published_loop[] = "wandb:\n"
                                     "    project: X\n"
                                     "    notes:\n"
                                     "    log_every_steps: 100\n"
                                     "\n"
                                     "gpu:\n"
                                     "    cuda: True\n"
                                     "\n"
                                     "model:\n"
                                     "    family: gpt2_loop\n"
                                     "    n_embd: 256\n"
                                     "    n_layer: 1\n"
                                     "    n_head: 8\n"
                                     "    n_dims: 20\n"
                                     "    n_positions: 101\n"
                                     "\n" STANDARD_TRAINING "        loops:\n"
                                     "            start: 20\n"
                                     "            end: 350\n"
                                     "            inc: 2\n"
                                     "            interval: 500\n"
                                     "    n_loop_window: 20\n"
                                     "\n"
                                     "out_dir: ./results2/linear_regression_loop\n"
                                     "\n"
                                     "debug_mode: False\n";

static int differ(const il_opt *table, const void *a, const void *b)
{
    int n = 0;
    for (const il_opt *o = table; o->type != IL_OPT_END; o++) n += !il_opt_equal(o, a, b);
    return n;
}

static void published_recipe_is_read_unchanged(void **state)
{
    (void)state;
    il_config c, standard;
    char notes[1024];
    const char *path = put_text("base_loop.yaml", published_loop);
    CHECK_OK(il_config_read(&c, path, notes, sizeof notes, &err));
    CHECK_OK(il_config_check(&c, &err));
    assert_int_equal(c.model.family, IL_GPT2_LOOP);
    assert_int_equal(c.model.n_layer, 1);
    assert_int_equal(c.training.curriculum.loops.start, 20);
    assert_int_equal(c.training.curriculum.loops.end, 350);
    assert_int_equal(c.training.n_loop_window, 20);
    assert_string_equal(c.out_dir, "./results2/linear_regression_loop");
    /* back to the standard recipe by four keys: everything else is the default */
    il_config_init(&standard);
    CHECK_OK(il_config_set(&c, "model.family=gpt2", &err));
    CHECK_OK(il_config_set(&c, "model.n_layer=12", &err));
    CHECK_OK(il_config_set(&c, "training.curriculum.loops.start=1", &err));
    CHECK_OK(il_config_set(&c, "training.curriculum.loops.end=1", &err));
    CHECK_OK(il_config_set(&c, "out_dir=", &err));
    assert_int_equal(differ(il_options("recipes", NULL), &c, &standard), 0);

    char want[1024];
    snprintf(want, sizeof want,
             "%s:2: `wandb` is accepted and ignored: nothing is sent anywhere, a run's "
             "numbers are in its metrics.jsonl\n"
             "%s:7: `gpu` is accepted and ignored: innerloop computes on the processor\n"
             "%s:45: `debug_mode` is accepted and ignored: there is no such mode\n",
             path, path, path);
    assert_string_equal(notes, want);
    char small[10] = "?????????";
    CHECK_OK(il_config_read(&c, path, small, sizeof small, &err));
    assert_int_equal(strlen(small), sizeof small - 1);
}

static void parsed(il_config *c, const char *text)
{
    CHECK_OK(il_config_parse(c, text, strlen(text), "r.yaml", &err));
}

static void tasks_bring_their_options(void **state)
{
    (void)state;
    il_config c;
    const il_task *sparse = il_task_find("sparse_linear_regression");
    const il_opt *sparsity = il_opt_find(sparse->opts, "sparsity");
    char value[IL_TEXT];
    /* the task's name counts first, wherever it stands */
    parsed(&c, "training: {sparsity: 7, task_name: sparse_linear_regression}\n");
    il_opt_print(sparsity, c.training.task_opts, value, sizeof value);
    assert_string_equal(value, "7");
    parsed(&c, "training:\n  task_kwargs: {sparsity: 5}\n"
               "  task_name: sparse_linear_regression\n");
    il_opt_print(sparsity, c.training.task_opts, value, sizeof value);
    assert_string_equal(value, "5");
    CHECK_OK(il_config_set(&c, "training.sparsity=2", &err));
    CHECK_OK(il_config_set(&c, "training.task_name=sparse_linear_regression", &err));
    il_opt_print(sparsity, c.training.task_opts, value, sizeof value);
    assert_string_equal(value, "2"); /* the same task: nothing changes */
    CHECK_OK(il_config_set(&c, "training.task_name=noisy_linear_regression", &err));
    CHECK_OK(il_config_set(&c, "training.noise_std=0.25", &err));
    for (int i = 0; il_task_at(i); i++)
        CHECK(il_task_at(i)->size <= sizeof c.training.task_opts, "%s",
              il_task_at(i)->name);
}

/* A key has one value, however it is spelt; two spellings in one file are an error. */
static void spellings_are_of_one_key(void **state)
{
    (void)state;
    static const char *const twice[][2] = {
        { "training: {log_every_steps: 9}\nwandb: {log_every_steps: 3}\n",
          "r.yaml:2:9: wandb.log_every_steps sets the same key as training.log_every_steps "
          "of line 1" },
        { "training: {task_kwargs: {scale: 2},\n scale: 3}\n",
          "r.yaml:2:2: training.scale sets the same key as training.task_kwargs.scale of "
          "line 1" },
        { "training: {task_kwargs: {batch_size: 2}}\n", "training.task_kwargs.batch_size" },
    };
    static const char *const set[] = { "wandb.log_every_steps=4",
                                       "training.log_every_steps=5" };
    static const char *const task[] = { "training.sparsity=4",
                                        "training.task_name=sparse_linear_regression" };
    il_config c;
    il_error why;
    for (int i = 0; i < IL_COUNT(twice); i++) {
        CHECK(il_config_parse(&c, twice[i][0], strlen(twice[i][0]), "r.yaml", &why) ==
                  IL_ECONFIG,
              "accepted: %s", twice[i][0]);
        CHECK(strstr(why.text, twice[i][1]), "said: %s", why.text);
    }
    parsed(&c, "wandb: {log_every_steps: 3}\n");
    assert_int_equal(c.training.log_every_steps, 3);
    parsed(&c, "wandb: {log_every_steps: }\ntraining:\ngpu:\n"); /* nothing is no value */
    assert_int_equal(c.training.log_every_steps, 100);
    parsed(&c, "wandb: {log_every_steps: 3}\n");
    CHECK_OK(il_config_override(&c, set, 1, &err));
    assert_int_equal(c.training.log_every_steps, 4);
    assert_int_equal(il_config_override(&c, set, 2, &why), IL_ECONFIG);
    CHECK(strstr(why.text, "training.log_every_steps is given twice"), "%s", why.text);
    CHECK_OK(il_config_override(&c, task, 2, &err)); /* in any order */
}

static void numbers_are_read_as_written(void **state)
{
    (void)state;
    il_config c;
    parsed(&c, "training: {learning_rate: 1e-4, train_steps: 5e3, seed: '7'}\n");
    assert_true(c.training.learning_rate == 0.0001);
    assert_int_equal(c.training.train_steps, 5000);
    assert_int_equal(c.training.seed, 7);
}

static void wrong_recipes_get_a_sentence(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "a: 1\n", "r.yaml:1:1: there is no key 'a'; docs/formats.md lists them" },
        { "model:\n  n_emdb: 64\n",
          "r.yaml:2:3: there is no key 'model.n_emdb'; did you mean 'model.n_embd'?" },
        { "learning_rate: 1\n",
          "there is no key 'learning_rate'; did you mean 'training.learning_rate'?" },
        { "training: {curiculum: {dims: {end: 3}}}\n",
          "did you mean 'training.curriculum.dims.end'?" },
        { "training: {sparsity: 3}\n",
          "r.yaml:1:12: training.sparsity is an option of the task "
          "sparse_linear_regression, not of linear_regression" },
        { "training: {nesterov: true}\n",
          "r.yaml:1:12: training.nesterov is an option of the optimizer sgd, not of adam" },
        { "training: {beta1: 0.5, optimizer: sgd}\n",
          "r.yaml:1:12: training.beta1 is an option of the optimizer adam, not of sgd" },
        { "training: {optimizer: adamw}\n", "r.yaml:1:12: training.optimizer = 'adamw' is "
                                            "no optimizer; did you mean 'adam'?" },
        { "training: {task_kwargs: {beta1: 0.5}}\n",
          "there is no key 'training.task_kwargs.beta1'" },
        { "training: {task_name: linear_regresion}\n",
          "r.yaml:1:12: training.task_name = 'linear_regresion' is no task; did you mean "
          "'linear_regression'?" },
        { "model: 3\n",
          "r.yaml:1:1: model is a group of keys and has no value of its own" },
        { "training:\n  seed:\n", "r.yaml:2:3: training.seed has no value" },
        { "model: {n_layer: twelve}\n",
          "r.yaml:1:9: model.n_layer = 'twelve' is not a whole number" },
        { "model: {n_layer: 1.5}\n", "model.n_layer = '1.5' is not a whole number" },
        { "model: {n_layer: 0}\n",
          "model.n_layer = 0 is out of its range 1 to 1024 (blocks)" },
        { "training: {learning_rate: nan}\n",
          "training.learning_rate = 'nan' is not a number" },
        { "training: {learning_rate: 0x1}\n",
          "training.learning_rate = '0x1' is not a number" },
        { "training: {learning_rate: '0,1'}\n", "= '0,1' is not a number" },
        { "training: {beta1: 1}\n",
          "training.beta1 = 1 is out of its range 0 to 0.999999" },
        { "model: {family: gpt3}\n",
          "model.family = 'gpt3' is none of gpt2|gpt2_loop|gpt2_tying" },
        { "out_dir: \"a\\nb\"\n", "r.yaml:1:1: out_dir must be one line of text" },
        { "model: {n_embd: {x: 1}}\n", "there is no key 'model.n_embd.x'" },
        { "inherit: /etc/passwd\n", "r.yaml:1:10: inherit is not possible here" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_config c;
        memset(&c, 7, sizeof c);
        il_config before = c;
        il_error err = { 0 };
        CHECK(il_config_parse(&c, cases[i][0], strlen(cases[i][0]), "r.yaml", &err) ==
                  IL_ECONFIG,
              "accepted: %s", cases[i][0]);
        CHECK(strstr(err.text, cases[i][1]), "got:  %s\nwant: %s", err.text, cases[i][1]);
        assert_memory_equal(&c, &before, sizeof c); /* a failed read changes nothing */
    }
}

static void overrides_are_checked_like_files(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "model.n_embd", "'model.n_embd' is not of the form key=value" },
        { "=3", "'=3' is not of the form key=value" },
        { "model.n_emb=64", "did you mean 'model.n_embd'?" },
        { "training.lr=1",
          "there is no key 'training.lr'; did you mean 'training.learning_rate'?" },
        { "lr=1", "did you mean 'training.learning_rate'?" },
        { "training.batch=1", "did you mean 'training.batch_size'?" },
        { "training.steps=1", "did you mean 'training.train_steps'?" },
        { "training.grad_clip=1", "did you mean 'training.clip'?" },
        { "n_heads=1", "did you mean 'model.n_head'?" },
        { "model.n_embd=", "model.n_embd = '' is not a whole number" },
        { "model=3", "model is a group of keys" },
        { "out_dir=a\tb", "out_dir must be one line of text" },
        { "out_dir=\xff", "out_dir must be one line of text" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_config c, before;
        il_config_init(&c);
        before = c;
        il_error err = { 0 };
        CHECK(il_config_set(&c, cases[i][0], &err) == IL_ECONFIG, "accepted %s",
              cases[i][0]);
        CHECK(strstr(err.text, cases[i][1]), "got:  %s\nwant: %s", err.text, cases[i][1]);
        assert_memory_equal(&c, &before, sizeof c);
    }
}

static void keys_are_checked_together(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        /* two overrides and the sentence */
        { "model.n_head=7", "model.n_embd=256",
          "model.n_head = 7 does not divide model.n_embd = 256" },
        { "model.n_positions=40", "model.n_dims=20",
          "training.curriculum.points.end = 41 is above model.n_positions = 40" },
        { "model.n_dims=10", "training.seed=1",
          "training.curriculum.dims.end = 20 is above model.n_dims = 10" },
        { "training.curriculum.loops.start=9", "training.curriculum.loops.end=8",
          "training.curriculum.loops.start = 9 is above its end = 8" },
        { "training.random_points=11", "training.curriculum.points.start=11",
          "training.curriculum.points.start = 11 less training.random_points = 11 leaves 0 "
          "points of a prompt, and model.tokens = pairs needs 1" },
        { "model.tokens=halves", "model.family=gpt2",
          "it needs model.family = stack and model.position = none" },
        { "training.warmup_steps=100", "training.train_steps=100",
          "training.warmup_steps = 100 leaves nothing of training.train_steps = 100" },
        { "training.min_learning_rate=0.1", "training.learning_rate=0.01",
          "training.min_learning_rate = 0.1 is above training.learning_rate = 0.01" },
        { "training.decay_steps=91", "training.schedule_steps=90",
          "training.decay_steps = 91 do not fit between training.warmup_steps = 0 and "
          "training.schedule_steps = 90" },
        { "training.task_name=mixture", "training.tasks=linear_regression,bytes",
          "training.tasks: 'bytes' cannot be mixed" },
        { "training.task_name=mixture", "training.tasks=linear_regression*0",
          "training.tasks: '0' is no weight above 0" },
        { "training.task_name=mixture", "training.tasks=,",
          "training.tasks names no task" },
        { "training.average_steps=101", "training.train_steps=100",
          "training.average_steps = 101 is above training.train_steps = 100" },
        { "training.curriculum.batch.start=65", "training.batch_size=64",
          "training.curriculum.batch.start = 65 is above training.batch_size = 64" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_config c;
        il_error why = { 0 };
        il_config_init(&c);
        CHECK_OK(il_config_check(&c, &err));
        CHECK_OK(il_config_set(&c, cases[i][0], &err));
        CHECK_OK(il_config_set(&c, cases[i][1], &err));
        CHECK(il_config_check(&c, &why) == IL_ECONFIG, "accepted %s", cases[i][0]);
        CHECK(strstr(why.text, cases[i][2]), "got:  %s\nwant: %s", why.text, cases[i][2]);
    }
    /* a struct that was filled in by hand */
    il_config c;
    il_config_init(&c);
    c.training.shard = 0;
    assert_int_equal(il_config_check(&c, NULL), IL_ECONFIG);
    il_config_init(&c);
    c.training.clip = NAN;
    assert_int_equal(il_config_check(&c, NULL), IL_ECONFIG);
    il_config_init(&c);
    c.model.family = 99;
    assert_int_equal(il_config_check(&c, NULL), IL_ECONFIG);
    il_config_init(&c);
    memset(c.out_dir, 'x', sizeof c.out_dir);
    assert_int_equal(il_config_check(&c, NULL), IL_ECONFIG);
    il_config_init(&c);
    strcpy(c.training.task_name, "none");
    assert_int_equal(il_config_check(&c, NULL), IL_ECONFIG);
}

/* The published update, step by step: after step s, if s + 1 is a multiple of the interval. */
static void ramps_follow_the_update_rule(void **state)
{
    (void)state;
    static const il_ramp ramps[] = { { 5, 20, 1, 50 }, { 11, 41, 2, 50 },
                                     { 20, 35, 2, 7 }, { 1, 1, 2, 5 },
                                     { 4, 9, 0, 3 },   { 3, 1000, 1000, 1 } };
    for (int i = 0; i < IL_COUNT(ramps); i++) {
        const il_ramp *r = ramps + i;
        int value = r->start;
        for (int s = 0; s < 1200; s++) {
            CHECK(il_ramp_at(r, s) == value, "ramp %d step %d: %d, not %d", i, s,
                  il_ramp_at(r, s), value);
            if ((s + 1) % r->interval == 0) value = il_min(value + r->inc, r->end);
        }
    }
    assert_int_equal(il_ramp_at(&(il_ramp){ 1, 1000000, 1000000, 1 }, INT64_MAX), 1000000);
    assert_int_equal(il_ramp_at(&(il_ramp){ 1, 1000000, 0, 1 }, INT64_MAX), 1);
    assert_int_equal(il_ramp_at(&(il_ramp){ 5, 20, 1, 5000 }, -1), 5);
}

/* ---- writing and reading back --------------------------------------------------------------- */

static void randomise(const il_opt *table, void *target, il_rng *rng)
{
    static const char *const texts[] = {
        "",        "~",        "null", "-", "a: b", "#x", "it's",  "1e5",         "yes",
        "größe/λ", " spaces ", "{a}",  "[", "*x",   "%",  "\"q\"", "runs/a-b_c.1"
    };
    for (const il_opt *o = table; o->type != IL_OPT_END; o++) {
        char *field = (char *)target + o->offset;
        double u = il_uniform(rng), real;
        int number;
        if (!strcmp(o->name, "training.task_name") ||
            !strcmp(o->name, "training.optimizer"))
            continue;
        switch (o->type) {
        case IL_OPT_TEXT:
            snprintf(field, IL_TEXT, "%s", texts[il_below(rng, IL_COUNT(texts))]);
            break;
        case IL_OPT_REAL: /* all magnitudes, all 53 bits */
            real = o->min + (o->max - o->min) * u * pow(10, -il_below(rng, 20));
            memcpy(field, &real, sizeof real);
            break;
        case IL_OPT_INT:
            number = (int)(o->min + (o->max - o->min) * u * u * u * u);
            memcpy(field, &number, sizeof number);
            break;
        default:
            number = il_below(rng, 2);
            memcpy(field, &number, sizeof number);
        }
    }
}

static void write_and_read(const il_config *c, const char *where)
{
    char *text;
    il_config back;
    il_error err = { 0 };
    assert_int_equal(il_config_text(&text, c, &err), IL_OK);
    il_status status = il_config_parse(&back, text, strlen(text), "written", &err);
    CHECK(status == IL_OK, "%s: %s in\n%s", where, err.text, text);
    assert_string_equal(back.training.task_name, c->training.task_name);
    assert_int_equal(differ(il_options("recipes", NULL), c, &back), 0);
    assert_memory_equal(&back.model, &c->model, sizeof c->model);
    assert_true(back.training.learning_rate == c->training.learning_rate);
    assert_string_equal(back.training.optimizer, c->training.optimizer);
    assert_memory_equal(back.training.optimizer_opts, c->training.optimizer_opts,
                        sizeof c->training.optimizer_opts);
    assert_memory_equal(back.training.task_opts, c->training.task_opts,
                        sizeof c->training.task_opts);
    free(text);
}

static void random_configs(uint64_t seed, int n)
{
    for (int i = 0; i < n; i++) {
        il_rng rng = il_rng_at(seed, IL_STREAM_USER, 0, (uint32_t)i);
        il_config c;
        char set[2 * IL_TEXT], where[32];
        int tasks = 0;
        while (il_task_at(tasks)) tasks++;
        const il_task *task = il_task_at(il_below(&rng, tasks));
        snprintf(set, sizeof set, "training.task_name=%s", task->name);
        snprintf(where, sizeof where, "config %d", i);
        il_config_init(&c);
        CHECK_OK(il_config_set(&c, set, &err));
        int optimizers = 0;
        while (il_optimizer_at(optimizers)) optimizers++;
        const il_optimizer *optimizer = il_optimizer_at(i % optimizers);
        snprintf(set, sizeof set, "training.optimizer=%s", optimizer->name);
        CHECK_OK(il_config_set(&c, set, &err));
        randomise(il_options("recipes", NULL), &c, &rng);
        randomise(task->opts, c.training.task_opts, &rng);
        randomise(optimizer->opts, c.training.optimizer_opts, &rng);
        write_and_read(&c, where);
    }
}

static void written_configs_read_back(void **state)
{
    (void)state;
    random_configs(1, 300);
}

/* Where numbers are written with a comma. The machine may have no such locale; then one is made,
 * and where that is not possible either the test has nothing to say. */
static int comma_locale(void)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8",
                                         "de_DE.utf8" };
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < IL_COUNT(names); i++)
            if (setlocale(LC_ALL, names[i]) && *localeconv()->decimal_point == ',')
                return 1;
        char command[1024];
        snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s >/dev/null 2>&1",
                 in_folder("de_DE.UTF-8"));
        if (system(command)) return 0;
        setenv("LOCPATH", folder, 1);
    }
    return 0;
}

/* What YAML 1.1 and 1.2 take for a number is written for one, and text for text. */
static void written_values_keep_their_type(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "on", "No", "1:30",       "0x10", "1_000", "~",    "null", ".5", "1e5", "y",  "",
        "-",  "=",  "2001-02-03", "a:b",  "a #b",  "it's", ".inf", "+1", "&a",  " x "
    };
    for (int i = 0; i < IL_COUNT(texts); i++) {
        il_config c, back;
        char *text = NULL, line[64];
        il_config_init(&c);
        snprintf(c.out_dir, IL_TEXT, "%s", texts[i]);
        c.training.learning_rate = 1e-5;
        c.training.clip = 2.5e-7;
        CHECK_OK(il_config_text(&text, &c, &err));
        snprintf(line, sizeof line, "out_dir: '%.4s", texts[i]);
        CHECK(strcmp(texts[i], "it's") ? strstr(text, line) != NULL : 1, "%s: %s", texts[i],
              text);
        CHECK(strstr(text, "learning_rate: 1.0e-05\n") && strstr(text, "clip: 2.5e-07\n") &&
                  strstr(text, "adam_eps: 1.0e-08\n"),
              "%s", text);
        parsed(&back, text);
        CHECK(!strcmp(back.out_dir, texts[i]) && back.training.learning_rate == 1e-5, "%s",
              back.out_dir);
        free(text);
    }
}

static void locales_change_nothing(void **state)
{
    (void)state;
    if (!comma_locale()) {
        print_message("no locale with a decimal comma here\n");
        skip();
    }
    char text[32];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* the locale is on */
    numbers_are_read_as_written(NULL);
    wrong_recipes_get_a_sentence(NULL);
    random_configs(2, 30);
    setlocale(LC_ALL, "C");
}

/* ---- what ships ------------------------------------------------------------------------------- */

static void recipes_are_sound(void **state)
{
    (void)state;
    DIR *d = opendir("recipes");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strstr(e->d_name, ".yaml")) continue;
        char path[512], notes[1024];
        il_config c;
        snprintf(path, sizeof path, "recipes/%s", e->d_name);
        CHECK_OK(il_config_read(&c, path, notes, sizeof notes, &err));
        CHECK_OK(il_config_check(&c, &err));
        CHECK(!*notes, "%s: %s", path, notes);
        n++;
    }
    if (d) closedir(d);
    CHECK(n >= 10, "%d recipes found; run the tests from the top folder", n);
}

static const char *row_of(const il_opt *o, const char *prefix, const char *of, char *row,
                          size_t size)
{
    char init[IL_TEXT], range[IL_TEXT] = "", buffer[sizeof(il_config)];
    il_opt_init((il_opt[]){ *o, { 0 } }, buffer);
    il_opt_print(o, buffer, init, sizeof init);
    if (o->type == IL_OPT_CHOICE) {
        size_t n = 0;
        for (const char *w = o->words; *w && n < sizeof range - 8; w++)
            n += (size_t)snprintf(range + n, 8, *w == '|' ? "`, `" : "%c", *w);
    } else if (o->type != IL_OPT_TEXT) {
        snprintf(range, sizeof range, "%s to %s", il_digits(o->min).text,
                 il_digits(o->max).text);
    }
    const char *tick = o->type == IL_OPT_CHOICE ? "`" : "";
    snprintf(row, size, "| `%s%s` | %s%s%s | %s%s%s | %s%s%s |", prefix, o->name,
             *init ? "`" : "", init, *init ? "`" : "", tick, range, tick, of,
             *of ? ": " : "", o->help);
    return row;
}

/* What a small file could ask for is bounded before anything is allocated. */
static void what_costs_too_much_is_refused(void **state)
{
    static const struct {
        const char *sets, *says;
    } cases[] = {
        { "training.curriculum.loops.end=10001",
          "training.curriculum.loops.end = 10001 is out of its range 1 to 10000" },
        { "training.n_loop_window=10001",
          "training.n_loop_window = 10001 is out of its range" },
        { "model.family=stack model.loops=4096 model.blocks=linear*500",
          "lower the loops or the layers" },
        { "training.curriculum.loops.end=10000 model.n_layer=1024 model.family=gpt2_loop",
          "10000 loops of" },
        { "model.n_embd=65536 model.n_layer=64", "lower model.n_embd, n_layer" },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        il_config c;
        il_model *m = NULL;
        il_error no = { 0 };
        char text[256];
        il_config_init(&c);
        snprintf(text, sizeof text, "%s", cases[i].sets);
        il_status status = IL_OK;
        for (char *item = strtok(text, " "); item && !status; item = strtok(NULL, " "))
            status = il_config_set(&c, item, &no);
        if (!status) status = il_model_new(&m, &c, &no);
        CHECK(status != IL_OK, "accepted: %s", cases[i].sets);
        CHECK(strstr(no.text, cases[i].says), "%s: %s", cases[i].sets, no.text);
    }
}

/* The table of keys in docs/formats.md is this one, row by row, and has no other. IL_WRITE_DOCS=1 puts it there. */
static void documents_show_the_table(void **state)
{
    (void)state;
    char *text, *made, row[512];
    size_t bytes, size;
    CHECK_OK(il_file_read(&text, &bytes, "docs/formats.md", 1 << 20, &err));
    FILE *f = open_memstream(&made, &size);
    for (const il_opt *o = il_options("recipes", NULL); o->type != IL_OPT_END; o++) {
        const il_optimizer *of;
        fprintf(f, "%s\n", row_of(o, "", "", row, sizeof row));
        for (int i = 0; !strcmp(o->name, "training.optimizer") && (of = il_optimizer_at(i));
             i++)
            for (const il_opt *own = of->opts; own->type != IL_OPT_END; own++)
                fprintf(f, "%s\n", row_of(own, "training.", of->name, row, sizeof row));
    }
    fclose(f);
    static const char head[] = "| key | default | range | meaning |\n|---|---|---|---|\n";
    char *table = strstr(text, head), *end;
    assert_non_null(table);
    table += strlen(head);
    for (end = table; *end == '|'; end++) end += strcspn(end, "\n");
    int same = (size_t)(end - table) == size && !memcmp(table, made, size);
    if (!same && getenv("IL_WRITE_DOCS")) {
        f = fopen("docs/formats.md", "w");
        assert_non_null(f);
        fprintf(f, "%.*s%s%s", (int)(table - text), text, made, end);
        fclose(f);
        same = 1;
    }
    free(text);
    free(made);
    CHECK(same, "docs/formats.md shows other keys: run this test with IL_WRITE_DOCS=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_recipe_is_read_unchanged),
        cmocka_unit_test(tasks_bring_their_options),
        cmocka_unit_test(spellings_are_of_one_key),
        cmocka_unit_test(numbers_are_read_as_written),
        cmocka_unit_test(wrong_recipes_get_a_sentence),
        cmocka_unit_test(overrides_are_checked_like_files),
        cmocka_unit_test(keys_are_checked_together),
        cmocka_unit_test(ramps_follow_the_update_rule),
        cmocka_unit_test(written_configs_read_back),
        cmocka_unit_test(written_values_keep_their_type),
        cmocka_unit_test(locales_change_nothing),
        cmocka_unit_test(recipes_are_sound),
        cmocka_unit_test(what_costs_too_much_is_refused),
        cmocka_unit_test(documents_show_the_table),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

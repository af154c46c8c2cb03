/* locale.c - a host program's comma locale changes no recipe, model or run */
#include "check.h"
#include "innerloop_lab.h"
#include "train/train.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

/* Trains a small model for two steps in a new folder; its hash, and its metrics in `text`. */
static uint64_t train(char *text, size_t size)
{
    static const char *const settings[] = {
        "model.family=gpt2_loop",
        "model.n_dims=2",
        "model.n_positions=4",
        "model.n_embd=8",
        "model.n_head=2",
        "model.n_layer=1",
        "training.batch_size=4",
        "training.learning_rate=0.00125",
        "training.train_steps=2",
        "training.log_every_steps=1",
        "training.curriculum.dims.start=2",
        "training.curriculum.dims.end=2",
        "training.curriculum.points.start=4",
        "training.curriculum.points.end=4",
        "training.curriculum.loops.start=2",
        "training.curriculum.loops.end=2",
        "training.n_loop_window=2",
    };
    char folder[] = "/tmp/innerloop-locale-XXXXXX", path[128];
    il_config config;
    il_trained result;
    il_model *again;
    il_config_init(&config);
    for (int i = 0; i < IL_COUNT(settings); i++)
        CHECK_OK(il_config_set(&config, settings[i], &err));
    assert_non_null(mkdtemp(folder));
    CHECK_OK(il_train(&config, folder, 0, NULL, &result, &err));
    CHECK_OK(il_model_load(&again, folder, &err));
    assert_true(il_model_hash(again) == result.hash);
    CHECK(il_model_config(again)->training.learning_rate == 0.00125, "the rate is kept");
    il_model_free(again);
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, size - 1, f)] = 0;
    fclose(f);
    snprintf(path, sizeof path, "rm -rf '%s'", folder);
    assert_int_equal(system(path), 0);
    return result.hash;
}

static void comma_changes_nothing(void **state)
{
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    char point[4096], comma[4096];
    (void)state;
    uint64_t hash = train(point, sizeof point);
    int i = 0;
    while (i < IL_COUNT(names) && !setlocale(LC_ALL, names[i])) i++;
    if (i == IL_COUNT(names)) skip();
    uint64_t other = train(comma, sizeof comma);
    setlocale(LC_ALL, "C");
    CHECK(hash == other, "the weights differ under %s", names[i]);
    /* the same but for the seconds: no comma where there was a point */
    const char *const keys[] = { "\"loss\": ", "\"rate\": " };
    for (int k = 0; k < IL_COUNT(keys); k++) {
        const char *a = strstr(point, keys[k]), *b = strstr(comma, keys[k]);
        CHECK(a && b && !strncmp(a, b, strcspn(a, ",}")), "%s in %s", keys[k], comma);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(comma_changes_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

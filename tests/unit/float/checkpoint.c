/* checkpoint.c - what a checkpoint's bits may be: damage is found, other dtypes are widened exactly */
#include "check.h"
#include "folder.h"
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static il_model *small(void)
{
    static const char *const settings[] = {
        "model.family=gpt2_loop",
        "model.n_dims=2",
        "model.n_positions=4",
        "model.n_embd=4",
        "model.n_head=2",
        "model.n_layer=1",
        "training.curriculum.dims.end=2",
        "training.curriculum.dims.start=2",
        "training.curriculum.points.end=4",
        "training.curriculum.points.start=4",
    };
    il_config c;
    il_model *m;
    il_config_init(&c);
    for (int i = 0; i < IL_COUNT(settings); i++)
        CHECK_OK(il_config_set(&c, settings[i], &err));
    CHECK_OK(il_model_new(&m, &c, &err));
    m->step = 17;
    return m;
}

static void write_bytes(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    fclose(f);
}

/* One bit of weights, moments, recipe, plan, step or header: refused, or it said nothing. */
static void every_bit_counts(void **state)
{
    enum { EVERY = 23 };
    (void)state;
    il_model *m = small(), *got;
    size_t n = m->plan.n_weights, size;
    il_real *moments = calloc(2 * n, sizeof *moments);
    for (size_t i = 0; i < 2 * n; i++) moments[i] = (il_real)(1 + (double)i / 7);
    const char *path = in_folder("whole.safetensors"), *other = "/tmp/innerloop-flipped";
    char *text, name[64];
    snprintf(name, sizeof name, "%s-%d", other, (int)getpid());
    CHECK_OK(il_checkpoint_write(
        path, m, (il_moments){ &il_optimizer_adam, { moments, moments + n } }, &err));
    CHECK_OK(il_file_read(&text, &size, path, 1 << 24, &err));
    int loaded = 0, refused = 0;
    for (size_t bit = 0; bit < 8 * size; bit += EVERY) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        write_bytes(name, text, size);
        text[bit / 8] ^= (char)(1 << bit % 8);
        if (il_model_load(&got, name, NULL)) {
            refused++;
            continue;
        }
        loaded++;
        CHECK(il_model_hash(got) == il_model_hash(m) && il_model_step(got) == 17 &&
                  il_config_hash(il_model_config(got)) == il_config_hash(&m->config),
              "bit %zu of byte %zu changes the model unseen", bit % 8, bit / 8);
        il_model_free(got);
    }
    CHECK(refused > 50 * loaded, "%d flips load, %d are refused", loaded, refused);
    unlink(name);
    free(text);
    free(moments);
    il_model_free(m);
}

/* Moments and steps that no training has are refused, with a digest that is right. */
static void what_no_training_has(void **state)
{
    (void)state;
    il_model *m = small(), *got = small();
    size_t n = m->plan.n_weights;
    il_real *moments = calloc(4 * n, sizeof *moments), *read = moments + 2 * n;
    const char *path = in_folder("odd.safetensors");
    il_error why;
    moments[n + 3] = -1;
    CHECK_OK(il_checkpoint_write(
        path, m, (il_moments){ &il_optimizer_adam, { moments, moments + n } }, &err));
    assert_int_equal(
        il_checkpoint_read(path, got,
                           (il_moments){ &il_optimizer_adam, { read, read + n } }, &why),
        IL_ECONFIG);
    CHECK(strstr(why.text, "a mean of squares, is negative at element 3"), "%s", why.text);
    m->step = m->config.training.train_steps + 1;
    CHECK_OK(il_model_save(m, path, &err));
    assert_int_equal(il_model_load(&got, path, &why), IL_ECONFIG);
    CHECK(strstr(why.text, "is beyond its training.train_steps"), "%s", why.text);
    free(moments);
    il_model_free(m);
    il_model_free(got);
}

/* The weights of `m` as halves of either kind, in a file with its recipe and no digest */
static void save_halves(const il_model *m, il_dtype dtype, const uint16_t *halves,
                        const char *config, const char *path)
{
    il_tensor t[64] = { 0 };
    assert_true(m->plan.n_params <= IL_COUNT(t));
    for (int i = 0; i < m->plan.n_params; i++) {
        const il_param *w = &m->plan.params[i];
        t[i] = (il_tensor){ .name = w->name,
                            .dtype = dtype,
                            .ndim = w->rows ? 2 : 1,
                            .shape = { w->rows ? w->rows : w->cols, w->cols },
                            .data = halves + w->offset };
    }
    il_meta meta = { "config", config };
    CHECK_OK(il_tensors_write(path, t, m->plan.n_params, &meta, 1, &err));
}

static void halves_are_widened(void **state)
{
    /* 1.5, -2, the least and the largest finite ones, a subnormal, 0 and -0, by IEEE 754's definitions */
    static const uint16_t f16[] = { 0x3e00, 0xc000, 0x0400, 0x7bff, 0x0001, 0, 0x8000 },
                          bf16[] = { 0x3fc0, 0xc000, 0x0080, 0x7f7f, 0x0001, 0, 0x8000 };
    static const double want16[] = { 1.5, -2, 0x1p-14, 65504, 0x1p-24, 0, -0.0 },
                        wantb[] = { 1.5, -2, 0x1p-126, 0x1.fep127, 0x1p-133, 0, -0.0 };
    (void)state;
    il_model *m = small(), *got;
    uint16_t *halves = calloc(m->plan.n_weights, sizeof *halves);
    const char *path = in_folder("halves.safetensors");
    char *config;
    CHECK_OK(il_config_text(&config, &m->config, &err));
    for (int kind = 0; kind < 2; kind++) {
        memcpy(halves, kind ? bf16 : f16, sizeof f16);
        save_halves(m, kind ? IL_DTYPE_BF16 : IL_DTYPE_F16, halves, config, path);
        CHECK_OK(il_model_load(&got, path, &err));
        assert_string_equal(il_model_dtype(got), kind ? "BF16" : "F16");
        for (int i = 0; i < IL_COUNT(f16); i++) {
            double w = (double)got->weights[i], want = (kind ? wantb : want16)[i];
            CHECK(w == want && signbit(w) == signbit(want), "%d: %a is not %a", i, w, want);
        }
        il_model_free(got);
    }
    il_tensors_write(path, NULL, 0, NULL, 0, NULL);
    il_error why;
    assert_int_equal(il_model_load(&got, path, &why), IL_ECONFIG);
    CHECK(strstr(why.text, "must keep its metadata"), "%s", why.text);
    free(config);
    free(halves);
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_bit_counts),
                                        cmocka_unit_test(what_no_training_has),
                                        cmocka_unit_test(halves_are_widened) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

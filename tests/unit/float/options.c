/* options.c - a struct described by a table: every type of option, from defaults to text and back */
#include "base/base.h"
#include "check.h"

#include <math.h>

typedef struct {
    int count, flag, way;
    double rate, unset, far;
    char text[IL_TEXT];
    const char *path;
    uint64_t seed;
} options;

static const il_opt table[] = {
    { "count", IL_OPT_INT, offsetof(options, count), 3, 1, 9, "how many" },
    { "flag", IL_OPT_BOOL, offsetof(options, flag), 0, 0, 1, "whether" },
    { "way", IL_OPT_CHOICE, offsetof(options, way), 1, 0, 0, "which", "up|down|left" },
    { "rate", IL_OPT_REAL, offsetof(options, rate), 0.5, 0, 1, "how fast" },
    { "unset", IL_OPT_REAL, offsetof(options, unset), 0, 1e-6, 1, "left out: several" },
    { "text", IL_OPT_TEXT, offsetof(options, text), .help = "a word", .words = "word" },
    { "path", IL_OPT_STRING, offsetof(options, path), .help = "a file", .value = "FILE" },
    { "seed", IL_OPT_SEED, offsetof(options, seed), 1, .help = "which" },
    { "far", IL_OPT_REAL, offsetof(options, far), 2, 0, 1e300, "beyond any int" },
    { 0 },
};

static void printed(const options *o, const char *name, const char *want)
{
    char text[IL_TEXT];
    il_opt_print(il_opt_find(table, name), o, text, sizeof text);
    CHECK(!strcmp(text, want), "%s: '%s', not '%s'", name, text, want);
}

static void every_type_has_its_default(void **state)
{
    (void)state;
    static const char *const want[] = { "3",    "false", "down", "0.5", "0",
                                        "word", "",      "1",    "2" };
    options o;
    memset(&o, 0xff, sizeof o);
    il_opt_init(table, &o);
    for (int i = 0; i < IL_COUNT(want); i++) printed(&o, table[i].name, want[i]);
    CHECK_OK(
        il_opt_check(table, &o, "", &err)); /* `unset` is out of its range, as left out */
    assert_null(il_opt_find(table, "coun"));
}

static void settings_are_read_and_printed(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "count=9",   "flag=yes", "way=left",   "rate=1e-2",
        "unset=1",   "text=",    "path=a = b", "seed=18446744073709551614",
        "far=7e+200"
    };
    static const char *const want[] = { "9",     "true", "left",  "0.01",
                                        "1",     "",     "a = b", "18446744073709551614",
                                        "7e+200" };
    options o;
    il_opt_init(table, &o);
    CHECK_OK(il_opt_apply(table, &o, settings, IL_COUNT(settings), "test", &err));
    for (int i = 0; i < IL_COUNT(want); i++) printed(&o, table[i].name, want[i]);
    CHECK(o.path == settings[6] + 5, "a string is borrowed, not copied");
    CHECK(o.seed == UINT64_MAX - 1, "a seed keeps every bit");
}

static void wrong_settings_get_a_sentence(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "count=0", "count = 0 is out of its range 1 to 9 (how many)" },
        { "count=1.5", "count = '1.5' is not a whole number" },
        { "count=", "count = '' is not a whole number" },
        { "flag=2", "flag = '2' is not true or false" },
        { "way=right", "way = 'right' is none of up|down|left" },
        { "way=", "is none of" },
        { "rate=nan", "rate = 'nan' is not a number" },
        { "unset=0", "unset = 0 is out of its range 1e-06 to 1" },
        { "seed=-1", "seed = '-1' is not a whole number" },
        { "seed=18446744073709551615", "is not a whole number from 0 to" },
        { "seed=99999999999999999999", "is not a whole number from 0 to" },
        { "seed=1x", "is not a whole number" },
        { "cout=1", "test has no option 'cout'; did you mean 'count'?" },
        { "=1", "test has no option ''" },
        { "count", "'count' is not of the form option=value" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++) {
        options o, before;
        il_error why = { 0 };
        memset(&o, 0, sizeof o);
        il_opt_init(table, &o);
        before = o;
        CHECK(il_opt_apply(table, &o, &cases[i][0], 1, "test", &why) == IL_ECONFIG,
              "accepted %s", cases[i][0]);
        CHECK(strstr(why.text, cases[i][1]), "got:  %s\nwant: %s", why.text, cases[i][1]);
        assert_memory_equal(&o, &before, sizeof o);
    }
    char text[2 * IL_TEXT];
    snprintf(text, sizeof text, "text=%0*d", IL_TEXT, 0);
    const char *const longer[] = { text };
    options o;
    il_error why = { 0 };
    il_opt_init(table, &o);
    CHECK(il_opt_apply(table, &o, longer, 1, "test", &why) == IL_ECONFIG, "too long");
    printed(&o, "text", "word");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_default),
        cmocka_unit_test(settings_are_read_and_printed),
        cmocka_unit_test(wrong_settings_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

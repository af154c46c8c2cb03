/* json.c - JSON that is read where it stands: what is refused and where, and what is found */
#include "base/base.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>

/* In memory of exactly its size, so that a byte read behind it is seen. */
static const char *check(const char *text, size_t *where)
{
    size_t size = strlen(text);
    char *own = malloc(size ? size : 1);
    il_json v;
    assert_non_null(own);
    memcpy(own, text, size);
    const char *why = il_json_check(&v, own, size, where);
    free(own);
    return why;
}

static void what_is_json(void **state)
{
    static const char *const good[] = {
        "0",
        "-0",
        "12.5e-3",
        "1E+2",
        "true",
        " null ",
        "\"\"",
        "\"\\u00e4\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"a\":false}",
        "\t[\n1 , 2\r]",
        "\"\xc3\xa4\"",
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(good); i++) assert_null(check(good[i], NULL));
}

static void what_is_not(void **state)
{
    static const struct {
        const char *text;
        size_t where;
        const char *why;
    } bad[] = {
        { "", 0, "ends too early" },
        { "  ", 2, "ends too early" },
        { "[1,]", 3, "a value" },
        { "[1 2]", 3, "a comma" },
        { "[1}", 2, "a comma" },
        { "{\"a\":1]", 6, "a comma" },
        { "[", 1, "ends too early" },
        { "{\"a\"", 4, "a colon" },
        { "{\"a\" 1}", 5, "a colon" },
        { "{a:1}", 1, "in quotes" },
        { "{,}", 1, "in quotes" },
        { "{\"a\":1,}", 7, "in quotes" },
        { "01", 1, "but not the text" },
        { "1.", 2, "a digit" },
        { ".5", 0, "a value" },
        { "-", 1, "a digit" },
        { "1e", 2, "a digit" },
        { "+1", 0, "a value" },
        { "tru", 0, "a value" },
        { "truex", 4, "but not the text" },
        { "NaN", 0, "a value" },
        { "[1] x", 4, "but not the text" },
        { "\"a", 2, "not closed" },
        { "\"a\\\"", 4, "not closed" },
        { "\"\n\"", 1, "control" },
        { "\"\\x\"", 2, "no escape" },
        { "\"\\u12\"", 3, "no character" },
        { "\"\\u0000\"", 3, "no character" },
        { "\"\\ud800\"", 3, "no character" },
        { "\"\\ud800\\u0041\"", 3, "no character" },
        { "\"\\udc00\"", 3, "no character" },
        { "\"\xff\"", 1, "not UTF-8" },
        { "\"\xed\xa0\x80\"", 1, "not UTF-8" },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(bad); i++) {
        size_t where = 999;
        const char *why = check(bad[i].text, &where);
        CHECK(why && strstr(why, bad[i].why), "%s: %s", bad[i].text,
              why ? why : "accepted");
        if (!strstr(bad[i].text, "\\u"))
            CHECK(where == bad[i].where, "%s: %zu", bad[i].text, where);
    }
}

static void depth_is_bounded(void **state)
{
    char text[256] = "";
    (void)state;
    for (int deep = 64; deep <= 65; deep++) {
        memset(text, '[', (size_t)deep);
        memset(text + deep, ']', (size_t)deep);
        text[2 * deep] = 0;
        const char *why = check(text, NULL);
        assert_int_equal(why != NULL, deep > 64);
    }
}

static il_json parsed(const char *text)
{
    il_json v;
    assert_null(il_json_check(&v, text, strlen(text), NULL));
    return v;
}

static void walks_in_order(void **state)
{
    il_json v = parsed(" { \"a\" : [1, \"],\" , {\"x\":[]}] ,\"b\":true,\"\":-1.5e2 } "),
            key, value;
    static const char *const keys[] = { "a", "b", "" }, *const values[] = {
        "[1, \"],\" , {\"x\":[]}]", "true", "-1.5e2"
    };
    char text[32];
    int n = 0;
    (void)state;
    for (il_json_walk walk = il_json_open(v); il_json_next(&walk, &key, &value); n++) {
        il_json_text(key, text, sizeof text);
        assert_string_equal(text, keys[n]);
        assert_int_equal(value.end - value.at, strlen(values[n]));
        assert_memory_equal(value.at, values[n], strlen(values[n]));
    }
    assert_int_equal(n, 3);
    assert_int_equal(il_json_count(v), 3);
    assert_int_equal(il_json_count(il_json_find(v, "a")), 3);
    assert_true(il_json_number(il_json_find(v, "")) == -150);
    assert_null(il_json_find(v, "x").at); /* not of the object itself */
    assert_int_equal(il_json_count(il_json_find(v, "b")), 0);
    assert_int_equal(il_json_count((il_json){ 0 }), 0);
}

static void numbers(void **state)
{
    size_t n = 7;
    char largest[32], above[32];
    (void)state;
    snprintf(largest, sizeof largest, "%zu", SIZE_MAX);
    snprintf(above, sizeof above, "%zu0", SIZE_MAX);
    assert_true(il_json_size(parsed("0"), &n) && n == 0);
    assert_true(il_json_size(parsed(largest), &n) && n == SIZE_MAX);
    static const char *const none[] = { "-1", "1.0", "1e2", "\"1\"", "null", "[1]", "-0" };
    for (int i = 0; i < IL_COUNT(none); i++)
        assert_false(il_json_size(parsed(none[i]), &n));
    assert_false(il_json_size(parsed(above), &n));
    assert_true(isnan(il_json_number(parsed("\"1\""))));
    assert_true(isnan(il_json_number(parsed("1e999"))));
    assert_true(isnan(il_json_number((il_json){ 0 })));
}

static void texts(void **state)
{
    char out[32];
    (void)state;
    il_json v = parsed("\"a\\u00e4\\ud83d\\ude00\\n\\\"\\/z\"");
    const char *whole = "a\xc3\xa4\xf0\x9f\x98\x80\n\"/z";
    assert_int_equal(il_json_text(v, NULL, 0), strlen(whole));
    assert_int_equal(il_json_text(v, out, sizeof out), strlen(whole));
    assert_string_equal(out, whole);
    assert_int_equal(il_json_text(v, out, 7),
                     strlen(whole)); /* whole characters, and a zero */
    assert_string_equal(out, "a\xc3\xa4");
    assert_int_equal(il_json_order(parsed("\"\\u0061b\""), parsed("\"ab\"")), 0);
    assert_true(il_json_order(parsed("\"a\""), parsed("\"ab\"")) < 0);
    assert_true(il_json_order(parsed("\"b\""), parsed("\"ab\"")) > 0);
    assert_true(il_json_order(parsed("\"\xc3\xa4\""), parsed("\"z\"")) > 0);
}

/* What is written is read back as it was. */
static void round_trip(void **state)
{
    static const char *const words[] = { "", "plain", "\"quoted\\\"", "line\nend\ttab\x01",
                                         "\xc3\xa4\x7f" };
    static const double values[] = { 0, -1.5, 0.1, 1e300, 5e-324, 1234567890123456768.0 };
    char text[256], back[256];
    (void)state;
    for (int i = 0; i < IL_COUNT(words); i++) {
        FILE *f = fmemopen(text, sizeof text, "w");
        il_json_write_text(words[i], il_write_file, f);
        fclose(f);
        il_json_text(parsed(text), back, sizeof back);
        assert_string_equal(back, words[i]);
    }
    for (int i = 0; i < IL_COUNT(values); i++) {
        FILE *f = fmemopen(text, sizeof text, "w");
        il_json_write_number(values[i], il_write_file, f);
        fclose(f);
        assert_true(il_json_number(parsed(text)) == values[i]);
    }
    FILE *f = fmemopen(text, sizeof text, "w");
    il_json_write_text("a\xff", il_write_file, f);
    il_json_write_number(INFINITY, il_write_file, f);
    fclose(f);
    assert_string_equal(text, "\"a\\ufffd\"null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json),     cmocka_unit_test(what_is_not),
        cmocka_unit_test(depth_is_bounded), cmocka_unit_test(walks_in_order),
        cmocka_unit_test(numbers),          cmocka_unit_test(texts),
        cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

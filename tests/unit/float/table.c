/* table.c - tables: what goes in comes out, and every malformed CSV file is refused by line */
#include "check.h"
#include "innerloop_lab.h"
#include "report/report.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void put(const char *text, size_t size)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(text, 1, size, f) == size && !fclose(f), "cannot write %s", path);
}

static il_table *read_text(const char *text)
{
    il_table *t = NULL;
    put(text, strlen(text));
    CHECK_OK(il_table_read(&t, path, &err));
    return t;
}

/* What a writer writes, as text the caller frees. */
static void to_file(void *f, const char *bytes, size_t n) { fwrite(bytes, 1, n, f); }

static char *written(int form, const il_table *t)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    il_table_write(t, form, to_file, f);
    fclose(f);
    return text;
}

static void reads_what_it_should(void **state)
{
    (void)state;
    il_table *t =
        read_text("\xEF\xBB\xBF"
                  "a; \"b \"\"x\"\"\" ;c\r\n1;\"two; and\nmore\";NA\r\n-2e-3; x ;?\r\n"
                  ";null;nan\r\n\r\n \r\n");
    assert_int_equal(il_table_rows(t), 3);
    assert_int_equal(il_table_cols(t), 3);
    assert_string_equal(il_table_col(t, 0), "a");
    assert_string_equal(il_table_col(t, 1), "b \"x\"");
    assert_int_equal(il_table_find(t, "c"), 2);
    assert_int_equal(il_table_find(t, "d"), -1);
    assert_false(il_table_is_text(t, 0));
    assert_true(il_table_is_text(t, 1));
    assert_false(il_table_is_text(t, 2)); /* nothing there is not a number */
    CHECK(il_table_number(t, 1, 0) == -2e-3, "-2e-3 is read exactly");
    assert_true(isnan(il_table_number(t, 2, 0)));
    assert_true(isnan(il_table_number(t, 0, 2)));
    assert_string_equal(il_table_text(t, 0, 1), "two; and\nmore");
    assert_string_equal(il_table_text(t, 1, 1), "x");
    assert_string_equal(il_table_text(t, 2, 1), "");
    il_table_free(t);

    t = read_text("\xEF\xBC\xA1\tb\n1\t"); /* a letter that begins like the mark */
    assert_string_equal(il_table_col(t, 0), "\xEF\xBC\xA1");
    il_table_free(t);
}

static void separators_and_line_ends(void **state)
{
    static const char *const texts[] = { "x,y\n1,2\n3,4\n", "x;y\r1;2\r3;4",
                                         "x\ty\r\n1\t2\n3\t4", "\n\nx,y\n1,2\n3,4\n\n\n",
                                         "\"x\",\"y\"\n\"1\",2\n3,4" };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        il_table *t = read_text(texts[i]);
        assert_int_equal(il_table_rows(t), 2);
        CHECK(il_table_number(t, 1, 1) == 4, "case %zu: the last cell is 4", i);
        il_table_free(t);
    }
}

typedef struct {
    const char *text;
    size_t size; /* 0: strlen */
    const char *says;
} refusal;

static void refuses_what_it_must(void **state)
{
    static const refusal cases[] = {
        { "a,b\n1,2\n3\n", 0, ":3: 1 cells where the header has 2 columns" },
        { "a,b\n1,2\n3,4,5\n", 0, ":3: 3 cells" },
        { "", 0, "the file is empty" },
        { "\n\n", 0, "the file is empty" },
        { "a,b\n", 0, "no rows" },
        { "1,2\n3,4\n", 0, ":1: the first line holds numbers" },
        { "a,b,a\n1,2,3\n", 0, ":1: columns 1 and 3 are both named 'a'" },
        { "a,,c\n1,2,3\n", 0, ":1: column 2 has no name" },
        { ",b,c\n1,2,3\n", 0, ":1: column 1 has no name; it looks like the row numbers" },
        { "a,b\n1,\0\n", 8, ":2: byte 0x00 is not text" },
        { "a,b\n1,\x01\n", 0, ":2: byte 0x01" },
        { "a,b\n1,2\n\"x,4\n5,6\n", 0, ":3: a quote is opened here and never closed" },
        { "a,b\n1,x\"y\"\n", 0, ":2: a quote inside" },
        { "a,b\n1,\"x\"y\n", 0, ":2: text after a cell's closing quote" },
        { "a,b\n1,2\n\n3,4\n", 0, ":3: a blank line between rows" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const refusal *c = cases + i;
        il_table *t = (il_table *)(void *)path;
        il_error err = { 0 };
        put(c->text, c->size ? c->size : strlen(c->text));
        CHECK(il_table_read(&t, path, &err) == IL_ECONFIG, "case %zu is accepted", i);
        CHECK(strstr(err.text, c->says), "case %zu: '%s' lacks '%s'", i, err.text, c->says);
        CHECK(!strncmp(err.text, path, strlen(path)), "'%s' names no file", err.text);
        CHECK((void *)t == (void *)path, "case %zu: the output changed", i);
    }
    il_table *t;
    assert_int_equal(il_table_read(&t, "/nowhere/x.csv", NULL), IL_EIO);
    assert_int_equal(il_table_read(&t, "/", NULL), IL_EIO);
}

static void long_lines_and_files_are_bounded(void **state)
{
    (void)state;
    il_table *t;
    il_error err;
    size_t size = (2u << 20), i = 4;
    char *text = malloc(size);
    memcpy(text, "a,b\n", 4);
    memset(text + 4, '7', size - 4);
    put(text, size);
    assert_int_equal(il_table_read(&t, path, &err), IL_ECONFIG);
    CHECK(strstr(err.text, ":2: the line is longer than 1 MiB"), "%s", err.text);
    text[4] = '"';
    put(text, size);
    assert_int_equal(il_table_read(&t, path, &err), IL_ECONFIG);
    CHECK(strstr(err.text, ":2: a quoted cell does not end"), "%s", err.text);
    for (; i + 4 <= size; i += 4) memcpy(text + i, "1,2\n", 4);
    FILE *f = fopen(path, "wb");
    for (int n = 0; n < 33; n++) fwrite(n ? text + 4 : text, 1, n ? size - 4 : size, f);
    fclose(f);
    assert_int_equal(il_table_read(&t, path, &err), IL_ECONFIG);
    CHECK(strstr(err.text, "larger than 64 MiB"), "%s", err.text);
    free(text);
}

/* Every bit of a number and every byte of a text survive being written and read. */
static void csv_round_trip(void **state)
{
    static const double numbers[] = {
        0, -0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789
    };
    static const char *const texts[] = { "plain",    "a,b;c\td", "\"quoted\"",
                                         " spaces ", "",         "é\n2" };
    (void)state;
    il_table *t, *back = NULL;
    CHECK_OK(il_table_new(&t, "t", &err));
    CHECK_OK(il_table_add_col(t, "number", 0, &err));
    CHECK_OK(il_table_add_col(t, "te,xt", 1, &err));
    for (int r = 0; r < 6; r++) {
        CHECK_OK(il_table_add_row(t, &err));
        assert_true(isnan(il_table_number(t, r, 0)));
        il_table_set(t, r, 0, numbers[r]);
        CHECK_OK(il_table_set_text(t, r, 1, "before", &err));
        CHECK_OK(il_table_set_text(t, r, 1, texts[r], &err));
    }
    char *csv = written(IL_TABLE_CSV, t);
    put(csv, strlen(csv));
    CHECK_OK(il_table_read(&back, path, &err));
    assert_string_equal(il_table_col(back, 1), "te,xt");
    assert_int_equal(il_table_rows(back), 6);
    for (int r = 0; r < 6; r++) {
        CHECK(il_table_number(back, r, 0) == numbers[r], "row %d: %.17g", r, numbers[r]);
        assert_string_equal(il_table_text(back, r, 1), texts[r]);
    }
    free(csv);
    il_table_free(t);
    il_table_free(back);

    /* one column with a missing cell is not a blank line */
    t = read_text("x\n1\n\"\"\n3\n");
    csv = written(IL_TABLE_CSV, t);
    assert_string_equal(csv, "x\n1\n\"\"\n3\n");
    free(csv);
    il_table_free(t);
}

static void text_and_json(void **state)
{
    (void)state;
    il_table *t = read_text(
        "name,err\n\"a\"\"b\\\",0.0123456\n\xFFz,\nlong name,1.5e-9\nd,12345.6\n");
    char *text = written(IL_TABLE_TEXT, t), *json = written(IL_TABLE_JSON, t);
    assert_string_equal(text, "name           err\n"
                              "a\"b\\       0.01235\n"
                              "\xFFz               -\n"
                              "long name  1.5e-09\n"
                              "d            12346\n");
    const char *want =
        "\"columns\": [\"name\", \"err\"], \"rows\": [\n[\"a\\\"b\\\\\", 0.0123456],\n"
        "[\"\\ufffdz\", null],\n[\"long name\", 1.5e-09],\n[\"d\", 12345.6]]}";
    CHECK(strstr(json, want), "%s", json);
    free(text);
    free(json);
    il_table_free(t);
}

static void rows_and_objects(void **state)
{
    (void)state;
    il_table *t;
    const char *const texts[] = { "a,b", "\"" };
    CHECK_OK(il_table_new(&t, "t", &err));
    CHECK_OK(il_table_add_cols(t, "name$ x word$ y", &err));
    assert_int_equal(il_table_cols(t), 4);
    assert_true(il_table_is_text(t, 2) && !il_table_is_text(t, 3));
    CHECK_OK(il_table_add(t, texts, (double[]){ 1.5, NAN }, &err));
    CHECK_OK(il_table_add(t, NULL, (double[]){ 2, 3 }, &err));
    CHECK_OK(il_table_add(t, texts, NULL, &err));
    char *rows = written(IL_TABLE_CSV_ROWS, t), *objects = written(IL_TABLE_OBJECTS, t);
    assert_string_equal(rows, "\"a,b\",1.5,\"\"\"\",\n,2,,3\n\"a,b\",,\"\"\"\",\n");
    assert_string_equal(objects,
                        "{\"name\":\"a,b\",\"x\":1.5,\"word\":\"\\\"\",\"y\":null}\n"
                        "{\"name\":\"\",\"x\":2,\"word\":\"\",\"y\":3}\n"
                        "{\"name\":\"a,b\",\"x\":null,\"word\":\"\\\"\",\"y\":null}\n");
    free(rows);
    free(objects);
    il_table_free(t);
}

/* What reads lists of words and says what is near */
static void items_and_advice(void **state)
{
    (void)state;
    static const char *const words[] = { "ridge", "newton" };
    const char *list = " a b,, c ,", *none = " , ", *all;
    char item[IL_TEXT], much[IL_TEXT + 8];
    assert_true(il_item_next(item, &list, ","));
    assert_string_equal(item, "a b");
    assert_true(il_item_next(item, &list, ","));
    assert_string_equal(item, "c ");
    assert_false(il_item_next(item, &list, ","));
    assert_false(il_item_next(item, &none, ","));
    memset(much, 'x', sizeof much);
    much[sizeof much - 1] = 0;
    all = much;
    assert_true(il_item_next(item, &all, ",")); /* not another, shorter word */
    assert_string_equal(item + IL_TEXT - 5, "x...");
    assert_false(il_item_next(item, &all, ","));
    assert_string_equal(il_advise("ridgo", words, 2, "").text, "; did you mean 'ridge'?");
    assert_string_equal(il_advise("zero", words, 2, "; try ols").text, "; try ols");
}

static void columns_added_late_are_missing(void **state)
{
    (void)state;
    il_table *t;
    CHECK_OK(il_table_new(&t, "late", &err));
    CHECK_OK(il_table_add_col(t, "a", 0, &err));
    for (int r = 0; r < 40; r++) CHECK_OK(il_table_add_row(t, &err));
    CHECK_OK(il_table_add_col(t, "b", 0, &err));
    CHECK_OK(il_table_add_col(t, "c", 1, &err));
    for (int r = 0; r < 40; r++) {
        assert_true(isnan(il_table_number(t, r, 1)));
        assert_string_equal(il_table_text(t, r, 2), "");
    }
    il_table_free(t);
}

/* A cell that was meant as a number says how to write it; words, codes and addresses were not meant so. */
static void cells_meant_as_numbers(void **state)
{
    static const struct {
        const char *cell, *says; /* NULL: not meant as a number */
    } cases[] = {
        { "$5", "alone, without '$'" },
        { "5 %", "without '%'" },
        { "-US$ 5.25", "without 'US$'" },
        { "5\xE2\x82\xAC", "without '\xE2\x82\xAC'" },
        { "\xE2\x82\xAC 1.234,50", "without '\xE2\x82\xAC'; write 1234.5, with a decimal" },
        { "12 kg", "without 'kg'" },
        { "<0.01", "without '<'" },
        { "1,5", "with a decimal point" },
        { "1_000", "nothing between thousands" },
        { "1\xC2\xA0"
          "000",
          "nothing between thousands" },
        { "1'000", "nothing between thousands" },
        { "1.234.567", "nothing between thousands" },
        { "0x10", "in decimal" },
        { "1e400", "finite" },
        { "-inf", "finite" },
        { "(5)", "a hyphen in front" },
        { "5-", "a hyphen in front" },
        { "\xE2\x88\x92"
          "5",
          "a hyphen in front" },
        { "2024-01-05", "a date" },
        { "1/2", "a fraction" },
        { "--5", "as 1234.5" },
        { "-", NULL },
        { "N/A", NULL },
        { "#DIV/0!", NULL },
        { "oops", NULL },
        { "k1", NULL },
        { "A-1", NULL },
        { "10 Downing Street", NULL },
        { "5", NULL },
        { " 1.5e3 ", NULL },
        { "NA", NULL },
        { "", NULL },
    };
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        char hint[160];
        int meant = il_cell_hint(cases[i].cell, hint, sizeof hint);
        CHECK(meant == (cases[i].says != NULL), "'%s': %d", cases[i].cell, meant);
        CHECK(strstr(hint, meant ? cases[i].says : "a missing one as an empty cell or NA"),
              "'%s': %s", cases[i].cell, hint);
    }
}

/* Under a locale with a decimal comma the same file means the same numbers. */
static void locale_changes_nothing(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    il_table *t = read_text("x\n1.5\n-2.25e1\n");
    char *csv = written(IL_TABLE_CSV, t);
    setlocale(LC_NUMERIC, "C");
    CHECK(il_table_number(t, 0, 0) == 1.5, "1.5 is read as %g", il_table_number(t, 0, 0));
    assert_string_equal(csv, "x\n1.5\n-22.5\n");
    free(csv);
    il_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_should),
        cmocka_unit_test(separators_and_line_ends),
        cmocka_unit_test(refuses_what_it_must),
        cmocka_unit_test(long_lines_and_files_are_bounded),
        cmocka_unit_test(csv_round_trip),
        cmocka_unit_test(text_and_json),
        cmocka_unit_test(rows_and_objects),
        cmocka_unit_test(items_and_advice),
        cmocka_unit_test(columns_added_late_are_missing),
        cmocka_unit_test(cells_meant_as_numbers),
        cmocka_unit_test(locale_changes_nothing),
    };
    strcpy(path, "/tmp/innerloop-table-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}

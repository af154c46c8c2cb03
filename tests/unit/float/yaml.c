/* yaml.c - leaves of a YAML file: what is read, what is refused and how that sounds */
#include "base/base.h"

#include "folder.h"

static il_yaml *parse(const char *text)
{
    il_yaml *y = NULL;
    CHECK_OK(il_yaml_parse(&y, text, strlen(text), "r.yaml", NULL, &err));
    return y;
}

static const il_leaf *leaf(const il_yaml *y, const char *path)
{
    for (int i = 0; i < il_yaml_count(y); i++)
        if (!strcmp(il_yaml_at(y, i)->path, path)) return il_yaml_at(y, i);
    fail_msg("no leaf %s", path);
    return NULL;
}

static void refused(const char *text, size_t bytes, const char *sentence)
{
    il_yaml *y = NULL;
    il_error err = { 0 };
    CHECK(il_yaml_parse(&y, text, bytes, "r.yaml", NULL, &err) == IL_ECONFIG,
          "accepted: %s", text);
    CHECK(!y && strstr(err.text, sentence), "for '%.60s'\ngot:  %s\nwant: %s", text,
          err.text, sentence);
}

static void nested_mappings_become_paths(void **state)
{
    (void)state;
    il_yaml *y = parse("\xef\xbb\xbf# a comment\r\n"
                       "model: {family: gpt2, n_embd: 256}\r\n"
                       "training:\n"
                       "    learning_rate: 1e-4\n"
                       "    curriculum:\n"
                       "        dims: {start: 5}\n"
                       "    names: {}\n"
                       "notes:\n"
                       "none: ~\n"
                       "empty: ''\n"
                       "text: \"null\"\n"
                       "größe: 'a: b'\n");
    assert_int_equal(il_yaml_count(y), 9);
    assert_string_equal(leaf(y, "model.family")->value, "gpt2");
    assert_string_equal(leaf(y, "training.curriculum.dims.start")->value, "5");
    assert_int_equal(leaf(y, "training.curriculum.dims.start")->line, 6);
    assert_int_equal(leaf(y, "training.curriculum.dims.start")->column, 16);
    assert_string_equal(leaf(y, "training.learning_rate")->file, "r.yaml");
    assert_null(leaf(y, "notes")->value);
    assert_null(leaf(y, "none")->value);
    assert_string_equal(leaf(y, "empty")->value, "");
    assert_string_equal(leaf(y, "text")->value, "null");
    assert_string_equal(leaf(y, "größe")->value, "a: b");
    il_yaml_free(y);
}

static void what_a_recipe_has_no_use_for_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "r.yaml is empty" },
        { "# only a comment\n", "r.yaml is empty" },
        { "hello", "r.yaml:1:1: this is not a recipe" },
        { "- a\n- b\n", "r.yaml:1:1: this is not a recipe" },
        { "a: 1\nb: [1, 2]\n", "r.yaml:2:4: a list is not expected here" },
        { "a: 1\nb: 2\na: 3\n", "r.yaml:3:1: a is given twice, first in line 1" },
        { "t: {s: 1}\nt: {u: 2}\n", "r.yaml:2:1: t is given twice, first in line 1" },
        { "t.s: 1\nt: {s: 2}\n", "r.yaml:2:5: t.s is given twice" },
        { "a: &x 1\nb: *x\n", "r.yaml:1:4: anchors and aliases" },
        { "a: {<<: *x}\n", "r.yaml:1:9: anchors and aliases" },
        { "a: !!int 3\n", "r.yaml:1:4: tags (!) are not supported" },
        { "a: !<tag:x> {b: 1}\n", "tags (!) are not supported" },
        { "a: 1\n---\nb: 2\n", "r.yaml:2:1: a second document starts here" },
        { "a: 1\n\tb: 2\n", "(indent with spaces, not tabs)" },
        { "a: 1\n b: 2\n", "r.yaml:2:3: this is not YAML" },
        { "a: {b: 1\n", "this is not YAML" },
        { "? {a: 1}\n: 2\n", "a key must be a word" },
        { "[a]: 2\n", "a key must be a word" },
        { "'': 2\n", "a key must be a word on one line" },
        { "\"a\\nb\": 2\n", "a key must be a word on one line" },
        { "a: \"x\\0y\"\n", "a zero byte is not allowed here" },
        { "inherit: {a: b}\n", "r.yaml:1:10: inherit wants the name of a file" },
        { "inherit:\n", "inherit wants the name of a file" },
        { "inherit: [a, [b]]\n", "r.yaml:1:14: inherit wants the name of a file" },
        { "inherit: base.yaml\n", "r.yaml:1:10: inherit is not possible here" },
    };
    for (int i = 0; i < IL_COUNT(cases); i++)
        refused(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    refused("a: \xff\n", 5, "r.yaml:1:4: this is not text");
    refused("a: 1\n\xc3\xa4: \xc0\x80\n", 11, "r.yaml:2:4: this is not text");
    refused("a: 1\nb\0c: 2\n", 12, "r.yaml:2:2: this is not text");
    refused("\xff\xfe"
            "a\0:\0",
            6, "r.yaml:1:1: this is not text"); /* UTF-16 */
}

/* Size, depth, length of keys and their number end in sentences, in time linear in the text. */
static void limits_are_sentences(void **state)
{
    (void)state;
    size_t room = IL_YAML_BYTES + 16;
    char *text = malloc(room);
    memset(text, '{', room);
    refused(text, room, "r.yaml is larger than a recipe may be");
    refused(text, IL_YAML_BYTES, "a key must be a word");
    memset(text, '[', IL_YAML_BYTES);
    refused(text, IL_YAML_BYTES, "this is not a recipe");
    memset(text, 'a', IL_YAML_BYTES);
    refused(text, IL_YAML_BYTES, "this is not a recipe");
    memcpy(text, "k: v\n", 5);
    memcpy(text + IL_YAML_BYTES - 4, ": 1\n", 4);
    refused(text, IL_YAML_BYTES, "this is not YAML"); /* libyaml: simple keys are short */
    memset(text, 'a', 400);
    memcpy(text + 400, ": 1\n", 4);
    refused(text, 404, "r.yaml:1:1: this key is too long");

    size_t n = 0;
    for (int i = 0; i <= IL_YAML_DEPTH; i++) n += (size_t)sprintf(text + n, "{a: ");
    refused(text, n, "r.yaml:1:65: mappings are nested too deeply");
    n = 0;
    for (int i = 0; i <= IL_YAML_KEYS; i++) n += (size_t)sprintf(text + n, "k%d: 1\n", i);
    refused(text, n, "r.yaml has more than 4096 keys");
    free(text);
}

static void inherited_leaves_come_first(void **state)
{
    (void)state;
    put_text("base.yaml", "a: 1\nb: {c: 2, d: 3}\n");
    put_text("other.yaml", "inherit: base.yaml\nb: {c: 20}\n");
    put_text("more.yaml", "e: 5\na: 10\n");
    const char *path =
        put_text("r.yaml", "b: {d: 30}\ninherit: [other.yaml, ./more.yaml]\nf: 6\n");
    il_yaml *y = NULL;
    CHECK_OK(il_yaml_read(&y, path, NULL, &err));
    assert_int_equal(il_yaml_count(y), 5);
    assert_string_equal(leaf(y, "a")->value, "10"); /* more.yaml is named later */
    assert_string_equal(leaf(y, "b.c")->value, "20");
    assert_string_equal(leaf(y, "b.d")->value, "30"); /* own keys win wherever they stand */
    assert_string_equal(leaf(y, "e")->value, "5");
    assert_string_equal(leaf(y, "f")->value, "6");
    assert_string_equal(il_yaml_at(y, 0)->path, "a");
    CHECK(strstr(leaf(y, "a")->file, "/more.yaml"), "%s", leaf(y, "a")->file);
    il_yaml_free(y);
}

static void unreadable(const char *path, il_status status, const char *sentence)
{
    il_yaml *y = NULL;
    il_error err = { 0 };
    CHECK(il_yaml_read(&y, path, NULL, &err) == status && !y, "%s: status %d", path,
          err.status);
    CHECK(strstr(err.text, sentence), "got:  %s\nwant: %s", err.text, sentence);
}

static void files_that_are_missing_or_go_round_are_named(void **state)
{
    (void)state;
    unreadable(in_folder("none.yaml"), IL_EIO, "none.yaml cannot be read: No such file");
    unreadable(folder, IL_EIO, "cannot be read: it is a folder");
    unreadable("/dev/zero", IL_EIO, "/dev/zero cannot be read: it is not a file");
    unreadable(put_text("r.yaml", "a: 1\ninherit: none.yaml\n"), IL_EIO,
               "r.yaml:2:10: inherit: ");
    put_text("x.yaml", "inherit: y.yaml\n");
    put_text("y.yaml", "inherit: ./x.yaml\n");
    unreadable(in_folder("x.yaml"), IL_ECONFIG, "x.yaml inherits itself: ");
    unreadable(put_text("z.yaml", "inherit: x.yaml\n"), IL_ECONFIG,
               "x.yaml inherits itself: ");
    unreadable(put_text("self.yaml", "inherit: self.yaml\n"), IL_ECONFIG,
               "self.yaml inherits itself: ");
    put_text("bad.yaml", "a: 1\nb: [1]\n");
    unreadable(put_text("r.yaml", "inherit: bad.yaml\n"), IL_ECONFIG,
               "bad.yaml:2:4: a list is not expected");
}

/* Every file names the next one twice: 2^n readings, were there no limit. */
static void inheriting_twice_does_not_blow_up(void **state)
{
    (void)state;
    for (int i = 0; i < IL_YAML_DEPTH; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "t%d.yaml", i);
        snprintf(text, sizeof text, "inherit: [t%d.yaml, t%d.yaml]\n", i + 1, i + 1);
        put_text(name, i + 1 < IL_YAML_DEPTH ? text : "a: 1\n");
    }
    unreadable(in_folder("t0.yaml"), IL_ECONFIG, "more than 64 files are inherited");
}

static void long_chains_end(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "c%d.yaml", i);
        snprintf(text, sizeof text, "inherit: c%d.yaml\n", i + 1);
        put_text(name, text);
    }
    unreadable(in_folder("c0.yaml"), IL_ECONFIG, "files inherit files more than 16 deep");
}

static void utf8_is_told_from_bytes(void **state)
{
    (void)state;
    assert_int_equal(il_utf8_bad("plain\ttext\r\n", 12), 12);
    assert_int_equal(il_utf8_bad("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9), 9);
    static const char *const bad[] = {
        "\x80",
        "\xc0\xaf",
        "\xc3",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80",
        "\xc3\x28",
        "\xe2\x80\xa8",
        "\xc2\x85",
        "\xef\xbb\xbf",
        "\x1b[31m",
        "\x7f",
    };
    for (int i = 0; i < IL_COUNT(bad); i++) {
        char text[16];
        snprintf(text, sizeof text, "ab%s", bad[i]);
        CHECK(il_utf8_bad(text, strlen(text)) == 2, "bad text %d", i);
    }
    assert_string_equal(il_show("a\nb\x1b[0m\xff").text, "a?b?[0m?");
    char text[200];
    memset(text, 'x', 199);
    text[199] = 0;
    assert_int_equal(strlen(il_show(text).text), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_mappings_become_paths),
        cmocka_unit_test(what_a_recipe_has_no_use_for_is_refused),
        cmocka_unit_test(limits_are_sentences),
        cmocka_unit_test(inherited_leaves_come_first),
        cmocka_unit_test(files_that_are_missing_or_go_round_are_named),
        cmocka_unit_test(inheriting_twice_does_not_blow_up),
        cmocka_unit_test(long_chains_end),
        cmocka_unit_test(utf8_is_told_from_bytes),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

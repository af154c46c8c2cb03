/* figure.c - figures and the page: the files that appear, what they say, and what is escaped */
#include "check.h"
#include "innerloop_lab.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static char *in_folder(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* A file's text, freed by the caller; "" if there is none. */
static char *text_of(const char *name)
{
    FILE *f = fopen(in_folder(name), "rb");
    char *text = calloc(1, 1 << 20);
    if (f) {
        text[fread(text, 1, (1 << 20) - 1, f)] = 0;
        fclose(f);
    }
    return text;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "wb");
    CHECK(f && fputs(text, f) >= 0 && !fclose(f), "cannot write %s", name);
}

static int exists(const char *name) { return !access(in_folder(name), F_OK); }

static il_table *sample(const char *name)
{
    static const char *const cols[] = { "k", "model", "model_low", "model_high",
                                        "o'ls <b>" };
    il_table *t;
    CHECK_OK(il_table_new(&t, name, &err));
    for (int c = 0; c < 5; c++) CHECK_OK(il_table_add_col(t, cols[c], 0, &err));
    for (int r = 0; r < 20; r++) {
        double v = 1.0 / (1 + r);
        double row[] = { r, v, 0.8 * v, 1.2 * v, r < 10 ? v : 1e-20 };
        CHECK_OK(il_table_add_row(t, &err));
        for (int c = 0; c < 5; c++) il_table_set(t, r, c, row[c]);
    }
    return t;
}

static const il_figure plain = {
    .title = "It's", .x_label = "k", .y_label = "error", .log_y = 1
};

static void draws_data_script_and_picture(void **state)
{
    (void)state;
    il_table *t = sample("points");
    CHECK_OK(il_figure_write(&plain, t, in_folder("points"), NULL, &err));
    char *gp = text_of("points.gp"), *csv = text_of("points.csv"),
         *svg = text_of("points.svg");
    assert_non_null(strstr(csv, "k,model,model_low,model_high,o'ls <b>\n0,1,0.8,1.2,1\n"));
    assert_non_null(strstr(gp, "'It''s'"));                 /* a quote is doubled */
    assert_non_null(strstr(gp, "plot 'points.csv'"));       /* found from its own folder */
    assert_non_null(strstr(gp, "using 1:3:4 with filled")); /* the band */
    assert_non_null(strstr(gp, "set yrange [1e-03:*]")); /* 1e-20 does not rule the axis */
    assert_null(strstr(gp, "title 'model_low'"));        /* edges are no lines */
    if (!system("command -v gnuplot >/dev/null 2>&1"))
        assert_non_null(strstr(svg, "</svg>"));
    free(gp);
    free(csv);
    free(svg);
    il_table_free(t);
}

/* Without gnuplot the data and the script are there, and we are told that the picture is not. */
static void lives_without_gnuplot(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH"));
    il_table *t = sample("bare");
    int drawn = 1;
    put("bare.svg", "older data");
    setenv("PATH", "/nowhere", 1);
    CHECK_OK(il_figure_write(&plain, t, in_folder("bare"), &drawn, &err));
    setenv("PATH", path, 1);
    assert_false(drawn);
    assert_true(exists("bare.gp") && exists("bare.csv") && !exists("bare.svg"));
    free(path);
    il_table_free(t);
}

static void refuses_what_it_cannot_draw(void **state)
{
    (void)state;
    il_error why;
    il_table *t;
    CHECK_OK(il_table_new(&t, "words", &err));
    CHECK_OK(il_table_add_col(t, "k", 0, &err));
    CHECK_OK(il_table_add_col(t, "word", 1, &err));
    CHECK_OK(il_table_add_row(t, &err));
    assert_int_equal(il_figure_write(&plain, t, in_folder("words"), NULL, &why),
                     IL_ECONFIG);
    assert_false(exists("words.csv") || exists("words.gp"));
    il_table_free(t);
    t = sample("points");
    assert_int_equal(il_figure_write(&plain, t, "/nowhere/points", NULL, &why), IL_EIO);
    CHECK(strstr(why.text, "/nowhere/points.csv"), "%s", why.text);
    il_table_free(t);
}

/* Whatever a figure and its columns are called, gnuplot draws it, and nothing else happens. */
static void draws_under_any_name(void **state)
{
    (void)state;
    static const char *const names[] = { "my-fig",  "a b.c",      "it's",       "q\"uote",
                                         "back\\n", "-dash",      "two\nlines", "latin\xe9",
                                         "1st",     "<touch x",   "|touch x",   "~",
                                         "$d",      "x`touch y`", "@m{^_}" };
    char file[64];
    if (system("command -v gnuplot >/dev/null 2>&1")) return;
    il_table *t = sample("points");
    CHECK_OK(il_table_add_col(t, "g_{d}@\"^'", 0, &err));
    for (int r = 0; r < il_table_rows(t); r++) il_table_set(t, r, 5, r + 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int drawn = 0;
        CHECK_OK(il_figure_write(&plain, t, in_folder(names[i]), &drawn, &err));
        CHECK(drawn, "%s is not drawn", names[i]);
        snprintf(file, sizeof file, "%s.svg", names[i]);
        char *svg = text_of(file);
        CHECK(strstr(svg, "</svg>"), "%s has no end", names[i]);
        free(svg);
    }
    assert_false(exists("x") || exists("x.csv") || exists("x.svg") || exists("y"));
    il_table_free(t);
}

/* The names in the folder that begin with `half`, in any order, as their number */
static int halves(void)
{
    char command[256];
    snprintf(command, sizeof command, "exit $(ls -A '%s' | grep -c '^half')", folder);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A gnuplot that fails half-way, however it does, leaves nothing where nothing was, and else all three files
 * of the figure as they were. */
static void no_half_picture(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        il_status status;
        const char *says;
    } fakes[] = {
        { "echo '<svg><g>'", IL_EIO, "half.svg cannot be written: is there room for it" },
        { "exit 0", IL_EIO, "half.svg cannot be written" },
        { "echo '<svg><g>'; echo 'no ink' >&2; exit 3", IL_EFAIL,
          "half.svg: gnuplot failed: no ink" },
        { "echo '<svg></svg>'; exit 1", IL_EFAIL, "half.svg: gnuplot failed" },
        { "echo '<svg><g>'; kill -KILL $$", IL_EFAIL,
          "half.svg: gnuplot failed: signal 9" },
        { "echo '<svg><g>'; kill -XFSZ $$", IL_EIO, "half.svg cannot be written" },
    };
    char *path = strdup(getenv("PATH")), with[4096], script[256];
    snprintf(with, sizeof with, "%s:%s", folder, path);
    for (int there = 0; there < 2; there++) {
        for (int i = 0; there && i < 3; i++)
            put((const char *[]){ "half.csv", "half.gp", "half.svg" }[i], "older");
        for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++) {
            il_error why;
            int drawn = 1;
            il_table *t = sample("half");
            snprintf(script, sizeof script, "#!/bin/sh\n%s\n", fakes[i].script);
            put("gnuplot", script);
            CHECK(!chmod(in_folder("gnuplot"), 0700), "chmod");
            setenv("PATH", with, 1);
            il_status status = il_figure_write(&plain, t, in_folder("half"), &drawn, &why);
            setenv("PATH", path, 1);
            CHECK(status == fakes[i].status && !drawn, "%s: %d", fakes[i].script, status);
            CHECK(strstr(why.text, fakes[i].says), "%s", why.text);
            CHECK(halves() == 3 * there, "%s: %d files", fakes[i].script, halves());
            il_table_free(t);
        }
    }
    char *svg = text_of("half.svg"), *csv = text_of("half.csv"), *gp = text_of("half.gp");
    CHECK(!strcmp(svg, "older") && !strcmp(csv, svg) && !strcmp(gp, svg), "replaced");
    free(svg);
    free(csv);
    free(gp);
    free(path);
    unlink(in_folder("gnuplot"));
}

/* Each of the three files may be the one for which there is no place. */
static void all_of_a_figure_or_nothing(void **state)
{
    (void)state;
    static const char *const taken[] = { "half.csv", "half.gp", "half.svg" };
    for (int i = 0; i < 3; i++) {
        il_error why;
        il_table *t = sample("half");
        for (int j = 0; j < 3; j++) unlink(in_folder(taken[j]));
        CHECK(!mkdir(in_folder(taken[i]), 0700), "mkdir");
        assert_int_equal(il_figure_write(&plain, t, in_folder("half"), NULL, &why), IL_EIO);
        CHECK(strstr(why.text, taken[i]) && strstr(why.text, "it is a folder"), "%s",
              why.text);
        CHECK(halves() == 1, "%d files", halves());
        CHECK(!rmdir(in_folder(taken[i])), "rmdir");
        il_table_free(t);
    }
}

static void reports_in_one_escaped_page(void **state)
{
    (void)state;
    il_table *t = sample("points");
    const il_table *tables[] = { t };
    CHECK_OK(il_table_set_caption(t, "share of <", &err));
    put("config.yaml", "out_dir: '<script>alert(1)</script>'\n");
    put("env.json", "{\"cpu\": \"<i>&\", \"threads\": 2}");
    put("metrics.jsonl",
        "{\"step\": 1, \"loss\": 2.5, \"floor\": 1}\n{\"step\": 2, \"loss\": 1.5, "
        "\"floor\": null}\n{\"step\": 3, \"lo");
    CHECK_OK(il_report_write(folder, tables, 1, &err));
    char *html = text_of("report.html");
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)"));
    assert_null(strstr(html, "<script"));
    assert_non_null(strstr(html, "&lt;i&gt;&amp;"));
    assert_non_null(strstr(html, "o&#39;ls &lt;b&gt;"));
    assert_non_null(
        strstr(html, "At k = 19 the model&#39;s share of &lt; is <b>0.05000</b>"));
    assert_null(strstr(html, "src="));
    assert_null(strstr(html, "href=\"http"));
    assert_non_null(strstr(html, "</html>"));
    assert_true(exists("figures/loss.csv"));
    free(html);

    /* a drawing that could run or fetch something is left out */
    put("figures/points.svg", "<svg onload=x><script>alert(2)</script></svg>");
    CHECK_OK(il_report_write(folder, tables, 1, &err));
    html = text_of("report.html");
    assert_null(strstr(html, "alert(2)"));
    assert_null(strstr(html, "Error by number of examples\">"));
    free(html);

    /* one that only draws has a name for who cannot see it, and the numbers are folded up */
    put("figures/points.svg", "<svg><path d='M0,0 L1,1'/></svg>");
    CHECK_OK(il_report_write(folder, tables, 1, &err));
    html = text_of("report.html");
    assert_non_null(
        strstr(html, "role=img tabindex=0 aria-label=\"Error by number of examples\">"));
    assert_non_null(strstr(html, "<path d='M0,0 L1,1'/>"));
    free(html);
    assert_int_equal(il_report_write("/nowhere", tables, 1, NULL), IL_EIO);
    il_table_free(t);
}

/* What could run or fetch something in a page is no drawing; what gnuplot draws is one. */
static void only_drawings_are_taken_in(void **state)
{
    static const char *const fine[] = {
        "<svg/>",
        "<svg viewBox=\"0 0 9 9\" xmlns='http://www.w3.org/2000/svg'>\n<title>1 &lt; "
        "2</title>"
        "<g clip-path=\"url(#c)\"><use xlink:href='#p' x='1'/></g></svg>\n",
    };
    static const char *const bad[] = {
        "",
        "text",
        "<svg>",
        "<svg></svg><b>",
        "<svg></svg></svg>",
        "<svg onload=x></svg>",
        "<svg OnLoad='x'></svg>",
        "<svg\nonclick = 'x'/>",
        "<svg a='b'onclick='x'/>",
        "<svg/onload='x'/>",
        "<svg><ScRiPt>x</sCrIpT></svg>",
        "<svg><foreignobject/></svg>",
        "<svg><style>@import 'x'</style></svg>",
        "<svg><image href='#a'/></svg>",
        "<svg><a href='#b'>c</a></svg>",
        "<svg><set attributeName='href' to='x'/></svg>",
        "<svg><!-- <b --></svg>",
        "<svg><![CDATA[x]]></svg>",
        "<svg><?x?></svg>",
        "<svg><use HREF='HTTPS://x.y/z'/></svg>",
        "<svg><use xlink:href='a.svg#b'/></svg>",
        "<svg><use href=#a onclick=x /></svg>",
        "<svg><g fill='URL(//x.y)'/></svg>",
        "<svg><g style='fill:u\\72l(x)'/></svg>",
        "<svg><g style='&#117;rl(x)'/></svg>",
        "<svg><g style=\"background:image-set('x')\"/></svg>",
        "<svg><g a='b></svg>",
    };
    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        CHECK(il_svg_is_drawing(fine[i]), "refused: %s", fine[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!il_svg_is_drawing(bad[i]), "taken in: %s", bad[i]);
    if (!exists("points.svg")) return; /* no gnuplot */
    char *svg = text_of("points.svg"), *drawing = strstr(svg, "<svg");
    CHECK(drawing && il_svg_is_drawing(drawing), "gnuplot's drawing is refused");
    free(svg);
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_data_script_and_picture),
        cmocka_unit_test(lives_without_gnuplot),
        cmocka_unit_test(draws_under_any_name),
        cmocka_unit_test(no_half_picture),
        cmocka_unit_test(all_of_a_figure_or_nothing),
        cmocka_unit_test(refuses_what_it_cannot_draw),
        cmocka_unit_test(only_drawings_are_taken_in),
        cmocka_unit_test(reports_in_one_escaped_page),
    };
    strcpy(folder, "/tmp/innerloop-figure-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    return cmocka_run_group_tests(tests, NULL, tear_down);
}

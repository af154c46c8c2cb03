/* conventions.c - docs/models.md, "Conventions": every row is computed, to the eight digits it shows */
#include "check.h"
#include "model/model.h"

#include <stdlib.h>

enum { OP = 2, WEIGHTS, TOKENS, ANSWERS, CELLS, NUMBERS = 64 };

typedef struct {
    double at[NUMBERS];
    int n, rows;
} numbers;

/* Numbers apart by blanks, rows of them by `;`, up to &; leaves *text behind it. */
static numbers read_numbers(char **text)
{
    numbers x = { .rows = 1 };
    char *at = *text;
    while (*at && *at != '&') {
        char *rest;
        double number = strtod(at, &rest);
        if (rest != at) {
            assert_true(x.n < NUMBERS);
            x.at[x.n++] = number;
            at = rest;
        } else {
            x.rows += *at == ';';
            CHECK(strchr(" ;-", *at), "docs/models.md: what is '%s'?", at);
            at++;
        }
    }
    *text = *at ? at + 1 : at;
    return x;
}

/* "| a | b | ... |", cut in place; the number of cells */
static int cells_of(char *row, char **cells)
{
    int n = 0;
    for (char *cell = row + 1, *bar; (bar = strchr(cell, '|')); cell = bar + 1, n++) {
        *bar = 0;
        if (n < CELLS) cells[n] = cell;
    }
    return n;
}

static const char *op_of(char *cell, char *kind, size_t size)
{
    char *from = strchr(cell, '`'), *to = from ? strchr(from + 1, '`') : NULL;
    CHECK(to, "docs/models.md: '%s' names no op", cell);
    *to = 0;
    size_t length = strcspn(from + 1, " ");
    snprintf(kind, size, "%.*s", (int)length, from + 1);
    return from + 1 + length;
}

static void check_row(char **cells)
{
    char kind[64];
    const char *opts = op_of(cells[OP], kind, sizeof kind);
    numbers inputs[IL_INPUTS];
    int n = 0, in[IL_INPUTS], out, loss[3];
    for (char *at = cells[TOKENS]; *at; n++) inputs[n] = read_numbers(&at);
    il_plan p;
    il_plan_init(&p);
    for (int i = 0; i < n; i++)
        in[i] = il_plan_input(&p, (char[]){ (char)('a' + i), 0 },
                              inputs[i].n / inputs[i].rows, 1);
    CHECK_OK(il_plan_add(&p, IL_BODY, kind, "op", opts, n, in, &out, &err));
    p.carry_out = loss[0] = out;
    loss[1] = p.target = il_plan_input(&p, "target", il_width(&p, out), 0);
    loss[2] = p.weight = il_plan_input(&p, "weight", 1, 0);
    CHECK_OK(il_plan_add(&p, IL_POST, "mse", "loss", "", 3, loss, NULL, &err));
    CHECK_OK(il_plan_finish(&p, 1, &err));
    il_model *m;
    CHECK_OK(il_model_from_plan(&m, &p, &err));
    char *at = cells[WEIGHTS];
    for (int i = 0; i < m->plan.n_params; i++) {
        const il_param *w = &m->plan.params[i];
        numbers given = read_numbers(&at);
        CHECK((size_t)given.n == il_param_size(w), "%s%s: %d numbers for %s", kind, opts,
              given.n, w->name);
        for (int j = 0; j < given.n; j++)
            m->weights[w->offset + (size_t)j] = (il_real)given.at[j];
    }
    il_model_pack(m);
    il_state *s;
    int tokens = inputs[0].rows;
    CHECK_OK(il_state_new(&s, m, 1, tokens, 0, &err));
    il_state_shape(s, 1, tokens);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < inputs[i].n; j++) s->value[in[i]][j] = (il_real)inputs[i].at[j];
    il_forward(s, &(il_run){ .loops = 1 });
    at = cells[ANSWERS];
    numbers want = read_numbers(&at);
    CHECK(want.n == tokens * il_width(&m->plan, out), "%s%s: %d answers", kind, opts,
          want.n);
    for (int j = 0; j < want.n; j++) /* half of the eighth digit */
        CHECK_NEAR(s->value[out][j], want.at[j], 5.1e-8 * fabs(want.at[j]) + 1e-12,
                   cells[OP]);
    il_state_free(s);
    il_model_free(m);
}

static void every_row_is_so(void **unused)
{
    (void)unused;
    char *text, *cells[CELLS];
    size_t bytes;
    int rows = 0;
    CHECK_OK(il_file_read(&text, &bytes, "docs/models.md", 1 << 20, &err));
    char *row = strstr(text, "| here | elsewhere");
    CHECK(row, "docs/models.md has no table of conventions");
    for (char *end; row && *row == '|'; row = end + 1, rows++) {
        end = strchr(row, '\n');
        assert_non_null(end);
        *end = 0;
        int n = cells_of(row, cells);
        CHECK(n == CELLS, "docs/models.md, row %d: %d cells", rows + 1, n);
        if (rows > 1) check_row(cells);
    }
    free(text);
    CHECK(rows > 25, "docs/models.md: %d rows", rows);
}

/* The family `stack` is made of the ops of the table, with their options. */
static void stacks_are_made_of_them(void **unused)
{
    (void)unused;
    static const char *const keys[] = {
        "model.family=stack", "model.blocks=gated_delta", "model.conv=4",
        "model.qk_norm=l2",   "model.head_norm=true",     "model.n_head=2",
        "model.n_embd=16",    "model.norm=rmsnorm",
    };
    static const char *const lines[] = {
        "sigmoid h.0.attn.gamma_gate shift=4 :",
        "sigmoid h.0.attn.beta_gate :",
        "conv h.0.attn.q_conv",
        "l2norm h.0.attn.q_norm groups=2 :",
        "l2norm h.0.attn.head_norm groups=2 eps=1e-06 :",
        "rmsnorm h.0.ln_1 :",
        "rule=gated_delta",
    };
    il_config c;
    il_config_init(&c);
    for (int i = 0; i < IL_COUNT(keys); i++) CHECK_OK(il_config_set(&c, keys[i], &err));
    il_model *m;
    CHECK_OK(il_model_new(&m, &c, &err));
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    il_plan_write(&m->plan, f);
    fclose(f);
    for (int i = 0; i < IL_COUNT(lines); i++)
        CHECK(strstr(text, lines[i]), "no '%s' in\n%s", lines[i], text);
    free(text);
    il_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_so),
        cmocka_unit_test(stacks_are_made_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

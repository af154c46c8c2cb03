/* program.c - writing a program: registers and instructions */
#include "construct/program.h"

#include <stdlib.h>

/* ---- registers ---------------------------------------------------------------------------------- */

static reg *add_register(il_program *p, const char *name, int width, const char *what)
{
    static reg nowhere;
    if (p->n_regs == REGISTERS || width < 1 || width > MOST_WIDTH - p->width) {
        il_mistake(p, IL_ECONFIG,
                   "register %s of width %d: a program has at most %d "
                   "registers and %d columns",
                   name, width, REGISTERS, MOST_WIDTH);
        return &nowhere;
    }
    reg *r = &p->regs[p->n_regs++];
    *r = (reg){ .at = p->width, .width = width, .token = -1 };
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->what, sizeof r->what, "%s", what);
    p->width += width;
    return r;
}

static reg *find(il_program *p, const char *name)
{
    for (int i = 0; i < p->n_regs; i++)
        if (!strcmp(p->regs[i].name, name)) return &p->regs[i];
    return NULL;
}

void il_register(il_program *p, const char *name, int width, const char *what)
{
    add_register(p, name, width, what);
}

void il_token(il_program *p, const char *name, int width, const char *what)
{
    add_register(p, name, width, what)->token = p->tokens;
    p->tokens += width;
}

void il_position(il_program *p, const char *name, int width, const char *what)
{
    il_table_of(p, name, width, width, NULL, what);
}

void il_table_of(il_program *p, const char *name, int width, int rows, const double *table,
                 const char *what)
{
    reg *r = find(p, name);
    if (!r) r = add_register(p, name, width, what);
    if (r->width != width || r->rows)
        il_mistake(p, IL_ECONFIG, "register %s has another width, or a table already",
                   name);
    size_t size = (size_t)rows * (size_t)width * sizeof *table;
    double *kept = table ? il_own(p, size) : NULL;
    if (kept) memcpy(kept, table, size);
    r->rows = rows;
    r->table = kept;
    p->positions = il_max(p->positions, rows);
}

double *il_numbers(il_program *p, size_t n) { return il_own(p, n * sizeof(double)); }

void il_refuse(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    il_mistake(p, IL_ECONFIG, "%s", text);
}

void il_matrix(il_program *p, const char *name, int rows, int cols, const double *data)
{
    size_t size = (size_t)rows * (size_t)cols * sizeof *data;
    double *kept = il_own(p, size);
    if (p->n_matrices == REGISTERS) il_mistake(p, IL_ECONFIG, "too many matrices");
    if (p->failed || !data) return;
    memcpy(kept, data, size);
    matrix *m = &p->matrices[p->n_matrices++];
    *m = (matrix){ .rows = rows, .cols = cols, .data = kept };
    snprintf(m->name, sizeof m->name, "%s", name);
}

void il_start(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    if (il_parse_starts(p, text, &p->starts, &p->n_starts) && p->n_starts_text < REGISTERS)
        p->starts_text[p->n_starts_text++] = text;
}

/* ---- instructions -------------------------------------------------------------------------------- */

static instruction *add(il_program *p, instruction_kind kind, char *text)
{
    instruction *list = il_program_grow(p, p->list, p->n_list, sizeof *list);
    if (!list) return NULL;
    p->list = list;
    list[p->n_list] = (instruction){
        .kind = kind, .section = (il_section)p->section, .alone = p->barrier, .text = text
    };
    return &list[p->n_list++];
}

instruction *il_instruction(il_program *p, instruction_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = il_words(p, format, args);
    va_end(args);
    return text && !p->failed ? add(p, kind, text) : NULL;
}

void il_attend(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    instruction *in = add(p, ATTEND, text);
    if (in) il_parse_attend(p, text, in);
}

void il_map(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    instruction *in = add(p, MAP, text);
    if (in) il_parse_starts(p, text, &in->items, &in->n_items);
}

void il_also(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    int softmax = p->n_list && p->list[p->n_list - 1].kind == SOFTMAX;
    instruction *in = add(p, !strchr(text, ';') ? MAP : softmax ? SOFTMAX : ATTEND, text);
    if (!in) return;
    if (in->kind == MAP)
        il_parse_starts(p, text, &in->items, &in->n_items);
    else
        il_parse_attend(p, text, in);
    if (p->n_list < 2 || in[-1].kind >= RELU || in[-1].section != in->section)
        il_mistake(p, IL_ECONFIG, "\"%s\": there is no head before it", text);
    in->also = 1;
}

void il_softmax(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    instruction *in = add(p, SOFTMAX, text);
    if (in) il_parse_attend(p, text, in);
}

void il_relu(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    instruction *in = add(p, RELU, text);
    if (in) il_parse_units(p, text, "relu", &in->items, &in->n_items);
}

void il_gelu(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    instruction *in = add(p, GELU, text);
    if (in) il_parse_units(p, text, "gelu", &in->items, &in->n_items);
}

void il_clear(il_program *p, const char *name)
{
    il_relu(p, "%s <- -relu(%s), %s <- relu(-%s)", name, name, name, name);
}

void il_double(il_program *p, const char *name)
{
    il_relu(p, "%s <- relu(%s), %s <- -relu(-%s)", name, name, name, name);
}

/* The items of "DST <- a f(z)" become a v_0 relu(gate) and a c_j relu(z - t_j) for every knot. */
void il_piecewise(il_program *p, const il_pwl *f, const char *gate, const char *format, ...)
{
    IL_WORDS(text, format)
    char more[400];
    if (!f || p->failed) return;
    snprintf(more, sizeof more, "%s   [%s: %d knots from %s to %s, error %s%s%s]", text,
             f->name, f->knots, il_digits_short(f->t[0]).text,
             il_digits_short(f->t[f->knots - 1]).text, il_digits_short(f->error).text,
             gate ? ", where " : "", gate ? gate : "");
    char *shown = il_own(p, strlen(more) + 1);
    instruction *in = shown ? add(p, RELU, strcpy(shown, more)) : NULL;
    item *one = NULL;
    int n = 0;
    int parsed = in && il_parse_units(p, text, "f", &one, &n);
    if (parsed && n != 1) il_mistake(p, IL_ECONFIG, "\"%s\": f goes to one register", text);
    if (parsed && n == 1) {
        in->items = calloc((size_t)f->knots + 1, sizeof *in->items);
        if (!in->items) il_mistake(p, IL_EFAIL, "out of memory for a program");
        item *first = in->items;
        int M = f->knots - 1;
        if (first && one->form.n < PARTS) {
            first[0] = (item){ one->at, one->rows, one->scale * f->v[0], { .rows = 1 } };
            il_parse_form(p, gate ? gate : "1", &first[0].form);
            double before = 0;
            for (int j = 0; j <= M; j++) {
                double slope =
                    j < M ? (f->v[j + 1] - f->v[j]) / (f->t[j + 1] - f->t[j]) : 0;
                item *it = &first[j + 1];
                *it = *one;
                it->scale *= slope - before;
                it->form.part[it->form.n++] =
                    (part){ .kind = CONSTANT, .c = -f->t[j], .rows = 1 };
                before = slope;
            }
            in->n_items = M + 2;
        }
    }
    free(one);
}

void il_layer(il_program *p) { p->barrier = p->n_list; }

void il_loop(il_program *p, int times)
{
    if (p->looped || p->section != IL_BODY || times < 1)
        il_mistake(p, IL_ECONFIG, "a program has one loop, and runs it at least once");
    for (int i = 0; i < p->n_list; i++) p->list[i].section = IL_PRE;
    p->looped = 1;
    p->loops = times;
}

void il_after(il_program *p) { p->section = IL_POST; }

void il_answer(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    il_parse_form(p, text, &p->answer);
    snprintf(p->answer_text, sizeof p->answer_text, "%s", text);
}

void il_causal(il_program *p) { p->causal = 1; }
void il_masked(il_program *p) { p->masked = 1; }

void il_task_is(il_program *p, const char *task, const char *layout, int dims, int points)
{
    snprintf(p->task, sizeof p->task, "%s", task);
    snprintf(p->layout, sizeof p->layout, "%s", *layout ? layout : "own");
    p->dims = dims;
    p->points = points;
}

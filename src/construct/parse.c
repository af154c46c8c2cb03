/* parse.c - the text of an instruction
 *
 *   form   = [-] term {(+|-) [-] term}          term  = [number] [sum(slice) | MATRIX*slice | slice]
 *   slice  = name [ [i] | [i:j] ]           stack = form {| form}
 *   attend = slice <- form {, slice <- form} ; stack ; stack
 *   units  = slice <- [-] [number] UNIT(form) {, ...}
 */
#include "construct/program.h"

#include <stdarg.h>
#include <stdlib.h>

typedef struct {
    il_program *p;
    const char *text, *at;
    int ok;
} cursor;

static void wrong(cursor *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void wrong(cursor *c, const char *format, ...)
{
    char what[128];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (c->ok && *c->at)
        il_mistake(c->p, IL_ECONFIG, "\"%s\": %s before \"%s\"", c->text, what, c->at);
    else if (c->ok)
        il_mistake(c->p, IL_ECONFIG, "\"%s\": %s at the end", c->text, what);
    c->ok = 0;
}

static void spaces(cursor *c) { c->at += strspn(c->at, " "); }

static int take(cursor *c, const char *mark)
{
    spaces(c);
    size_t n = strlen(mark);
    if (strncmp(c->at, mark, n)) return 0;
    c->at += n;
    return 1;
}

static void want(cursor *c, const char *mark)
{
    if (!take(c, mark)) wrong(c, "'%s' was expected", mark);
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A number without its sign; 0 where there is none. */
static int take_number(cursor *c, double *value)
{
    char text[64];
    size_t n = 0;
    spaces(c);
    const char *a = c->at;
    if (!is_digit(*a)) return 0;
    while (is_digit(a[n]) || a[n] == '.') n++;
    if ((a[n] == 'e' || a[n] == 'E') &&
        (is_digit(a[n + 1]) ||
         ((a[n + 1] == '-' || a[n + 1] == '+') && is_digit(a[n + 2]))))
        for (n += 2; is_digit(a[n]);) n++;
    if (n >= sizeof text) return 0;
    memcpy(text, a, n);
    text[n] = 0;
    if (!il_number_parse(text, value)) return 0;
    c->at += n;
    return 1;
}

static void take_name(cursor *c, char name[NAME])
{
    size_t n = 0;
    spaces(c);
    if (is_letter(*c->at))
        while ((is_letter(c->at[n]) || is_digit(c->at[n])) && n < NAME - 1) n++;
    memcpy(name, c->at, n);
    name[n] = 0;
    if (!n) wrong(c, "a name was expected");
    c->at += n;
}

/* A register or a range of its columns, whose name was taken. */
static void take_slice(cursor *c, const char *name, int *at, int *width)
{
    *at = *width = 0;
    const reg *r = NULL;
    for (int i = 0; i < c->p->n_regs; i++)
        if (!strcmp(c->p->regs[i].name, name)) r = &c->p->regs[i];
    if (!r) {
        wrong(c, "there is no register '%s'", name);
        return;
    }
    double from = 0, to = r->width;
    if (take(c, "[")) {
        if (!take_number(c, &from)) wrong(c, "a column was expected");
        to = from + 1;
        if (take(c, ":") && !take_number(c, &to)) wrong(c, "a column was expected");
        want(c, "]");
    }
    if (!(from >= 0 && from < to && to <= r->width) || from != (int)from || to != (int)to)
        wrong(c, "register '%s' has no such columns", name);
    *at = r->at + (int)from;
    *width = (int)to - (int)from;
}

static void take_atom(cursor *c, part *t)
{
    char name[NAME];
    take_name(c, name);
    if (!strcmp(name, "sum") && take(c, "(")) {
        take_name(c, name);
        take_slice(c, name, &t->at, &t->width);
        want(c, ")");
        t->kind = SUM;
        t->rows = 1;
    } else if (take(c, "*")) {
        const matrix *m = NULL;
        char factor[NAME];
        for (int i = 0; i < c->p->n_matrices; i++)
            if (!strcmp(c->p->matrices[i].name, name)) m = &c->p->matrices[i];
        take_name(c, factor);
        take_slice(c, factor, &t->at, &t->width);
        t->kind = MATRIX;
        t->rows = m ? m->rows : 1;
        t->matrix = m ? m->data : NULL;
        if (!m || m->cols != t->width)
            wrong(c, "there is no matrix '%s' of %d columns", name, t->width);
    } else {
        t->kind = PLAIN;
        take_slice(c, name, &t->at, &t->width);
        t->rows = t->width;
    }
}

static void take_form(cursor *c, form *f)
{
    *f = (form){ .rows = 1 };
    for (int first = 1; c->ok; first = 0) {
        double sign = 1;
        if (take(c, "-"))
            sign = -1;
        else if (!take(c, "+") && !first)
            break;
        if (!first && take(c, "-")) sign = -sign; /* of a %g */
        if (f->n == PARTS) {
            wrong(c, "too many terms");
            break;
        }
        part *t = &f->part[f->n++];
        *t = (part){ .kind = CONSTANT, .c = 1, .rows = 1 };
        int number = take_number(c, &t->c);
        t->c *= sign;
        spaces(c);
        if (!number || is_letter(*c->at)) take_atom(c, t);
        if (t->rows != 1 && f->rows != 1 && t->rows != f->rows)
            wrong(c, "terms of different widths");
        f->rows = il_max(f->rows, t->rows);
    }
}

static void take_stack(cursor *c, form blocks[BLOCKS], int *n)
{
    *n = 0;
    do {
        if (*n == BLOCKS)
            wrong(c, "too many blocks");
        else
            take_form(c, &blocks[(*n)++]);
    } while (c->ok && take(c, "|"));
}

static int has_constant(const form *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->part[i].kind == CONSTANT) return 1;
    return 0;
}

static item *add_item(cursor *c, item **items, int *n)
{
    item *more = realloc(*items, (size_t)(*n + 1) * sizeof *more);
    if (!more) {
        il_mistake(c->p, IL_EFAIL, "out of memory for a program");
        c->ok = 0;
        return NULL;
    }
    *items = more;
    more[*n] = (item){ .scale = 1 };
    return &more[(*n)++];
}

static void take_target(cursor *c, item *it)
{
    char name[NAME];
    take_name(c, name);
    take_slice(c, name, &it->at, &it->rows);
    want(c, "<-");
}

/* "DST <- FORM, ..."; a coefficient of a single term is taken out, so that equal values meet. */
static void take_values(cursor *c, item **items, int *n)
{
    do {
        item *it = add_item(c, items, n);
        if (!it) return;
        take_target(c, it);
        take_form(c, &it->form);
        if (c->ok && it->form.rows != 1 && it->form.rows != it->rows)
            wrong(c, "the form is not as wide as its register");
        if (it->form.n == 1 && it->form.part[0].kind != CONSTANT) {
            it->scale = it->form.part[0].c;
            it->form.part[0].c = 1;
        }
    } while (c->ok && take(c, ","));
}

static void take_end(cursor *c)
{
    spaces(c);
    if (*c->at) wrong(c, "nothing more was expected");
}

int il_parse_form(il_program *p, const char *text, form *f)
{
    cursor c = { p, text, text, 1 };
    take_form(&c, f);
    take_end(&c);
    return c.ok;
}

int il_parse_starts(il_program *p, const char *text, item **items, int *n)
{
    cursor c = { p, text, text, 1 };
    take_values(&c, items, n);
    take_end(&c);
    return c.ok;
}

int il_parse_units(il_program *p, const char *text, const char *unit, item **items, int *n)
{
    cursor c = { p, text, text, 1 };
    do {
        item *it = add_item(&c, items, n);
        if (!it) return 0;
        take_target(&c, it);
        double sign = take(&c, "-") ? -1 : 1;
        take_number(&c, &it->scale);
        it->scale *= sign;
        want(&c, unit);
        want(&c, "(");
        take_form(&c, &it->form);
        want(&c, ")");
        if (c.ok && it->form.rows != 1 && it->form.rows != it->rows)
            wrong(&c, "the form is not as wide as its register");
    } while (c.ok && take(&c, ","));
    take_end(&c);
    return c.ok;
}

static int stack_rows(const form *blocks, int n)
{
    int rows = 0;
    for (int i = 0; i < n; i++) rows += blocks[i].rows;
    return rows;
}

int il_parse_attend(il_program *p, const char *text, instruction *in)
{
    cursor c = { p, text, text, 1 };
    take_values(&c, &in->items, &in->n_items);
    want(&c, ";");
    take_stack(&c, in->keys, &in->n_keys);
    want(&c, ";");
    take_stack(&c, in->queries, &in->n_queries);
    take_end(&c);
    int constant = 0;
    for (int i = 0; i < in->n_items; i++) constant |= has_constant(&in->items[i].form);
    for (int i = 0; i < in->n_keys; i++) constant |= has_constant(&in->keys[i]);
    for (int i = 0; i < in->n_queries; i++) constant |= has_constant(&in->queries[i]);
    if (constant) wrong(&c, "attention has no constants: keep a register of ones");
    if (stack_rows(in->keys, in->n_keys) != stack_rows(in->queries, in->n_queries))
        wrong(&c, "keys and queries are not equally wide");
    return c.ok;
}

/* ---- forms ---------------------------------------------------------------------------------- */

void il_form_row(const form *f, int i, double *row, double *bias)
{
    for (int k = 0; k < f->n; k++) {
        const part *t = &f->part[k];
        int own = t->rows == 1 ? 0 : i;
        switch (t->kind) {
        case PLAIN:
            row[t->at + own] += t->c;
            break;
        case SUM:
            for (int j = 0; j < t->width; j++) row[t->at + j] += t->c;
            break;
        case MATRIX:
            for (int j = 0; j < t->width; j++)
                row[t->at + j] += t->c * t->matrix[own * t->width + j];
            break;
        case CONSTANT:
            *bias += t->c;
        }
    }
}

int il_form_equal(const form *a, const form *b)
{
    if (a->n != b->n || a->rows != b->rows) return 0;
    for (int k = 0; k < a->n; k++) {
        const part *s = &a->part[k], *t = &b->part[k];
        if (s->kind != t->kind || s->c != t->c || s->at != t->at || s->width != t->width ||
            s->rows != t->rows || s->matrix != t->matrix)
            return 0;
    }
    return 1;
}

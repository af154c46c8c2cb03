/* primitives.c - arithmetic in the layers of an ordinary transformer: GeLU units and LayerNorm
 *
 *   product    x y ~ sqrt(pi/2) (gelu(e x + e y) - gelu(e x) - gelu(e y)) / e^2
 *   affine     x = gelu(x + N) - gelu(N), for x > 8 - N to the last digit of N, 2^-53 N
 *   quotient   y/|c| ~ N sqrt(2/n) LN([N c, -N c, y, -y]), n numbers in all
 *
 * gelu''(0) = sqrt(2/pi), so the product's error is of order e^2 (and what rounding leaves is magnified by 1/e).
 * The mean of the quotient's numbers is 0 and their variance 2 (N^2 c^2 + |y|^2) / n, so its relative
 * error is |y|^2 / (2 N^2 c^2). A result replaces what its register holds: -DST goes through
 * an affine unit too, or through a head that sees the own token.
 *
 * Source: Akyurek et al. 2023, arXiv:2211.15661, whose last number but y is -N c - sum y, which costs
 * an error of first order.
 */
#include "construct/program.h"

#include <math.h>
#include <stdlib.h>

static double gelu(double x)
{
    double u = 0.7978845608028654 * (x + 0.044715 * x * x * x);
    return x / (1 + il_exp(-2 * u));
}

/* The largest error of a product of numbers in [-1, 1] */
static double product_error(double e)
{
    enum { GRID = 16 };
    double worst = 0;
    for (int i = -GRID; i <= GRID; i++)
        for (int j = -GRID; j <= GRID; j++) {
            double x = (double)i / GRID, y = (double)j / GRID;
            double z = gelu(e * x + e * y) - gelu(e * x) - gelu(e * y);
            worst = fmax(worst, fabs(IL_ROOT_HALF_PI / (e * e) * z - x * y));
        }
    return worst;
}

/* One unit: `scale` gelu(a COLUMN a_at + b COLUMN b_at + constant) into column `to` */
static item unit(int to, double scale, double a, int a_at, double b, int b_at,
                 double constant)
{
    item it = { .at = to, .rows = 1, .scale = scale, .form = { .rows = 1 } };
    form *f = &it.form;
    if (a != 0) f->part[f->n++] = (part){ .c = a, .at = a_at, .width = 1, .rows = 1 };
    if (b != 0) f->part[f->n++] = (part){ .c = b, .at = b_at, .width = 1, .rows = 1 };
    if (constant != 0)
        f->part[f->n++] = (part){ .kind = CONSTANT, .c = constant, .rows = 1 };
    return it;
}

/* "DST <- FORM" or, where there is a second, "DST <- FORM ; FORM"; 0 after a mistake */
static int read_forms(il_program *p, const char *text, item *to, form *second)
{
    *to = (item){ 0 };
    char words[3][128];
    form target;
    size_t arrow = strcspn(text, "<"), n = strcspn(text, ";");
    if (p->failed) return 0;
    if (strncmp(text + arrow, "<-", 2) || n < arrow || !text[n] != !second) {
        il_mistake(p, IL_ECONFIG, "\"%s\" is not DST <- FORM%s", text,
                   second ? " ; FORM" : "");
        return 0;
    }
    snprintf(words[0], sizeof words[0], "%.*s", (int)arrow, text);
    snprintf(words[1], sizeof words[1], "%.*s", (int)(n - arrow - 2), text + arrow + 2);
    snprintf(words[2], sizeof words[2], "%s", second ? text + n + 1 : "");
    if (!il_parse_form(p, words[0], &target) || !il_parse_form(p, words[1], &to->form) ||
        (second && !il_parse_form(p, words[2], second)))
        return 0;
    to->scale = 1;
    to->at = target.part[0].at;
    to->rows = target.rows;
    return 1;
}

void il_gelu_product(il_program *p, double e, double big, int rows, int inner, int cols,
                     const char *format, ...)
{
    IL_WORDS(text, format)
    item to;
    form second;
    if (!read_forms(p, text, &to, &second)) return;
    const form *first = &to.form;
    if (first->n != 1 || second.n != 1 || first->rows != rows * inner ||
        second.rows != inner * cols || to.rows != rows * cols) {
        il_mistake(p, IL_ECONFIG, "\"%s\" is no product of (%d,%d) and (%d,%d)", text, rows,
                   inner, inner, cols);
        return;
    }
    instruction *in =
        il_instruction(p, GELU, "%s   [product by GeLU, e = %s: error %s on [-1,1]]", text,
                       il_digits_short(e).text, il_digits_short(product_error(e)).text);
    if (!in) return;
    int all = rows * cols * (3 * inner + 2);
    item *it = in->items = calloc((size_t)all, sizeof *it);
    if (!it) {
        il_mistake(p, IL_EFAIL, "out of memory for a program");
        return;
    }
    in->n_items = all;
    double scale = IL_ROOT_HALF_PI / (e * e);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            int at = to.at + r * cols + c;
            *it++ = unit(at, 1, -1, at, 0, 0, big);
            *it++ = unit(at, -1, 0, 0, 0, 0, big);
            for (int k = 0; k < inner; k++) {
                int a = first->part[0].at + r * inner + k;
                int b = second.part[0].at + k * cols + c;
                *it++ = unit(at, scale, e, a, e, b, 0);
                *it++ = unit(at, -scale, e, a, 0, 0, 0);
                *it++ = unit(at, -scale, e, b, 0, 0, 0);
            }
        }
}

void il_gelu_affine(il_program *p, double big, const char *format, ...)
{
    IL_WORDS(text, format)
    item to;
    if (!read_forms(p, text, &to, NULL)) return;
    instruction *in =
        il_instruction(p, GELU, "%s   [by GeLU, N = %s]", text, il_digits_short(big).text);
    item *it = in ? calloc(2, sizeof *it) : NULL;
    if (!it || to.form.n + 2 > PARTS || (to.form.rows != 1 && to.form.rows != to.rows)) {
        il_mistake(p, IL_ECONFIG, "\"%s\": too many terms, or not as wide as its register",
                   text);
        free(it);
        return;
    }
    in->items = it;
    in->n_items = 2;
    it[0] = to; /* gelu(FORM - DST + N) */
    it[0].form.rows = to.rows;
    it[0].form.part[it[0].form.n++] =
        (part){ .c = -1, .at = to.at, .width = to.rows, .rows = to.rows };
    it[0].form.part[it[0].form.n++] = (part){ .kind = CONSTANT, .c = big, .rows = 1 };
    it[1] = (item){ .at = to.at, .rows = to.rows, .scale = -1, .form = { .rows = 1 } };
    it[1].form.part[it[1].form.n++] = (part){ .kind = CONSTANT, .c = big, .rows = 1 };
}

void il_norm_quotient(il_program *p, double big, const char *format, ...)
{
    IL_WORDS(text, format)
    item to;
    form divisor;
    if (!read_forms(p, text, &to, &divisor)) return;
    if (divisor.rows != 1 || to.form.rows != to.rows) {
        il_mistake(p, IL_ECONFIG, "\"%s\" is no quotient by a number", text);
        return;
    }
    instruction *in = il_instruction(
        p, QUOTIENT, "%s   [quotient by LayerNorm, N = %s: error %s where |y| = |c|]", text,
        il_digits_short(big).text, il_digits_short(1 / (2 * big * big)).text);
    if (!in) return;
    in->items = calloc(1, sizeof *in->items);
    if (!in->items) {
        il_mistake(p, IL_EFAIL, "out of memory for a program");
        return;
    }
    *in->items = to;
    in->n_items = in->n_keys = 1;
    in->keys[0] = divisor;
    in->big = big;
}

/* cell.c - what a cell of a table says: a number, a missing one, or text that was meant as a number
 *
 * A cell that was meant as a number is taken apart into what stands before its digits, the digits with
 * what divides them, and what stands behind: `$ 1,234.5 m` is `$`, `1,234.5` and `m`. The hint says
 * which part keeps the cell from being a number. Words, codes (`A-1`, `k3`) and sentences were not meant so.
 */
#include "report/report.h"

#include <math.h>
#include <strings.h>

enum {
    LONGEST = 40, /* bytes of a cell that is looked at */
    LETTERS = 3,  /* before a number, as in EUR */
    BEHIND = 8    /* bytes of a unit */
};

static int is_missing(const char *cell)
{
    static const char *const words[] = { "", "NA", "NaN", "?", "null" };
    for (int i = 0; i < IL_COUNT(words); i++)
        if (!strcasecmp(cell, words[i])) return 1;
    return 0;
}

int il_cell_number(const char *cell, double *value)
{
    if (!cell || !value) return 0;
    *value = NAN;
    return is_missing(cell) || il_number_parse(cell, value);
}

/* ---- a number in disguise -------------------------------------------------------------------- */

static int is_letter(char c) { return 'a' <= (c | 32) && (c | 32) <= 'z'; }
static int is_digit(char c) { return '0' <= c && c <= '9'; }

/* The cell without blanks around it, every kind of blank as ' ', every kind of minus as '-'; *dashes:
 * how many of these were no hyphen. 0 where the cell is too long. */
static int simplify(char *out, const char *cell, int *dashes)
{
    static const struct {
        const char *odd;
        char plain;
    } kinds[] = {
        { "\t", ' ' },           { "\xC2\xA0", ' ' },     { "\xE2\x80\x89", ' ' },
        { "\xE2\x80\xAF", ' ' }, { "\xE2\x88\x92", '-' }, { "\xE2\x80\x93", '-' },
    };
    size_t n = 0;
    *dashes = 0;
    while (*cell) {
        size_t size = 1;
        char c = *cell;
        for (int k = 0; k < IL_COUNT(kinds) && size == 1; k++) {
            size_t length = strlen(kinds[k].odd);
            if (strncmp(cell, kinds[k].odd, length) != 0) continue;
            c = kinds[k].plain;
            size = length;
            *dashes += c == '-';
        }
        cell += size;
        if (c == ' ' && !n) continue;
        if (n == LONGEST) return 0;
        out[n++] = c;
    }
    while (n && out[n - 1] == ' ') n--;
    out[n] = 0;
    return 1;
}

/* Bytes before the number. Of a word or a code all of them. */
static size_t before_digits(const char *text)
{
    size_t n = strcspn(text, "0123456789"), letters = 0;
    if (n && text[n] && text[n - 1] == '.') n--;
    for (size_t i = 0; i < n; i++) {
        letters += is_letter(text[i]) != 0;
        int code = is_letter(text[i]) && (is_digit(text[i + 1]) || text[i + 1] == '-');
        if (code || letters > LETTERS || text[i] == '/') return strlen(text);
    }
    return n;
}

/* Bytes of digits with what divides them, and an exponent */
static size_t digits_of(const char *text)
{
    size_t n = strspn(text, "0123456789.,'_ ");
    while (n && !is_digit(text[n - 1])) n--;
    if ((text[n] | 32) == 'e') {
        size_t sign = n + 1 + (text[n + 1] == '+' || text[n + 1] == '-');
        size_t more = strspn(text + sign, "0123456789");
        if (more) n = sign + more;
    }
    return n;
}

int il_cell_hint(const char *cell, char *hint, size_t size)
{
    static const char decimal[] =
        "write 1234.5, with a decimal point and nothing between thousands";
    char text[LONGEST + 1], unit[LONGEST + 1], number[LONGEST + 1];
    double v;
    int dashes;
    if (!cell || !hint || !size) return 0;
    snprintf(hint, size,
             "a number is written as 1234.5, a missing one as an empty cell or NA");
    if (il_cell_number(cell, &v) || !simplify(text, cell, &dashes)) return 0;

    size_t before = before_digits(text), digits = digits_of(text + before);
    const char *behind = text + before + digits;
    while (*behind == ' ') behind++;
    const char *word = text + strspn(text, "+-");
    int infinite = !strcasecmp(word, "inf") || !strcasecmp(word, "infinity");
    if (!digits && !infinite) return 0;
    snprintf(number, sizeof number, "%.*s", (int)digits, text + before);
    int divided =
        number[strcspn(number, ",'_ ")] || strchr(number, '.') != strrchr(number, '.');
    int several = behind[strcspn(behind, "0123456789")] != 0;
    if (strlen(behind) > BEHIND && !several) return 0;

    size_t unit_size = strcspn(text + strspn(text, "+- "), "0123456789.+- ");
    snprintf(unit, sizeof unit, "%.*s", (int)unit_size, text + strspn(text, "+- "));
    if (!*unit) snprintf(unit, sizeof unit, "%s", behind);

    int plain = !*unit && !divided && !dashes;
    if (infinite || (plain && !il_number_parse(number, &v)))
        snprintf(hint, size, "numbers are finite, at most 1.8e308");
    else if (plain)
        return 1; /* --5 */
    else if (!strcmp(number, "0") && strchr("xXbBoO", *behind) && several)
        snprintf(hint, size, "write it in decimal");
    else if (several)
        snprintf(hint, size, "a date, a range or a fraction is several; write one number");
    else if (dashes || *unit == '(' || !strcmp(unit, "-"))
        snprintf(hint, size, "write a negative number with a hyphen in front, as in -5");
    else if (*unit)
        snprintf(hint, size, "write the number alone, without '%s'%s%s", il_show(unit).text,
                 divided ? "; " : "", divided ? decimal : "");
    else
        snprintf(hint, size, "%s", decimal);
    return 1;
}

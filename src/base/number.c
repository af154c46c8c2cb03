/* number.c - numbers as text and back, in the same way under every locale
 *
 * printf and strtod follow LC_NUMERIC, which a host program may have set to one with a decimal
 * comma. We write a point whatever it says, and hand strtod the separator it expects.
 */
#include "report/report.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* What printf wrote between the digits becomes a point. */
static void use_point(char *text)
{
    const char *mark = localeconv()->decimal_point;
    char *at = strcmp(mark, ".") ? strstr(text, mark) : NULL;
    if (!at) return;
    *at = '.';
    size_t size = strlen(mark);
    memmove(at + 1, at + size, strlen(at + size) + 1);
}

void il_number_exact(char text[IL_NUMBER], double v)
{
    text[0] = 0;
    if (isnan(v)) return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, IL_NUMBER, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    use_point(text);
}

void il_number_short(char text[IL_NUMBER], double v)
{
    double a = fabs(v);
    if (isnan(v)) {
        strcpy(text, "-");
    } else if (a < 1e15 && v == (double)(int64_t)v) {
        snprintf(text, IL_NUMBER, "%.0f", v);
    } else if (a >= 1000 && a < 1e7) {
        snprintf(text, IL_NUMBER, "%.0f", v);
    } else if (a >= 1e-3 && a < 1000) {
        snprintf(text, IL_NUMBER, "%#.4g", v); /* # keeps the zeros, so columns line up */
    } else {
        snprintf(text, IL_NUMBER, "%.4g", v);
    }
    use_point(text);
}

/* [+-] digits [. digits] [e [+-] digits], with at least one digit before the exponent */
static const char *decimal_end(const char *s)
{
    int digits = 0;
    if (*s == '+' || *s == '-') s++;
    for (; isdigit((unsigned char)*s); s++) digits++;
    if (*s == '.')
        for (s++; isdigit((unsigned char)*s); s++) digits++;
    if (!digits) return NULL;
    if (*s != 'e' && *s != 'E') return s;
    s++;
    if (*s == '+' || *s == '-') s++;
    if (!isdigit((unsigned char)*s)) return NULL;
    while (isdigit((unsigned char)*s)) s++;
    return s;
}

int il_number_parse(const char *text, double *v)
{
    while (*text == ' ') text++;
    const char *end = decimal_end(text);
    if (!end || end[strspn(end, " ")]) return 0;

    char local[512]; /* longer numerals are not numbers of a table */
    const char *mark = localeconv()->decimal_point, *point = strchr(text, '.');
    if (!point || point >= end) point = end;
    int n = snprintf(local, sizeof local, "%.*s%s%.*s", (int)(point - text), text,
                     point < end ? mark : "", point < end ? (int)(end - point - 1) : 0,
                     point < end ? point + 1 : "");
    if (n < 0 || n >= (int)sizeof local) return 0;
    double got = strtod(local, NULL);
    if (!isfinite(got)) return 0;
    *v = got;
    return 1;
}

int il_text_missing(const char *text)
{
    static const char *const words[] = { "", "NA", "NaN", "?", "null" };
    for (int i = 0; i < IL_COUNT(words); i++)
        if (!strcasecmp(text, words[i])) return 1;
    return 0;
}

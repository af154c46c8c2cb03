/* number.c - numbers as text and back, in the same way under every locale
 *
 * printf and strtod follow LC_NUMERIC, which a host program may have set to one with a decimal
 * comma. We write a point whatever it says, and hand strtod the separator it expects.
 */
#include "base/base.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

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

il_number il_digits(double value)
{
    il_number number;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number.text, sizeof number.text, "%.*g", digits, value);
        if (strtod(number.text, NULL) == value) break;
    }
    use_point(number.text);
    return number;
}

il_number il_digits_short(double value)
{
    il_number number;
    double a = fabs(value);
    const char *format = "%.4g";
    if ((a < 1e15 && value == floor(value)) || (a >= 1000 && a < 1e7)) format = "%.0f";
    if (a >= 1e-3 && a < 1000 && value != floor(value))
        format = "%#.4g"; /* # keeps the zeros, so columns line up */
    if (isnan(value)) return (il_number){ "-" };
    snprintf(number.text, sizeof number.text, format, value);
    use_point(number.text);
    return number;
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

int il_number_parse(const char *text, double *value)
{
    while (*text == ' ') text++;
    const char *end = decimal_end(text);
    if (!end || end[strspn(end, " ")]) return 0;

    char local[512]; /* longer numerals are nobody's */
    const char *mark = localeconv()->decimal_point, *point = strchr(text, '.');
    if (!point || point >= end) point = end;
    int n = snprintf(local, sizeof local, "%.*s%s%.*s", (int)(point - text), text,
                     point < end ? mark : "", point < end ? (int)(end - point - 1) : 0,
                     point < end ? point + 1 : "");
    if (n < 0 || n >= (int)sizeof local) return 0;
    double got = strtod(local, NULL);
    if (!isfinite(got)) return 0;
    *value = got;
    return 1;
}

double il_power(double x, int64_t n)
{
    double y = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) y *= x;
    return y;
}

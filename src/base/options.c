/* options.c - a struct described by a table: defaults, parsing, printing
 */
#include "base/base.h"

#include <math.h>

void il_opt_init(const il_opt *table, void *target)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char *field = (char *)target + o->offset;
        switch (o->type) {
        case IL_OPT_REAL:
            memcpy(field, &o->init, sizeof(double));
            break;
        case IL_OPT_TEXT:
            snprintf(field, IL_TEXT, "%s", o->words ? o->words : "");
            break;
        default: {
            int init = (int)o->init;
            memcpy(field, &init, sizeof init);
        }
        }
    }
}

const il_opt *il_opt_find(const il_opt *table, const char *name)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++)
        if (!strcmp(o->name, name)) return o;
    return NULL;
}

/* The i-th of "first|second|...": its start and length, or NULL past the last. */
static const char *word_at(const char *words, int i, size_t *length)
{
    while (words && i-- > 0) {
        words = strchr(words, '|');
        if (words) words++;
    }
    if (words) *length = strcspn(words, "|");
    return words;
}

static int word_index(const char *words, const char *value)
{
    size_t length;
    const char *word;
    for (int i = 0; (word = word_at(words, i, &length)); i++)
        if (strlen(value) == length && !strncmp(word, value, length)) return i;
    return -1;
}

static il_status not_a(il_error *err, const char *name, const char *value, const char *type,
                       const il_opt *o)
{
    return il_fail(err, IL_ECONFIG, "%s = '%s' is not %s (%s)", name, value, type, o->help);
}

il_status il_opt_set(const il_opt *o, void *target, const char *name, const char *value,
                     il_error *err)
{
    char *field = (char *)target + o->offset;
    if (o->type == IL_OPT_TEXT) {
        if (strlen(value) >= IL_TEXT)
            return il_fail(err, IL_ECONFIG, "%s is longer than %d characters", name,
                           IL_TEXT - 1);
        snprintf(field, IL_TEXT, "%s", value);
        return IL_OK;
    }
    int number;
    if (o->type == IL_OPT_CHOICE) {
        number = word_index(o->words, value);
        if (number < 0)
            return il_fail(err, IL_ECONFIG, "%s = '%s' is none of %s", name, value,
                           o->words);
    } else if (o->type == IL_OPT_BOOL) {
        static const char *const words[] = { "false", "False", "no",  "0",
                                             "true",  "True",  "yes", "1" };
        for (number = 0; number < 8 && strcmp(value, words[number]); number++) {
        }
        if (number == 8) return not_a(err, name, value, "true or false", o);
        number /= 4;
    } else {
        double real;
        if (!il_number_parse(value, &real)) return not_a(err, name, value, "a number", o);
        if (o->type == IL_OPT_INT && real != floor(real))
            return not_a(err, name, value, "a whole number", o);
        if (real < o->min || real > o->max)
            return il_fail(err, IL_ECONFIG, "%s = %s is out of its range %s to %s (%s)",
                           name, value, il_digits(o->min).text, il_digits(o->max).text,
                           o->help);
        if (o->type == IL_OPT_REAL) {
            memcpy(field, &real, sizeof real);
            return IL_OK;
        }
        number = (int)real;
    }
    memcpy(field, &number, sizeof number);
    return IL_OK;
}

void il_opt_print(const il_opt *o, const void *target, char *text, size_t size)
{
    const char *field = (const char *)target + o->offset;
    int number = 0;
    if (o->type == IL_OPT_TEXT) {
        snprintf(text, size, "%.*s", IL_TEXT - 1, field);
    } else if (o->type == IL_OPT_REAL) {
        double real;
        memcpy(&real, field, sizeof real);
        snprintf(text, size, "%s", il_digits(real).text);
    } else {
        memcpy(&number, field, sizeof number);
        size_t length = 0;
        const char *word =
            o->type == IL_OPT_CHOICE ? word_at(o->words, number, &length) : NULL;
        if (word)
            snprintf(text, size, "%.*s", (int)length, word);
        else if (o->type == IL_OPT_BOOL)
            snprintf(text, size, "%s", number ? "true" : "false");
        else
            snprintf(text, size, "%d", number);
    }
}

int il_opt_equal(const il_opt *o, const void *a, const void *b)
{
    char x[IL_TEXT], y[IL_TEXT];
    il_opt_print(o, a, x, sizeof x);
    il_opt_print(o, b, y, sizeof y);
    return !strcmp(x, y);
}

static int count_words(const char *words)
{
    int n = 1;
    while ((words = strchr(words, '|'))) {
        words++;
        n++;
    }
    return n;
}

/* Keys that were not set through their table (a struct filled in by hand) keep to it too. */
il_status il_opt_check(const il_opt *table, const void *target, const char *prefix,
                       il_error *err)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        const char *field = (const char *)target + o->offset;
        double value = 0, min = o->min, max = o->max;
        int number;
        if (o->type == IL_OPT_TEXT) {
            if (memchr(field, 0, IL_TEXT)) continue;
            return il_fail(err, IL_ECONFIG, "%s%s does not end within its %d bytes", prefix,
                           o->name, IL_TEXT);
        }
        if (o->type == IL_OPT_REAL) {
            memcpy(&value, field, sizeof value);
        } else {
            memcpy(&number, field, sizeof number);
            value = number;
        }
        if (o->type == IL_OPT_BOOL) max = 1;
        if (o->type == IL_OPT_CHOICE) max = count_words(o->words) - 1;
        if (!(value >= min && value <= max))
            return il_fail(err, IL_ECONFIG, "%s%s = %s is out of its range %s to %s (%s)",
                           prefix, o->name, il_digits(value).text, il_digits(min).text,
                           il_digits(max).text, o->help);
    }
    return IL_OK;
}

il_status il_opt_parse(const il_opt *table, void *target, const char *text,
                       const char *what, il_error *err)
{
    enum { MOST = 128 }; /* options of a table */
    unsigned char said[MOST] = { 0 };
    while (*(text += strspn(text, " "))) {
        char item[2 * IL_TEXT];
        size_t length = strcspn(text, " ");
        if (length >= sizeof item)
            return il_fail(err, IL_ECONFIG, "%s: an option is too long", what);
        memcpy(item, text, length);
        item[length] = 0;
        text += length;
        char *value = strchr(item, '=');
        if (!value)
            return il_fail(err, IL_ECONFIG, "%s: '%s' is not of the form option=value",
                           what, item);
        *value++ = 0;
        const il_opt *o = il_opt_find(table, item);
        if (!o) {
            const char *names[64];
            int n = 0;
            for (const il_opt *p = table; p && p->type != IL_OPT_END && n < 64; p++)
                names[n++] = p->name;
            const char *near = il_nearest(item, names, n);
            return il_fail(err, IL_ECONFIG, "%s has no option '%s'%s%s%s", what, item,
                           near ? "; did you mean '" : "", near ? near : "",
                           near ? "'?" : "");
        }
        if (o - table < MOST && said[o - table]++)
            return il_fail(err, IL_ECONFIG, "%s: option '%s' is given twice; keep one",
                           what, item);
        IL_TRY(il_opt_set(o, target, item, value, err));
    }
    return IL_OK;
}

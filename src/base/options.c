/* options.c - structs described by a table: defaults, parsing, printing */
#include "base/base.h"

#include <inttypes.h>
#include <math.h>

void il_opt_init(const il_opt *table, void *target)
{
    for (const il_opt *o = table; target && o && o->type != IL_OPT_END; o++) {
        char *field = (char *)target + o->offset;
        switch (o->type) {
        case IL_OPT_REAL:
            memcpy(field, &o->init, sizeof(double));
            break;
        case IL_OPT_SEED: {
            uint64_t seed = (uint64_t)o->init;
            memcpy(field, &seed, sizeof seed);
            break;
        }
        case IL_OPT_STRING:
            memcpy(field, &o->words, sizeof o->words);
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

static const il_opt *find(const il_opt *table, const char *name, size_t size)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++)
        if (strlen(o->name) == size && !memcmp(o->name, name, size)) return o;
    return NULL;
}

const il_opt *il_opt_find(const il_opt *table, const char *name)
{
    return name ? find(table, name, strlen(name)) : NULL;
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
    return il_fail(err, IL_ECONFIG, "%s = '%s' is not %s (%s)", name, il_show(value).text,
                   type, o->help);
}

static il_status set_text(const il_opt *o, char *field, const char *name, const char *value,
                          il_error *err)
{
    if (o->type == IL_OPT_STRING) {
        memcpy(field, &value, sizeof value);
        return IL_OK;
    }
    if (strlen(value) >= IL_TEXT)
        return il_fail(err, IL_ECONFIG, "%s is longer than %d characters", name,
                       IL_TEXT - 1);
    snprintf(field, IL_TEXT, "%s", value);
    return IL_OK;
}

/* Digits alone; the largest number is no seed. */
static il_status set_seed(const il_opt *o, char *field, const char *name, const char *value,
                          il_error *err)
{
    uint64_t seed = 0;
    const char *at = value;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (seed > (UINT64_MAX - 1 - digit) / 10) break;
        seed = 10 * seed + digit;
    }
    if (*at || at == value)
        return not_a(err, name, value, "a whole number from 0 to 18446744073709551614", o);
    memcpy(field, &seed, sizeof seed);
    return IL_OK;
}

static il_status set_number(const il_opt *o, char *field, const char *name,
                            const char *value, il_error *err)
{
    double real;
    int whole = o->type == IL_OPT_INT, word = whole ? word_index(o->words, value) : -1;
    if (word >= 0) {
        word = -1 - word;
        memcpy(field, &word, sizeof word);
        return IL_OK;
    }
    if (!il_number_parse(value, &real) || (whole && real != floor(real)))
        return whole && o->words
                   ? il_fail(err, IL_ECONFIG,
                             "%s = '%s' is neither a whole number nor %s (%s)", name,
                             il_show(value).text, o->words, o->help)
                   : not_a(err, name, value, whole ? "a whole number" : "a number", o);
    if (real < o->min || real > o->max)
        return il_fail(err, IL_ECONFIG, "%s = %s is out of its range %s to %s (%s)", name,
                       il_show(value).text, il_digits(o->min).text, il_digits(o->max).text,
                       o->help);
    int number = whole ? (int)real : 0; /* a real one may be far from any int */
    if (whole)
        memcpy(field, &number, sizeof number);
    else
        memcpy(field, &real, sizeof real);
    return IL_OK;
}

il_status il_opt_set(const il_opt *o, void *target, const char *name, const char *value,
                     il_error *err)
{
    static const char *const truth[] = { "false", "False", "no",  "0",
                                         "true",  "True",  "yes", "1" };
    IL_GIVEN(err, "opt target name value", o, target, name, value);
    char *field = (char *)target + o->offset;
    int number = 0;
    switch (o->type) {
    case IL_OPT_END:
        return il_fail(err, IL_ECONFIG, "%s: there is no such option", name);
    case IL_OPT_TEXT:
    case IL_OPT_STRING:
        return set_text(o, field, name, value, err);
    case IL_OPT_SEED:
        return set_seed(o, field, name, value, err);
    case IL_OPT_INT:
    case IL_OPT_REAL:
        return set_number(o, field, name, value, err);
    case IL_OPT_CHOICE:
        number = word_index(o->words, value);
        if (number >= 0) break;
        return il_fail(err, IL_ECONFIG, "%s = '%s' is none of %s", name,
                       il_show(value).text, o->words);
    case IL_OPT_BOOL:
        while (number < IL_COUNT(truth) && strcmp(value, truth[number])) number++;
        if (number == IL_COUNT(truth)) return not_a(err, name, value, "true or false", o);
        number /= 4;
    }
    memcpy(field, &number, sizeof number);
    return IL_OK;
}

void il_opt_print(const il_opt *o, const void *target, char *text, size_t size)
{
    if (!text || !size) return;
    text[0] = 0;
    if (!o || !target) return;
    const char *field = (const char *)target + o->offset, *string;
    int number = 0;
    uint64_t seed;
    if (o->type == IL_OPT_TEXT) {
        snprintf(text, size, "%.*s", IL_TEXT - 1, field);
    } else if (o->type == IL_OPT_STRING) {
        memcpy(&string, field, sizeof string);
        snprintf(text, size, "%s", string ? string : "");
    } else if (o->type == IL_OPT_SEED) {
        memcpy(&seed, field, sizeof seed);
        snprintf(text, size, "%" PRIu64, seed);
    } else if (o->type == IL_OPT_REAL) {
        double real;
        memcpy(&real, field, sizeof real);
        snprintf(text, size, "%s", il_digits(real).text);
    } else {
        memcpy(&number, field, sizeof number);
        size_t length = 0;
        const char *word = o->type == IL_OPT_CHOICE ? word_at(o->words, number, &length)
                           : o->type == IL_OPT_INT && number < 0
                               ? word_at(o->words, -1 - number, &length)
                               : NULL;
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
        if (o->type == IL_OPT_STRING || o->type == IL_OPT_SEED) continue;
        if (o->type == IL_OPT_REAL) {
            memcpy(&value, field, sizeof value);
        } else {
            memcpy(&number, field, sizeof number);
            value = number;
        }
        if (o->type == IL_OPT_BOOL) max = 1;
        if (o->type == IL_OPT_CHOICE) max = count_words(o->words) - 1;
        if (o->type == IL_OPT_INT && o->words && value < 0 &&
            value >= -count_words(o->words))
            continue;
        int unset = value == o->init || (isnan(value) && isnan(o->init));
        if (!(value >= min && value <= max) && !unset)
            return il_fail(err, IL_ECONFIG, "%s%s = %s is out of its range %s to %s (%s)",
                           prefix, o->name, il_digits(value).text, il_digits(min).text,
                           il_digits(max).text, o->help);
    }
    return IL_OK;
}

enum { MOST = 128 }; /* options of a table */

static il_status unknown(const il_opt *table, const char *name, const char *what,
                         il_error *err)
{
    const char *names[MOST];
    int n = 0;
    for (const il_opt *o = table; o && o->type != IL_OPT_END && n < MOST; o++)
        names[n++] = o->name;
    return il_fail(err, IL_ECONFIG, "%s has no option '%s'%s", what, il_show(name).text,
                   il_advise(name, names, n, "").text);
}

/* One "key=value"; given[i]: option i of the table has been set. */
static il_status apply(const il_opt *table, void *target, unsigned char given[MOST],
                       const char *setting, const char *what, il_error *err)
{
    const char *value = strchr(setting, '=');
    if (!value)
        return il_fail(err, IL_ECONFIG, "%s: '%s' is not of the form option=value", what,
                       il_show(setting).text);
    char name[IL_TEXT];
    snprintf(name, sizeof name, "%.*s", (int)(value - setting), setting);
    const il_opt *o = find(table, setting, (size_t)(value - setting));
    if (!o) return unknown(table, name, what, err);
    if (o - table < MOST && given[o - table]++)
        return il_fail(err, IL_ECONFIG, "%s: option '%s' is given twice; keep one", what,
                       name);
    return il_opt_set(o, target, name, value + 1, err);
}

il_status il_opt_apply(const il_opt *table, void *target, const char *const *settings,
                       int n, const char *what, il_error *err)
{
    unsigned char given[MOST] = { 0 };
    IL_GIVEN(err, "target what", target, what);
    IL_WITHIN(err, IL_MOST, "n", n);
    if (n) IL_GIVEN(err, "settings", settings);
    for (int i = 0; i < n; i++) {
        IL_GIVEN(err, "settings", settings[i]);
        IL_TRY(apply(table, target, given, settings[i], what, err));
    }
    return IL_OK;
}

il_status il_opt_parse(const il_opt *table, void *target, const char *text,
                       const char *what, il_error *err)
{
    unsigned char given[MOST] = { 0 };
    while (*(text += strspn(text, " "))) {
        char item[2 * IL_TEXT];
        size_t length = strcspn(text, " ");
        if (length >= sizeof item)
            return il_fail(err, IL_ECONFIG, "%s: an option is too long", what);
        memcpy(item, text, length);
        item[length] = 0;
        text += length;
        IL_TRY(apply(table, target, given, item, what, err));
    }
    return IL_OK;
}

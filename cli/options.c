/* options.c - a command's words: options into a struct, everything else kept in order
 *
 * Options begin with two dashes, those of one letter with one.
 */
#include "cli.h"

#include <errno.h>

typedef struct {
    const char *command;
    const cli_option *options;
    void *target;
} parser;

static il_status unknown(const parser *p, const char *name, size_t size, il_error *err)
{
    const char *names[32];
    char word[64];
    int n = 0;
    for (const cli_option *o = p->options; o && o->kind && n < CLI_COUNT(names); o++)
        names[n++] = o->name;
    snprintf(word, sizeof word, "%.*s", (int)(size < 60 ? size : 60), name);
    const char *near = il_nearest(word, names, n);
    return il_fail(err, IL_EUSAGE, "%s: unknown option '--%s'%s%s%s", p->command, word,
                   near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
}

static il_status set(const parser *p, const cli_option *option, const char *value,
                     il_error *err)
{
    char *field = (char *)p->target + option->offset, *end;
    errno = 0;
    if (option->kind == CLI_TEXT) {
        *(const char **)(void *)field = value;
        return IL_OK;
    }
    if (option->kind == CLI_SEED) {
        unsigned long long v = strtoull(value, &end, 10);
        if (errno || *end || *value < '0' || *value > '9' || v >= CLI_NO_SEED)
            return il_fail(err, IL_EUSAGE, "%s: --%s takes a whole number, not '%.64s'",
                           p->command, option->name, value);
        *(uint64_t *)(void *)field = v;
        return IL_OK;
    }
    if (option->kind == CLI_REAL) {
        double v = strtod(value, &end);
        if (*end || end == value || !isfinite(v))
            return il_fail(err, IL_EUSAGE, "%s: --%s takes a number, not '%.64s'",
                           p->command, option->name, value);
        *(double *)(void *)field = v;
        return IL_OK;
    }
    long v = strtol(value, &end, 10);
    if (errno || *end || end == value || v < option->min || v > 1000000000)
        return il_fail(err, IL_EUSAGE,
                       "%s: --%s takes a whole number from %d up, not '%.64s'", p->command,
                       option->name, option->min, value);
    *(int *)(void *)field = (int)v;
    return IL_OK;
}

const char *cli_dashes(const cli_option *option) { return option->name[1] ? "--" : "-"; }

static int is_letter(const parser *p, const char *word)
{
    const cli_option *o = p->options;
    while (o && o->kind && strcmp(o->name, word + 1)) o++;
    return o && o->kind && !o->name[1];
}

/* One option at argv[*i], with its value in the same word or the next. */
static il_status take(const parser *p, int argc, char **argv, int *i, il_error *err)
{
    const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1), *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    const cli_option *o = p->options;
    while (o && o->kind && (strlen(o->name) != size || strncmp(o->name, name, size))) o++;
    if (!o || !o->kind) return unknown(p, name, size, err);
    if (o->kind == CLI_FLAG) {
        if (equals)
            return il_fail(err, IL_EUSAGE, "%s: --%s takes no value", p->command, o->name);
        *(int *)(void *)((char *)p->target + o->offset) = 1;
        return IL_OK;
    }
    if (equals) return set(p, o, equals + 1, err);
    if (*i + 1 >= argc)
        return il_fail(err, IL_EUSAGE, "%s: %s%s needs a value", p->command, cli_dashes(o),
                       o->name);
    return set(p, o, argv[++*i], err);
}

il_status cli_parse(const cli_command *command, int argc, char **argv, void *target,
                    int least, int most, int *words, il_error *err)
{
    parser state = { argv[0], command->options, target }, *p = &state;
    int n = 0, literal = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (literal || word[0] != '-' || !word[1]) {
            argv[++n] = word;
        } else if (!strcmp(word, "--")) {
            literal = 1; /* what follows is no option, whatever it looks like */
        } else if (word[1] != '-' && !is_letter(p, word)) {
            return il_fail(err, IL_EUSAGE,
                           "%s: unknown option '%.64s'; options begin with '--'",
                           p->command, word);
        } else {
            CLI_TRY(take(p, argc, argv, &i, err));
        }
    }
    if (n < least) return il_fail(err, IL_EUSAGE, "%s: an argument is missing", p->command);
    if (n > most)
        return il_fail(err, IL_EUSAGE, "%s: one argument too many: '%.64s'", p->command,
                       argv[most + 1]);
    *words = n;
    return IL_OK;
}

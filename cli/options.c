/* options.c - command-line parsing: options into a struct, settings for the library, words
 *
 * Options begin with two dashes, those of one letter with one. Their values are read and checked by the
 * tables; an option of the library's table stays text, "key=value", and is handed on.
 */
#include "cli.h"

enum { MOST = 64 }; /* options of a table */

typedef struct {
    const char *name;       /* of the command */
    int keys;               /* it takes key=value words */
    const il_opt *table[2]; /* the command's own, and the library's */
    unsigned char given[2][MOST];
    cli_call *call;
    const char **setting; /* the next one's place */
    char *text;           /* and its text's */
} parser;

/* ---- options as text --------------------------------------------------------------------------- */

static const char *stands_for(const il_opt *o)
{
    if (o->value) return o->value;
    switch (o->type) {
    case IL_OPT_BOOL:
        return "";
    case IL_OPT_CHOICE:
        return o->words;
    case IL_OPT_INT:
        return "N";
    case IL_OPT_REAL:
        return "X";
    case IL_OPT_SEED:
        return "S";
    default:
        return "TEXT";
    }
}

void cli_show_option(char text[CLI_SHOWN], const il_opt *o, int with_value)
{
    const char *value = with_value ? stands_for(o) : "";
    int n = snprintf(text, CLI_SHOWN, "%s%.60s", o->name[1] ? "--" : "-", o->name);
    for (int i = 0; i < n; i++)
        if (text[i] == '_') text[i] = '-';
    snprintf(text + n, (size_t)(CLI_SHOWN - n), "%s%s", *value ? " " : "", value);
}

void cli_show_default(char text[CLI_SHOWN], const il_opt *o, int flag)
{
    double room[IL_TEXT / sizeof(double)];
    il_opt alone[] = { *o, { 0 } };
    alone[0].offset = 0;
    text[0] = 0;
    int number = o->type == IL_OPT_INT || o->type == IL_OPT_REAL;
    if (o->type == IL_OPT_BOOL && flag) return;
    if (number && !(o->init >= o->min && o->init <= o->max)) return; /* none is given */
    il_opt_init(alone, room);
    il_opt_print(alone, room, text, CLI_SHOWN);
}

/* ---- one option ---------------------------------------------------------------------------------- */

static int is_name(const char *name, const char *said, size_t size)
{
    size_t i = 0;
    while (i < size && name[i] && (name[i] == '_' ? '-' : name[i]) == said[i]) i++;
    return i == size && !name[i];
}

static const il_opt *find(const parser *p, const char *name, size_t size, int *table)
{
    for (*table = 0; *table < 2; ++*table)
        for (const il_opt *o = p->table[*table]; o && o->type != IL_OPT_END; o++)
            if (is_name(o->name, name, size)) return o;
    return NULL;
}

static il_status unknown(const parser *p, const char *dashes, const char *name, size_t size,
                         il_error *err)
{
    char names[2 * MOST][CLI_SHOWN], word[CLI_SHOWN];
    const char *at[2 * MOST];
    int n = 0;
    for (int t = 0; t < 2; t++)
        for (const il_opt *o = p->table[t]; o && o->type != IL_OPT_END && n < 2 * MOST;
             o++) {
            cli_show_option(names[n], o, 0);
            at[n] = names[n];
            n++;
        }
    snprintf(word, sizeof word, "%s%.*s", dashes, (int)(size < 60 ? size : 60), name);
    const char *near = il_nearest(word, at, n);
    return il_fail(err, IL_EUSAGE, "%s: unknown option '%s'%s%s%s", p->name, word,
                   near      ? "; did you mean '"
                   : p->keys ? "; a key is given without dashes, as key=value"
                             : "",
                   near ? near : "", near ? "'?" : "");
}

static il_status set(parser *p, const il_opt *o, int table, const char *value,
                     il_error *err)
{
    char flag[CLI_SHOWN];
    double room[IL_TEXT / sizeof(double)];
    il_error why;
    il_opt alone = *o;
    alone.offset = 0;
    cli_show_option(flag, o, 0);
    if (p->given[table][o - p->table[table]]++)
        return il_fail(err, IL_EUSAGE, "%s: %s is given twice; keep one", p->name, flag);
    il_status status = table ? il_opt_set(&alone, room, flag, value, &why)
                             : il_opt_set(o, p->call->options, flag, value, &why);
    if (status) return il_fail(err, IL_EUSAGE, "%s: %s", p->name, why.text);
    if (!table) return IL_OK;
    *p->setting++ = p->text;
    p->call->n_settings++;
    p->text += sprintf(p->text, "%s=%s", o->name, value) + 1;
    return IL_OK;
}

/* The option at argv[*i], with its value in the same word or the next. */
static il_status take(parser *p, int argc, char **argv, int *i, il_error *err)
{
    const char *dashes = argv[*i][1] == '-' ? "--" : "-";
    const char *name = argv[*i] + strlen(dashes), *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    char flag[CLI_SHOWN];
    int table;
    const il_opt *o = find(p, name, size, &table);
    if (!o || !o->name[1] != !dashes[1]) return unknown(p, dashes, name, size, err);
    cli_show_option(flag, o, 0);
    if (o->type == IL_OPT_BOOL && equals)
        return il_fail(err, IL_EUSAGE, "%s: %s takes no value", p->name, flag);
    if (o->type == IL_OPT_BOOL) return set(p, o, table, "true", err);
    if (equals) return set(p, o, table, equals + 1, err);
    if (*i + 1 >= argc)
        return il_fail(err, IL_EUSAGE, "%s: %s needs a value", p->name, flag);
    return set(p, o, table, argv[++*i], err);
}

/* ---- the command line ------------------------------------------------------------------------------ */

static il_status begin(cli_call *call, parser *p, const cli_row *row, int argc, char **argv,
                       il_error *err)
{
    const cli_command *c = row->command;
    size_t text = 0, places = (size_t)argc * sizeof *call->settings;
    for (int i = 0; i < argc; i++) text += 2 * strlen(argv[i]) + sizeof "=true";
    *call = (cli_call){ .word = argv, .memory = calloc(1, c->size + places + text) };
    if (!call->memory) return il_fail(err, IL_EFAIL, "out of memory for a command line");
    call->options = call->memory;
    p->setting = (const char **)(void *)((char *)call->memory + c->size);
    p->text = (char *)(p->setting + argc);
    call->settings = p->setting;
    il_opt_init(c->options, call->options);
    return IL_OK;
}

static il_status parse(parser *p, const cli_command *c, int argc, char **argv,
                       il_error *err)
{
    int n = 0, literal = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (literal || word[0] != '-' || !word[1])
            argv[++n] = word;
        else if (!strcmp(word, "--"))
            literal = 1; /* what follows is no option, whatever it looks like */
        else
            CLI_TRY(take(p, argc, argv, &i, err));
    }
    if (n < c->least) return il_fail(err, IL_EUSAGE, "%s: an argument is missing", p->name);
    if (n > c->most)
        return il_fail(err, IL_EUSAGE, "%s: one argument too many: '%.64s'", p->name,
                       argv[c->most + 1]);
    p->call->words = n;
    return IL_OK;
}

il_status cli_parse(cli_call *call, const cli_row *row, int argc, char **argv,
                    il_error *err)
{
    const cli_command *c = row->command;
    parser p = { .name = row->name,
                 .keys = c->keys != NULL,
                 .table = { c->options, cli_settings(c, argc - 1, argv + 1) },
                 .call = call };
    CLI_TRY(begin(call, &p, row, argc, argv, err));
    return parse(&p, c, argc, argv, err);
}

const il_opt *cli_settings(const cli_command *c, int words, char *const *word)
{
    if (c->settings) return c->settings(words, word);
    return c->kind ? il_options(c->kind, NULL) : NULL;
}

const char *cli_setting(const cli_call *call, const char *key)
{
    size_t size = strlen(key);
    for (int i = 0; i < call->n_settings; i++)
        if (!strncmp(call->settings[i], key, size) && call->settings[i][size] == '=')
            return call->settings[i] + size + 1;
    return NULL;
}

void cli_call_free(cli_call *call)
{
    free(call->memory);
    *call = (cli_call){ 0 };
}

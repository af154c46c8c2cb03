/* complete.c - innerloop complete -- WORD...: completions of the last word
 *
 * The shells' completions (tools/completion) ask this command, so that they know every option, name and
 * word of the program that is installed. Nothing is printed where a file's name is expected.
 */
#include "cli.h"

/* What is printed: the candidates that begin with `typed`, behind `head`, which stays as it is. */
typedef struct {
    const char *head, *typed;
    int head_size;
} place;

static void offer(const place *p, const char *word, int size, const char *tail)
{
    if (size < (int)strlen(p->typed) || strncmp(word, p->typed, strlen(p->typed))) return;
    printf("%.*s%.*s%s\n", p->head_size, p->head, size, word, tail);
}

static void offer_word(const place *p, const char *word)
{
    offer(p, word, (int)strlen(word), "");
}

/* ---- names -------------------------------------------------------------------------------------- */

static void offer_files(const place *p, const char *folder)
{
    char *names[CLI_NAMES];
    int n = cli_names(names, folder);
    for (int i = 0; i < n; i++) offer_word(p, names[i]);
    cli_free_names(names, n);
}

static void offer_list(const place *p, const char *kind)
{
    il_table *table;
    if (il_list(&table, kind, NULL)) return;
    for (int i = 0; i < il_table_rows(table); i++)
        offer_word(p, il_table_text(table, i, 0));
    il_table_free(table);
}

static void offer_commands(const place *p)
{
    for (int i = 0; cli_commands[i].name; i++) offer_word(p, cli_commands[i].name);
}

/* What one word of a usage stands for: NAMES of a list, or itself where it is written small. */
static void offer_named(const place *p, const char *name, int size)
{
    static const struct {
        const char *name, *kind;
    } lists[] = { { "TASK", "tasks" },
                  { "SHIFT", "shifts" },
                  { "ALGO", "algos" },
                  { "CONSTRUCTION", "constructions" },
                  { "MEASURE", "measures" } };
    char word[64];
    snprintf(word, sizeof word, "%.*s", size, name);
    for (int i = 0; i < CLI_COUNT(lists); i++)
        if (!strcmp(word, lists[i].name)) offer_list(p, lists[i].kind);
    if (!strcmp(word, "RECIPE")) offer_files(p, "recipes");
    if (!strcmp(word, "CLAIM")) offer_files(p, "recipes/claims");
    if (!strcmp(word, "COMMAND")) offer_commands(p);
    if (word[0] >= 'a' && word[0] <= 'z' && !strpbrk(word, ".= ")) offer_word(p, word);
}

/* "CLAIM|all": each of them; with ",..." behind it several, of which the last is typed. */
static void offer_words(place p, const char *words, int size)
{
    const char *comma = strrchr(p.typed, ',');
    if (size > 4 && !strncmp(words + size - 4, ",...", 4)) {
        size -= 4;
        if (comma) {
            if (!p.head_size) p.head = p.typed;
            p.head_size += (int)(comma + 1 - p.typed);
            p.typed = comma + 1;
        }
    }
    for (const char *end = words + size; words < end;) {
        int length = (int)strcspn(words, "|");
        if (length > end - words) length = (int)(end - words);
        offer_named(&p, words, length);
        words += length + 1;
    }
}

/* ---- options and keys --------------------------------------------------------------------------------- */

static void offer_value(const place *p, const il_opt *o)
{
    const char *words = o->type == IL_OPT_CHOICE || (o->type == IL_OPT_INT && o->words)
                            ? o->words
                        : o->type == IL_OPT_BOOL ? "false|true"
                                                 : o->value;
    for (const char *at = o->type == IL_OPT_CHOICE ? words : NULL; at && *at;) {
        int size = (int)strcspn(at, "|"); /* as they are: z=f(x+z) */
        offer(p, at, size, "");
        at += size + (at[size] == '|');
    }
    if (o->type != IL_OPT_CHOICE && words) offer_words(*p, words, (int)strlen(words));
}

static const il_opt *find(const il_opt *const *tables, int n, const char *flag)
{
    char name[CLI_SHOWN];
    size_t size = strcspn(flag, "=");
    for (int t = 0; t < n; t++)
        for (const il_opt *o = tables[t]; o && o->type != IL_OPT_END; o++) {
            cli_show_option(name, o, 0);
            if (strlen(name) == size && !strncmp(name, flag, size)) return o;
        }
    return NULL;
}

static void offer_options(const place *p, const il_opt *table)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        char flag[CLI_SHOWN];
        cli_show_option(flag, o, 0);
        offer_word(p, flag);
    }
}

/* "key=" and, behind it, the key's words */
static void offer_keys(const il_opt *table, const char *word)
{
    const char *equals = strchr(word, '=');
    place key = { word, word, 0 };
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        if (!equals) {
            offer(&key, o->name, (int)strlen(o->name), "=");
        } else if (strlen(o->name) == (size_t)(equals - word) &&
                   !strncmp(o->name, word, strlen(o->name))) {
            place value = { word, equals + 1, (int)(equals + 1 - word) };
            offer_value(&value, o);
        }
    }
}

/* ---- the command line ------------------------------------------------------------------------------------ */

/* Which of the command's words the last one is: from 0, options and their values left out. */
static int count_words(const il_opt *const *tables, int n, char *const *word)
{
    int count = 0;
    for (int i = 0; i < n - 1; i++) {
        if (word[i][0] != '-' || !word[i][1]) {
            count++;
            continue;
        }
        const il_opt *o = find(tables, 2, word[i]);
        if (o && o->type != IL_OPT_BOOL && !strchr(word[i], '=')) i++;
    }
    return count;
}

/* The usage's word number `index`; one with "..." behind it stands for all that follow. */
static void offer_argument(const cli_command *c, int index, int n, char *const *word)
{
    const char *at = c->words, *last = at;
    for (int i = 0;; i++) {
        if (!*at || *at == '-') return;
        last = at;
        at += strcspn(at, " ");
        at += strspn(at, " ");
        if (i == index || *at == '.') break;
    }
    int size = (int)strcspn(last, " ");
    place p = { "", word[n - 1], 0 };
    if (*last == '[') last++, size--;
    while (size > 0 && last[size - 1] == ']') size--;
    if (!strncmp(last, "key=", 4)) {
        if (c->keys) offer_keys(c->keys(n, word), word[n - 1]);
        return;
    }
    offer_words(p, last, size);
}

static void complete(const cli_command *c, int n, char *const *word)
{
    const il_opt *tables[] = { c->options, cli_settings(c, n, word) };
    const char *typed = word[n - 1], *before = n > 1 ? word[n - 2] : "", *equals;
    const il_opt *o =
        before[0] == '-' && !strchr(before, '=') ? find(tables, 2, before) : NULL;
    place p = { "", typed, 0 };
    if (o && o->type != IL_OPT_BOOL) {
        offer_value(&p, o);
    } else if (typed[0] == '-' && (equals = strchr(typed, '='))) {
        place value = { typed, equals + 1, (int)(equals + 1 - typed) };
        if ((o = find(tables, 2, typed))) offer_value(&value, o);
    } else if (typed[0] == '-') {
        offer_options(&p, tables[1]);
        offer_options(&p, tables[0]);
        offer_word(&p, "--help");
    } else {
        offer_argument(c, count_words(tables, n, word), n, word);
    }
}

static il_status run(const cli_call *call, il_error *err)
{
    (void)err;
    place command = { "", call->words ? call->word[1] : "", 0 };
    if (call->words < 2) {
        offer_commands(&command);
        return IL_OK;
    }
    const cli_row *row = cli_command_find(call->word[1], NULL);
    if (row) complete(row->command, call->words - 1, call->word + 2);
    return IL_OK;
}

const cli_command cmd_complete = {
    .words = "-- [WORD ...]",
    .most = 1000,
    .help = "Prints, one a line, what may stand in the place of the last word of a command "
            "line without the program's name. The completions of bash, zsh and fish, which "
            "`make install` puts in their places, ask it.",
    .run = run,
};

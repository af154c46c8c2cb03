/* reproduce.c - innerloop reproduce CLAIM: what a paper says, what is measured here, whether it holds
 *
 * A model is trained in OUT/<hash of its recipe>, so that claims share models, a second run trains
 * nothing and a run that was stopped goes on. A finished run of the same recipe in runs/ serves too.
 */
#include "cli.h"

#include <dirent.h>

typedef struct {
    int list, json, minutes;
    const char *out;
} options;
static const il_opt opts[] = {
    CLI_FLAG(list, "the claims there are"),
    CLI_FLAG(json, "one JSON object"),
    CLI_INT(minutes, 0, 1, "N", "of `all`: only claims of at most N minutes"),
    CLI_STRING(out, "runs/reproduce", "FOLDER", "where models, tables and figures go"),
    { 0 },
};

static const char *size_of(const il_claim_facts *c)
{
    return *c->reduced ? "reduced" : "full";
}

/* ---- what there is ------------------------------------------------------------------------- */

static il_status read_claim(il_claim **claim, const char *name, il_error *err)
{
    char path[CLI_PATH];
    CLI_TRY(cli_find_claim(path, name, err));
    return il_claim_read(claim, path, err);
}

static il_status list_one(il_table *table, const char *name, il_error *err)
{
    il_claim *claim;
    CLI_TRY(read_claim(&claim, name, err));
    il_claim_facts c = il_claim_about(claim);
    char hash[32];
    snprintf(hash, sizeof hash, "%016" PRIx64, c.hash);
    const char *texts[] = { c.name, size_of(&c), c.paper, c.title, hash };
    il_status status = il_table_add(table, texts, (double[]){ c.minutes, c.runs }, err);
    il_claim_free(claim);
    return status;
}

static il_status list(const options *o, il_error *err)
{
    char *names[CLI_NAMES];
    il_table *table;
    CLI_TRY(il_table_new(&table, "claims", err));
    int n = cli_names(names, "recipes/claims");
    il_status status =
        il_table_add_cols(table, "name$ size$ minutes seeds paper$ title$", err);
    if (!status && o->json) status = il_table_add_cols(table, "hash$", err);
    for (int i = 0; i < n && !status; i++) status = list_one(table, names[i], err);
    cli_free_names(names, n);
    if (!status) cli_write(table, o->json ? CLI_AS_JSON : CLI_AS_TEXT);
    il_table_free(table);
    return status;
}

/* ---- models ---------------------------------------------------------------------------------- */

/* A finished run of the recipe in runs/, whatever its name. */
static int find_elsewhere(char folder[CLI_PATH], const il_config *config)
{
    DIR *dir = opendir("runs");
    int found = 0;
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        char path[CLI_PATH];
        il_config other;
        if (e->d_name[0] == '.' || !strcmp(e->d_name, "latest")) continue;
        if (cli_join(folder, "runs", e->d_name, NULL)) continue;
        if (cli_join(path, folder, "config.yaml", NULL) || !cli_is_file(path)) continue;
        if (il_config_read(&other, path, NULL, 0, NULL)) continue;
        found = il_config_hash(&other) == il_config_hash(config) &&
                cli_is_trained(folder, config);
    }
    if (dir) closedir(dir);
    return found;
}

/* "quick", "quick of seed 2" */
static void name_model(char text[CLI_PATH], const il_claim *claim, int i, int run)
{
    il_claim_facts c = il_claim_about(claim);
    int n = snprintf(text, CLI_PATH, "%s", il_claim_model_at(claim, i).name);
    if (c.seeds) snprintf(text + n, CLI_PATH - (size_t)n, " of seed %d", c.seeds[run]);
}

/* The run folder of a model, trained if need be. */
static il_status provide(char folder[CLI_PATH], const il_claim *claim, int i, int run,
                         const char *out, il_error *err)
{
    il_config config = il_claim_config(claim, i, run);
    const char *name = il_claim_about(claim).name;
    char own[CLI_PATH], model[CLI_PATH];
    name_model(model, claim, i, run);
    CLI_TRY(cli_run_folder(own, out, &config, err));
    snprintf(folder, CLI_PATH, "%s", own);
    if (cli_is_trained(own, &config) || find_elsewhere(folder, &config)) {
        fprintf(stderr, "%s: %s is there: %s\n", name, model, folder);
        return IL_OK;
    }
    snprintf(folder, CLI_PATH, "%s", own);
    fprintf(stderr, "%s: training %s\n", name, model);
    return cli_train_on(&config, folder, 0, err);
}

/* The run folders of all models, run by run, as il_claim_measure takes them */
typedef struct {
    char (*path)[CLI_PATH];
    const char **folder;
} folders;

static void free_folders(folders *f)
{
    free(f->path);
    free(f->folder);
}

static il_status provide_all(folders *f, const il_claim *claim, const char *out,
                             il_error *err)
{
    il_claim_facts c = il_claim_about(claim);
    size_t n = (size_t)(c.runs * c.models) + 1;
    *f = (folders){ calloc(n, sizeof *f->path), calloc(n, sizeof *f->folder) };
    if (!f->path || !f->folder) return il_fail(err, IL_EFAIL, "out of memory");
    for (int run = 0, k = 0; run < c.runs; run++)
        for (int i = 0; i < c.models; i++, k++) {
            if (!il_claim_model_at(claim, i).trained) continue;
            CLI_TRY(provide(f->path[k], claim, i, run, out, err));
            f->folder[k] = f->path[k];
        }
    return IL_OK;
}

/* ---- results ---------------------------------------------------------------------------------- */

enum { COLUMNS = 14 }; /* of the table that goes out as JSON */

static il_status write_csv(const il_table *table, const char *folder, const char *name,
                           il_error *err)
{
    char file[300], path[CLI_PATH];
    snprintf(file, sizeof file, "%.255s.csv", name);
    CLI_TRY(cli_join(path, folder, file, err));
    return il_table_save(table, path, err);
}

/* The tables and figures of a claim, and its rows, in FOLDER. */
static il_status write_results(const il_claim *claim, const il_table *rows,
                               const char *folder, il_error *err)
{
    char path[CLI_PATH];
    int all_drawn = 1;
    CLI_TRY(il_folders_make(folder, err));
    CLI_TRY(write_csv(rows, folder, "claim", err));
    for (int i = 0; i < il_claim_about(claim).tables; i++) {
        il_figure figure;
        const il_table *table = il_claim_table(claim, i, &figure);
        int drawn = 1;
        CLI_TRY(cli_join(path, folder, il_table_name(table), err));
        CLI_TRY(figure.title ? il_figure_write(&figure, table, path, &drawn, err)
                             : write_csv(table, folder, il_table_name(table), err));
        all_drawn &= drawn;
    }
    if (!all_drawn) fprintf(stderr, "note: figures are not drawn: gnuplot is missing\n");
    return IL_OK;
}

/* Adds rows of a claim: the columns `names` of its table, where "name" and "size" are the claim's. */
static il_status add_rows(il_table *to, const il_claim_facts *c, const il_table *rows,
                          const char *const *names, int n, il_error *err)
{
    for (int r = 0; r < il_table_rows(rows); r++) {
        const char *texts[COLUMNS];
        double numbers[COLUMNS];
        for (int i = 0, text = 0, number = 0; i < n; i++) {
            int col = il_table_find(rows, names[i]);
            if (col < 0)
                texts[text++] = strcmp(names[i], "name") ? size_of(c) : c->name;
            else if (il_table_is_text(rows, col))
                texts[text++] = il_table_text(rows, r, col);
            else
                numbers[number++] = il_table_number(rows, r, col);
        }
        CLI_TRY(il_table_add(to, texts, numbers, err));
    }
    return IL_OK;
}

/* A claim of one run has no spread. */
static il_status fill_text(il_table *to, const il_claim_facts *c, const il_table *rows,
                           il_error *err)
{
    static const char *const spread[] = { "claim", "paper", "measured", "least",
                                          "most",  "held",  "wanted",   "verdict" };
    static const char *const one[] = { "claim", "paper", "measured", "wanted", "verdict" };
    int several = c->runs > 1;
    CLI_TRY(il_table_add_col(to, "claim", 1, err));
    CLI_TRY(il_table_add_col(to, "paper says", 1, err));
    CLI_TRY(il_table_add_col(to, several ? "median" : "we measure", 0, err));
    if (several) CLI_TRY(il_table_add_cols(to, "least most", err));
    if (several) CLI_TRY(il_table_add_col(to, "seeds held", 0, err));
    CLI_TRY(il_table_add_cols(to, "wanted$ verdict$", err));
    return several ? add_rows(to, c, rows, spread, CLI_COUNT(spread), err)
                   : add_rows(to, c, rows, one, CLI_COUNT(one), err);
}

static int count_short(const il_table *rows)
{
    int n = 0, col = il_table_find(rows, "verdict");
    for (int r = 0; r < il_table_rows(rows); r++)
        n += !strcmp(il_table_text(rows, r, col), "short");
    return n;
}

/* Where rows fall short of the paper, and from which seeds all of this is. */
static void print_notes(const il_claim_facts *c, const il_table *rows)
{
    int why = il_table_find(rows, "short"), claim = il_table_find(rows, "claim");
    putchar('\n');
    for (int r = 0; r < il_table_rows(rows); r++)
        if (*il_table_text(rows, r, why))
            printf("short of the paper: %s: %s\n", il_table_text(rows, r, claim),
                   il_table_text(rows, r, why));
    if (*c->one_seed) printf("one seed: %s\n", c->one_seed);
    for (int i = 0; i < c->runs && c->seeds; i++)
        printf(i ? ", %d" : "seeds %d", c->seeds[i]);
    if (c->seeds) printf("; tables and figures are those of seed %d\n", c->seeds[0]);
}

static il_status print_text(const il_claim_facts *c, const il_table *rows, int failed,
                            const char *folder, il_error *err)
{
    il_table *text;
    int n = il_table_rows(rows), fall_short = count_short(rows);
    CLI_TRY(il_table_new(&text, c->name, err));
    il_status status = fill_text(text, c, rows, err);
    if (!status) {
        printf("%s: %s\n%s", c->name, c->title, c->paper);
        if (*c->reduced) printf("; reduced: %s", c->reduced);
        printf("\n\n");
        cli_write(text, CLI_AS_TEXT);
        print_notes(c, rows);
        printf("%s: %d of %d rows hold", c->name, n - failed - fall_short, n);
        if (fall_short) printf(", %d short of the paper as stated", fall_short);
        printf("%s; tables and figures in %s\n", *c->reduced ? ", reduced" : "", folder);
        fflush(stdout);
    }
    il_table_free(text);
    return status;
}

/* Appends a claim's rows to the table of all, which goes out as JSON. */
static il_status gather(il_table *all, const il_claim_facts *c, const il_table *rows,
                        il_error *err)
{
    static const char *const names[COLUMNS] = { "name",  "size",     "row",    "claim",
                                                "paper", "measured", "least",  "most",
                                                "held",  "runs",     "wanted", "verdict",
                                                "short", "hash" };
    if (!il_table_cols(all))
        CLI_TRY(il_table_add_cols(all,
                                  "name$ size$ row$ claim$ paper$ measured least most held "
                                  "runs wanted$ verdict$ short$ hash$",
                                  err));
    return add_rows(all, c, rows, names, COLUMNS, err);
}

/* ---- a claim ------------------------------------------------------------------------------------ */

static void say_table(void *context, const char *name)
{
    fprintf(stderr, "%s: measuring %s\n", (const char *)context, name);
}

static il_status measure(il_claim *claim, const options *o, il_table *all, int *failed,
                         il_error *err)
{
    il_claim_facts c = il_claim_about(claim);
    char folder[CLI_PATH], name[IL_TEXT];
    folders trained;
    il_table *rows = NULL;
    snprintf(name, sizeof name, "%s", c.name);
    il_status status = provide_all(&trained, claim, o->out, err);
    if (!status) status = cli_join(folder, o->out, name, err);
    if (!status)
        status =
            il_claim_measure(claim, trained.folder, say_table, name, &rows, failed, err);
    if (!status) {
        il_error why = { 0 };
        il_status written = write_results(claim, rows, folder, &why);
        status = o->json ? gather(all, &c, rows, err)
                         : print_text(&c, rows, *failed, folder, err);
        if (!status && written) status = il_fail(err, written, "%s", why.text);
    }
    il_table_free(rows);
    free_folders(&trained);
    return status;
}

static il_status reproduce(const char *name, const options *o, il_table *all, int *claims,
                           int *out, il_error *err)
{
    il_claim *claim;
    int failed = 0;
    CLI_TRY(read_claim(&claim, name, err));
    il_claim_facts c = il_claim_about(claim);
    il_status status = IL_OK;
    if (o->minutes && c.minutes > o->minutes) {
        fprintf(stderr, "%s: left out, it takes %.0f minutes\n", c.name, c.minutes);
    } else {
        status = measure(claim, o, all, &failed, err);
        *claims += 1;
        *out += failed > 0;
    }
    il_claim_free(claim);
    return status;
}

static il_status reproduce_all(const options *o, il_table *all, int *claims, int *out,
                               il_error *err)
{
    char *names[CLI_NAMES];
    int n = cli_names(names, "recipes/claims");
    il_status status = IL_OK;
    for (int i = 0; i < n && !status; i++) {
        int before = *claims;
        status = reproduce(names[i], o, all, claims, out, err);
        if (!o->json && !status && *claims > before && i + 1 < n) putchar('\n');
    }
    cli_free_names(names, n);
    return status;
}

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_table *all;
    int claims = 0, out = 0;
    if (o->list && !call->words) return list(o, err);
    if (o->list || !call->words)
        return il_fail(err, IL_EUSAGE, "reproduce: %s",
                       call->words ? "--list takes no claim"
                                   : "a claim is missing, or --list");
    int every = !strcmp(call->word[1], "all");
    if (o->minutes && !every)
        return il_fail(err, IL_EUSAGE, "reproduce: --minutes goes with `all`");
    CLI_TRY(il_table_new(&all, "claims", err));
    il_status status = every ? reproduce_all(o, all, &claims, &out, err)
                             : reproduce(call->word[1], o, all, &claims, &out, err);
    if (!status && o->json) cli_write(all, CLI_AS_JSON);
    il_table_free(all);
    if (status || !out) return status;
    return every ? il_fail(err, IL_ECLAIM, "%d of %d claims are out of tolerance", out,
                           claims)
                 : il_fail(err, IL_ECLAIM, "%.100s is out of tolerance", call->word[1]);
}

const cli_command cmd_reproduce = {
    .words = "CLAIM|all",
    .least = 0,
    .most = 1,
    .help =
        "CLAIM is a YAML file or a name from --list. Trains the models it needs, each once "
        "and resumable, at each of its seeds, and says what the paper says, what we "
        "measure (the median, the least and the most over seeds), and whether it holds; "
        "writes tables and figures. Exits 6 when a row is out of its tolerance; a row that "
        "the file says is short of the paper is held to the file's own bounds.",
    .options = opts,
    .size = sizeof(options),
    .run = run,
};

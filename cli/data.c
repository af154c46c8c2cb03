/* data.c - where the program's own files are: recipes/, models/, examples/ and bench/
 *
 * A file is looked for in IL_DATA, then in the current folder, then in ../share/innerloop beside
 * the folder of the executable, where `make install` puts it: an installed program may be moved.
 */
#include "cli.h"

#include <dirent.h>
#include <inttypes.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

enum { ROOTS = 3 };

static char installed[CLI_PATH]; /* "": unknown */

char *cli_executable(const char *program)
{
    char *path = realpath("/proc/self/exe", NULL);
#ifdef __APPLE__
    char said[CLI_PATH];
    uint32_t size = sizeof said;
    if (!path && !_NSGetExecutablePath(said, &size)) path = realpath(said, NULL);
#endif
    if (!path && program && strchr(program, '/')) path = realpath(program, NULL);
    return path;
}

void cli_data_beside(const char *program)
{
    char *path = cli_executable(program);
    for (int up = 0; path && up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash) *slash = 0;
    }
    if (path && snprintf(installed, CLI_PATH, "%s/share/innerloop", path) >= (int)CLI_PATH)
        installed[0] = 0;
    free(path);
}

static int roots(const char *at[ROOTS])
{
    const char *own = getenv("IL_DATA");
    int n = 0;
    if (own && *own) at[n++] = own;
    at[n++] = ".";
    if (*installed) at[n++] = installed;
    return n;
}

il_status cli_data(char path[CLI_PATH], const char *folder, const char *name, il_error *err)
{
    const char *at[ROOTS];
    int n = roots(at);
    for (int i = 0; i < n; i++)
        if (snprintf(path, CLI_PATH, "%s/%s/%s", at[i], folder, name) < CLI_PATH &&
            cli_is_file(path))
            return IL_OK;
    return il_fail(err, IL_EIO,
                   "no %s/%.200s here or where the program is installed; set IL_DATA to "
                   "the folder that holds %s/",
                   folder, name, folder);
}

/* ---- recipes ---------------------------------------------------------------------------------- */

static int holds(char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return 1;
    return 0;
}

/* What the files in a folder of the data end with */
static const char *suffix(const char *folder)
{
    return !strcmp(folder, "models") ? ".safetensors" : ".yaml";
}

/* Adds the names in one folder, each once; returns how many there are now. */
static int add_names(char *names[CLI_NAMES], int n, const char *root, const char *folder)
{
    char path[CLI_PATH];
    il_error err;
    DIR *dir = cli_join(path, root, folder, &err) ? NULL : opendir(path);
    for (struct dirent *e; dir && n < CLI_NAMES && (e = readdir(dir));) {
        if (!cli_ends_with(e->d_name, suffix(folder)) || e->d_name[0] == '.') continue;
        char *name = strdup(e->d_name);
        if (!name) break;
        name[strlen(name) - strlen(suffix(folder))] = 0;
        if (holds(names, n, name)) {
            free(name);
        } else {
            names[n++] = name;
        }
    }
    if (dir) closedir(dir);
    return n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int cli_names(char *names[CLI_NAMES], const char *folder)
{
    const char *at[ROOTS];
    int n = 0, n_roots = roots(at);
    for (int i = 0; i < n_roots; i++) n = add_names(names, n, at[i], folder);
    qsort(names, (size_t)n, sizeof *names, by_name);
    return n;
}

void cli_free_names(char **names, int n)
{
    while (n > 0) free(names[--n]);
}

/* A path, or a name in a folder of the data; `kind` is what it is called. */
static il_status find(char path[CLI_PATH], const char *kind, const char *folder,
                      const char *name, il_error *err)
{
    char file[256], *names[CLI_NAMES];
    if (cli_is_file(name) || strchr(name, '/')) {
        if (snprintf(path, CLI_PATH, "%s", name) < CLI_PATH) return IL_OK;
        return il_fail(err, IL_EIO, "%.64s...: the path is too long", name);
    }
    snprintf(file, sizeof file, "%.200s%s", name,
             cli_ends_with(name, suffix(folder)) ? "" : suffix(folder));
    if (!cli_data(path, folder, file, err)) return IL_OK;
    int n = cli_names(names, folder);
    const char *near = il_nearest(name, (const char *const *)names, n);
    if (n)
        il_fail(err, IL_EIO, "no %s '%.64s': neither a file nor a name in %s/%s%s%s", kind,
                name, folder, near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "");
    cli_free_names(names, n);
    return IL_EIO;
}

il_status cli_find_recipe(char path[CLI_PATH], const char *recipe, il_error *err)
{
    return find(path, "recipe", "recipes", recipe, err);
}

il_status cli_find_claim(char path[CLI_PATH], const char *claim, il_error *err)
{
    return find(path, "claim", "recipes/claims", claim, err);
}

il_status cli_load(il_model **model, const char *name, il_error *err)
{
    char path[CLI_PATH];
    if (cli_is_folder(name)) return il_model_load(model, name, err);
    CLI_TRY(find(path, "model", "models", name, err));
    return il_model_load(model, path, err);
}

/* Where the first clause of a comment ends: before ": ", "; " or ". ", but for "et al. 2024". */
static size_t clause(const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        int mark = text[i] == ':' || text[i] == ';' || text[i] == '.';
        if (!mark || i == 0 || text[i - 1] == ' ') continue; /* w . x */
        if (text[i + 1] && text[i + 1] != ' ') continue;
        if (i < 5 || strncmp(text + i - 5, "et al", 5)) return i;
    }
    return strlen(text);
}

/* The first clause of the comment a recipe opens with. */
static void read_summary(char *text, size_t size, const char *name)
{
    char file[300], path[CLI_PATH], line[256];
    il_error err;
    snprintf(file, sizeof file, "%.255s.yaml", name);
    FILE *f = cli_data(path, "recipes", file, &err) ? NULL : fopen(path, "r");
    text[0] = 0;
    while (f && fgets(line, sizeof line, f) && line[0] == '#') {
        size_t used = strlen(text);
        line[strcspn(line, "\r\n")] = 0;
        snprintf(text + used, size - used, "%s%s", used ? " " : "",
                 line + strspn(line, "# "));
    }
    if (f) fclose(f);
    text[clause(text)] = 0;
}

static il_status fill_recipes(il_table *table, char *const *names, int n, il_error *err)
{
    CLI_TRY(il_table_add_cols(table, "name$ summary$", err));
    for (int i = 0; i < n; i++) {
        char summary[1024];
        read_summary(summary, sizeof summary, names[i]);
        CLI_TRY(il_table_add(table, (const char *[]){ names[i], summary }, NULL, err));
    }
    return IL_OK;
}

il_status cli_list_trained(il_table *table, il_error *err)
{
    char *names[CLI_NAMES];
    int n = cli_names(names, "models");
    il_status status =
        il_table_add_cols(table, "name$ hash$ task$ dims points parameters", err);
    for (int i = 0; !status && i < n; i++) {
        il_model *m;
        char hash[17];
        if ((status = cli_load(&m, names[i], err))) break;
        const il_config *c = il_model_config(m);
        snprintf(hash, sizeof hash, "%016" PRIx64, il_model_hash(m));
        status =
            il_table_add(table, (const char *[]){ names[i], hash, c->training.task_name },
                         (double[]){ c->model.n_dims, c->training.curriculum.points.end,
                                     (double)il_model_counts(m).all },
                         err);
        il_model_free(m);
    }
    cli_free_names(names, n);
    return status;
}

il_status cli_list_recipes(il_table *table, il_error *err)
{
    char *names[CLI_NAMES];
    int n = cli_names(names, "recipes");
    il_status status = fill_recipes(table, names, n, err);
    cli_free_names(names, n);
    return status;
}

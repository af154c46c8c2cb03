/* files.c - where recipes, models and examples are, and the few things we ask of a file system */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

int cli_is_folder(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

int cli_is_file(const char *path)
{
    struct stat s;
    return !stat(path, &s) && !S_ISDIR(s.st_mode);
}

int cli_ends_with(const char *text, const char *tail)
{
    size_t a = strlen(text), b = strlen(tail);
    return a >= b && !strcmp(text + a - b, tail);
}

il_status cli_join(char path[CLI_PATH], const char *folder, const char *name, il_error *err)
{
    if (snprintf(path, CLI_PATH, "%s/%s", folder, name) < CLI_PATH) return IL_OK;
    return cli_fail(err, IL_EIO, "%.64s...: the path is too long", folder);
}

il_status cli_make_folder(const char *path, il_error *err)
{
    char part[CLI_PATH];
    size_t size = strlen(path);
    if (size >= sizeof part)
        return cli_fail(err, IL_EIO, "%.64s...: the path is too long", path);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i]) continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) && !cli_is_folder(part))
            return cli_fail(err, IL_EIO, "%s: the folder cannot be made: %s", part,
                            strerror(errno));
    }
    return IL_OK;
}

/* The first of IL_DATA, the installed data and the current folder that holds `folder`. */
static int data_folder(char path[CLI_PATH], const char *folder)
{
    const char *roots[3], *own = getenv("IL_DATA");
    int n = 0;
    if (own && *own) roots[n++] = own;
#ifdef IL_DATADIR
    roots[n++] = IL_DATADIR;
#endif
    roots[n++] = ".";
    for (int i = 0; i < n; i++)
        if (snprintf(path, CLI_PATH, "%s/%s", roots[i], folder) < CLI_PATH &&
            cli_is_folder(path))
            return 1;
    return 0;
}

il_status cli_data(char path[CLI_PATH], const char *folder, const char *name, il_error *err)
{
    char at[CLI_PATH];
    if (!data_folder(at, folder))
        return cli_fail(err, IL_EIO,
                        "no folder '%s' here; set IL_DATA to the folder that holds it",
                        folder);
    return cli_join(path, at, name, err);
}

/* The names in a data folder that end in `tail`, without it; returns how many. */
enum { NAMES = 256 };
static int names_in(char *names[NAMES], const char *folder, const char *tail)
{
    char path[CLI_PATH];
    DIR *dir = data_folder(path, folder) ? opendir(path) : NULL;
    int n = 0;
    for (struct dirent *e; dir && n < NAMES && (e = readdir(dir));) {
        if (!cli_ends_with(e->d_name, tail) || e->d_name[0] == '.') continue;
        names[n] = strdup(e->d_name);
        if (names[n]) names[n++][strlen(e->d_name) - strlen(tail)] = 0;
    }
    if (dir) closedir(dir);
    return n;
}

static void free_names(char **names, int n)
{
    while (n > 0) free(names[--n]);
}

/* `name` as it stands, or NAME + tail in a data folder. `what` is for the sentence. */
static il_status find(char path[CLI_PATH], const char *what, const char *name,
                      const char *folder, const char *tail, il_error *err)
{
    char file[256], *names[NAMES];
    if (cli_is_file(name) || cli_is_folder(name) || strchr(name, '/')) {
        if (snprintf(path, CLI_PATH, "%s", name) < CLI_PATH) return IL_OK;
        return cli_fail(err, IL_EIO, "%.64s...: the path is too long", name);
    }
    snprintf(file, sizeof file, "%.200s%s", name, cli_ends_with(name, tail) ? "" : tail);
    if (!cli_data(path, folder, file, err) && cli_is_file(path)) return IL_OK;
    int n = names_in(names, folder, tail);
    const char *near = il_nearest(name, (const char *const *)names, n);
    cli_fail(err, IL_EIO, "no %s '%.64s': neither a file nor a name in %s/%s%s%s", what,
             name, folder, near ? "; did you mean '" : "", near ? near : "",
             near ? "'?" : "");
    free_names(names, n);
    return IL_EIO;
}

il_status cli_find_recipe(char path[CLI_PATH], const char *recipe, il_error *err)
{
    return find(path, "recipe", recipe, "recipes", ".yaml", err);
}

il_status cli_load_model(il_model **model, const char *name, il_error *err)
{
    char path[CLI_PATH];
    CLI_TRY(find(path, "model", name, "models", ".safetensors", err));
    return il_model_load(model, path, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
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
    CLI_TRY(il_table_add_col(table, "name", 1, err));
    CLI_TRY(il_table_add_col(table, "summary", 1, err));
    for (int i = 0; i < n; i++) {
        char summary[1024];
        read_summary(summary, sizeof summary, names[i]);
        CLI_TRY(il_table_add_row(table, err));
        CLI_TRY(il_table_set_text(table, i, 0, names[i], err));
        CLI_TRY(il_table_set_text(table, i, 1, summary, err));
    }
    return IL_OK;
}

il_status cli_list_recipes(il_table **table, il_error *err)
{
    char *names[NAMES];
    il_table *t;
    CLI_TRY(il_table_new(&t, "recipes", err));
    int n = names_in(names, "recipes", ".yaml");
    qsort(names, (size_t)n, sizeof *names, by_name);
    il_status status = fill_recipes(t, names, n, err);
    free_names(names, n);
    if (status) {
        il_table_free(t);
    } else {
        *table = t;
    }
    return status;
}

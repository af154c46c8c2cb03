/* explained.c - which algorithm a run's model follows, over training: explain of every checkpoint that was kept
 *
 * The table has a row for every checkpoint: what is said, and how much each family leaves unexplained that was the best one
 * at some step.
 */
#include "cli.h"

#include <dirent.h>
#include <math.h>

enum { CHECKPOINTS = 512, FAMILIES = 8 };

typedef struct {
    char *path[CHECKPOINTS + 1];
    double step[CHECKPOINTS + 1];
    il_explanation said[CHECKPOINTS + 1];
    int n;
    char family[FAMILIES][IL_TEXT];
    int families;
} story;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The checkpoints that were kept for good in the order of their steps, and the newest one */
static il_status list_checkpoints(story *s, const char *folder, il_error *err)
{
    char path[CLI_PATH];
    CLI_TRY(cli_join(path, folder, "checkpoints", err));
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && s->n < CHECKPOINTS && (e = readdir(dir));) {
        if (strncmp(e->d_name, "step-", 5) || !cli_ends_with(e->d_name, ".safetensors"))
            continue;
        if (snprintf(path, sizeof path, "%s/checkpoints/%s", folder, e->d_name) <
                CLI_PATH &&
            (s->path[s->n] = strdup(path)))
            s->n++;
    }
    if (dir) closedir(dir);
    qsort(s->path, (size_t)s->n, sizeof *s->path, by_text);
    s->path[s->n] = strdup(folder);
    return s->path[s->n++] ? IL_OK : il_fail(err, IL_EFAIL, "out of memory");
}

/* The best candidate of all, also where nothing is said to be run */
static const char *best(const il_explanation *e)
{
    return il_table_text(e->families, 0, 0);
}

static void remember(story *s, const char *family)
{
    for (int i = 0; i < s->families; i++)
        if (!strcmp(s->family[i], family)) return;
    if (s->families < FAMILIES) snprintf(s->family[s->families++], IL_TEXT, "%s", family);
}

static il_status explain_all(story *s, il_error *err)
{
    for (int i = 0; i < s->n; i++) {
        il_model *model;
        CLI_TRY(il_model_load(&model, s->path[i], err));
        s->step[i] = (double)il_model_step(model);
        int again = i && s->step[i] == s->step[i - 1];
        il_status status = again ? IL_OK : il_explain(model, NULL, 0, &s->said[i], err);
        il_model_free(model);
        CLI_TRY(status);
        if (again)
            s->n--, free(s->path[i]);
        else
            remember(s, best(&s->said[i]));
    }
    return IL_OK;
}

/* What the best candidate of a family leaves unexplained */
static double left(const il_explanation *e, const char *family)
{
    double least = NAN;
    for (int r = 0; r < il_table_rows(e->families); r++)
        if (!strcmp(il_table_text(e->families, r, 0), family))
            least = fmin(least, il_table_number(e->families, r,
                                                il_table_find(e->families, "unexplained")));
    return least;
}

static il_status fill(il_table *table, const story *s, il_error *err)
{
    static const char *const found[] = { "none; nearest ", "resembles ", "runs " };
    CLI_TRY(il_table_add_cols(table, "step algorithm$ unexplained sure$", err));
    for (int f = 0; f < s->families; f++)
        CLI_TRY(il_table_add_col(table, s->family[f], 0, err));
    for (int i = 0; i < s->n; i++) {
        const il_explanation *e = &s->said[i];
        char text[2 * IL_TEXT];
        snprintf(text, sizeof text, "%s%s", found[e->found], best(e));
        CLI_TRY(il_table_add_row(table, err));
        il_table_set(table, i, 0, s->step[i]);
        CLI_TRY(il_table_set_text(table, i, 1, text, err));
        il_table_set(table, i, 2, e->score);
        CLI_TRY(il_table_set_text(table, i, 3, e->sure ? "yes" : "no", err));
        for (int f = 0; f < s->families; f++)
            il_table_set(table, i, 4 + f, left(e, s->family[f]));
    }
    return IL_OK;
}

il_status cli_explained(il_table **table, const char *folder, il_error *err)
{
    story *s = calloc(1, sizeof *s);
    il_table *t = NULL;
    if (!s) return il_fail(err, IL_EFAIL, "out of memory for a report");
    il_status status = list_checkpoints(s, folder, err);
    if (!status) status = explain_all(s, err);
    if (!status) status = il_table_new(&t, "explained", err);
    if (!status) status = fill(t, s, err);
    for (int i = 0; i < s->n; i++) {
        il_explanation_free(&s->said[i]);
        free(s->path[i]);
    }
    free(s);
    if (status)
        il_table_free(t);
    else
        *table = t;
    return status;
}

/* similar.c - by layer, the step of an algorithm whose errors are most like the model's there
 *
 * Columns: layer (or loop), step, and SimE there: the mean cosine between the two vectors of errors,
 * over queries and prompts. The answer after a layer is read by a probe or by the model's own end
 * (docs/explain.md), and the algorithm's free parameters are those that follow the layers best.
 * Source: Fu et al. 2023, arXiv:2310.17086.
 */
#include "measure/measure.h"

typedef struct {
    char family[IL_TEXT], data[IL_TEXT], examples[IL_TEXT], reading[IL_TEXT];
    int prompts, seed;
} options;

/* clang-format off */
static const il_opt opts[] = {
    IL_MEASURE_KEY(TEXT, family, 0, 0, 0, "one of those that explain knows", "newton start=gram"),
    IL_MEASURE_KEY(TEXT, data, 0, 0, 0, "kinds of inputs, as of explain", "isotropic"),
    IL_MEASURE_KEY(TEXT, examples, 0, 0, 0, "numbers of examples, as of explain; left out: its default", ""),
    IL_MEASURE_KEY(TEXT, reading, 0, 0, 0, "auto, lens or probe", "auto"),
    IL_MEASURE_KEY(INT, prompts, 32, 1, 1e6, "prompts of each kind and number", NULL),
    IL_MEASURE_KEY(INT, seed, 1, 0, 2147483647, "which prompts", NULL),
    { 0 },
};
/* clang-format on */

static il_status no_family(const il_table *all, const char *family, il_error *err)
{
    const char *names[64], *near;
    int n = 0;
    for (int i = 0; i < il_table_rows(all) && n < 64; i++)
        if (!n || strcmp(names[n - 1], il_table_text(all, i, 0)))
            names[n++] = il_table_text(all, i, 0);
    near = il_nearest(family, names, n);
    return il_fail(err, IL_ECONFIG, "there are no steps of '%s'%s%s%s",
                   il_show(family).text, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

/* From the rows (family, layer, step, sime) the most similar step of every layer */
static il_status read_steps(il_table *table, const il_table *all, const char *family,
                            il_error *err)
{
    int layer = il_table_find(all, "layer"), step = il_table_find(all, "step"),
        sime = il_table_find(all, "sime");
    int some = 0;
    for (int i = 0; i < il_table_rows(all); i++) {
        if (strcmp(il_table_text(all, i, 0), family)) continue;
        int row = (int)il_table_number(all, i, layer) - 1;
        some = 1;
        if (il_table_number(all, i, sime) <= il_table_number(table, row, 2)) continue;
        il_table_set(table, row, 1, il_table_number(all, i, step));
        il_table_set(table, row, 2, il_table_number(all, i, sime));
    }
    return some ? IL_OK : no_family(all, family, err);
}

static il_status outline(il_table *table, const void *opt, const il_subject *subject, int n,
                         il_error *err)
{
    (void)opt;
    il_layers *layers;
    IL_TRY(il_outline_one("similar", n, err));
    IL_TRY(il_layers_new(&layers, subject->model, 0, err));
    int all = layers->n;
    il_layers_free(layers);
    for (int i = 1; i <= all; i++) IL_TRY(il_outline_number(table, i, err));
    return IL_OK;
}

static il_status fill(il_table *table, const void *opt, const il_subject *subject, int n,
                      il_error *err)
{
    const options *o = opt;
    il_table *all;
    (void)n;
    il_inspect_options e = { .ask = { .data = o->data,
                                      .examples = o->examples[0] ? o->examples : NULL,
                                      .reading = o->reading,
                                      .prompts = o->prompts,
                                      .seed = (uint64_t)o->seed } };
    IL_TRY(il_inspect(subject->model, "similarity", &e, &all, err));
    il_status status = read_steps(table, all, o->family, err);
    il_table_free(all);
    return status;
}

const il_measure il_measure_similar = {
    .name = "similar",
    .summary = "by layer, the step of an algorithm with the most similar errors",
    .opts = opts,
    .size = sizeof(options),
    .columns = "layer step SimE",
    .outline = outline,
    .fill = fill,
};

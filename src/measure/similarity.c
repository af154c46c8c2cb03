/* similarity.c - every layer beside every step of every family of algorithms
 *
 * The cosine of the two vectors of errors over a prompt's queries, averaged over prompts (Fu et al. 2023,
 * arXiv:2310.17086), the families' parameters fitted as `explain` fits them. Of one family alone: by layer,
 * the step whose errors are most like the model's there.
 */
#include "measure/measure.h"

#include <math.h>

typedef struct {
    il_explain_options ask;
    const char *family;
} options;
static const il_opt opts[] = {
    IL_ASK_KEYS,
    IL_ASK_QUERIES,
    IL_ASK_READING,
    IL_MEASURE_KEY(STRING, family, 0, 0, 0,
                   "one that explain knows, and of each layer its best step (all)", NULL),
    { 0 },
};

/* A row for every family, layer and step */
static il_status add_all(il_table *t, const il_explain_matches *all, il_error *err)
{
    for (int i = 0; i < all->n; i++) {
        const il_explain_match *m = &all->match[i];
        for (int l = 0; m->heat && l < all->layers; l++)
            for (int k = 0; k < all->n_steps && all->steps[k] <= m->family->most_steps;
                 k++) {
                double sime = m->heat[l * all->n_steps + k];
                double row[] = { l + 1, all->steps[k], sime,
                                 all->steps[k] == m->layer[l].step };
                if (!isnan(sime))
                    IL_TRY(il_table_add_numbers(t, m->family->name, 1, row, 4, err));
            }
    }
    return IL_OK;
}

/* The most similar step of every layer */
static il_status set_best(il_table *t, const il_explain_matches *all, const char *family,
                          il_error *err)
{
    const char *names[64];
    int n = 0, some = 0;
    for (int i = 0; i < all->n; i++) {
        const il_explain_match *m = &all->match[i];
        if (m->heat && n < IL_COUNT(names)) names[n++] = m->family->name;
        if (!m->heat || strcmp(m->family->name, family)) continue;
        some = 1;
        for (int l = 0; l < all->layers; l++)
            for (int k = 0; k < all->n_steps && all->steps[k] <= m->family->most_steps;
                 k++) {
                double sime = m->heat[l * all->n_steps + k];
                if (isnan(sime) || sime <= il_table_number(t, l, 2)) continue;
                il_table_set(t, l, 1, all->steps[k]);
                il_table_set(t, l, 2, sime);
            }
    }
    if (some) return IL_OK;
    return il_fail(err, IL_ECONFIG, "there are no steps of '%s'%s", il_show(family).text,
                   il_advise(family, names, n, "").text);
}

static il_status look(il_observation *s, il_table *t, const void *opt, il_error *err)
{
    const options *o = opt;
    il_explain_matches *all;
    IL_TRY(il_observation_draw_all(s, err));
    if (s->probe) {
        IL_TRY(il_observation_draw_fit(s, err));
        IL_TRY(il_observe_answers_probe(&s->layer_answers, s->model, s->layers, s->fit,
                                        s->prompts, err));
    } else {
        IL_TRY(il_observe_answers_lens(&s->layer_answers, s->model, s->layers, 0,
                                       s->prompts, err));
    }
    IL_TRY(il_explain_matches_new(&all, s->prompts, s->layer_answers, 0, 1, 0, err));
    il_status status = o->family ? set_best(t, all, o->family, err) : add_all(t, all, err);
    il_explain_matches_free(all);
    return status;
}

static il_status outline(il_table *table, const void *opt, const il_measured *model, int n,
                         il_error *err)
{
    const options *o = opt;
    il_observe_layers *layers;
    (void)n;
    if (!o->family) return il_table_add_cols(table, "family$ layer step sime best", err);
    IL_TRY(il_table_add_cols(table, "layer step SimE", err));
    IL_TRY(il_observe_layers_new(&layers, model->model, o->ask.loops, err));
    int all = layers->n;
    il_observe_layers_free(layers);
    for (int i = 1; i <= all; i++) IL_TRY(il_outline_number(table, i, err));
    return IL_OK;
}

const il_measure_kind il_measure_similarity = {
    .name = "similarity",
    .summary = "similarity of errors with every step of every family of algorithms",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .outline = outline,
    .look = look,
};

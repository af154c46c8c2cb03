/* similarity.c - every layer beside every step of every family of algorithms
 *
 * The cosine of the two vectors of errors over a prompt's queries, averaged over prompts (Fu et al. 2023,
 * arXiv:2310.17086), the families' parameters fitted as `explain` fits them.
 */
#include "explain/explain.h"
#include "measure/inspect.h"

#include <math.h>

static il_status fill(const il_subject *s, const il_matches *all, il_table *t,
                      il_error *err)
{
    IL_TRY(il_table_add_cols(t, "family$ layer step sime best", err));
    for (int i = 0; i < all->n; i++) {
        const il_match *m = &all->match[i];
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
    (void)s;
    return IL_OK;
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    il_matches *all;
    IL_TRY(il_subject_ask_all(s, err));
    if (s->probe) {
        IL_TRY(il_subject_fit(s, err));
        IL_TRY(
            il_readings_probe(&s->readings, s->model, s->layers, s->fit, s->evidence, err));
    } else {
        IL_TRY(il_readings_lens(&s->readings, s->model, s->layers, 0, s->evidence, err));
    }
    IL_TRY(il_matches_new(&all, s->evidence, s->readings, 0, err));
    il_status status = fill(s, all, t, err);
    il_matches_free(all);
    return status;
}

const il_analysis il_analysis_similarity = {
    .name = "similarity",
    .summary = "similarity of errors with every step of every family of algorithms",
    .reads = "task data dims loops seed prompts examples queries reading",
    .run = run,
};

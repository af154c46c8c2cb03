/* lens.c - predictions of the final norm and read-out applied after every layer (logit lens)
 *
 * error: mean squared error divided by the targets' mean square. moved: mean squared change from the
 * layer before, likewise. The lens: nostalgebraist 2020, "interpreting GPT: the logit lens".
 */
#include "measure/measure.h"

#include <math.h>

enum { PROMPTS = 512 };

typedef struct {
    il_explain_options ask;
} options;
static const il_opt opts[] = { IL_ASK_KEYS, { 0 } };

static double square(double x) { return x * x; }

/* A row for every layer and number of examples */
static il_status add_rows(const il_observation *s, const il_observe_whole *p, il_table *t,
                          il_error *err)
{
    const il_batch *batch = p->batch;
    size_t B = (size_t)batch->prompts, O = (size_t)batch->outs, N = (size_t)batch->points;
    const il_real *asked = batch->yq ? batch->yq : batch->y;
    size_t layer = B * (size_t)p->P * O;
    for (int l = 0; l < s->layer_answers->layers; l++)
        for (int k = 0; k < p->P; k++) {
            double error = 0, moved = 0, power = 0;
            for (size_t i = 0; i < B * O; i++) {
                size_t b = i / O, c = i % O;
                const double *now = s->layer_answers->yhat + (size_t)l * layer +
                                    (b * (size_t)p->P + (size_t)k) * O + c;
                double y = (double)asked[(b * N + (size_t)p->examples[k]) * O + c];
                error += square(*now - y);
                moved += square(*now - (l ? now[-(long)layer] : 0));
                power += square(y);
            }
            double row[] = { p->examples[k], error / power, moved / power };
            IL_TRY(
                il_table_add_numbers(t, s->layer_answers->names[l].text, 1, row, 3, err));
        }
    return IL_OK;
}

static il_status look(il_observation *s, il_table *t, const void *opt, il_error *err)
{
    (void)opt;
    il_status status = IL_OK;
    for (int i = 0; i < il_observation_wholes(s) && !status; i++) {
        il_observe_whole p;
        status =
            il_observe_whole_new(&p, s, i, s->o->prompts ? s->o->prompts : PROMPTS, 1, err);
        il_observe_answers_free(s->layer_answers);
        s->layer_answers = NULL;
        if (!status)
            status = il_observe_answers_whole(&s->layer_answers, s->model, s->layers,
                                              p.batch, p.P, p.tokens, err);
        if (!status) status = add_rows(s, &p, t, err);
        il_batch_free(p.batch);
    }
    return status;
}

const il_measure_kind il_measure_lens = {
    .name = "lens",
    .summary = "the model's own end put behind every layer: its error, and what each layer "
               "changes",
    .opts = opts,
    .size = sizeof(options),
    .least = 1,
    .most = 1,
    .columns = "layer$ examples error moved",
    .outline = il_outline_open,
    .look = look,
};

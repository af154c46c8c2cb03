/* lens.c - what the model's own end says after every layer
 *
 * error: mean squared error divided by the answers' mean square. moved: mean squared change from the
 * layer before, likewise. The lens: nostalgebraist 2020, "interpreting GPT: the logit lens".
 */
#include "analysis/subject.h"

#include <math.h>

static double answer_of(const il_evidence *e, size_t point)
{
    size_t each = (size_t)e->B * (size_t)e->Q;
    return e->cell[point / each].y[point % each];
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    const il_evidence *e = s->evidence;
    size_t points = il_points(e);
    IL_TRY(il_inspect_columns(t, "layer$ error moved", err));
    IL_TRY(il_readings_lens(&s->readings, s->model, s->layers, 0, e, err));
    for (int l = 0; l < s->readings->layers; l++) {
        const double *now = s->readings->yhat + (size_t)l * points;
        double error = 0, moved = 0, power = 0;
        for (size_t i = 0; i < points; i++) {
            double y = answer_of(e, i), before = l ? now[(long)i - (long)points] : 0;
            error += (now[i] - y) * (now[i] - y);
            moved += (now[i] - before) * (now[i] - before);
            power += y * y;
        }
        double row[] = { error / power, moved / power };
        IL_TRY(il_inspect_row(t, s->readings->names[l].text, 1, row, 2, err));
    }
    return IL_OK;
}

const il_analysis il_analysis_lens = {
    .name = "lens",
    .summary = "the model's own end put behind every layer: its error, and what each layer "
               "changes",
    .run = run,
};

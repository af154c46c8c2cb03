/* probe.c - what a linear map can read from the stream at the query
 *
 * Three targets, each divided by its mean square: the answer, the answer of one gradient step q X^T y, and
 * that of least squares. Ridge regression on eight times as many prompts as it is tested on. Controls: the
 * same probe on a model of the same recipe with its first weights, which shows how much the reading
 * owes to the probe.
 * Sources: von Oswald et al. 2024, arXiv:2309.05858; Hewitt & Liang 2019, arXiv:1909.03368 (controls).
 */
#include "analysis/subject.h"

#include <math.h>
#include <stdlib.h>

enum { TARGETS = 3 };

/* The answer; q b; q f(lambda) b with f = 1/lambda */
static double target_of(const il_evidence *e, int target, int c, size_t point)
{
    const il_cell *cell = &e->cell[c];
    size_t D = (size_t)e->D, b = point / (size_t)e->Q;
    double sum = 0;
    if (target == 0) return cell->y[point];
    for (size_t i = 0; i < D; i++) {
        double lambda = cell->lambda[b * D + i];
        double f = target == 1 ? 1.0 / cell->n : lambda > 0 ? 1 / lambda : 0;
        sum += cell->q[point * D + i] * f * cell->b[b * D + i];
    }
    return sum;
}

/* Puts a target in the place of the answers, which are all a probe is fitted to and measured by. */
static void aim(il_evidence *e, int target)
{
    for (int c = 0; c < e->cells; c++)
        for (size_t i = 0; i < (size_t)e->B * (size_t)e->Q; i++)
            e->cell[c].y[i] = target_of(e, target, c, i);
}

/* error (layers, TARGETS), relative to predicting zero */
static il_status measure(il_subject *s, const il_model *model, double *error, il_error *err)
{
    const il_evidence *e = s->evidence;
    size_t each = (size_t)e->B * (size_t)e->Q, points = il_points(e);
    for (int target = TARGETS - 1; target >= 0;
         target--) { /* the answers come last and stay */
        il_readings *r;
        if (target) aim(s->evidence, target), aim(s->fit, target);
        IL_TRY(il_readings_probe(&r, model, s->layers, s->fit, e, err));
        for (int l = 0; l < r->layers; l++) {
            double sum = 0, power = 0;
            for (size_t i = 0; i < points; i++) {
                double y = e->cell[i / each].y[i % each];
                double d = r->yhat[(size_t)l * points + i] - y;
                sum += d * d, power += y * y;
            }
            error[l * TARGETS + target] = sum / power;
        }
        il_readings_free(r);
    }
    return IL_OK;
}

static il_status fill(il_subject *s, const double *error, const double *control,
                      il_table *t, il_error *err)
{
    IL_TRY(il_inspect_columns(t,
                              "layer$ answer gradient_step least_squares answer_control "
                              "gradient_step_control least_squares_control",
                              err));
    for (int l = 0; l < s->layers->n; l++) {
        double row[2 * TARGETS];
        for (int i = 0; i < TARGETS; i++) {
            row[i] = error[l * TARGETS + i];
            row[TARGETS + i] = control[l * TARGETS + i];
        }
        IL_TRY(il_inspect_row(t, s->layers->names[l].text, 1, row, 2 * TARGETS, err));
    }
    return IL_OK;
}

/* aim() overwrites the answers, so both sets of prompts are drawn again for a second model */
static il_status again(il_subject *s, il_error *err)
{
    il_evidence_free(s->evidence);
    il_evidence_free(s->fit);
    s->evidence = s->fit = NULL;
    IL_TRY(il_evidence_new(&s->evidence, &s->draw, err));
    return il_subject_fit(s, err);
}

static il_status run(il_subject *s, il_table *t, il_error *err)
{
    size_t n = (size_t)s->layers->n * TARGETS;
    double *error = malloc(sizeof *error * 2 * n);
    il_model *fresh = NULL;
    if (!error) return il_fail(err, IL_EFAIL, "out of memory for probes");
    for (size_t i = 0; i < 2 * n; i++) error[i] = NAN;
    il_status status = il_subject_fit(s, err);
    if (!status) status = measure(s, s->model, error, err);
    if (!status && s->model->config.model.family != IL_BUILT) {
        status = il_model_new(&fresh, &s->model->config, err);
        if (!status) status = again(s, err);
        if (!status) status = measure(s, fresh, error + n, err);
    }
    if (!status) status = fill(s, error, error + n, t, err);
    il_model_free(fresh);
    free(error);
    return status;
}

const il_analysis il_analysis_probe = {
    .name = "probe",
    .summary =
        "what a linear map reads from the stream at the query, beside an untrained model",
    .run = run,
};

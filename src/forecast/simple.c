/* simple.c - forecasters of a few lines: persistence, seasonal naive, normalised LMS
 *
 * NLMS: w += eta k (v - w.k) / (1 + k.k) with eta = 0.1, on the keys of the mesa-layer and from
 * w = 0, so that it too starts as persistence. Source: Widrow & Hoff 1960; Nagumo & Noda 1967.
 */
#include "forecast/forecast.h"
#include "la/dense.h"

static double last(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    (void)run, (void)state;
    return s->last;
}

static double season(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    (void)run, (void)state;
    return s->season;
}

const il_forecaster_kind il_forecaster_persistence = {
    .name = "persistence",
    .summary = "the newest value",
    .answer = last,
};
const il_forecaster_kind il_forecaster_seasonal = {
    .name = "seasonal",
    .summary = "the value one period before; without --period, the newest",
    .answer = season,
};

static size_t nlms_size(int n, int past)
{
    (void)past;
    return (size_t)n;
}

static void nlms_learn(const il_forecaster_run *run, double *w, const il_sample *s,
                       double y)
{
    (void)run;
    if (!s->whole) return;
    double error = il_sample_target(s, y) - il_ddot(w, s->key, s->n);
    il_daxpy(w, 0.1 * error / (1 + il_ddot(s->key, s->key, s->n)), s->key, s->n);
}

static double nlms_answer(const il_forecaster_run *run, const double *w, const il_sample *s)
{
    (void)run;
    return s->last + s->scale * (il_ddot(w, s->key, s->n) / s->weight);
}

const il_forecaster_kind il_forecaster_nlms = {
    .name = "nlms",
    .summary = "normalised least mean squares on the mesa-layer's keys",
    .size = nlms_size,
    .learn = nlms_learn,
    .answer = nlms_answer,
};

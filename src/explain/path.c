/* path.c - a candidate's answers after every layer
 *
 * A candidate takes so many steps before every layer's answers, with parameters that all layers share or one step a
 * layer with parameters of its own. Its answers to a prompt are written as a vector: of a spectral filter its values f
 * of the eigenvalues, of weights R w (projection.c), else the answers themselves.
 */
#include "explain/match.h"

size_t il_explain_path_width(const il_explain_fit *fit, const il_explain_family *family)
{
    return il_explain_is_filter(family) ? (size_t)fit->e->D
           : family->answers            ? (size_t)fit->e->Q * (size_t)fit->e->outs
                                        : fit->size;
}

void il_explain_path_layer(const il_explain_fit *fit, const il_explain_match *m, int p,
                           int from, int to, double *f, const double *before, double *after)
{
    double s[IL_FILTER_STATE], value[IL_LAYERS][IL_FREE];
    const il_explain_family *family = m->family;
    int D = fit->e->D;
    const double *lambda = il_explain_prompt_of(fit, p).lambda;
    for (int l = from; l < to && (l == from || family->own); l++)
        il_explain_law_values(fit, value[l], family,
                              family->own ? m->layer[l].value : m->value, m->law, p);
    for (int i = 0; i < D; i++) {
        il_explain_filter_point at = { lambda[i], 0, fit->layers, fit->nodes };
        memset(s, 0, sizeof s);
        if (before) {
            memcpy(s, before + (size_t)i * IL_FILTER_STATE, sizeof s);
            at.k = fit->position[from - 1];
        } else if (family->start) {
            family->start(value[0], &at, s);
        }
        for (int l = from; l < to; l++) {
            for (; at.k < fit->position[l]; at.k++)
                (family->then && at.k >= m->change ? family->then : family->step)(
                    value[family->own ? l : 0], &at, s);
            f[l * D + i] = m->scale * s[0];
        }
        if (after) memcpy(after + (size_t)i * IL_FILTER_STATE, s, sizeof s);
    }
}

/* Of a filter with the same parameters in all layers: f (layers,D). F: (steps+1) */
static void filtered(const il_explain_fit *fit, const il_explain_match *m, int p, int to,
                     double *f, double *F)
{
    double value[IL_FREE];
    int most = 0, D = fit->e->D;
    const double *lambda = il_explain_prompt_of(fit, p).lambda;
    for (int l = 0; l < to; l++) most = il_max(most, m->layer[l].step);
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    for (int i = 0; i < D; i++) {
        il_explain_filter_point at = { lambda[i], 0, fit->layers, fit->nodes };
        il_explain_filter(m->family, value, at, most, F);
        for (int l = 0; l < to; l++) f[l * D + i] = m->scale * F[m->layer[l].step];
    }
}

/* Weights of a family that uses the examples: w (layers,O,D). F: (steps+1,O,D), and its scratch */
static void weights_path(const il_explain_fit *fit, const il_explain_match *m, int p,
                         int to, double *w, double *F)
{
    double value[IL_FREE];
    int most = 0;
    for (int l = 0; l < to; l++) most = il_max(most, m->layer[l].step);
    il_explain_examples examples =
        il_explain_fit_examples(fit, m->family, p, F + (size_t)(most + 1) * fit->size);
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    m->family->from_examples(value, &examples, most, F);
    for (int l = 0; l < to; l++)
        for (size_t i = 0; i < fit->size; i++)
            w[(size_t)l * fit->size + i] =
                m->scale * F[(size_t)m->layer[l].step * fit->size + i];
}

/* Answers that are not those of weights: y (layers,Q,O), the same in all layers */
static void answers_path(const il_explain_fit *fit, const il_explain_match *m, int p,
                         int to, double *y, double *F)
{
    const il_observe_prompts *e = fit->e;
    double value[IL_FREE];
    il_explain_examples at = il_explain_fit_examples(fit, m->family, p, F);
    size_t N = (size_t)at.n + 1, O = (size_t)e->outs, n = (size_t)e->Q * O;
    il_explain_law_values(fit, value, m->family, m->value, m->law, p);
    for (size_t q = 0; q < (size_t)e->Q; q++)
        m->family->answers(value, &at, at.x + (q * N + N - 1) * (size_t)e->D, y + q * O);
    for (size_t i = 0; i < n; i++) y[i] *= m->scale;
    for (int l = 1; l < to; l++) memcpy(y + (size_t)l * n, y, sizeof *y * n);
}

void il_explain_path(const il_explain_fit *fit, const il_explain_match *m, int p, int to,
                     double *v, double *F)
{
    if (m->family->own || m->family->then) {
        il_explain_path_layer(fit, m, p, 0, to, v, NULL, NULL);
    } else if (m->family->from_examples) {
        double *a = F + fit->e->D;
        weights_path(fit, m, p, to, v, a);
        for (int i = 0; i < to * fit->e->outs; i++, v += fit->e->D) {
            il_explain_triangle(F, &fit->prompt[p], v, fit->e->D);
            memcpy(v, F, sizeof *v * (size_t)fit->e->D);
        }
    } else if (m->family->answers) {
        answers_path(fit, m, p, to, v, F);
    } else {
        filtered(fit, m, p, to, v, F);
    }
}

static void write_weights(const il_explain_fit *fit, il_explain_match *m, int p, int l,
                          const double *v)
{
    size_t D = (size_t)fit->e->D, O = (size_t)fit->e->outs;
    double *w = m->w + ((size_t)l * (size_t)fit->prompts + (size_t)p) * fit->size;
    const double *b = il_explain_prompt_of(fit, p).rhs;
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < D; i++)
            w[o * D + i] = m->family->answers         ? 0
                           : m->family->from_examples ? v[o * D + i]
                           : b[i * O + o] != 0        ? v[i] * b[i * O + o]
                                                      : 0;
}

void il_explain_path_weights(const il_explain_fit *fit, il_explain_match *m, double *v)
{
    size_t n = il_explain_path_width(fit, m->family);
    double *F = v + (size_t)fit->layers * n;
    for (int p = 0; p < fit->prompts; p++) {
        if (m->family->from_examples)
            weights_path(fit, m, p, fit->layers, v, F);
        else if (!m->family->answers)
            il_explain_path(fit, m, p, fit->layers, v, F);
        for (int l = 0; l < fit->layers; l++)
            write_weights(fit, m, p, l, v + (size_t)l * n);
    }
}

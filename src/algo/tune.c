/* tune.c - grid and golden-section search for the option value with the least loss (see tune.h) */
#include "algo/tune.h"
#include "algo/algo.h"

#include <math.h>
#include <stdlib.h>

enum { HALVINGS = 5, GRID = 1 << HALVINGS, SECTIONS = 30 };

typedef struct {
    const char *text, *option;
    const il_batch *batch;
    int from;
    il_real *yhat;
    double least, at; /* so far */
} search;

/* "gd steps=1" with another option more */
static il_status with_option(il_algo **algo, const char *text, const char *option,
                             double value, il_error *err)
{
    char all[2 * IL_TEXT];
    snprintf(all, sizeof all, "%s %s=%s", text, option, il_digits(value).text);
    return il_algo_new(algo, all, err);
}

/* The mean squared error with one value, INFINITY where it is not finite */
static il_status measure(search *s, double value, double *loss, il_error *err)
{
    il_algo *algo;
    IL_TRY(with_option(&algo, s->text, s->option, value, err));
    int last = il_algo_steps(algo);
    il_status status = il_algo_predict(algo, s->batch, last, last, s->yhat, NULL, err);
    il_algo_free(algo);
    IL_TRY(status);
    const il_real *y = s->batch->yq ? s->batch->yq : s->batch->y;
    size_t outs = (size_t)s->batch->outs, N = (size_t)s->batch->points * outs;
    double sum = 0, count = 0;
    for (size_t b = 0; b < (size_t)s->batch->prompts; b++)
        for (size_t i = b * N + (size_t)s->from * outs; i < (b + 1) * N; i++) {
            double e = (double)s->yhat[i] - (double)y[i];
            sum += e * e;
            count++;
        }
    *loss = sum < INFINITY ? sum / count : INFINITY;
    if (*loss < s->least) {
        s->least = *loss;
        s->at = value;
    }
    return IL_OK;
}

static il_status find(search *s, double lo, double hi, il_error *err)
{
    static const double golden = 0.6180339887498949;
    double loss[2], at[2], step = hi / lo, value = lo;
    for (int i = 0; i < HALVINGS; i++) step = sqrt(step); /* step^GRID = hi / lo */
    for (int i = 0; i <= GRID; i++, value = fmin(value * step, hi))
        IL_TRY(measure(s, value, loss, err));
    if (!(s->least < INFINITY))
        return il_fail(err, IL_ECONFIG, "%s: no %s from %g to %g has a finite error",
                       s->text, s->option, lo, hi);
    lo = fmax(lo, s->at / step);
    hi = fmin(hi, s->at * step);
    for (int k = 0; k < 2; k++) {
        at[k] = k ? lo + golden * (hi - lo) : hi - golden * (hi - lo);
        IL_TRY(measure(s, at[k], &loss[k], err));
    }
    for (int i = 0; i < SECTIONS; i++) {
        int k = loss[0] < loss[1]; /* the end that comes nearer: 1 is hi */
        *(k ? &hi : &lo) = at[k];
        at[k] = at[!k];
        loss[k] = loss[!k];
        at[!k] = k ? hi - golden * (hi - lo) : lo + golden * (hi - lo);
        IL_TRY(measure(s, at[!k], &loss[!k], err));
    }
    return IL_OK;
}

il_status il_algo_tune(double *value, double *loss, const char *text, const char *option,
                       double lo, double hi, const il_batch *batch, int from, il_error *err)
{
    size_t count = (size_t)batch->prompts * (size_t)batch->points * (size_t)batch->outs;
    search s = {
        .text = text, .option = option, .batch = batch, .from = from, .least = INFINITY
    };
    s.yhat = malloc(sizeof *s.yhat * (count + 1));
    if (!s.yhat) return il_fail(err, IL_EFAIL, "out of memory for a search");
    il_status status = find(&s, lo, hi, err);
    free(s.yhat);
    IL_TRY(status);
    *value = s.at;
    if (loss) *loss = s.least;
    return IL_OK;
}

/* ---- what can be refused before ------------------------------------------------------------------ */

static const il_algo_kind *kind_of(const char *text)
{
    size_t size = strcspn(text += strspn(text, " "), " ");
    const il_algo_kind *kind;
    for (int i = 0; (kind = il_algo_at(i)); i++)
        if (strlen(kind->name) == size && !strncmp(kind->name, text, size)) break;
    return kind;
}

/* Is it one of the options that are real numbers? */
static il_status check_option(const il_algo_kind *kind, const char *option, il_error *err)
{
    char all[IL_TEXT] = "";
    for (const il_opt *o = kind->opts; o && o->type != IL_OPT_END; o++) {
        size_t n = strlen(all);
        if (o->type != IL_OPT_REAL) continue;
        if (!strcmp(o->name, option)) return IL_OK;
        snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", o->name);
    }
    if (!*all)
        return il_fail(err, IL_ECONFIG, "option = '%s': %s has no real number to tune",
                       il_show(option).text, kind->name);
    return il_fail(
        err, IL_ECONFIG,
        "option = '%s' cannot be tuned: it is not a real-valued option of %s, which has %s",
        il_show(option).text, kind->name, all);
}

il_status il_algo_tune_check(const char *text, const char *option, double lo, double hi,
                             il_error *err)
{
    const double ends[] = { lo, hi };
    il_algo *algo;
    IL_TRY(il_algo_new(&algo, text, err));
    il_algo_free(algo);
    IL_TRY(check_option(kind_of(text), option, err));
    if (!(lo < hi))
        return il_fail(err, IL_ECONFIG, "low = %g is not below high = %g", lo, hi);
    for (int i = 0; i < 2; i++) {
        IL_TRY(with_option(&algo, text, option, ends[i], err));
        il_algo_free(algo);
    }
    return IL_OK;
}

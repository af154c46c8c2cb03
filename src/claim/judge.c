/* judge.c - the rows of a claim, each by the median of its runs
 *
 * A non-finite number satisfies no bound and cannot be ranked: a row with one such run fails. With an even
 * number of runs the median is the mean of the two in the middle.
 */
#include "claim/claim.h"
#include "la/order.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* ---- a number ------------------------------------------------------------------------------------ */

static int holds(const il_claim_row *r, double value)
{
    double slack = isnan(r->within) ? INFINITY : r->within;
    if (!isnan(r->percent)) slack = fmin(slack, fabs(r->expect) * r->percent / 100);
    if (!isfinite(value)) return 0;
    if (!isnan(r->expect) && fabs(value - r->expect) > slack) return 0;
    return !(value < r->least) && !(value > r->most);
}

typedef struct {
    double median, least, most; /* NAN where a run's number is not finite */
    int held;
} spread;

static spread spread_of(const il_claim_row *r, int runs)
{
    spread s = { NAN, NAN, NAN, 0 };
    double v[IL_CLAIM_SEEDS];
    int finite = 1;
    for (int i = 0; i < runs; i++) {
        v[i] = r->value[i];
        finite &= isfinite(v[i]) != 0;
        s.held += holds(r, v[i]);
    }
    if (!finite) return s;
    il_sort(v, runs);
    s.least = v[0];
    s.most = v[runs - 1];
    s.median = il_quantile(v, runs, 0.5);
    return s;
}

/* ---- words ------------------------------------------------------------------------------------------ */

static void print_wanted(const il_claim_row *r, char text[IL_TEXT])
{
    char *at = text, *end = text + IL_TEXT;
    *text = 0;
    if (!isnan(r->expect)) at += snprintf(at, IL_TEXT, "%s", il_digits(r->expect).text);
    if (!isnan(r->within) && r->within > 0)
        at += snprintf(at, (size_t)(end - at), " +- %s", il_digits(r->within).text);
    if (!isnan(r->percent))
        at += snprintf(at, (size_t)(end - at), " +- %s %%", il_digits(r->percent).text);
    if (!isnan(r->least))
        at += snprintf(at, (size_t)(end - at), "%sat least %s", at > text ? ", " : "",
                       il_digits(r->least).text);
    if (!isnan(r->most))
        snprintf(at, (size_t)(end - at), "%sat most %s", at > text ? ", " : "",
                 il_digits(r->most).text);
}

static const char *verdict(const il_claim_row *r, const spread *s)
{
    if (!holds(r, s->median)) return "fails";
    return r->falls_short[0] ? "short" : "holds";
}

/* ---- the table -------------------------------------------------------------------------------------- */

static il_status add_row(il_table *table, const il_claim_row *r, const spread *s, int runs,
                         const char *hash, il_error *err)
{
    char wanted[IL_TEXT];
    print_wanted(r, wanted);
    const char *texts[] = { r->name,       r->claim[0] ? r->claim : r->name,
                            r->paper,      wanted,
                            verdict(r, s), r->falls_short,
                            hash };
    const double numbers[] = { s->median, s->least, s->most, s->held, runs };
    return il_table_add(table, texts, numbers, err);
}

il_status il_claim_judge(il_table **rows, const il_claim *c, int *failed, il_error *err)
{
    il_table *table;
    char hash[32];
    int runs = c->seeds ? c->seeds : 1;
    snprintf(hash, sizeof hash, "%016" PRIx64, il_claim_hash(c));
    IL_TRY(il_table_new(&table, c->name, err));
    il_status status = il_table_add_cols(table,
                                         "row$ claim$ paper$ measured least most held runs "
                                         "wanted$ verdict$ short$ hash$",
                                         err);
    if (!status) status = il_table_set_caption(table, c->head.title, err);
    *failed = 0;
    for (int i = 0; i < c->rows && !status; i++) {
        spread s = spread_of(&c->row[i], runs);
        *failed += !holds(&c->row[i], s.median);
        status = add_row(table, &c->row[i], &s, runs, hash, err);
    }
    return il_table_hand_over(rows, table, status);
}

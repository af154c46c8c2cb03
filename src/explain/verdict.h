/* verdict.h - from a match to words and tables (private) */
#ifndef IL_VERDICT_H
#define IL_VERDICT_H

#include "explain/explain.h"

/* Readings and what was matched with them; `unit` is what a reading follows, "layer" or "loop" */
typedef struct {
    const il_evidence *evidence;
    const il_readings *readings;
    il_matches *matches;
    const char *unit;
} il_judged;

int il_verdict_level(const il_matches *all); /* IL_EXPLAINED_* */
/* The first layer from which on some family explains every reading; 0 when not even the last */
int il_verdict_settled(const il_matches *all);
/* Everything but the tables */
void il_verdict(const il_judged *judged, il_explanation *out);
/* The rival that leaves least; the best itself where there is none */
const il_match *il_verdict_runner_up(const il_matches *all);
double il_verdict_worst(const il_match *match,
                        const il_matches *all); /* share of a layer */
/* "step_size=0.02/n"; of a layerwise family the layer's own */
void il_verdict_values(char *text, size_t size, const il_match *match, int layer);

/* The five tables. Errors: IL_EFAIL. */
il_status il_verdict_tables(const il_judged *judged, il_explanation *out, il_error *err);

#endif

/* explain.c - which algorithm a model's forward pass runs
 *
 * Takes a model and options; draws prompts, records what every layer or loop predicts there (lens or probe),
 * fits every family of algorithms to these layer answers (match.c) and judges (verdict.c).
 *
 * With the lens, while some layer is not explained, the last one or two blocks of a model that does not loop are tried as part of the
 * read-out, and the choice whose layers are explained best is kept. If no family fits all layers, only those
 * are matched from which on some family explains every layer's answers.
 */
#include "explain/match.h"
#include "observe/observe.h"

typedef struct {
    il_explain_options ask;
} options;
static const il_opt opts[] = {
    IL_ASK_KEYS_OF("auto", "R|auto"), IL_ASK_QUERIES, IL_ASK_READING, { 0 }
};

const il_opt *il_explain_opts(void) { return opts; }

static il_status read_probe(il_observation *s, il_explanation *out, il_error *err)
{
    IL_TRY(il_observation_draw_fit(s, err));
    IL_TRY(il_observe_answers_probe(&s->layer_answers, s->model, s->layers, s->fit,
                                    s->prompts, err));
    IL_TRY(il_explain_answers(s->prompts, s->layer_answers,
                              s->layers->loops ? "loop" : "layer", out, err));
    snprintf(out->reading, sizeof out->reading, "probe");
    return IL_OK;
}

/* A construction may answer only in its last blocks, so while some layer is not explained these are also tried as
 * part of the read-out; the choice that explains the most layers is kept. */
static il_status read_lens(il_observation *s, il_explanation *out, il_error *err)
{
    int most = s->layers->loops ? 0 : il_min(2, s->layers->n - 1);
    for (int tail = 0; tail <= most && (!tail || out->explained < s->layers->n); tail++) {
        il_explanation e = { 0 };
        il_observe_answers_free(s->layer_answers);
        s->layer_answers = NULL;
        IL_TRY(il_observe_answers_lens(&s->layer_answers, s->model, s->layers, tail,
                                       s->prompts, err));
        IL_TRY(il_explain_answers(s->prompts, s->layer_answers,
                                  s->layers->loops ? "loop" : "layer", &e, err));
        e.tail = tail;
        snprintf(e.reading, sizeof e.reading, "lens");
        if (!tail || e.explained > out->explained ||
            (e.explained == out->explained && e.score < out->score / 2)) {
            il_explanation_free(out);
            *out = e;
        } else {
            il_explanation_free(&e);
        }
    }
    return IL_OK;
}

void il_explanation_free(il_explanation *e)
{
    if (!e) return;
    il_table_free(e->layers);
    il_table_free(e->families);
    il_table_free(e->steps);
    il_table_free(e->spectrum);
    il_table_free(e->answers);
    *e = (il_explanation){ 0 };
}

static il_status match_from(il_explain_judged *s, int first, int sift, il_error *err)
{
    il_explain_matches_free(s->matches);
    s->matches = NULL;
    return il_explain_matches_new(&s->matches, s->prompts, s->layer_answers, first, 0, sift,
                                  err);
}

/* Matches all layers; if none of these fits, only those after which the answers have settled. */
static il_status match(il_explain_judged *s, il_error *err)
{
    int first = 0;
    IL_TRY(match_from(s, 0, 1, err));
    if (!il_explain_verdict_level(s->matches))
        first = il_explain_verdict_settled(s->matches);
    return first || s->matches->sifted ? match_from(s, first, 0, err) : IL_OK;
}

il_status il_explain_answers(const il_observe_prompts *prompts,
                             const il_observe_answers *layer_answers, const char *unit,
                             il_explanation *out, il_error *err)
{
    il_explain_judged s = { .prompts = prompts,
                            .layer_answers = layer_answers,
                            .unit = unit };
    il_explanation made = { 0 };
    il_status status = match(&s, err);
    if (!status) {
        il_explain_verdict(&s, &made);
        status = il_explain_verdict_tables(&s, &made, err);
    }
    il_explain_matches_free(s.matches);
    if (status)
        il_explanation_free(&made);
    else
        *out = made;
    return status;
}

il_status il_explain(const il_model *model, const char *const *settings, int n_settings,
                     il_explanation *out, il_error *err)
{
    options o;
    il_observation s;
    il_explanation made = { 0 };
    IL_GIVEN(err, "model explanation", model, out);
    il_opt_init(opts, &o);
    IL_TRY(il_opt_apply(opts, &o, settings, n_settings, "explain", err));
    il_status status = il_observation_new(&s, model, &o.ask, err);
    if (!status) status = s.probe ? read_probe(&s, &made, err) : read_lens(&s, &made, err);
    if (!status) status = il_observation_note(&s, made.layers, err);
    il_observation_free(&s);
    if (status)
        il_explanation_free(&made);
    else
        *out = made;
    return status;
}

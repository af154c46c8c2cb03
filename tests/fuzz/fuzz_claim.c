/* fuzz_claim.c - any bytes as a claim: a claim or a sentence, never a crash
 *
 * What was read is looked at as the program does before it trains.
 */
#include "innerloop_lab.h"

#include <stdlib.h>
#include <string.h>

static size_t length;

static void look(const char *text)
{
    if (!text) abort();
    length += strlen(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    il_claim *claim;
    il_error err = { 0 };
    if (il_claim_parse(&claim, (const char *)data, size, "fuzz", &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    il_claim_facts facts = il_claim_about(claim);
    look(facts.name);
    look(facts.title);
    look(facts.paper);
    look(facts.reduced);
    look(facts.one_seed);
    for (int i = 0; i < facts.models; i++) {
        il_claim_model model = il_claim_model_at(claim, i);
        look(model.name);
        if (il_config_check(model.config, &err) || !il_config_hash(model.config)) abort();
        for (int run = 0; run < facts.runs; run++) {
            il_config config = il_claim_config(claim, i, run);
            if (il_config_check(&config, &err)) abort();
        }
    }
    for (int i = 0; i < facts.tables; i++) {
        il_figure figure;
        if (il_claim_table(claim, i, &figure)) abort(); /* nothing was measured */
    }
    il_claim_free(claim);
    return 0;
}

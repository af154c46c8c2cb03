/* fuzz_plan.c - any bytes as a plan: a plan or a sentence, never a crash
 *
 * A plan that was accepted and is small is run, with weights of zero, on two short prompts.
 */
#include "model/model.h"

#include <stdlib.h>

static void run(il_plan *plan)
{
    il_model *model;
    il_state *s;
    il_error err = { 0 };
    int tokens = il_min(3, plan->most_tokens);
    for (int i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].kind->ids) return; /* the tokens below are none */
    if (plan->n_weights > 1 << 16 || plan->loops > 8 ||
        il_model_from_plan(&model, plan, &err))
        return; /* the model owns the plan from here on */
    il_model_pack(model);
    if (il_state_bytes(model, 2, tokens, 1) < 1 << 24 &&
        il_state_new(&s, model, 2, tokens, 1, &err) == IL_OK) {
        il_state_shape(s, 2, tokens);
        s->grad = calloc(model->plan.n_weights + 16, sizeof *s->grad);
        il_run how = { .loops = model->plan.loops, .window = 1, .post = 1 };
        il_forward(s, &how);
        il_backward(s, &how);
        free(s->grad);
        il_state_free(s);
    }
    il_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    il_plan plan;
    il_error err = { 0 };
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    if (il_plan_read(&plan, text, size ? data[0] % 3 : 0, &err)) {
        if (!err.text[0]) abort();
    } else {
        run(&plan);
        il_plan_free(&plan);
    }
    free(text);
    return 0;
}

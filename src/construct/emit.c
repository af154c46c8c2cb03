/* emit.c - adds ops and their weights to the plan under construction */
#include "construct/emit.h"

/* An op whose weights get `data` (as stored) and `bias`, where they are not NULL. */
int il_emit(builder *b, il_section section, const char *kind, const char *name,
            const char *opts, int n_in, const int *in, double *data, double *bias)
{
    int out = 0;
    if (b->p->failed) return 0;
    if (il_plan_add(&b->plan, section, kind, name, opts, n_in, in, &out, &b->p->error) !=
        IL_OK) {
        b->p->failed = 1;
        return 0;
    }
    const il_op *op = &b->plan.ops[b->plan.n_ops - 1];
    for (int i = 0; i < 2; i++) {
        double *from = i ? bias : data;
        if (!from) continue;
        if (b->n_weights == WEIGHTS) {
            il_mistake(b->p, IL_ECONFIG, "a program has more than %d matrices", WEIGHTS);
            return out;
        }
        b->weights[b->n_weights].param = op->par[i];
        b->weights[b->n_weights++].data = from;
    }
    return out;
}

double *il_emit_matrix(builder *b, int rows, int cols)
{
    return il_own(b->p, sizeof(double) * (size_t)rows * (size_t)cols);
}

/* y = W x (+ residual), W (out,in) */
int il_emit_linear(builder *b, il_section section, const char *layer, const char *name,
                   int out, double *W, double *bias, int x, int residual)
{
    char full[IL_NAME], opts[48];
    int in[2] = { x, residual };
    snprintf(full, sizeof full, "%s.%s", layer, name);
    snprintf(opts, sizeof opts, "out=%d%s", out, bias ? "" : " bias=0");
    return il_emit(b, section, "linear", full, opts, residual == IL_NONE ? 1 : 2, in, W,
                   bias);
}

/* gradients.c - gradients and Hessians of the training loss against differences of the loss itself */
#include "measure/gradients.h"
#include "check.h"
#include "la/dense.h"
#include "models.h"

#include <stdlib.h>

enum { PROMPTS = 12 };

typedef struct {
    il_gradients g;
    il_model *model;
    double *u, *v, *a, *b; /* (n) */
} probe;

static void start(probe *p, const char *more)
{
    il_config c =
        config_with("model.n_dims=3 model.n_positions=6 model.n_embd=8 model.n_head=2 "
                    "model.n_layer=2 training.n_loop_window=3 "
                    "training.curriculum.loops.start=2 training.curriculum.loops.end=3 "
                    "training.curriculum.dims.start=3 training.curriculum.dims.end=3 "
                    "training.batch_size=7 training.train_steps=50 "
                    "training.curriculum.points.start=6 training.curriculum.points.end=6",
                    more);
    CHECK_OK(il_model_new(&p->model, &c, &err));
    CHECK_OK(il_gradients_new(&p->g, p->model, PROMPTS, 1, &err));
    size_t n = p->g.n;
    p->u = calloc(4 * n, sizeof *p->u);
    p->v = p->u + n, p->a = p->v + n, p->b = p->a + n;
    il_rng rng = il_rng_at(3, 0, 0, 0);
    for (int i = 0; i < p->model->plan.n_params; i++) {
        const il_param *w = &p->model->plan.params[i];
        for (size_t k = 0; k < il_param_size(w); k++) {
            p->model->weights[w->offset + k] += 0.1 * il_normal(&rng);
            p->u[w->offset + k] = il_normal(&rng);
            p->v[w->offset + k] = il_normal(&rng);
        }
    }
}

static void end(probe *p)
{
    il_gradients_free(&p->g);
    il_model_free(p->model);
    free(p->u);
}

/* The loss at w + h v on the prompts of a draw; its gradient in p->b */
static double loss_at(probe *p, double h, const double *v, int draw)
{
    double *w = malloc(p->g.n * sizeof *w);
    for (size_t i = 0; i < p->g.n; i++) w[i] = p->model->weights[i] + h * v[i];
    CHECK_OK(il_gradients_at(p->b, &p->g, w, draw, &err));
    free(w);
    return p->g.loss;
}

static const char *const cases[] = {
    "model.family=gpt2",
    "model.family=gpt2_loop training.optimizer=muon training.clip=1",
    "model.family=stack model.blocks=linear,softmax model.tokens=columns "
    "training.curriculum.batch.start=2 training.weight_decay=0.1",
    "model.family=stack model.blocks=softmax training.frobenius_decay=0.5",
};

static void gradients_are_slopes(void **state)
{
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        probe p;
        start(&p, cases[i]);
        double h = 1e-5, up = loss_at(&p, h, p.v, 1), down = loss_at(&p, -h, p.v, 1);
        loss_at(&p, 0, p.v, 1);
        CHECK_NEAR((up - down) / (2 * h), il_ddot(p.b, p.v, (int)p.g.n),
                   1e-7 * fabs(up - down) / h + 1e-9, cases[i]);
        end(&p);
    }
}

/* v^T H v by three losses, and H is symmetric. */
static void hessians_are_second_differences(void **state)
{
    (void)state;
    for (int i = 0; i < IL_COUNT(cases); i++) {
        probe p;
        start(&p, cases[i]);
        int n = (int)p.g.n;
        double h = 1e-4 / sqrt(il_ddot(p.v, p.v, n));
        double second = (loss_at(&p, h, p.v, 2) - 2 * loss_at(&p, 0, p.v, 2) +
                         loss_at(&p, -h, p.v, 2)) /
                        (h * h);
        CHECK_OK(il_gradients_hessian(p.a, &p.g, p.model->weights, p.v, 2, &err));
        double vHv = il_ddot(p.v, p.a, n), uHv = il_ddot(p.u, p.a, n),
               size = sqrt(il_ddot(p.a, p.a, n) * il_ddot(p.v, p.v, n));
        CHECK_NEAR(vHv, second, 1e-5 * size, cases[i]);
        CHECK_OK(il_gradients_hessian(p.a, &p.g, p.model->weights, p.u, 2, &err));
        CHECK_NEAR(il_ddot(p.v, p.a, n), uHv, 1e-7 * size, cases[i]);
        end(&p);
    }
}

/* Other draws are other prompts, the same draw the same ones. */
static void draws_are_prompts(void **state)
{
    (void)state;
    probe p;
    start(&p, cases[0]);
    double first = loss_at(&p, 0, p.v, 0), second = loss_at(&p, 0, p.v, 1);
    assert_true(first != second);
    assert_true(loss_at(&p, 0, p.v, 0) == first);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(hessians_are_second_differences),
        cmocka_unit_test(draws_are_prompts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* config_check.c - constraints between keys of a recipe, and the values of the curriculum's ramps */
#include "model/config.h"

int il_ramp_at(const il_ramp *ramp, int64_t step)
{
    if (!ramp) return 0;
    int64_t rises = step < 0 || ramp->interval < 1 ? 0 : step / ramp->interval;
    if (!rises || ramp->inc < 0) return ramp->start;
    int64_t room = (int64_t)ramp->end - ramp->start;
    if (room <= 0 || (ramp->inc > 0 && rises > room / ramp->inc)) return ramp->end;
    return ramp->start + (int)(rises * ramp->inc);
}

/* `limit` is the largest end, the value of `key`; 0: none. */
static il_status check_ramp(const il_ramp *r, const char *name, int limit, const char *key,
                            il_error *err)
{
    if (r->start > r->end)
        return il_fail(
            err, IL_ECONFIG,
            "training.curriculum.%s.start = %d is above its end = %d; a ramp rises, so "
            "set start <= end",
            name, r->start, r->end);
    if (limit && r->end > limit)
        return il_fail(
            err, IL_ECONFIG,
            "training.curriculum.%s.end = %d is above %s = %d; lower the one or raise "
            "the other",
            name, r->end, key, limit);
    return IL_OK;
}

static il_status check_parts(const il_config *c, il_error *err)
{
    for (int part = 0; part < IL_CONFIG_PARTS; part++) {
        il_config_part p = il_config_part_of(c, part);
        if (!p.known)
            return il_fail(err, IL_ECONFIG, "%s = '%s' is no %s", p.key,
                           il_show(p.name).text, p.what);
        IL_TRY(il_opt_check(p.opts, p.target, "training.", err));
    }
    return IL_OK;
}

static il_status check_batch(const il_config *c, const il_task *task, il_error *err)
{
    int start = c->training.curriculum.batch.start;
    if (start > c->training.batch_size)
        return il_fail(
            err, IL_ECONFIG,
            "training.curriculum.batch.start = %d is above training.batch_size = "
            "%d; a batch grows, so set start <= batch_size",
            start, c->training.batch_size);
    if (task->ids && (c->training.pool_prompts || c->training.pool_functions))
        return il_fail(
            err, IL_ECONFIG,
            "training.pool_prompts and training.pool_functions are not for tasks of "
            "classes, and training.task_name = %s is one: set both to 0",
            task->name);
    return IL_OK;
}

/* Queries that stand side by side must not be told apart. */
static il_status check_halves(const il_config *c, il_error *err)
{
    if (c->model.family == IL_STACK && c->model.position == IL_POSITION_NONE) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "model.tokens = halves is for examples without an order: it needs "
                   "model.family = stack and model.position = none");
}

static il_status check_points(const il_config *c, const il_layout *layout, il_error *err)
{
    int start = c->training.curriculum.points.start, fewer = c->training.random_points,
        least = layout->half ? 2 : 1;
    if (start - fewer >= least) return IL_OK;
    return il_fail(
        err, IL_ECONFIG,
        "training.curriculum.points.start = %d less training.random_points = %d "
        "leaves %d points of a prompt, and model.tokens = %s needs %d: raise the "
        "one or lower the other",
        start, fewer, start - fewer, layout->name, least);
}

static il_status check_schedule(const il_config *c, il_error *err)
{
    int warmup = c->training.warmup_steps, decay = c->training.decay_steps,
        end = c->training.schedule_steps;
    if (warmup >= c->training.train_steps)
        return il_fail(
            err, IL_ECONFIG,
            "training.warmup_steps = %d leaves nothing of training.train_steps = %d; "
            "warm up for fewer steps",
            warmup, c->training.train_steps);
    if (end && end <= warmup)
        return il_fail(
            err, IL_ECONFIG,
            "training.schedule_steps = %d is not after training.warmup_steps = %d", end,
            warmup);
    if (decay > (end ? end : c->training.train_steps) - warmup)
        return il_fail(
            err, IL_ECONFIG,
            "training.decay_steps = %d do not fit between training.warmup_steps = "
            "%d and %s = %d; let the rate fall in fewer steps",
            decay, warmup, end ? "training.schedule_steps" : "training.train_steps",
            end ? end : c->training.train_steps);
    if (c->training.average_steps > c->training.train_steps)
        return il_fail(err, IL_ECONFIG,
                       "training.average_steps = %d is above training.train_steps = %d; "
                       "average over fewer steps, or 0 for all",
                       c->training.average_steps, c->training.train_steps);
    if (c->training.min_learning_rate > c->training.learning_rate)
        return il_fail(
            err, IL_ECONFIG,
            "training.min_learning_rate = %.15g is above training.learning_rate = "
            "%.15g; the rate falls, so set min_learning_rate <= learning_rate",
            c->training.min_learning_rate, c->training.learning_rate);
    return IL_OK;
}

static il_status check_factors(const il_config *c, il_error *err)
{
    int stack = c->model.family == IL_STACK,
        heads =
            c->model.factor.init == IL_FACTOR_SPECTRAL || c->training.frobenius_decay > 0;
    if (c->model.factor.rank && !(stack && c->model.n_mlp))
        return il_fail(err, IL_ECONFIG,
                       "model.factor.rank = %d is of the maps of MLPs in the family stack: "
                       "set model.family to stack and model.n_mlp, or the rank to 0",
                       c->model.factor.rank);
    if (heads && stack && c->model.products[0])
        return il_fail(err, IL_ECONFIG,
                       "model.products = '%s' leaves heads no factors: leave it out, or "
                       "model.factor.init = spectral and training.frobenius_decay",
                       il_show(c->model.products).text);
    return IL_OK;
}

il_status il_config_check(const il_config *c, il_error *err)
{
    IL_GIVEN(err, "config", c);
    IL_TRY(il_opt_check(il_config_opts(), c, "", err));
    IL_TRY(check_parts(c, err));
    const il_task *task = il_task_find(c->training.task_name);
    IL_TRY(il_task_check(task, c->training.task_opts, err));
    const il_layout *layout = il_layout_at(c->model.tokens);
    if (!layout->fill && c->model.family != IL_BUILT)
        return il_fail(err, IL_ECONFIG,
                       "model.tokens = %s belongs to built models: no prompt becomes such "
                       "tokens; try pairs or columns",
                       layout->name);
    if (layout->sequences && !task->sequence)
        return il_fail(err, IL_ECONFIG,
                       "model.tokens = %s shows no y, so it is for tasks of sequences, and "
                       "training.task_name = %s is none; try pairs or columns",
                       layout->name, task->name);
    if (layout->ids != (task->ids != NULL) || (task->ids && c->model.n_dims != 1))
        return il_fail(err, IL_ECONFIG,
                       "training.task_name = %s %s; here model.tokens = %s and "
                       "model.n_dims = %d",
                       task->name,
                       task->ids ? "has token-id prompts and needs model.tokens = ids and "
                                   "model.n_dims = 1"
                                 : "has real-valued prompts, which model.tokens = ids does "
                                   "not read",
                       layout->name, c->model.n_dims);
    if (c->model.family < IL_STACK && c->model.n_embd % c->model.n_head)
        return il_fail(
            err, IL_ECONFIG,
            "model.n_head = %d does not divide model.n_embd = %d; every head needs the "
            "same width",
            c->model.n_head, c->model.n_embd);
    IL_TRY(check_ramp(&c->training.curriculum.dims, "dims", c->model.n_dims, "model.n_dims",
                      err));
    IL_TRY(check_ramp(&c->training.curriculum.points, "points", c->model.n_positions,
                      "model.n_positions", err));
    if (layout->half) IL_TRY(check_halves(c, err));
    IL_TRY(check_points(c, layout, err));
    IL_TRY(check_ramp(&c->training.curriculum.loops, "loops", 0, "", err));
    IL_TRY(check_factors(c, err));
    IL_TRY(check_batch(c, task, err));
    IL_TRY(il_task_check_variances(task, c->training.task_opts, c->model.n_dims, err));
    return check_schedule(c, err);
}

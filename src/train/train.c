/* train.c - a training run: steps, and what is written on the way
 *
 * Every random number and every schedule is a function of the step, so a run that was stopped,
 * or killed, continues from its newest checkpoint with the same bits as if nothing had happened.
 * Of several ranks all take every step together, and rank 0 has the folder.
 */
#include "train/train.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    il_trainer *t;
    il_run_folder folder; /* rank 0's */
    const il_watch *watch;
    int rank;
    double started, counted; /* seconds; since `counted`, `steps` steps were taken */
    int64_t steps;
    double per_second, loss, error; /* error: of the last evaluation */
} runner;

static int every(int64_t step, int n) { return n > 0 && step % n == 0; }

static void report_progress(runner *r, il_progress *p)
{
    double t = il_seconds();
    r->steps++;
    if (t - r->counted > 1) {
        r->per_second = (double)r->steps / (t - r->counted);
        r->counted = t;
        r->steps = 0;
    }
    p->per_second = r->per_second;
    if (!r->rank && r->watch && r->watch->progress)
        r->watch->progress(r->watch->context, p);
}

/* A checkpoint, where all ranks would write the same. */
static il_status save(runner *r, int keep, il_error *err)
{
    IL_TRY(il_trainer_compare(r->t, err));
    return r->rank ? IL_OK : il_folder_save(&r->folder, keep, err);
}

/* What follows a step: all that may fail on one rank alone */
static il_status write_down(runner *r, const il_config *c, il_progress *p, int log,
                            il_error *err)
{
    int64_t taken = p->step + 1;
    int last = taken == c->training.train_steps,
        evaluate = every(taken, c->training.eval_every_steps),
        keep = every(taken, c->training.keep_every_steps);
    if (evaluate) IL_TRY(il_trainer_evaluate(r->t, &r->error, err));
    p->error = r->error;
    if (log && !r->rank) IL_TRY(il_folder_log(&r->folder, p, evaluate, err));
    report_progress(r, p);
    if (last || keep || every(taken, c->training.save_every_steps))
        return save(r, keep, err);
    return IL_OK;
}

static il_status one_step(runner *r, const il_config *c, il_error *err)
{
    il_progress p;
    int64_t taken = il_trainer_model(r->t)->step + 1;
    int log = taken == c->training.train_steps ||
              every(taken, c->training.eval_every_steps) ||
              every(taken, c->training.log_every_steps);
    IL_TRY(il_trainer_step(r->t, log, &p, err));
    r->loss = p.loss;
    return write_down(r, c, &p, log, err);
}

/* A request to stop that reached one rank reached all. */
static il_status steps(runner *r, const il_config *c, il_error *err)
{
    const il_model *m = il_trainer_model(r->t);
    while (m->step < c->training.train_steps) {
        il_status status = one_step(r, c, err);
        int64_t stop = r->watch && r->watch->stop && *r->watch->stop;
        IL_TRY(il_ranks_agree(status, &stop, err));
        if (!stop || m->step == c->training.train_steps) continue;
        IL_TRY(il_ranks_agree(save(r, 0, err), NULL, err));
        return il_fail(err, IL_EINTERRUPT, "stopped and saved after step %" PRId64,
                       m->step);
    }
    return IL_OK;
}

static il_status run(runner *r, const il_config *c, il_trained *result, il_error *err)
{
    const il_model *m = il_trainer_model(r->t);
    r->started = r->counted = r->folder.started = il_seconds();
    if (!r->rank && r->watch && r->watch->start)
        r->watch->start(r->watch->context, m->step, il_trainer_bytes(r->t));
    IL_TRY(steps(r, c, err));
    if (result)
        *result = (il_trained){ .step = m->step,
                                .loss = r->loss,
                                .seconds = il_seconds() - r->started,
                                .bytes = il_trainer_bytes(r->t),
                                .sent = il_trainer_sent(r->t),
                                .hash = il_checkpoint_hash(m, il_trainer_moments(r->t)) };
    if (isfinite(r->loss)) il_trainer_note(r->t, r->watch);
    return IL_OK;
}

/* Rank 0 reads or makes the folder, and all begin with what it has. */
static il_status begin(runner *r, const il_config *config, int resume, il_error *err)
{
    il_status status = IL_OK;
    il_trainer_draw_by(r->t, r->watch);
    if (!r->rank) {
        r->folder =
            (il_run_folder){ .t = r->t, .folder = r->folder.folder, .watch = r->watch };
        status = il_folder_open(&r->folder, config, resume, err);
    }
    IL_TRY(il_ranks_agree(status, NULL, err));
    IL_TRY(il_trainer_share(r->t, err));
    return il_trainer_compare(r->t, err);
}

il_status il_train(const il_config *config, const char *folder, int resume,
                   const il_watch *watch, il_trained *result, il_error *err)
{
    IL_GIVEN(err, "config folder", config, folder);
    if (!*folder) return il_fail(err, IL_ECONFIG, "il_train needs a folder's name, not ''");
    runner r = { .folder.folder = folder,
                 .watch = watch,
                 .rank = il_ranks_about().rank,
                 .per_second = NAN,
                 .loss = NAN,
                 .error = NAN };
    if (watch && watch->draw && config->training.eval_every_steps)
        return il_fail(err, IL_ECONFIG,
                       "training.eval_every_steps = %d draws prompts of the recipe's task, "
                       "and this training has "
                       "prompts of the caller's own: set it to 0",
                       config->training.eval_every_steps);
    il_status status = il_ranks_agree(il_trainer_new(&r.t, config, err), NULL, err);
    if (status == IL_OK) status = begin(&r, config, resume, err);
    if (status == IL_OK) status = run(&r, config, result, err);
    il_folder_close(&r.folder);
    il_trainer_free(r.t);
    return status;
}

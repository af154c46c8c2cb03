/* folder.c - a run folder: config.yaml, env.json, metrics.jsonl, checkpoints/; how a run goes on from one
 *
 * Of several ranks, rank 0 alone comes here.
 */
#include "train/train.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096 };

static const char *in_folder(char path[PATH], const il_run_folder *r, const char *name)
{
    snprintf(path, PATH, "%s/%s", r->folder, name);
    return path;
}

/* Of the step that the model is at */
static const char *kept_path(char path[PATH], const il_run_folder *r)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoints/step-%09" PRId64 ".safetensors",
             il_trainer_model(r->t)->step);
    return in_folder(path, r, name);
}

/* ---- resuming ---------------------------------------------------------------------------------- */

/* Keys that do not change what is computed. */
static int may_differ(const char *key)
{
    static const char *const keys[] = {
        "training.save_every_steps", "training.keep_every_steps",
        "training.log_every_steps",  "training.eval_every_steps",
        "training.recompute",        "out_dir"
    };
    for (int i = 0; i < IL_COUNT(keys); i++)
        if (!strcmp(key, keys[i])) return 1;
    return 0;
}

static il_status same_options(const il_opt *table, const void *now_, const void *then,
                              const char *path, const char *prefix, il_error *err)
{
    for (const il_opt *o = table; o && o->type != IL_OPT_END; o++) {
        if (may_differ(o->name) || il_opt_equal(o, now_, then)) continue;
        char a[IL_TEXT], b[IL_TEXT];
        il_opt_print(o, now_, a, sizeof a);
        il_opt_print(o, then, b, sizeof b);
        return il_fail(
            err, IL_ECONFIG,
            "%s was trained with %s%s = %s, not %s: resume with its own recipe, or "
            "train in another folder",
            path, prefix, o->name, b, a);
    }
    return IL_OK;
}

static il_status same_recipe(const il_config *config, const il_config *then,
                             const char *path, il_error *err)
{
    IL_TRY(same_options(il_config_opts(), config, then, path, "", err));
    for (int part = 0; part < IL_CONFIG_PARTS; part++)
        IL_TRY(same_options(il_config_part_of(config, part).opts,
                            il_config_part_of(config, part).target,
                            il_config_part_of(then, part).target, path, "training.", err));
    return IL_OK;
}

/* Lines of metrics from after the checkpoint belong to a future that will be run again. */
typedef struct {
    const char *text;
    int64_t step;
} past;

static il_status write_past(const void *context, FILE *f, il_error *err)
{
    (void)err;
    const past *p = context;
    for (const char *line = p->text; *line;) {
        size_t length = strcspn(line, "\n");
        long long step;
        if (line[length] && sscanf(line, "{\"step\": %lld", &step) == 1 && step <= p->step)
            fwrite(line, 1, length + 1, f);
        line += length + (line[length] != 0);
    }
    return IL_OK;
}

static il_status cut_metrics(const char *path, int64_t step, il_error *err)
{
    struct stat info;
    past p = { .step = step };
    char *text;
    size_t bytes;
    if (stat(path, &info)) return IL_OK; /* nothing was logged yet */
    IL_TRY(il_file_read(&text, &bytes, path, (size_t)1 << 31, err));
    p.text = text;
    il_status status = il_file_write_atomic(path, write_past, &p, err);
    free(text);
    return status;
}

/* `damaged`: what failed is what the file holds, and not that its recipe is another one. */
static il_status read_checkpoint(il_run_folder *r, const il_config *config,
                                 const char *path, int *damaged, il_error *err)
{
    il_model *then;
    il_status status = il_model_load(&then, path, err);
    *damaged = status == IL_ECONFIG;
    IL_TRY(status);
    status = same_recipe(config, il_model_config(then), path, err);
    il_model_free(then);
    IL_TRY(status);
    status =
        il_checkpoint_read(path, il_trainer_model(r->t), il_trainer_moments(r->t), err);
    *damaged = status == IL_ECONFIG;
    return status;
}

static void say_damaged(const il_run_folder *r, const char *used, const char *why)
{
    il_error line;
    if (!r->watch || !r->watch->note) return;
    il_fail(&line, IL_OK, "%s goes on, because the checkpoint after it is damaged: %s",
            strrchr(used, '/') + 1, why);
    r->watch->note(r->watch->context, line.text);
}

enum { LAST = 1, KEPT };

/* Reads the newest checkpoint that is whole, LAST or one that was KEPT: `found`, which stays 0 where there is
 * none, whole or not. */
static il_status read_newest(il_run_folder *r, const il_config *config, int *found,
                             il_error *err)
{
    char path[PATH];
    struct stat info;
    il_error first = { 0 }; /* what is wrong with the newest */
    int64_t step = INT64_MAX;
    il_checkpoint_path(path, sizeof path, r->folder);
    int kept = stat(path, &info) != 0;
    if (kept) step = il_checkpoint_kept(path, sizeof path, r->folder, step);
    for (; step >= 0; step = il_checkpoint_kept(path, sizeof path, r->folder, step)) {
        int damaged;
        il_error why = { 0 };
        il_status status = read_checkpoint(r, config, path, &damaged, &why);
        *found = kept ? KEPT : LAST;
        kept = 1; /* what comes next */
        if (status == IL_OK && *first.text) say_damaged(r, path, first.text);
        if (!damaged) return status ? il_fail(err, status, "%s", why.text) : IL_OK;
        if (!*first.text) first = why;
    }
    if (!*first.text) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "%s; no other checkpoint there is whole: train in another folder",
                   first.text);
}

static il_status save_last(const il_run_folder *r, il_error *err);
static il_status save_kept(const il_run_folder *r, il_error *err);

/* A run that was killed between `last` and the checkpoint to be kept lacks the second. */
static il_status resume_from(il_run_folder *r, const il_config *config, il_error *err)
{
    char metrics[PATH];
    struct stat info;
    int found = 0, keep = config->training.keep_every_steps;
    in_folder(metrics, r, "metrics.jsonl");
    IL_TRY(read_newest(r, config, &found, err));
    il_model *m = il_trainer_model(r->t);
    if (!found) { /* the start is the same */
        IL_TRY(il_trainer_start(r->t, r->watch, err));
        return cut_metrics(metrics, 0, err);
    }
    IL_TRY(cut_metrics(metrics, m->step, err));
    if (found == KEPT) IL_TRY(save_last(r, err));
    if (!keep || !m->step || m->step % keep) return IL_OK;
    return stat(kept_path((char[PATH]){ 0 }, r), &info) ? save_kept(r, err) : IL_OK;
}

/* ---- what is written ---------------------------------------------------------------------------- */

static il_status write_env(const void *context, FILE *f, il_error *err)
{
    (void)err;
    const il_run_folder *r = context;
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    fprintf(f,
            "{\"version\": \"%s\", \"kernel\": \"%s\", \"ranks\": %d, \"threads\": %d, "
            "\"compiler\": \"%s\", "
            "\"real\": \"%s\", \"plan_bytes\": %zu}\n",
            il_version(), il_kernel_name(), il_ranks_about().ranks, il_threads(), compiler,
            sizeof(il_real) == 4 ? "float" : "double", il_trainer_bytes(r->t));
    return IL_OK;
}

il_status il_folder_open(il_run_folder *r, const il_config *config, int resume,
                         il_error *err)
{
    char path[PATH];
    IL_TRY(il_folders_make(in_folder(path, r, "checkpoints"), err));
    IL_TRY(il_lock_take(&r->lock, r->folder, err));
    il_temporary_sweep(r->folder, NULL);
    il_temporary_sweep(path, NULL);
    if (resume) {
        IL_TRY(resume_from(r, config, err));
    } else {
        struct stat info;
        il_checkpoint_path(path, sizeof path, r->folder);
        if (!stat(path, &info) ||
            il_checkpoint_kept(path, sizeof path, r->folder, INT64_MAX) >= 0)
            return il_fail(
                err, IL_ECONFIG,
                "%s already holds a trained model: resume it, or choose another folder",
                r->folder);
        IL_TRY(il_trainer_start(r->t, r->watch, err));
    }
    IL_TRY(il_file_write_atomic(in_folder(path, r, "config.yaml"), il_config_fill, config,
                                err));
    IL_TRY(il_file_write_atomic(in_folder(path, r, "env.json"), write_env, r, err));
    r->metrics = fopen(in_folder(path, r, "metrics.jsonl"), resume ? "a" : "w");
    if (!r->metrics) return il_fail_io(err, "cannot write %s", path);
    il_file_settle_name(path);
    return IL_OK;
}

static void write_number(FILE *f, const char *key, double value)
{
    if (isfinite(value))
        fprintf(f, ", \"%s\": %s", key, il_digits(value).text);
    else
        fprintf(f, ", \"%s\": null", key);
}

/* `step` counts the steps taken, so the line of a checkpoint's step is in its past. */
il_status il_folder_log(il_run_folder *r, const il_progress *p, int evaluated,
                        il_error *err)
{
    FILE *f = r->metrics;
    fprintf(f, "{\"step\": %" PRId64, p->step + 1);
    write_number(f, "loss", p->loss);
    write_number(f, "floor", p->floor);
    write_number(f, "grad_norm", p->grad_norm);
    write_number(f, "rate", p->rate);
    write_number(f, "seconds", il_seconds() - r->started);
    if (evaluated) write_number(f, "error", p->error);
    fprintf(f, ", \"dims\": %d, \"points\": %d, \"loops\": %d}\n", p->dims, p->points,
            p->loops);
    if (fflush(f) || ferror(f))
        return il_fail_io(err, "cannot write %s/metrics.jsonl", r->folder);
    return IL_OK;
}

/* A checkpoint that could not be read back must not replace one that can. */
static il_status check_finite(const il_run_folder *r, il_error *err)
{
    const il_model *m = il_trainer_model(r->t);
    const il_plan *p = &m->plan;
    il_moments moments = il_trainer_moments(r->t);
    const char *moment = "";
    for (int k = -1; k < 0 || (moment = moments.of->moments[k].name); k++) {
        const il_real *data = k < 0 ? m->weights : moments.data[k];
        for (int i = 0; i < p->n_params; i++)
            for (size_t j = 0; j < il_param_size(&p->params[i]); j++)
                if (!isfinite(data[p->params[i].offset + j]))
                    return il_fail(err, IL_ENUMERIC,
                                   "%s%s%s%s of %s is not finite after step %" PRId64
                                   ": try a lower training.learning_rate or training.clip",
                                   k < 0 ? "the value" : "moment ", moment,
                                   k < 0 ? "" : " of ", k < 0 ? "" : moments.of->name,
                                   p->params[i].name, m->step);
    }
    return IL_OK;
}

static il_status save_last(const il_run_folder *r, il_error *err)
{
    char path[PATH];
    il_checkpoint_path(path, sizeof path, r->folder);
    return il_checkpoint_write(path, il_trainer_model(r->t), il_trainer_moments(r->t), err);
}

static il_status save_kept(const il_run_folder *r, il_error *err)
{
    char path[PATH];
    return il_checkpoint_write(kept_path(path, r), il_trainer_model(r->t),
                               il_trainer_moments(r->t), err);
}

/* The metrics of a checkpoint's past are on the disk before it is. */
il_status il_folder_save(il_run_folder *r, int keep, il_error *err)
{
    IL_TRY(check_finite(r, err));
    if (fsync(fileno(r->metrics)) && errno != EINVAL)
        return il_fail_io(err, "cannot write %s/metrics.jsonl", r->folder);
    IL_TRY(save_last(r, err));
    return keep ? save_kept(r, err) : IL_OK;
}

void il_folder_close(il_run_folder *r)
{
    if (r->metrics) fclose(r->metrics);
    il_lock_give(r->lock);
}

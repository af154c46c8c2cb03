/* cost.c - what training a recipe takes on many cores: operations, memory, bytes to other ranks, seconds
 *
 * A step of S slots on R ranks of N threads takes, on the rank that is last,
 *
 *   c k + z S/(S_0 R) + u + n,   n = l (2 + 2 log2 R) + o m + b / w
 *
 * c: seconds of a shard on a thread, and k the shards of the thread that has most, when threads take slots as they
 * become free; z: setting S_0 gradient sums to zero and adding them up; u: the update, which all ranks do whole.
 * These are measured here, in steps of one and of two shards a thread (c and z are the slope and what is left),
 * all threads at work. n is the network as it is given: two exchanges and two agreements wait for a message (l),
 * and m messages of b bytes in all are sent (o each, w bytes a second). Nothing is sent while gradients are computed.
 */
#include "report/report.h"
#include "train/train.h"

#include <math.h>

typedef struct {
    int ranks, threads, step;
    double latency, overhead, bandwidth, gflops;
} options;
static const il_opt opts[] = {
    { "ranks", IL_OPT_INT, offsetof(options, ranks), 1, 1, 1024, "processes to plan for" },
    { "threads", IL_OPT_INT, offsetof(options, threads), 0, 1, 256,
      "threads of each (those of this process)", .value = "N" },
    { "step", IL_OPT_INT, offsetof(options, step), -1, 0, 1e9,
      "which step, from 0 (the last)" },
    { "latency", IL_OPT_REAL, offsetof(options, latency), 30, 0, 1e9,
      "network: microseconds until a message arrives", .value = "US" },
    { "overhead", IL_OPT_REAL, offsetof(options, overhead), 1, 0, 1e9,
      "network: microseconds that each message keeps its sender busy", .value = "US" },
    { "bandwidth", IL_OPT_REAL, offsetof(options, bandwidth), 1.25, 1e-6, 1e6,
      "network: GB/s that a rank sends (1.25: 10 Gbit Ethernet)", .value = "GB" },
    { "gflops", IL_OPT_REAL, offsetof(options, gflops), 0, 0, 1e9,
      "speed of a thread, in place of measuring it; the update then counts nothing",
      .value = "G" },
    { 0 },
};

const il_opt *il_cost_opts(void) { return opts; }

/* ---- operations ---------------------------------------------------------------------------------- */

static double ops_flop(const il_plan *p, int from, int to, int tokens)
{
    double sum = 0;
    for (int j = from; j < to; j++)
        if (p->ops[j].kind->flop) sum += p->ops[j].kind->flop(&p->ops[j], p, tokens);
    return sum;
}

/* Backward counts twice what forward does. */
double il_step_flop(const il_model *m, int64_t step)
{
    const il_plan *p = &m->plan;
    il_run run = il_run_at(m, step);
    int tokens = il_model_tokens(m, il_points_at(&m->config, step));
    double pre = ops_flop(p, 0, p->end[IL_PRE], tokens),
           body = ops_flop(p, p->end[IL_PRE], p->end[IL_BODY], tokens),
           post = ops_flop(p, p->end[IL_BODY], p->end[IL_POST], tokens);
    return (double)il_batch_at(&m->config, step) * tokens *
           (3 * pre + (run.loops + 2.0 * run.window) * body + 3.0 * run.post * post);
}

/* The sum over all steps, from at most SAMPLES of them, evenly spread */
static double training_flop(const il_model *m)
{
    enum { SAMPLES = 1 << 14 };
    int64_t steps = m->config.training.train_steps, n = steps < SAMPLES ? steps : SAMPLES;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += il_step_flop(m, i * steps / n);
    return n ? sum * (double)steps / (double)n : 0;
}

/* ---- speed, measured ------------------------------------------------------------------------------- */

/* The fastest of at least 3 runs, and of 0.3 seconds of them; `update`: with the update */
static il_status fastest(double *best, il_trainer *t, int64_t step, int update,
                         il_error *err)
{
    double spent = 0;
    il_progress p;
    *best = INFINITY;
    for (int i = 0; i < 3 || spent < 0.3; i++) {
        il_trainer_model(t)->step = step;
        double start = il_seconds();
        IL_TRY(update ? il_trainer_step(t, 0, &p, err) : il_trainer_gradient(t, &p, err));
        double took = il_seconds() - start;
        *best = fmin(*best, took);
        spent += took;
    }
    return IL_OK;
}

/* A step of so many prompts. The rate is 0, so that weights stay. */
static il_status time_prompts(double *gradient, double *whole, const il_config *config,
                              int64_t step, int prompts, il_error *err)
{
    il_config c = *config;
    il_trainer *t;
    c.training.batch_size = prompts;
    c.training.curriculum.batch.start = 0;
    IL_TRY(il_trainer_new(&t, &c, err));
    il_config *own = &il_trainer_model(t)->config;
    own->training.learning_rate = own->training.min_learning_rate = 0;
    il_status status = fastest(gradient, t, step, 0, err);
    if (!status && whole) status = fastest(whole, t, step, 1, err);
    il_trainer_free(t);
    return status;
}

static il_status measure(il_cost_facts *f, const il_config *config, il_error *err)
{
    int had = il_threads(), threads = il_min(f->threads, il_workers()),
        each = il_min(config->training.shard, f->prompts);
    double one, two, whole;
    threads = il_min(threads, config->training.slots);
    IL_TRY(il_threads_set(threads, err));
    il_status status = time_prompts(&one, &whole, config, f->step, each * threads, err);
    if (!status)
        status = time_prompts(&two, NULL, config, f->step, 2 * each * threads, err);
    il_threads_set(had, NULL);
    IL_TRY(status);
    f->shard_seconds = fmin(fmax(two - one, 0), two / 2);
    f->slots_seconds = fmax(two - 2 * f->shard_seconds, 0);
    f->update_seconds = fmax(whole - one, 0);
    f->gflops = f->flop / f->shards / f->shard_seconds * 1e-9;
    return IL_OK;
}

/* ---- one row ------------------------------------------------------------------------------------------ */

typedef struct {
    const il_config *config;
    const il_cost_facts *facts;
    const options *o;
} plan;

/* A step of so many prompts on so many ranks */
typedef struct {
    int ranks, slots, shards;
    double compute, update, network, sent, memory;
} part;

/* Shards of a slot: trainer.c deals them so */
static int shards_of(const part *p, int slot)
{
    int64_t shards = p->shards;
    return (int)((slot + 1) * shards / p->slots - slot * shards / p->slots);
}

/* Most shards of a thread, where each slot goes to the one that has least */
static int longest(const part *p, int threads, int rank, int *load)
{
    il_slots s = il_slots_of(p->slots, 0, rank, p->ranks);
    int most = 0;
    for (int i = 0; i < threads; i++) load[i] = 0;
    for (int slot = s.first; slot < s.first + s.n; slot++) {
        int least = 0;
        for (int i = 1; i < threads; i++)
            if (load[i] < load[least]) least = i;
        load[least] += shards_of(p, slot);
        most = il_max(most, load[least]);
    }
    return most;
}

static double network(const plan *of, const il_slots *s, double sent)
{
    const options *o = of->o;
    if (s->ranks == 1) return 0;
    double others = s->ranks - 1, messages = others * (s->n + 2),
           waits = 2 + 2 * ceil(log2(s->ranks));
    return 1e-6 * (o->latency * waits + o->overhead * messages) +
           sent / (o->bandwidth * 1e9);
}

/* As many slots as keep all threads at work; the recipe's at least, and one a rank */
static int slots_of(const plan *of, const part *p)
{
    int busy = il_min(p->ranks * of->facts->threads, p->shards),
        least = il_max(of->config->training.slots, p->ranks);
    return il_min(il_max(least, busy), IL_SLOTS);
}

static il_status weigh(part *p, const plan *of, int prompts, il_error *err)
{
    const il_cost_facts *f = of->facts;
    il_config c = *of->config;
    il_room room;
    int load[256], heaviest = 0, most = 0;
    c.training.batch_size = prompts;
    p->shards = (prompts - 1) / c.training.shard + 1;
    p->slots = c.training.slots = slots_of(of, p);
    for (int r = 0; r < p->ranks; r++) {
        int shards = longest(p, f->threads, r, load);
        if (shards > most) heaviest = r;
        most = il_max(most, shards);
    }
    IL_TRY(il_trainer_room(&room, &c, heaviest, p->ranks, f->threads, err));
    for (int r = 0; r < p->ranks; r++) {
        il_slots s = il_slots_of(p->slots, room.n_weights, r, p->ranks);
        double sent = il_slots_sent(&s);
        p->sent = fmax(p->sent, sent);
        p->network = fmax(p->network, network(of, &s, sent));
    }
    p->memory = il_room_bytes(&room);
    p->compute = most * f->shard_seconds;
    p->update = f->update_seconds + f->slots_seconds * p->slots /
                                        ((double)of->config->training.slots * p->ranks);
    return IL_OK;
}

static double seconds_of(const part *p) { return p->compute + p->update + p->network; }

static il_status add_row(il_table *table, const plan *of, const part *one, int ranks,
                         il_error *err)
{
    const il_cost_facts *f = of->facts;
    part p = { .ranks = ranks }, weak = { .ranks = ranks };
    IL_TRY(weigh(&p, of, f->prompts, err));
    IL_TRY(weigh(&weak, of, f->prompts * ranks, err));
    double seconds = seconds_of(&p), all = f->training_flop / f->flop;
    const double numbers[] = { ranks,
                               f->threads,
                               (double)ranks * f->threads,
                               p.slots,
                               p.memory,
                               p.sent,
                               p.compute,
                               p.update,
                               p.network,
                               seconds,
                               seconds_of(one) / seconds,
                               seconds * all / 3600,
                               seconds_of(&weak),
                               seconds_of(one) / seconds_of(&weak) };
    return il_table_add(table, NULL, numbers, err);
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

/* The next number of ranks above r: 1, what was asked for, and 8 to 1,024 cores; 0: none */
static int next_ranks(int r, const options *o, int threads)
{
    int next = r < o->ranks ? o->ranks : 0;
    for (int cores = 8; cores <= 1024; cores *= 2)
        if (cores % threads == 0 && cores / threads > r &&
            (!next || cores / threads < next))
            next = cores / threads;
    return next;
}

static il_status fill(il_table *table, const plan *of, il_error *err)
{
    part one = { .ranks = 1 };
    IL_TRY(il_table_add_cols(
        table,
        "ranks threads cores slots memory_bytes sent_bytes compute_seconds update_seconds "
        "network_seconds seconds speedup hours weak_seconds weak_efficiency",
        err));
    IL_TRY(weigh(&one, of, of->facts->prompts, err));
    for (int r = 1; r; r = next_ranks(r, of->o, of->facts->threads))
        IL_TRY(add_row(table, of, &one, r, err));
    return IL_OK;
}

/* The step itself, from the model's shapes alone */
static il_status count(il_cost_facts *f, const il_config *c, il_error *err)
{
    il_model *m;
    il_room room;
    IL_TRY(il_model_sketch(&m, c, err));
    il_run run = il_run_at(m, f->step);
    f->steps = c->training.train_steps;
    f->prompts = il_batch_at(c, f->step);
    f->points = il_points_at(c, f->step);
    f->loops = run.loops;
    f->window = run.window;
    f->shards = (f->prompts - 1) / c->training.shard + 1;
    f->parameters = il_model_counts(m).all;
    f->flop = il_step_flop(m, f->step);
    f->training_flop = training_flop(m);
    il_model_free(m);
    IL_TRY(il_trainer_room(&room, c, 0, 1, f->threads, err));
    f->weights = room.weights;
    f->packed = room.packed;
    f->moments = room.moments;
    f->gradients = room.gradients;
    f->states = room.states;
    f->prompts_bytes = room.prompts;
    f->rest = room.rest;
    f->evaluation = room.evaluation;
    f->memory = il_room_bytes(&room);
    return IL_OK;
}

static il_status begin(il_cost_facts *f, const options *o, const il_config *config,
                       il_error *err)
{
    *f = (il_cost_facts){ .step = o->step < 0 ? config->training.train_steps - 1 : o->step,
                          .threads = o->threads ? o->threads : il_threads() };
    if (f->step < 0 || f->step >= config->training.train_steps)
        return il_fail(err, IL_EUSAGE, "step: the recipe has the steps 0 to %d, not %d",
                       config->training.train_steps - 1, o->step);
    IL_TRY(count(f, config, err));
    if (o->gflops == 0) return measure(f, config, err);
    f->gflops = o->gflops;
    f->shard_seconds = f->flop / f->shards / (o->gflops * 1e9);
    return IL_OK;
}

il_status il_cost(const il_config *config, const char *const *settings, int n_settings,
                  il_cost_facts *facts, il_table **table, il_error *err)
{
    options o;
    il_table *t;
    IL_GIVEN(err, "config facts table", config, facts, table);
    il_opt_init(opts, &o);
    IL_TRY(il_opt_apply(opts, &o, settings, n_settings, "plan", err));
    IL_TRY(il_config_check(config, err));
    IL_TRY(begin(facts, &o, config, err));
    plan of = { .config = config, .facts = facts, .o = &o };
    IL_TRY(il_table_new(&t, "plan", err));
    return il_table_hand_over(table, t, fill(t, &of, err));
}

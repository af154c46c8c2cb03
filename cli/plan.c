/* plan.c - innerloop plan RECIPE: what training it takes, on this machine and on many cores */
#include "cli.h"

typedef struct {
    int json, csv;
} options;
static const il_opt opts[] = {
    CLI_FLAG(json, "one JSON object"),
    CLI_FLAG(csv, "the table alone, as CSV"),
    { 0 },
};

/* The words behind RECIPE */
static const il_opt *keys(int words, char *const *word)
{
    (void)words, (void)word;
    return il_options("recipes", NULL);
}

/* ---- in words ---------------------------------------------------------------------------------- */

static void show_step(const il_cost_facts *f)
{
    char number[32], all[32], weights[32];
    printf("step        %s of %s: %d prompts of %d points in %d shards",
           cli_grouped(number, f->step + 1), cli_grouped(all, f->steps), f->prompts,
           f->points, f->shards);
    if (f->loops > 1) printf("; %d loops, window %d", f->loops, f->window);
    printf("\nparameters  %s\noperations  %.4g a step, %.4g in all steps\n",
           cli_grouped(weights, f->parameters), f->flop, f->training_flop);
}

static void show_part(const char *name, double bytes, const char *what)
{
    printf("  %-10s%12.3f MB  %s\n", name, bytes / 1e6, what);
}

static void show_memory(const il_cost_facts *f)
{
    printf("\nmemory of one process, %d thread%s\n", f->threads,
           f->threads == 1 ? "" : "s");
    show_part("weights", f->weights + f->packed, "with those packed for the products");
    show_part("optimiser", f->moments, "moments, and the average of the weights");
    show_part("gradients", f->gradients, "a sum for every slot");
    show_part("states", f->states, "activations of a shard, for every thread");
    show_part("prompts", f->prompts_bytes, "of a step");
    show_part("rest", f->rest, "scratch of the update");
    show_part("evaluation", f->evaluation, "a copy of the model, and its states");
    show_part("all", f->memory, "beside some 10 MB of the program");
}

static void show_speed(const il_cost_facts *f, int given)
{
    if (given) {
        printf("\nspeed, as given: %.4g GFLOP/s a thread\n\n", f->gflops);
        return;
    }
    printf("\nspeed, measured here in steps of one and two shards a thread: %.4g GFLOP/s a "
           "thread, %.4g s a\nshard, %.4g s for the sums of the slots, %.4g s for the "
           "update\n\n",
           f->gflops, f->shard_seconds, f->slots_seconds, f->update_seconds);
}

/* ---- as JSON ------------------------------------------------------------------------------------- */

static void write_number(const char *key, double value, const char *end)
{
    printf("\"%s\": ", key);
    il_json_write_number(value, cli_out, NULL);
    fputs(end, stdout);
}

static void write_json(const il_cost_facts *f, const il_table *t)
{
    printf("{");
    write_number("step", (double)f->step, ", ");
    write_number("steps", (double)f->steps, ", ");
    write_number("prompts", f->prompts, ", ");
    write_number("points", f->points, ", ");
    write_number("loops", f->loops, ", ");
    write_number("window", f->window, ", ");
    write_number("shards", f->shards, ", ");
    write_number("parameters", (double)f->parameters, ",\n ");
    write_number("flop", f->flop, ", ");
    write_number("training_flop", f->training_flop, ",\n \"memory\": {");
    write_number("weights", f->weights, ", ");
    write_number("packed", f->packed, ", ");
    write_number("moments", f->moments, ", ");
    write_number("gradients", f->gradients, ", ");
    write_number("states", f->states, ", ");
    write_number("prompts", f->prompts_bytes, ", ");
    write_number("rest", f->rest, ", ");
    write_number("evaluation", f->evaluation, ", ");
    write_number("all", f->memory, "},\n \"speed\": {");
    write_number("threads", f->threads, ", ");
    write_number("gflops", f->gflops, ", ");
    write_number("shard_seconds", f->shard_seconds, ", ");
    write_number("slots_seconds", f->slots_seconds, ", ");
    write_number("update_seconds", f->update_seconds, "},\n \"rows\": [");
    for (int r = 0; r < il_table_rows(t); r++) {
        fputs(r ? ",\n  {" : "\n  {", stdout);
        for (int c = 0; c < il_table_cols(t); c++)
            write_number(il_table_col(t, c), il_table_number(t, r, c),
                         c + 1 < il_table_cols(t) ? ", " : "}");
    }
    printf("]}\n");
}

/* ---- the command --------------------------------------------------------------------------------- */

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    il_config config;
    il_cost_facts facts;
    il_table *table;
    cli_training training = { .recipe = call->word[1],
                              .assignments = call->word + 2,
                              .n_assignments = call->words - 1 };
    CLI_TRY(cli_read_recipe(&config, &training, err));
    CLI_TRY(il_cost(&config, call->settings, call->n_settings, &facts, &table, err));
    if (o->json) {
        write_json(&facts, table);
    } else if (o->csv) {
        cli_write(table, CLI_AS_CSV);
    } else {
        show_step(&facts);
        show_memory(&facts);
        show_speed(&facts, cli_setting(call, "gflops") != NULL);
        cli_write(table, CLI_AS_TEXT);
    }
    il_table_free(table);
    return IL_OK;
}

const cli_command cmd_plan = {
    .words = "RECIPE [key=value ...]",
    .least = 1,
    .most = 1000,
    .help =
        "Trains nothing. Times a few steps here, unless --gflops says how fast a thread "
        "is, and says from that and from a network as it is given what a step takes on "
        "one process, on --ranks of them, and on 8 to 1,024 cores: seconds with the "
        "recipe's prompts, and, as weak_seconds, with as many prompts for every rank. "
        "docs/scaling.md says how it is reckoned.",
    .options = opts,
    .size = sizeof(options),
    .kind = "plan",
    .keys = keys,
    .run = run,
};

/* problems.c - innerloop problems: the prompts that explain asks, for another program's model */
#include "cli.h"

typedef struct {
    const char *out;
} options;
static const il_opt opts[] = {
    { "o", IL_OPT_STRING, offsetof(options, out),
      .help = "the file: FILE.safetensors, or FILE.npz for numpy", .value = "FILE" },
    { 0 },
};

static il_status run(const cli_call *call, il_error *err)
{
    const options *o = call->options;
    if (!o->out)
        return il_fail(err, IL_EUSAGE, "problems: say where to write them: -o FILE");
    CLI_TRY(il_problems_write(o->out, call->settings, call->n_settings, err));
    printf("wrote %s\n", o->out);
    return IL_OK;
}

const cli_command cmd_problems = {
    .words = "",
    .help =
        "Writes x (P,n,D) and y (P,n), the examples of P prompts, and query (P,Q,D). Any "
        "program answers them in an array of shape (P,Q), or (L,P,Q) with the answers "
        "after each of L layers, which innerloop explain --answers reads (.npy, .npz or "
        ".safetensors).",
    .options = opts,
    .size = sizeof(options),
    .kind = "problems",
    .run = run,
};

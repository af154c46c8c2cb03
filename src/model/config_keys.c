/* config_keys.c - every key of a recipe: type, place, default, range, meaning
 *
 * A key is the path of its field, and its path in the YAML file. The defaults are the standard
 * model of Yang et al. 2023 (arXiv:2311.12424). docs/formats.md shows this table; a test holds
 * the two together.
 */
#include "model/model.h"

#include <limits.h>

#define KEY(path, type, init, min, max, help, words)                                       \
    {                                                                                      \
#path, IL_OPT_##type, offsetof(il_config, path), init, min, max, help, words       \
    }
#define INT(path, init, min, max, help)  KEY(path, INT, init, min, max, help, NULL)
#define REAL(path, init, min, max, help) KEY(path, REAL, init, min, max, help, NULL)
#define CHOICE(path, words, help)        KEY(path, CHOICE, 0, 0, 0, help, words)
#define TEXT(path, init, help)           KEY(path, TEXT, 0, 0, 0, help, init)

/* clang-format off */
#define RAMP(ramp, most, start_, end_, inc_, interval_)                                          \
    INT(training.curriculum.ramp.start, start_, 1, most, "first value"),                         \
    INT(training.curriculum.ramp.end, end_, 1, most, "last value"),                              \
    INT(training.curriculum.ramp.inc, inc_, 0, 1000000, "added after every interval"),           \
    INT(training.curriculum.ramp.interval, interval_, 1, INT_MAX, "steps between two values")

static const il_opt table[] = {
    CHOICE(model.family, "gpt2|gpt2_loop|gpt2_tying|stack|built",
           "n_layer blocks; n_layer blocks in a loop; one block n_layer times; model.blocks; "
           "see build"),
    INT(model.n_dims, 20, 1, 65536, "width of an input"),
    INT(model.n_positions, 101, 1, 65536, "points in the longest prompt"),
    INT(model.n_embd, 256, 1, 65536, "width of the residual stream"),
    INT(model.n_layer, 12, 1, 1024, "blocks"),
    INT(model.n_head, 8, 1, 1024, "attention heads; they divide n_embd"),
    CHOICE(model.loop_func, "z=f(x+z)|z=f(x*z)|z=f(z)|layer-wise",
           "how a loop brings the prompt x into the carried stream z; z=f(z): it starts there; layer-wise: x+z in "
           "every block, of a gpt2, too"),
    CHOICE(model.tokens, "pairs|columns|sequence|constructed|constructed1|stacked|ids|led|halves|own",
           "how a prompt becomes tokens: innerloop list layouts"),
    INT(model.stack, 1, 1, 1024, "stacked: observations in a token"),
    TEXT(model.blocks, "linear", "stack: how each block mixes tokens, as in softmax linear*5 mesa"),
    INT(model.n_key, 0, 0, 65536, "stack: key size of a head; 0: n_embd / n_head"),
    INT(model.n_value, 0, 0, 65536, "stack: value size of a head; 0: n_key"),
    TEXT(model.products, "", "stack: W_k = W_v = I, and the forms of W_q and P, as in matrix/zero zero/one"),
    INT(model.n_mlp, 0, 0, 65536, "stack: hidden width of the MLPs; 0: none"),
    CHOICE(model.mlp_act, "gelu|relu|swiglu", "stack: activation of the MLPs"),
    CHOICE(model.norm, "none|layernorm|rmsnorm", "stack: before mixers and MLPs, and at the end"),
    CHOICE(model.qk_norm, "none|l2|l2_later", "stack: q and k of length 1; later: not in the first block"),
    INT(model.conv, 0, 0, 64, "stack, but for softmax: taps of a convolution, then silu, of q and k; 0: none"),
    KEY(model.head_norm, BOOL, 0, 0, 1, "stack, but for softmax: the output of each head is scaled to length 1", NULL),
    REAL(model.clip, 0, 0, 1e9, "stack: the stream is held within +- this after every block; 0: off"),
    CHOICE(model.position, "none|learned|concat", "stack: added; or sines beside the input of the first q and k"),
    KEY(model.bias, BOOL, 0, 0, 1, "stack: whether maps have biases", NULL),
    REAL(model.scale, 1, 0, 1e6, "stack: factor of the scores of linear blocks"),
    CHOICE(model.read_in, "linear|none", "stack: none: tokens, with zeros beyond them, are the stream"),
    CHOICE(model.read, "linear|first|minus_y|y", "stack: the answer: a map; the first columns; minus the y columns; the y columns"),
    REAL(model.init_std, 0.02, 0, 1e3, "stack: deviation of the initial weights"),
    CHOICE(model.read_init, "normal|fan", "stack: reads like all else; or uniform in +-1/sqrt(in)"),
    INT(model.factor.rank, 0, 0, 65536, "stack: the maps of the MLPs are U V^T of this rank; 0: they are matrices"),
    KEY(model.factor.middle, BOOL, 0, 0, 1, "stack: they are U M V^T, with a square M", NULL),
    CHOICE(model.factor.init, "normal|fan|spectral",
           "factors as all else; uniform in +-1/sqrt(in); or from the singular values of their product, those of heads, too"),
    INT(model.loops, 1, 1, 4096, "stack: times the blocks run, with the same weights"),

    TEXT(training.task_name, "linear_regression", "functions to learn; its options stand beside it"),
    INT(training.batch_size, 64, 1, 1048576, "prompts in a step"),
    REAL(training.learning_rate, 1e-4, 0, 1e30, "of the optimizer"),
    CHOICE(training.schedule, "constant|cosine|linear", "how the learning rate falls to min_learning_rate"),
    INT(training.schedule_steps, 0, 0, INT_MAX, "where the fall ends; 0: train_steps"),
    INT(training.decay_steps, 0, 0, INT_MAX, "steps that the fall takes; 0: all after the warm-up"),
    INT(training.warmup_steps, 0, 0, INT_MAX, "the learning rate first rises from 0"),
    REAL(training.min_learning_rate, 0, 0, 10, "where the fall ends"),
    REAL(training.average, 0, 0, 1, "weights are averaged over steps: what a step counts beside the next; 1: evenly; 0: off"),
    INT(training.average_steps, 0, 0, INT_MAX, "last steps that are averaged; 0: all"),
    TEXT(training.optimizer, "adam", "how gradients change weights; its options stand beside it"),
    REAL(training.clip, 0, 0, 1e9, "largest norm of the gradient; 0 is off"),
    REAL(training.clip_value, 0, 0, 1e9, "largest magnitude of an element of the gradient; 0 is off"),
    REAL(training.frobenius_decay, 0, 0, 10,
         "decay of the products of factors (model.factor, and W_k^T W_q and P W_v of heads), which then have none of their own"),
    INT(training.train_steps, 500000, 1, INT_MAX, "steps, each with new prompts"),
    INT(training.seed, 42, 0, INT_MAX, "of the initial weights and all prompts"),
    INT(training.n_loop_window, 20, 1, IL_MOST_LOOPS, "last loops that carry loss and gradient"),
    INT(training.random_loops, 0, 0, IL_MOST_LOOPS, "at most so many loops more, drawn for every step"),
    INT(training.random_window, 0, 0, IL_MOST_LOOPS, "the same for n_loop_window"),
    INT(training.random_points, 0, 0, 65535, "at most so many points fewer, drawn for every step, more of them more often"),
    INT(training.pool_prompts, 0, 0, INT_MAX, "prompts are drawn from a pool of so many; 0: all are new"),
    INT(training.pool_functions, 0, 0, INT_MAX, "the same for their functions, with new inputs"),
    INT(training.save_every_steps, 1000, 1, INT_MAX, "the newest checkpoint is replaced"),
    INT(training.keep_every_steps, 100000, 0, INT_MAX, "a checkpoint is kept for good; 0: none"),
    INT(training.log_every_steps, 100, 1, INT_MAX, "a line is added to metrics.jsonl"),
    INT(training.eval_every_steps, 0, 0, INT_MAX, "the error on 256 prompts of evaluation is logged; 0: never"),
    TEXT(training.init, "", "the run folder or checkpoint whose weights training starts from; none: random ones"),
    INT(training.shard, 4, 1, 1048576, "prompts together on one core; touches the last bits"),
    INT(training.slots, 8, 1, 1024, "gradient sums, bound the threads; touches the last bits"),
    INT(training.recompute, 1, 0, 2, "0 keep all, 1 recompute what is cheap, 2 whole loops"),
    CHOICE(training.precision, "fp32|bf16", "of matrix products"),
    RAMP(dims, 65536, 5, 20, 1, 5000),
    RAMP(points, 65536, 11, 41, 2, 5000),
    RAMP(loops, IL_MOST_LOOPS, 1, 1, 2, 500),
    INT(training.curriculum.batch.start, 0, 0, 1048576, "prompts in the first steps; 0: always batch_size"),
    INT(training.curriculum.batch.inc, 8, 0, 1048576, "added after every interval, up to batch_size"),
    INT(training.curriculum.batch.interval, 500, 1, INT_MAX, "steps between two values"),

    TEXT(out_dir, "", "run folder; empty: runs/ and the recipe's name"),
    { 0 },
};
/* clang-format on */

const il_opt *il_config_opts(void) { return table; }

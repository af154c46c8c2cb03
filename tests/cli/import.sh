#!/bin/bash
# import.sh - a public run's config: what changes the function is read, or refused by its name
. "$(dirname "$0")/lib.sh"
python3 -c 'import yaml' 2>/dev/null || { skip import 'no PyYAML'; exit; }

# Imports nested lists in place of a .pt file, which needs PyTorch:  import CONFIG OUT
cat >import.py <<'PY'
import random, sys
sys.path.insert(0, sys.argv.pop(1) + '/tools')
sys.dont_write_bytecode = True
import import_checkpoint as tool
random.seed(3)
def matrix(rows, cols):
    return [[random.gauss(0, .2) for _ in range(cols)] for _ in range(rows)]
def state(width=8, dims=2, rows=17, extra=()):
    out = {'read_in.weight': matrix(width, dims), 'wpe.weight': matrix(rows, width), 'read_out.weight': matrix(1, width),
           'h.0.attn.c_attn.weight': matrix(3 * width, width), 'h.0.attn.c_proj.weight': matrix(width, width),
           'h.0.mlp.c_fc.weight': matrix(4 * width, width), 'h.0.mlp.c_proj.weight': matrix(width, 4 * width)}
    for name, n in (('read_in', width), ('read_out', 1), ('ln_f', width), ('h.0.ln_1', width), ('h.0.ln_2', width),
                    ('h.0.attn.c_attn', 3 * width), ('h.0.attn.c_proj', width), ('h.0.mlp.c_fc', 4 * width),
                    ('h.0.mlp.c_proj', width)):
        out[name + '.bias'] = [random.gauss(0, .2) for _ in range(n)]
    for name in ('ln_f', 'h.0.ln_1', 'h.0.ln_2'):
        out[name + '.weight'] = [1.0] * width
    out.update(extra)
    return out
class Huge:
    def __int__(self):
        raise TypeError('cannot\nbe a number')
saved = eval(sys.argv.pop(1), dict(state=state, matrix=matrix, Huge=Huge))
tool.load = lambda path: tool.unpack(saved, path)
sys.exit(tool.main())
PY
import() { # import SAVED [OPTION...]
    local saved=$1
    shift
    rm -f m.safetensors
    python3 import.py "$ROOT" "$saved" state.pt -o m.safetensors "$@" 2>err
}
refused() { # refused 'regex' SAVED [OPTION...] : one sentence, and no file
    local regex=$1
    shift
    import "$@" >/dev/null && return 1
    [ "$(wc -l <err)" = 1 ] && grep -qE "$regex" err && [ ! -e m.safetensors ]
}
config() { # config 'loop_func: ...' 'training line'
    cat >config.yaml <<YAML
wandb: {project: p, notes: , log_every_steps: 100}
gpu: {cuda: True, n_gpu: 0}
model: {family: gpt2_loop, n_dims: 2, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2, $1}
training:
  batch_size: 64
  task_name: linear_regression
  n_loop_window: 2
  ${2:-seed: 42}
  curriculum:
    dims: {start: 2, end: 2, inc: 1, interval: 5000}
    points: {start: 8, end: 8, inc: 2, interval: 5000}
    loops: {start: 1, end: 3, inc: 2, interval: 500}
out_dir: ./results
debug_mode: False
YAML
}
rule() { il show m.safetensors | sed -n "s/ *loop_func: *//p"; }

config "loop_func: z=f(x*z)"
check 'a product is imported' import 'state()'
check 'and said' test "$(rule)" = "'z=f(x*z)'"
il eval m.safetensors --prompts 16 --csv >times.csv 2>/dev/null
config "pred_type: regression"
check 'a sum is imported' import 'state()'
check 'and said' test "$(rule)" = "'z=f(x+z)'"
il eval m.safetensors --prompts 16 --csv >plus.csv 2>/dev/null
check 'both answer, not alike' bash -c '[ -s times.csv ] && [ -s plus.csv ] && ! cmp -s times.csv plus.csv'
check 'loops are read' test "$(il show m.safetensors | grep -A2 'loops:' | sed -n 's/ *end: //p')" = 3

config "loop_func: z=g(x)"
check 'no such rule' refused "model.loop_func 'z=g\(x\)'" 'state()'
config 'pred_type: classification'
check 'classes' refused 'model.pred_type = classification' 'state()'
config 'seed: 1' 'add_inputs_embeds: True'
check 'a key in a wrong place' refused 'model.seed' 'state()'
config 'pred_type: regression' 'add_inputs_embeds: True'
check 'input at every layer' refused 'training.add_inputs_embeds = True' 'state()'
config 'dropout: 0.1'
check 'an unknown key' refused 'model.dropout' 'state()'
config 'n_head: 4'
check 'the last of two keys wins in YAML' import 'state()'
config 'pred_type: regression'
check 'weights of another run' refused 'model.n_embd = 8 in the config, but the weights have 4' 'state(width=4)'
check 'heads that do not divide' refused '3 heads do not divide' 'state()' --heads 3
check 'a tensor that no such model has' refused 'h.0.attn.gate.weight' 'state(extra={"h.0.attn.gate.weight": matrix(8, 8)})'
check 'a weight that is missing' refused 'no wpe.weight' '{k: v for k, v in state().items() if k != "wpe.weight"}'
check 'a step that is no number' refused 'train_step is no number' '{"model_state_dict": state(), "train_step": Huge()}'
check 'a step without end' refused 'train_step is no number' '{"model_state_dict": state(), "train_step": float("inf")}'
check 'a step below 0' refused 'train_step = -3' '{"model_state_dict": state(), "train_step": -3}'
check 'a tensor that is none' refused 'ln_f.weight is no tensor' 'state(extra={"ln_f.weight": None})'
check 'a shape of no such model' refused 'h.0.attn.c_proj.weight has shape \(8, 7\)' 'state(extra={"h.0.attn.c_proj.weight": matrix(8, 7)})'
check 'classes in the weights' refused 'read_out.weight has shape \(2, 8\)' 'state(extra={"read_out.weight": matrix(2, 8)})'
check 'biases that are off' refused 'no read_in.bias' '{k: v for k, v in state().items() if not k.endswith("bias")}'
check 'a block that is missing' refused 'no h.1.ln_1.weight' 'state(extra={"h.2.ln_1.weight": [1.0] * 8})'
check 'a weight that is no number' refused 'ln_f.weight has numbers' 'state(extra={"ln_f.weight": [float("nan")] * 8})'
check 'a step that is one' import '{"model_state_dict": state(), "train_step": 7.0}'
check 'no state dict' refused 'no state dict' '[1, 2]'
printf 'inherit: base.yaml\nmodel: {n_head: 2}\n' >config.yaml
check 'a config that inherits' refused 'inherit' 'state()'
printf 'model: {n_head: [\n' >config.yaml
check 'a config that is no YAML' refused 'is no YAML' 'state()'
printf -- '- a\n' >config.yaml
check 'a config without keys' refused 'holds no keys' 'state()'
printf 'model: {n_head: two}\n' >config.yaml
check 'heads that are no number' refused "model.n_head = 'two'" 'state()'

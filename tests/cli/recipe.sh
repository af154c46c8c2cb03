#!/bin/bash
# recipe.sh - recipes and overrides that must be refused, with nothing left behind
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml

# refused STATUS 'regex' key=value : training says so and makes no folder
refused() {
    expect "$1" "$2" il train tiny.yaml "$3" --out run
    [ ! -e run ] || not_ok "$3 leaves no folder" "$(ls run)"
}
refused 3 "'model.n_emdb'; did you mean 'model.n_embd'" model.n_emdb=64
refused 3 "model.n_embd = 'abc' is not a whole number" model.n_embd=abc
refused 3 "model.n_embd = '1.5'" model.n_embd=1.5
refused 3 'model.n_embd = -1 is out of its range' model.n_embd=-1
refused 3 'training.learning_rate = 1e99 is out of its range' training.learning_rate=1e99
refused 3 'training.learning_rate' training.learning_rate=nan
refused 3 'model.n_head = 3 does not divide model.n_embd = 16' model.n_head=3
refused 3 'points.end = 9 is above model.n_positions = 8' training.curriculum.points.end=9
refused 3 "training.task_name = 'lin_reg'" training.task_name=lin_reg
refused 3 "model.family = 'gpt3' is none of" model.family=gpt3
refused 3 'training.curriculum' training.curriculum=3
refused 3 'dims' training.curriculum.dims.end=9

expect 5 "no recipe 'quik'.*did you mean 'quick'" il train quik
expect 5 'nowhere.yaml' il train ./nowhere.yaml
expect 5 'folder' il train "$WORK/"
printf 'inherit: b.yaml\n' >a.yaml
printf 'inherit: a.yaml\n' >b.yaml
expect 3 '[ab].yaml' il train ./a.yaml
printf 'inherit: gone.yaml\n' >c.yaml
expect 5 'gone.yaml' il train ./c.yaml
sed 's/n_layer/n_layers/' tiny.yaml >typo.yaml
expect 3 "typo.yaml:2:.*did you mean 'model.n_layer" il train ./typo.yaml
printf 'model: {n_embd: [1, 2]}\n' >list.yaml
expect 3 'list.yaml:1' il train ./list.yaml
printf 'model: {n_embd: 16\n' >open.yaml
expect 3 'open.yaml' il train ./open.yaml
head -c 4096 /dev/urandom >noise.yaml
expect 3 'noise.yaml' il train ./noise.yaml
: >empty.yaml
expect 3 'empty.yaml is empty' il train ./empty.yaml
check 'nothing was written' bash -c '! ls -d run runs 2>/dev/null'

# blocks that mean nothing here are said once
{ tiny_recipe; printf 'wandb: {project: x}\ngpu: {n_gpu: 1}\n'; } >field.yaml
expect 0 '' il show ./field.yaml
check 'wandb is noted once' bash -c '[ "$(grep -c "^note: .*wandb" .stderr)" = 1 ]'

# a file's own keys win over what it inherits, and the command line over both, however they are spelt
{ tiny_recipe; printf 'wandb: {log_every_steps: 9}\n'; } | grep -v '    log_every' >grand.yaml
printf 'inherit: grand.yaml\ntraining: {log_every_steps: 8, scale: 2}\n' >parent.yaml
printf 'inherit: parent.yaml\nwandb: {log_every_steps: 3}\ntraining: {task_kwargs: {scale: 4}}\n' >child.yaml
logged() { il show ./$1 | grep -E '^ *(log_every_steps|scale): ' | tr -d '\n '; }
check 'the parent has its own' test "$(logged parent.yaml | grep -o 'log_every_steps:8')" = log_every_steps:8
check 'the child has its own' test "$(logged child.yaml | grep -oE 'scale:4|log_every_steps:3' | tr -d '\n')" = scale:4log_every_steps:3
expect 0 '' il train ./child.yaml training.scale=5 wandb.log_every_steps=10 --out over
check 'overrides win' test "$(grep -cE '^ *(log_every_steps: 10|scale: 5)$' over/config.yaml)" = 2
expect 3 'log_every_steps is given twice' il train ./child.yaml training.log_every_steps=5 wandb.log_every_steps=10

# the published sizes
check 'gpt2 base: 9,477,632 / 57,601 / 9,535,233' bash -c '
    [ "$("$0" show base | grep -A2 "^parameters" | grep -oE "[0-9]+(,[0-9]+)+" | tr "\n" " ")" \
    = "9,477,632 57,601 9,535,233 " ]' "$INNERLOOP"
il show base_loop --json >loop.json
json 'gpt2_loop: 790,272 of 847,873' loop.json \
    'o["parameters"] == {"backbone": 790272, "embedding": 57601, "all": 847873}'

#!/bin/bash
# classes.sh - token-id models: a task that needs a file, evaluation by position, sampling
. "$(dirname "$0")/lib.sh"

byte_recipe() {
    cat <<'YAML'
# the smallest model of bytes
model: {tokens: ids, n_dims: 1, n_positions: 16, n_embd: 16, n_layer: 1, n_head: 2}
training:
    task_name: bytes
    path: text
    held_out: 0.2
    batch_size: 8
    learning_rate: 0.01
    train_steps: 60
    save_every_steps: 60
    log_every_steps: 60
    curriculum:
        dims: {start: 1, end: 1}
        points: {start: 16, end: 16}
        loops: {start: 1, end: 1}
YAML
}
byte_recipe >bytes.yaml
expect 5 'training.path: cannot read text: No such file' il train bytes.yaml --out run
mkdir folder
expect 5 'folder is not an ordinary file' il train bytes.yaml training.path=folder --out run
expect 3 'training.path names no file.*tools/corpus.sh' il train bytes.yaml training.path= --out run
printf 'abababababababab' >short
expect 3 'short has 16 bytes, of which 12 are for training: a prompt of 16 points needs 17' \
    il train bytes.yaml training.path=short --out run
check 'no folder was made' bash -c '[ ! -e run ]'

for _ in $(seq 200); do printf 'hello world\n'; done >text
expect 3 'bytes has token-id prompts and needs model.tokens = ids' il train bytes.yaml model.tokens=pairs --out run
expect 3 'bytes has token-id prompts.*model.n_dims = 1' il train bytes.yaml model.n_dims=2 --out run
expect 0 '' il train bytes.yaml --out run
expect 0 '' il train bytes.yaml --out again
hash_of() { il show "$1" --json | grep -oE "\"hash\": \"[0-9a-f]{16}\""; }
check "the same weights" test -n "$(hash_of run)" -a "$(hash_of run)" = "$(hash_of again)"

il eval run --prompts 20 --json >eval.json
json 'loss by position: 1, 2, 3-4, 5-8, 9-16' eval.json \
    '[r[0] for r in o["rows"]] == [1, 2, 4, 8, 16] and o["columns"][:2] == ["k", "loss"]'
check 'better than the frequencies of bytes' bash -c '"$0" eval run --prompts 20 2>&1 | grep -c "no better" | grep -qx 0' "$INNERLOOP"
json 'which it has learnt some of' eval.json '0 < o["rows"][4][1] < 2'
expect 3 'bytes is a token-id task' il eval run --against ols
expect 3 'bytes is a token-id task' il eval run --by loops
expect 3 'loops that do not stop by themselves' il eval run --loops auto
expect 3 'which no shift changes' il eval run --shift scaled_x=2
expect 3 'the task has 128 token ids and the model 256' il eval run --task 'recall pairs=2' --points 12 --prompts 4

# weights so large that scores overflow
il train bytes.yaml --out wild training.train_steps=1 training.learning_rate=1e25 >/dev/null 2>&1
expect 0 '' il eval wild --prompts 20 --json
json 'what holds a loss that is no number is null' .stdout 'all(v is None for r in o["rows"] for v in r[1:5])'
check 'and noted' grep -q '^note: .*no finite number' .stderr
expect 0 '' il eval wild --prompts 20 --by mean
check 'also over all positions' grep -qE '^ *16( +-){4} +16' .stdout
il train "$ROOT/recipes/quick.yaml" --out signs training.task_name=linear_classification training.train_steps=1 \
    training.learning_rate=1e25 training.warmup_steps=0 >/dev/null 2>&1
expect 0 '' il eval signs --prompts 20 --json
json 'an answer that is no number has no sign' .stdout 'all(v is None for r in o["rows"] for v in r[1:])'
check 'which is noted, too' grep -q '^note: .*no finite number' .stderr

il sample run --bytes 40 --prompt hello --seed 7 >one 2>/dev/null
il sample run --bytes 40 --prompt hello --seed 7 >two 2>/dev/null
il sample run --bytes 40 --prompt hello --seed 8 >three 2>/dev/null
check 'a sample is a function of its seed' cmp -s one two
check 'another seed, another sample' bash -c '! cmp -s one three'
check 'a sample begins with its prompt and has its length' bash -c '
    [ "$(head -c 5 one)" = hello ] && [ "$(wc -c <one)" = 46 ]'
il sample run --bytes 11 2>&1 >/dev/null | grep 'at most' >said
check 'a sample within the prompts of training has no note' test ! -s said
il train bytes.yaml --out narrow training.curriculum.points.start=8 training.curriculum.points.end=8 >/dev/null 2>&1
il sample narrow --bytes 40 2>&1 >/dev/null | grep 'at most' >said
check 'a longer one says once that it was trained on less' bash -c '
    [ "$(wc -l <said)" = 1 ] && grep -q "^note: .* at most 8 points, and here there are 9:" said'
expect 2 "sample: --temperature = 'warm' is not a number" il sample run --temperature warm
expect 2 '--bytes' il sample run --bytes 0
sed 's/task_name: bytes/task_name: recall/; /path:/d; /held_out:/d; s/points: .*/points: {start: 16, end: 16}/' \
    bytes.yaml >recall.yaml
expect 3 'training.pairs = 16 are shown in 32 points' il train recall.yaml --out recall
expect 0 '' il train recall.yaml training.pairs=4 --out recall
expect 3 'trained on recall, not on bytes' il sample recall
expect 3 'answers with classes' il predict run --examples "$ROOT/examples/penguins_examples.csv" \
    --queries "$ROOT/examples/penguins_queries.csv" --target body_mass_g

# lib.sh - the few words our tests of the program share
#
# A test is `expect STATUS 'regex' command...`: the command ends with STATUS, and a failing one says
# one sentence on stderr that matches the regex (a usage error adds one line of usage). Lines
# "ok NAME" and "not ok NAME" go to stdout, "ok NAME # SKIP reason" where a test cannot be run; the
# script's exit code is the number of failures.
#
# $INNERLOOP is the program. Every script works in a folder of its own, which is removed.

: "${INNERLOOP:?set INNERLOOP to the path of the program}"
INNERLOOP=$(cd "$(dirname "$INNERLOOP")" && pwd)/$(basename "$INNERLOOP")
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SCRIPT=$(basename "$0" .sh)
export IL_DATA=$ROOT LC_ALL=C
WORK=$(mktemp -d)
FAILED=0
cd "$WORK" || exit 1
trap 'cd /; rm -rf "$WORK"; exit $((FAILED > 99 ? 99 : FAILED))' EXIT

ok() { echo "ok $SCRIPT: $1"; }
not_ok() {
    echo "not ok $SCRIPT: $1"
    shift
    printf '#   %s\n' "$@"
    FAILED=$((FAILED + 1))
}

skip() { echo "ok $SCRIPT: $1 # SKIP $2"; } # skip NAME 'reason'

# check NAME command... : the command succeeds
check() {
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}

# expect STATUS 'regex' command... : for runs of $INNERLOOP, by the name of `il`
expect() {
    local want=$1 regex=$2 got said sentences name
    shift 2
    name="$* -> $want"
    "$@" >"$WORK/.stdout" 2>"$WORK/.stderr"
    got=$?
    said=$(grep -a '^innerloop: ' "$WORK/.stderr")
    sentences=$(grep -ac '^innerloop: ' "$WORK/.stderr")
    if [ "$got" != "$want" ]; then
        not_ok "$name" "ended with $got" "$(tail -n 3 "$WORK/.stderr")"
    elif [ "$want" != 0 ] && [ "$sentences" != 1 ]; then
        not_ok "$name" "$sentences sentences on stderr"
    elif [ "$want" != 0 ] && ! grep -aqE -- "$regex" <<<"$said"; then
        not_ok "$name" "said: $said" "not: $regex"
    elif [ "$want" = 2 ] && [ "$(grep -ac '^usage: ' "$WORK/.stderr")" != 1 ]; then
        not_ok "$name" "no line of usage"
    elif [ "$want" != 0 ] && [ -s "$WORK/.stdout" ]; then
        not_ok "$name" "wrote to stdout: $(head -c 100 "$WORK/.stdout")"
    else
        ok "$name"
    fi
}

il() { "$INNERLOOP" "$@"; }

# json NAME FILE 'expression' : FILE is one JSON value o, of which the Python expression is true
is_json() {
    python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$@"
}
json() {
    if command -v python3 >/dev/null; then check "$1" is_json "$2" "$3"; else skip "$1" 'no python3'; fi
}

# A recipe that trains in a moment.
tiny_recipe() {
    cat <<'YAML'
# the smallest looped model that is one
model: {family: gpt2_loop, n_dims: 3, n_positions: 8, n_embd: 16, n_layer: 1, n_head: 2}
training:
    task_name: linear_regression
    batch_size: 8
    learning_rate: 0.001
    train_steps: 20
    save_every_steps: 10
    log_every_steps: 5
    n_loop_window: 2
    curriculum:
        dims: {start: 3, end: 3, inc: 1, interval: 10}
        points: {start: 7, end: 7, inc: 1, interval: 10}
        loops: {start: 2, end: 2, inc: 1, interval: 10}
YAML
}

# ---- commands that are made to fail (memory.sh, faults.sh): what they read and may not damage ----------

# The files of a folder, but for what holds times and what gnuplot drew
files() { (cd "$1" && find . -type f ! -name metrics.jsonl ! -name env.json ! -name '*.svg' -exec cksum {} + | sort); }

# No file is in the list `left` that is neither in `before` nor in `after`.
nothing_new() { ! cut -d' ' -f3 left | grep -qvxFf <(cut -d' ' -f3 before after); }

# Every checkpoint and state in a folder can be read.
whole() {
    local file
    for file in $(find "$1" -name '*.safetensors'); do
        il show "$file" >/dev/null 2>&1 || return 1
    done
}

# A folder `there`: a recipe, runs that were trained or begun, a sweep, tables, a series and its state, a construction, a claim
make_there() {
    mkdir there && cd there || exit 1
    tiny_recipe >tiny.yaml
    il train tiny.yaml --out trained >/dev/null 2>&1
    il train tiny.yaml training.keep_every_steps=10 --out begun >/dev/null 2>&1
    mv begun/checkpoints/step-000000010.safetensors begun/checkpoints/last.safetensors
    rm begun/checkpoints/step-*
    printf 'a,b,y\n1,2,3\n2,1,4\n3,5,6\n4,4,1\n' >examples.csv
    printf 'a,b,y\n1,3,3\n2,2,4\n' >queries.csv
    for i in 1 2 3 4 5 6 7 8 9; do echo "$((i % 4)),$((i * i % 7))"; done | sed '1i v,w' >series.csv
    il forecast series.csv --state state >/dev/null 2>&1
    il build newton dims=3 points=6 loops=3 -o built.safetensors >/dev/null
    seq 400 >text
    sed '/^training/,$d; s/family.*/tokens: ids, n_dims: 1, n_positions: 16, n_embd: 16, n_layer: 1, n_head: 2}/' tiny.yaml >bytes.yaml
    cat >>bytes.yaml <<'YAML'
training: {task_name: bytes, path: text, held_out: 0.2, batch_size: 2, train_steps: 2,
    curriculum: {dims: {start: 1, end: 1}, points: {start: 16, end: 16}, loops: {start: 1, end: 1}}}
YAML
    il train bytes.yaml --out bytes >/dev/null 2>&1
    printf 'recipe: tiny.yaml\ngrid: {model.n_embd: [8, 16]}\n' >widths.yaml
    mkdir -p data/recipes/claims && cp tiny.yaml data/recipes/
    cat >data/recipes/claims/small.yaml <<'YAML'
title: A tiny model has an error
paper: nobody, nowhere
reduced: everything
one_seed: it is a test, of 0 minutes
minutes: 0.1
models:
    tiny: {recipe: ../tiny.yaml}
measures:
    points: {measure: points, models: tiny, against: zero, prompts: 4}
rows:
    error: {claim: it errs, paper: a little, read: points, column: tiny, at: 1..6, least: 0.01, most: 100}
YAML
    cd ..
}

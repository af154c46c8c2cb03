#!/bin/bash
# memory.sh - an allocation fails: the same result, or one sentence, exit code 1 and nothing half-written
#
# Every command is run again and again, each time without another of its allocations: a sample of
# them here, every one by tests/slow/memory.sh (IL_EVERY=1). What ends well printed and wrote what
# it does with all memory; what does not says so, leaves no file behind and what was there whole.
# Either way everything that was got is given back.
. "$(dirname "$0")/lib.sh"

SAMPLE=16
if ! cc -O1 -shared -fPIC "$ROOT/tests/failing_memory.c" -o failing_memory.so 2>/dev/null ||
    ! [ -s failing_memory.so ] || [ "$(uname -s)" != Linux ]; then
    skip 'failing memory' 'it cannot be built here'
    exit
fi
export IL_THREADS=1 # the same allocations in the same order

# without N WHAT... : WHAT without its N-th allocation (0: with all)
without() {
    FAIL_AT=$1 FAIL_COUNT=$WORK/count timeout 60 \
        env LD_PRELOAD="$WORK/failing_memory.so" "${@:2}" </dev/null
}

# The files of a folder, but for what holds times and what gnuplot drew
files() { (cd "$1" && find . -type f ! -name metrics.jsonl ! -name env.json ! -name '*.svg' -exec cksum {} + | sort); }

# sweep NAME command... : in a copy of the folder `there`
sweep() {
    local name=$1 n all held step got faults=0 tried=0
    shift
    rm -rf now && cp -r there now && files now >before
    (cd now && without 0 "$@" >../out 2>../err) || {
        not_ok "$name" "fails with all memory: $(tail -n 1 err)"
        return
    }
    files now >after
    read -r all held <count
    step=$((${IL_EVERY:-0} ? 1 : all / SAMPLE + 1))
    for ((n = 1 + step / 3; n <= all; n += step)); do
        tried=$((tried + 1))
        cmp -s before after || { rm -rf now && cp -r there now; }
        (cd now && without "$n" "$@" >../got 2>../said)
        got=$?
        files now >left
        case $got in
            0) cmp -s got out && cmp -s left after && freed "$held" && continue ;;
            1) one_sentence && nothing_new && whole now && freed "$held" && continue ;;
        esac
        faults=$((faults + 1))
        [ $faults -gt 3 ] || echo "#   $name without allocation $n of $all: exit $got, $(tail -n 1 said)"
    done
    check "$name: $tried of $all allocations" test "$faults" = 0
}

one_sentence() { [ "$(grep -ac '^innerloop: .*out of memory' said)" = 1 ]; }

nothing_new() { ! cut -d' ' -f3 left | grep -qvxFf <(cut -d' ' -f3 before after); }

# freed BLOCKS : no more of them are held at the end than with all memory
freed() { [ "$(cut -d' ' -f2 count)" -le "$1" ]; }

# Every checkpoint and state in a folder can be read.
whole() {
    local file
    for file in $(find "$1" -name '*.safetensors'); do
        il show "$file" >/dev/null 2>&1 || return 1
    done
}

mkdir there && cd there || exit 1
tiny_recipe >tiny.yaml
il train tiny.yaml --out trained >/dev/null 2>&1
il train tiny.yaml --out begun >/dev/null 2>&1
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

DOUBLE=$INNERLOOP-double
sweep train "$INNERLOOP" train tiny.yaml --out new
sweep resume "$INNERLOOP" train tiny.yaml --out begun --resume
sweep eval "$INNERLOOP" eval trained
sweep 'eval --json' "$INNERLOOP" eval trained --json
sweep predict "$INNERLOOP" predict trained --examples examples.csv --queries queries.csv --target y
sweep 'predict --json' "$INNERLOOP" predict trained --examples examples.csv --queries queries.csv --target y --json
sweep forecast "$INNERLOOP" forecast series.csv --state new
sweep 'forecast --resume' "$INNERLOOP" forecast series.csv --state state --resume --json
sweep report "$INNERLOOP" report trained
sweep 'report of two' "$INNERLOOP" report trained begun --out both
sweep show "$INNERLOOP" show trained
sweep 'show --json' "$INNERLOOP" show trained --json
sweep sample "$INNERLOOP" sample bytes --bytes 5
sweep inspect "$INNERLOOP" inspect weights trained
sweep explain "$DOUBLE" explain built.safetensors --prompts 4
sweep build "$DOUBLE" build newton dims=3 points=6 loops=3 -o new.safetensors
sweep 'build --verify' "$DOUBLE" build gd dims=3 points=6 loops=3 --verify --json
sweep list "$INNERLOOP" list tasks
IL_DATA=data sweep reproduce "$INNERLOOP" reproduce small --out runs

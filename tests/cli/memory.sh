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

# sweep NAME command... : in a copy of the folder `there`
sweep() {
    local name=$1 n all held step got faults=0 tried=0
    shift
    rm -rf now && cp -a there now && files now >before
    (cd now && without 0 "$@" >../out 2>../err) || {
        not_ok "$name" "fails with all memory: $(tail -n 1 err)"
        return
    }
    files now >after
    read -r all held <count
    step=$((${IL_EVERY:-0} ? 1 : all / SAMPLE + 1))
    for ((n = 1 + step / 3; n <= all; n += step)); do
        tried=$((tried + 1))
        cmp -s before after || { rm -rf now && cp -a there now; }
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

# freed BLOCKS : no more of them are held at the end than with all memory
freed() { [ "$(cut -d' ' -f2 count)" -le "$1" ]; }

make_there

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
sweep plan "$INNERLOOP" plan tiny.yaml --gflops 50
sweep sweep "$INNERLOOP" sweep widths.yaml --out runs
sweep 'sweep --slurm' "$INNERLOOP" sweep widths.yaml --out runs --slurm job.sh
IL_DATA=data sweep reproduce "$INNERLOOP" reproduce small --out runs

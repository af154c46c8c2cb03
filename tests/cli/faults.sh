#!/bin/bash
# faults.sh - a read, write, open, close, sync, rename or new folder fails: the same result, or one sentence and nothing lost
#
# Every command is run again and again, each time with another of its calls on a file failing (EIO, ENOSPC, EINTR) or
# done by half: a sample of them here, every one by tests/slow/faults.sh (IL_EVERY=1). What ends well printed and
# wrote what it does without a fault. What does not says so in one sentence, with exit code 1 or 5; what was there is whole,
# and the same command, run again, ends as if nothing had happened.
. "$(dirname "$0")/lib.sh"

SAMPLE=3
if ! cc -O1 -shared -fPIC "$ROOT/tests/failing_calls.c" -o failing_calls.so 2>/dev/null ||
    ! FAIL_AT=0 FAIL_AS=EIO LD_PRELOAD=$WORK/failing_calls.so "$INNERLOOP" version >/dev/null 2>&1; then
    skip 'failing calls' 'they cannot be made to fail here'
    exit
fi
export IL_THREADS=1 # the same calls in the same order

# with N KIND WHAT... : WHAT, of whose calls the N-th fails (0: none); without gnuplot, which would be another program
with() {
    FAIL_AT=$1 FAIL_AS=$2 FAIL_COUNT=$WORK/count timeout 10 \
        env PATH=/none LD_PRELOAD="$WORK/failing_calls.so" "${@:3}" </dev/null
}

# again ARGUMENT...: the command without a fault, in the folder that the fault was met in. A training goes on; a
# state that says how many rows it holds takes the others.
again() {
    local held begun=0
    if [ "$1" = train ] && [ -d now/new ]; then set -- "$@" --resume; fi
    if [ "$1" = forecast ]; then
        held=$(sed -n 's/^note: .* holds the \([0-9]*\) rows\{0,1\} before that.*/\1/p' said)
        [ "$4" = state ] && begun=9
        if [ -n "$held" ]; then
            [ "$held" -lt $((begun + 9)) ] || return 0
            sed -i "2,$((held - begun + 1))d" now/series.csv
            [ "$4" = state ] || set -- "$@" --resume
        fi
    fi
    (cd now && PATH=/none "$program" "$@" >../got 2>../said </dev/null)
    held=$?
    cp there/series.csv now/
    return $held
}

one_sentence() { [ "$(grep -ac '^innerloop: ' said)" = 1 ]; }

# recovers ARGUMENT...: after the fault, the command ends well, and its files are those of a run without one
recovers() {
    again "$@" || return 1
    [ "$1" != train ] || cmp -s got out || return 1
    files now >left
    cmp -s left after
}

# sweep KIND ARGUMENT... : of $program, in a copy of the folder `there`
sweep() {
    local kind=$1 n all step got faults=0 tried=0
    shift
    rm -rf now && cp -a there now && files now >before
    (cd now && with 0 "$kind" "$program" "$@" >../out 2>../err) || {
        not_ok "$*" "fails without a fault: $(tail -n 1 err)"
        return
    }
    files now >after
    read -r all <count
    step=$((${IL_EVERY:-0} ? 1 : all / SAMPLE + 1))
    for ((n = 1 + (step + ${#kind}) / 3; n <= all; n += step)); do
        tried=$((tried + 1))
        rm -rf now && cp -a there now
        (cd now && with "$n" "$kind" "$program" "$@" >../got 2>../said)
        got=$?
        files now >left
        case $got in
            0) cmp -s got out && cmp -s left after && continue ;;
            1 | 5) one_sentence && nothing_new && whole now && recovers "$@" && continue ;;
        esac
        faults=$((faults + 1))
        [ $faults -gt 3 ] || echo "#   $1, $kind in call $n of $all: exit $got, $(tail -n 1 said)"
    done
    check "$1 $kind: $tried of $all calls: $*" test "$faults" = 0
}

make_there
for kind in EIO ENOSPC EINTR SHORT; do
    program=$INNERLOOP
    sweep $kind train tiny.yaml --out new
    sweep $kind train tiny.yaml --out begun --resume
    sweep $kind predict trained --examples examples.csv --queries queries.csv --target y
    sweep $kind forecast series.csv --state new
    sweep $kind forecast series.csv --state state --resume --json
    sweep $kind sweep widths.yaml --out runs
    sweep $kind sweep widths.yaml --out runs --slurm job.sh
    sweep $kind plan tiny.yaml --gflops 50 --json
    IL_DATA=data sweep $kind reproduce small --out runs
    sweep $kind report trained
    sweep $kind show trained --json
    program=$INNERLOOP-double
    sweep $kind build newton dims=3 points=6 loops=3 -o new.safetensors
done

#!/bin/bash
# killed.sh - SIGKILL at random moments: of training, of one of its ranks, of forecasting with a state; and nothing is lost
#
# Whatever is there after a kill can be read, and who goes on from it ends with the bits of a run that nobody killed.
. "$(dirname "$0")/../cli/lib.sh"

KILLS=${IL_KILLS:-200}
RANKS_KILLED=${IL_RANKS_KILLED:-20}
export IL_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
weights() { sed -n 's/^weights //p' "$1"; }
a_moment() { sleep "0.$((1000 + RANDOM % 3000))"; } # 0.1 to 0.4 s

# kill_one PID: unless it has ended by itself; 137 where it was killed
kill_one() { # the shell says that it was killed: not here
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

tiny_recipe >tiny.yaml
recipe='tiny.yaml training.train_steps=3000 training.save_every_steps=3 training.keep_every_steps=500 training.log_every_steps=1'
il train $recipe --out whole >out 2>/dev/null
want=$(weights out)

# ended: a run came to its end; right, with what it should
killed=0 ended=0 right=0 unread=0
finished() {
    ended=$((ended + 1))
    seq 3000 | cmp -s - <(sed -n 's/^{"step": \([0-9]*\),.*/\1/p' run/metrics.jsonl) || return 0
    [ "$(weights out)" = "$want" ] && [ "$want" != '' ] && right=$((right + 1))
    rm -rf run
}
readable() {
    local file
    for file in run/checkpoints/*.safetensors; do
        [ ! -e "$file" ] || il show "$file" >/dev/null 2>&1 || unread=$((unread + 1))
    done
}
while [ $killed -lt "$KILLS" ]; do
    "$INNERLOOP" train $recipe --out run --resume >out 2>/dev/null &
    child=$!
    a_moment
    kill_one $child
    case $? in
        137) killed=$((killed + 1)) && readable ;;
        *) finished ;;
    esac
done
il train $recipe --out run --resume >out 2>/dev/null
finished
check "training killed $killed times: what it left can be read" test $unread = 0
check "$ended runs of it ended, all with the weights of one that was never killed" test $ended = $right

# a rank of several
program=$INNERLOOP-openmpi
if [ -x "$program" ] && command -v mpirun.openmpi >/dev/null; then
    killed=0 ended=0 right=0 unread=0 late=0
    rm -rf run
    while [ $killed -lt "$RANKS_KILLED" ]; do
        rm -f pids err
        mpirun.openmpi --oversubscribe -n 3 sh -c 'echo $$ >>pids; exec "$@"' sh "$program" train $recipe --out run --resume >out 2>err &
        launcher=$!
        # mpirun itself may hang (Open MPI 4.1.4) where a process ends before MPI has begun in all of them
        until grep -qs "from step" err || ! kill -0 $launcher 2>/dev/null; do sleep 0.01; done
        a_moment
        rank=$(sed -n "$((1 + RANDOM % 3))p" pids)
        if kill -KILL "$rank" 2>/dev/null; then
            killed=$((killed + 1))
            since=$SECONDS
            wait $launcher
            [ $((SECONDS - since)) -le 10 ] || late=$((late + 1))
            readable
        else
            wait $launcher && finished
        fi
    done
    il train $recipe --out run --resume >out 2>/dev/null
    finished
    check "one of 3 ranks killed $killed times: what they left can be read" test $unread = 0
    check 'and every job ended within 10 s' test $late = 0
    check "$ended runs of it ended, all with the weights of one process" test $ended = $right
else
    skip 'a rank is killed' 'there is no Open MPI'
fi

# a series that is learnt as it comes
command -v python3 >/dev/null || {
    skip 'forecasting is killed' 'no python3 to read a state'
    exit
}
for ((i = 1; i <= 20000; i++)); do echo "$((i * i % 97)),$((i % 12 * 3 + i * 7 % 5))"; done >rows
rows_held() {
    python3 -c '
import json, struct
b = open("state", "rb").read()
n = struct.unpack("<Q", b[:8])[0]
at = json.loads(b[8:8 + n])["rows"]["data_offsets"][0]
print(int(struct.unpack("<d", b[8 + n + at:16 + n + at])[0]))'
}
killed=0 lost=0 held=0
while [ $killed -lt "$KILLS" ] && [ "$held" -lt 19000 ]; do
    { echo v,w && tail -n +$((held + 1)) rows; } >rest.csv
    resume=
    [ "$held" = 0 ] || resume=--resume
    "$INNERLOOP" forecast rest.csv --state state $([ "$held" = 0 ] && echo --period none) --save-every 5 $resume >/dev/null 2>err &
    child=$!
    a_moment
    kill_one $child
    [ $? = 137 ] || lost=$((lost + 1))
    killed=$((killed + 1))
    [ -e state ] || continue
    now=$(rows_held) || lost=$((lost + 1))
    [ "$now" -ge "$held" ] || lost=$((lost + 1))
    held=$now
done
check "forecasting killed $killed times: its state can be read and only grows" test $lost = 0
{ echo v,w && head -n "$held" rows; } >past.csv
mv state left
il forecast past.csv --state state --period none >/dev/null 2>&1
check "the state of $held rows is that of a forecaster that was never killed" cmp -s left state

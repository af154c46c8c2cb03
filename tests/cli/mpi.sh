#!/bin/bash
# mpi.sh - training on several processes: the weights of one, with any number of ranks and threads, and nothing lost
# when some of them end
. "$(dirname "$0")/lib.sh"

cat >tiny.yaml <<'R'
model: {family: gpt2_loop, n_embd: 24, n_layer: 1, n_head: 2, n_dims: 3, n_positions: 9}
training:
  task_name: linear_regression
  batch_size: 24
  learning_rate: 0.001
  train_steps: 20
  clip: 1
  n_loop_window: 3
  save_every_steps: 7
  eval_every_steps: 10
  curriculum:
    dims: {start: 2, end: 3, inc: 1, interval: 10}
    points: {start: 5, end: 9, inc: 2, interval: 10}
    loops: {start: 4, end: 6, inc: 1, interval: 10}
R
seq 400 >text
cat >bytes.yaml <<'R'
model: {family: gpt2_loop, tokens: ids, n_dims: 1, n_positions: 16, n_embd: 16, n_layer: 1, n_head: 2}
training: {task_name: bytes, path: text, held_out: 0.2, batch_size: 12, train_steps: 4,
    curriculum: {dims: {start: 1, end: 1}, points: {start: 16, end: 16}, loops: {start: 1, end: 1}}}
R

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
runs=0
new() { # new: a run folder
    runs=$((runs + 1))
    folder=run$runs
}
weights() { sed -n 's/^weights //p' "$1"; }
want() { # want RECIPE...: what one process makes of it, without MPI
    il train "$@" --out "$(mktemp -du "$WORK/XXXXXX")" 2>/dev/null | sed -n 's/^weights //p'
}
ranks() { # ranks N ARGUMENT...: the program on N ranks
    local n=$1
    shift
    "${MPIRUN[@]}" -n "$n" "$program" "$@"
}
same() { # same WEIGHTS N RECIPE...
    local weights=$1 n=$2
    shift 2
    new
    ranks "$n" train "$@" --out $folder >out 2>err
    check "$mpi: $n ranks of $IL_THREADS threads: $*" test "$(weights out)" = "$weights"
}

many='training.average=0.9 training.average_steps=9 training.random_loops=4 training.random_window=2
    training.pool_prompts=500 training.curriculum.batch.start=8 training.curriculum.batch.interval=10'
whole='training.task_name=noisy_linear_regression training.renormalize_ys=true'
odd='training.optimizer=muon training.learning_rate=0.02 training.shard=7 training.slots=5'
plain=$(want tiny.yaml)
of_many=$(want tiny.yaml $many)
of_whole=$(want tiny.yaml $whole)
of_odd=$(want tiny.yaml $odd)
of_bytes=$(want bytes.yaml)
long='training.train_steps=300 training.eval_every_steps=0 training.log_every_steps=1'
of_long=$(want tiny.yaml $long)
check 'the recipes differ' test "$(printf '%s\n' $plain $of_many $of_whole $of_odd $of_bytes $of_long | sort -u | wc -l)" = 6

lines() { cat "$1/metrics.jsonl" 2>/dev/null | wc -l; }
until_line() { # until_line N: the run that is going on in $folder has logged N steps
    for ((i = 0; i < 2000 && $(lines $folder) < $1; i++)); do sleep 0.01; done
}
on_ranks() { # on_ranks N ARGUMENT...: begins a long run on N ranks; their ids go to `pids`
    local n=$1
    shift
    rm -f pids
    "${MPIRUN[@]}" -n "$n" sh -c 'echo $$ >>pids; exec "$@"' sh "$program" train tiny.yaml $long --out $folder "$@" >out 2>err &
    launcher=$!
}
said() { [ "$(grep -ac '^innerloop: ' err)" = 1 ] && grep -aq "^innerloop: .*$1" err; }

interrupted() {
    new
    on_ranks 4
    until_line 40
    kill -KILL "$(sed -n 3p pids)"
    wait $launcher
    check "$mpi: a rank that is killed ends the job" test $? != 0
    [ $mpi = mpich ] || check "$mpi: in one sentence" said 'is lost.*--resume'
    check "$mpi: and its weights are whole" expect_show
    on_ranks 2 --resume
    until_line $(($(lines $folder) + 30))
    kill -USR1 "$(sed -n 2p pids)"
    wait $launcher
    check "$mpi: a signal to one of 2 ranks that go on stops both" said 'stopped and saved after step [0-9]* in.*--resume'
    ranks 1 train tiny.yaml $long --out $folder --resume >out 2>err
    check "$mpi: the last goes on to the weights of one process" test "$(weights out)" = "$of_long"
    sed -n 's/^{"step": \([0-9]*\),.*/\1/p' $folder/metrics.jsonl >steps
    check "$mpi: and every step was logged once" eval 'seq 300 | cmp -s - steps'
}
expect_show() { il show $folder >/dev/null; }

# What rank 0 logs of the evaluations that all ranks do together is what one process finds.
errors() { sed -n 's/^{"step": \([0-9]*\),.*"error": \([^,]*\),.*/\1 \2/p' "$1/metrics.jsonl"; }
evaluated() { # evaluated RECIPE...
    new
    il train "$@" training.eval_every_steps=2 --out $folder-alone >/dev/null 2>&1
    ranks 3 train "$@" training.eval_every_steps=2 --out $folder >out 2>err
    errors $folder-alone >alone
    errors $folder >together
    check "$mpi: 3 ranks evaluate $1 as one process" eval '[ "$(wc -l <alone)" -ge 2 ] && cmp -s alone together'
}

# The bytes of a step that train and plan print are those that MPI is handed in eight more steps.
sent_in() { # sent_in N STEPS: what rank 0 of N sent goes to `sent`, what the one that sent most to `most`
    new
    "${MPIRUN[@]}" -n "$1" env LD_PRELOAD="$PWD/sent.so" "$program" train tiny.yaml training.train_steps="$2" --out $folder \
        2>err >/dev/null
    sent=$(sed -n 's/^rank 0 sent \([0-9]*\)$/\1/p' err)
    most=$(sed -n 's/^rank [0-9]* sent \([0-9]*\)$/\1/p' err | sort -n | tail -n 1)
}
counted() { # counted N
    local said
    if ! mpicc.$mpi -shared -fPIC "$ROOT/tests/mpi_sent.c" -o sent.so 2>/dev/null; then
        skip "$mpi: bytes" 'they cannot be counted here'
        return
    fi
    sent_in "$1" 11
    local few=$sent least=$most planned
    sent_in "$1" 19
    said=$(sed -n 's/^rank 0 sent \(.*\) MB a step/\1/p' err)
    check "$mpi: rank 0 of $1 sends what it says" awk -v a="$few" -v b="$sent" -v s="$said" \
        'BEGIN { d = (b - a) / 8 - 1e6 * s; exit !(a > 0 && d * d <= 1) }'
    planned=$(il plan tiny.yaml --ranks "$1" --threads 1 --gflops 1 --csv | awk -F, -v n="$1" '$1 == n { print $6 }')
    check "$mpi: the rank of $1 that sends most sends what was planned" awk -v a="$least" -v b="$most" -v p="$planned" \
        'BEGIN { exit !(a > 0 && (b - a) / 8 == p) }'
}

refused() {
    new
    expect 3 'training.slots = 2.*3 ranks' ranks 3 train tiny.yaml training.slots=2 --out $folder
    expect 2 'unknown option' ranks 3 train tiny.yaml --uot $folder
    expect 5 'cannot' ranks 3 train tiny.yaml --out /dev/null/run
    expect 3 'rank 2 .*has another recipe than rank 0' "${MPIRUN[@]}" \
        -n 2 "$program" train tiny.yaml --out $folder : -n 1 "$program" train tiny.yaml training.seed=7 --out $folder
    expect 5 'rank 1 .*missing.yaml' "${MPIRUN[@]}" \
        -n 1 "$program" train tiny.yaml --out $folder : -n 2 "$program" train missing.yaml --out $folder
    expect 1 'built without MPI' "${MPIRUN[@]}" -n 3 "$INNERLOOP" train tiny.yaml --out $folder
}

for mpi in openmpi mpich; do
    program=$INNERLOOP-$mpi
    if [ ! -x "$program" ] || ! command -v mpirun.$mpi >/dev/null; then
        skip "$mpi" 'it is not installed'
        continue
    fi
    MPIRUN=(mpirun.$mpi)
    [ $mpi = mpich ] || MPIRUN+=(--oversubscribe)
    check "$mpi: the program says so" eval '"$program" --version | grep -q "MPI: \(Open MPI\|MPICH\) [0-9]"'
    new
    check "$mpi: alone" test "$("$program" train tiny.yaml --out $folder 2>/dev/null)" = "weights $plain"
    for threads in 1 2; do
        for n in 2 4; do IL_THREADS=$threads same "$plain" $n tiny.yaml; done
    done
    check "$mpi: rank 0 alone speaks" test "$(grep -c 'at step 20 after' err)" = 1
    json "$mpi: the folder knows its ranks" $folder/env.json 'o["ranks"] == 4'
    export IL_THREADS=1
    same "$of_many" 3 tiny.yaml $many
    same "$of_whole" 3 tiny.yaml $whole
    same "$of_odd" 4 tiny.yaml $odd
    same "$of_bytes" 3 bytes.yaml
    evaluated tiny.yaml training.train_steps=6
    evaluated bytes.yaml
    for n in 2 3 4; do counted $n; done
    interrupted
    refused
    unset IL_THREADS
done
if [ -x "$INNERLOOP-openmpi" ] && [ -x "$INNERLOOP-mpich" ]; then
    MPIRUN=(mpirun.mpich)
    program=$INNERLOOP-openmpi
    expect 1 'another MPI.*Open MPI' ranks 2 train tiny.yaml --out other
fi
check 'the program without MPI says so' eval 'il --version | grep -q "MPI: none"'
expect_rule() { make -sn -C "$ROOT" MPI=1 MPICC=mpicc.$1 BUILD=build/none all 2>/dev/null | grep -q 'isystem.*ranks_mpi.c'; }
for mpi in openmpi mpich; do
    if command -v mpicc.$mpi >/dev/null; then check "make MPI=1 MPICC=mpicc.$mpi" expect_rule $mpi; else skip "make MPI=1 with $mpi" 'it is not installed'; fi
done

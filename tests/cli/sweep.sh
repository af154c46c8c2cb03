#!/bin/bash
# sweep.sh - many runs: each trained once, whoever trains it and however often that is killed
. "$(dirname "$0")/lib.sh"

cat >tiny.yaml <<'R'
model: {family: gpt2_loop, n_embd: 8, n_layer: 1, n_head: 2, n_dims: 2, n_positions: 5}
training: {task_name: linear_regression, batch_size: 4, train_steps: 1000, save_every_steps: 50, log_every_steps: 1,
    curriculum: {dims: {start: 2, end: 2}, points: {start: 5, end: 5}, loops: {start: 2, end: 2}}}
R
cat >spec.yaml <<'R'
recipe: tiny.yaml
set: {training.learning_rate: 0.001}
grid: {model.n_embd: [8, 16]}
variants:
  two: {model.n_head: 2}
  four: {model.n_head: 4, training.clip: 1}
seeds: [1, 2, 3]
R
export IL_THREADS=1
sweep() { il sweep spec.yaml "$@"; }
says() { # says 'words' command... : it succeeds, and says that on stderr
    local words=$1
    shift
    "$@" >/dev/null 2>.said && grep -q -- "$words" .said
}

# ---- what a spec may say --------------------------------------------------------------------------
check '0 of 12 runs are trained' says '0 of 12 runs are trained' sweep --table --out none
check 'without training there is no folder' test ! -e none
refuse() { # refuse LINE PATTERN: a spec with that line is refused in a sentence
    printf '%s\n' "$1" >bad.yaml
    expect ${3:-3} "$2" il sweep bad.yaml --out none
}
refuse 'grids: {a: 1}' "bad.yaml:1:.*no key 'grids.a'.*grid"
refuse 'grid: {training.train_steps: [1, 1]}' 'bad.yaml:1:.*twice'
refuse 'grid: {training.train_stepz: [1, 2]}' 'bad.yaml: run 0 .*train_stepz'
refuse 'grid: {model.n_head: [4, 3]}' 'bad.yaml: run 1 \(model.n_head=3\): .*n_head'
refuse 'grid: {training.log_every_steps: [1, 2]}' 'bad.yaml: runs 0 and 1 are of the same recipe'
refuse 'recipe: nowhere.yaml' 'bad.yaml:1:.*nowhere.yaml' 5
refuse 'variants: {small: 3}' 'bad.yaml:1:.*keys beneath'
expect 2 'no run 12' sweep --run 12
expect 5 'spec' il sweep nospec.yaml

# ---- killed twice, and gone on with ----------------------------------------------------------------
trained() { ls runs/spec/*/checkpoints/last.safetensors 2>/dev/null | wc -l; }
workers() { cat /proc/"$1"/task/"$1"/children 2>/dev/null; }
killed() { # killed N [workers]: a sweep of two workers that is killed, or they too, once N runs have a checkpoint
    "$INNERLOOP" sweep spec.yaml --jobs 2 >/dev/null 2>&1 &
    local id=$! left
    for ((i = 0; i < 3000 && $(trained) < $1; i++)); do sleep 0.01; done
    left=$(workers $id)
    kill -KILL $id ${2:+$left}
    wait $id 2>/dev/null
    for ((i = 0; i < 1000; i++)); do kill -0 $left 2>/dev/null || break; sleep 0.01; done
    check "after $1 runs the workers end" test $i -lt 1000
}
killed 3
killed 7 workers
check 'some runs are left' test "$(sweep --table --csv 2>/dev/null | grep -c ',trained,')" -lt 12
check '12 of 12 runs are trained' says '12 of 12 runs are trained' sweep --jobs 2
steps() { sed -n 's/^{"step": \([0-9]*\),.*/\1/p' "$1/metrics.jsonl"; }
for folder in runs/spec/*/; do steps $folder | cmp -s - <(seq 1000) || echo "$folder"; done >wrong
check 'every step of every run was taken once' test ! -s wrong
check 'there are 12 folders' test "$(ls -d runs/spec/*/ | wc -l)" = 12
sweep --csv >first 2>/dev/null
check 'the table is written' cmp -s first runs/spec/runs.csv
touch mark
sweep --jobs 3 --csv >second 2>/dev/null
check 'a second time nothing is trained' test -z "$(find runs/spec -name last.safetensors -newer mark)"
check 'and the table is the same' cmp -s first second
il sweep spec.yaml --out alone --csv >third 2>/dev/null
check 'it is that of a sweep that nobody killed' cmp -s first third
json 'as JSON' <(sweep --json 2>/dev/null) 'len(o["rows"]) == 12 and o["columns"][:4] == ["run", "model.n_embd", "variant", "seed"]'
check 'the figure has a curve for each run' test "$(head -n 1 runs/spec/losses.csv | tr , '\n' | wc -l)" = 13
sed -i 's/seeds: .*/seeds: [1, 2, 3, 4]/' spec.yaml
check 'a sweep that grows keeps its runs' eval 'sweep --table 2>&1 | grep -q "12 of 16 runs are trained"'

# ---- one run, a signal, a failure ---------------------------------------------------------------
check '13 of 16 runs are trained' says '13 of 16 runs are trained' sweep --run 3
sed 's/1000/1000000/' tiny.yaml >slow.yaml
printf 'recipe: slow.yaml\nseeds: [1, 2]\n' >slow-spec.yaml
"$INNERLOOP" sweep slow-spec.yaml --jobs 2 --out slow >/dev/null 2>err &
id=$!
for ((i = 0; i < 2000 && $(ls slow/*/checkpoints/last.safetensors 2>/dev/null | wc -l) < 2; i++)); do sleep 0.01; done
check '2 are in training by other processes' says '2 are in training by other processes' il sweep slow-spec.yaml --out slow
kill -USR1 $id
wait $id
check 'a signal saves and stops every worker' test $? = 130
check 'in a sentence' grep -q 'stopped and saved in slow; run the same command again' err
printf 'recipe: tiny.yaml\nset: {training.optimizer: sgd}\ngrid: {training.learning_rate: [0.001, 1e30]}\n' >wild.yaml
expect 4 'run 1: .*not finite' il sweep wild.yaml --out wild
check 'a run that fails leaves the others alone' eval 'il sweep wild.yaml --out wild --table --csv 2>/dev/null | grep -q "^0,0.001,.*,trained,"'

# ---- a job array ------------------------------------------------------------------------------------
check 'sbatch .*job.sh trains 16 runs' says 'sbatch .*job.sh trains 16 runs' sweep --slurm job.sh
check 'the script is a job array of all runs' grep -q '^#SBATCH --array=0-15$' job.sh
mkdir -p bin
printf '#!/bin/sh\nexec "$@"\n' >bin/srun
chmod +x bin/srun
PATH=$PWD/bin:$PATH SLURM_ARRAY_TASK_ID=7 SLURM_CPUS_PER_TASK=1 bash job.sh >out 2>&1
check 'of which a task trains one run' grep -q '14 of 16 runs are trained' out

#!/usr/bin/env bash
# bits.sh - the weights' hash after training does not depend on threads, kernels, compilers,
# recomputation, or on having been killed on the way
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/tiny.yaml" <<'R'
model: {family: gpt2_loop, n_embd: 24, n_layer: 1, n_head: 2, n_dims: 3, n_positions: 9}
training:
  task_name: linear_regression
  batch_size: 24
  learning_rate: 0.001
  train_steps: 50
  clip: 1
  n_loop_window: 3
  save_every_steps: 7
  curriculum:
    dims: {start: 2, end: 3, inc: 1, interval: 10}
    points: {start: 5, end: 9, inc: 2, interval: 10}
    loops: {start: 4, end: 6, inc: 1, interval: 10}
R

train() { # train PROGRAM [key=value ...]: prints the hash
    local program=$1
    shift
    "$program" train "$folder/tiny.yaml" "$@" --out "$(mktemp -du "$folder/XXXXXX")" 2>/dev/null | sed -n 's/^weights //p'
}
same() { # same NAME HASH
    if [ -n "$2" ] && [ "$2" = "$want" ]; then echo "ok bits_$1"; else echo "not ok bits_$1 ($2, not $want)"; fi
}

want=$(train "$INNERLOOP")
for threads in 1 2 4; do same "threads_$threads" "$(IL_THREADS=$threads train "$INNERLOOP")"; done
for kernel in plain baseline avx2 avx512 neon; do
    if IL_KERNEL=$kernel "$INNERLOOP" --version >/dev/null 2>&1; then
        same "kernel_$kernel" "$(IL_KERNEL=$kernel train "$INNERLOOP")"
    fi
done
for recompute in 0 1 2; do
    same "recompute_$recompute" "$(train "$INNERLOOP" training.recompute=$recompute)"
done
if [ -x "${INNERLOOP_CLANG:-}" ]; then
    same clang "$(train "$INNERLOOP_CLANG")"
else
    echo "ok bits_clang # SKIP INNERLOOP_CLANG is not a program"
fi

# another optimiser
sgd="training.optimizer=sgd training.momentum=0.9 training.nesterov=true training.weight_decay=0.01"
adam=$want
want=$(train "$INNERLOOP" $sgd)
if [ "$want" != "$adam" ]; then echo "ok bits_sgd_is_another"; else echo "not ok bits_sgd_is_another"; fi
for threads in 1 3; do same "sgd_threads_$threads" "$(IL_THREADS=$threads train "$INNERLOOP" $sgd)"; done
same sgd_plain "$(IL_KERNEL=plain train "$INNERLOOP" $sgd)"
[ ! -x "${INNERLOOP_CLANG:-}" ] || same sgd_clang "$(train "$INNERLOOP_CLANG" $sgd)"

# one that multiplies matrices
muon="training.optimizer=muon training.learning_rate=0.02 training.weight_decay=0.01"
want=$(train "$INNERLOOP" $muon)
if [ "$want" != "$adam" ]; then echo "ok bits_muon_is_another"; else echo "not ok bits_muon_is_another"; fi
for threads in 1 3; do same "muon_threads_$threads" "$(IL_THREADS=$threads train "$INNERLOOP" $muon)"; done
for kernel in plain baseline avx2 avx512 neon; do
    if IL_KERNEL=$kernel "$INNERLOOP" --version >/dev/null 2>&1; then
        same "muon_kernel_$kernel" "$(IL_KERNEL=$kernel train "$INNERLOOP" $muon)"
    fi
done
[ ! -x "${INNERLOOP_CLANG:-}" ] || same muon_clang "$(train "$INNERLOOP_CLANG" $muon)"

# averaged weights, a rate that falls late, random loops, growing batches, pools of prompts
many="training.average=0.9 training.average_steps=20 training.schedule=linear training.decay_steps=20
    training.random_loops=4 training.random_window=2 training.pool_prompts=500
    training.curriculum.batch.start=8 training.curriculum.batch.interval=10"
want=$(train "$INNERLOOP" $many)
if [ "$want" != "$adam" ]; then echo "ok bits_options_are_another"; else echo "not ok bits_options_are_another"; fi
for threads in 1 3; do same "options_threads_$threads" "$(IL_THREADS=$threads train "$INNERLOOP" $many)"; done
same options_plain "$(IL_KERNEL=plain train "$INNERLOOP" $many)"
same options_recompute "$(train "$INNERLOOP" $many training.recompute=2)"
[ ! -x "${INNERLOOP_CLANG:-}" ] || same options_clang "$(train "$INNERLOOP_CLANG" $many)"
variant() { # variant NAME ASSIGNMENT...: other weights, and the same ones everywhere
    local name=$1
    shift
    want=$(train "$INNERLOOP" "$@")
    if [ -n "$want" ] && [ "$want" != "$adam" ]; then echo "ok bits_${name}_is_another"; else echo "not ok bits_${name}_is_another"; fi
    same "${name}_threads_3" "$(IL_THREADS=3 train "$INNERLOOP" "$@")"
    same "${name}_plain" "$(IL_KERNEL=plain train "$INNERLOOP" "$@")"
    same "${name}_recompute" "$(train "$INNERLOOP" "$@" training.recompute=2)"
    [ ! -x "${INNERLOOP_CLANG:-}" ] || same "${name}_clang" "$(train "$INNERLOOP_CLANG" "$@")"
}
# loops without injection, and one before every block
for inject in 'z=f(z)' layer-wise; do variant "$inject" "model.loop_func=$inject" model.n_layer=2; done
# softmax attention to all examples at once
variant whole_softmax model.family=stack model.blocks=softmax model.tokens=columns training.task_name=dictionary training.dominant=0.4
# factors from singular values, and decay of their products
variant factors model.family=stack model.blocks=softmax model.n_mlp=40 model.factor.rank=8 model.factor.middle=true \
    model.factor.init=spectral training.frobenius_decay=0.01
variant heads_decay model.factor.init=spectral training.frobenius_decay=0.01 training.optimizer=muon
# tables that are read whole, of a random number of points
variant tables model.family=stack 'model.blocks=softmax*2' model.tokens=halves training.task_name=tables_prior \
    training.standardise=true training.random_points=3
want=$adam

# Killed three times on the way, with all of these options, each time a few steps after it began, and resumed. A machine may be
# so fast that a run ends before it is killed: then once more, with more steps.
steps_logged() { # steps_logged FOLDER: lines of its metrics
    if [ -e "$1/metrics.jsonl" ]; then wc -l <"$1/metrics.jsonl"; else echo 0; fi
}
kill_on_the_way() { # kill_on_the_way ARGUMENT...: a run that is killed; fails if it ended before
    local from child wanted
    from=$(steps_logged "$run")
    wanted=$((1 + RANDOM % 40))
    "$INNERLOOP" train "$folder/tiny.yaml" "$@" --out "$run" >/dev/null 2>&1 &
    child=$!
    while kill -0 $child 2>/dev/null; do
        # a resumed run first takes back what was logged after its checkpoint
        now=$(steps_logged "$run")
        [ "$now" -lt "$from" ] && from=$now
        [ "$now" -ge $((from + wanted)) ] && break
        sleep 0.01
    done
    kill -KILL $child 2>/dev/null
    wait $child 2>/dev/null
    [ $? = 137 ]
}
for steps in 1000 4000 16000; do
    options="training.train_steps=$steps training.log_every_steps=1 $many"
    run=$folder/killed$steps
    killed=0
    for resume in '' --resume --resume; do
        kill_on_the_way $options $resume && killed=$((killed + 1))
    done
    [ $killed = 3 ] && break
done
if [ $killed = 3 ]; then
    want=$(train "$INNERLOOP" $options)
    same killed_3_times_and_resumed \
        "$("$INNERLOOP" train "$folder/tiny.yaml" $options --out "$run" --resume 2>/dev/null | sed -n 's/^weights //p')"
    sed -n 's/^{"step": \([0-9]*\),.*/\1/p' "$run/metrics.jsonl" >"$folder/steps"
    if seq "$steps" | cmp -s - "$folder/steps"; then
        echo "ok bits_metrics_have_every_step_once"
    else
        echo "not ok bits_metrics_have_every_step_once"
    fi
else
    echo "not ok bits_killed_3_times_and_resumed (only $killed times)"
fi

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
[ -x "${INNERLOOP_CLANG:-}" ] && same clang "$(train "$INNERLOOP_CLANG")"

# killed three times at random moments, each time resumed (moments: a hundredth to a fifth of a run)
start=$(date +%s%N)
train "$INNERLOOP" >/dev/null
took=$((($(date +%s%N) - start) / 1000000))
run=$folder/killed
killed=0
"$INNERLOOP" train "$folder/tiny.yaml" --out "$run" >/dev/null 2>&1 &
for _ in 1 2 3; do
    child=$!
    sleep "$(printf '0.%03d' $((1 + took / 100 + RANDOM % (1 + took / 3))))"
    kill -KILL $child 2>/dev/null && killed=$((killed + 1))
    wait $child 2>/dev/null
    "$INNERLOOP" train "$folder/tiny.yaml" --out "$run" --resume >"$folder/out" 2>/dev/null &
done
wait $!
same "killed_${killed}_times_and_resumed" "$(sed -n 's/^weights //p' "$folder/out")"
[ "$(wc -l <"$run/metrics.jsonl")" -gt 0 ] && [ -z "$(cut -d, -f1 "$run/metrics.jsonl" | sort | uniq -d)" ] &&
    echo "ok bits_metrics_have_every_step_once" || echo "not ok bits_metrics_have_every_step_once"

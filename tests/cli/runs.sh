#!/usr/bin/env bash
# runs.sh - a run that is interrupted, diverges, cannot write, or takes a published recipe
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
say() { # say NAME STATUS: ok if the last test succeeded
    if [ "$2" = 0 ]; then echo "ok runs_$1"; else echo "not ok runs_$1"; fi
}

cat >"$folder/tiny.yaml" <<'R'
model: {family: gpt2_loop, n_embd: 16, n_layer: 1, n_head: 2, n_dims: 3, n_positions: 6}
training:
  task_name: linear_regression
  batch_size: 16
  learning_rate: 0.001
  train_steps: 100000
  n_loop_window: 3
  curriculum:
    dims: {start: 3, end: 3, inc: 1, interval: 1}
    points: {start: 6, end: 6, inc: 1, interval: 1}
    loops: {start: 4, end: 4, inc: 1, interval: 1}
R

# SIGINT saves, says how to resume, exits 130
"$INNERLOOP" train "$folder/tiny.yaml" --out "$folder/int" >"$folder/out" 2>"$folder/err" &
child=$!
sleep 1
kill -INT $child
wait $child
[ $? = 130 ] && [ -s "$folder/int/checkpoints/last.safetensors" ] && grep -q -- --resume "$folder/err"
say interrupt_saves $?
step=$("$INNERLOOP" show "$folder/int" --json | tr ',{' '\n\n' | sed -n 's/.*"step": *\([0-9]*\).*/\1/p' | head -1)
[ "${step:-0}" -gt 0 ]
say interrupt_counts_its_steps $?
"$INNERLOOP" train "$folder/tiny.yaml" training.train_steps=$((step + 3)) --out "$folder/int" --resume 2>"$folder/err" >/dev/null
[ $? = 3 ] && grep -q train_steps "$folder/err"
say resume_with_another_recipe_is_refused $?

# a loss that is not finite: exit 4, the last good checkpoint stays as it is
"$INNERLOOP" train "$folder/tiny.yaml" training.train_steps=20 training.save_every_steps=1 \
    training.learning_rate=1e30 training.warmup_steps=0 --out "$folder/nan" >/dev/null 2>"$folder/err"
status=$?
[ $status = 4 ] && grep -q 'not finite' "$folder/err" && "$INNERLOOP" show "$folder/nan" >/dev/null
say divergence_exits_4 $?

# a full disk: exit 5, the checkpoint before stays whole
if [ "$(id -u)" = 0 ] && mkdir "$folder/small" && mount -t tmpfs -o size=64k tmpfs "$folder/small" 2>/dev/null; then
    "$INNERLOOP" train "$folder/tiny.yaml" training.train_steps=4 model.n_embd=64 --out "$folder/small/run" >/dev/null 2>"$folder/err"
    [ $? = 5 ] && grep -q "$folder/small/run" "$folder/err" && [ -z "$(find "$folder/small" -name '*.safetensors*')" ]
    say full_disk_exits_5 $?
    umount "$folder/small"
else
    echo "ok runs_full_disk_exits_5 # SKIP no disk may be mounted"
fi

# the published recipe, word for word, starts
cat >"$folder/base_loop.yaml" <<'R'
wandb:
    project: Lets_Loop2
    notes:
    log_every_steps: 100

gpu:
    cuda: True

model:
    family: gpt2_loop
    n_embd: 256
    n_layer: 1
    n_head: 8
    n_dims: 20
    n_positions: 101

training:
    batch_size: 64
    task_name: linear_regression
    learning_rate: 0.0001
    weight_decay: 0.0
    train_steps: 500000
    save_every_steps: 1000
    keep_every_steps: 100000
    curriculum:
        dims:
            start: 5
            end: 20
            inc: 1
            interval: 5000
        points:
            start: 11
            end: 41
            inc: 2
            interval: 5000
        loops:
            start: 20
            end: 350
            inc: 2
            interval: 500
    n_loop_window: 20

out_dir: ./results2/linear_regression_loop
debug_mode: False
R
"$INNERLOOP" train "$folder/base_loop.yaml" --out "$folder/published" >/dev/null 2>"$folder/err" &
child=$!
for _ in $(seq 60); do
    grep -q 'from step' "$folder/err" && break
    sleep 0.5
done
kill -INT $child
wait $child
[ $? = 130 ] && grep -q 'wandb' "$folder/err" && [ -s "$folder/published/checkpoints/last.safetensors" ]
say published_recipe_starts $?

#!/usr/bin/env bash
# bench.sh - the form of what innerloop bench prints; never how fast anything is
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then echo "ok bench_$name"; else echo "not ok bench_$name"; fi
}
fails() { # fails STATUS COMMAND...
    "${@:2}" >"$folder/out" 2>"$folder/err"
    [ $? = "$1" ] && [ ! -s "$folder/out" ] && [ -s "$folder/err" ]
}

bench="$INNERLOOP bench --repeats 1"
$bench --only small_step,gemm_nn_64 --no-peer --json >"$folder/json" 2>"$folder/err"
check json_has_every_key sh -c '
    for key in peak rows name seconds gflops percent_of_peak memory_bytes peer peer_seconds ratio \
        kernels threads one_thread all_threads bf16_one_thread bf16_all_threads; do
        grep -q "\"$key\":" "$0" || exit 1
    done' "$folder/json"
check json_has_the_rows_asked_for sh -c '[ "$(grep -c "\"name\":" "$0")" = 2 ] &&
    grep -q "\"name\": \"small_step\", \"seconds\": [0-9]" "$0" && grep -q gemm_nn_64 "$0"' "$folder/json"
check progress_on_stderr grep -q '^measuring small_step$' "$folder/err"
check other_way_is_its_own_peer sh -c "$bench --only context_ask --no-peer | grep -q 'whole prompt'"
check loops_that_stop_beside_all_of_them sh -c "$bench --only looped_until --no-peer | grep -q 'all loops'"
check state_of_a_mesa_layer sh -c "$bench --only mesa_forward_16 --no-peer |
    awk '\$1 == \"name\" { named = \$5 == \"memory_bytes\" } \$5 == 8192 { right = 1 } END { exit !(named && right) }'"
check text_names_the_peak sh -c "$bench --only gemm_nn_64 --no-peer | grep -q '^peak of the '"

# a Python that does not run: empty peer columns and one sentence
$bench --only gemm_nn_64,gemm_tn_64 --python "$folder/none" --json >"$folder/json" 2>"$folder/err"
check missing_peer_is_said_once [ "$(grep -c '^no peer' "$folder/err")" = 1 ]
check missing_peer_is_null [ "$(grep -c '"peer": null, "peer_seconds": null, "ratio": null' "$folder/json")" = 2 ]

# a peer that answers: its seconds count, and a faster setting takes over
cat >"$folder/peer" <<'P'
#!/bin/sh
while read -r word rest; do
    case $word in
    row) echo "ready Toy with \"quotes\"" ;;
    run) echo "seconds 1.5" ;;
    esac
done
P
chmod +x "$folder/peer"
$bench --only gemm_nn_64 --python "$folder/peer" --json >"$folder/json" 2>"$folder/err"
check peer_seconds_count grep -q '"peer": "Toy with \\"quotes\\", 1 thread", "peer_seconds": 1.5, "ratio": [0-9]' "$folder/json"
if command -v python3 >/dev/null; then
    check json_is_read_by_others python3 -m json.tool "$folder/json"
else
    echo 'ok bench_json_is_read_by_others # SKIP no python3'
fi

# two trainings: both recipes to an error that both reach, and one that neither does
cat >"$folder/short.yaml" <<'R'
model: {family: gpt2_loop, n_embd: 8, n_layer: 1, n_head: 2, n_dims: 2, n_positions: 5}
training:
  batch_size: 4
  train_steps: 3
  n_loop_window: 2
  curriculum:
    dims: {start: 2, end: 2}
    points: {start: 4, end: 4}
    loops: {start: 2, end: 2}
R
sed 's/train_steps: 3/train_steps: 9/' "$folder/short.yaml" >"$folder/long.yaml"
race="$bench --only time_to_accuracy --no-peer --recipe $folder/short.yaml --reference $folder/long.yaml"
$race --error 100 --json >"$folder/json" 2>"$folder/err"
check two_trainings_have_a_ratio grep -q '"peer": "the reference, error [0-9.]*; here [0-9.]*", "peer_seconds": [0-9.e-]*, "ratio": [0-9]' "$folder/json"
check missed_error fails 4 $race --error 0.0001
check missed_error_is_said grep -q 'short.yaml reaches an error of [0-9.]*, not 0.0001' "$folder/err"

check unknown_row fails 2 $bench --only small_stop --no-peer
check nearest_row grep -q "did you mean 'small_step'" "$folder/err"
check word_too_many fails 2 $bench all

#!/bin/bash
# plan.sh - what training will take: operations as they are counted apart, memory as a training has it
. "$(dirname "$0")/lib.sh"

tiny_recipe >tiny.yaml
il plan tiny.yaml --gflops 50 --threads 2 --json >plan.json
json 'plan --json has every key' plan.json '(
    {"step", "steps", "prompts", "points", "loops", "window", "shards", "parameters", "flop", "training_flop",
     "memory", "speed", "rows"} == set(o) and
    {"weights", "packed", "moments", "gradients", "states", "prompts", "rest", "evaluation", "all"} == set(o["memory"]) and
    o["steps"] == 20 and o["step"] == 19 and o["training_flop"] == 20 * o["flop"])'
json 'the parts of its memory are all of it' plan.json 'abs(sum(o["memory"].values()) - 2 * o["memory"]["all"]) < 1'
json 'rows for one process and for 8 to 1,024 cores' plan.json '(
    [r["cores"] for r in o["rows"] if r["cores"] >= 8] == [8 * 2 ** i for i in range(8)] and o["rows"][0]["ranks"] == 1)'
json 'one process sends nothing, and is its own measure' plan.json '(
    o["rows"][0]["sent_bytes"] == 0 and o["rows"][0]["speedup"] == 1 and o["rows"][0]["weak_efficiency"] == 1)'
json 'the seconds are the sum of their parts' plan.json 'all(
    abs(r["seconds"] - r["compute_seconds"] - r["update_seconds"] - r["network_seconds"]) <= 1e-9 for r in o["rows"])'

# the looped step of docs/performance.md, and its read-in and read-out: 2 C D of every token, 2 C of one in each of W loops
il plan base_loop --gflops 50 --step 0 --json model.n_embd=64 model.n_head=4 training.batch_size=24 \
    training.n_loop_window=5 training.curriculum.points.{start=9,end=9} training.curriculum.dims.{start=20,end=20} \
    training.curriculum.loops.{start=7,end=7} >plan.json
json 'operations as docs/performance.md counts them' plan.json '(lambda C, B, T, b, W: abs(
    o["flop"] - (b + 2 * W) * (2 * B * T * 12 * C * C + 4 * B * T * T * C)
    - 3 * B * T * 2 * C * 20 - 3 * W * B * T * 2 * C) < 1e-6 * o["flop"])(64, 24, 18, 7, 5)'

# the network as it is given
il plan tiny.yaml --gflops 50 --ranks 2 --threads 1 --csv >near.csv
il plan tiny.yaml --gflops 50 --ranks 2 --threads 1 --bandwidth 0.01 --latency 500 --csv >far.csv
column() { awk -F, -v c="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) at = i } NR == 3 { print $at }' "$1"; }
check 'a slower network takes longer, and nothing else does' awk -v a="$(column near.csv network_seconds)" \
    -v b="$(column far.csv network_seconds)" -v c="$(column near.csv compute_seconds)" -v d="$(column far.csv compute_seconds)" \
    'BEGIN { exit !(a > 0 && b > a && c == d) }'

# more threads than shards have nothing to do, and more ranks than slots need more slots
il plan tiny.yaml --gflops 50 --ranks 1024 --threads 1 --json >plan.json
json 'as many slots as ranks' plan.json 'all(r["slots"] >= r["ranks"] for r in o["rows"])'
json 'a step takes no less than its longest shard' plan.json '(
    all(r["compute_seconds"] >= o["speed"]["shard_seconds"] * (1 - 1e-9) for r in o["rows"]))'

# memory: within a tenth, and 16 MB, of the most that a training holds
most() { # most COMMAND...: bytes
    python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)' "$@"
}
remembered() { # remembered RECIPE...
    local planned held
    planned=$(il plan "$@" --gflops 50 --csv | awk -F, 'NR == 2 { print $5 }')
    held=$(most "$INNERLOOP" train "$@" --out "$(mktemp -du "$WORK/XXXXXX")")
    check "memory of $*: $planned planned, $held held" awk -v p="$planned" -v h="$held" \
        'BEGIN { d = h - p; exit !(p > 3e7 && d > -0.1 * p && d < 0.1 * p + 16e6) }'
}
if command -v python3 >/dev/null && [ "$(uname)" = Linux ]; then
    wide='training.train_steps=1 training.batch_size=8 training.curriculum.loops.start=12 training.curriculum.loops.end=12
        training.curriculum.points.start=20 training.curriculum.points.end=20'
    export IL_THREADS=2
    remembered base_loop $wide training.n_loop_window=12
    remembered base training.train_steps=1 training.batch_size=8 training.slots=2
    unset IL_THREADS
else
    skip 'memory' 'no python3, or no Linux'
fi

# measured speed: of its form alone
check 'a measured plan says its speed' eval 'il plan tiny.yaml | grep -q "^speed, measured here.* GFLOP/s a"'
check 'a measured plan leaves nothing behind' test ! -e runs

expect 2 'unknown option.*--rnaks.*--ranks' il plan tiny.yaml --rnaks 2
expect 2 'ranks' il plan tiny.yaml --ranks 2000
expect 2 'step.*0 to 19' il plan tiny.yaml --step 20
expect 5 'missing.yaml' il plan missing.yaml
expect 3 'n_head' il plan tiny.yaml model.n_head=3

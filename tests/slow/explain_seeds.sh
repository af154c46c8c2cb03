#!/bin/bash
# explain_seeds.sh - models of five training seeds: the verdict is what theory says, or names it among its ties
#
# FOLDER in SEEDS keeps what is trained from one time to the next. Prints the table of docs/explain.md.
. "$(dirname "$0")/../cli/lib.sh"
folder=${SEEDS:-$PWD/seeds}
mkdir -p "$folder"

# name of the model, what it should run as the verdict says it, the same in short, the recipe with its changes
try() {
    local name=$1 says=$2 short=$3 row="| $1 | $3 |" seed verdict run first
    shift 3
    for seed in 1 2 3 4 5; do
        run=$folder/$name.$seed
        [ -e "$run/checkpoints/last.safetensors" ] || il train "$@" training.seed=$seed --out "$run" >/dev/null 2>&1
        verdict=$(il explain "$run" | head -n 1)
        check "$name, seed $seed: $verdict" grep -qE "(runs|resembles?|those of|well:|,) ${says//+/\\+}( with |,|:| \\()" <<<"$verdict"
        first=$(sed -E 's/^(The model|From [a-z]+ [0-9]+ on the answers|The last answers alone) (runs|resembles?|are those of) //
                        s/( with |, (from [a-z]+|[0-9.]+ steps? a) |: [0-9]).*//' <<<"$verdict")
        [ "$first" = "${says%% with *}" ] && row+=" $short |" || row+=" $first [$short] |"
    done
    echo "$row" >&2
}

try one 'gradient descent' gd linear_columns model.blocks=linear training.train_steps=500 training.batch_size=500
try two 'GD++ with parameters of its own in each layer' GD++ linear_columns 'model.blocks=linear*2' training.train_steps=1200
try three 'GD++ with parameters of its own in each layer' GD++ linear_columns
try lsa1 'gradient descent' gd small_lsa1
try lsa2 'GD++ with parameters of its own in each layer' GD++ small_lsa2
try lsa4 'GD++ with parameters of its own in each layer' GD++ small_lsa4
try mesa1 'ridge regression' 'ridge regression' small_mesa1
try quick 'gradient descent' gd quick

#!/bin/bash
# usage.sh - commands, options and help
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml

expect 0 '' il
expect 0 '' il --help
expect 0 '' il --version
expect 0 '' il help train
expect 0 '' il train --help
expect 0 '' il train -h
check '-h is the same' grep -q '^innerloop train RECIPE' .stdout
expect 0 '' il train quick model.n_embd=8 --help
check 'that is the help of train' grep -q '^innerloop train RECIPE' .stdout
expect 2 "unknown option '--helq'" il train quick --helq
COLUMNS=60 il help eval >narrow
check 'help is fitted to COLUMNS' test "$(awk '{ if (length > n) n = length } END { print n }' narrow)" -le 60
COLUMNS=100 il help eval >wide
check 'and is the same words' cmp <(tr -s ' \n' ' ' <narrow) <(tr -s ' \n' ' ' <wide)
check 'also where it is wide' test "$(wc -l <wide)" -lt "$(wc -l <narrow)"
il help build newton >help
check "help of a construction has its keys" grep -q '^  dims= ' help
il help >help
check 'help names every command' bash -c '
    "$0" list commands | tail -n +2 | while read -r c _; do grep -qE "^  $c " help || exit 1; done' \
    "$INNERLOOP"
expect 2 "unknown command 'evall'; did you mean 'eval'" il evall x
expect 2 "unknown command 'qqqqqqqq'" il qqqqqqqq
expect 2 "unknown command 'shwo'" il help shwo
expect 2 "unknown option '--resum'; did you mean '--resume'" il train tiny.yaml --resum
expect 2 "unknown option '-r'" il train tiny.yaml -r
expect 2 'a key is given without dashes' il train tiny.yaml --learning-rate 1
expect 5 "no recipe 'quik'.*did you mean 'quick'" il train quik
expect 3 "did you mean 'training.learning_rate'" il train tiny.yaml lr=0.1
expect 2 'an argument is missing' il train
expect 2 "one argument too many: 'two'" il show one two
expect 2 '--resume takes no value' il train tiny.yaml --resume=yes
expect 2 '--out needs a value' il train tiny.yaml --out
expect 2 'build: -o needs a value' il build gd -o
expect 2 "unknown option '-ox'" il build gd -ox
expect 2 'eval: --prompts = 0 is out of its range 1 to 100000000' il eval m --prompts 0
expect 2 "eval: --loops = 'x' is neither a whole number nor auto" il eval m --loops=x
expect 2 "eval: --seed = '-1' is not a whole number" il eval m --seed -1
expect 2 "eval: --seed = '18446744073709551615' is not a whole number" il eval m --seed 18446744073709551615
expect 5 "no model 'm': neither a file nor a name" il eval m --seed 18446744073709551614
expect 2 "eval: --by = 'steps' is none of points.loops.mean" il eval m --by steps
expect 2 'eval: --seed is given twice' il eval m --seed 1 --seed=2
expect 2 'eval: --json is given twice' il eval m --json --json
expect 2 'either --json or --csv' il eval m --json --csv
expect 2 'either --json or --csv' il inspect lens m --json --csv
expect 2 'key=value' il train tiny.yaml steps
expect 2 "unknown kind 'task'; did you mean 'tasks'" il list task
expect 2 '--examples is missing' il predict m --queries q --target y
expect 2 '--queries is missing' il predict m --examples q --target y
expect 2 '--target is missing' il predict m --examples e --queries q
expect 2 "IL_KERNEL" env IL_KERNEL=mmx "$INNERLOOP" list tasks
for threads in abc 0 -1 2x '' ' ' ' 2' '2 ' 1e3 1.5 0x2 257 99999 99999999999999999999; do
    expect 2 "IL_THREADS = '$threads'" env IL_THREADS="$threads" "$INNERLOOP" list tasks
done

for kind in tasks shifts layouts algos ops models recipes commands; do
    il list $kind --json >list.json
    json "list $kind --json is one object" list.json "o['name'] == '$kind' and len(o['columns']) > 1"
done

# stdout that cannot take the result
if [ -e /dev/full ]; then
    expect 5 'standard output: cannot be written' bash -c '"$0" list tasks >/dev/full' "$INNERLOOP"
    expect 5 'standard output' bash -c '"$0" show "$1" --json >/dev/full' "$INNERLOOP" tiny.yaml
fi
expect 5 'standard output' bash -c '{ sleep 0.2; "$0" list tasks; echo $? >rc; } | true; exit "$(cat rc)"' \
    "$INNERLOOP"
expect 5 'standard output' bash -c '"$0" list tasks >&-' "$INNERLOOP"

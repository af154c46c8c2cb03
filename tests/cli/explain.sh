#!/bin/bash
# explain.sh - the verdict on a small model, as text and JSON; options that make no sense
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train tiny.yaml --out run >/dev/null 2>&1

expect 0 '' il explain run --prompts 8
check 'a model of 20 steps runs nothing' grep -q '^None of these: ' .stdout
check 'every loop has a row' bash -c '[ "$(grep -c "^loop " .stdout)" = 2 ]'
expect 0 '' il explain run --prompts 8 --json
json '--json is one object' .stdout 'o["found"] == "none" and len(o["layers"]["rows"]) == 2'
expect 0 '' il explain run --prompts 8 --loops 3 --data isotropic,kappa=30 --examples 4,6 --reading probe
check 'a third loop' grep -q '^loop 3' .stdout
check 'which it was not trained on' grep -q '^note: .*at most 2 loops, and here there are 3:' .stderr
expect 0 '' il inspect lens run --prompts 4 --examples 7
check 'nor on an eighth point' grep -q '^note: .*at most 7 points, and here there are 8:' .stderr
check 'explaining leaves the file as it was' bash -c '"$0" show run >a && "$0" explain run --prompts 4 >b && "$0" show run | cmp - a' "$INNERLOOP"
expect 0 '' bash -c 'IL_THREADS=1 "$0" explain run --prompts 8 --json >one && IL_THREADS=3 "$0" explain run --prompts 8 --json | cmp - one' "$INNERLOOP"

# a model of sequences answers with several numbers
il train "$ROOT/recipes/small_lsa1.yaml" --out sequences training.train_steps=2 >/dev/null 2>&1
expect 0 '' il explain sequences --examples 8,4 --prompts 16 --json
json 'sequences have one layer' .stdout 'len(o["layers"]["rows"]) == 1'
expect 0 '' il inspect weights sequences
expect 0 '' il inspect similarity sequences --prompts 16
expect 3 'draws sequences' il explain sequences --data kappa=3

expect 2 "reading = 'tea' is none of auto|lens|probe" il explain run --reading tea
expect 3 "did you mean 'kappa'" il explain run --data kapa=3
expect 3 'a shift of examples and queries alike' il explain run --data opposite
expect 3 "examples = '4;6'" il explain run --examples '4;6'
expect 3 'do not fit the model' il explain run --examples 50
expect 3 "no task 'tea'" il explain run --task tea
expect 5 'gone' il explain gone

#!/bin/bash
# demo.sh - the demo, with a recipe that trains in a moment: twice, and after the recipe changed
. "$(dirname "$0")/lib.sh"
mkdir -p data/recipes
cp -r "$ROOT/examples" data/
tiny_recipe >data/recipes/quick.yaml
export IL_DATA=$WORK/data

expect 0 '' il demo
HASH=$(grep '^weights ' .stdout)
check 'there is a hash' test -n "$HASH"
check 'the penguins are weighed' grep -q '^model [0-9]*, ridge' .stdout
check 'the page is there' grep -q '</html>' runs/demo/report.html
expect 0 '' il demo
check 'a second demo has the same weights' test "$(grep '^weights ' .stdout)" = "$HASH"
check 'and no second folder' test ! -e runs/demo-2

sed 's/learning_rate: 0.001/learning_rate: 0.002/' "$IL_DATA/recipes/quick.yaml" >changed
mv changed "$IL_DATA/recipes/quick.yaml"
expect 0 '' il demo
check 'a changed recipe is said' grep -q '^note: runs/demo.*learning_rate = 0.001, not 0.002' .stderr
check 'and trained elsewhere' test -s runs/demo-2/report.html
check 'to other weights' test "$(grep '^weights ' .stdout)" != "$HASH"
expect 0 '' il demo
check 'whose folder is found again' test ! -e runs/demo-3
expect 3 'learning_rate' bash -c '"$0" demo --out runs/demo >/dev/null' "$INNERLOOP"
sed 's/n_embd/n_embed/' "$IL_DATA/recipes/quick.yaml" >changed
mv changed "$IL_DATA/recipes/quick.yaml"
expect 3 "did you mean 'model.n_embd'" bash -c '"$0" demo >/dev/null' "$INNERLOOP"
check 'a broken recipe makes no folder' test ! -e runs/demo-3

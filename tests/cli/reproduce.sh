#!/bin/bash
# reproduce.sh - claims: listed, held, out of tolerance, badly written, interrupted, killed, cached
. "$(dirname "$0")/lib.sh"
mkdir -p data/recipes/claims
tiny_recipe >data/recipes/tiny.yaml
export IL_DATA=$WORK/data

# claim NAME BOUND: a claim on the tiny model
claim() {
    cat >"data/recipes/claims/$1.yaml" <<YAML
title: A tiny model has an error
paper: nobody, nowhere
reduced: everything
minutes: 0.1
seeds: [1, 2, 3]
models:
    tiny: {recipe: ../tiny.yaml}
    longer: {recipe: ../tiny.yaml, training: {train_steps: 21}}
measures:
    points: {measure: points, models: "tiny, longer", against: "zero,ols", prompts: 64}
    loops: {measure: loops, models: tiny, loops: 4, prompts: 64}
    counts: {measure: counts}
rows:
    error: {claim: it errs, paper: a little, read: points, column: tiny, at: 1..6, $2}
    zero: {read: points, column: zero, minus: zero, expect: 0, within: 0}
    ratio: {read: points, column: zero, over: zero, expect: 1, percent: 1e-9}
    loops: {read: loops, column: tiny, at: 4, take: least, least: 0}
    counts: {read: counts, column: all, at: tiny, least: 1, most: 1e6}
YAML
}
claim passes 'least: 0.01, most: 100'
claim fails 'most: 0.01'

expect 0 '' il reproduce --list
check 'both are listed' test "$(grep -c 'A tiny model' .stdout)" = 2
il reproduce --list --json >list.json
json 'with sizes and minutes' list.json '[r[:4] for r in o["rows"]] == [["fails", "reduced", 0.1, 3], ["passes", "reduced", 0.1, 3]]'

expect 0 '' il reproduce passes
check 'every row holds' grep -q '5 of 5 rows hold, reduced' .stdout
check 'the sentence and the paper are printed' grep -q 'it errs  *a little .* at least 0.01, at most 100  *holds' .stdout
for f in claim.csv points.csv points.gp loops.csv counts.csv; do
    check "$f is written" test -s "runs/reproduce/passes/$f"
done
check 'two models are trained from three seeds' test "$(ls runs/reproduce/*/config.yaml | wc -l)" = 6
check 'which is said' grep -q '^seeds 1, 2, 3; tables and figures are those of seed 1' .stdout
cp -r runs first
expect 0 '' il reproduce passes
check 'a second run trains nothing' bash -c '! grep -q training .stderr && [ "$(grep -c "is there" .stderr)" = 6 ]'
check 'and measures the same' cmp runs/reproduce/passes/claim.csv first/reproduce/passes/claim.csv

quiet() { "$@" >out.txt; } # what holds the table, so that `expect` sees the rest
expect 6 'fails is out of tolerance' quiet il reproduce fails
check 'its row says so' grep -q 'it errs .*at most 0.01  *fails' out.txt
check 'the others hold' grep -q '4 of 5 rows hold' out.txt
expect 6 '1 of 2 claims are out' quiet il reproduce all --json
json 'all as one object' out.txt 'len(o["rows"]) == 10 and [r[11] for r in o["rows"]].count("fails") == 1'
json 'with median, least and most, and how many seeds hold' out.txt \
    'all(r[6] <= r[5] <= r[7] and 0 <= r[8] <= r[9] == 3 for r in o["rows"])'
json 'whose trainings differ and whose prompts do not' out.txt \
    '[r[6] < r[7] for r in o["rows"][:2]] == [True, False]'
rm data/recipes/claims/fails.yaml

# a row that falls short of the paper says so, and is held to its own bounds
claim shorter 'least: 0.01, most: 100, short: too few steps'
il reproduce shorter >out.txt 2>/dev/null
check 'a claim that falls short as stated exits 0' test $? = 0
check 'its row is short' grep -q 'it errs .*at most 100  *short' out.txt
check 'and why' grep -q 'short of the paper: it errs: too few steps' out.txt
check 'it does not hold' grep -q '4 of 5 rows hold, 1 short of the paper as stated, reduced' out.txt
claim shorter 'most: 0.01, short: too few steps'
expect 6 'out of tolerance' quiet il reproduce shorter
check 'out of its own bounds it fails' grep -q 'it errs .*at most 0.01  *fails' out.txt
rm data/recipes/claims/shorter.yaml

# a run of the same recipe, under any name in runs/, serves
rm -rf runs
il train tiny training.seed=2 --out runs/mine >/dev/null 2>&1
expect 0 '' il reproduce passes
check 'a run of the user serves' grep -q 'tiny of seed 2 is there: runs/mine' .stderr
check 'but not for another recipe' grep -q 'training longer of seed 2' .stderr

# stopped and killed
sed 's/train_steps: 20/train_steps: 3000/; s/save_every_steps: 10/save_every_steps: 100/' data/recipes/tiny.yaml >slow.yaml
cp slow.yaml data/recipes/tiny.yaml
il reproduce passes --out whole >/dev/null 2>&1
for signal in INT KILL; do
    "$INNERLOOP" reproduce passes --out "$signal" >/dev/null 2>.stderr &
    child=$!
    for _ in $(seq 200); do
        ls "$signal"/*/checkpoints/last.safetensors >/dev/null 2>&1 && break
        sleep 0.02
    done
    kill -$signal $child
    wait $child
    status=$?
    [ $signal = KILL ] || check 'an interrupt exits 130 or came late' test $status = 130 -o -s INT/passes/claim.csv
    expect 0 '' il reproduce passes --out "$signal"
    check "after $signal it measures the same" cmp whole/passes/claim.csv "$signal/passes/claim.csv"
done

# badly written: file, line and the nearest word, before anything is trained
rm -rf runs
bad() { # bad 'sed expression' 'regex' [exit status]
    sed "$1" data/recipes/claims/passes.yaml >data/recipes/claims/bad.yaml
    expect "${3-3}" "$2" il reproduce bad
}
bad 's/^title/titl/' 'bad.yaml:1:1: .*titl.*title'
bad 's/column: tiny, at: 1..6/colum: tiny/' 'bad.yaml:14:.*colum.*column'
bad 's/read: points, column: tiny/read: point, column: tiny/' 'bad.yaml:14:.*points'
bad 's/column: tiny, at: 1..6/column: tiney, at: 1..6/' 'rows.error.column = .tiney.*tiny'
bad 's/at: 1..6/at: 70/' "at = '70' matches no row"
bad 's/least: 0.01, most: 100/expect: 1/' '`expect` needs a tolerance'
bad 's/, least: 0.01, most: 100//' 'has no bound'
bad 's/measure: loops/measure: lops/' 'bad.yaml:11:.*lops.*loops'
bad 's/train_steps: 21/train_step: 21/' 'bad.yaml:8:.*train_step'
bad 's/models: "tiny, longer"/models: "tiny, shorter"/' 'shorter'
bad 's/tiny.yaml, training/none.yaml, training/' 'bad.yaml:8:.*none.yaml' 5
bad 's/zero,ols/zero,olz/' 'bad.yaml:10:.*measures.points.against: .*olz'
bad 's/tiny, at: 4, take/tiny, at: 5, take/' "rows.loops.at = '5' matches no row of table loops .* from 1 to 4"
bad 's/column: all, at: tiny/column: all, at: tinny/' "at = 'tinny' matches no row of table counts .*did you mean 'tiny'"
bad 's/^seeds:.*//' 'bad trains models and states no seeds; write .seeds: .1, 2, 3.., or .one_seed'
bad 's/^seeds:.*/seeds: [1, 2]/' 'bad.yaml:5:1: seeds: a claim is trained from at least 3 seeds, here are 2'
bad 's/^seeds:.*/seeds: [1, 2, 2]/' 'seeds: 2 is given twice'
bad 's/^seeds:.*/one_seed: because/' 'one_seed needs a sentence that says why, with the minutes'
measure() { # measure 'keys' 'regex': the same with another measure
    bad "s/^rows:/    more: {$1}\\n&/" "$2"
}
measure 'measure: tuned, option: stepsize' 'bad.yaml:13:12: measures.more: option = .stepsize.*step_size'
measure 'measure: probe, protocol: mesa, models: tiny, examples: 40' "measures.more: examples: at '40': at most .* from 1 to 6"
measure 'measure: probe' 'measures one model, not 2'
measure 'measure: few_shot, models: tiny' 'few-shot prompts need a model of sequences'
measure 'measure: weights, each: share, models: tiny' 'a model of linear attention only'
check 'nothing is trained or written' test ! -e runs

expect 5 'passes' il reproduce passe
expect 2 'missing' il reproduce
expect 2 'takes no claim' il reproduce passes --list
expect 2 'goes with' il reproduce passes --minutes 3

# docs/papers.md gives the claims' figures as they were measured, of the claims as they are
if python3 -c 'import csv' 2>/dev/null; then
    IL_DATA=$ROOT il reproduce --list --json >listed.json
    current() { "$ROOT/tools/claims_table.py" --check <listed.json; }
    check 'the figures of docs/papers.md are those of the claims' current
    sed 's/"[0-9a-f]\{16\}"/"0123456789abcdef"/' listed.json >other.json
    stale() { "$ROOT/tools/claims_table.py" --check <other.json >said; [ $? = 1 ] && grep -q 'has changed since it was measured' said; }
    check 'and one that changed is found out' stale

    # a figure before a mark is the claim's, on every page, as many digits of it as stand there
    mkdir -p pages/tools pages/docs
    cp "$ROOT/tools/claims_table.py" pages/tools
    { head -n 1 "$ROOT/docs/claims.csv"
      echo 'own,many,"a, b",2,1234567,1,9,3,3,at most 9,holds,,0123456789abcdef,2026-11-30'
      echo 'own,few,c,2,-2.0078e-06,0.51249,9,3,3,at most 9,holds,,0123456789abcdef,2026-11-30'; } >pages/docs/claims.csv
    grep -F -e '<!-- claims.csv by' -e '<!-- end of claims.csv' "$ROOT/docs/papers.md" >pages/docs/papers.md
    page() { printf '%s\n' "$1" >pages/README.md; }
    says() { pages/tools/claims_table.py --check <listed.json >said; [ $? = 1 ] && grep -qE "$1" said; }
    unsaid() { ! says "$1"; }
    page $'text\n790,272<!-- claim own.many -->, -1.96e-5<!-- claim own.few -->, .52<!-- claim own.few least -->'
    check 'a stale figure is found out' says '^README.md:2: not what docs/claims.csv gives'
    check 'and mended' pages/tools/claims_table.py --write
    check 'which leaves nothing to find' unsaid 'README|papers'
    check 'in its own digits' grep -q '^1,234,567<!.*, -2.01e-6<!.*, .51<!' pages/README.md
    page '1<!-- claim own.lots -->'
    check 'a mark of no claim is found out' says 'README.md: docs/claims.csv has no own.lots'
    page 'many <!-- claim own.many -->'
    check 'and one behind no figure' says 'no figure stands before the mark of own.many'
else
    skip 'the figures of docs/papers.md are those of the claims' 'no python3'
fi

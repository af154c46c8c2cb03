#!/bin/bash
# inspect.sh - measures from the command line
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train tiny.yaml --out run >/dev/null 2>&1

for analysis in counts 'similarity --prompts 4 --queries 6' 'lens --prompts 4' 'probe --prompts 4' weights \
    'patch --prompts 4 --queries 6' 'sensitivity --prompts 4'; do
    read -r analysis options <<<"$analysis"
    # shellcheck disable=SC2086
    expect 0 '' il inspect "$analysis" run $options --json
    json "$analysis: one table with rows" .stdout "o['name'] == '$analysis' and len(o['rows']) > 0"
done
expect 0 '' il inspect interpolate run --with run --prompts 4 --json
json 'interpolate: eleven weights' .stdout "len(o['rows']) == 11 and o['rows'][0][0] == 0"
expect 3 'give the other end as a second model' il inspect interpolate run
expect 0 '' il inspect probe run --target xty,w_ols --probe mlp=8 --pool --prompts 8 --json
json 'probe: what was asked, and controls' .stdout "o['columns'][2:8] == ['xty', 'w_ols', 'xty_control', 'w_ols_control', 'xty_untrained', 'w_ols_untrained']"
expect 3 "no target 'xtz'; did you mean 'xty'" il inspect probe run --target xtz
expect 3 "'past99' reaches further back than" il inspect probe run --target past99
expect 3 'mlp=UNITS' il inspect probe run --probe mlp=0
check 'build: a step' il build gd dims=3 points=7 loops=2 -o gd.safetensors >/dev/null
expect 0 '' il inspect weights gd.safetensors --to gd step_size=0.3 --json
json 'weights: a construction is itself' .stdout "all(r[-1] < 1e-6 for r in o['rows'])"
expect 0 '' il inspect weights gd.safetensors --each value --csv
expect 2 'none of head|block|value' il inspect weights gd.safetensors --each valu
expect 2 'behind MODEL, with --to NAME' il inspect weights gd.safetensors step_size=0.3
# a measure has its own options, which --help and list show
expect 2 "unknown option '--to'" il inspect lens run --to gd
expect 2 "unknown option '--examples'" il inspect weights run --examples 4
expect 2 "unknown option '--task'" il inspect interpolate run --with run --task sparse_linear_regression
expect 2 "unknown option '--queries'" il inspect lens run --queries 4
expect 2 "unknown option '--reading'" il inspect patch run --reading lens
il inspect probe --help >help.txt
check 'probe has a help of its own' grep -q -- '--target' help.txt
check 'without the options of others' bash -c '! grep -q -- --each help.txt'
il list measures --json >measures.json
json 'every measure is listed with its options' measures.json \
    'len(o["rows"]) > 12 and "target" in dict((r[0], r[2]) for r in o["rows"])["probe"]'
# several models, or none
cp -r run again
expect 0 '' il inspect points run again --against ols --prompts 8 --json
json 'a band for each model, then the algorithms' .stdout 'o["columns"] == ["k", "run", "run_low", "run_high", "again", "again_low", "again_high", "ols"]'
expect 3 "two columns are named 'run': give each model and algorithm once" il inspect points run run
expect 0 '' il inspect multiple --dims 3 --points 7 --prompts 20 --csv
expect 3 'lens measures one model, not 2' il inspect lens run run
expect 0 '' il inspect interpolate run run --prompts 4 --seed 0
expect 2 'the measure comes first: innerloop inspect lens run' il inspect run lens --seed 3
expect 3 'ols answers at once' il inspect patch gd.safetensors --by ols@1
expect 2 "no measure 'lenz'; did you mean 'lens'" il inspect lenz run
expect 2 'an argument is missing' il inspect
expect 3 'lens measures one model, not 0' il inspect lens
expect 5 'gone' il inspect lens gone
expect 0 '' il inspect patch gd.safetensors --by 'gd step_size=0.2@1' --prompts 4 --json
expect 0 '' il inspect patch gd.safetensors --at y --tokens all --prompts 4 --csv
expect 3 "did you mean 'attn'" il inspect patch gd.safetensors --at atn
expect 2 'none of query|examples|all' il inspect patch gd.safetensors --tokens some

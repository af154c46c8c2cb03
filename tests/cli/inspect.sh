#!/bin/bash
# inspect.sh - every analysis from the command line
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train tiny.yaml --out run >/dev/null 2>&1

for analysis in 'similarity --prompts 4 --queries 6' 'lens --prompts 4' 'probe --prompts 4' weights \
    'patch --prompts 4 --queries 6' 'sensitivity --prompts 4'; do
    read -r analysis options <<<"$analysis"
    # shellcheck disable=SC2086
    expect 0 '' il inspect "$analysis" run $options --json
    json "$analysis: one table with rows" .stdout "o['name'] == '$analysis' and len(o['rows']) > 0"
done
expect 0 '' il inspect interpolate run --with run --prompts 4 --json
json 'interpolate: eleven weights' .stdout "len(o['rows']) == 11 and o['rows'][0][0] == 0"
expect 3 'give the other end by --with' il inspect interpolate run
expect 0 '' il inspect probe run --target xty,w_ols --probe mlp=8 --pool --prompts 8 --json
json 'probe: what was asked, and controls' .stdout "o['columns'][2:8] == ['xty', 'w_ols', 'xty_control', 'w_ols_control', 'xty_untrained', 'w_ols_untrained']"
expect 3 "no target 'xtz'; did you mean 'xty'" il inspect probe run --target xtz
expect 3 "'past99' is before the first of" il inspect probe run --target past99
expect 2 'mlp=UNITS' il inspect probe run --probe mlp=0
check 'build: a step' il build gd dims=3 points=7 loops=2 -o gd.safetensors >/dev/null
expect 0 '' il inspect weights gd.safetensors --to gd step_size=0.3 --json
json 'weights: a construction is itself' .stdout "all(r[-1] < 1e-6 for r in o['rows'])"
expect 0 '' il inspect weights gd.safetensors --each value --csv
expect 3 'head, block or value' il inspect weights gd.safetensors --each valu
expect 2 'follow MODEL with --to' il inspect weights gd.safetensors step_size=0.3
expect 2 "lens has no option 'to'; it is one of weights" il inspect lens run --to gd
expect 2 "weights has no option 'prompts'; it is one of similarity" il inspect weights run --prompts 4
expect 2 "weights has no option 'data'" il inspect weights run --data kappa=30
expect 2 "interpolate has no option 'task'" il inspect interpolate run --with run --task sparse_linear_regression
expect 2 "weights has no option 'seed'; it is one of similarity" il inspect weights run --seed 0
expect 2 "weights has no option 'loops'; it is one of similarity" il inspect weights run --loops 1
expect 2 "interpolate has no option 'loops'" il inspect interpolate run --with run --loops 2
expect 0 '' il inspect interpolate run --with run --prompts 4 --seed 0
expect 2 "lens has no option 'queries'" il inspect lens run --queries 4
expect 2 "interpolate has no option 'examples'" il inspect interpolate run --with run --examples 3
expect 2 "patch has no option 'reading'" il inspect patch run --reading lens
expect 2 'the analysis comes first: innerloop inspect lens run' il inspect run lens --seed 3
expect 3 'ols answers at once' il inspect patch gd.safetensors --by ols@1
expect 2 "no analysis 'lenz'; did you mean 'lens'" il inspect lenz run
expect 2 'an argument is missing' il inspect lens
expect 5 'gone' il inspect lens gone
expect 0 '' il inspect patch gd.safetensors --by 'gd step_size=0.2@1' --prompts 4 --json
expect 0 '' il inspect patch gd.safetensors --at y --tokens all --prompts 4 --csv
expect 3 "did you mean 'attn'" il inspect patch gd.safetensors --at atn
expect 3 'not query, examples or all' il inspect patch gd.safetensors --tokens some

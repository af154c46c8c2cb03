#!/bin/bash
# inspect.sh - every analysis from the command line
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train tiny.yaml --out run >/dev/null 2>&1

for analysis in similarity lens probe weights patch sensitivity; do
    expect 0 '' il inspect $analysis run --prompts 4 --queries 6 --json
    json "$analysis: one table with rows" .stdout "o['name'] == '$analysis' and len(o['rows']) > 0"
done
expect 2 "no analysis 'lenz'; did you mean 'lens'" il inspect lenz run
expect 2 'an argument is missing' il inspect lens
expect 5 'gone' il inspect lens gone

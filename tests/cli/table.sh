#!/bin/bash
# table.sh - predict: the user's tables, good and bad
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train ./tiny.yaml --out run >/dev/null 2>&1
{ echo 'a,b,kind,y'; for i in 1 2 3 4 5 6 7 8 9; do echo "$i,$((i * i % 7)),k$((i % 2)),$((i + 2))"; done; } >good.csv

# predict EXAMPLES [more] ; bad FILE 'regex' : as examples and as queries
predict() { il predict run --examples "$1" --queries "${2:-good.csv}" --target "${3:-y}" "${@:4}"; }
bad() {
    expect "${3:-3}" "$2" predict "$1"
    expect "${3:-3}" "$2" predict good.csv "$1"
}

expect 0 '' predict good.csv
check 'a header and nine predictions' bash -c '[ "$(grep -cE "^[0-9]+,-?[0-9.e-]+,[0-9]+$" .stdout)" = 9 ]'
check 'text is noted' grep -q "^note: column 'kind' is text" .stderr
expect 0 '' predict good.csv good.csv y --score
check 'six predictors' bash -c '[ "$(awk "{print \$1}" .stdout | tr "\n" " ")" = "predictor model ridge ols knn trees mean " ]'
check 'y = i + 2 is what least squares answers' bash -c 'awk "/^ols/ { exit !(\$2 < 1e-9 && \$3 < 1e-9) }" .stdout'
check 'and the best is named' grep -qE '^note: on examples that are left out in turn (ols|ridge) is best$' .stderr
expect 0 '' predict good.csv good.csv y --predictor best
check 'ridge answers, as the note says' bash -c 'grep -q "^note: on examples that are left out in turn the model has an rmse of .*: ridge answers$" .stderr &&
    awk -F, "NR > 1 && (\$2 - \$3) ^ 2 > .01 { exit 1 }" .stdout'
expect 0 '' predict good.csv good.csv y --quantiles 0.05,0.5,0.95
check 'three quantiles that rise' bash -c 'awk -F, "NR > 1 && !(\$4 < \$5 && \$5 < \$6) { exit 1 }" .stdout && grep -q "^row,prediction,target,q0.05,q0.5,q0.95$" .stdout'
expect 3 "quantiles: '1.5' is no number between 0 and 1" predict good.csv good.csv y --quantiles 0.5,1.5
expect 3 '2 examples are too few to leave one out' predict <(head -3 good.csv) good.csv y --predictor best
expect 0 '' predict good.csv good.csv y --json
json '--json is one object' .stdout '"answers" in json.dumps(o)'
expect 0 '' predict good.csv good.csv y --loops auto --tolerance .5
check 'and the loops that each took' bash -c '[ "$(grep -cE "^[0-9]+,-?[0-9.e-]+,[0-9]+,[12]$" .stdout)" = 9 ] && grep -q "^row,prediction,target,loops$" .stdout'
expect 0 '' bash -c '"$0" predict run --examples <(cat good.csv) --queries good.csv --target y' "$INNERLOOP"

printf 'a,b,kind,y\n1,2,k0,3\n1,2\n' >ragged.csv
bad ragged.csv 'ragged.csv:3: 2 cells where the header has 4 columns'
printf 'a,b,kind,y\n' >norows.csv
bad norows.csv 'norows.csv: no rows'
: >empty.csv
bad empty.csv 'empty.csv'
printf '1,2,3\n4,5,6\n' >noheader.csv
bad noheader.csv 'noheader.csv:1: the first line holds numbers'
printf 'a,a,y\n1,2,3\n' >twice.csv
bad twice.csv "twice.csv:1: columns 1 and 2 are both named 'a'"
printf 'a,b,kind,y\n1,"2,k0,3\n4,5,k1,6\n' >quote.csv
bad quote.csv 'quote.csv:2: a quote is opened here and never closed'
printf 'a,b,kind,y\n1,2,\000,3\n' >zero.csv
bad zero.csv 'zero.csv:2: byte 0x00'
head -c 3000 /dev/urandom >noise.csv
bad noise.csv 'noise.csv'
# a line of 1 GB through a pipe: refused after its first MiB, in little memory
long_line() {
    { echo 'a,b,kind,y'; head -c 1000000000 /dev/zero | tr '\0' '7'; } | (
        (ulimit -v 2000000 && il version) >/dev/null 2>&1 && ulimit -v 2000000
        il predict run --examples /dev/stdin --queries good.csv --target y
    )
}
expect 3 ':2: the line is longer than 1 MiB' long_line
expect 5 'gone.csv' predict gone.csv
expect 5 "$WORK" predict "$WORK"

expect 3 "good.csv: no column 'z' to predict" predict good.csv good.csv z
expect 3 "column 'kind' holds 'k1' in line 2; only numbers" predict good.csv good.csv kind
printf 'a,b,kind,y\n1,2,k0,nan\n2,3,k1,NA\n3,4,k0,5\n' >missing.csv
expect 3 'at least two examples' predict missing.csv
printf 'a,kind\n1,k0\n' >lacks.csv
expect 3 "lacks.csv: column 'b' of the examples is missing" predict good.csv lacks.csv
printf 'a,b,kind\nx,1,k0\n' >kind.csv
expect 3 "kind.csv: column 'a' is text here and numbers in good.csv" predict good.csv kind.csv
expect 3 "; 'x' in line 2 of kind.csv is no number: a number is written as 1234.5" predict good.csv kind.csv
printf 'a,b,kind\n2,-,k0\n' >dash.csv
expect 3 "column 'b' is text here and numbers in good.csv; '-' in line 2 of dash.csv is no number.*empty cell or NA" \
    predict good.csv dash.csv
awk 'BEGIN { for (r = 0; r < 9; r++) { for (c = 0; c < 200; c++) printf "%s,", r ? "w" r : "t" c
    print r ? r : "y" } }' >words.csv
expect 3 "that the model could use; 200 are text of more than 6 levels .'t0' is the first.$" predict words.csv words.csv
printf 'a,b,kind\n1,1,k0\n' >unknown.csv
expect 0 '' predict good.csv unknown.csv
expect 3 "the queries hold no 'y' to score" predict good.csv unknown.csv y --score
printf 'y\n1\n2\n' >alone.csv
expect 3 "no column but 'y'" predict alone.csv

# standard input is a table, and so a table read as a file
il predict run --examples good.csv --queries unknown.csv --target y >by_name.csv 2>/dev/null
from_stdin() { il predict run --examples good.csv --queries - --target y <unknown.csv; }
expect 0 '' from_stdin
check 'the same answers' cmp .stdout by_name.csv
expect 2 'cannot both be standard input' predict - -
bad_stdin() { printf 'a,a\n1,2\n' | il predict run --examples - --queries unknown.csv --target y; }
expect 3 'standard input:1: columns 1 and 2 are both named' bad_stdin
printf ',a,b,kind,y\n0,1,2,k0,1\n1,2,3,k1,2\n' >index.csv
expect 3 'index.csv:1: column 1 has no name.*index=False' predict index.csv unknown.csv
printf ',,kind,y\n0,1,k0,1\n' >nameless.csv
expect 3 'nameless.csv:1: column 1 has no name$' predict nameless.csv unknown.csv
printf 'a,b,kind,y\n1,2,k0,\n1,3,k0,NA\n' >empty.csv
expect 3 "the queries' column 'y' holds no value to score against" predict good.csv empty.csv y --score
expect 0 '' predict good.csv empty.csv
printf 'a,y\n0,1e307\n1,2e307\n2,3e307\n' >steep.csv
printf 'a,y\n1000,2e307\n' >beyond.csv
expect 0 '' predict steep.csv beyond.csv y --score
check 'ridge and ols are empty, and why' bash -c 'grep -qE "^ols +- " .stdout && grep -q "^note: the answer of ols is no finite number in row 1" .stderr'
printf 'gr\366\337e,y\n1,2\n2,4\n' >latin.csv
expect 3 "latin.csv:1: the name of column 1, 'gr\?\?e', is not text in UTF-8; save the file as UTF-8" \
    predict latin.csv unknown.csv
printf 'a,b,kind,y\n1,1.7e308,k0,1\n' >far.csv
expect 4 'score: 1 of the 1 answers is no finite number' predict good.csv far.csv y --score
check 'the row is named' grep -q 'note: .*in row 1 of the queries' .stderr

# the table that ships with the program
P=$ROOT/examples
expect 0 '' predict "$P/penguins_examples.csv" "$P/penguins_queries.csv" body_mass_g --score

#!/bin/bash
# forecast_table.sh - the tables of docs/forecast.md:  tools/forecast_table.sh FOLDER [innerloop]
#
# FOLDER holds what tools/series.R wrote. Root mean squared errors relative to persistence, of one-step
# forecasts; the last table is in microseconds a row, the least of five runs.
set -eu
folder=$1
innerloop=${2:-build/innerloop}
series=('taylor --period 48,336' 'ice.river' 'nino --period 12' 'treering' 'sunspots')

score() { # score NAME [option ...] : CSV of one run
    local name=$1
    shift
    "$innerloop" forecast "$folder/$name.csv" --score --csv "$@"
}
pick() { awk -F, -v method="$1" -v field="$2" -v ahead="${3:-1}" \
    'NR > 1 && $3 == method && $2 == ahead { printf "%s%s", sep, $field; sep = "," }'; }
row() { # row COLUMN values... : one line of Markdown for each column
    local i n
    IFS=, read -ra names <<<"$1"
    shift
    for i in "${!names[@]}"; do
        printf '| %s' "${names[i]}"
        for n in "$@"; do printf ' | %.3f' "$(cut -d, -f$((i + 1)) <<<"$n")"; done
        echo ' |'
    done
}
others=persistence,seasonal,ar,nlms,naive

for field in 8 7; do
    [ $field = 8 ] && echo '## RMSE / persistence' || echo '## MAE / persistence'
    echo '| series | seasonal | AR | NLMS | 0.95 | 0.99 | 0.995 | 1 | naive 0.95 | naive 0.99 | naive 0.995 | naive 1 |'
    echo '|---|---|---|---|---|---|---|---|---|---|---|---|'
    for s in "${series[@]}"; do
        read -ra words <<<"$s"
        ours=() naive=()
        for g in 0.95 0.99 0.995 1; do
            got=$(score "${words[@]}" --against $others --forget $g)
            ours+=("$(pick mesa $field <<<"$got")")
            naive+=("$(pick naive $field <<<"$got")")
        done
        row "$(pick mesa 1 <<<"$got")" "$(pick seasonal $field <<<"$got")" "$(pick ar $field <<<"$got")" \
            "$(pick nlms $field <<<"$got")" "${ours[@]}" "${naive[@]}"
    done
done

echo '## Intervals: shares of values inside'
for s in "${series[@]}"; do
    read -ra words <<<"$s"
    got=$(score "${words[@]}" --against persistence)
    row "$(pick mesa 1 <<<"$got")" "$(pick mesa 9 <<<"$got")" "$(pick mesa 10 <<<"$got")"
done

echo '## Farther ahead: RMSE / persistence: seasonal, AR, NLMS, mesa; share in 80 % and 95 %'
for s in 'taylor 48 --period 48,336' 'taylor 6 --period 48,336' 'nino 6 --period 12' 'nino 12 --period 12' \
    'sunspots 12' 'treering 5'; do
    read -ra words <<<"$s"
    h=${words[1]}
    got=$(score "${words[0]}" --horizon "$h" --against $others "${words[@]:2}")
    row "$(pick mesa 1 "$h" <<<"$got" | sed "s/[^,]*/& +$h/g")" "$(pick seasonal 8 "$h" <<<"$got")" "$(pick ar 8 "$h" <<<"$got")" \
        "$(pick nlms 8 "$h" <<<"$got")" "$(pick mesa 8 "$h" <<<"$got")" "$(pick mesa 9 "$h" <<<"$got")" \
        "$(pick mesa 10 "$h" <<<"$got")"
done

echo '## Microseconds a row'
for lags in 4 12 24 62; do
    for m in mesa ar nlms; do
        best=$(for i in 1 2 3 4 5; do score treering --lags $lags --against $others | pick $m 11; echo; done | sort -g | head -1)
        printf '%s lags, %s: %.2f\n' $lags $m "$best"
    done
done

#!/bin/bash
# forecast_table.sh - the tables of docs/forecast.md:  tools/forecast_table.sh rmse|mae|intervals|ahead|models|cost
#
# Runs `innerloop` on the files that tools/series.R wrote into series/, and on runs/ (models). Errors are relative to
# persistence's, of one-step forecasts but in `ahead`; `cost` is in microseconds a row, the least of five runs.
set -eu
series=('taylor --period 48,336' 'ice.river' 'nino --period 12' 'treering' 'sunspots')
others=persistence,seasonal,ar,nlms,naive

score() { # score NAME [option ...] : CSV of one run
    local name=$1
    shift
    innerloop forecast "series/$name.csv" --score --csv "$@"
}
pick() { # pick METHOD FIELD [AHEAD] : a field of every column's line, with commas between
    awk -F, -v method="$1" -v field="$2" -v ahead="${3:-1}" \
        'NR > 1 && $3 == method && $2 == ahead { printf "%s%s", sep, $field; sep = "," }'
}
row() { # row COLUMNS values... : one line of Markdown for each column
    local i n
    IFS=, read -ra names <<<"$1"
    shift
    for i in "${!names[@]}"; do
        printf '| %s' "${names[i]}"
        for n in "$@"; do printf ' | %.3f' "$(cut -d, -f$((i + 1)) <<<"$n")"; done
        echo ' |'
    done
}
heading() { # heading 'COLUMN | COLUMN ...'
    echo "| $1 |"
    sed 's/[^|]*/---/g' <<<"| $1 |" | sed 's/^---|/|/; s/|---$/|/'
}

errors() { # errors FIELD
    heading 'series | seasonal | AR | NLMS | 0.95 | 0.99 | 0.995 | 1 | naive 0.95 | naive 0.99 | naive 0.995 | naive 1'
    for s in "${series[@]}"; do
        read -ra words <<<"$s"
        ours=() naive=()
        for g in 0.95 0.99 0.995 1; do
            got=$(score "${words[@]}" --against $others --forget $g)
            ours+=("$(pick mesa "$1" <<<"$got")")
            naive+=("$(pick naive "$1" <<<"$got")")
        done
        row "$(pick mesa 1 <<<"$got")" "$(pick seasonal "$1" <<<"$got")" "$(pick ar "$1" <<<"$got")" \
            "$(pick nlms "$1" <<<"$got")" "${ours[@]}" "${naive[@]}"
    done
}

intervals() {
    heading 'series | in 80 % | in 95 %'
    for s in "${series[@]}"; do
        read -ra words <<<"$s"
        got=$(score "${words[@]}" --against persistence)
        row "$(pick mesa 1 <<<"$got")" "$(pick mesa 9 <<<"$got")" "$(pick mesa 10 <<<"$got")"
    done
}

ahead() {
    heading 'series, rows ahead | seasonal | AR | NLMS | mesa | in 80 % | in 95 %'
    for s in 'taylor 48 --period 48,336' 'taylor 6 --period 48,336' 'nino 6 --period 12' 'nino 12 --period 12' \
        'sunspots 12' 'treering 5'; do
        read -ra words <<<"$s"
        h=${words[1]}
        got=$(score "${words[0]}" --horizon "$h" --against $others "${words[@]:2}")
        row "$(pick mesa 1 "$h" <<<"$got" | sed "s/[^,]*/& +$h/g")" "$(pick seasonal 8 "$h" <<<"$got")" \
            "$(pick ar 8 "$h" <<<"$got")" "$(pick nlms 8 "$h" <<<"$got")" "$(pick mesa 8 "$h" <<<"$got")" \
            "$(pick mesa 9 "$h" <<<"$got")" "$(pick mesa 10 "$h" <<<"$got")"
    done
}

models() { # of one layer, trained on sequences
    heading 'series | one linear attention layer | one mesa layer | the mesa-layer on lags (0.999)'
    for s in "${series[@]}"; do
        read -ra words <<<"$s"
        [ "${words[0]}" != ice.river ] || continue
        got=$(score "${words[@]}" --against persistence --model runs/small_lsa1_800)
        mesa=$(score "${words[@]}" --against persistence --model runs/small_mesa_1500)
        row "$(pick mesa 1 <<<"$got")" "$(pick model 8 <<<"$got")" "$(pick model 8 <<<"$mesa")" "$(pick mesa 8 <<<"$got")"
    done
}

cost() {
    heading 'lags | mesa | AR | NLMS'
    for lags in 4 12 24 62; do
        printf '| %s' $lags
        for m in mesa ar nlms; do
            printf ' | %.2f' "$(for i in 1 2 3 4 5; do score treering --lags $lags --against $others | pick $m 11; echo; done | sort -g | head -1)"
        done
        echo ' |'
    done
}

case ${1-} in
rmse) errors 8 ;;
mae) errors 7 ;;
intervals | ahead | models | cost) $1 ;;
*) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
esac

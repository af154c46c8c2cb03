#!/usr/bin/env bash
# run.sh - runs test programs and scripts, each printing "ok NAME" and "not ok NAME" lines
#
#   tests/run.sh LOGFOLDER PROGRAM...
#
# Prints what failed and, last, a line "N passed, N failed". A program that dies, or says nothing,
# counts as one failure more.
set -u
logs=$1
shift
mkdir -p "$logs"
passed=0
failed=0
for program in "$@"; do
    name=$(echo "${program%.*}" | tr '/' '-')
    log=$logs/$name.log
    start=$SECONDS
    CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$log" 2>&1 </dev/null
    status=$?
    good=$(grep -c '^ok ' "$log")
    skipped=$(grep -c '^not ok .* # SKIP' "$log") # what this machine cannot show
    bad=$(($(grep -c '^not ok ' "$log") - skipped))
    if [ "$bad" = 0 ] && { [ $status != 0 ] || [ "$good" = 0 ]; }; then bad=1; fi
    passed=$((passed + good))
    failed=$((failed + bad))
    printf '%-44s %4d passed %4d failed %4d s\n' "$program" "$good" "$bad" $((SECONDS - start))
    grep '^not ok .* # SKIP' "$log" | sed 's/^not ok [0-9]*/  skipped/'
    if [ "$bad" != 0 ]; then
        grep -A4 '^not ok ' "$log" | grep -v SKIP | head -40
        [ $status != 0 ] && echo "  exit status $status; the end of $log:" && tail -n 5 "$log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

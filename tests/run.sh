#!/usr/bin/env bash
# run.sh - runs test programs and scripts, each printing "ok NAME" and "not ok NAME" lines
#
#   tests/run.sh LOGFOLDER PROGRAM...
#
# "ok NAME # SKIP reason" is a test that this machine cannot run: it is shown and counts as neither.
# Prints what failed and, last, a line "N passed, N failed". A program that dies, or says nothing,
# counts as one failure more. Tests get no signal ignored, as nohup or a shell's `&` leave it to what they run: the
# program would rightly go on ignoring it, and a test that sends it would wait for ever.
set -u
logs=$1
shift
mkdir -p "$logs"
passed=0
failed=0
all_skipped=0
fresh='env --default-signal'
$fresh true 2>/dev/null || fresh=
for program in "$@"; do
    name=$(echo "${program%.*}" | tr '/' '-')
    log=$logs/$name.log
    start=$SECONDS
    CMOCKA_MESSAGE_OUTPUT=TAP $fresh "$program" >"$log" 2>&1 </dev/null
    status=$?
    skipped=$(grep -cE '^(not )?ok .*# SKIP' "$log") # cmocka's begin with "not ok"
    good=$(grep '^ok ' "$log" | grep -cv '# SKIP')
    bad=$(grep '^not ok ' "$log" | grep -cv '# SKIP')
    if [ "$bad" = 0 ] && { [ $status != 0 ] || [ $((good + skipped)) = 0 ]; }; then bad=1; fi
    passed=$((passed + good))
    failed=$((failed + bad))
    all_skipped=$((all_skipped + skipped))
    printf '%-44s %4d passed %4d failed %4d s\n' "$program" "$good" "$bad" $((SECONDS - start))
    grep -E '^(not )?ok .*# SKIP' "$log" | sed -E 's/^(not )?ok/  skipped/'
    if [ "$bad" != 0 ]; then
        grep -A4 '^not ok ' "$log" | grep -v '# SKIP' | head -40
        [ $status != 0 ] && echo "  exit status $status; the end of $log:" && tail -n 5 "$log"
    fi
done
[ $all_skipped = 0 ] || echo "$all_skipped skipped: this machine cannot run them"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

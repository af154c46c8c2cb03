#!/usr/bin/env bash
# run.sh - runs test programs and scripts, each printing "ok NAME" and "not ok NAME" lines
#
#   [JOBS=N] tests/run.sh LOGFOLDER PROGRAM...
#
# JOBS of them run at a time (as many as there are processors), and each is reported when it ends.
# "ok NAME # SKIP reason" is a test that this machine cannot run: it is shown and counts as neither.
# Prints what failed and, last, a line "N passed, N failed". A program that dies, or says nothing,
# counts as one failure more. Tests get no signal ignored, as nohup or a shell's `&` leave it to what they run: the
# program would rightly go on ignoring it, and a test that sends it would wait for ever.
set -u

# run PROGRAM: its log and, in one line beside it, what was counted; prints the report at once
run() {
    local log good bad skipped status start=$SECONDS fresh='env --default-signal'
    $fresh true 2>/dev/null || fresh=
    log=$logs/$(echo "${1%.*}" | tr '/' '-').log
    CMOCKA_MESSAGE_OUTPUT=TAP $fresh "$1" >"$log" 2>&1 </dev/null
    status=$?
    skipped=$(grep -cE '^(not )?ok .*# SKIP' "$log") # cmocka's begin with "not ok"
    good=$(grep '^ok ' "$log" | grep -cv '# SKIP')
    bad=$(grep '^not ok ' "$log" | grep -cv '# SKIP')
    if [ "$bad" = 0 ] && { [ $status != 0 ] || [ $((good + skipped)) = 0 ]; }; then bad=1; fi
    echo "$good $bad $skipped" >"$log.count"
    printf '%s\n' "$(
        printf '%-44s %4d passed %4d failed %4d s\n' "$1" "$good" "$bad" $((SECONDS - start))
        grep -E '^(not )?ok .*# SKIP' "$log" | sed -E 's/^(not )?ok/  skipped/'
        if [ "$bad" != 0 ]; then
            grep -A4 '^not ok ' "$log" | grep -v '# SKIP' | head -40
            [ $status != 0 ] && echo "  exit status $status; the end of $log:" && tail -n 5 "$log"
        fi
    )"
}

logs=$1
shift
if [ "${RUN_ONE:-}" = yes ]; then
    unset RUN_ONE
    run "$1"
    exit 0
fi
mkdir -p "$logs"
rm -f "$logs"/*.count
printf '%s\0' "$@" | RUN_ONE=yes xargs -0 -n 1 -P "${JOBS:-$(nproc 2>/dev/null || echo 2)}" "$0" "$logs"
set -- $# $(cat "$logs"/*.count | awk '{ good += $1; bad += $2; skipped += $3 } END { print good, bad, skipped, NR }')
failed=$(($3 + $1 - $5)) # one that left no count was not run to its end
[ "$4" = 0 ] || echo "$4 skipped: this machine cannot run them"
echo "$2 passed, $failed failed"
[ "$failed" = 0 ]

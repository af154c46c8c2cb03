#!/bin/bash
# synced.sh - what a loss of power leaves: no name points at data that is not on the disk
#
# The calls of a command on files, in their order, are held to three rules. A file is synced after its last write
# and before it is renamed; the folder is synced after a rename into it, and after a folder was made in it, before
# the command ends. What is only ever appended to or locked, as metrics.jsonl, takes no part.
. "$(dirname "$0")/lib.sh"

if ! cc -O1 -shared -fPIC "$ROOT/tests/failing_calls.c" -o failing_calls.so 2>/dev/null ||
    ! FAIL_AT=0 FAIL_AS=NONE LD_PRELOAD=$WORK/failing_calls.so "$INNERLOOP" version >/dev/null 2>&1; then
    skip 'the order of calls' 'they cannot be seen here'
    exit
fi
export IL_THREADS=1

cat >rules.awk <<'A'
function folder(path) { return sub(/\/[^\/]*$/, "", path) ? path : "." }
function plain(path) { gsub(/\/+/, "/", path); sub(/\/$/, "", path); return path == "" ? "." : path }
$1 == "open" { fd = $2; sub(/^open [0-9]+ [0-9]+ /, ""); name[fd] = plain($0) }
$1 == "write" && name[$2] != "" { dirty[name[$2]] = 1 }
$1 == "sync" { delete dirty[name[$2]]; delete unsettled[name[$2]] }
$1 == "close" { delete name[$2] }
$1 == "mkdir" { sub(/^mkdir /, ""); unsettled[folder(plain($0))] = "the folder " $0 }
$1 == "rename" {
    renamed++
    sub(/^rename /, "")
    split($0, way, "\t")
    if (plain(way[1]) in dirty) { print "renamed before it is synced: " way[2]; bad = 1 }
    unsettled[folder(plain(way[2]))] = way[2]
}
END {
    for (path in unsettled) { print "its folder is not synced: " unsettled[path]; bad = 1 }
    if (renamed < least) { print renamed + 0 " files are renamed"; bad = 1 }
    exit bad
}
A
# settles LEAST ARGUMENT...: $program keeps the rules, and puts at least so many files into their place
settles() {
    local least=$1
    shift
    rm -rf now && cp -a there now
    (cd now && FAIL_AT=0 FAIL_AS=NONE FAIL_LOG=$WORK/calls env PATH=/none LD_PRELOAD="$WORK/failing_calls.so" \
        "$program" "$@" >../out 2>../err </dev/null) || {
        not_ok "$*" "it fails: $(tail -n 1 err)"
        return
    }
    awk -v least="$least" -f rules.awk calls >broken
    check "$*" test $? = 0
    sed 's/^/#   /' broken
}

make_there
program=$INNERLOOP
settles 2 train tiny.yaml --out new
settles 2 train tiny.yaml training.keep_every_steps=5 --out runs/deep/new
settles 1 train tiny.yaml --out begun --resume
settles 1 forecast series.csv --state new
settles 1 forecast series.csv --state state --resume --save-every 2
settles 3 sweep widths.yaml --out runs/widths
settles 1 sweep widths.yaml --out runs/widths --slurm job.sh
settles 1 report trained
IL_DATA=data settles 2 reproduce small --out runs
program=$INNERLOOP-double
settles 1 build newton dims=3 points=6 loops=3 -o new.safetensors
settles 1 problems -o new.npz

# the rules see what they are there for
printf 'open 3 577 a.tmp\nwrite 3\nclose 3\nrename a.tmp\ta\nopen 3 0 .\nsync 3\n' >calls
check 'data that is not synced is seen' eval '! awk -f rules.awk calls >/dev/null'
printf 'open 3 577 a.tmp\nwrite 3\nsync 3\nclose 3\nrename a.tmp\tb/a\nopen 3 0 .\nsync 3\n' >calls
check 'a folder that is not synced is seen' eval '! awk -f rules.awk calls >/dev/null'
printf 'open 3 577 a.tmp\nwrite 3\nsync 3\nclose 3\nrename a.tmp\tb/a\nopen 3 0 b/\nsync 3\n' >calls
check 'one that keeps them is not' eval 'awk -f rules.awk calls'

#!/bin/bash
# forecast.sh - forecast: files, streams, states, and what it refuses
. "$(dirname "$0")/lib.sh"
export INNERLOOP
series() { # series FROM TO : two columns of numbers beside one of text, every 13th row with a gap
    awk -v a="$1" -v b="$2" 'BEGIN { for (t = a; t <= b; t++)
        print "d" t "," (t % 13 ? 10 + t % 7 + t / 50 : "NA") "," t * t % 11 }'
}
{ echo 'day,y,z'; series 1 300; } >s.csv
lines() { check "$1" test "$(wc -l <.stdout)" = "$2"; }

expect 0 '' il forecast s.csv
lines 'a header and a forecast for each row and column' 601
check 'text is noted' grep -q "^note: column 'day' is text and left out" .stderr
check 'rows that are forecast' bash -c '[ "$(tail -n 1 .stdout | cut -d, -f1-3)" = 301,1,z ]'
expect 0 '' il forecast s.csv --column y --horizon 3 --period 7,14 --last
lines '--last prints the horizon' 4
expect 0 '' il forecast s.csv --column y,z --others 2 --lags 4 --forget 0.95 --ridge 1 --last --json
check '--json is one object a line' bash -c '[ "$(grep -c "^{\"row\":301,\"ahead\":1,.*}$" .stdout)" = 2 ]'
expect 0 '' il forecast s.csv --column y --period 7 --score
check '--score: five forecasters' bash -c '[ "$(awk "{print \$3}" .stdout | tr "\n" " ")" = "method mesa persistence seasonal ar nlms " ]'
expect 0 '' il forecast s.csv --column y --score --against naive --json
json '--score --json is one object' .stdout '"naive" in json.dumps(o) and "rmse_ratio" in json.dumps(o)'

# one process at a time has a state
mkfifo feed
"$INNERLOOP" forecast - --state busy.st <feed >/dev/null 2>&1 &
PID=$!
exec 7>feed
for _ in $(seq 100); do [ -s busy.st.lock ] && break; sleep 0.1; done
expect 1 "busy.st is in use by process $PID" il forecast s.csv --state ./busy.st
printf 'v\n1\n2\n' >&7
exec 7>&-
wait $PID
check 'the first is not disturbed' test $? = 0 -a -s busy.st -a ! -e busy.st.lock

# forecasts of a known season are right, and better than the newest value
awk 'BEGIN { print "v"; for (t = 0; t < 400; t++) print (t * 5) % 7 }' >week.csv
expect 0 '' il forecast week.csv --period 7 --score --csv
check 'a week is learnt' bash -c 'awk -F, "\$3 == \"mesa\" && \$8 < 0.25 { found = 1 } END { exit !found }" .stdout'
expect 0 '' il forecast week.csv --lags 3 --period 7 --forget 0.95 --ridge 0.001 --last
check 'the next day of the week' bash -c 'awk -F, "NR == 2 && \$4 > 4.99 && \$4 < 5.01 { found = 1 } END { exit !found }" .stdout'

# a season is found, said and of use; the state goes on with it
awk 'BEGIN { srand(3); print "v"; for (t = 0; t < 200; t++) print (t % 12) * (t % 12) % 11 + t / 5 + rand() }' >monthly.csv
expect 0 '' il forecast monthly.csv --score --csv
check 'a season is said' grep -qx "note: column 'v' repeats itself every 12 rows; --period none ignores that" .stderr
ratio() { awk -F, '$3 == "mesa" { print $8 }' .stdout; }
found=$(ratio)
expect 0 '' il forecast monthly.csv --score --csv --period none
check 'and nothing where none is wanted' test ! -s .stderr
check 'a season that is found helps' awk -v a="$found" -v b="$(ratio)" 'BEGIN { exit !(a < 0.9 * b) }'
expect 0 '' il forecast monthly.csv
cp .stdout all
head -n 121 monthly.csv >first.csv
{ echo v; tail -n +122 monthly.csv; } >second.csv
expect 0 '' il forecast first.csv --state season.st
cp .stdout part
expect 0 '' il forecast second.csv --state season.st --resume
check 'and is in the state' bash -c 'tail -n +2 .stdout | cat part - | cmp -s all'

# a stream is answered row by row: the answer is there before the next row is sent
answers_at_once() {
    local a b
    coproc IL { "$INNERLOOP" forecast - --lags 2 2>/dev/null; }
    printf 'v\n1\n' >&"${IL[1]}"
    read -t 10 -r a <&"${IL[0]}" && read -t 10 -r b <&"${IL[0]}" || return 1
    [ "$a" = row,ahead,column,forecast,low_80,high_80,low_95,high_95 ] || return 1
    [ "$b" = 2,1,v,1,,,, ] || return 1
    printf '2\n' >&"${IL[1]}"
    read -t 10 -r b <&"${IL[0]}" || return 1
    [[ $b == 3,1,v,2,* ]] || return 1
    eval "exec ${IL[1]}>&-"
    wait "$IL_PID"
}
check 'a stream is answered row by row' answers_at_once
expect 0 '' il forecast - <s.csv
cp .stdout all
expect 0 '' il forecast s.csv
check 'a stream has the bits of its file' cmp -s all .stdout

# interrupted and resumed: the same bits as in one go
first() { { echo day,y,z; series 1 120; } | il forecast - --state st --horizon 2 "$@"; }
rest() { { echo z,day,y; series 121 300 | awk -F, '{ print $3 "," $1 "," $2 }'; } | il forecast - --state st --resume; }
expect 0 '' il forecast s.csv --horizon 2
cp .stdout all
expect 0 '' first
cp .stdout part
expect 0 '' rest
check 'a resumed forecast has the same bits' bash -c 'tail -n +2 .stdout | cat part - | cmp -s all'
expect 2 'st exists; go on from it with --resume, or remove it' first
rm st
signalled() { # ends on a signal with what it had seen
    rm -f pipe st
    mkfifo pipe
    "$INNERLOOP" forecast - --state st <pipe >half 2>.err &
    local i pid=$! ended
    exec 8>pipe
    head -n 101 s.csv >&8
    for i in $(seq 100); do [ "$(wc -l <half)" -ge 201 ] && break; sleep 0.1; done
    kill -"$1" $pid
    wait $pid
    ended=$?
    exec 8>&-
    [ $ended = 130 ] && grep -q 'interrupted; go on with --resume --state st' .err
}
for signal in HUP XCPU TERM; do check "SIG$signal saves the state" signalled $signal; done
{ echo day,y,z; series 101 300; } >later.csv
expect 0 '' il forecast later.csv --state st --resume
cp .stdout second
expect 0 '' il forecast s.csv
check 'and it resumes with the same bits' bash -c 'tail -n +2 second | cat half - | cmp -s .stdout'
expect 0 '' il forecast s.csv --state often --save-every 100 --last
expect 5 'gone/st cannot be written' il forecast s.csv --last --score --state gone/st

# what was learnt before a failure is kept
{ head -n 201 s.csv; echo d,oops,1; } >oops.csv
expect 3 "oops.csv:202: column 'y' holds 'oops'" il forecast oops.csv --state kept --last
check 'and it is said' grep -q '^note: kept holds the 200 rows before that; go on with --resume' .stderr
{ echo day,y,z; tail -n +202 s.csv; } >after.csv
expect 0 '' il forecast after.csv --state kept --resume --last
cp .stdout resumed
expect 0 '' il forecast s.csv --last
check 'with the bits of one go' cmp -s resumed .stdout
full() { il forecast s.csv --state full.st >/dev/full; }
[ -e /dev/full ] && expect 5 'cannot be written' full && check 'full output keeps the state' test -s full.st
closed() { il forecast s.csv --state head.st | head -n 1 >/dev/null; }
expect 0 '' closed
check 'a closed pipe keeps the state' test -s head.st

# catches SIGNUMBER PID : once the program answers that signal as it will from then on
catches() {
    local i mask
    for i in $(seq 200); do
        mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$2/status" 2>/dev/null)
        [ -n "$mask" ] && [ $((0x${mask: -8} >> ($1 - 1) & 1)) = 1 ] && return
        [ -e /proc/self/status ] || break
        sleep 0.05
    done
    [ -e /proc/self/status ] || sleep 1
}
# sleeps PID : once it waits, for as long as it takes to see that twice
sleeps() {
    local i seen=0
    for i in $(seq 200); do
        if grep -q '^State:[[:space:]]*S' "/proc/$1/status" 2>/dev/null; then seen=$((seen + 1)); else seen=0; fi
        [ $seen = 3 ] && return
        [ -e /proc/self/status ] || break
        sleep 0.05
    done
    [ -e /proc/self/status ] || sleep 1
}

# a signal ends a wait at once: for the header, for a row, for room to write
waiting() { # waiting SIGNAL 'text' : nothing is printed by which one would know that it reads
    local status pid
    rm -f hold
    mkfifo hold
    "$INNERLOOP" forecast - --last <hold >/dev/null 2>.err &
    pid=$!
    exec 8>hold
    printf "$2" >&8
    catches 15 $pid && sleeps $pid
    kill -"$1" $pid
    wait $pid
    status=$?
    exec 8>&-
    [ $status = 130 ] && grep -qx 'innerloop: interrupted' .err
}
check 'SIGTERM before the header' waiting TERM ''
check 'SIGTERM in the header' waiting TERM 'a,b'
check 'SIGTERM before the first row' waiting TERM 'a,b\n'
blocked() { # more forecasts than a pipe holds, and nobody reads
    local status pid
    rm -f hold
    mkfifo hold
    exec 8<>hold
    "$INNERLOOP" forecast s.csv --horizon 30 --state blocked.st >&8 2>.err &
    pid=$!
    catches 15 $pid && sleeps $pid
    kill -TERM $pid
    wait $pid
    status=$?
    exec 8>&-
    [ $status = 130 ] && grep -q 'interrupted; go on with --resume --state blocked.st' .err &&
        [ -s blocked.st ]
}
check 'SIGTERM while output is blocked saves the state' blocked

# a signal that comes between the last look and the write that waits: raised there by a shim
cat >shim.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
int fflush(FILE *f)
{
    static int raised;
    int (*real)(FILE *) = (int (*)(FILE *))dlsym(RTLD_NEXT, "fflush");
    struct pollfd out = { .fd = 1, .events = POLLOUT };
    if (f == stdout && !raised && !poll(&out, 1, 0)) raise(raised++ ? 0 : SIGTERM);
    return real(f);
}
C
just_before() {
    local status
    rm -f hold
    mkfifo hold
    exec 8<>hold
    LD_PRELOAD=$WORK/shim.so timeout 20 "$INNERLOOP" forecast s.csv --horizon 18 --state before.st >&8 2>.err
    status=$?
    exec 8>&-
    [ $status = 130 ] && grep -q 'interrupted; go on with --resume --state before.st' .err && [ -s before.st ]
}
if [ "$(uname)" = Linux ] && ${CC:-cc} -shared -fPIC -o shim.so shim.c -ldl 2>/dev/null &&
    ! nm -C "$INNERLOOP" 2>/dev/null | grep -q __asan_init; then
    check 'SIGTERM just before output blocks saves the state' just_before
else
    skip 'SIGTERM just before output blocks saves the state' 'no shim can be loaded'
fi

# commands that have nothing to save end at once, say so, and leave nothing behind
at_once() { # at_once SIGNAL NUMBER command... : while it waits for a model
    local number=$2 signal=$1 status pid
    shift 2
    rm -f hold
    mkfifo hold
    set -m # a shell's own process behind it ignores SIGINT otherwise
    "$INNERLOOP" "$@" >.stdout 2>.err &
    pid=$!
    set +m
    catches "$number" $pid && sleeps $pid
    kill -"$signal" $pid
    wait $pid 2>/dev/null
    status=$?
    [ $status = 130 ] && [ "$(cat .err)" = 'innerloop: interrupted' ] && [ ! -s .stdout ]
}
check 'predict is interrupted' at_once TERM 15 predict hold --examples s.csv --queries s.csv --target y
check 'predict, by SIGINT' at_once INT 2 predict hold --examples s.csv --queries s.csv --target y
check 'sample is interrupted' at_once TERM 15 sample hold
check 'eval is interrupted' at_once INT 2 eval hold --figure cut
check 'and leaves nothing' test "$(echo cut*)" = 'cut*'

# a trained model of sequences answers one row ahead, with the mesa-layer beside it
il train small_lsa1 --out model training.train_steps=20 >/dev/null 2>&1
expect 0 '' il forecast week.csv --model model --score
check 'a model stands before the mesa-layer' bash -c '[ "$(awk "NR > 1 {print \$3}" .stdout | head -n 2 | tr "\n" " ")" = "model mesa " ]'
expect 0 '' il forecast week.csv --model model
cp .stdout all
head -n 201 week.csv | il forecast - --model model --state with >part 2>/dev/null
{ echo v; tail -n +202 week.csv; } >more.csv
expect 0 '' il forecast more.csv --model model --state with --resume
check 'with a model, too, resuming leaves the bits' bash -c 'tail -n +2 .stdout | cat part - | cmp -s all'
expect 3 'with was made with a model of weights [0-9a-f]{16}; give that model' il forecast more.csv --state with --resume
expect 3 'st was made without a model' il forecast later.csv --model model --state st --resume
expect 3 'one row ahead, not 2' il forecast week.csv --model model --horizon 2
expect 3 "the forecaster 'model' needs a model" il forecast week.csv --against model --last
tiny_recipe >tiny.yaml
il train ./tiny.yaml --out regression >/dev/null 2>&1
expect 3 'trained on linear_regression; a forecast needs a model of sequences' il forecast week.csv --model regression

# usage
expect 2 'an argument is missing' il forecast
expect 2 "unknown option '--lag'; did you mean '--lags'" il forecast s.csv --lag 3
expect 2 "--forget = 'much' is not a number" il forecast s.csv --forget much
expect 3 'whole numbers of rows from 2 to 10080' il forecast s.csv --period 7,1
expect 3 'at most 4 seasons' il forecast s.csv --period 2,3,4,5,6
expect 2 'either --json or --csv' il forecast s.csv --json --csv
expect 2 'resume needs --state' il forecast s.csv --resume
expect 2 'resume takes --lags from the state' il forecast s.csv --resume --state st --lags 3
expect 2 "names 'y' twice" il forecast s.csv --column y,y
expect 2 'forecast: --forget = 1.5 is out of its range 0.5 to 1' il forecast s.csv --forget 1.5
expect 3 'inputs for a forecast are more than 72' il forecast s.csv --lags 60 --others 9
expect 3 "no forecaster 'arima'" il forecast s.csv --against arima

# files
expect 5 'gone.csv: cannot be read' il forecast gone.csv
expect 3 "s.csv: no column 'w'" il forecast s.csv --column w
expect 3 "s.csv:2: column 'day' holds 'd1'; a finite number or a missing one" il forecast s.csv --column day
bad() { # bad 'regex' 'text' : what was forecast before the bad row stands
    printf "$2" >bad.csv
    expect 3 "$1" il forecast bad.csv --last
}
bad 'bad.csv:3: column .v. holds .inf.' 'v\n1\ninf\n'
bad "bad.csv:3: column 'v' holds 1e.301; a number of at most 1e300" 'v\n1\n1e301\n'
bad "bad.csv:3: column 'v' holds '5 %'.*: write the number alone, without '%'" 'v\n1\n5 %%\n'
bad "bad.csv:4: column 'v' holds '1,5'" 'v;w\n1;2\n1;3\n"1,5";3\n'
bad 'bad.csv:3: 2 cells where the header has 1' 'v\n1\n2,3\n'
bad 'bad.csv: no rows below the header' 'v\n'
bad 'bad.csv:1: the first line holds numbers' '1\n2\n'
bad 'bad.csv: no column of numbers' 'v\nx\n'
bad 'bad.csv:3: a blank line between rows' 'v,w\n1,1\n\n2,2\n'
: >bad.csv
expect 3 'bad.csv: the file is empty' il forecast bad.csv

# states
expect 5 'none cannot be read' il forecast s.csv --state none --resume
echo nonsense >junk
expect 3 'junk' il forecast s.csv --state junk --resume
{ head -c 9000 st; printf x; tail -c +9002 st; } >broken # in the middle of an array
expect 3 'broken: its contents have the digest' il forecast s.csv --state broken --resume
printf 'v\n1\n' >v.csv
expect 3 "v.csv: no column 'y'" il forecast v.csv --state st --resume

expect 5 'gone/st' il forecast - --state gone/st
mkdir folder
expect 5 'folder' il forecast s.csv --state folder --resume

# names: whole, or refused
long=$(printf 'n%.0s' $(seq 5000))
for name in "$(printf 'c%.0s' $(seq 128))" "$long"; do
    printf '%s\n1\n2\n3\n' "$name" >named.csv
    rm -f named
    expect 0 '' il forecast named.csv --state named
    expect 0 '' il forecast named.csv --state named --resume
    check 'the whole name comes back' grep -qF "$name" .stdout
done
printf 'gr\366\337e\n1\n2\n' >latin.csv
for how in --json --csv '--state latin'; do
    expect 3 "latin.csv:1: the name of column 1, 'gr\?\?e', is not text in UTF-8" il forecast latin.csv $how
done
check 'and no state is left' test ! -e latin
printf 'gr\303\266\303\237e\n1\n2\n' >utf8.csv
expect 0 '' il forecast utf8.csv --json
check 'a name in UTF-8 is printed' grep -q "gr" .stdout

# one column: an empty line is a missing value, at the end it is nothing
printf 'v\n1\n2\n\n3\n\n\n4\n' >gaps.csv
printf 'v\n1\n2\nNA\n3\nNA\nNA\n4\n' >marked.csv
expect 0 '' il forecast gaps.csv
check 'said once' test "$(grep -c 'an empty line of a series is a missing value, first in line 4' .stderr)" = 1
cp .stdout gaps
expect 0 '' il forecast marked.csv
check 'as if it were marked' cmp -s gaps .stdout
printf '\n\n\n' >>gaps.csv
expect 0 '' il forecast gaps.csv
check 'blank lines at the end are none' cmp -s gaps .stdout
printf 'v\n1\n\nx\n' >bad.csv
expect 3 "bad.csv:4: column 'v' holds 'x'" il forecast bad.csv --last

# a link is followed, not replaced
mkdir real
ln -s real/state link
expect 0 '' il forecast week.csv --state link --last
check 'the link is a link, the state where it leads' bash -c '[ -L link ] && [ -s real/state ]'
expect 0 '' il forecast week.csv --state link --resume --last
check 'also when it is resumed' bash -c '[ -L link ] && [ ! -L real/state ]'
ln -s ../other real/hop
ln -s real/hop far
expect 0 '' il build gd -o far
check 'through a chain of links' bash -c '[ -L far ] && [ -L real/hop ] && [ -s other ]'
ln -s ring ring
expect 5 'ring cannot be written' il build gd -o ring

# what cannot hold a state is found before the first row, and a file that may not grow ends in a sentence
mkfifo queue
for state in real real/ . queue /dev/null; do
    expect 5 "^innerloop: $state cannot hold a state: it is (a folder|not a file)$" il forecast week.csv --state $state
done
expect 5 'queue cannot hold a state' il forecast week.csv --state queue --resume
expect 2 "takes a file's name, not ''" il forecast week.csv --state ''
expect 5 'small cannot be written: File too large' bash -c 'ulimit -f 1; exec "$INNERLOOP" build newton -o small'
expect 5 'small cannot be written: File too large' bash -c 'ulimit -f 1; exec "$INNERLOOP" forecast week.csv --state small --last >/dev/null'
check 'and leaves nothing' bash -c '! ls | grep -E "^small"'

# whatever comes: constant, missing, huge, jumping; for every way of forgetting
awk 'BEGIN { srand(1); print "still,gone,huge,jump"; for (t = 0; t < 500; t++)
    print 5 "," (t % 3 ? "" : t) "," (t % 2 ? 1e300 : -1e300) "," (t < 250 ? rand() : 1e9 + rand()) }' >wild.csv
for g in 0.95 0.99 0.995 1; do
    expect 0 '' il forecast wild.csv --forget $g --horizon 2 --period 4
    check "nothing but numbers with --forget $g" bash -c '! grep -qiE "nan|inf" .stdout'
    check "a constant stays what it is with --forget $g" bash -c 'awk -F, "\$3 == \"still\" && \$4 != 5 { bad = 1 } END { exit bad }" .stdout'
done

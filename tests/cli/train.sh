#!/bin/bash
# train.sh - a run from its recipe to its report, stopped and resumed on the way
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml

expect 0 '' il train ./tiny.yaml training.keep_every_steps=10 --out whole
check 'the last line is the hash' bash -c 'tail -n 1 .stdout | grep -qE "^weights [0-9a-f]{16}$"'
HASH=$(tail -n 1 .stdout)
check 'twenty steps taught it nothing, which is noted once' bash -c '
    [ "$(grep -c "^note: .*no better here than always answering zero" .stderr)" = 1 ]'
for file in config.yaml env.json metrics.jsonl checkpoints; do check "whole/$file" test -e whole/$file; done
check 'no temporary file is left' bash -c '! find whole | grep -E "tmp|part"'

# interrupted: 130, a checkpoint, and the same bits after --resume
"$INNERLOOP" train ./tiny.yaml training.train_steps=200000 --out runs/cut >out 2>err &
PID=$! # the program's own: a function would run in a shell of its own
for _ in $(seq 100); do [ -s runs/cut/metrics.jsonl ] && break; sleep 0.1; done
kill -INT $PID
wait $PID
check 'SIGINT ends with 130' test $? = 130
check 'it says how to go on' grep -q -- '--resume' err
check 'runs/latest is the newest run' test "$(readlink runs/latest)" = cut
expect 3 'runs/cut already holds a trained model: resume it' il train ./tiny.yaml --out runs/cut
expect 3 'training.learning_rate' il train ./tiny.yaml training.train_steps=200000 \
    training.learning_rate=0.5 --out runs/cut --resume
expect 3 'model.n_embd' il train ./tiny.yaml training.train_steps=200000 model.n_embd=32 \
    --out runs/cut --resume
cp -r whole half
cp half/checkpoints/step-000000010.safetensors half/checkpoints/last.safetensors
expect 0 '' il train ./tiny.yaml --out half --resume
check 'half a run is resumed from its middle' grep -q '^half: from step 10,' .stderr
check 'and ends in the same hash' test "$(tail -n 1 .stdout)" = "$HASH"
expect 0 '' il train ./tiny.yaml --out whole --resume
check 'a finished run has the same hash' test "$(tail -n 1 .stdout)" = "$HASH"
check 'and nothing left to do' grep -q 'whole: trained to step 20 already; nothing was left' .stderr
check 'nor a loss to show' bash -c '! grep -qi nan .stderr'

# evaluated on the way: the same weights, and the errors that `eval` measures
expect 0 '' il train ./tiny.yaml training.eval_every_steps=10 training.keep_every_steps=10 training.log_every_steps=20 --out judged
cp .stderr .stderr.train
check 'an evaluation changes no bit' test "$(tail -n 1 .stdout)" = "$HASH"
expect 0 '' il eval judged/checkpoints/step-000000010.safetensors --prompts 256 --csv
WANT=$(tail -n 1 .stdout | cut -d, -f2)
check 'the error at step 10 is that of eval' test "$(sed -n 's/.*"step": 10,.*"error": \([^,]*\),.*/\1/p' judged/metrics.jsonl)" = "$WANT"
check 'it was logged at both evaluations' test "$(grep -c '"error": [0-9]' judged/metrics.jsonl)" = 2
check 'and on the line of progress' grep -q 'step 20 of 20  loss .*  error [0-9]' .stderr.train

# from the weights of another run
expect 0 '' il train ./tiny.yaml training.init=whole training.learning_rate=0 training.train_steps=3 --out tuned
check 'nothing learnt: the weights that it started from' test "$(tail -n 1 .stdout)" = "$HASH"
expect 0 '' il train ./tiny.yaml training.init=whole --out tuned2
check 'something learnt: others' test "$(tail -n 1 .stdout)" != "$HASH"
expect 5 'nowhere.*cannot be read' il train ./tiny.yaml training.init=nowhere/at/all --out tuned3
expect 3 'whole holds no weight .* of ' il train ./tiny.yaml training.init=whole model.n_embd=32 --out tuned3
check 'and no run begins' test ! -e tuned3/metrics.jsonl

# one process at a time in a folder, under all its names; readers are welcome; a death leaves no lock
"$INNERLOOP" train ./tiny.yaml training.train_steps=200000 training.save_every_steps=5 \
    training.keep_every_steps=0 --out runs/busy >out 2>err &
PID=$!
for _ in $(seq 100); do [ -e runs/busy/checkpoints/last.safetensors ] && break; sleep 0.1; done
ln -s busy runs/alias-busy
expect 1 "runs/busy is in use by process $PID" il train ./tiny.yaml --out runs/busy
expect 1 "alias-busy is in use by process $PID" il train ./tiny.yaml out_dir=$PWD/runs/./alias-busy --resume
expect 0 '' il show runs/busy
: >"runs/busy/checkpoints/last.safetensors.$PID-7.tmp"
kill -KILL $PID
wait $PID 2>/dev/null
exec 9>"runs/busy/checkpoints/last.safetensors.$$-7.tmp" # of the living, who hold a lock on it
python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || flock 9
: >"runs/busy/checkpoints/last.safetensors.$$-8.tmp" # of a number that another has by now
(exec "$INNERLOOP" train ./tiny.yaml training.train_steps=200000 --out runs/busy --resume >out 2>err) &
PID=$!
for _ in $(seq 100); do grep -q 'from step' err && break; sleep 0.1; done
kill -INT $PID
wait $PID
check 'a killed run is resumed' test $? = 130
check 'what it left is gone, what is of the living stays' bash -c \
    '[ "$(ls runs/busy/checkpoints)" = "$(printf "last.safetensors\nlast.safetensors.%s-7.tmp" '$$')" ]'
exec 9>&-
check 'no lock is left' test ! -e runs/busy/lock

# the order of syncs: the metrics and the whole file before a checkpoint gets its name, its folder after that
cat >order.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void say(const char *what, const char *path)
{
    const char *slash = strrchr(path, '/');
    FILE *f = fopen(getenv("ORDER"), "a");
    fprintf(f, "%s %s\n", what, slash ? slash + 1 : path);
    fclose(f);
}
int fsync(int fd)
{
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) > 0) say("sync", path);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int rename(const char *from, const char *to)
{
    say("name", to);
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
C
if [ "$(uname)" = Linux ] && ${CC:-cc} -shared -fPIC -o order.so order.c -ldl 2>/dev/null &&
    ! nm -C "$INNERLOOP" 2>/dev/null | grep -q __asan_init; then
    (export ORDER=$WORK/order LD_PRELOAD=$WORK/order.so
        exec "$INNERLOOP" train ./tiny.yaml training.keep_every_steps=10 --out ordered) >out 2>err
    check 'a run whose syncs are looked at' test $? = 0
    sed 's/[0-9]*-[0-9]*\.tmp$/tmp/' order | sed -n '/^sync metrics/,$p' >seen
    for step in 10 20; do
        printf '%s\n' 'sync metrics.jsonl' 'sync last.safetensors.tmp' 'name last.safetensors' 'sync checkpoints' \
            "sync step-0000000$step.safetensors.tmp" "name step-0000000$step.safetensors" 'sync checkpoints'
    done >wanted
    check 'metrics, file, name, folder, in this order' cmp wanted seen
    check 'the run folder, too' grep -qx 'sync ordered' order
else
    skip 'metrics, file, name, folder, in this order' 'no shim can be loaded'
fi

# killed between `last` and the checkpoint to be kept; and `last` gone: the same run in the end
cp -r whole gap
rm gap/checkpoints/step-000000020.safetensors
expect 0 '' il train ./tiny.yaml training.keep_every_steps=10 --out gap --resume
check 'the checkpoint to be kept is written' cmp whole/checkpoints/step-000000020.safetensors \
    gap/checkpoints/step-000000020.safetensors
rm gap/checkpoints/last.safetensors
expect 0 '' il show gap
expect 3 'gap already holds a trained model' il train ./tiny.yaml --out gap
head -c 100 whole/checkpoints/last.safetensors >gap/checkpoints/step-000000020.safetensors
expect 0 '' il train ./tiny.yaml training.keep_every_steps=10 --out gap --resume
check 'the newest whole one goes on' grep -q '^gap: from step 10,' .stderr
check 'with the same hash' test "$(tail -n 1 .stdout)" = "$HASH"
check 'and the same metrics' bash -c 'for d in whole gap; do sed "s/\"seconds\": [^,]*//" $d/metrics.jsonl | cksum; done |
    uniq | wc -l | grep -qx 1'

# `last` cut short, with a flipped bit, empty or no checkpoint at all: the newest kept one that is whole goes on
flip() { # flip FILE OFFSET: the byte there, with its lowest bit the other way round
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
same_metrics() { cmp -s <(sed 's/"seconds": [^,]*//' "$1/metrics.jsonl") <(sed 's/"seconds": [^,]*//' "$2/metrics.jsonl"); }
il train ./tiny.yaml training.keep_every_steps=5 training.train_steps=18 --out kept >kept.hash 2>&1
HEADER=$(od -An -tu4 -N4 kept/checkpoints/last.safetensors | tr -d ' ')
SIZE=$(wc -c <kept/checkpoints/last.safetensors)
damage() { # damage HOW FILE
    case $1 in
    cut) head -c 2000 kept/checkpoints/last.safetensors >"$2" ;;
    empty) : >"$2" ;;
    noise) head -c 5000 /dev/urandom >"$2" ;;
    weight) flip "$2" $((8 + HEADER + 3)) ;;
    moment) flip "$2" $((SIZE - 1)) ;;
    recipe) sed -i '1s/n_embd: 16/n_embd: 61/' "$2" ;;
    esac
}
for how in cut empty noise weight moment recipe; do
    rm -rf hurt
    cp -r kept hurt
    damage $how hurt/checkpoints/last.safetensors
    expect 0 '' il train ./tiny.yaml training.keep_every_steps=5 training.train_steps=18 --out hurt --resume
    check "$how: one note says what is damaged, and what goes on" bash -c '[ "$(grep -c "^note:.* damaged" .stderr)" = 1 ] &&
        grep -q "^note: step-000000015.safetensors goes on, .* damaged: hurt/checkpoints/last.safetensors:" .stderr'
    check "$how: from there" grep -q '^hurt: from step 15,' .stderr
    check "$how: the same files in the end" cmp hurt/checkpoints/last.safetensors kept/checkpoints/last.safetensors
    check "$how: and the same metrics" same_metrics hurt kept
done
damage cut hurt/checkpoints/last.safetensors
damage weight hurt/checkpoints/step-000000015.safetensors
expect 0 '' il train ./tiny.yaml training.keep_every_steps=5 training.train_steps=18 --out hurt --resume
check 'two are damaged: the third goes on' grep -q '^hurt: from step 10,' .stderr
check 'and the second is whole again' cmp hurt/checkpoints/step-000000015.safetensors kept/checkpoints/step-000000015.safetensors
cp -r whole done
damage cut done/checkpoints/last.safetensors
expect 0 '' il train ./tiny.yaml training.keep_every_steps=10 --out done --resume
check 'also where nothing is left to do, last is whole again' cmp done/checkpoints/last.safetensors whole/checkpoints/last.safetensors
expect 3 'last.safetensors was trained with training.train_steps = 18' il train ./tiny.yaml \
    training.keep_every_steps=5 --out hurt --resume
damage cut hurt/checkpoints/last.safetensors
expect 3 'step-000000015.safetensors was trained with training.train_steps = 18' il train ./tiny.yaml \
    training.keep_every_steps=5 --out hurt --resume
expect 3 'hurt/checkpoints/last.safetensors' il show hurt
rm hurt/checkpoints/step-*
before=$(cat hurt/config.yaml hurt/env.json hurt/metrics.jsonl hurt/checkpoints/* | cksum)
expect 3 'last.safetensors: .*no other checkpoint there is whole: train in another folder' il train ./tiny.yaml \
    training.keep_every_steps=5 training.train_steps=18 --out hurt --resume
check 'where none is whole, nothing is overwritten' \
    test "$(cat hurt/config.yaml hurt/env.json hurt/metrics.jsonl hurt/checkpoints/* | cksum)" = "$before"
check 'nor added' test "$(echo hurt/* hurt/checkpoints/*)" = "hurt/checkpoints hurt/config.yaml hurt/env.json hurt/metrics.jsonl hurt/checkpoints/last.safetensors"

# the name latest: the run it points to goes on, and it still points there
cp -r whole runs/other
ln -sfn other runs/latest
for name in runs/latest runs/latest/ ./runs/latest//; do
    expect 0 '' il train ./tiny.yaml --out $name --resume
    check "$name is the same link" test "$(readlink runs/latest)" = other
done

# every number of threads, the same weights
for threads in 1 3; do
    IL_THREADS=$threads expect 0 '' il train ./tiny.yaml --out "threads$threads"
    check "$threads threads, the same hash" test "$(tail -n 1 .stdout)" = "$HASH"
done

# as many threads as processors that this process may use
if command -v taskset >/dev/null; then
    cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
    (unset IL_THREADS; taskset -c "$cpu" "$INNERLOOP" train ./tiny.yaml --out pinned) >out 2>err
    check 'one thread on one processor' grep -q ' on 1 thread$' err
else
    skip 'one thread on one processor' 'no taskset'
fi

# closed standard streams take no file of ours; a sentence holds nothing that a terminal obeys
(il train ./tiny.yaml --out closed <&- >&- 2>&-)
check 'a run with closed streams fails to say its hash' test $? = 5
check 'and its files are whole' cmp -s closed/config.yaml <(sed 's/keep_every_steps: 10$/keep_every_steps: 100000/' whole/config.yaml)
check 'and its numbers, too' bash -c '[ "$(grep -vc "^{.*}$" closed/metrics.jsonl)" = 0 ]'
expect 5 'a\?\[31m\?b' il train "$(printf './a\033[31m\nb.yaml')"

# on a terminal: a line that is rewritten, and plain ones where that is not wanted
on_terminal() { # on_terminal NAME=VALUE... : the bytes that a terminal gets
    rm -rf tty
    python3 -c 'import os, pty, sys
pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024))' env "$@" "$INNERLOOP" train ./tiny.yaml --out tty </dev/null
}
escapes() { on_terminal "$@" | grep -c "$(printf '\033')"; }
if command -v python3 >/dev/null; then
    check 'a terminal gets a line that is rewritten' test "$(escapes TERM=xterm NO_COLOR=)" -gt 0
    for plain in TERM=dumb TERM= NO_COLOR=1; do
        check "$plain: plain lines" test "$(escapes TERM=xterm NO_COLOR= $plain)" = 0
    done
else
    skip 'plain lines' 'no python3'
fi

# a learning rate that explodes: 4, and the last good checkpoint stays a model
expect 4 "not finite" il train ./tiny.yaml training.learning_rate=10 training.weight_decay=1 \
    training.save_every_steps=1 training.train_steps=3000 --out wild
expect 0 '' il show wild

# the model
expect 0 '' il show whole
check 'show prints the hash' grep -qx "$HASH" .stdout
expect 0 '' il eval whole --prompts 64 --against ols,gd@3 --json
json 'eval --json is one object' .stdout 'len(o["columns"]) > 3'
il show whole --json >show.json
json 'show --json is one object' show.json 'o["kind"] == "model" and o["step"] == 20'
expect 0 '' il eval whole --prompts 64 --by loops --loops 5 --csv
check 'loops 1 to 5' test "$(wc -l <.stdout)" = 6
expect 0 '' il eval whole --prompts 64 --by loops --loops auto --tolerance .3 --most-loops 9 --json --figure stops
json 'every prompt stops once' .stdout 'abs(sum(r[o["columns"].index("stopped")] for r in o["rows"]) - 1) < 1e-9'
check 'a histogram' grep -q histeps stops.gp
expect 0 '' il eval whole --prompts 64 --loops auto --tolerance .3 --json
json 'a column of loops' .stdout 'all(1 <= r[o["columns"].index("loops")] <= 9 for r in o["rows"])'
expect 0 '' il eval whole --prompts 64 --by mean --loops auto --against ols --json
json 'before those of algorithms' .stdout 'o["columns"][-3:] == ["loops", "all_loops", "ols"]'
expect 3 'set loops to auto' il eval whole --loops 3 --tolerance .1
expect 2 'out of its range' il eval whole --loops auto --tolerance 2
expect 0 '' il eval whole --prompts 64 --figure fig.svg
check 'the figure has data and script' test -s fig.csv -a -s fig.gp

# a figure is whole or not there, whatever becomes of gnuplot or of us
mkdir fake
printf '#!/bin/sh\necho "<svg><g>"\nkill -KILL $PPID\n' >fake/gnuplot
chmod +x fake/gnuplot
(PATH=$WORK/fake:$PATH il eval whole --prompts 64 --figure torn) >/dev/null 2>&1
check 'killed while it draws' test $? = 137
check 'no file of the figure is in its place' bash -c '! ls torn.csv torn.gp torn.svg 2>/dev/null'
check 'what it left has the names of what is not finished' bash -c '! ls -A | grep "^torn" | grep -v "^torn\.[a-z]*\.[0-9]*-[0-9]*\.tmp$"'
expect 0 '' il eval whole --prompts 64 --figure torn
check 'the next one is whole' cmp <(cat fig.csv fig.gp) <(sed "s/'torn/'fig/" torn.csv torn.gp)
if command -v gnuplot >/dev/null; then
    check 'and nothing else is left' test "$(echo torn*)" = 'torn.csv torn.gp torn.svg'
    (ulimit -f 8 && exec "$INNERLOOP" eval whole --prompts 64 --figure full) >out 2>err
    check 'no room for the picture: 5' test $? = 5
    check 'and said' grep -q 'full.svg cannot be written: is there room for it?' err
    check 'the table is printed, no file is left' test "$(grep -c . out)-$(echo full*)" = '8-full*'
    echo older >full.csv
    (ulimit -f 8 && exec "$INNERLOOP" eval whole --prompts 64 --figure full) >out 2>err
    check 'what was there stays' test "$(cat full.csv)-$(echo full*)" = older-full.csv
    (ulimit -f 8 && exec "$INNERLOOP" report whole) >out 2>err
    check 'a report without room for its figures: 5' test $? = 5
    check 'and no half figure' bash -c '! ls -A whole/figures/* 2>/dev/null | grep .'
else
    skip 'and nothing else is left' 'no gnuplot'
    skip 'no room for the picture: 5' 'no gnuplot'
fi
expect 3 "olss" il eval whole --against olss
expect 3 'task' il eval whole --task linear_regresion
expect 3 'scaled' il eval whole --shift scaledx=2
expect 3 'points' il eval whole --points 900
expect 3 'dims' il eval whole --dims 4
expect 0 '' il report whole
check 'the page is there' grep -q '</html>' whole/report.html
check 'with the hash' grep -q "<td class=text>${HASH#weights }<td" whole/report.html
expect 5 'not a run folder' il report nowhere whole
expect 0 '' il train ./tiny.yaml training.learning_rate=0.002 training.train_steps=30 --out other
expect 0 '^whole/report.html' il report whole --explain
check 'what each kept checkpoint follows' bash -c '[ "$(grep -c "<td class=text>no<td>" whole/report.html)" = 2 ] && grep -q "<h2>Which algorithm, over training" whole/report.html'
expect 0 '^both/report.html' il report whole other --out both
check 'one page about two runs' bash -c 'grep -q "<td class=text>training.learning_rate<td class=text>0.001<td class=text>0.002" both/report.html'
check 'their losses over one another' test "$(head -n 1 both/figures/losses.csv)" = step,whole,other
check 'neither has one more' test ! -e other/report.html
mkdir begun
expect 0 '^both/report.html' il report whole begun other --out both
check 'it says which folder has no checkpoint' grep -q 'begun: left out' "$WORK/.stderr"
check 'the page is about the other two' test "$(head -n 1 both/figures/losses.csv)" = step,whole,other
expect 5 'none of the 2 folders' il report begun begun --out both
expect 2 '' il report

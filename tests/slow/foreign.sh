#!/usr/bin/env bash
# foreign.sh - on emulated processors of other makes a small model trains to the same bits, and the files of
# one are the files of the other: s390x keeps its numbers with the high byte first
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
run() { # run NAME COMMAND...: trains, prints the hash
    local name=$1
    shift
    "$@" train quick model.n_embd=16 model.n_head=2 training.curriculum.loops.start=3 training.curriculum.loops.end=3 \
        training.n_loop_window=3 training.train_steps=6 training.batch_size=8 training.warmup_steps=2 \
        training.curriculum.dims.interval=3 --out "$folder/$name" 2>/dev/null | sed -n 's/^weights //p'
}
check() { # check NAME TRUE-OR-FALSE...
    local name=$1
    shift
    "$@" && echo "ok $name" || echo "not ok $name"
}
want=$(run here "$INNERLOOP")
for each in aarch64:neon aarch64:plain s390x:plain; do
    arch=${each%:*} kernel=${each#*:}
    there() { IL_KERNEL=$kernel "qemu-$arch-static" "${INNERLOOP_FOREIGN/\%/$arch}" "$@"; }
    check "trains_${arch}_$kernel" [ "$(run "$arch.$kernel" there)" = "${want:-none}" ]
    check "same_file_${arch}_$kernel" cmp "$folder/here/checkpoints/last.safetensors" "$folder/$arch.$kernel/checkpoints/last.safetensors"
    there eval "$folder/here" --prompts 8 >"$folder/there.txt" 2>&1
    "$INNERLOOP" eval "$folder/here" --prompts 8 >"$folder/here.txt" 2>&1
    check "reads_${arch}_$kernel" cmp "$folder/here.txt" "$folder/there.txt"
done
# so does a forecaster's state, from one machine to the other
printf 'y\n%s\n' "$(seq 1 40 | awk '{ print sin($1) }')" >"$folder/y.csv"
head -21 "$folder/y.csv" >"$folder/first.csv"
{ echo y; tail -20 "$folder/y.csv"; } >"$folder/rest.csv"
s390x() { qemu-s390x-static "${INNERLOOP_FOREIGN/\%/s390x}" "$@"; }
"$INNERLOOP" forecast "$folder/first.csv" --state "$folder/a" >/dev/null 2>&1
s390x forecast "$folder/first.csv" --state "$folder/b" >/dev/null 2>&1
check same_state_s390x cmp "$folder/a" "$folder/b"
s390x forecast "$folder/rest.csv" --state "$folder/a" --resume >"$folder/a.txt" 2>&1
"$INNERLOOP" forecast "$folder/rest.csv" --state "$folder/b" --resume >"$folder/b.txt" 2>&1
check goes_on_from_s390x cmp "$folder/a.txt" "$folder/b.txt"
check goes_on grep -q "^22,1,y," "$folder/b.txt"

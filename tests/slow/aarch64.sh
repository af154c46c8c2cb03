#!/usr/bin/env bash
# aarch64.sh - a small model trains to the same bits on aarch64, emulated
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
run() { # run NAME COMMAND...: trains, prints the hash
    local name=$1
    shift
    "$@" train quick model.n_embd=24 model.n_head=2 training.train_steps=12 training.warmup_steps=2 \
        training.curriculum.dims.interval=3 --out "$folder/$name" 2>/dev/null | sed -n 's/^weights //p'
}
want=$(run here "$INNERLOOP")
for kernel in neon plain; do
    got=$(IL_KERNEL=$kernel run $kernel qemu-aarch64-static -L / "$INNERLOOP_AARCH64")
    [ -n "$got" ] && [ "$got" = "$want" ] && echo "ok aarch64_$kernel" || echo "not ok aarch64_$kernel ($got, not $want)"
done

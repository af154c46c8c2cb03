#!/bin/bash
# files.sh - folders that cannot be written, disks that are full
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml

echo x >file
expect 5 'file' il train ./tiny.yaml --out file
expect 5 'file/run' il train ./tiny.yaml --out file/run
[ -d /proc/self ] && expect 5 '/proc/nope' il train ./tiny.yaml --out /proc/nope
expect 5 'nowhere' il show nowhere
expect 5 'nowhere' il eval ./nowhere.safetensors
expect 5 'recipes|recipe' env IL_DATA=/nowhere "$INNERLOOP" train nosuch

# as root permissions bind nobody, so we ask as somebody else
chmod 755 "$WORK"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    chmod 000 file
    mkdir closed
    if nobody test -x "$INNERLOOP"; then
        expect 5 'Permission denied' nobody "$INNERLOOP" train ./file
        expect 5 'closed.*Permission denied' nobody "$INNERLOOP" train ./tiny.yaml --out closed/run
    else
        skip 'folders that are closed' 'another user may not run the program here'
    fi
elif [ "$(id -u)" = 0 ]; then
    skip 'folders that are closed' 'root, and no setpriv'
else
    mkdir closed
    chmod 000 file closed
    expect 5 'Permission denied' il train ./file
    expect 5 'closed.*Permission denied' il train ./tiny.yaml --out closed/run
    chmod 700 closed
fi

# a disk of 128 kB, where it may be mounted
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=128k none small 2>/dev/null; then
    expect 5 'No space left' il train ./tiny.yaml model.n_embd=64 --out small/run
    check 'no half-written checkpoint' bash -c '! ls small/run/checkpoints 2>/dev/null | grep .'
    il train ./tiny.yaml --out fine >/dev/null 2>&1
    head -c 300000 /dev/zero >small/fill 2>/dev/null
    il eval fine --prompts 64 --figure small/fig >.stdout 2>.stderr
    check 'a figure without room ends with 5' test $? = 5
    check 'and the table is there' grep -q '^k  *model' .stdout
    check 'as is the reason' grep -q '^innerloop: .*No space left' .stderr
    check 'no half-written figure' bash -c '! ls small/fig* 2>/dev/null'
    umount small
else
    skip 'a full disk' 'no disk may be mounted'
fi

#!/bin/bash
# checkpoint.sh - hostile and damaged checkpoints: refused before a model exists
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train ./tiny.yaml --out run >/dev/null 2>&1
GOOD=$(ls run/checkpoints/*.safetensors | head -n 1)
check 'there is a checkpoint' test -s "$GOOD"
cp "$GOOD" good.safetensors
SIZE=$(stat -c %s "$GOOD" 2>/dev/null || stat -f %z "$GOOD")
HEADER=$(od -An -tu4 -N4 "$GOOD" | tr -d ' ')

# refuse NAME 'regex' : bad.safetensors is refused by name
refuse() {
    expect 3 "bad.safetensors.*($2)|($2).*bad.safetensors" il show bad.safetensors
    [ "$FAILED" = 0 ] || echo "#   that was: $1"
}
# Replaces a text of the header by one of the same length.
patch() { LC_ALL=C sed "1s/\"digest\"/\"unused\"/; 1s/$1/$2/" good.safetensors >bad.safetensors; }

: >bad.safetensors
refuse 'empty' ''
head -c 5 good.safetensors >bad.safetensors
refuse 'cut in its first eight bytes' ''
head -c $((HEADER / 2)) good.safetensors >bad.safetensors
refuse 'cut in its header' ''
head -c $((SIZE - 100)) good.safetensors >bad.safetensors
refuse 'cut in its data' ''
{ cat good.safetensors; printf 'more'; } >bad.safetensors
refuse 'bytes behind the data' ''
{ printf '\377\377\377\377\377\377\377\177'; tail -c +9 good.safetensors; } >bad.safetensors
refuse 'a header of 2^63 bytes' ''
{ printf '\377\377\377\377\377\377\377\377'; tail -c +9 good.safetensors; } >bad.safetensors
refuse 'a header of 2^64 bytes' ''
head -c "$SIZE" /dev/urandom >bad.safetensors
refuse 'noise' ''
patch '"read_in.bias":{"dtype":"F32"' '"read_in.bias":{"dtype":"I32"'
refuse 'another dtype' 'read_in.bias'
patch '"read_in.bias":{"dtype":"F32","shape":\[16\]' '"read_in.bias":{"dtype":"F32","shape":[17]'
refuse 'another shape' 'read_in.bias'
patch '"read_in.weight":{"dtype":"F32","shape":\[16,3\]' '"read_in.weight":{"dtype":"F32","shape":[3,16]'
refuse 'a transposed shape' 'read_in.weight'
patch '"data_offsets":\[0,192\]' '"data_offsets":[4,196]'
refuse 'overlapping arrays' ''
patch '"data_offsets":\[0,192\]' '"data_offsets":[9,192]'
refuse 'bytes that belong to nobody' ''
patch '"data_offsets":\[192,256\]' '"data_offsets":[992,999]'
refuse 'a range of the wrong size' ''
patch '"read_in.bias"' '"read_in.bios"'
refuse 'a missing weight' 'read_in.bi'
patch 'n_embd: 16' 'n_embd: 61'
refuse 'a recipe that does not fit' ''
patch '"hash":"[0-9a-f]' '"hash":"?'
refuse 'a hash that is none' ''
patch '"digest"' '"digest"'
printf '\000\000\300\177' | dd of=bad.safetensors bs=1 seek=$((8 + HEADER)) conv=notrunc 2>/dev/null
refuse 'a weight that is not a number' 'read_in.weight'
cp good.safetensors bad.safetensors
printf '\001' | dd of=bad.safetensors bs=1 seek=$((8 + HEADER)) conv=notrunc 2>/dev/null
refuse 'a weight that was changed' ''
mkdir -p half/checkpoints
expect 5 'half' il show half

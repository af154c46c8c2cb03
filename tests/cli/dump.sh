#!/usr/bin/env bash
# dump.sh - what a model computes, as a file of arrays: both kinds of file hold the same
. "$(dirname "$0")/lib.sh"

expect 0 '' il dump quick -o a.safetensors --prompts 2 --loops 3 --slots ln_f,h.0.attn.pattern
check 'it says what is in the file' grep -q '^h.0.attn.pattern  *3 x 2 x 4 x 22 x 22$' .stdout
expect 0 '' il dump quick -o a.npz --prompts 2 --loops 3 --slots ln_f,h.0.attn.pattern
python=/usr/bin/python3
if $python -c 'import numpy' 2>/dev/null; then
    check 'numpy reads the same from an archive as from a safetensors file' $python - <<'END'
import json, numpy
archive, data = numpy.load('a.npz'), open('a.safetensors', 'rb').read()
n = int.from_bytes(data[:8], 'little')
header = json.loads(data[8:8 + n])
meta = header.pop('__metadata__')
assert meta == dict(text.decode().split('=', 1) for text in archive['settings'])
assert meta['tokens'] == str(list(range(0, 22, 2))).replace(' ', '') and meta['loops'] == '3'
assert set(archive.files) == {'settings', *header} and 'w' in header
for name, row in header.items():
    begin, end = row['data_offsets']
    assert archive[name].shape == tuple(row['shape']) and archive[name].tobytes() == data[8 + n:][begin:end]
END
else
    skip 'numpy reads the same from an archive as from a safetensors file' "$python has no numpy"
fi

cp a.npz before.npz
expect 2 'where to' il dump quick
expect 3 "no slot 'ln_g'.*'ln_f'|did you mean 'ln_f'" il dump quick -o a.npz --slots ln_g
expect 2 'names one twice' il dump quick -o a.npz --slots ln_f,ln_f
check 'what fails leaves the file as it was' cmp a.npz before.npz
expect 5 'no/a.npz' il dump quick -o no/a.npz
check 'and nothing half-written' test "$(ls)" = "$(printf 'a.npz\na.safetensors\nbefore.npz')"

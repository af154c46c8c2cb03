#!/bin/bash
# import.sh - our own weights, dressed as the two public repositories dress theirs, come back bit for bit
. "$(dirname "$0")/../cli/lib.sh"
PYTHON=${PYTHON:-/usr/bin/python3}
$PYTHON -c 'import torch' 2>/dev/null || { skip import 'no PyTorch'; exit 0; }

# dress MODEL STYLE OUT : a .pt file with the names and orientation of `garg` or `yang`
dress() {
    $PYTHON - "$@" <<'PY'
import json, re, struct, sys
import numpy
import torch
path, style, out = sys.argv[1:]
data = open(path, 'rb').read()
n = struct.unpack('<Q', data[:8])[0]
head = json.loads(data[8:8 + n])
head.pop('__metadata__')
state = {}
for name, t in head.items():
    if name.startswith('adam.'):
        continue
    a, b = t['data_offsets']
    x = torch.frombuffer(bytearray(data[8 + n + a:8 + n + b]), dtype=torch.float32).reshape(t['shape'])
    if name.startswith('read_'):
        name = '_' + name
    elif style == 'garg':
        if re.search(r'(attn|mlp)\.c_\w+\.weight$', name):
            x = x.t().contiguous()
        if name == 'wpe.weight':
            x = x[:-1].clone()
        name = '_backbone.' + name
    else:
        name = '_backbone.transformer.' + name
    state[name] = x
state['_backbone.wte.weight' if style == 'garg' else '_backbone.transformer.wte.weight'] = torch.zeros(1, 2)
state['_backbone.h.0.attn.bias' if style == 'garg' else '_backbone.transformer.h.0.attn.bias'] = torch.ones(1, 1, 4, 4)
torch.save({'model_state_dict': state, 'optimizer_state_dict': {}, 'train_step': numpy.int64(20)}, out)
PY
}

answers() { il eval "$1" --prompts 16 --csv | sed 1d; }

for style in garg yang; do
    family=$([ $style = garg ] && echo gpt2 || echo gpt2_loop)
    tiny_recipe | sed "/log_every_steps/d; s/gpt2_loop/$family/; s/n_layer: 1/n_layer: $([ $style = garg ] && echo 2 || echo 1)/" >config.yaml
    rm -rf run
    il train ./config.yaml --out run >/dev/null 2>&1
    dress run/checkpoints/last.safetensors $style state.pt
    check "$style: is imported" "$PYTHON" "$ROOT/tools/import_checkpoint.py" state.pt -o back.safetensors
    answers run >a
    answers back.safetensors >b
    check "$style: answers as before" cmp a b
    rm -f config.yaml
    check "$style: without its config.yaml" "$PYTHON" "$ROOT/tools/import_checkpoint.py" state.pt -o again.safetensors \
        --heads 2 --family $family --loops 2 --points 7
    answers again.safetensors >b
    check "$style: and answers as before" cmp a b
    check "$style: heads must be known" bash -c '! "$0" "$1" state.pt -o none.safetensors 2>err && grep -q "give --heads" err && [ ! -e none.safetensors ]' \
        "$PYTHON" "$ROOT/tools/import_checkpoint.py"
done
echo nothing >broken.pt
check 'a file that is none' bash -c '! "$0" broken.pt -o none.safetensors 2>err && grep -q "broken.pt" err' \
    "$ROOT/tools/import_checkpoint.py"

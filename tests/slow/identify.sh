#!/bin/bash
# identify.sh - blind identification: built checkpoints whose metadata no longer say what they are are
# named by `explain`, with their steps a layer; a model of random weights is not
. "$(dirname "$0")/../cli/lib.sh"

# The checkpoint without the words about its program
anonymous() {
    python3 - "$1" "$2" <<'PY'
import json, struct, sys
data = open(sys.argv[1], 'rb').read()
n = struct.unpack('<Q', data[:8])[0]
head = json.loads(data[8:8 + n])
for word in 'program', 'digest', 'hash':
    head['__metadata__'].pop(word, None)
text = json.dumps(head, separators=(',', ':')).encode()
text += b' ' * (-len(text) % 8)
open(sys.argv[2], 'wb').write(struct.pack('<Q', len(text)) + text + data[8 + n:])
PY
}

# identify FAMILY RATE CONSTRUCTION key=value ... : in both dimensions, on both kinds of data
identify() {
    local family=$1 rate=$2 name=$3 dims data
    shift 3
    if ! il list constructions | grep -q "^$name "; then
        skip "$name" 'not built here'
        return
    fi
    for dims in 5 10; do
        if ! il build "$name" dims=$dims "$@" -o built.safetensors >build.log 2>&1; then
            not_ok "build $name" "$(tail -n 1 build.log)"
            continue
        fi
        anonymous built.safetensors some.safetensors
        for data in isotropic kappa=30; do
            il explain some.safetensors --data $data --json >out.json 2>err.txt
            json "$name $* dims=$dims $data: $(python3 -c 'import json; print(json.load(open("out.json"))["verdict"])')" \
                out.json "o['found'] == 'runs' and o['family'] in '$family'.split('|') and abs(o['steps_per_layer'] - $rate) < 0.01"
        done
    done
}

command -v python3 >/dev/null || { skip identify 'no python3'; exit 0; }
identify gd 1 gd
# alpha: small enough for every prompt of kappa = 30 in both dimensions
identify 'newton start=gram' 1 newton alpha=4e-5
identify newton 1 newton start=I alpha=0.008
identify 'newton order=3' 1 newton order=3 start=I alpha=0.008
identify 'newton order=3 start=gram' 1 newton order=3 alpha=4e-5
identify 'gdpp|gdpp layerwise' 1 gdpp
identify 'chebyshev|chebyshev steps' 1 chebyshev hi=200
identify 'chebyshev|chebyshev steps' 1 chebyshev hi=130
identify 'gd preconditioned' 1 preconditioned
identify 'gd preconditioned' 1 preconditioned scales=0.42,0.685,1.705

# kernel SHARPNESS : softmax over the examples near the query, in both dimensions, on both kinds of data
kernel() {
    local dims data
    for dims in 5 10; do
        il build neighbours dims=$dims sharpness=$1 -o built.safetensors >build.log 2>&1
        anonymous built.safetensors some.safetensors
        for data in isotropic kappa=30; do
            il explain some.safetensors --data $data --json >out.json 2>err.txt
            json "neighbours sharpness=$1 dims=$dims $data: $(python3 -c 'import json; print(json.load(open("out.json"))["verdict"])')" \
                out.json "o['found'] == 'runs' and o['family'] == 'kernel'"
        done
    done
}
kernel 50 # nearly the nearest example's answer
kernel 5
kernel 1 # a mean over several

# weights as they are drawn
for family in gpt2_loop gpt2; do
    tiny_recipe | sed "s/gpt2_loop/$family/" >random.yaml
    il train random.yaml --out random_$family training.train_steps=1 training.learning_rate=0 >/dev/null 2>&1
    il explain random_$family --examples 6,3 --json >out.json
    json "random weights, $family" out.json "o['found'] == 'none' and not o['family']"
done

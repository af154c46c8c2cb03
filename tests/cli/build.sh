#!/bin/bash
# build.sh - algorithms compiled into weights: building, verifying, showing, and what is refused
. "$(dirname "$0")/lib.sh"

expect 0 '' il build gd
expect 0 '' il build newton dims=3 order=3 loops=8 -o model.safetensors --verify
check 'the table of verification is shown' grep -q '^d=3 n=6' .stdout
il build newton dims=3 order=3 loops=8 >program
expect 0 '' il show model.safetensors
check 'show prints the program from the file alone' \
    bash -c 'head -n "$(wc -l <program)" .stdout | cmp - program'
il show model.safetensors --json >show.json
json 'the program as JSON' show.json "o['program'].startswith('newton dims=3')"
expect 0 '' il list constructions
il list constructions --json >list.json
json 'constructions as JSON' list.json "'gd' in str(o['rows'])"
il build gd --verify --json >gd.json
json 'verification as JSON' gd.json "len(o['verification']['rows']) > 3"

expect 3 "no construction 'newtom'; did you mean 'newton'" il build newtom
expect 3 "newton has no option 'dimms'; did you mean 'dims'" il build newton dimms=3
expect 3 "newton: option 'dims' is given twice; keep one" il build newton dims=3 dims=4
expect 3 "dims = 0 is out of its range" il build newton dims=0
expect 2 'an argument is missing' il build
expect 3 'too large to verify' il build gd loops=10000 points=4096 --verify
expect 3 'not 1 to 32 numbers above 0' il build preconditioned scales=1,,2
expect 3 'not 1 to 32 numbers above 0' il build preconditioned scales=$(seq -s, 40)
expect 3 'at least 12 and the query' il build newton dims=12 points=12 --verify
expect 5 'nowhere/model' il build gd -o nowhere/model.safetensors
expect 0 '' il build gd -o gd.safetensors
expect 0 '' il build gd -o gd.weights
expect 0 '' il show gd.weights
check 'show knows a checkpoint by its first bytes' grep -q 'y <- ' .stdout
check 'numbers are stored in double' grep -aq '"dtype":"F64"' gd.safetensors

# the twin that computes in double lies beside the program
mkdir alone && cp "$INNERLOOP" alone/innerloop
expect 1 'innerloop-double, which computes in double, cannot be run' alone/innerloop build gd
mkdir bin && ln -s "$INNERLOOP" bin/innerloop
expect 0 '' bin/innerloop build gd

# a plan in a file is checked like everything else
patch() { LC_ALL=C sed "s/\"digest\"/\"unused\"/; s/$1/$2/" gd.safetensors >bad.safetensors; }
patch 'stream h.0.attn.o' 'stream h.0.attn.q'
expect 3 'bad.safetensors: plan: the stream is not as wide as the carry' il show bad.safetensors
patch 'answer read_out' 'answer read_oot'
expect 3 "bad.safetensors: plan, line [0-9]*: there is no slot 'read_oot'" il show bad.safetensors
patch 'input tokens 6' 'input tokens 5'
expect 3 'bad.safetensors: plan: tokens are 5 wide' il show bad.safetensors
cp gd.safetensors bad.safetensors
printf '\001' | dd of=bad.safetensors bs=1 seek=$(($(stat -c %s gd.safetensors 2>/dev/null || stat -f %z gd.safetensors) - 3)) conv=notrunc 2>/dev/null
expect 3 'it was damaged, or changed by a program' il show bad.safetensors

# a model whose tokens are matrices or graphs is shown no examples
printf 'a,y\n1,2\n2,4\n3,6\n' >few.csv
for name in inverse graph eigenvectors copy polar 'newton_gram mask=0' 'logistic mask=0' 'rank_one products=primitives'; do
    il build $name -o own.safetensors >program
    refusal="tokens are its own and no task's prompts.*innerloop build ${name%% *} --verify"
    expect 3 "$refusal" il eval own.safetensors
    expect 3 "$refusal" il explain own.safetensors
    expect 3 "$refusal" il predict own.safetensors --examples few.csv --queries few.csv --target y
    expect 3 "$refusal" il inspect similarity own.safetensors
    expect 3 "$refusal" il inspect lens own.safetensors
done
expect 0 '' il show own.safetensors
il build newton ridge=0.5 -o ridge.safetensors >program
expect 0 '' il eval ridge.safetensors --json

tiny_recipe >tiny.yaml
expect 3 'model.tokens = own belongs to built models' il train ./tiny.yaml model.tokens=own --out run
expect 3 'a built model|such a model is in a checkpoint' il train ./tiny.yaml model.family=built --out run

# the ranges that constructions take by themselves hold on the prompts of their task
for name in gd gdpp newton newton_gram chebyshev; do
    for size in 'dims=5' 'dims=20'; do
        il build $name $size -o usual.safetensors >/dev/null 2>&1
        expect 0 '' il eval usual.safetensors --csv
        check "$name $size nowhere leaves its range, and learns" \
            awk -F, 'NR > 1 && $1 > 0 { if (!($4 <= 4)) bad = 1; last = $2 } END { exit bad || !(last < 0.5) }' .stdout
    done
done
# and where a table's prompts leave the range, predict says so
il build chebyshev -o cheb.safetensors >/dev/null 2>&1
expect 0 '' il predict cheb.safetensors --examples "$ROOT/examples/penguins_examples.csv" \
    --queries "$ROOT/examples/penguins_queries.csv" --target body_mass_g --score
check 'a table beyond the range is noted' grep -q '^note: the model makes nothing of these examples' .stderr
expect 3 'edges = 5: a connected graph of 10 nodes has at least 9' il build graph nodes=10 edges=5 --verify

# for readers that lack F64: the same program, every weight rounded
cat >rounded.py <<'END'
import json, struct, sys


def weights(path, dtype, code):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    head.pop("__metadata__")
    assert {t["dtype"] for t in head.values()} == {dtype}, path
    at = {name: [8 + size + end for end in t["data_offsets"]] for name, t in head.items()}
    return {name: [w for w, in struct.iter_unpack("<" + code, data[a:b])] for name, (a, b) in at.items()}


wide, narrow = weights("wide.safetensors", "F64", "d"), weights("narrow.safetensors", "F32", "f")
assert {n: [struct.unpack("f", struct.pack("f", w))[0] for w in ws] for n, ws in wide.items()} == narrow
END
for name in gd newton chebyshev logistic; do
    il build $name -o wide.safetensors >/dev/null 2>&1
    expect 0 '' il build $name --f32 -o narrow.safetensors
    if command -v python3 >/dev/null; then
        check "$name in single precision is the same, rounded" python3 rounded.py
    else
        skip "$name in single precision is the same, rounded" 'no python3'
    fi
done
expect 0 '' il show narrow.safetensors
expect 2 'verify measures in double precision; leave --f32 out' il build gd --f32 --verify

#!/bin/bash
# explain.sh - the verdict on a small model, as text and JSON; options that make no sense
. "$(dirname "$0")/lib.sh"
tiny_recipe >tiny.yaml
il train tiny.yaml --out run >/dev/null 2>&1

expect 0 '' il explain run --prompts 8
check 'a model of 20 steps runs nothing' bash -c 'head -n 1 .stdout | grep -q "^None of these: "'
check 'the best families, each once' bash -c '[ "$(sed -n "/^family/,/^$/p" .stdout | wc -l)" = 12 ] && grep -q "^--all prints [0-9]* more candidates" .stdout'
expect 0 '' il explain run --prompts 8 --all
check '--all prints every candidate' bash -c '[ "$(sed -n "/^family/,\$p" .stdout | wc -l)" -gt 60 ] && grep -q "^layer .*simw" .stdout'
expect 0 '' il explain run --prompts 8
check 'every loop has a row' bash -c '[ "$(grep -c "^loop " .stdout)" = 2 ]'
expect 0 '' il explain run --prompts 8 --json
json '--json is one object' .stdout 'o["found"] == "none" and len(o["layers"]["rows"]) == 2'
expect 0 '' il explain run --prompts 8 --loops 3 --data isotropic,kappa=30 --examples 4,6 --reading probe
check 'a third loop' grep -q '^loop 3' .stdout
check 'which it was not trained on' grep -q '^note: .*at most 2 loops, and here there are 3:' .stderr
expect 0 '' il explain run --prompts 8 --loops auto --json
json 'loops that stop by themselves are at most the own' .stdout '1 <= len(o["layers"]["rows"]) <= 2'
expect 2 "loops = 'some' is neither a whole number nor auto" il explain run --loops some
expect 0 '' il inspect lens run --prompts 4 --examples 7
check 'nor on an eighth point' grep -q '^note: .*at most 7 points, and here there are 8:' .stderr
check 'explaining leaves the file as it was' bash -c '"$0" show run >a && "$0" explain run --prompts 4 >b && "$0" show run | cmp - a' "$INNERLOOP"
expect 0 '' bash -c 'IL_THREADS=1 "$0" explain run --prompts 8 --json >one && IL_THREADS=3 "$0" explain run --prompts 8 --json | cmp - one' "$INNERLOOP"

# built models say their constants, and which part of one the data show
il build newton dims=5 points=21 loops=5 ridge=9 -o built.safetensors >/dev/null
expect 0 '' il explain built.safetensors
check 'the ridge of Newton is said' grep -q '^The model runs Newton.s iteration on ridge regression, .* ridge=9.000, 1 step' .stdout
il build preconditioned dims=4 -o built.safetensors >/dev/null
expect 0 '' il explain built.safetensors --data half_subspace
check 'what is not identified is said' grep -q 'in the 2 of 4 dimensions that the inputs span, in the others not identified' .stdout

# a model of sequences answers with several numbers
il train "$ROOT/recipes/small_lsa1.yaml" --out sequences training.train_steps=2 >/dev/null 2>&1
expect 0 '' il explain sequences --examples 8,4 --prompts 16 --json
json 'sequences have one layer' .stdout 'len(o["layers"]["rows"]) == 1'
expect 0 '' il inspect weights sequences
expect 0 '' il inspect similarity sequences --prompts 16
expect 3 'draws sequences' il explain sequences --data kappa=3

expect 2 "reading = 'tea' is none of auto|lens|probe" il explain run --reading tea
expect 3 "did you mean 'kappa'" il explain run --data kapa=3
expect 3 'a shift of examples and queries alike' il explain run --data opposite
expect 3 "examples = '4;6'" il explain run --examples '4;6'
expect 3 'do not fit the model' il explain run --examples 50
expect 3 "no task 'tea'" il explain run --task tea
expect 5 'gone' il explain gone

# a model of another program answers problems in a file
expect 0 'wrote problems' il problems --dims 3 --prompts 16 -o problems.safetensors
expect 0 'wrote problems' il problems --dims 3 --prompts 16 -o problems.npz
expect 2 'say where to write them' il problems
expect 2 'give a MODEL, or --answers FILE' il explain
expect 2 'stands without MODEL' il explain run --answers a.npy
expect 5 'gone.npy' il explain --answers gone.npy
if command -v python3 >/dev/null; then
    python3 - <<'PY'
import json, math, struct

data = open('problems.safetensors', 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
head = json.loads(data[8:8 + size])


def numbers(name):
    start, end = head[name]['data_offsets']
    return struct.unpack('<%df' % ((end - start) // 4), data[8 + size + start:8 + size + end])


def solve(A, b):  # Gauss and Jordan
    D = len(b)
    A = [row + [value] for row, value in zip(A, b)]
    for i in range(D):
        A[i] = [x / A[i][i] for x in A[i]]
        for j in range(D):
            if j != i:
                A[j] = [x - A[j][i] * z for x, z in zip(A[j], A[i])]
    return [row[D] for row in A]


P, n, D = head['x']['shape']
Q = head['query']['shape'][1]
x, y, query = numbers('x'), numbers('y'), numbers('query')


def ridge(alpha):
    answers = []
    for p in range(P):
        X = [x[(p * n + i) * D:(p * n + i + 1) * D] for i in range(n)]
        Y = y[p * n:(p + 1) * n]
        A = [[sum(r[i] * r[j] for r in X) + alpha * (i == j) for j in range(D)] for i in range(D)]
        w = solve(A, [sum(r[i] * t for r, t in zip(X, Y)) for i in range(D)])
        for q in range(Q):
            answers.append(sum(w[d] * query[(p * Q + q) * D + d] for d in range(D)))
    return answers


def save(name, shape, values, kind):
    text = "{'descr': '<%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    text += ' ' * (53 - len(text) % 64 + 64) + '\n'
    with open(name, 'wb') as f:
        f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text.encode())
        f.write(struct.pack('<%d%s' % (len(values), 'd' if kind == 'f8' else 'f'), *values))


first, last = ridge(5), ridge(0.7)
save('ridge.npy', (2, P, Q), first + last, 'f8')
save('last.npy', (P, Q), last, 'f4')
save('sine.npy', (P, Q), [math.sin(9 * sum(query[i * D:(i + 1) * D])) for i in range(P * Q)], 'f8')
save('wrong.npy', (P, Q - 1), last[:P * (Q - 1)], 'f8')
open('cut.npy', 'wb').write(open('ridge.npy', 'rb').read()[:-8])

# numpy's archives, by Python's own zip
import zipfile

with zipfile.ZipFile('problems.npz') as archive:
    assert archive.testzip() is None and set(archive.namelist()) == {'x.npy', 'y.npy', 'query.npy', 'settings.npy'}
    assert archive.read('y.npy').endswith(struct.pack('<%df' % len(y), *y)), 'other answers than in safetensors'
for name, method in ('answers.npz', zipfile.ZIP_STORED), ('packed.npz', zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(name, 'w', method) as archive:
        archive.write('ridge.npy', 'answers.npy')
        archive.write('wrong.npy', 'others.npy')
PY
    expect 0 '' il explain --answers ridge.npy --json
    json 'penalties of their own' .stdout 'o["family"] == "ridge layerwise" and o["sure"] and "alpha 5.000, 0.7000" in o["verdict"]'
    cp .stdout ridge.json
    expect 0 '' bash -c '"$0" explain --answers answers.npz --problems problems.npz --json | cmp - ridge.json' "$INNERLOOP"
    expect 3 'compressed; save it with numpy.savez' il explain --answers packed.npz
    expect 0 '' il explain --answers last.npy --json
    json 'one ridge' .stdout 'o["family"] == "ridge" and "alpha=0.7000" in o["verdict"]'
    expect 0 '' il explain --answers sine.npy --json
    json 'what no algorithm answers' .stdout 'o["found"] == "none" and not o["sure"]'
    expect 3 'the problems ask for answers of shape .16, 16.' il explain --answers wrong.npy
    expect 3 'cut off' il explain --answers cut.npy
else
    skip 'answers of another program' 'no python3'
fi

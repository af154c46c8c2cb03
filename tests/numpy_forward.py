#!/usr/bin/env python3
"""A built checkpoint run by 30 lines that know the layer formula and nothing of innerloop:
numpy_forward.py FOLDER compares model.safetensors on tokens.txt (last column: mask) with answers.txt."""
import json, struct, sys
import numpy as np

raw = open(sys.argv[1] + "/model.safetensors", "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + size])
meta = head.pop("__metadata__")
kinds = {"F64": np.float64, "F32": np.float32}
W = {k: np.frombuffer(raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]],
                      kinds[t["dtype"]]).reshape(t["shape"]).astype(float) for k, t in head.items()}
plan = [line.split() for line in meta["plan"].splitlines()]
parts = {w[0]: w[1] for w in plan if len(w) == 2}
tokens = np.loadtxt(sys.argv[1] + "/tokens.txt", ndmin=2)
slot = {parts["tokens"]: tokens[:, :-1], parts.get("mask"): tokens[:, -1:]}

def run(section):
    for w in (w for w in plan if w[0] == section and w[1] != "mse"):
        kind, name, colon = w[1], w[2], w.index(":")
        o, x = dict(a.split("=") for a in w[3:colon]), [slot[n] for n in w[colon + 1:]]
        if kind == "linear":
            y = x[0] @ W[name + ".weight"].T + W.get(name + ".bias", 0) + (x[1] if len(x) > 1 else 0)
        elif kind == "position":
            y = x[0] + W[name + ".weight"][:len(x[0])]
        elif kind == "relu":
            y = np.maximum(x[0], 0)
        elif kind == "linear_attention":
            q, k, v = (np.split(a, int(o.get("heads", 1)), 1) for a in x[:3])
            seen = np.ones((len(tokens),) * 2) if "causal" in o else np.tri(len(tokens))
            seen = seen * (x[3].T if len(x) > 3 else 1)
            y = np.hstack([(a @ b.T * seen) @ c for a, b, c in zip(q, k, v)])
        slot[name] = y

loops, carry = [w for w in plan if w[0] == "loops"][0], [w for w in plan if w[0] == "carry"]
run("pre")
slot["carry"] = slot[carry[0][2]] if carry else None
for _ in range(int(loops[1])):
    run("body")
    slot["carry"] = slot[parts["stream"]]
run("post")
want, got = np.loadtxt(sys.argv[1] + "/answers.txt", ndmin=2), slot[parts["answer"]]
error = np.abs(got - want).max() / np.abs(want).max()
print(f"numpy against C: {error:.2g}")
sys.exit(not error < 1e-12)

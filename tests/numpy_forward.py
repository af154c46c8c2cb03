#!/usr/bin/env python3
"""A built checkpoint run by 30 lines that know the formulas of layers and nothing of innerloop:
numpy_forward.py FOLDER [WITHIN] compares model.safetensors on tokens.txt (last column: mask) with answers.txt."""
import json, sys
import numpy as np

raw = open(sys.argv[1] + "/model.safetensors", "rb").read()
start = 8 + int.from_bytes(raw[:8], "little")
head = json.loads(raw[8:start])
plan = [line.split() for line in head.pop("__metadata__")["plan"].splitlines()]
W = {k: np.frombuffer(raw, {"F64": "f8", "F32": "f4"}[t["dtype"]], int(np.prod(t["shape"])), start + t["data_offsets"][0])
     .reshape(t["shape"]).astype(float) for k, t in head.items()}
part = {w[0]: w[1:] for w in plan}  # tokens, mask, carry, loops, stream, answer
tokens, want = (np.loadtxt(f"{sys.argv[1]}/{f}.txt", ndmin=2) for f in ("tokens", "answers"))
slot = {part["tokens"][0]: tokens[:, :-1], part.get("mask", [""])[0]: tokens[:, -1:]}
past, each = np.tri(len(tokens)), lambda x, n, f: np.hstack([f(*h) for h in zip(*(np.split(a, int(n), 1) for a in x))])
soft = lambda s: (lambda e: e / e.sum(1, keepdims=True))(np.exp(s - s.max(1, keepdims=True)) * past)
unit = lambda x, eps: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + float(eps))
layer = {
    "linear": lambda x, o, w, b: x[0] @ w.T + b + sum(x[1:]),
    "position": lambda x, o, w, b: x[0] + w[:len(tokens)],
    "relu": lambda x, o, w, b: np.maximum(x[0], 0),
    "gelu": lambda x, o, w, b: x[0] / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x[0] + 0.044715 * x[0]**3))),
    "layernorm": lambda x, o, w, b: unit(x[0], o.get("eps", 1e-5)) * w + b,
    "attention": lambda x, o, w, b: each(np.split(x[0], 3, 1), o.get("heads", 1), lambda q, k, v: soft(q @ k.T / np.sqrt(q.shape[1])) @ v),
    "linear_attention": lambda x, o, w, b: each(x[:3], o.get("heads", 1), lambda q, k, v: (
        q @ k.T * (1 if "causal" in o else past) * (x[3].T if len(x) > 3 else 1)) @ v)}
for section in ["pre"] + int(part["loops"][0]) * ["body"] + ["post"]:
    slot["carry"] = slot.get(part["stream"][0], slot.get(part.get("carry", [""])[-1]))
    for _, kind, name, *rest in (w for w in plan if w[0] == section and w[1] in layer):
        x, o = [slot[n] for n in rest[rest.index(":") + 1:]], dict(a.split("=") for a in rest[:rest.index(":")])
        slot[name] = layer[kind](x, o, W.get(name + ".weight"), W.get(name + ".bias", 0))
error = np.abs(slot[part["answer"][0]] - want).max() / np.abs(want).max()
sys.exit(print(f"numpy against C: {error:.2g}") or not error < float((sys.argv + ["1e-12"])[2]))

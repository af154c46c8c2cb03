"""parity.py - innerloop against PyTorch: outputs, every weight's gradient, 20 steps of Adam, of SGD and of Muon

    python3 tests/parity/parity.py BUILD/float/parity

The models here are written from the formulas in docs/models.md alone and run in double
precision, so that all difference is the single-precision rounding of the C side. Weights go both
ways through safetensors files: written here and read by the library, and the reverse. torch.optim.Muon, which
PyTorch has since 2.9, iterates in bfloat16; here it does so in double precision.
"""

import json
import math
import struct
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch

RECIPE = """
model: {{family: {family}, n_embd: 32, n_layer: {layers}, n_head: 4, n_dims: 5, n_positions: 9, loop_func: '{inject}'}}
training:
  task_name: linear_regression
  batch_size: 8
  {optimizer}
  train_steps: 100
  seed: 11
  n_loop_window: {T}
  curriculum:
    dims: {{start: 5, end: 5, inc: 1, interval: 1}}
    points: {{start: 7, end: 7, inc: 1, interval: 1}}
    loops: {{start: {b}, end: {b}, inc: 1, interval: 1}}
"""

OPTIMIZERS = {
    "adam": "learning_rate: 0.001",
    "sgd": "optimizer: sgd\n  learning_rate: 0.01\n  momentum: 0.9\n  nesterov: true",
    "muon": "optimizer: muon\n  learning_rate: 0.01\n  weight_decay: 0.1\n  adam_rate: 0.001",
    "muon_rms": "optimizer: muon\n  learning_rate: 0.01\n  rate_scale: rms\n  nesterov: false\n  momentum: 0.8\n  adam_rate: 0.001",
}

CASES = [
    dict(family="gpt2", layers=3, b=1, T=1, inject="z=f(x+z)"),
    dict(family="gpt2_loop", layers=1, b=6, T=3, inject="z=f(x+z)"),
    dict(family="gpt2_loop", layers=2, b=4, T=2, inject="z=f(x*z)"),
    dict(family="gpt2_loop", layers=1, b=4, T=4, inject="z=f(z)"),
    dict(family="gpt2_loop", layers=2, b=4, T=2, inject="layer-wise"),
    dict(family="gpt2", layers=3, b=1, T=1, inject="layer-wise"),
    dict(family="gpt2_tying", layers=4, b=1, T=1, inject="z=f(x+z)"),
    dict(family="gpt2", layers=2, b=1, T=1, inject="z=f(x+z)", optimizer="sgd"),
    dict(family="gpt2_loop", layers=1, b=4, T=2, inject="z=f(x+z)", optimizer="muon"),
    dict(family="gpt2", layers=2, b=1, T=1, inject="z=f(x+z)", optimizer="muon_rms"),
]


def read_tensors(path):
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    base = 8 + length
    out = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        assert info["dtype"] == "F32", info
        a, b = info["data_offsets"]
        out[name] = np.frombuffer(data[base + a : base + b], "<f4").reshape(info["shape"])
    return out


def write_tensors(path, tensors):
    header, blob = {}, b""
    for name, value in tensors.items():
        raw = np.ascontiguousarray(value, "<f4").tobytes()
        header[name] = dict(dtype="F32", shape=list(value.shape), data_offsets=[len(blob), len(blob) + len(raw)])
        blob += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + blob)


def linear(p, name, x):
    return x @ p[name + ".weight"].T + p[name + ".bias"]


def norm(p, name, x):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], 1e-5)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def block(p, l, x, heads):
    B, S, C = x.shape
    q, k, v = linear(p, f"h.{l}.attn.c_attn", norm(p, f"h.{l}.ln_1", x)).split(C, -1)
    q, k, v = (a.view(B, S, heads, C // heads).transpose(1, 2) for a in (q, k, v))
    score = q @ k.transpose(-1, -2) / math.sqrt(C // heads)
    score = score.masked_fill(torch.ones(S, S).triu(1).bool(), -math.inf)
    y = (score.softmax(-1) @ v).transpose(1, 2).reshape(B, S, C)
    x = x + linear(p, f"h.{l}.attn.c_proj", y)
    return x + linear(p, f"h.{l}.mlp.c_proj", gelu(linear(p, f"h.{l}.mlp.c_fc", norm(p, f"h.{l}.ln_2", x))))


def backbone(p, x, blocks, again=None):
    """`again`: added before every block but the first, too"""
    x = x + p["wpe.weight"][: x.shape[1]]
    for l in range(blocks):
        if l and again is not None:
            x = x + again
        x = block(p, l, x, 4)
    return norm(p, "ln_f", x)


def answers(p, case, tokens):
    """One (B, N) tensor of answers for every loop; loops before the window carry no gradient."""
    E = linear(p, "read_in", tokens)
    read = lambda Y: linear(p, "read_out", Y)[:, ::2, 0]
    if case["family"] == "gpt2":
        if case["inject"] == "layer-wise":
            return [read(backbone(p, E + E, case["layers"], E))]
        return [read(backbone(p, E, case["layers"]))]
    if case["family"] == "gpt2_tying":
        Y, out = E, []
        for _ in range(case["layers"]):
            Y = backbone(p, Y, 1)
            out.append(read(Y))
        return out
    inject = case["inject"]
    Y, out = {"z=f(x*z)": torch.ones_like(E), "z=f(z)": E}.get(inject, torch.zeros_like(E)), []
    for t in range(case["b"]):
        with torch.set_grad_enabled(t >= case["b"] - case["T"]):
            into = {"z=f(x*z)": Y * E, "z=f(z)": Y}.get(inject, Y + E)
            Y = backbone(p, into, case["layers"], E if inject == "layer-wise" else None)
            out.append(read(Y))
    return out


def interleave(x, y):
    tokens = torch.zeros(x.shape[0], 2 * x.shape[1], x.shape[2], dtype=x.dtype)
    tokens[:, ::2] = x
    tokens[:, 1::2, 0] = y
    return tokens


def loss_of(p, case, x, y):
    out = answers(p, case, interleave(x, y))
    window = case["T"] if case["family"] == "gpt2_loop" else 1
    return sum(((a - y) ** 2).mean() for a in out[-window:]) / window


def random_weights(case, rng):
    C, D, blocks = 32, 5, 1 if case["family"] == "gpt2_tying" else case["layers"]
    p = {"read_in.weight": (C, D), "read_in.bias": (C,), "wpe.weight": (19, C)}
    for l in range(blocks):
        h = f"h.{l}."
        p |= {h + "ln_1.weight": (C,), h + "ln_1.bias": (C,), h + "attn.c_attn.weight": (3 * C, C)}
        p |= {h + "attn.c_attn.bias": (3 * C,), h + "attn.c_proj.weight": (C, C), h + "attn.c_proj.bias": (C,)}
        p |= {h + "ln_2.weight": (C,), h + "ln_2.bias": (C,), h + "mlp.c_fc.weight": (4 * C, C)}
        p |= {h + "mlp.c_fc.bias": (4 * C,), h + "mlp.c_proj.weight": (C, 4 * C), h + "mlp.c_proj.bias": (C,)}
    p |= {"ln_f.weight": (C,), "ln_f.bias": (C,), "read_out.weight": (1, C), "read_out.bias": (1,)}
    gains = ("ln_1.weight", "ln_2.weight", "ln_f.weight")
    return {n: rng.normal(0, 0.2, s).astype("f4") + n.endswith(gains) for n, s in p.items()}


def relative(got, want):
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


failures = passes = 0


def check(what, error, tolerance):
    global failures, passes
    ok = error <= tolerance
    passes, failures = passes + ok, failures + (not ok)
    print(f"{'ok' if ok else 'not ok'} {what}: {error:.2e} (at most {tolerance:g})")


class Muon:
    """torch.optim.Muon on the matrices of the blocks, queries, keys and values apart, and Adam on all else"""

    def __init__(self, p, rms):
        inner = lambda n: n.startswith("h.") and p[n].dim() == 2
        self.p, rows = p, lambda n: p[n].shape[1] if "c_attn" in n else p[n].shape[0]
        self.parts = {n: p[n].detach().split(rows(n)) for n in p if inner(n)}
        options = dict(adjust_lr_fn="match_rms_adamw", momentum=0.8, nesterov=False) if rms else {}
        matrices = [w for parts in self.parts.values() for w in parts]
        self.muon = torch.optim.Muon(matrices, lr=1e-2, weight_decay=0 if rms else 0.1, **options)
        decay = 0 if rms else 0.1
        others = [n for n in p if not inner(n)]
        self.adam = torch.optim.AdamW(
            [
                dict(params=[p[n] for n in others if p[n].dim() == 2], weight_decay=decay),
                dict(params=[p[n] for n in others if p[n].dim() == 1], weight_decay=0),
            ],
            lr=1e-3,
        )

    def zero_grad(self):
        for w in self.p.values():
            w.grad = None

    def step(self):
        for n, parts in self.parts.items():
            for w, g in zip(parts, self.p[n].grad.split(parts[0].shape[0])):
                w.grad = g
        self.muon.step()
        self.adam.step()


def optimizer_of(name, p):
    if name == "sgd":
        return torch.optim.SGD(p.values(), lr=1e-2, momentum=0.9, nesterov=True)
    if name == "adam":
        return torch.optim.Adam(p.values(), lr=1e-3)
    return Muon(p, name == "muon_rms")


def iterate_in_double():
    module = sys.modules[torch.optim.Muon.__module__]
    module.torch = types.SimpleNamespace(**{**vars(torch), "bfloat16": torch.float64})


def compare(case, weights, out):
    name = " ".join(f"{k}={v}" for k, v in case.items())
    p = {n: torch.tensor(np.asarray(w, "f8"), requires_grad=True) for n, w in weights.items()}
    N = out["y.0"].shape[1]
    prompts = lambda i: (
        torch.tensor(out[f"x.{i}"].reshape(-1, N, 5).astype("f8")),
        torch.tensor(out[f"y.{i}"].astype("f8")),
    )
    x, y = prompts(0)
    want = torch.stack(answers(p, case, interleave(x, y))).detach().numpy()
    check(f"{name}: answers", relative(out["answers"].reshape(want.shape), want), 2e-5)
    optimizer = case.get("optimizer", "adam")
    optimiser = optimizer_of(optimizer, p)
    worst = 0.0
    for step in range(20):
        optimiser.zero_grad()
        loss = loss_of(p, case, *prompts(step))
        loss.backward()
        if step == 0:
            for n, w in p.items():
                got = out["grad." + n].reshape(w.shape)
                check(f"{name}: gradient of {n}", relative(got, w.grad.numpy()), 2e-5)
        worst = max(worst, abs(out["losses"][0, step] / loss.item() - 1))
        optimiser.step()
    # Muon's five iterations amplify a rounding of 6e-8 in directions without gradient up to 3.4445^5 = 485 times
    tolerance = 1e-3 if optimizer.startswith("muon") else 1e-4
    check(f"{name}: losses of 20 steps of {optimizer}", worst, tolerance)


def main(program):
    torch.set_num_threads(1)  # the models are small
    has_muon = hasattr(torch.optim, "Muon")
    if has_muon:
        iterate_in_double()
    else:
        print(f"ok muon # SKIP PyTorch {torch.__version__} has no torch.optim.Muon")
    with tempfile.TemporaryDirectory() as folder:
        f = lambda name: str(Path(folder) / name)
        for i, case in enumerate(CASES):
            if case.get("optimizer", "").startswith("muon") and not has_muon:
                continue
            optimizer = OPTIMIZERS[case.get("optimizer", "adam")]
            Path(f("recipe.yaml")).write_text(RECIPE.format(**{**case, "optimizer": optimizer}))
            weights = random_weights(case, np.random.default_rng(i))
            write_tensors(f("mine"), weights)
            subprocess.run([program, f("recipe.yaml"), f("mine"), f("out"), f("saved")], check=True)
            compare(case, weights, read_tensors(f("out")))
            saved = read_tensors(f("saved"))
            same = all(np.array_equal(saved[n], w) for n, w in weights.items()) and len(saved) == len(weights)
            check("weights written here come back bit for bit", 0 if same else 1, 0)
            subprocess.run([program, f("recipe.yaml"), "-", f("out"), f("saved")], check=True)
            compare(case, read_tensors(f("saved")), read_tensors(f("out")))
    print(f"{passes} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""peer.py - what `innerloop bench` compares with computes what innerloop does

The models of bench/peer.py against those of tests/parity/parity.py, which the parity test holds
against the C side, on the same weights and prompts: losses, answers and gradients.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
root = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(root / "bench"), str(root / "tests" / "parity")]

import parity  # noqa: E402
import peer  # noqa: E402
import torch  # noqa: E402

CASES = [
    (dict(family="gpt2_loop", layers=1, b=6, T=3, inject="z=f(x+z)"), dict(loops=6, window=3, blocks=1)),
    (dict(family="gpt2_loop", layers=1, b=4, T=4, inject="z=f(x+z)"), dict(loops=4, window=4, blocks=1)),
    (dict(family="gpt2", layers=3, b=1, T=1, inject="z=f(x+z)"), dict(loops=1, window=1, blocks=3)),
]
NAMES = ["ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias"]
NAMES += ["ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"]


def by_name(model):
    p = {"wpe.weight": model.p["wpe"]}
    for part in ("read_in", "ln_f", "read_out"):
        p[part + ".weight"], p[part + ".bias"] = model.p[part]
    for i, layer in enumerate(model.p["blocks"]):
        p |= {f"h.{i}.{name}": w for name, w in zip(NAMES, layer)}
    return p


def error(got, want):
    return ((got.double() - want).norm() / want.norm()).item()


for case, sizes in CASES:
    model = peer.Model(C=32, H=4, D=5, points=7, positions=9, **sizes)
    with torch.no_grad():
        for i, w in enumerate(peer.leaves(model.p)):  # larger weights, so that every term shows
            w += 0.2 * torch.randn(w.shape, generator=torch.Generator().manual_seed(i))
    p = {name: w.detach().double().requires_grad_() for name, w in by_name(model).items()}
    tokens = model.tokens.view(peer.BATCH, 14, 5).double()
    x, y = tokens[:, ::2], model.y.double()
    loss, want = model.loss(), parity.loss_of(p, case, x, y)
    loss.backward()
    want.backward()
    worst = max(error(w.grad, p[name].grad) for name, w in by_name(model).items())
    worst = max(worst, error(loss.detach(), want.detach()))
    worst = max(worst, error(model.infer(), parity.answers(p, case, parity.interleave(x, y))[-1].detach()))
    # single against double precision, over up to six loops
    ok = "ok" if worst < 1e-4 else "not ok"
    print(f"{ok} peer_{case['family']}_{case['b']}_{case['T']}: relative error {worst:.1e}")

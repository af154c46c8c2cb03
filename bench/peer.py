"""peer.py - the work of `innerloop bench` in PyTorch and numpy, at their best

    python3 bench/peer.py THREADS

`innerloop bench` starts one of these for every number of threads and speaks with it in lines:

    row NAME   ->  ready LABEL, or none REASON      builds the row's work and runs it once
    run        ->  seconds S                        the best of as many runs as fit in 0.05 s

The models are those of docs/models.md in single precision, on prompts made once; the forms
chosen are the fastest of those that docs/performance.md lists. Where PyTorch compiles (2.0 and newer, with a C++
compiler), a model's blocks are tried compiled, too, and the faster of both is measured.
"""

import ctypes
import glob
import math
import os
import sys
import time

sys.dont_write_bytecode = True  # leave no trace beside the program
THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
BATCH = 64


def prefer_openblas():
    """Debian may run PyTorch on the reference BLAS though a faster one is installed. A library
    that is loaded first wins over another of the same name, so load the fast one first."""
    own = os.environ.get("IL_PEER_BLAS")
    for path in [own] if own else sorted(glob.glob("/usr/lib/*/openblas-*/libblas.so.3")):
        try:
            return ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            pass


def prefer_avx512():
    """PyTorch 1.13 keeps to AVX2 on processors where it could do more"""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            flags = next((line.split() for line in info if line.startswith("flags")), [])
    except OSError:
        return
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags):
        os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512")


def blas_name():
    """The BLAS that numpy has loaded, or a PyTorch that has none built in, as its file says."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            text = maps.read()
    except OSError:
        return "unknown BLAS"
    names = {"openblas": "OpenBLAS", "libmkl": "MKL", "libblis": "BLIS", "atlas": "ATLAS"}
    return next((name for part, name in names.items() if part in text), "reference BLAS")


def torch_blas():
    """What PyTorch multiplies with: PyPI's has MKL and oneDNN in its own library."""
    built_in = [name for name, there in (("MKL", torch.backends.mkl), ("oneDNN", torch.backends.mkldnn)) if there.is_available()]
    return " and ".join(built_in) if torch.backends.mkl.is_available() else blas_name()


# ---- PyTorch ---------------------------------------------------------------------------------


def weights(C, D, positions, blocks):
    """Trainable tensors; a block's are a list in the order in which `block` takes them."""
    gen = torch.Generator().manual_seed(1)

    def w(*shape):
        return (torch.randn(shape, generator=gen) * 0.02).requires_grad_()

    def gain():
        return torch.ones(C, requires_grad=True), torch.zeros(C, requires_grad=True)

    def layer():
        return [*gain(), w(3 * C, C), w(3 * C), w(C, C), w(C), *gain(), w(4 * C, C), w(4 * C), w(C, 4 * C), w(C)]

    return {
        "read_in": (w(C, D), w(C)),
        "wpe": w(positions, C),
        "blocks": [layer() for _ in range(blocks)],
        "ln_f": gain(),
        "read_out": (w(1, C), w(1)),
    }


def leaves(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [leaf for part in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(part)]


def attention(q, k, v, mask):
    """(heads, T, K) each; mask (T, T) holds -inf above the diagonal"""
    scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(q.shape[-1]))
    return torch.bmm(scores.softmax(-1), v)


def block(x, p, B, T, H, mask):
    """x (B T, C)"""
    g1, b1, wqkv, bqkv, wo, bo, g2, b2, w1, c1, w2, c2 = p
    C = x.shape[1]
    qkv = F.linear(F.layer_norm(x, (C,), g1, b1), wqkv, bqkv).view(B, T, 3, H, C // H)
    z = attention(*qkv.permute(2, 0, 3, 1, 4).reshape(3, B * H, T, C // H), mask)
    z = z.view(B, H, T, C // H).transpose(1, 2).reshape(B * T, C)
    x = x + F.linear(z, wo, bo)
    h = F.gelu(F.linear(F.layer_norm(x, (C,), g2, b2), w1, c1), approximate="tanh")
    return x + F.linear(h, w2, c2)


def causal(T):
    return torch.full((T, T), -math.inf).triu(1)


class Model:
    """The three families in one: `loops` times the blocks, the last `window` with gradient."""

    def __init__(self, C, H, D, points, positions, loops, window, blocks, bf16=False, compiled=False):
        self.block = torch.compile(block, dynamic=False) if compiled else block
        self.H, self.T, self.loops, self.window, self.bf16 = H, 2 * points, loops, window, bf16
        self.p = weights(C, D, 2 * positions + 1, blocks)
        self.mask = causal(self.T)
        gen = torch.Generator().manual_seed(2)
        xs, w = torch.randn(BATCH, points, D, generator=gen), torch.randn(BATCH, D, 1, generator=gen)
        self.y = (xs @ w)[:, :, 0].contiguous()
        tokens = torch.zeros(BATCH, self.T, D)
        tokens[:, ::2], tokens[:, 1::2, 0] = xs, self.y
        self.tokens = tokens.view(-1, D)
        self.optimiser = torch.optim.Adam(leaves(self.p), lr=1e-4)

    def backbone(self, x):
        for p in self.p["blocks"]:
            x = self.block(x, p, BATCH, self.T, self.H, self.mask)
        return F.layer_norm(x, x.shape[1:], *self.p["ln_f"])

    def answer(self, Y):
        return F.linear(Y.view(BATCH, self.T, -1)[:, ::2], *self.p["read_out"])[:, :, 0]

    def embed(self):
        """What every loop adds: read-in and positions"""
        return F.linear(self.tokens, *self.p["read_in"]) + self.p["wpe"][: self.T].repeat(BATCH, 1)

    def loss(self):
        E = self.embed()
        Y, loss = torch.zeros(()), 0.0
        for loop in range(self.loops):
            with torch.set_grad_enabled(loop >= self.loops - self.window):
                Y = self.backbone(E + Y)
                if loop >= self.loops - self.window:
                    loss = loss + F.mse_loss(self.answer(Y).float(), self.y)
        return loss / self.window

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            loss = self.loss()
        loss.backward()
        self.optimiser.step()

    def infer(self):
        with torch.inference_mode():
            E = self.embed()
            Y = self.backbone(E)
            for _ in range(self.loops - 1):
                Y = self.backbone(E + Y)
            return self.answer(Y)


# ---- rows --------------------------------------------------------------------------------------


def products(form, C, points):
    """The four products of a block on one shard of 4 prompts"""
    M = 4 * 2 * points
    shapes = [(C, 3 * C), (C, C), (C, 4 * C), (4 * C, C)]
    X = [torch.randn(M, K) for K, _ in shapes]
    Y = [torch.randn(M, N) for _, N in shapes]
    W = [torch.randn(K, N) for K, N in shapes]

    def run():
        for x, y, w in zip(X, Y, W):
            if form == "nn":
                torch.mm(x, w, out=y)
            elif form == "nt":
                torch.mm(y, w.t(), out=x)
            else:
                w.addmm_(x.t(), y)

    return run


def heads(backward):
    """Attention of the 8 heads of 4 prompts of 82 tokens: q, k, v lie apart already"""
    q, k, v = (torch.randn(32, 82, 32, requires_grad=backward) for _ in range(3))
    mask = causal(82)
    if not backward:
        return lambda: attention(q, k, v, mask)
    out = attention(q, k, v, mask)
    dout = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True)


def mesa(K, backward):
    """The mesa layer of 32 prompts of 256 tokens, 4 heads: all 128 at once, token after token"""
    n, T = 128, 256
    q, k, v = (torch.randn(T, n, K, 1) for _ in range(3))
    q, k = (F.normalize(x, dim=2).requires_grad_(backward) for x in (q, k))
    v.requires_grad_(backward)
    start = torch.eye(K).expand(n, K, K).contiguous()

    def forward(update):
        R, S, out = start.clone(), torch.zeros(n, K, K), []
        for qt, kt, vt in zip(q.unbind(), k.unbind(), v.unbind()):
            w = torch.bmm(R, kt)
            z = w * torch.rsqrt(1 + torch.bmm(kt.transpose(1, 2), w))
            R = update(R, z, z.transpose(1, 2), alpha=-1)
            S = update(S, vt, kt.transpose(1, 2))
            out.append(torch.bmm(S, torch.bmm(R, qt)))
        return torch.stack(out)

    if not backward:
        def run():
            with torch.inference_mode():
                return forward(torch.Tensor.baddbmm_)
        return run
    out = forward(torch.baddbmm)
    dout = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True)


def build(name, compiled=False):
    """The row's work, or None; every row builds its own. `compiled`: of a model's row alone"""
    if compiled and not name.endswith(("_step", "_step_1t", "_step_bf16", "_inference")):
        return None
    if name == "algos_eval":
        return peer_algos.evaluation()
    if name == "trees_eval":
        return peer_algos.trees()
    if name.startswith("gemm_"):
        _, form, C = name.split("_")
        return products(form, int(C), {"256": 41, "64": 11}[C])
    if name.startswith("attention_"):
        return heads(name == "attention_backward")
    if name.startswith("mesa_"):
        return mesa(int(name.split("_")[2]), name.startswith("mesa_backward"))
    looped = dict(C=256, H=8, D=20, points=41, positions=101, loops=20, window=15, blocks=1)
    kinds = {
        "looped_step": looped,
        "looped_step_1t": looped,
        "looped_step_bf16": looped | {"bf16": True},
        "looped_inference": looped,
        "standard_step": looped | {"loops": 1, "window": 1, "blocks": 12},
        "small_step": dict(C=64, H=4, D=5, points=11, positions=41, loops=12, window=12, blocks=1),
    }
    if name not in kinds:
        return None
    model = Model(**kinds[name], compiled=compiled)
    return model.infer if name == "looped_inference" else model.step


def seconds_of(run):
    best, spent = math.inf, 0.0
    while spent < 0.05:
        start = time.perf_counter()
        run()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return best


def fastest(name):
    """The row's work, after its first run, and whether it is compiled"""
    run = build(name)
    if not run:
        return None, False
    run()
    if not hasattr(torch, "compile"):
        return run, False
    try:
        other = build(name, compiled=True)
        if other:
            other()
            if seconds_of(other) < seconds_of(run):
                return other, True
    except Exception as error:  # whatever a compiler says: the row is measured without
        print(f"{name} is not compiled: {str(error).splitlines()[0]}", file=sys.stderr)
    return run, False


def label(name, compiled):
    if name == "algos_eval":
        return f"numpy {numpy.__version__} ({blas_name()}), {peer_algos.LABEL}"
    if name == "trees_eval":
        return f"scikit-learn and XGBoost, {peer_algos.LABEL}"
    return f"PyTorch {torch.__version__} ({torch_blas()}{', compiled' if compiled else ''})"


def serve(lines):
    run, scale = None, 1.0
    for line in lines:
        word, _, name = line.strip().partition(" ")
        if word == "row":
            run = None  # gives back the last row's memory first
            run, compiled = fastest(name)
            scale = peer_algos.SCALE if name in ("algos_eval", "trees_eval") else 1.0
            print(f"ready {label(name, compiled)}" if run else f"none {name}", flush=True)
        elif word == "run" and run:
            print(f"seconds {scale * seconds_of(run):.9g}", flush=True)
        else:
            print("none", flush=True)


prefer_openblas()
prefer_avx512()
try:
    import numpy
    import torch
    import torch.nn.functional as F

    import peer_algos
except ImportError as error:
    sys.stdin.readline()
    print(f"missing {error}; install python3-torch, or ask with --no-peer", flush=True)
    sys.exit(0)

if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    try:
        serve(sys.stdin)
    except KeyboardInterrupt:
        pass

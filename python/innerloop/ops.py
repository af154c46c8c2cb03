"""What every operation of a plan computes, written once for PyTorch and for ONNX.

A function here takes `xp`, the arithmetic it is to be written in (`innerloop.torch.Arithmetic` or
`innerloop.onnx.Arithmetic`), the operation's options, its weights by name, and its inputs of shape
(prompts, tokens, width). Both have the operators + - * / and the few functions that are called here.
The formulas and their sources stand in docs/models.md and docs/mesa.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

KINDS: dict[str, Callable[..., Any]] = {}


def kind(function: Callable[..., Any]) -> Callable[..., Any]:
    KINDS[function.__name__] = function
    return function


@kind
def embed(xp, o, w, ids):
    return xp.rows(w["weight"], ids)


@kind
def linear(xp, o, w, x, residual=None):
    y = xp.linear(x, kept_form(xp, o, w["weight"]) if o["split"] else w["weight"])
    if o["bias"]:
        y = y + w["bias"]
    if o["act"] == "gelu":
        y = gelu(xp, o, w, y)
    return y if residual is None else residual + y


def kept_form(xp, o, weight):
    """The projection of a map on the form that it keeps: diag(A, B), each any matrix, a multiple of I, I, or zero."""
    n, split = o["out"], o["split"]
    keep, whole = np.zeros((n, n)), weight * 0
    for form, begin, end in ((o["first"], 0, split), (o["rest"], split, n)):
        eye = np.diag((np.arange(n) >= begin) & (np.arange(n) < end)).astype(float)
        if form == "matrix":
            keep[begin:end, begin:end] = 1
        elif form == "scalar" and end > begin:
            diagonal = xp.constant(eye, weight)
            whole = whole + xp.sum_all(weight * diagonal) / (end - begin) * diagonal
        elif form == "one":
            whole = whole + xp.constant(eye, weight)
    return whole + weight * xp.constant(keep, weight)


@kind
def add(xp, o, w, a, b):
    return a + b


@kind
def mul(xp, o, w, a, b):
    return a * b


@kind
def position(xp, o, w, a, b=None):
    x = a if b is None else a + b
    return x + xp.first(w["weight"], x)


@kind
def layernorm(xp, o, w, x):
    x = x - xp.mean(x)
    return x / xp.sqrt(xp.mean(x * x) + o["eps"]) * w["weight"] + w["bias"]


@kind
def rmsnorm(xp, o, w, x):
    return x / xp.sqrt(xp.mean(x * x) + o["eps"]) * w["weight"]


@kind
def l2norm(xp, o, w, x):
    x = xp.heads(x, o["groups"])
    return xp.joined(x / xp.sqrt(xp.sum(x * x) + o["eps"]))


@kind
def gelu(xp, o, w, x):
    return 0.5 * x * (1 + xp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


@kind
def relu(xp, o, w, x):
    return xp.relu(x)


@kind
def silu(xp, o, w, x):
    return x * xp.sigmoid(x)


@kind
def sigmoid(xp, o, w, x):
    return xp.sigmoid(x + o["shift"])


@kind
def clip(xp, o, w, x):
    return xp.clip(x, -o["limit"], o["limit"])


@kind
def slice(xp, o, w, x):  # noqa: A001 - the operation's name
    return o["scale"] * xp.columns(x, o["from"], o["from"] + o["out"])


@kind
def sinusoid(xp, o, w, x):
    """Beside every token, sines and cosines of its place t: sin(t f), cos(t f) with f = 10000^(-2i/out)."""
    angles = np.arange(xp.most_tokens)[:, None] * 10000.0 ** (-np.arange(0, o["out"], 2) / o["out"])
    table = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(xp.most_tokens, o["out"])
    return xp.beside(x, xp.first(xp.constant(table, x), x))


@kind
def conv(xp, o, w, x):
    """Causal: tap i is for the token i before."""
    return sum(xp.row(w["weight"], i) * xp.later(x, i) for i in range(1, o["taps"])) + xp.row(w["weight"], 0) * x


@kind
def attention(xp, o, w, *inputs):
    """Of all tokens where it is not causal; then a mask, the fourth input, multiplies the weights of the keys."""
    H = o["heads"]
    q, k, v = (xp.heads(x, H) for x in (inputs[:3] if len(inputs) > 1 else xp.thirds(inputs[0])))
    pattern = xp.einsum("bhik,bhjk->bhij", q, k) / math.sqrt(xp.width(q))
    if o["causal"]:
        pattern = xp.causal_softmax(pattern)
    else:
        pattern = xp.softmax(pattern, xp.of_keys(inputs[3]) if len(inputs) > 3 else None)
    return xp.joined(xp.einsum("bhij,bhjv->bhiv", xp.point("pattern", pattern), v))


@kind
def linear_attention(xp, o, w, q, k, v, mask=None):
    H = o["heads"]
    q, k, v = (xp.heads(x, H) for x in (q, k, v))
    pattern = o["scale"] * xp.einsum("bhik,bhjk->bhij", q, k)
    if mask is not None:
        pattern = pattern * xp.of_keys(mask)
    if o["causal"]:
        pattern = xp.causal(pattern)
    return xp.joined(xp.einsum("bhij,bhjv->bhiv", xp.point("pattern", pattern), v))


def outer(xp, a, b):
    return xp.einsum("bhk,bhv->bhkv", a, b)


def read(xp, G, q):
    return xp.einsum("bhkv,bhk->bhv", G, q)


@kind
def fast_weights(xp, o, w, q, k, v, beta, gamma=None):
    """G <- gamma G + beta k d^T with d = v, or of the delta rules d = v - gamma G^T k; y = G^T q."""
    H, rule = o["heads"], o["rule"]
    q, k, v, beta = (xp.heads(x, H) for x in (q, k, v, beta))
    if rule == "mlstm":  # one more channel, whose value is always 1, for the normaliser
        v = xp.beside(v, xp.columns(v, 0, 1) * 0 + 1)
    start = xp.zeros(q, xp.width(q), xp.width(v))
    if o["start"]:
        G0 = xp.split_rows(w["start"], H)
        start = start + (xp.beside(G0, xp.columns(G0, 0, 1) * 0) if rule == "mlstm" else G0)

    def step(G, q, k, v, beta, gamma=None):
        G = G if gamma is None else xp.gate(gamma) * G
        d = v - read(xp, G, k) if "delta" in rule else v
        G = G + outer(xp, beta * k, d)
        return G, read(xp, G, q)

    y = xp.scan(step, start, [q, k, v, beta] + ([] if gamma is None else [xp.heads(gamma, H)]))
    if rule == "mlstm":
        V = xp.width(y) - 1
        y = xp.columns(y, 0, V) / xp.at_least(xp.absolute(xp.columns(y, V, V + 1)), 1)
    return xp.joined(y)


@kind
def mesa(xp, o, w, q, k, v, *gates):
    """y_t = G_t P_t^{-1} q_t: at every token, ridge regression on all pairs so far, applied to q."""
    H, net = o["heads"], o["form"] == "net"
    q, k, v = (xp.heads(x, H) for x in (q, k, v))
    K, one = xp.width(q), xp.columns(q, 0, 1) * 0 + 1
    beta = xp.heads(gates[0], H) if net else one
    gamma = xp.heads(gates[-1], H) if gates else one
    if o["bound"] < 1:
        gamma = gamma * (1 - (1 - o["bound"]) * beta * beta)
    P = xp.zeros(q, K, K)
    if net:
        ridge = xp.split_rows(o["least"] + xp.softplus(w["ridge"] + 0.11064653495964616), H)
    else:
        P = P + xp.split_rows(1 / xp.at_least(w["lambda"], 1e-4), H) * xp.constant(np.eye(K), q)
    if o["start_keys"]:
        keys = xp.split_rows(w["start_keys"], H)
        P = P + xp.einsum("hrk,hrc->hkc", keys, keys)
    G = xp.zeros(q, K, xp.width(v))
    if o["start"]:
        G = G + xp.split_rows(w["start"], H)

    def gather(P, k, beta, gamma):
        P = xp.gate(gamma) * P + outer(xp, beta * k, k)
        return P, P

    def learn(G, k, v, beta, gamma, x):
        G = xp.gate(gamma) * G + outer(xp, beta * k, v)
        return G, read(xp, G, x)

    normal = xp.scan(gather, P, [k, beta, gamma])
    if net:
        normal = normal + xp.on_diagonal(ridge)
    return xp.joined(xp.scan(learn, G, [k, v, beta, gamma, xp.solved(normal, q)]))


# ---- how a prompt becomes tokens ---------------------------------------------------------------------------


def tokens(xp, layout: str, x, y, width: int):
    """Tokens (prompts, T, width) of examples x (B,N,D), y (B,N,O), and of a query where x has one more than y.

    Returns the tokens, and for every token whether it is a key (B,T,1).
    """
    if layout == "pairs":
        return xp.interleaved(xp.padded(x, width), xp.padded(y, width)), None
    if layout in ("columns", "led", "halves"):
        t = xp.beside(x, xp.longer(y, 1))
        mask = xp.longer(xp.columns(y, 0, 1) * 0 + 1, 1)
        t = xp.padded(xp.beside(t, mask) if layout == "halves" else t, width)
        if layout == "led":
            D = xp.width(x)
            t, mask = xp.led(t, D, 0), xp.led(mask, D, 1)
        return t, mask
    none = x * 0
    rows: Any = {
        "sequence": [0],
        "ids": [0],
        "constructed": [None, 0, 0, 1],
        "constructed1": [None, None, 0, 1],
        "stacked": list(range(width // xp.width(x))),
    }[layout]
    parts = [none if i is None else xp.later(x, i) if i else x for i in rows]
    t = parts[0]
    for part in parts[1:]:
        t = xp.beside(t, part)
    return xp.padded(t, width), xp.columns(x, 0, 1) * 0 + 1

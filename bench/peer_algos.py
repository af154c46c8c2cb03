"""peer_algos.py - the classical algorithms in numpy, as one writes them at first

Every prefix of every prompt is answered after every step by a loop in Python over LAPACK and
BLAS calls, with the options `innerloop list algos` shows as defaults. What a few prompts take is
scaled to all of them; every prompt costs the same.
"""

import math

import numpy as np

PROMPTS, POINTS, DIM, MEASURED = 1280, 41, 20, 4
SCALE = PROMPTS / MEASURED
LABEL = f"measured on {MEASURED} prompts and scaled to {PROMPTS}"


def ols(X, y, q):
    return q @ np.linalg.lstsq(X, y, rcond=None)[0]


def ridge(X, y, q):
    return q @ np.linalg.solve(X.T @ X + 0.1 * np.eye(DIM), X.T @ y)


def averaging(X, y, q):
    return q @ (X.T @ y) / len(y)


def knn(X, y, q):
    return y[np.argsort(((X - q) ** 2).sum(1))[:3]].mean()


def extremes(A):
    """The largest eigenvalue and the smallest that is not 0"""
    values = np.linalg.eigvalsh(A)
    return values[-1], values[values > values[-1] * 1e-12][0]


def gd(X, y, q):
    A, b, w, out = X.T @ X, X.T @ y, np.zeros(DIM), []
    L, l = extremes(A)
    for _ in range(101):
        out.append(q @ w)
        w = w + 2 / (L + l) * (b - A @ w)
    return out


def momentum(X, y, q):
    A, b, w, last, out = X.T @ X, X.T @ y, np.zeros(DIM), np.zeros(DIM), []
    L, l = (math.sqrt(v) for v in extremes(A))
    rate, keep = 4 / (L + l) ** 2, ((L - l) / (L + l)) ** 2
    for _ in range(101):
        out.append(q @ w)
        w, last = w + rate * (b - A @ w) + keep * (w - last), w
    return out


def cg(X, y, q):
    A, r, w, out = X.T @ X, X.T @ y, np.zeros(DIM), []
    p, rr, first = r, r @ r, r @ r
    for _ in range(41):
        out.append(q @ w)
        if rr <= 1e-30 * first:
            continue
        Ap = A @ p
        a = rr / (p @ Ap)
        w, r = w + a * p, r - a * Ap
        p, rr = r + (r @ r) / rr * p, r @ r
    return out


def newton(X, y, q):
    A, b, out = X.T @ X, X.T @ y, []
    M, two = A / np.linalg.norm(A @ A), 2 * np.eye(DIM)
    for _ in range(25):
        out.append(q @ (M @ b))
        M = M @ (two - A @ M)
    return out


def rls(X, y, queries):
    """One pass; answers every query from the points before it"""
    P, w, out = np.eye(DIM) / 0.01, np.zeros(DIM), []
    for x, t, q in zip(X, y, queries):
        out.append(q @ w)
        Px = P @ x
        k = Px / (1 + x @ Px)
        w = w + k * (t - w @ x)
        P = P - np.outer(k, Px)
    return out


PREFIX = [averaging, knn, ols, ridge, gd, momentum, cg, newton]


def answers(X, y):
    """All algorithms on one prompt; before the first point all answer 0"""
    out = {a.__name__: [a(X[:n], y[:n], X[n]) for n in range(1, POINTS)] for a in PREFIX}
    return out | {"rls": rls(X, y, X)}


def evaluation():
    """A run over the measured prompts; SCALE times its seconds is what all prompts take"""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(MEASURED, POINTS, DIM))
    y = (X @ rng.normal(size=(MEASURED, DIM, 1)))[:, :, 0]

    def run():
        for prompt in range(MEASURED):
            answers(X[prompt], y[prompt])

    return run

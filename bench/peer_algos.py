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


def gdpp(X, y, q):
    A, b, w, M, out = X.T @ X, X.T @ y, np.zeros(DIM), np.eye(DIM), []
    for _ in range(13):
        out.append(q @ w)
        now = M @ A @ M
        L, l = extremes(now)
        w = w + 2 / (L + l) * (M @ M @ (b - A @ w))
        M = (np.eye(DIM) - now / (3 * L)) @ M
    return out


def chebyshev(X, y, q):
    A, b, w, out = X.T @ X, X.T @ y, np.zeros(DIM), []
    L, l = extremes(A)
    c, e, d = (L + l) / 2, (L - l) / 2, np.zeros(DIM)
    share, kept, twice = 1 / c, 0, 1 / c
    for _ in range(41):
        out.append(q @ w)
        d = kept * d + twice * (b - A @ w)
        w = w + d
        share, last = 1 / (2 * c - e * e * share), share
        kept, twice = e * e * share * last, 2 * share
    return out


ALPHA = [1.0292039, 3.8550997, 3.7469113, 3.3827868, 2.9881542, 2.0934358]
BETA = [0, 0.6402129, 0.4798134, 0.8143542, 1.6680348, 2.4196014]


def p2(X, y, q):
    A, b, eye = X.T @ X + 0.001 * np.eye(DIM), X.T @ y, np.eye(DIM)
    c = np.linalg.norm(A)
    P, Q, last, out = eye, eye, eye, [q @ b / c]
    for a, m in zip(ALPHA, BETA):
        P = P @ (eye - a * A / c)
        Q, last = Q + P + m * (Q - last), Q
        out.append(q @ (Q @ b) / c)
    return out


def adaptive_ridge(X, y, q):
    w, _, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    if len(y) <= rank:
        return q @ w
    alpha = ((y - X @ w) ** 2).sum() / (len(y) - rank)
    return q @ np.linalg.solve(X.T @ X + alpha * np.eye(DIM), X.T @ y)


def lasso(X, y, q):
    """A hundred sweeps; before as many points as dimensions thousands would not be enough"""
    A, b, w, out = X.T @ X, X.T @ y, np.zeros(DIM), []
    most = abs(b).max()
    for t in range(7):
        over = max(most * 0.25**t, 0.01 * len(y))
        for _ in range(100 if over < most else 0):
            moved = 0
            for j in range(DIM):
                u = b[j] - A[j] @ w + A[j, j] * w[j]
                to = np.sign(u) * max(abs(u) - over, 0) / A[j, j]
                moved = max(moved, abs(to - w[j]) * A[j, j])
                w[j] = to
            if moved <= 1e-9 * most:
                break
        out.append(q @ w)
    return out


def logistic(X, y, q):
    w, out, R, n = np.zeros(DIM), [], math.sqrt((X**2).sum(1).max()), len(y)
    for _ in range(9):
        out.append(q @ w)
        s = 1 / (1 + np.exp(-X @ w))
        g = -X.T @ ((y >= 0) - s) / n + 0.1 * w
        H = X.T * (s * (1 - s) / n) @ X + 0.1 * np.eye(DIM)
        u = np.linalg.solve(H, g)
        far = R * np.linalg.norm(u)
        w = w - (math.log1p(far) / far if far > 0 else 1) * u
    return out


def ogd(X, y, queries):
    """One pass, one step an example"""
    w, out = np.zeros(DIM), []
    for x, t, q in zip(X, y, queries):
        out.append(q @ w)
        w = w + (t - w @ x) / (x @ x) * x
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


PREFIX = [averaging, knn, ols, ridge, adaptive_ridge, lasso, gd, momentum, cg, newton, gdpp]
PREFIX += [chebyshev, p2, logistic]


def answers(X, y):
    """All algorithms on one prompt; before the first point all answer 0"""
    out = {a.__name__: [a(X[:n], y[:n], X[n]) for n in range(1, POINTS)] for a in PREFIX}
    return out | {"rls": rls(X, y, X), "ogd": ogd(X, y, X)}


def evaluation():
    """A run over the measured prompts; SCALE times its seconds is what all prompts take"""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(MEASURED, POINTS, DIM))
    y = (X @ rng.normal(size=(MEASURED, DIM, 1)))[:, :, 0]

    def run():
        for prompt in range(MEASURED):
            answers(X[prompt], y[prompt])

    return run


def trees():
    """The same of the row trees_eval by scikit-learn and XGBoost, a fit for every prefix; None without them"""
    try:
        import xgboost
        from sklearn.neighbors import KNeighborsRegressor
        from sklearn.tree import DecisionTreeRegressor
    except ImportError:
        return None
    rng = np.random.default_rng(1)
    X = rng.normal(size=(MEASURED, POINTS, DIM))
    y = (X @ rng.normal(size=(MEASURED, DIM, 1)))[:, :, 0]

    def run():
        for prompt in range(MEASURED):
            for n in range(1, POINTS):
                KNeighborsRegressor(min(n, 3), weights="distance").fit(X[prompt, :n], y[prompt, :n]).predict(X[prompt, n:n + 1])
                for depth, seen in ((2, X[prompt]), (4, np.sign(X[prompt]))):
                    DecisionTreeRegressor(max_depth=depth).fit(seen[:n], y[prompt, :n]).predict(seen[n:n + 1])
                    model = xgboost.XGBRegressor(n_estimators=50, max_depth=4, learning_rate=0.1)
                    model.fit(seen[:n], y[prompt, :n]).predict(seen[n:n + 1])

    return run

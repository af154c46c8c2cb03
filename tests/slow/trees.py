"""trees.py - the trees, boosted trees and neighbours of innerloop against scikit-learn's and XGBoost's

Some prefixes of 200 prompts. With few examples several splits of a tree are equally good: scikit-learn takes one of them
by chance, so an answer is held to those of many of its seeds; XGBoost takes the first input, as innerloop does.
"""

import subprocess
import sys

import numpy as np
import xgboost
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

PROMPTS, POINTS, DIMS, SEEDS = 200, 41, 8, 1000
PREFIXES = [1, 2, 3, 5, 8, 13, 21, 30, 40]


def ours(task, algos):
    out = subprocess.run([sys.argv[1], task, str(PROMPTS), str(POINTS), str(DIMS), *algos], capture_output=True, check=True)
    numbers = np.frombuffer(out.stdout, np.float32)
    x, y, *answers = np.split(numbers, PROMPTS * POINTS * (DIMS + np.arange(len(algos) + 1)))
    return x.reshape(PROMPTS, POINTS, DIMS), y.reshape(PROMPTS, POINTS), [a.reshape(y.reshape(PROMPTS, POINTS).shape) for a in answers]


def tree(depth, seen, xs, y, q, got):
    """How far our answer is from the nearest of those that scikit-learn may give."""
    distance = np.inf
    for seed in range(SEEDS):
        model = DecisionTreeRegressor(max_depth=depth, random_state=seed).fit(seen(xs), y)
        distance = min(distance, abs(model.predict(seen(q))[0] - got))
        if distance <= 1e-6:
            break
    return distance


def boosted(rounds, seen, xs, y, q, got):
    params = {"max_depth": 4, "learning_rate": 0.1, "tree_method": "exact", "base_score": 0.5, "nthread": 1, "verbosity": 0}
    model = xgboost.train(params, xgboost.DMatrix(seen(xs), y), rounds)
    return abs(model.predict(xgboost.DMatrix(seen(q)))[0] - got)


def knn(k, weights, xs, y, q, got):
    model = KNeighborsRegressor(min(k, len(y)), weights=weights).fit(xs, y)
    return abs(model.predict(q)[0] - got)


CASES = [
    ("tree", 1e-6, tree, 2, lambda x: x),
    ("tree depth=4 inputs=sign", 1e-6, tree, 4, np.sign),
    ("tree depth=64", 1e-6, tree, None, lambda x: x),
    ("boosted_trees", 1e-4, boosted, 50, lambda x: x),
    ("boosted_trees inputs=sign", 1e-4, boosted, 50, np.sign),
    ("knn", 1e-6, knn, 3, "uniform"),
    ("knn k=5 weights=distance", 1e-6, knn, 5, "distance"),
]

failed = 0
for task in ("decision_tree", "relu_2nn"):
    x, y, answers = ours(task, [case[0] for case in CASES])
    for (name, tolerance, compare, *how), got in zip(CASES, answers):
        distance = np.array([[compare(*how, x[b, :k], y[b, :k], x[b, k : k + 1], got[b, k])
                              for k in PREFIXES] for b in range(PROMPTS)])  # fmt: skip
        beyond = int((distance > tolerance * (1 + abs(got[:, PREFIXES]))).sum())
        ok = beyond == 0 and not got[:, 0].any()
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {task}: {name}, {distance.size} answers, "
              f"{beyond} further than {tolerance:g}, median {np.median(distance):.1e}, largest {distance.max():.1e}")  # fmt: skip
sys.exit(failed > 0)

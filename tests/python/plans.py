"""Models for the tests of PlanModule and of ONNX: recipes with noise on all weights, and constructions.

`plan` (tests/parity/plan.c) makes them, draws random inputs, runs them forward and backward in C and writes down all
that it computed.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import innerloop
from innerloop import plan

ROOT = Path(__file__).parents[2]
PLANS = os.environ.get("PLANS", str(ROOT / "build/%/parity/plan"))
RECIPES = [("recipe", path.stem) for path in sorted((ROOT / "recipes").glob("*.yaml"))]
BUILT = [("build", row["name"]) for row in innerloop.table("constructions").rows] + [
    ("build", "newton order=3 ridge=0.1"), ("build", "gd momentum=0.3"), ("build", "inverse form=two_layers"),
    ("build", "logistic program=paper"), ("build", "graph form=heat"), ("build", "mesa_gd schedule=chebyshev"),
    ("build", "eigenvectors form=basis"),
]  # fmt: skip


def made(kind, name, dtype, folder):
    """The path of the model, and what C computed: {"slot.NAME", "op.NAME", "grad.NAME": array}."""
    program = Path(PLANS.replace("%", dtype))
    if not program.exists():
        pytest.skip(f"{program} is not built: make {program}")
    what = str(ROOT / "recipes" / f"{name}.yaml") if kind == "recipe" else name
    run = subprocess.run([program, kind, what, folder / "model.safetensors", folder / "out"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return folder / "model.safetensors", plan.read_tensors(folder / "out")[0]


def far_off(got, want, among=()):
    """The length of the difference, as a part of the length of what is wanted, or of the largest of `among`."""
    want = np.asarray(want, "f8")
    size = max([np.linalg.norm(want), *(np.linalg.norm(np.asarray(x, "f8")) for x in among)])
    return np.linalg.norm(np.asarray(got, "f8").reshape(want.shape) - want) / (size or 1)


def prompts(model, layout, rng):
    """What a model is asked in the tests: x, y and queries xq; y and xq are None for sequences, all for its own tokens."""
    points = min(6, model.n_positions - 1)
    x = rng.normal(size=(3, points, model.n_dims)) * 0.7
    if layout in ("pairs", "columns", "led", "halves"):
        return x, rng.normal(size=(3, points)), rng.normal(size=(3, 2, model.n_dims)) * 0.7
    if layout == "ids":
        return rng.integers(0, model.classes, (3, points, 1)), None, None
    return (None if layout == "own" else x), None, None


def expected(model, layout, x, y, xq):
    """The library's own answers."""
    if layout != "ids":
        return model(x, y, xq)
    scores = []
    for prompt in x[..., 0]:
        context = model.context()
        scores.append([context.next(int(i)) for i in prompt])
    return np.array(scores)

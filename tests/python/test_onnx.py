"""ONNX graphs under onnxruntime against the C core."""

import numpy as np
import pytest

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import innerloop  # noqa: E402
from innerloop import plan  # noqa: E402
from innerloop.onnx import OPSET, export  # noqa: E402
from plans import BUILT, RECIPES, expected, far_off, made, prompts  # noqa: E402


def run(proto, **inputs):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = {i.name: {"tensor(float)": "f4", "tensor(double)": "f8", "tensor(int64)": "i8"}[i.type] for i in session.get_inputs()}
    return session.run(None, {name: np.asarray(inputs[name], kind) for name, kind in wanted.items()})[0]


@pytest.mark.parametrize("dtype", ["float", "double"])
@pytest.mark.parametrize("kind,name", RECIPES + BUILT)
def test_a_graph_answers_as_the_core(kind, name, dtype, tmp_path, rng):
    path, found = made(kind, name, dtype, tmp_path)
    real = {"float": "float32", "double": "float64"}[dtype]
    checkpoint, model = plan.read(path), innerloop.load(path, dtype=real)
    layout, parts = checkpoint.config["model.tokens"], checkpoint.plan.parts
    proto = export(path, dtype=real, loops=min(checkpoint.plan.loops, 5) if layout == "own" else None)
    assert proto.opset_import[0].version == OPSET
    x, y, xq = prompts(model, layout, rng)
    if layout == "own":
        slots = {part: found["slot." + slot].reshape(2, -1, found["slot." + slot].shape[1])
                 for part, slot in parts.items() if "slot." + slot in found}  # fmt: skip
        want = found["op." + parts["answer"]][-len(found["slot." + parts["tokens"]]) :]
        got = run(proto, **slots)
    elif xq is None:
        want, got = expected(model, layout, x, y, xq), run(proto, x=x, ids=x[..., 0])
    else:
        want, got = model(x, y, xq)[:, 0], run(proto, x=x, y=y, query=xq[:, 0])
    assert far_off(got, want) < {"float": 1e-5, "double": 1e-11}[dtype]


def test_prompts_and_points_are_dynamic(tmp_path, rng):
    path, _ = made("recipe", "quick", "float", tmp_path)
    model, proto = innerloop.load(path), export(path, tmp_path / "quick.onnx")
    for prompts_, points in ((1, 1), (2, 3), (5, 9)):
        x, y = rng.normal(size=(prompts_, points, model.n_dims)), rng.normal(size=(prompts_, points))
        xq = rng.normal(size=(prompts_, 1, model.n_dims))
        assert far_off(run(proto, x=x, y=y, query=xq[:, 0]), model(x, y, xq)[:, 0]) < 1e-5

"""Looking inside: traces, patterns, patches."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import innerloop


@pytest.fixture
def model():
    return innerloop.build("newton", dims=5, loops=6)


def test_a_trace_holds_the_answers(model, linear):
    x, y, _, _ = linear
    trace = model.trace(x, y)
    assert trace.loops == list(range(1, 7)) and len(trace.tokens) == 20
    last = trace["read_out"][-1, :, trace.tokens[-1], 0]
    np.testing.assert_array_equal(last, model.run(x, y)[:, -1])
    assert trace["h.0.mlp.out"].shape == (6, 6, trace.tokens[-1] + 1, 12)
    with pytest.raises(innerloop.ConfigError, match="did you mean 'read_out'"):
        model.trace(x, y, slots=["read_outt"])


def test_patching_what_was_traced_changes_no_bit(model, linear):
    x, y, _, _ = linear
    slots = model.slots
    plain = model.run(x, y, loops="all")
    for name, what in zip(slots["name"], slots["what"]):
        if what in ("input", "pattern"):
            continue
        trace = model.trace(x, y, slots=[name])
        patch = {(name, loop): trace[name][loop - 1] for loop in trace.loops}
        np.testing.assert_array_equal(model.run(x, y, loops="all", patch=patch), plain, err_msg=name)


def test_a_function_is_a_patch(model, linear):
    x, y, _, _ = linear
    seen = []

    def halve(stream):
        seen.append(stream.shape)
        return stream / 2

    halved = model.run(x, y, patch={("h.0.mlp.out", 6): halve})
    trace = model.trace(x, y, slots=["h.0.mlp.out"])["h.0.mlp.out"]
    assert seen == [trace.shape[1:]]
    np.testing.assert_array_equal(halved, model.run(x, y, patch={("h.0.mlp.out", 6): trace[5] / 2}))
    assert np.abs(halved - model.run(x, y)).max() > 1e-3


def test_a_patch_that_raises_is_raised(model, linear):
    x, y, _, _ = linear
    with pytest.raises(ZeroDivisionError):
        model.run(x, y, patch={"h.0.mlp.out": lambda stream: 1 // 0})
    with pytest.raises(innerloop.ConfigError, match="must be"):
        model.run(x, y, patch={"h.0.mlp.out": np.zeros(7)})
    with pytest.raises(innerloop.ConfigError, match="no op puts it out"):
        model.run(x, y, patch={"carry": 0.0})
    with pytest.raises(innerloop.ConfigError, match=f"no loop 99 .*: this run has 1 to {model.loops}"):
        model.run(x, y, patch={("h.0.mlp.out", 99): 0.0})
    with pytest.raises(innerloop.ConfigError, match="no loop 2 .*: this run has 1 to 1"):
        model.trace(x, y, loops=1, patch={("h.0.mlp.out", 2): 0.0})


def test_patterns_weigh_the_values(linear):
    x, y, _, _ = linear
    model = innerloop.build("gd", dims=5, loops=3)
    trace = model.trace(x, y, slots=["h.0.attn", "h.0.attn.v", "h.0.attn.pattern"])
    heads = np.einsum("lbhij,lbjv->lbiv", trace["h.0.attn.pattern"], trace["h.0.attn.v"])
    np.testing.assert_allclose(trace["h.0.attn"], heads, atol=1e-4)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_trace_is_saved(model, linear, tmp_path, ending):
    x, y, _, _ = linear
    trace = model.trace(x, y, slots=["read_out", "h.0.mlp.out"])
    path = tmp_path / f"trace.{ending}"
    trace.save(path)
    if ending == "npz":
        read = dict(np.load(path))
        about = dict(text.decode().split("=", 1) for text in read.pop("settings"))
        assert about["model"] == model.hash and about["loops"] == str(trace.loops) and about["tokens"] == str(trace.tokens)
    else:
        numpy_of = pytest.importorskip("safetensors.numpy")
        read = numpy_of.load_file(path)
    assert set(read) == set(trace)
    for name in trace:
        np.testing.assert_array_equal(read[name], trace[name])
    with pytest.raises(innerloop.UsageError, match="npz"):
        trace.save(tmp_path / "trace.txt")
    with pytest.raises(innerloop.FileError, match="no/trace"):
        trace.save(tmp_path / "no" / f"trace.{ending}")


def test_explain_and_measure(tmp_path):
    model = innerloop.build("gd", dims=3, points=12, loops=4)
    said = model.explain(prompts=32)
    assert said.found == "runs" and said.family == "gd" and "gradient descent" in said.verdict
    assert len(said.layers["layer"]) == 4 and repr(said) == said.verdict
    table = model.evaluate(against="ols,gd@4", prompts=32)
    assert "ols" in table and len(table["model"]) == len(table["ols"])
    with pytest.raises(innerloop.UsageError, match="points"):
        model.measure("pointz")


def test_context_and_batch_agree(linear):
    x, y, xq, _ = linear
    recipe = innerloop.recipe("quick")
    model = recipe.model()
    context = model.context()
    for xi, yi in zip(x[0, :8], y[0, :8]):
        context.add(xi, yi)
    np.testing.assert_array_equal(context.ask_many(xq[0]), model(x[0, :8], y[0, :8], xq[0]))
    assert len(context) == 8 and len(context.copy()) == 8
    assert context.copy().ask(xq[0, 1]) == context.ask(xq[0, 1])


def test_more_examples_than_trained_on_warn(linear):
    x, y, xq, _ = linear
    model = innerloop.recipe("quick").model()
    with pytest.warns(innerloop.InnerloopWarning, match="at most 11 points"):
        model(x, y, xq)
    context = model.context()
    with pytest.warns(innerloop.InnerloopWarning, match="at most 11 points"):
        for xi, yi in zip(x[0], y[0]):
            context.add(xi, yi)


def test_the_program_dumps_the_same_trace(tmp_path):
    numpy_of = pytest.importorskip("safetensors.numpy")
    native = Path(innerloop.__file__).parent / "_native"
    said = subprocess.run([native / "bin" / "innerloop", "dump", native / "share" / "innerloop" / "models" /
                           "quick.safetensors", "-o", tmp_path / "d.safetensors", "--slots", "ln_f,h.0.attn.pattern",
                           "--prompts", "3"], check=True, capture_output=True, text=True).stdout
    assert "12 x 3 x 22 x 64" in said
    read = numpy_of.load_file(tmp_path / "d.safetensors")
    assert set(read) == {"ln_f", "h.0.attn.pattern", "x", "y", "w"}
    trace = innerloop.load("quick").trace(read["x"], read["y"][..., 0], slots=["ln_f", "h.0.attn.pattern"])
    for name in trace:
        np.testing.assert_array_equal(read[name], trace[name])


def test_explain_asks_anything_that_answers(model):
    own = model.explain(examples=20)
    asked = innerloop.explain(lambda x, y, query: model(x, y, query, loops="all"), dims=5, examples=20)
    assert (asked.found, asked.family, len(asked.layers["layer"])) == (own.found, own.family, 6)

    calls = []

    def ridge(x, y, query):
        calls.append(len(x))
        return query @ np.linalg.solve(x.T @ x + 2 * np.eye(3), x.T @ y)

    said = innerloop.explain(ridge, dims=3, prompts=16)
    assert said.sure and said.family == "ridge" and "alpha=2.000" in said.verdict
    assert calls == 16 * [12]


def test_explain_raises_what_an_answer_raises():
    with pytest.raises(ZeroDivisionError):
        innerloop.explain(lambda x, y, query: 1 // 0, dims=3)
    with pytest.raises(innerloop.ConfigError, match=r"16 queries have the shape \(3,\)"):
        innerloop.explain(lambda x, y, query: np.zeros(3), dims=3)
    shapes = iter([2, 2] + 64 * [3])
    with pytest.raises(innerloop.ConfigError, match=r"shape \(3, 16\), not \(16,\) or \(2, 16\)"):
        innerloop.explain(lambda x, y, query: np.zeros((next(shapes), len(query))), dims=3)
    with pytest.raises(innerloop.ConfigError, match="did you mean 'dims'"):
        innerloop.explain(lambda x, y, query: query[:, 0], dimms=3)
    with pytest.raises(innerloop.ConfigError, match="no function"):
        innerloop.explain("ridge")

"""Models: built, saved, loaded, asked; their errors."""

import copy
import pickle

import numpy as np
import pytest

import innerloop


def test_a_construction_solves_least_squares(linear):
    x, y, xq, yq = linear
    model = innerloop.build("newton", dims=5, loops=20, dtype="float64")
    answers = model(x, y, xq)
    assert answers.dtype == np.float64 and answers.shape == (6, 3)
    np.testing.assert_allclose(answers, yq, rtol=1e-6, atol=1e-8)


def test_shapes(linear):
    x, y, xq, _ = linear
    model = innerloop.build("newton", dims=5)
    assert model(x, y).shape == (6, 20)
    assert model(x, y, xq, loops="all").shape == (model.loops, 6, 3)
    assert model(x[0], y[0], xq[0]).shape == (3,)
    assert model(x[0], y[0], loops="all").shape == (model.loops, 20)
    np.testing.assert_array_equal(model(x, y, xq, loops=3), model(x, y, xq, loops="all")[2])
    np.testing.assert_array_equal(model(x, y, xq)[2], model(x[2], y[2], xq[2]))


def test_loops_stop_by_themselves(linear):
    x, y, xq, yq = linear
    model = innerloop.build("newton", dims=5, loops=30, dtype="float64")
    answers, loops = model(x, y, xq, loops="auto", return_loops=True)
    assert loops.shape == answers.shape and loops.max() < model.loops
    every = model(x, y, xq, loops="all")
    for at in np.ndindex(answers.shape):
        assert answers[at] == every[(loops[at] - 1, *at)]
    np.testing.assert_array_equal(model(x[2], y[2], xq[2], loops="auto"), answers[2])
    assert model(x, y, loops="auto").shape == y.shape
    with pytest.raises(innerloop.ConfigError, match="return_loops"):
        model(x, y, return_loops=True)
    with pytest.raises(innerloop.ConfigError, match="neither a number"):
        model(x, y, loops="some")


def test_queries_of_a_context_stop_by_themselves():
    model = innerloop.load("quick")
    rng = np.random.default_rng(1)
    x, y, query = rng.standard_normal((6, 5)), rng.standard_normal(6), rng.standard_normal(5)
    context = model.context(loops="auto")
    assert context.loops == 0
    for a, b in zip(x, y):
        context.add(a, b)
    answers, loops = model(x, y, query[None], loops="auto", return_loops=True)
    assert context.ask(query) == answers[0] and context.loops == loops[0]
    with pytest.raises(innerloop.ConfigError, match="neither"):
        model.context(loops="some")


def test_fewer_dimensions_are_padded(linear):
    x, y, xq, _ = linear
    model = innerloop.build("newton", dims=5)
    padded = x * (np.arange(5) < 3)
    np.testing.assert_array_equal(model(x[..., :3], y, xq[..., :3]), model(padded, y, xq * (np.arange(5) < 3)))


def test_a_model_is_the_same_after_saving(tmp_path, linear):
    x, y, xq, _ = linear
    model = innerloop.build("newton", dims=5)
    model.save(tmp_path / "newton.safetensors")
    again = innerloop.load(tmp_path / "newton.safetensors")
    assert again.hash == model.hash and len(model.hash) == 16
    np.testing.assert_array_equal(model(x, y, xq), again(x, y, xq))
    assert dict(again.config) == dict(model.config)


def test_weights_are_views_that_outlive_the_model():
    weights = innerloop.build("newton", dims=5).weights
    name, array = next(iter(weights.items()))
    assert array.dtype == np.float32 and not array.flags.writeable
    assert weights[name] is array
    assert sum(w.size for w in weights.values()) == innerloop.build("newton", dims=5).parameters["all"]


@pytest.mark.parametrize(
    "call, kind, status, sentence",
    [
        (lambda: innerloop.load("/nowhere/x.safetensors"), OSError, 5, "/nowhere/x.safetensors"),
        (lambda: innerloop.load("nosuch"), innerloop.FileError, 5, "one of the package's: quick"),
        (lambda: innerloop.load("quik"), innerloop.FileError, 5, "did you mean 'quick'"),
        (lambda: innerloop.recipe("quik"), innerloop.FileError, 5, "did you mean 'quick'"),
        (lambda: innerloop.recipe("no/quick"), innerloop.FileError, 5, "no/quick"),
        (lambda: innerloop.build("newton", dims=5)(np.ones((4, 5)), np.ones(4), np.ones(5)), ValueError, 3,
         "of a single prompt"),
        (lambda: innerloop.build("newtn"), ValueError, 3, "newton"),
        (lambda: innerloop.build("newton", dims=0), innerloop.ConfigError, 3, "dims"),
        (lambda: innerloop.build("newton", dims=5)(np.ones((1, 4, 6)), np.ones((1, 4))), ValueError, 3, "6 dimensions"),
        (lambda: innerloop.build("newton", dims=5)(np.ones((1, 4, 5)), np.ones((1, 3))), ValueError, 3, "y must be"),
        (lambda: innerloop.build("newton", dims=5)(np.ones((1, 4, 5))), ValueError, 3, "missing"),
        (lambda: innerloop.build("newton", dims=5).trace(np.ones((1, 999, 5)), np.ones((1, 999))), ValueError, 3,
         "n_positions"),
        (lambda: innerloop.build("newton", dtype="int8"), innerloop.Error, 2, "float32"),
    ],
)
def test_errors_are_the_library_s_sentences(call, kind, status, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        call()
    assert caught.value.status == status
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value) and str(again) == str(caught.value) and again.status == status


def test_tables_of_what_there_is():
    table = innerloop.table("constructions")
    assert "newton" in table["name"]
    assert table.to_pandas().shape == (len(table["name"]), len(table))
    assert "newton" in repr(table) and "<td>newton</td>" in table._repr_html_()
    with pytest.raises(innerloop.UsageError, match="tasks"):
        innerloop.table("taskz")


def test_a_model_of_sequences(rng):
    model = innerloop.recipe("lsa1").model()
    series = rng.normal(size=(3, 7, model.n_dims))
    answers = model(series)
    assert answers.shape == (3, 7, model.n_dims)
    context = model.context()
    for n in range(7):
        np.testing.assert_allclose(context.observe(series[0, n]), answers[0, n], rtol=1e-4, atol=1e-5)
    with pytest.raises(innerloop.ConfigError, match="not examples"):
        context.add(series[0, 0], 1.0)


def test_a_model_of_classes(rng):
    model = innerloop.recipe("recall").model()
    ids = rng.integers(0, model.classes, size=(2, 9))
    scores = model(ids)
    assert scores.shape == (2, 9, model.classes)
    np.testing.assert_array_equal(model(ids[1]), scores[1])
    context = model.context()
    for n in range(9):
        np.testing.assert_allclose(context.next(int(ids[0, n])), scores[0, n], rtol=1e-5, atol=1e-6)
    with pytest.raises(innerloop.ConfigError, match="id"):
        context.next(model.classes)

"""What does not fit is refused in a sentence of the library, and a file is written as a whole or not at all."""

import os
import random

import numpy as np
import pytest

import innerloop
from innerloop._files import whole
from innerloop.forecast import Forecaster

MODEL = innerloop.load("quick")


def sequence(x):
    context = MODEL.context()
    for at in x:
        context.add(at, 1.0)
    return context


@pytest.mark.parametrize("ask, sentence", [
    (lambda x, y, xq: MODEL(x, y.T), r"y must be \(6, 20\), as x has it, and is \(20, 6\)"),
    (lambda x, y, xq: MODEL(x, y.ravel()), r"y must be \(6, 20\), as x has it, and is \(120,\)"),
    (lambda x, y, xq: MODEL(x, y[:, :19]), r"y must be \(6, 20\)"),
    (lambda x, y, xq: MODEL(x[0], y[0, :4].reshape(2, 2)), r"y must be \(1, 20\)"),
    (lambda x, y, xq: MODEL(x, y, xq[..., :3]), "xq has 3 dimensions, and x has 5"),
    (lambda x, y, xq: MODEL(x[..., :3], y, xq, loops="auto"), "xq has 5 dimensions, and x has 3"),
    (lambda x, y, xq: MODEL(np.ma.masked_array(x, x > 1), y), "x has masked entries"),
    (lambda x, y, xq: MODEL(x, np.ma.masked_array(y, y > 1)), "y has masked entries"),
    (lambda x, y, xq: MODEL(x, y, loops=1.5), "loops = 1.5 is neither a number"),
    (lambda x, y, xq: MODEL(x, y, loops=float("nan")), "loops = nan is neither a number"),
    (lambda x, y, xq: MODEL(x, y, loops=(1 << 32) + 3), "4294967299 is not between"),
    (lambda x, y, xq: MODEL.trace(x, y.T), r"y must be \(6, 20\)"),
    (lambda x, y, xq: MODEL.run(x, y.T), r"y must be \(6, 20\)"),
    (lambda x, y, xq: sequence([x[0, :3]]), r"x is one point, of shape \(dimensions,\), and not of \(3, 5\)"),
    (lambda x, y, xq: sequence(x[0]).ask(x[0, :3]), r"x is one point, of shape \(dimensions,\), and not of \(3, 5\)"),
    (lambda x, y, xq: sequence(x[0]).ask_many(x), r"a context is one prompt, and x of shape \(6, 20, 5\) is of 6"),
    (lambda x, y, xq: MODEL.context().add(x[0, 0], y[0]), "y is one number, and not array"),
    (lambda x, y, xq: MODEL.context().add(x[0, 0], None), "y is one number, and not None"),
    (lambda x, y, xq: MODEL.context(loops=1.5), "1.5 is no whole number"),
])
def test_arrays_of_another_shape_are_never_cut_or_turned_round(linear, ask, sentence):
    x, y, xq, _ = linear
    with pytest.raises(innerloop.errors.ConfigError, match=sentence):
        ask(x, y, xq)


def test_a_column_and_a_single_prompt_are_answers_too(linear):
    x, y, xq, _ = linear
    answers = MODEL(x, y, xq)
    np.testing.assert_array_equal(MODEL(x, y[..., np.newaxis], xq), answers)
    for single in (y[0], y[:1], y[0, :, np.newaxis]):
        np.testing.assert_array_equal(MODEL(x[0], single, xq[0]), answers[0])
    context = MODEL.context()
    for at, answer in zip(x[0], y[0]):
        context.add(at[np.newaxis], np.float32(answer))
    assert context.ask(xq[0, :1]) == context.ask(xq[0, 0])


@pytest.mark.parametrize("call, sentence", [
    (lambda: innerloop.draw("linear_regression", prompts=(1 << 32) + 2), "4294967298 is not between -2147483648 and 2147483647"),
    (lambda: innerloop.draw("linear_regression", points=1.5), "1.5 is no whole number"),
    (lambda: innerloop.draw("linear_regression", seed=-1), "-1 is not between 0 and 18446744073709551615"),
    (lambda: innerloop.draw("linear_regression", seed=1 << 64), "18446744073709551616 is not between"),
    (lambda: innerloop.draw("linear_regression", step=0.5), "0.5 is no whole number"),
    (lambda: innerloop.build("newton\0 dims=3"), "holds a byte 0x00"),
    (lambda: MODEL.evaluate(against="ols\0,bogus"), "holds a byte 0x00"),
    (lambda: innerloop.recipe("quick", **{"training.task_name": "caf\udce9"}), "is no text"),
    (lambda: innerloop.measure("points", {"a\0b": MODEL, "c": MODEL}), "holds a byte 0x00"),
])
def test_what_c_would_cut_down_is_refused(call, sentence):
    with pytest.raises(innerloop.errors.ConfigError, match=sentence):
        call()


def test_a_task_of_other_shapes_is_refused(tmp_path):
    settings = {"training.train_steps": 2, "training.batch_size": 2, "training.warmup_steps": 0}
    for number, (x, y, sentence) in enumerate([
        ((0, 11, 5), (0, 11), "a task of arrays is x"), ((4, 11, 5), (3, 11), "a task of arrays is x"),
        ((4, 3, 5), (4, 3), "11 points of at most 5 dimensions are asked for"),
        ((4, 11, 5), (4, 11, 2), "1 numbers a point are asked for"),
    ]):  # fmt: skip
        with pytest.raises(innerloop.errors.ConfigError, match=sentence):
            innerloop.train("quick", tmp_path / str(number), set=settings, task=(np.zeros(x), np.zeros(y)))


def test_metrics_that_are_being_written_or_damaged(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2}\n{"step": 2, "loss": null}\n{"step": 3, "lo')
    metrics = innerloop.Run(tmp_path).metrics
    assert list(metrics["step"]) == [1, 2] and np.isnan(metrics["loss"][1])
    for line in ("{", "3", '{"step": [1]}', '{"step": "one"}'):
        (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1}}\n{line}\n')
        with pytest.raises(innerloop.errors.ConfigError, match="metrics.jsonl:2: is no line of metrics"):
            innerloop.Run(tmp_path).metrics


# ---- files -------------------------------------------------------------------------------------------------


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to("file")
    with whole(link) as out:
        out.write(b"first")
    assert link.is_symlink() and file.read_bytes() == b"first"
    with pytest.raises(RuntimeError), whole(file) as out:
        out.write(b"second")
        raise RuntimeError
    with pytest.raises(innerloop.errors.FileError, match="file cannot be written: No space left"), whole(file) as out:
        out.write(b"third")
        raise OSError(28, "No space left on device")
    assert file.read_bytes() == b"first" and sorted(os.listdir(tmp_path)) == ["file", "link"]


def writers():
    trace = MODEL.trace(np.ones((2, 5)), np.ones(2))
    yield lambda path: trace.save(f"{path}.npz")
    yield lambda path: trace.save(f"{path}.safetensors")
    yield lambda path: MODEL.save(path)
    yield lambda path: Forecaster().learn_one(1.0).save(path)


def test_every_writer_says_what_cannot_be_written(tmp_path):
    for write in writers():
        with pytest.raises(innerloop.errors.FileError, match="cannot be written"):
            write(tmp_path / "nowhere" / "file")
        with pytest.raises(innerloop.errors.FileError, match="cannot be written"):
            for name in ("folder", "folder.npz", "folder.safetensors"):
                (tmp_path / name).mkdir(exist_ok=True)
            write(tmp_path / "folder")
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_a_damaged_forecaster_is_refused(tmp_path):
    forecaster = Forecaster(horizon=2)
    for value in range(20):
        forecaster.learn_one(value % 5)
    forecaster.save(tmp_path / "state")
    data = (tmp_path / "state").read_bytes()
    choose = random.Random(5)
    for trial in range(60):
        changed = bytearray(data)
        changed[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        (tmp_path / "changed").write_bytes(changed if trial else b"")
        try:  # the names of a zip's members stand twice in it, and a date matters to nobody
            assert Forecaster.load(tmp_path / "changed").forecast() == forecaster.forecast()
        except innerloop.errors.ConfigError as error:
            assert "is no file of a forecaster, or it is damaged" in str(error)
    for facts, latest in (("[]", np.zeros(3)), ("{}", np.zeros((1, 2, 5))), ('{"model": false}', np.zeros((1, 2, 5)))):
        np.savez(tmp_path / "other.npz", facts=np.array(facts), latest=latest, state=np.zeros(3, np.uint8))
        with pytest.raises(innerloop.errors.ConfigError, match="is no file of a forecaster"):
            Forecaster.load(tmp_path / "other.npz")

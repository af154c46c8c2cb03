"""Training: the program's bits, tasks of one's own, stopping and resuming."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import innerloop

TINY = {"model.n_embd": 16, "model.n_head": 2, "training.batch_size": 8, "training.train_steps": 30,
        "training.log_every_steps": 10, "training.schedule": "constant", "training.warmup_steps": 0}


def test_the_program_and_python_train_the_same_bits(tmp_path):
    program = Path(innerloop.__file__).parent / "_native" / "bin" / "innerloop"
    said = subprocess.run([program, "train", "quick", "--out", tmp_path / "program",
                           *(f"{key}={value}" for key, value in TINY.items())],
                          check=True, capture_output=True, text=True).stdout
    run = innerloop.train("quick", tmp_path / "python", set=TINY)
    assert said.split()[-1] == run.model.hash
    assert run.model.step == 30 and run.config["training.train_steps"] == 30
    assert list(run.metrics["step"]) == [10, 20, 30]
    assert run.metrics.to_pandas().shape[0] == 3


def test_a_task_of_python_fed_from_draw_gives_the_task_s_hash(tmp_path):
    def task(step, index, points, dims):
        drawn = innerloop.draw("linear_regression", 1, points, dims, n_dims=5, seed=42, stream="train", step=step,
                               first=index)
        return drawn.x[0], drawn.y[0]

    own = innerloop.train("quick", tmp_path / "own", set=TINY, task=task)
    built_in = innerloop.train("quick", tmp_path / "built_in", set=TINY)
    assert own.model.hash == built_in.model.hash


def test_a_task_of_arrays(tmp_path, rng):
    x = rng.normal(size=(240, 11, 5)).astype("float32")
    y = x[:, :, 0]
    fixed = {**TINY, "training.curriculum.dims.start": 5}
    first = innerloop.train("quick", tmp_path / "arrays", set=fixed, task=(x, y))
    second = innerloop.train("quick", tmp_path / "function", set=fixed,
                             task=lambda step, index: (x[(8 * step + index) % 240], y[(8 * step + index) % 240]))
    assert first.model.hash == second.model.hash


def test_training_starts_from_a_model_and_is_evaluated(tmp_path):
    first = innerloop.train("quick", tmp_path / "first", set=TINY)
    still = {**TINY, "training.learning_rate": 0, "training.min_learning_rate": 0, "training.train_steps": 2}
    assert innerloop.train("quick", tmp_path / "still", set=still, init=first.model).model.hash == first.model.hash
    errors = []
    run = innerloop.train("quick", tmp_path / "on", set={**TINY, "training.eval_every_steps": 15}, init=tmp_path / "first",
                          on_step=lambda progress: errors.append(progress.error))
    assert run.model.hash != first.model.hash
    assert np.isnan(errors[:14]).all() and np.isfinite(errors[14:]).all()
    logged = dict(zip(run.metrics["step"], run.metrics["error"]))
    assert list(logged) == [10, 15, 20, 30] and logged[15] == errors[14] and np.isnan(logged[20])
    with pytest.raises(innerloop.ConfigError, match="holds no weight"):
        innerloop.train("quick", tmp_path / "none", set={**TINY, "model.n_embd": 32}, init=first.model)
    with pytest.raises(innerloop.ConfigError, match="eval_every_steps"):
        innerloop.train("quick", tmp_path / "none", set={**TINY, "training.eval_every_steps": 5},
                        task=lambda step, index: (np.zeros((11, 5)), np.zeros(11)))


def test_a_task_that_raises_is_raised(tmp_path):
    def task(step, index):
        raise KeyError("no prompt")

    with pytest.raises(KeyError, match="no prompt"):
        innerloop.train("quick", tmp_path / "run", set=TINY, task=task)
    with pytest.raises(innerloop.ConfigError, match="are asked for"):
        innerloop.train("quick", tmp_path / "other", set=TINY, task=lambda step, index: (np.ones((2, 5)), np.ones(2)))


def test_on_step_stops_and_the_run_resumes_exactly(tmp_path):
    class Enough(Exception):
        pass

    steps = []

    def stop(progress):
        steps.append(progress.step)
        if progress.step == 12:
            raise Enough

    with pytest.raises(Enough):
        innerloop.train("quick", tmp_path / "run", set=TINY, on_step=stop)
    assert steps == list(range(13))
    with pytest.raises(innerloop.ConfigError, match="resume"):
        innerloop.train("quick", tmp_path / "run", set=TINY)
    run = innerloop.train("quick", tmp_path / "run", set=TINY, resume=True)
    assert run.model.hash == innerloop.train("quick", tmp_path / "whole", set=TINY).model.hash


def test_ctrl_c_saves(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"""
import os, signal, innerloop
settings = {TINY!r}
def step(progress):
    if progress.step == 5:
        os.kill(os.getpid(), signal.SIGINT)
try:
    innerloop.train("quick", {str(tmp_path / 'run')!r}, set=settings, on_step=step)
except KeyboardInterrupt as error:
    print(error.status, error)
run = innerloop.train("quick", {str(tmp_path / 'run')!r}, set=settings, resume=True)
print(run.model.hash)
""")
    said = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout.splitlines()
    assert said[0].startswith("130 stopped and saved after step 6")
    assert said[1] == innerloop.train("quick", tmp_path / "whole", set=TINY).model.hash


def test_what_is_noted_points_at_the_caller(tmp_path):
    with pytest.warns(innerloop.InnerloopWarning) as said:
        innerloop.train("quick", tmp_path / "run", set={**TINY, "training.eval_every_steps": 30})
    assert said[0].filename == __file__


def test_runs(tmp_path):
    innerloop.train("quick", tmp_path / "a", set=TINY)
    (tmp_path / "b").mkdir()
    assert [run.folder.name for run in innerloop.runs(str(tmp_path / "*"))] == ["a"]


def test_recipes_and_their_errors():
    recipe = innerloop.recipe("quick", **{"training.seed": 7})
    assert recipe["training.seed"] == 7 and recipe["model.family"] == "gpt2_loop"
    assert "n_embd: 64" in str(recipe) and len(recipe.hash) == 16
    with pytest.raises(innerloop.ConfigError, match="did you mean 'training.learning_rate'"):
        innerloop.recipe("quick", **{"training.learning_rat": 1})
    with pytest.raises(innerloop.FileError):
        innerloop.recipe("no_such_recipe")


def test_draw_is_a_function_of_coordinates():
    many = innerloop.draw("linear_regression", 6, 9, 5, seed=3)
    one = innerloop.draw("linear_regression", 1, 9, 5, seed=3, first=4)
    np.testing.assert_array_equal(many.x[4], one.x[0])
    np.testing.assert_allclose(many.y, np.einsum("nkd,nd->nk", many.x, many.w), rtol=1e-5, atol=1e-6)
    skewed = innerloop.draw("linear_regression", 6, 9, 5, shift="orthogonal_train_test")
    assert skewed.xq is not None and skewed.xq.shape == skewed.x.shape
    with pytest.raises(innerloop.Error, match="linear_regression"):
        innerloop.draw("linear_regresion")


def test_a_sweep_goes_on_where_it_was_stopped(tmp_path):
    class Enough(Exception):
        pass

    def stop(progress):
        if progress.step == 7:
            raise Enough

    over = {"training.seed": [1, 2], "training.optimizer": ["adam", "sgd"]}
    with pytest.raises(Enough):
        innerloop.sweep("quick", over, tmp_path, set=TINY, on_step=stop)
    runs = innerloop.sweep("quick", over, tmp_path, set=TINY)
    assert [run.folder.name for run in runs] == ["seed=1,optimizer=adam", "seed=1,optimizer=sgd",
                                                 "seed=2,optimizer=adam", "seed=2,optimizer=sgd"]
    table = innerloop.compare(runs)
    assert list(table["training.seed"]) == ["1", "1", "2", "2"] and list(table["step"]) == [30] * 4
    assert len(set(table["hash"])) == 4 and "model.n_embd" not in table
    alone = innerloop.train("quick", tmp_path / "alone", set={**TINY, "training.seed": 2})
    assert alone.model.hash == table["hash"][2]

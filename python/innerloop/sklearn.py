"""Regressors for scikit-learn: a model that learns in context, and the classical algorithms.

    make_pipeline(SimpleImputer(), InContextRegressor("quick")).fit(X, y).predict(X_new)
    GridSearchCV(AlgorithmRegressor(), {"algorithm": ["ridge alpha=0.1", "ridge alpha=10", "knn k=5"]})

Fitting keeps the examples, nothing is trained: prediction is what the model makes of them in context.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from typing import Any, List, Optional, Union

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._library import address, library, settings, warn
from .model import Model, load
from .table import Table

LARGEST = 1 << 13  # numbers of prompts that an algorithm without weights is handed at a time, in thousands


class _Examples(RegressorMixin, BaseEstimator):
    """What both have in common: the examples are checked and kept."""

    def fit(self, X: Any, y: Any) -> Any:
        """Keep the examples.

        Parameters
        ----------
        X : (n, features) numbers
        y : (n) numbers

        Raises
        ------
        ValueError for what is no table of finite numbers
        """
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        self.X_, self.y_ = X, np.asarray(y, np.float64)
        return self

    def _queries(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64)


class InContextRegressor(_Examples):
    """A trained model that answers in context of the examples it was fitted with, as `innerloop predict` does.

    Columns are scaled in every prompt, columns that are more than the model takes are chosen by their correlation with
    the target, and more examples than fit one prompt are dealt into several, whose answers are averaged
    (docs/predict.md). Every prompt's examples are run once, and a query costs one token more.

    Parameters
    ----------
    model : str, path or innerloop.Model
        a name of `innerloop.models()`, a checkpoint or a run folder
    prompts : int
        an ensemble of so many prompts, where the examples do not fit one
    loops : int or "auto", optional
        the model's own number unless given; "auto": every query stops by itself
    seed : int
        which examples go into which prompt

    Attributes
    ----------
    model_ : innerloop.Model

    Raises
    ------
    ValueError, FileError where there is no such model, or it cannot answer with numbers
    """

    def __init__(self, model: Union[str, "os.PathLike[str]", Model] = "quick", prompts: int = 32,
                 loops: Union[int, str, None] = None, seed: int = 0) -> None:  # fmt: skip
        self.model, self.prompts, self.loops, self.seed = model, prompts, loops, seed

    def fit(self, X: Any, y: Any) -> Any:
        super().fit(X, y)
        self.model_ = self.model if isinstance(self.model, Model) else load(self.model)
        return self

    def predict(self, X: Any) -> Any:
        """Answers (n) to the rows of X (n, features), each alone in context of the examples."""
        X = self._queries(X)
        if len(self.y_) == 1 or _same(self.X_).all():
            return np.full(len(X), _mean(self.y_))  # nothing to learn from
        given = {"target": "y", "prompts": self.prompts, "seed": self.seed}
        if self.loops is not None:
            given["loops"] = self.loops
        examples, queries = _table(self.X_, self.y_), _table(X)
        return _predict(self.model_, examples, queries, given)

    def __getstate__(self) -> Any:
        """Pickled without the loaded model, which `model` names, or whose bytes are taken along."""
        state = dict(super().__getstate__())
        loaded = state.pop("model_", None)
        state["fitted_"] = loaded is not None
        if isinstance(state.get("model"), Model):
            state["model"] = _bytes(state["model"])
        return state

    def __setstate__(self, state: Any) -> None:
        fitted = state.pop("fitted_", False)
        if isinstance(state.get("model"), bytes):
            state["model"] = _from_bytes(state["model"])
        super().__setstate__(state)
        if fitted:
            self.model_ = self.model if isinstance(self.model, Model) else load(self.model)


class AlgorithmRegressor(_Examples):
    """A classical learning algorithm of `innerloop.table("algos")`, in double precision: "ridge alpha=0.1", "ols", ...

    Parameters
    ----------
    algorithm : str
        a name with options, as `innerloop list algos` shows them
    steps : int, optional
        the answer after so many of its steps; its last unless given
    centre : bool
        whether the examples' means are taken out first and put back, which fits an intercept

    Attributes
    ----------
    coef_ : (features) of an algorithm that has weights

    Raises
    ------
    ValueError naming the algorithm or option that there is not
    """

    def __init__(self, algorithm: str = "ridge", steps: Optional[int] = None, centre: bool = True) -> None:
        self.algorithm, self.steps, self.centre = algorithm, steps, centre

    def fit(self, X: Any, y: Any) -> Any:
        super().fit(X, y)
        self.x_mean_ = _mean(self.X_) if self.centre else np.zeros(self.n_features_in_)
        self.y_mean_ = _mean(self.y_) if self.centre else 0.0
        self._varies = ~_same(self.X_) | (not self.centre)
        self.coef_ = None
        try:
            self.coef_ = self._run(self.X_[:1], weights=True)
        except ValueError:
            self._run(self.X_[:1], weights=False)  # it has no weights, or does not exist, which is said here
        return self

    def predict(self, X: Any) -> Any:
        """Answers (n) to the rows of X (n, features)."""
        X = self._queries(X)
        if self.coef_ is not None:
            return (X - self.x_mean_) @ self.coef_ + self.y_mean_
        together = max(1, LARGEST * 1000 // ((len(self.y_) + 1) * X.shape[1]))
        parts = [self._run(X[i : i + together], weights=False) for i in range(0, len(X), together)]
        return np.concatenate(parts) + self.y_mean_

    def _run(self, queries: Any, weights: bool) -> Any:
        """The algorithm on one prompt a query, whose last point is the query; its weights there, or its answers."""
        lib = library("float64")
        handle = lib.new("il_algo_new", self.algorithm.encode())
        try:
            step = lib.c.il_algo_steps(handle) if self.steps is None else self.steps
            B, N, D = len(queries), len(self.y_) + 1, queries.shape[1]
            x, y = np.empty((B, N, D)), np.zeros((B, N))
            x[:, :-1], x[:, -1], y[:, :-1] = self.X_ - self.x_mean_, queries - self.x_mean_, self.y_ - self.y_mean_
            x[:, :-1] *= self._varies  # what rounding leaves of a column of equal numbers is none of its values
            noise, none = np.zeros(B), np.zeros((B, D))
            batch = lib.struct("il_batch", prompts=B, points=N, dim=D, outs=1, x=address(x), y=address(y),
                               w=address(none), noise=address(noise))  # fmt: skip
            out = np.empty((B, N))
            what = np.empty((B, N, D)) if weights else None
            lib.call("il_algo_predict", handle, ctypes.byref(batch), step, step, address(out), address(what))
        finally:
            lib.c.il_algo_free(handle)
        return out[:, -1] if what is None else what[0, -1]


def _same(X: Any) -> Any:
    """Which columns hold one number in all rows, but for rounding (4 units in the last place), as for `predict`."""
    low, high = X.min(0), X.max(0)
    with np.errstate(over="ignore"):
        return high - low <= 4 * np.finfo(float).eps * np.maximum(abs(low), abs(high))


def _mean(values: Any) -> Any:
    """The mean over rows, also where their sum is more than a double holds."""
    scale = 2.0 ** np.ceil(np.log2(len(values))) if np.abs(values).max() > 1e290 else 1.0
    return (values / scale).mean(0) * scale


# ---- tables and models for the library ---------------------------------------------------------------------


class _Rows:
    """A table of the library: columns x0, x1, ... and, of examples, y."""

    def __init__(self, columns: "List[tuple[str, Any]]") -> None:
        lib = library()
        self.lib, self.handle = lib, lib.new("il_table_new", b"table")
        for name, _ in columns:
            lib.call("il_table_add_col", self.handle, name.encode(), 0)
        for row in range(len(columns[0][1])):
            lib.call("il_table_add_row", self.handle)
            for at, (_, values) in enumerate(columns):
                lib.c.il_table_set(self.handle, row, at, float(values[row]))

    def __del__(self) -> None:
        self.lib.c.il_table_free(self.handle)


def _table(X: Any, y: Any = None) -> _Rows:
    columns = [(f"x{i}", X[:, i]) for i in range(X.shape[1])]
    return _Rows(columns if y is None else [*columns, ("y", y)])


def _predict(model: Model, examples: _Rows, queries: _Rows, given: Any) -> Any:
    lib = model._lib
    answers, summary = ctypes.c_void_p(), lib.words["il_prediction"]()
    texts, n = settings(given)
    lib.call("il_predict", model._handle, examples.handle, queries.handle, texts, n, ctypes.byref(answers),
             ctypes.byref(summary))  # fmt: skip
    notes = ctypes.string_at(summary.notes).decode().splitlines() if summary.notes else []
    lib.c.il_prediction_free(ctypes.byref(summary))
    found = Table._take(lib, answers.value or 0)["prediction"]
    for note in notes:
        if "model" in note:  # not what is said of the columns x0, x1, ..., which are none of the user's
            warn(note, 4)
    return np.array(found, np.float64)


def _bytes(model: Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.safetensors")
        model.save(path)
        with open(path, "rb") as file:
            return file.read()


def _from_bytes(data: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.safetensors")
        with open(path, "wb") as file:
            file.write(data)
        return load(path)

"""Measures of models, and which learning algorithm they run."""

import copy
import ctypes
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

import numpy as np

from ._library import Array, Library, encoded, library, settings
from .errors import ConfigError, Error
from .table import Table
from .tasks import view

if TYPE_CHECKING:
    from .model import Model


class Explanation:
    """Which learning algorithm a model's forward pass runs.

    Attributes
    ----------
    found : "none", "resembles" or "runs"
    sure : bool
        The name stands without reserve.
    verdict : str
        A sentence or two.
    family, runner_up, reading : str
        The algorithm, the next best one, and how the layers were read.
    first, explained : int
        The first layer that counts, from 1; how many are explained.
    steps_per_layer, score, runner_up_score : float
        Steps of a layer or loop (NaN if the layers do not say); the part of the readings that is left unexplained.
    layers, families, steps, spectrum, answers : Table
        By layer, by algorithm, by layer and step, by eigenvalue of the examples, and the answers beside the
        algorithm's.
    """

    found: str
    sure: bool
    verdict: str
    family: str
    runner_up: str
    reading: str
    first: int
    explained: int
    tail: int
    steps_per_layer: float
    score: float
    runner_up_score: float
    layers: Table
    families: Table
    steps: Table
    spectrum: Table
    answers: Table

    def __repr__(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        return f"<p>{self.verdict}</p>{self.layers._repr_html_()}"


def explain(model: Any, **options: Any) -> Explanation:
    """Which learning algorithm a model runs, and how many of its steps a layer or loop is worth.

    Parameters
    ----------
    model : a Model; or any function (x, y, query) -> answers that learns from one prompt: x (n, dims) and y (n) are
        its examples, query (q, dims) what is asked, and it answers (q) numbers, or (layers, q) with those after each of
        its layers; or an object with `fit(x, y)` and `predict(query)`, as scikit-learn's regressors are, a copy of
        which is fitted on each prompt
    options : of a Model those of `innerloop explain` (prompts, examples, data, queries, seed, ...), of anything else
        those of `innerloop problems` (dims, examples, data, prompts, queries, seed)

    Raises
    ------
    ConfigError with the nearest option, or for answers of another shape; whatever the function raises.
    """
    lib = getattr(model, "_lib", None)
    if isinstance(lib, Library):
        return _explained(lib, "il_explain", [model._handle], options)
    lib, asked = library(), _Asked(model)
    answer = lib.callback("il_explain_answer", lambda *arguments: asked.answer(lib, *arguments))
    layers = 0
    while asked.layers != layers:  # one prompt tells how many there are
        layers = asked.layers
        try:
            said = _explained(lib, "il_explain_call", [answer, None, layers], options)
        except Error:
            if asked.raised is not None:
                raise asked.raised from None
            if asked.layers == layers:
                raise
    return said


class _Asked:
    """A function or an estimator that answers the library's prompts."""

    def __init__(self, model: Any) -> None:
        if not callable(model) and not (hasattr(model, "fit") and hasattr(model, "predict")):
            raise ConfigError(f"{type(model).__name__} is no Model, no function (x, y, query) -> answers and has no fit and "
                              "predict", 3)
        self._fits = hasattr(model, "fit") and hasattr(model, "predict")
        self._model = copy.deepcopy(model) if self._fits else model
        self.layers = 1
        self._told = False
        self.raised: Optional[BaseException] = None

    def _answers(self, x: Array, y: Array, query: Array) -> Array:
        if self._fits:
            return np.asarray(self._model.fit(x, y).predict(query), dtype=float)
        return np.asarray(self._model(x, y, query), dtype=float)

    def answer(self, lib: Library, _context: Any, n: int, dim: int, x: int, y: int, queries: int, query: int, to: int,
               error: int) -> int:
        """il_explain_answer"""
        try:
            said = self._answers(view(lib, x, n, dim).copy(), view(lib, y, n).copy(), view(lib, query, queries, dim).copy())
            layers = len(said) if said.ndim == 2 else 1
            if said.ndim not in (1, 2) or said.shape[-1] != queries or (self._told and layers != self.layers):
                wanted = f" or ({self.layers}, {queries})" if self._told else f" or (layers, {queries})"
                raise ConfigError(f"the answers to {queries} queries have the shape {said.shape}, not ({queries},){wanted}", 3)
            stop, self.layers, self._told = layers != self.layers, layers, True
            if stop:
                return 1
            ctypes.memmove(to, np.ascontiguousarray(said).ctypes.data, said.nbytes)
            return 0
        except BaseException as problem:  # it cannot pass through C: `explain` raises it
            self.raised = problem
            return 1


def _explained(lib: Library, function: str, arguments: List[Any], options: Dict[str, Any]) -> Explanation:
    struct = lib.struct("il_explanation")
    texts, n = settings(options)
    lib.call(function, *arguments, texts, n, ctypes.byref(struct))
    said = Explanation()
    try:
        for field, kind in struct._fields_:
            value = getattr(struct, field)
            if kind is ctypes.c_void_p:
                value = Table._copy(lib, value) if value else Table.of(lib, field, {})
            elif isinstance(value, bytes):
                value = value.decode()
            elif field == "found":
                value = ("none", "resembles", "runs")[value]
            elif field == "sure":
                value = bool(value)
            setattr(said, field, value)
    finally:
        lib.c.il_explanation_free(ctypes.byref(struct))
    return said


def measure(name: str, models: "Sequence[Model] | Dict[str, Model]", **options: Any) -> Table:
    """A measure of models, as a table: "points", "loops", "mean", "lens", "probe", "weights", "patch", ...

    Parameters
    ----------
    name : a row of `table("measures")`
    models : as many as it takes; of a dict the keys are what columns and rows call them
    options : its options, as against="ols,gd@10", prompts=256, shift="skewed"

    Raises
    ------
    UsageError with the nearest measure or option, ConfigError.
    """
    named: Optional[Dict[str, "Model"]] = models if isinstance(models, dict) else None
    given: List["Model"] = list(named.values()) if named is not None else [model for model in models if not isinstance(model, str)]
    if not given:
        raise ConfigError(f"{name}: there is no model to measure", 3)
    lib = given[0]._lib
    if any(model._lib is not lib for model in given):
        raise ConfigError(f"{name}: the models compute in different types", 3)
    names: Any = None
    if named or len(given) > 1:
        texts = list(named) if named else [f"model {i + 1}" for i in range(len(given))]
        names = (ctypes.c_char_p * len(given))(*(encoded(text) for text in texts))
    handles = (ctypes.c_void_p * len(given))(*(model._handle for model in given))
    options_given, n = settings(options)
    handle = lib.new("il_measure", name.encode(), handles, names, len(given), options_given, n)
    return Table._take(lib, handle)


def evaluate(model: "Model", by: str = "points", against: Optional[str] = None, **options: Any) -> Table:
    """The model's error by number of examples ("points"), by loops ("loops"), or its mean ("mean"), beside
    algorithms as against="ols,newton,gd@10"; `shift` changes the prompts."""
    return measure(by, [model], **({} if against is None else {"against": against}), **options)

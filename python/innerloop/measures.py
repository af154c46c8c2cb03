"""Measures of models, and which learning algorithm they run."""

import ctypes
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from ._library import settings
from .errors import ConfigError
from .table import Table

if TYPE_CHECKING:
    from .model import Model


class Explanation:
    """Which learning algorithm a model's forward pass runs.

    Attributes
    ----------
    found : "none", "resembles" or "runs"
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


def explain(model: "Model", **options: Any) -> Explanation:
    """Which learning algorithm a model runs, and how many of its steps a layer or loop is worth.

    `options` are those of `innerloop explain`: prompts, examples, data, queries, seed, ...
    """
    lib = model._lib
    struct = lib.struct("il_explanation")
    texts, n = settings(options)
    lib.call("il_explain", model._handle, texts, n, ctypes.byref(struct))
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
        names = (ctypes.c_char_p * len(given))(*(text.encode() for text in texts))
    handles = (ctypes.c_void_p * len(given))(*(model._handle for model in given))
    options_given, n = settings(options)
    handle = lib.new("il_measure", name.encode(), handles, names, len(given), options_given, n)
    return Table._take(lib, handle)


def evaluate(model: "Model", by: str = "points", against: Optional[str] = None, **options: Any) -> Table:
    """The model's error by number of examples ("points"), by loops ("loops"), or its mean ("mean"), beside
    algorithms as against="ols,newton,gd@10"; `shift` changes the prompts."""
    return measure(by, [model], **({} if against is None else {"against": against}), **options)

"""Prompts drawn from the library's tasks, at coordinates: the same ones give the same prompts everywhere."""

import ctypes
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from ._declared import CONSTANTS
from ._library import Array, Library, library
from .config import overridden
from .errors import UsageError


class Prompts(NamedTuple):
    """Prompts: x (n, k, d), y (n, k) or (n, k, o), w the task's weights (n, d) or (n, o, d), noise (n) the deviation
    of the noise on y; where queries differ from the examples xq (n, k, d), and yq, what they ask for."""

    x: Array
    y: Array
    w: Array
    noise: Array
    xq: Optional[Array]
    yq: Optional[Array]


def draw(task: str, prompts: int = 64, points: int = 11, dims: int = 5, n_dims: Optional[int] = None, seed: int = 0,
         stream: str = "user", step: int = 0, first: int = 0, shift: Optional[str] = None,
         dtype: npt.DTypeLike = "float32", **options: Any) -> Prompts:
    """Draws prompts of a task.

    Parameters
    ----------
    task : a row of `table("tasks")`; `options` are its options
    prompts, points, dims : how many, how long, and how many dimensions are alive
    n_dims : width of an input (dims); what is beyond `dims` is zero
    seed, stream, step, first : where the random numbers are: "train", "eval" or "user", the step, and which prompt
        of it is the first
    shift : a row of `table("shifts")`, as "scaled_x=2"

    Raises
    ------
    ConfigError or UsageError with the nearest name.
    """
    lib = library(dtype)
    config = overridden(lib, lib.struct("il_config"), {"training.task_name": task, **{
        f"training.{name}": value for name, value in options.items()}}, fresh=True)
    known = f"IL_STREAM_{stream.upper()}"
    if known not in CONSTANTS:
        raise UsageError(f"there is no stream '{stream}': train, eval or user", 2)
    found = lib.c.il_task_find(config.training.task_name)
    opts = ctypes.addressof(config.training) + type(config.training).task_opts.offset
    width = n_dims or dims
    outs = lib.c.il_task_outs(found, opts, width)
    batch = lib.new("il_batch_new_outs", prompts, points, width, outs)
    try:
        at = lib.struct("il_draw", seed=seed, stream=CONSTANTS[known], step=step, first=first)
        lib.call("il_batch_draw", batch, found, opts, shift.encode() if shift else None, dims, at)
        return _copied(lib, lib.words["il_batch"].from_address(batch))
    finally:
        lib.c.il_batch_free(batch)


def view(lib: Library, at: Optional[int], *shape: int) -> Array:
    """The library's memory as an array."""
    memory = (lib.words["real"] * int(np.prod(shape))).from_address(at or 0)
    return np.frombuffer(memory, dtype=lib.dtype).reshape(shape)


def _copied(lib: Library, b: Any) -> Prompts:
    B, N, D, O = b.prompts, b.points, b.dim, b.outs
    answers = (B, N) if O == 1 else (B, N, O)
    return Prompts(
        view(lib, b.x, B, N, D).copy(), view(lib, b.y, *answers).copy(),
        view(lib, b.w, *((B, D) if O == 1 else (B, O, D))).copy(), view(lib, b.noise, B).copy(),
        view(lib, b.xq, B, N, D).copy() if b.xq else None, view(lib, b.yq, *answers).copy() if b.yq else None)

"""Contexts: one prompt, example by example."""

import ctypes
from typing import TYPE_CHECKING, Any, List, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._library import Array, address, warn
from .errors import ConfigError

if TYPE_CHECKING:
    from .model import Model


class Context:
    """A prompt that grows. What earlier tokens left behind is remembered, so that one more example or query costs
    one token in every loop. The answers are bit for bit those of the whole prompt.

    Made by `Model.context`. It belongs to one thread at a time.
    """

    def __init__(self, model: "Model", loops: Union[int, str] = 0) -> None:
        self.model = model
        self._lib = model._lib
        self._loops = loops
        self._given: List[Tuple[Any, ...]] = []
        if isinstance(loops, str) and loops != "auto":
            raise ConfigError(f"loops = {loops!r} is neither a number nor 'auto'", 3)
        self._handle = self._lib.new("il_context_new", model._handle, 0 if loops == "auto" else loops)
        if loops == "auto":
            self._lib.call("il_context_until", self._handle, None)

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", 0), 0
        if handle:
            self._lib.c.il_context_free(handle)

    def __len__(self) -> int:
        return int(self._lib.c.il_context_points(self._handle))

    @property
    def loops(self) -> int:
        """How many the last query took; 0: none yet."""
        return int(self._lib.c.il_context_loops(self._handle))

    def clear(self) -> None:
        """Forgets all points."""
        self._given.clear()
        self._lib.c.il_context_clear(self._handle)

    def copy(self) -> "Context":
        """Another context with the same points, which are given to it again."""
        other = Context(self.model, self._loops)
        for method, *arguments in self._given:
            getattr(other, method)(*arguments)
        return other

    def _input(self, x: npt.ArrayLike) -> Array:
        rows = self._inputs(np.atleast_2d(self.model._plain(x, "x")))
        if len(rows) != 1:
            raise ConfigError(f"x is one point, of shape (dimensions,), and not of {np.shape(x)}", 3)
        first: Array = rows[0]
        return first

    def _inputs(self, xs: npt.ArrayLike) -> Array:
        prompts = self.model._points_of(xs, "x")
        if len(prompts) != 1:
            raise ConfigError(f"a context is one prompt, and x of shape {np.shape(xs)} is of {len(prompts)}", 3)
        prompt: Array = prompts[0]
        return prompt

    def _note(self) -> None:
        note = self._lib.c.il_context_note(self._handle)
        if note:
            warn(note.decode(), 4)

    def add(self, x: npt.ArrayLike, y: float) -> None:
        """One more example: x (d), y a number. Raises ConfigError when the context is full."""
        at = self._input(x)
        try:
            y = float(y)
        except (TypeError, ValueError):
            raise ConfigError(f"y is one number, and not {y!r}", 3) from None
        self._lib.call("il_context_add", self._handle, address(at), y)
        self._given.append(("add", at, y))
        self._note()

    def ask(self, x: npt.ArrayLike) -> float:
        """The model's answer at x (d); the context stays as it is."""
        return float(self.ask_many(self._input(x)[np.newaxis])[0])

    def ask_many(self, xs: npt.ArrayLike) -> Array:
        """The answers (q) at xs (q, d), each as if it were the only one."""
        queries = self._inputs(xs)
        out = np.empty(len(queries), dtype=self._lib.dtype)
        step, at, to = queries.itemsize * queries.shape[1], address(queries) or 0, address(out) or 0
        for i in range(len(queries)):
            self._lib.call("il_context_ask", self._handle, at + i * step, to + i * out.itemsize)
        self._note()
        return out

    def observe(self, x: npt.ArrayLike) -> Array:
        """A sequence's next observation x (d); what the model expects to come after it (d)."""
        if self.model.outs == 1:
            raise ConfigError("the model's prompts are examples or ids, not observations of a sequence", 3)
        at = self._input(x)
        out = np.empty(self.model.outs, dtype=self._lib.dtype)
        self._lib.call("il_context_observe", self._handle, address(at), address(out))
        self._given.append(("observe", at))
        self._note()
        return out

    def next(self, id: int) -> Array:
        """Of a model of classes: one more id, and the scores (classes) of the one after it."""
        scores = ctypes.c_void_p()
        self._lib.call("il_context_next", self._handle, id, ctypes.byref(scores))
        self._given.append(("next", id))
        self._note()
        memory = (self._lib.words["real"] * self.model.classes).from_address(scores.value or 0)
        return np.array(memory, dtype=self._lib.dtype)

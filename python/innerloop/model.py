"""Models: loading, building, asking them."""

import ctypes
import os
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _library
from ._library import Array, Library, address, encoded, library, pointers, value_text
from .config import Config
from .context import Context
from .errors import ConfigError
from .measures import Explanation, evaluate, explain, measure
from .patch import Patched, Patches
from .table import Table
from .trace import Trace

Loops = Union[int, str, None]
SHIPPED = _library.NATIVE / "share" / "innerloop" / "models"


class Weights(Mapping[str, Array]):
    """The weights of a model by name: read-only views, each (rows, columns)."""

    def __init__(self, model: "Model") -> None:
        self._model = model
        self._arrays: Dict[str, Array] = {}
        lib = model._lib
        for index in range(lib.c.il_model_weights(model._handle)):
            name, array = self._read(lib, index)
            self._arrays[name] = array

    def _read(self, lib: Library, index: int) -> Tuple[str, Array]:
        name, data = ctypes.c_char_p(), ctypes.c_void_p()
        rows, cols = ctypes.c_int(), ctypes.c_int()
        lib.c.il_model_weight(self._model._handle, index, *map(ctypes.byref, (name, data, rows, cols)))
        real = lib.words["real"]
        memory = (real * (max(rows.value, 1) * cols.value)).from_address(data.value or 0)
        memory._model = self._model  # the weights lie in the model
        array: Array = np.frombuffer(memory, dtype=lib.dtype)
        array = array.reshape(rows.value, cols.value) if rows.value else array
        array.flags.writeable = False
        return (name.value or b"").decode(), array

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Any:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


class Model:
    """A model that learns in context. `load`, `build` and `train` make one; it is constant, and any number of
    threads may use it at once.

    Attributes
    ----------
    points : int
        Points of the longest prompts that it was trained on, of which the last is the query alone.
    dims, loops : int
        Dimensions that were alive at the end of its training, and loops.
    n_dims, n_positions : int
        Width of an input, and points of the longest prompt that fits.
    classes : int
        Of a model of classes, else 0.
    outs : int
        Numbers of an answer: 1, or n_dims for a model of sequences.
    """

    def __init__(self, lib: Library, handle: int) -> None:
        self._lib = lib
        self._handle = handle
        c = lib.c
        self.points: int = c.il_model_points(handle)
        self.dims: int = c.il_model_dims(handle)
        self.loops: int = c.il_model_loops(handle)
        self.classes: int = c.il_model_classes(handle)
        self.step: int = c.il_model_step(handle)
        struct = lib.words["il_config"].from_address(c.il_model_config(handle))
        struct._model = self
        self.config = Config(lib, struct)
        self.n_dims: int = struct.model.n_dims
        self.n_positions: int = struct.model.n_positions
        task = c.il_task_find(struct.training.task_name)
        self.outs: int = c.il_task_outs(task, None, self.n_dims) if task else 1
        self._told: set[str] = set()
        self._slots: Optional[Table] = None

    def __del__(self, free: Any = None) -> None:
        handle, self._handle = getattr(self, "_handle", None), 0
        if handle:
            self._lib.c.il_model_free(handle)

    @property
    def dtype(self) -> "np.dtype[Any]":
        """float32 or float64: what it computes in."""
        return self._lib.dtype

    @property
    def hash(self) -> str:
        """Of names, shapes and weights: the number that `innerloop train` prints."""
        return f"{self._lib.c.il_model_hash(self._handle):016x}"

    @property
    def weights(self) -> Weights:
        """The weights by name, as read-only views."""
        return Weights(self)

    @property
    def parameters(self) -> Dict[str, int]:
        """Numbers of parameters: of the "backbone" (blocks and final norm), the "embedding", and "all"."""
        counts = self._lib.c.il_model_counts(self._handle)
        return {name: getattr(counts, name) for name, _ in counts._fields_}

    @property
    def program(self) -> Optional[str]:
        """What a built model was assembled from: what it computes, its registers, its layers. None for others."""
        text: Optional[bytes] = self._lib.c.il_model_program(self._handle)
        return text.decode() if text else None

    @property
    def registers(self) -> Dict[str, Tuple[int, int]]:
        """Where a built model's registers lie in its stream: name to (first column, columns). Empty for others."""
        found: Dict[str, Tuple[int, int]] = {}
        for line in (self.program or "").splitlines():
            words = line.split()
            if words[:1] == ["register"] and len(words) >= 4:
                found[words[1]] = (int(words[2]), int(words[3]))
        return found

    @property
    def slots(self) -> Table:
        """All that `trace` can record, with its width, what it is, and where it stands."""
        if self._slots is None:
            self._slots = Table._take(self._lib, self._lib.new("il_model_slots", self._handle))
        return self._slots

    def save(self, path: "os.PathLike[str] | str") -> None:
        """Writes a checkpoint (.safetensors), as a whole or not at all. Raises FileError."""
        self._lib.call("il_model_save", self._handle, os.fsencode(path))

    def context(self, loops: Union[int, str] = 0) -> Context:
        """One prompt, to be filled example by example. `loops` 0: the model's; "auto": queries stop by themselves, as
        in `__call__`, and `Context.loops` says after how many."""
        return Context(self, loops)

    # ---- prompts ----

    def _plain(self, values: npt.ArrayLike, name: str) -> Array:
        """Numbers of the model's type; entries that are masked would count with whatever lies beneath."""
        if np.ma.is_masked(values):
            raise ConfigError(f"{name} has masked entries, and every number of a prompt counts: leave them out, or fill them", 3)
        return np.asarray(values, dtype=self.dtype)

    def _points_of(self, x: npt.ArrayLike, name: str) -> Array:
        """(B,N,n_dims) of an (B,N,d) or (N,d), padded with zeros where d is smaller."""
        array = self._plain(x, name)
        if self.classes:
            array = array[..., np.newaxis] if array.ndim < 3 else array
        if array.ndim == 2:
            array = array[np.newaxis]
        if array.ndim != 3:
            raise ConfigError(f"{name} must be (prompts, points, dimensions), or (points, dimensions) of a single prompt, and "
                              f"is of shape {np.shape(x)}", 3)
        if array.shape[2] > self.n_dims:
            raise ConfigError(
                f"{name} has {array.shape[2]} dimensions, and the model takes {self.n_dims}: leave some out, or "
                f"train a model with model.n_dims={array.shape[2]}", 3)
        if array.shape[2] < self.n_dims:
            array = np.pad(array, ((0, 0), (0, 0), (0, self.n_dims - array.shape[2])))
        return np.ascontiguousarray(array)

    def _batch(self, x: Array, y: Array, xq: Optional[Array] = None) -> Any:
        """An il_batch around arrays; the arrays are kept by it."""
        B, N, D = x.shape
        batch = self._lib.struct("il_batch", prompts=B, points=N, dim=D, outs=y.shape[2] if y.ndim == 3 else 1,
                                 x=address(x), y=address(y), xq=address(xq))
        batch._arrays = (x, y, xq)
        return batch

    def _loops(self, loops: Loops) -> Tuple[int, int]:
        """first and last of what `loops` asks for"""
        if loops is None:
            return self.loops, self.loops
        if loops == "all":
            return 1, self.loops
        if not isinstance(loops, (int, np.integer)) or loops < 1:
            raise ConfigError(f"loops = {loops!r} is neither a number from 1 nor 'all'; queries and plain calls of a "
                              "model of numbers take 'auto', too", 3)
        return int(loops), int(loops)

    def __call__(self, x: npt.ArrayLike, y: Optional[npt.ArrayLike] = None, xq: Optional[npt.ArrayLike] = None,
                 loops: Loops = None, return_loops: bool = False) -> Any:
        """The model's answers.

        Parameters
        ----------
        x : (n, k, d) or (k, d)
            The examples' inputs of n prompts, d at most `n_dims`. Of a model of sequences, the observations; of a
            model of classes, ids (n, k) or (k).
        y : (n, k) or (k,)
            What the inputs have as answers; without it, for a model of sequences.
        xq : (n, q, d) or (q, d), optional
            Queries, each asked in context of all k examples of its prompt.
        loops : int, "auto" or "all", optional
            Answers after so many loops, as many as in training unless given; "all": after each, in front; "auto":
            every answer after the first loop that changes the stream at its token by at most 2 % of its length, or
            as many as in training. Prompts that are done leave the batch, so easy ones cost less.
        return_loops : bool
            Of "auto": also return how many loops each answer took.

        Returns
        -------
        (n, q) with queries; else (n, k): answer i is what the model says at x[i] from examples 0 .. i-1. A model
        of sequences answers (n, k, d): what it expects after each observation; one of classes (n, k, classes), the
        scores of the next id. "all" puts loops in front, and a single prompt has no n. In y's units.

        Raises
        ------
        ConfigError
            when the prompts do not fit the model; the sentence says what is too large.
        """
        if return_loops and loops != "auto":
            raise ConfigError("return_loops goes with loops=\"auto\"", 3)
        if self.classes:
            return self.run(x, y, loops=loops)
        single = np.ndim(x) == 2
        if loops == "auto":
            answers, took = self._settled(x, y, xq)
            found = (answers[0], took[0]) if single else (answers, took)
            return found if return_loops else found[0]
        first, last = self._loops(loops)
        xs = self._points_of(x, "x")
        B, N, _ = xs.shape
        ys = self._answers_of(xs, y)
        self._warn(N + (xq is not None), int(np.shape(x)[-1]), last)
        if xq is None:
            out = np.empty((last - first + 1, *ys.shape), dtype=self.dtype)
            self._lib.call("il_model_answer", self._handle, ctypes.byref(self._batch(xs, ys)), first, last,
                           address(out))
        else:
            out = self._ask(xs, ys, self._queries_of(x, xs, xq), first, last)
        if single:
            out = out[:, 0]
        return out if loops == "all" else out[0]

    def _settled(self, x: npt.ArrayLike, y: Optional[npt.ArrayLike], xq: Optional[npt.ArrayLike]) -> Tuple[Array, Array]:
        """The answers of loops that stop by themselves, and how many each took."""
        xs = self._points_of(x, "x")
        ys = self._answers_of(xs, y)
        batch = self._batch(xs, ys)
        self._warn(xs.shape[1] + (xq is not None), int(np.shape(x)[-1]), self.loops)
        queries = None if xq is None else self._queries_of(x, xs, xq)
        shape = xs.shape[:2] if queries is None else queries.shape[:2]
        out, took = np.empty((*shape, *ys.shape[2:]), dtype=self.dtype), np.empty(shape, dtype=np.intc)
        if queries is None:
            self._lib.call("il_model_answer_until", self._handle, ctypes.byref(batch), None, address(out), address(took))
        else:
            self._lib.call("il_model_ask_until", self._handle, ctypes.byref(batch), address(queries), shape[1], None,
                           address(out), address(took))
        return out, took

    def _queries_of(self, x: npt.ArrayLike, xs: Array, xq: npt.ArrayLike) -> Array:
        queries = self._points_of(xq, "xq")
        if np.shape(xq)[-1] != np.shape(x)[-1]:
            raise ConfigError(f"xq has {np.shape(xq)[-1]} dimensions, and x has {np.shape(x)[-1]}", 3)
        if queries.shape[0] != xs.shape[0]:
            raise ConfigError(f"xq holds queries of {queries.shape[0]} prompts, and x of {xs.shape[0]}", 3)
        return queries

    def _answers_of(self, xs: Array, y: Optional[npt.ArrayLike]) -> Array:
        B, N, D = xs.shape
        if y is None and self.classes:
            following = np.full((B, N), -1, dtype=self.dtype)
            following[:, :-1] = xs[:, 1:, 0]
            return following
        if y is None:
            if self.outs == 1:
                raise ConfigError("y, the examples' answers, is missing", 3)
            ys = np.zeros_like(xs)
            ys[:, :-1] = xs[:, 1:]
            return ys
        wanted = (B, N) if self.outs == 1 else (B, N, self.outs)
        ys = np.ascontiguousarray(self._plain(y, "y"))
        shapes = [wanted] if B > 1 else [wanted, wanted[1:]]
        shapes += [(*shape, 1) for shape in shapes if self.outs == 1]  # a column
        if ys.shape not in shapes:  # as many numbers in another shape are others' answers
            raise ConfigError(f"y must be {wanted}, as x has it, and is {np.shape(y)}", 3)
        return ys.reshape(wanted)

    def _ask(self, xs: Array, ys: Array, xq: Array, first: int, last: int) -> Array:
        """(loops,B,Q), or (loops,B,Q,O): every query in context of all examples of its prompt."""
        out = np.empty((last - first + 1, *xq.shape[:2], *ys.shape[2:]), dtype=self.dtype)
        batch = self._batch(xs, ys)
        self._lib.call("il_model_ask", self._handle, ctypes.byref(batch), address(xq), xq.shape[1], first, last,
                       address(out))
        return out

    def _warn(self, points: int, dims: int, loops: int) -> None:
        """Once for every sentence: more than the model was trained on."""
        if points <= self.points and dims <= self.dims and loops <= self.loops:
            return
        note = ctypes.create_string_buffer(256)
        if self._lib.c.il_model_beyond(self._handle, points, dims, loops, note, len(note)):
            text = note.value.decode()
            if text not in self._told:
                self._told.add(text)
                _library.warn(text, 4)

    # ---- looking inside ----

    def trace(self, x: npt.ArrayLike, y: Optional[npt.ArrayLike] = None, slots: Optional[Iterable[str]] = None,
              loops: Loops = "all", patch: Optional[Patches] = None) -> Trace:
        """What the model computes on whole prompts, by name.

        Parameters
        ----------
        x, y : as `__call__` takes them
        slots : names, optional
            Rows of `self.slots`; without it the residual stream of every layer, and the answers.
        loops : int or "all", optional
            Which to record; None: the last of training.
        patch : dict, optional
            As `run` takes it: what is traced is traced with it.

        Returns
        -------
        Trace: a dict of arrays (loops, prompts, tokens, width). Point n of a prompt is answered at token
        `trace.tokens[n]`. What does not belong to a loop is the same in all of them.
        """
        names = self._usual_slots() if slots is None else [slots] if isinstance(slots, str) else list(slots)
        first, last = self._loops(loops)
        xs = self._points_of(x, "x")
        arrays = self._observe(xs, self._answers_of(xs, y), names, first, last, patch or {})
        return Trace(arrays, range(first, last + 1), self._tokens(xs.shape[1]), self.hash)

    def run(self, x: npt.ArrayLike, y: Optional[npt.ArrayLike] = None, patch: Optional[Patches] = None,
            loops: Loops = None) -> Array:
        """The answers of a run in which something else takes the place of what the model computes.

        Parameters
        ----------
        x, y, loops : as `__call__` takes them, without queries and without "auto"
        patch : {(name, loop): array or function}
            `name` is a row of `self.slots` that an op puts out, `loop` counts from 1; (name, None) or `name` alone
            patches every loop. An array is (prompts, tokens, width), or broadcasts to it; a function is handed
            such an array, a copy, and returns what is put in its place.

        Returns
        -------
        (n, k), or with loops "all" (loops, n, k), as `__call__` does.
        """
        first, last = self._loops(loops)
        xs = self._points_of(x, "x")
        ys = self._answers_of(xs, y)
        answer = self._name_of("answer")
        whole = self._observe(xs, ys, [answer], first, last, patch or {})[answer][:, :, self._tokens(xs.shape[1])]
        out = np.ascontiguousarray(whole if whole.shape[-1] > 1 else whole[..., 0])
        if np.ndim(x) == (1 if self.classes else 2):
            out = out[:, 0]
        return out if loops == "all" else out[0]

    def explain(self, **options: Any) -> Explanation:
        """Which learning algorithm it runs: see `innerloop.explain`."""
        return explain(self, **options)

    def evaluate(self, by: str = "points", against: Optional[str] = None, **options: Any) -> Table:
        """Its error beside that of algorithms: see `innerloop.evaluate`."""
        return evaluate(self, by, against, **options)

    def measure(self, name: str, **options: Any) -> Table:
        """A measure of it: see `innerloop.measure`."""
        return measure(name, [self], **options)

    def _tokens(self, points: int) -> List[int]:
        return [int(self._lib.c.il_model_tokens(self._handle, n)) for n in range(points)]

    def _name_of(self, what: str) -> str:
        slots = self.slots
        return str(slots["name"][list(slots["what"]).index(what)])

    def _usual_slots(self) -> List[str]:
        slots = self.slots
        return [str(name) for name, what in zip(slots["name"], slots["what"]) if what in ("stream", "answer")]

    def _observe(self, xs: Array, ys: Array, names: List[str], first: int, last: int, patch: Patches) -> Dict[str, Array]:
        slots = self.slots
        widths = dict(zip(slots["name"], slots["width"].astype(int)))
        patterns = {name for name, what in zip(slots["name"], slots["what"]) if what == "pattern"}
        B, T = xs.shape[0], int(self._lib.c.il_model_tokens(self._handle, xs.shape[1]))
        arrays: Dict[str, Array] = {}
        for name in names:
            width = widths.get(name, 1)  # a name that is unknown is refused by the library
            shape = (last - first + 1, B, width, T, T) if name in patterns else (last - first + 1, B, T, width)
            arrays[name] = np.empty(shape, dtype=self.dtype)
        patched = Patched(self._lib, patch, B, T, widths)
        wanted = (ctypes.c_char_p * max(len(names), 1))(*(name.encode() for name in names))
        batch = self._batch(xs, ys)
        self._lib.call("il_observe_patched", self._handle, ctypes.byref(batch), -1, patched.array, len(patch), wanted,
                       len(names), first, last, pointers(list(arrays.values())))
        patched.reraise()
        return arrays

    def __repr__(self) -> str:
        config = self.config
        what = (self.program or "").split("\n")[0] or f"{config['model.family']} on {config['training.task_name']}"
        return (f"<innerloop.Model {what}: {self.parameters['all']} parameters, {self.n_dims} dimensions, "
                f"{self.loops} loops, {self.dtype.name}, {self.hash}>")


def load(name: "os.PathLike[str] | str", dtype: npt.DTypeLike = "float32") -> Model:
    """Loads a model: a .safetensors file, a run folder (its newest checkpoint), or a name of `models()`.

    The file is checked in every offset, shape, dtype and value before a model exists. Raises FileError or
    ConfigError.
    """
    lib = library(dtype)
    path = Path(name)
    shipped = SHIPPED / f"{name}.safetensors"
    if not path.exists() and os.sep not in str(name) and not path.suffix:
        if not shipped.exists():
            raise _library.unknown("model", str(name), models())
        path = shipped
    return Model(lib, lib.new("il_model_load", os.fsencode(path)))


def models() -> List[str]:
    """The names of the trained models that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def build(name: str, dtype: npt.DTypeLike = "float32", **options: Any) -> Model:
    """An algorithm compiled into weights: `build("newton", dims=5, loops=12)`.

    `innerloop.table("constructions")` lists them with their options. Raises UsageError with the nearest name.
    """
    lib = library(dtype)
    text = " ".join([name, *(f"{key}={value_text(value)}" for key, value in options.items())])
    return Model(lib, lib.new("il_build", encoded(text)))

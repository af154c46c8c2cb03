"""Training: a recipe into a run folder, watched, stopped and resumed."""

import ctypes
import inspect
import itertools
import json
import os
import signal
import threading
from glob import glob
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._library import Array, Library, library, value_text, warn
from .config import Config, overridden, recipe_path
from .errors import ConfigError, Error
from .model import Model, load
from .table import Table
from .tasks import view

Task = Union[str, Callable[..., Tuple[npt.ArrayLike, npt.ArrayLike]], Tuple[npt.ArrayLike, npt.ArrayLike]]


class Progress(NamedTuple):
    """A step of a training: its number and how many there are, loss in the task's units, the least-squares error at
    these dims and points (NaN if unknown), gradient norm before clipping, learning rate, steps a second, and the error of
    the last evaluation (training.eval_every_steps; NaN before the first)."""

    step: int
    steps: int
    loss: float
    floor: float
    grad_norm: float
    rate: float
    per_second: float
    error: float
    dims: int
    points: int
    loops: int


class Run:
    """A run folder: config.yaml, metrics.jsonl, checkpoints/."""

    def __init__(self, folder: "os.PathLike[str] | str", dtype: npt.DTypeLike = "float32") -> None:
        self.folder = Path(folder)
        self._dtype = dtype
        self._model: Optional[Model] = None

    @property
    def model(self) -> Model:
        """Of its newest checkpoint."""
        if self._model is None:
            self._model = load(self.folder, self._dtype)
        return self._model

    @property
    def config(self) -> Config:
        """The resolved recipe."""
        lib = library(self._dtype)
        struct = lib.struct("il_config")
        lib.call("il_config_read", ctypes.byref(struct), os.fsencode(self.folder / "config.yaml"), None, 0)
        return Config(lib, struct)

    @property
    def metrics(self) -> Table:
        """What was logged: step, loss, floor, grad_norm, rate, seconds, dims, points, loops; with
        training.eval_every_steps also error, NaN at steps without an evaluation."""
        file = self.folder / "metrics.jsonl"
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]  # what has no end is being written
        rows: List[Dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                rows.append({name: np.nan if value is None else float(value) for name, value in row.items()})
            except (ValueError, TypeError, AttributeError):
                raise ConfigError(f"{file}:{number}: is no line of metrics", 3) from None
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name, np.nan) for row in rows] for name in names}
        return Table.of(library(self._dtype), self.folder.name, columns)

    def to_tensorboard(self, folder: "os.PathLike[str] | str") -> None:
        """Writes the metrics as events that TensorBoard reads (needs the package tensorboard)."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        writer = EventFileWriter(os.fspath(folder))
        for row in self.metrics.rows:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()
                      if name != "step" and value == value]
            writer.add_event(Event(step=int(row["step"]), summary=Summary(value=values)))
        writer.close()

    def __repr__(self) -> str:
        return f"<innerloop.Run {self.folder}>"


def runs(pattern: str = "runs/*") -> List[Run]:
    """The run folders that a glob pattern matches, in order."""
    return [Run(path) for path in sorted(glob(pattern)) if Path(path, "config.yaml").exists()]


class _Prompts:
    """Fills the library's batches with prompts of the caller's own."""

    def __init__(self, lib: Library, task: Any) -> None:
        self._lib = lib
        self.raised: Optional[BaseException] = None
        if callable(task):
            names = inspect.signature(task).parameters
            self._wants = [name for name in ("points", "dims") if name in names]
            self._one = task
        else:
            xs, ys = (np.asarray(array, dtype=lib.dtype) for array in task)
            if xs.ndim != 3 or ys.shape[:2] != xs.shape[:2] or not len(xs):
                raise ConfigError(f"a task of arrays is x (prompts, points, dimensions) and y (prompts, points), not "
                                  f"{xs.shape} and {ys.shape}", 3)
            self._wants = []
            self._arrays = xs, ys
            self._one = self._row

    def _row(self, step: int, index: int) -> Tuple[Array, Array]:
        xs, ys = self._arrays
        at = (step * self._batch + index) % len(xs)
        return xs[at], ys[at]

    def draw(self, _context: Any, at: int, dims: int, where: Any, error: int) -> int:
        """il_watch.draw"""
        try:
            b = self._lib.words["il_batch"].from_address(at)
            self._batch = b.prompts
            xs, ys = view(self._lib, b.x, b.prompts, b.points, b.dim), view(self._lib, b.y, b.prompts, b.points, b.outs)
            for index in range(b.prompts):
                self._put(xs[index], ys[index], where.step, index, dims)
            return 0
        except BaseException as problem:  # it cannot pass through C: `train` raises it
            self.raised = problem
            told = self._lib.error_type.from_address(error) if error else self._lib.error_type()
            told.status, told.text = 1, str(problem).encode()[:500]
            return 1

    def _put(self, x: Array, y: Array, step: int, index: int, dims: int) -> None:
        given = {"points": len(x), "dims": dims}
        drawn = self._one(step, index, **{name: given[name] for name in self._wants})
        px, py = (np.asarray(part, dtype=x.dtype) for part in drawn)
        if px.ndim != 2 or len(px) < len(x) or len(py) < len(x) or px.shape[1] > x.shape[1]:
            raise ConfigError(f"the task's prompt has x of {px.shape} and y of {py.shape}; {len(x)} points of at most "
                              f"{x.shape[1]} dimensions are asked for", 3)
        x[...] = 0
        x[:, :px.shape[1]] = px[:len(x)]
        x[:, dims:] = 0
        if py[:len(x)].size != y.size:
            raise ConfigError(f"the task's prompt has y of {py.shape}; {y.shape[-1]} numbers a point are asked for", 3)
        y[...] = py[:len(x)].reshape(y.shape)


def train(recipe: "os.PathLike[str] | str | Config", folder: "os.PathLike[str] | str | None" = None, *,
          set: Optional[Mapping[str, Any]] = None, task: Optional[Task] = None,
          init: "Model | os.PathLike[str] | str | None" = None, resume: bool = False,
          on_step: Optional[Callable[[Progress], Any]] = None, dtype: npt.DTypeLike = "float32") -> Run:
    """Trains a recipe in a run folder.

    Parameters
    ----------
    recipe : name, path or Config
    folder : the run folder, made if it is missing; runs/NAME without it
    set : {"training.train_steps": 100}, settings that win over the recipe's
    task : the name of a task; or a function (step, index) -> (x, y) of one prompt, x (points, dims) and y (points),
        which may also take `points` and `dims`, as many as the curriculum asks for at this step; or arrays x (n, k, d)
        and y (n, k), whose prompts take turns. A function or arrays stand in for the recipe's task, whose form and
        loss they have.
    init : a model, or what `load` takes, whose weights training starts from, in place of random ones; it has the
        recipe's `model` keys
    resume : goes on from the folder's newest checkpoint, bit for bit
    on_step : called after every step with a Progress

    Notes
    -----
    Ctrl-C, an exception of `on_step` or of the task end it; a run that Ctrl-C or `on_step` ends has been saved.

    Returns
    -------
    Run, whose `.model` is the trained model.

    Raises
    ------
    Interrupted (a KeyboardInterrupt) after saving; NumericError when the loss is not finite; ConfigError.
    """
    lib = library(recipe._lib.dtype if isinstance(recipe, Config) else dtype)
    settings = dict(set or {})
    if isinstance(task, str):
        settings["training.task_name"] = task
    struct = lib.struct("il_config")
    if isinstance(recipe, Config):
        ctypes.pointer(struct)[0] = recipe._struct
        name = "run"
    else:
        path = recipe_path(recipe)
        name = path.stem
        lib.call("il_config_read", ctypes.byref(struct), os.fsencode(path), None, 0)
    overridden(lib, struct, settings)
    to = Path(folder) if folder is not None else Path("runs") / name
    if init is not None and not isinstance(init, Model):
        init = load(init, lib.dtype)
    if init is not None and init._lib is not lib:
        raise ConfigError(f"init is a model in {init._lib.dtype}, and this training is in {lib.dtype}", 3)
    prompts = None if task is None or isinstance(task, str) else _Prompts(lib, task)
    _Training(lib, on_step, prompts, init).run(struct, to, resume)
    return Run(to, lib.dtype)


class _Training:
    """One call of il_train, and what it calls back."""

    def __init__(self, lib: Library, on_step: Optional[Callable[[Progress], Any]], prompts: Optional[_Prompts],
                 init: Optional[Model]) -> None:
        self._lib = lib
        self._on_step = on_step
        self._prompts = prompts
        self._init = init
        self._raised: Optional[BaseException] = None
        self._stop = ctypes.c_int(0)
        self._progress_type = lib.words["il_progress"]

    def _progress(self, _context: Any, at: int) -> None:
        # also where Python looks for signals, so that Ctrl-C is seen after every step
        if self._on_step is None or self._raised is not None:
            return
        try:
            step = self._progress_type.from_address(at)
            self._on_step(Progress(*(getattr(step, field) for field in Progress._fields)))
        except BaseException as problem:
            self._raised = problem
            self._stop.value = 1

    def _note(self, _context: Any, text: bytes) -> None:
        warn(text.decode(), 6)

    def run(self, struct: Any, folder: Path, resume: bool) -> None:
        lib = self._lib
        calls: Dict[str, Callable[..., Any]] = {"progress": self._progress, "note": self._note}
        if self._prompts:
            calls["draw"] = self._prompts.draw
        kept = {name: lib.callback(f"il_watch.{name}", function) for name, function in calls.items()}
        watch = lib.struct("il_watch", stop=ctypes.addressof(self._stop), init=self._init._handle if self._init else None,
                           **{name: ctypes.cast(call, ctypes.c_void_p) for name, call in kept.items()})
        main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, self._interrupt) if main else None
        try:
            lib.call("il_train", ctypes.byref(struct), os.fsencode(folder), int(resume), ctypes.byref(watch), None)
        except Error:
            problem = self._raised or (self._prompts.raised if self._prompts else None)
            if problem is not None:
                raise problem from None
            raise
        finally:
            if main:
                signal.signal(signal.SIGINT, before)
        if self._raised is not None:
            raise self._raised

    def _interrupt(self, _signal: int, _frame: Any) -> None:
        self._stop.value = 1


def sweep(recipe: "os.PathLike[str] | str", over: Mapping[str, Sequence[Any]], folder: "os.PathLike[str] | str",
          *, set: Optional[Mapping[str, Any]] = None, **options: Any) -> List[Run]:
    """Trains a recipe with every combination of settings, one after the other, each in a run folder of its own.

    Parameters
    ----------
    recipe, set, options : as `train` takes them
    over : {"training.seed": [1, 2, 3], "model.n_embd": [32, 64]}
    folder : where the run folders lie, named after their settings

    Notes
    -----
    A sweep that was stopped goes on: runs that are finished are kept, and one that was stopped is resumed.
    """
    done: List[Run] = []
    for values in itertools.product(*over.values()):
        settings = {**(set or {}), **dict(zip(over, values))}
        name = ",".join(f"{key.rpartition('.')[2]}={value_text(value)}" for key, value in zip(over, values))
        to = Path(folder, name.replace("/", "-") or "run")
        begun = (to / "checkpoints").exists()
        done.append(train(recipe, to, set=settings, resume=begun, **options))
    return done


def compare(runs: Sequence[Run]) -> Table:
    """Runs side by side: a row each, with the keys of their recipes that differ, steps, the last loss that was logged,
    seconds, parameters and the weights' hash."""
    recipes = [dict(run.config) for run in runs]
    keys = [key for key in (recipes[0] if recipes else ()) if key != "out_dir"
            and any(other.get(key) != recipes[0][key] for other in recipes)]
    columns: Dict[str, List[Any]] = {"run": [str(run.folder) for run in runs]}
    for key in keys:
        columns[key] = [value_text(one.get(key, "")) for one in recipes]
    logged = [run.metrics.rows for run in runs]
    columns["step"] = [run.model.step for run in runs]
    for name in ("loss", "seconds"):
        columns[name] = [rows[-1][name] if rows else np.nan for rows in logged]
    columns["parameters"] = [run.model.parameters["all"] for run in runs]
    columns["hash"] = [run.model.hash for run in runs]
    return Table.of(library(), "runs", columns)

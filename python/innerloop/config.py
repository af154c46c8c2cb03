"""Recipes: every key of a model and its training, read from the library's own tables of options."""

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Union

import numpy.typing as npt

from ._declared import CONSTANTS
from ._library import NATIVE, Library, encoded, library, unknown, value_text, warn

if TYPE_CHECKING:
    from .model import Model

Value = Union[int, float, bool, str]
KINDS = {value: name[len("IL_OPT_"):] for name, value in CONSTANTS.items() if name.startswith("IL_OPT_")}


class Option:
    """A row of a table of options: its name, default, range and what it means."""

    def __init__(self, lib: Library, row: Any) -> None:
        self.name: str = row.name.decode()
        self.help: str = row.help.decode() if row.help else ""
        self.words: List[str] = row.words.decode().split("|") if row.words else []
        self.kind: str = KINDS[row.type]
        self.least: float = row.min
        self.most: float = row.max
        self._row = row

    def text(self, lib: Library, struct: int) -> str:
        """Its value in a struct that its table describes."""
        room = ctypes.create_string_buffer(512)
        lib.c.il_opt_print(ctypes.byref(self._row), struct, room, len(room))
        return room.value.decode()

    def value(self, lib: Library, struct: int) -> Value:
        text = self.text(lib, struct)
        if self.kind in ("INT", "SEED"):
            return int(text)
        if self.kind == "REAL":
            return float(text)
        if self.kind == "BOOL":
            return text == "true"
        return text

    def __repr__(self) -> str:
        return f"{self.name}: {self.help}"


def options(lib: Library, kind: str, name: Optional[str] = None) -> List[Option]:
    """The options of a kind of thing, as ("recipes",), or of one of them, as ("algos", "gd")."""
    at = lib.c.il_options(kind.encode(), name.encode() if name else None)
    row_type = lib.words["il_opt"]
    found: List[Option] = []
    while at:
        row = row_type.from_address(at)
        if row.type == 0:  # IL_OPT_END
            break
        found.append(Option(lib, row))
        at += ctypes.sizeof(row_type)
    return found


class Config(Mapping[str, Value]):
    """A resolved recipe: a mapping of keys, as "model.n_embd", to values. `str()` of it is YAML."""

    def __init__(self, lib: Library, struct: Any) -> None:
        self._lib = lib
        self._struct = struct

    @property
    def _address(self) -> int:
        return ctypes.addressof(self._struct)

    def _all(self) -> Dict[str, Value]:
        lib, config = self._lib, self._struct
        values = {o.name: o.value(lib, self._address) for o in options(lib, "recipes")}
        parts = (("tasks", config.training.task_name, type(config.training).task_opts.offset),
                 ("optimizers", config.training.optimizer, type(config.training).optimizer_opts.offset))
        for kind, name, offset in parts:
            at = ctypes.addressof(config.training) + offset
            for o in options(lib, kind, name.decode()):
                values[f"training.{o.name}"] = o.value(lib, at)
        return values

    def __getitem__(self, key: str) -> Value:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    @property
    def hash(self) -> str:
        """Of all that a run's weights depend on: two recipes of one hash give the same run."""
        return f"{self._lib.c.il_config_hash(self._address):016x}"

    def model(self) -> "Model":
        """A model with the recipe's initial weights, drawn from its seed."""
        from .model import Model

        return Model(self._lib, self._lib.new("il_model_new", self._address))

    def __str__(self) -> str:
        text = ctypes.c_void_p()
        self._lib.call("il_config_text", ctypes.byref(text), self._address)
        try:
            return ctypes.string_at(text.value or 0).decode()
        finally:
            self._lib.c.il_text_free(text)

    __repr__ = __str__


def overridden(lib: Library, struct: Any, settings: Mapping[str, Any], fresh: bool = False) -> Any:
    """An il_config after settings "key=value", which win over what it has; a fresh one has the defaults."""
    if fresh:
        lib.c.il_config_init(ctypes.byref(struct))
    texts = [encoded(f"{key}={value_text(value)}") for key, value in settings.items()]
    lib.call("il_config_override", ctypes.byref(struct), (ctypes.c_char_p * max(len(texts), 1))(*texts), len(texts))
    return struct


def recipe_path(name: "os.PathLike[str] | str") -> Path:
    """A recipe's file: a path, or the name of one that comes with the package."""
    path, folder = Path(name), NATIVE / "share" / "innerloop" / "recipes"
    if path.exists() or os.sep in str(name) or path.suffix:
        return path
    shipped = folder / f"{name}.yaml"
    if not shipped.exists():
        raise unknown("recipe", str(name), sorted(other.stem for other in folder.glob("*.yaml")))
    return shipped


def recipe(name: "os.PathLike[str] | str", dtype: npt.DTypeLike = "float32", **settings: Any) -> Config:
    """A recipe by name or path, resolved; `settings` as {"training.train_steps": 100} win over what it says.

    Raises FileError, or ConfigError with file, line and the nearest key.
    """
    lib = library(dtype)
    struct = lib.struct("il_config")
    path = recipe_path(name)
    notes = ctypes.create_string_buffer(1024)
    lib.call("il_config_read", ctypes.byref(struct), os.fsencode(path), notes, len(notes))
    for note in notes.value.decode().splitlines():
        warn(note)
    return Config(lib, overridden(lib, struct, settings))

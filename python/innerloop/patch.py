"""Patches: what takes the place of what a model computes."""

import ctypes
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._library import Array, Library, address
from .errors import ConfigError

Patch = Union[npt.ArrayLike, Callable[[Array], npt.ArrayLike]]
Patches = Mapping[Union[str, Tuple[str, Optional[int]]], Patch]


class Patched:
    """An array of il_patch, and all that it points to."""

    def __init__(self, lib: Library, patches: Patches, prompts: int, tokens: int, widths: Dict[str, int]) -> None:
        self._lib = lib
        self._kept: List[Any] = []
        self._raised: Optional[BaseException] = None
        one = lib.words["il_patch"]
        self.array = (one * max(len(patches), 1))()
        for row, (key, patch) in zip(self.array, patches.items()):
            name, loop = (key, None) if isinstance(key, str) else key
            shape = (prompts, tokens, widths.get(name, 1))
            row.name = name.encode()
            row.loop = loop or 0
            if callable(patch):
                edit = lib.callback("il_patch.edit", self._edit(patch, shape))
                row.edit = ctypes.cast(edit, ctypes.c_void_p)
                self._kept.append(edit)
            else:
                value = self._value(patch, name, shape)
                row.value = address(value)
                self._kept.append(value)

    def _value(self, patch: npt.ArrayLike, name: str, shape: Tuple[int, ...]) -> Array:
        try:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(patch, dtype=self._lib.dtype), shape))
        except ValueError:
            raise ConfigError(f"the patch of '{name}' is of shape {np.shape(patch)}, and must be {shape}, or broadcast "
                              "to it", 3) from None

    def _edit(self, function: Callable[[Array], npt.ArrayLike], shape: Tuple[int, ...]) -> Callable[..., None]:
        size = int(np.prod(shape))
        real = self._lib.words["real"]

        def edit(_context: Any, _loop: int, at: int) -> None:
            if self._raised is not None:
                return
            try:
                numbers: Array = np.frombuffer((real * size).from_address(at), dtype=self._lib.dtype).reshape(shape)
                numbers[...] = np.asarray(function(numbers.copy()))
            except BaseException as error:  # it cannot pass through C: `reraise` raises it
                self._raised = error

        return edit

    def reraise(self) -> None:
        """Raises what a function of a patch has raised during the run."""
        if self._raised is not None:
            raise self._raised

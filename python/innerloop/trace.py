"""What a model computes on its way, as arrays by name."""

import json
import os
from typing import Dict, Iterator, List, Mapping, Sequence

import numpy as np

from ._library import Array, address, library, settings
from .errors import UsageError


class Trace(Mapping[str, Array]):
    """Activations by name, each (loops, prompts, tokens, width); a pattern's (loops, prompts, heads, tokens, tokens).

    Attributes
    ----------
    loops : list of int
        The loops that were recorded, from 1.
    tokens : list of int
        The token at which each of the prompt's points is answered.
    """

    def __init__(self, arrays: Dict[str, Array], loops: Sequence[int], tokens: Sequence[int], model: str) -> None:
        self._arrays = arrays
        self.loops = list(loops)
        self.tokens = list(tokens)
        self.model = model

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def save(self, path: "os.PathLike[str] | str") -> None:
        """Writes all arrays to an .npz (numpy.load reads it) or a .safetensors file, as a whole or not at all.

        The model's hash, `loops` and `tokens` are kept with them: as the file's metadata, or as an array `settings` of
        texts. Raises FileError.
        """
        text = os.fspath(path)
        if not text.endswith((".npz", ".safetensors")):
            raise UsageError(f"{text}: the name of a trace ends in .npz or .safetensors", 2)
        kept = {name: np.ascontiguousarray(array) for name, array in self.items()}
        lib = library(next(iter(kept.values())).dtype if kept else "float32")
        rows = [lib.struct("il_array", name=name.encode(), data=address(array), ndim=array.ndim, shape=array.shape)
                for name, array in kept.items()]
        about = {"format": "innerloop.trace", "loops": json.dumps(self.loops), "model": self.model,
                 "tokens": json.dumps(self.tokens)}
        lib.call("il_arrays_write", os.fsencode(text), (lib.words["il_array"] * len(rows))(*rows), len(rows), *settings(about))

    def __repr__(self) -> str:
        lines: List[str] = [f"<innerloop.Trace of model {self.model}, loops {self.loops[0]} to {self.loops[-1]}"]
        return "\n".join(lines + [f"  {name} {array.shape}" for name, array in self.items()]) + ">"

"""What a model computes on its way, as arrays by name."""

import json
import os
from typing import Any, Dict, Iterator, List, Mapping, Sequence

import numpy as np

from ._library import Array
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
        """Writes all arrays to an .npz (numpy.load reads it) or a .safetensors file."""
        text = os.fspath(path)
        if text.endswith(".npz"):
            np.savez(text, **{name: array for name, array in self.items()})  # type: ignore[arg-type, unused-ignore]
        elif text.endswith(".safetensors"):
            _write_safetensors(text, self._arrays, self._metadata())
        else:
            raise UsageError(f"{text}: the name of a trace ends in .npz or .safetensors", 2)

    def _metadata(self) -> Dict[str, str]:
        return {"model": self.model, "loops": json.dumps(self.loops), "tokens": json.dumps(self.tokens)}

    def __repr__(self) -> str:
        lines: List[str] = [f"<innerloop.Trace of model {self.model}, loops {self.loops[0]} to {self.loops[-1]}"]
        return "\n".join(lines + [f"  {name} {array.shape}" for name, array in self.items()]) + ">"


def _write_safetensors(path: str, arrays: Dict[str, Array], metadata: Dict[str, str]) -> None:
    header: Dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for name, array in arrays.items():
        kind = {"float32": "F32", "float64": "F64"}[array.dtype.name]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())

"""Plans: what a checkpoint says about how its model computes, read without the library.

A checkpoint is a safetensors file whose metadata hold a plan, one line an operation: `pre` reads the prompt in,
`body` runs once a loop on the carried stream, `post` reads the answer out. `innerloop.torch` and `innerloop.onnx`
run the same plan; `ops.py` says what each operation computes.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ._files import whole

Value = TypeVar("Value")
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}


@dataclass(frozen=True)
class Op:
    """One operation: its section (pre, body or post), kind, name, options and the slots it reads."""

    section: str
    kind: str
    name: str
    options: dict[str, Any]
    inputs: tuple[str, ...]


@dataclass
class Plan:
    """The operations of a model in their order, and which slots play which part."""

    text: str
    inputs: dict[str, int] = field(default_factory=dict)  # name -> width
    ops: list[Op] = field(default_factory=list)
    carry: tuple[str, str] | None = None  # ("zeros" or "ones", width) or ("slot", name)
    loops: int = 1
    loss_loops: int = 1
    parts: dict[str, str] = field(default_factory=dict)  # tokens, target, weight, mask, stream, answer

    def section(self, name: str) -> list[Op]:
        return [op for op in self.ops if op.section == name]

    def run(
        self,
        call: Callable[[Op, list[Value]], Value],
        inputs: Mapping[str, Value],
        start: Callable[[float, int], Value],
        loops: int,
        post: int = 1,
        enter: Callable[[int, Value], Value] = lambda loop, stream: stream,
    ) -> list[dict[str, Value]]:
        """Run the plan: `call` computes an operation, `start` makes the stream that the first loop is handed.

        Returns the slots by name after each of the last `post` loops. `enter` sees the stream at the start of
        each loop, counted from 1, and returns what the loop gets.
        """
        slots = dict(inputs)

        def go(section: str) -> None:
            for op in self.section(section):
                if all(name in slots for name in op.inputs):  # a loss without a target is left out
                    slots[op.name] = call(op, [slots[name] for name in op.inputs])

        enter(0, None)  # type: ignore[arg-type]
        go("pre")
        if self.carry is not None:
            what, value = self.carry
            slots["carry"] = slots[value] if what == "slot" else start(float(what == "ones"), int(value))
        elif loops > 1:
            raise ValueError(f"the model has no loop, so it cannot run {loops}")
        results = []
        for loop in range(1, loops + 1):
            if self.carry is not None:
                slots["carry"] = enter(loop, slots["carry"] if loop == 1 else slots[self.parts["stream"]])
            else:
                enter(loop, None)  # type: ignore[arg-type]
            go("body")
            if loop > loops - post:
                go("post")
                results.append(dict(slots))
        return results


def option(text: str) -> Any:
    """An option's value as Python has it: true, 3, 0.5 or a word."""
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """Every kind of operation with its options' defaults, as the library lists them."""
    from . import table

    kinds = {}
    for row in table("ops").rows:
        pairs = (word.split("=") for word in row["options"].split() if "=" in word)
        kinds[row["name"]] = {key: option(value) for key, value in pairs}
    return kinds


def parse(text: str) -> Plan:
    """Read a plan. Raises ValueError naming the line that is none of a plan."""
    plan = Plan(text)
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        try:
            _read(plan, words)
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"plan, line {number}: '{line}' is no line of a plan: {error}") from None
    missing = {"tokens", "stream", "answer"} - plan.parts.keys()
    if missing:
        raise ValueError(f"the plan does not say which slot is the {sorted(missing)[0]}")
    return plan


def _read(plan: Plan, words: Sequence[str]) -> None:
    first = words[0]
    if first == "input":
        plan.inputs[words[1]] = int(words[2])
    elif first == "carry":
        plan.carry = (words[1], words[2])
    elif first in ("pre", "body", "post"):
        colon = words.index(":")
        given = dict(word.split("=") for word in words[3:colon])
        options = dict(defaults()[words[1]])
        options.update((key, option(value)) for key, value in given.items())
        plan.ops.append(Op(first, words[1], words[2], options, tuple(words[colon + 1 :])))
    elif first == "loops":
        plan.loops, plan.loss_loops = int(words[1]), int(words[2])
    elif first in ("tokens", "target", "weight", "mask", "stream", "answer"):
        plan.parts[first] = words[1]
    else:
        raise ValueError("it begins with a word of its own")


@dataclass
class Checkpoint:
    """A model's file: its plan, its weights by name, and the metadata."""

    plan: Plan
    weights: dict[str, np.ndarray]
    metadata: dict[str, str]

    @property
    def config(self) -> dict[str, Any]:
        """The keys of the recipe that say how prompts become tokens, as "model.n_dims"."""
        keys: dict[str, Any] = {}
        path: list[str] = []
        for line in self.metadata.get("config", "").splitlines():
            name, _, value = line.strip().partition(":")
            depth = (len(line) - len(line.lstrip())) // 2
            path = path[:depth] + [name]
            if value.strip():
                keys[".".join(path)] = option(value.strip().strip("'"))
        return keys


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint, or a run folder's newest one.

    Raises OSError where it cannot be read, ValueError where it is no checkpoint of innerloop.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "checkpoints" / "last.safetensors"
    tensors, metadata = read_tensors(file)
    if "plan" not in metadata:
        raise ValueError(f"{file}: the file holds no plan; load it and save it with innerloop, which writes one")
    plan = parse(metadata["plan"])
    return Checkpoint(plan, {name: t for name, t in tensors.items() if _is_weight(plan, name)}, metadata)


def of_model(source: Any) -> Checkpoint:
    """A checkpoint from its path, from a run folder's, or from a model of the library."""
    if isinstance(source, (str, os.PathLike)):
        return read(source)
    with tempfile.TemporaryDirectory() as folder:
        source.save(Path(folder) / "model.safetensors")
        return read(Path(folder) / "model.safetensors")


def _is_weight(plan: Plan, name: str) -> bool:
    return name.rpartition(".")[0] in {op.name for op in plan.ops}


def read_tensors(file: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of a safetensors file."""
    data = file.read_bytes()
    try:
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        tensors = {}
        for name, info in header.items():
            begin, end = (8 + length + at for at in info["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], DTYPES[info["dtype"]]).reshape(info["shape"])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: is no safetensors file that can be read here: {error}") from None
    return tensors, metadata


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file as a whole or not at all."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at, blobs = 0, []
    for name, tensor in tensors.items():
        dtype = "F64" if tensor.dtype == np.float64 else "F32"
        blob = np.ascontiguousarray(tensor, DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with whole(path) as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for blob in blobs:
            out.write(blob)

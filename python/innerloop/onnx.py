"""Any model as an ONNX graph.

    proto = export("newton.safetensors", "newton.onnx")
    onnxruntime.InferenceSession("newton.onnx").run(None, {"x": x, "y": y, "query": query})

The graph is of opset 18, without functions or operators of anyone's own. Prompts and points are dynamic, loops are
unrolled. Fast weights and mesa layers run as `Scan` over the tokens, and the mesa layer's normal equations are
eliminated in a `Loop`, since ONNX has no operator that solves.

    model of                  inputs                                               output
    examples                  x (batch, points, dims), y (batch, points[, outs]),  answer (batch[, outs])
                              query (batch, dims)
    sequences                 x (batch, points, dims)                              answer (batch, points, outs)
    classes                   ids (batch, points), int64                           scores (batch, points, classes)
    its own tokens (built)    tokens (batch, tokens, width) [, mask]               answer (batch, tokens, outs)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Optional, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import ops
from . import plan as plans
from ._files import whole

OPSET = 18
Shape = Tuple[Optional[int], ...]


class Value:
    """A tensor of a graph in the making: its name, and its shape, with None where it is dynamic."""

    def __init__(self, xp: Arithmetic, name: str, shape: Shape) -> None:
        self.xp, self.name, self.shape = xp, name, shape

    def _with(self, kind: str, other: Any, swap: bool = False) -> Value:
        b = other if isinstance(other, Value) else self.xp.constant(np.array(other), self)
        shape = broadcast(self.shape, b.shape)
        return self.xp.node(kind, [b, self] if swap else [self, b], shape)

    def __add__(self, other: Any) -> Value:
        return self._with("Add", other)

    def __sub__(self, other: Any) -> Value:
        return self._with("Sub", other)

    def __mul__(self, other: Any) -> Value:
        return self._with("Mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self._with("Div", other)

    def __radd__(self, other: Any) -> Value:
        return self._with("Add", other, True)

    def __rsub__(self, other: Any) -> Value:
        return self._with("Sub", other, True)

    def __rmul__(self, other: Any) -> Value:
        return self._with("Mul", other, True)

    def __rtruediv__(self, other: Any) -> Value:
        return self._with("Div", other, True)


def broadcast(a: Shape, b: Shape) -> Shape:
    longest = max(len(a), len(b))
    a, b = (1,) * (longest - len(a)) + a, (1,) * (longest - len(b)) + b
    return tuple(j if i == 1 else i for i, j in zip(a, b))


class Arithmetic:
    """The arithmetic of `ops.py`, which writes nodes of a graph."""

    def __init__(self, dtype: np.dtype[Any], most_tokens: int) -> None:
        self.dtype, self.most_tokens = dtype, most_tokens
        self.type = helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.names = 0

    # ---- nodes and constants ---------------------------------------------------------------------------

    def name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}_{self.names}"

    def node(self, kind: str, inputs: Sequence[Value | str], shape: Shape, **attributes: Any) -> Value:
        name = self.name(kind)
        names = [x.name if isinstance(x, Value) else x for x in inputs]
        self.nodes.append(helper.make_node(kind, names, [name], name, **attributes))
        return Value(self, name, shape)

    def held(self, values: np.ndarray, name: str | None = None) -> Value:
        name = name or f"{values.dtype}{list(values.shape)}_{hash(values.tobytes()) & (1 << 64) - 1:x}"
        self.initializers.setdefault(name, numpy_helper.from_array(values, name))
        return Value(self, name, values.shape)

    def constant(self, values, like=None):
        return self.held(np.array(values, self.dtype))

    def whole(self, *values: int) -> Value:
        return self.held(np.array(values, np.int64))

    def size(self, x: Value, begin: int, end: int) -> Value:
        return self.node("Shape", [x], (end - begin,), start=begin, end=end)

    def size_with(self, x: Value, begin: int, end: int, *more: int) -> Value:
        return self.node("Concat", [self.size(x, begin, end), self.whole(*more)], (end - begin + len(more),), axis=0)

    # ---- element by element ----------------------------------------------------------------------------

    def tanh(self, x):
        return self.node("Tanh", [x], x.shape)

    def sigmoid(self, x):
        return self.node("Sigmoid", [x], x.shape)

    def sqrt(self, x):
        return self.node("Sqrt", [x], x.shape)

    def relu(self, x):
        return self.node("Relu", [x], x.shape)

    def absolute(self, x):
        return self.node("Abs", [x], x.shape)

    def softplus(self, x):
        e = self.node("Exp", [x], x.shape) + 1
        return self.node("Log", [e], x.shape)

    def clip(self, x, low, high):
        return self.node("Clip", [x, self.constant(low), self.constant(high)], x.shape)

    def at_least(self, x, least):
        return self.node("Max", [x, self.constant(least)], x.shape)

    # ---- sums and products -----------------------------------------------------------------------------

    def mean(self, x):
        return self.node("ReduceMean", [x, self.whole(-1)], (*x.shape[:-1], 1))

    def sum(self, x):
        return self.node("ReduceSum", [x, self.whole(-1)], (*x.shape[:-1], 1))

    def sum_all(self, x):
        return self.node("ReduceSum", [x], (), keepdims=0)

    def linear(self, x, weight):
        turned = self.node("Transpose", [weight], weight.shape[::-1])
        return self.node("MatMul", [x, turned], (*x.shape[:-1], weight.shape[0]))

    def einsum(self, equation, a, b):
        terms, out = equation.split("->")
        sizes = {c: n for term, x in zip(terms.split(","), (a, b)) for c, n in zip(term, x.shape) if n != 1}
        return self.node("Einsum", [a, b], tuple(sizes.get(c, 1) for c in out), equation=equation)

    # ---- columns, tokens, heads ------------------------------------------------------------------------

    def width(self, x):
        return x.shape[-1]

    def columns(self, x, begin, end):
        where = [self.whole(begin), self.whole(end), self.whole(-1)]
        return self.node("Slice", [x, *where], (*x.shape[:-1], end - begin))

    def thirds(self, x):
        C = x.shape[-1] // 3
        return [self.columns(x, i * C, (i + 1) * C) for i in range(3)]

    def beside(self, a, b):
        ahead = self.size_with(a, 0, len(a.shape) - 1, b.shape[-1])
        b = self.node("Expand", [b, ahead], (*a.shape[:-1], b.shape[-1]))
        return self.node("Concat", [a, b], (*a.shape[:-1], a.shape[-1] + b.shape[-1]), axis=-1)

    def row(self, w, i):
        return self.node("Gather", [w, self.held(np.array(i))], w.shape[1:], axis=0)

    def rows(self, w, ids):
        whole = self.node("Cast", [ids], ids.shape, to=TensorProto.INT64)
        flat = self.node("Squeeze", [whole, self.whole(-1)], ids.shape[:-1])
        return self.node("Gather", [w, flat], (*ids.shape[:-1], w.shape[-1]), axis=0)

    def first(self, table, like):
        where = [self.whole(0), self.size(like, 1, 2), self.whole(0)]
        return self.node("Slice", [table, *where], (None, table.shape[-1]))

    def padded_by(self, x, axis, before, after, value=0.0):
        pads = [self.whole(before, after), self.constant(value), self.whole(axis)]
        size = x.shape[axis]
        shape = list(x.shape)
        shape[axis] = None if size is None else size + before + after
        return self.node("Pad", [x, *pads], tuple(shape))

    def later(self, x, n):
        where = [self.whole(0), self.whole(-n), self.whole(1)]
        return self.node("Slice", [self.padded_by(x, 1, n, 0), *where], x.shape)

    def padded(self, x, width):
        return self.padded_by(x, len(x.shape) - 1, 0, width - x.shape[-1])

    def longer(self, x, n):
        return self.padded_by(x, 1, 0, n)

    def led(self, x, n, value):
        return self.padded_by(x, 1, n, 0, value)

    def interleaved(self, a, b):
        """x and y token by token; the query has no y."""
        b = self.longer(b, 1)
        both = [self.node("Unsqueeze", [x, self.whole(2)], (*x.shape[:2], 1, x.shape[2])) for x in (a, b)]
        pairs = self.node("Concat", both, (*a.shape[:2], 2, a.shape[2]), axis=2)
        return self.node("Reshape", [pairs, self.whole(0, -1, a.shape[2])], (a.shape[0], None, a.shape[2]))

    def heads(self, x, H):
        H = H if x.shape[-1] > 1 else 1
        K = x.shape[-1] // H
        apart = self.node("Reshape", [x, self.whole(0, 0, H, K)], (*x.shape[:2], H, K))
        return self.node("Transpose", [apart], (x.shape[0], H, x.shape[1], K), perm=[0, 2, 1, 3])

    def joined(self, x):
        B, H, T, K = x.shape
        turned = self.node("Transpose", [x], (B, T, H, K), perm=[0, 2, 1, 3])
        return self.node("Reshape", [turned, self.whole(0, 0, H * K)], (B, T, H * K))

    def split_rows(self, w, H):
        shape = (H, w.shape[0] // H, w.shape[1]) if len(w.shape) == 2 else (H, 1, 1)
        return self.node("Reshape", [w, self.whole(*shape)], shape)

    def zeros(self, like, rows, cols):
        value = numpy_helper.from_array(np.zeros(1, self.dtype))
        shape = (*like.shape[:2], rows, cols)
        return self.node("ConstantOfShape", [self.size_with(like, 0, 2, rows, cols)], shape, value=value)

    # ---- what mixes tokens -----------------------------------------------------------------------------

    def point(self, name, value):
        return value

    def causal(self, x):
        return self.node("Trilu", [x], x.shape, upper=0)

    def causal_softmax(self, x):
        never = self.node("Expand", [self.constant(-np.inf), self.size(x, 2, 4)], x.shape[2:])
        x = x + self.node("Trilu", [never, self.held(np.array(1))], x.shape[2:], upper=1)
        return self.node("Softmax", [x], x.shape, axis=-1)

    def softmax(self, x, mask=None):
        """Of all tokens; key j counts mask_j times, and where none counts all is 0."""
        if mask is None:
            return self.node("Softmax", [x], x.shape, axis=-1)
        seen = self.where_zero(mask, np.finfo(self.dtype).min, x)
        away = x - self.node("ReduceMax", [seen, self.whole(-1)], (*x.shape[:-1], 1))
        e = self.node("Exp", [self.where_zero(mask, -np.inf, away)], x.shape) * mask
        total = self.sum(e)
        return e / self.where_zero(total, 1, total)

    def where_zero(self, what, value, x):
        """`value` where `what` is 0, and elsewhere x."""
        none = self.node("Equal", [what, self.constant(0)], what.shape)
        return self.node("Where", [none, self.constant(value), x], x.shape)

    def of_keys(self, mask):
        turned = self.node("Transpose", [mask], (mask.shape[0], 1, mask.shape[1]), perm=[0, 2, 1])
        return self.node("Unsqueeze", [turned, self.whole(1)], (mask.shape[0], 1, 1, mask.shape[1]))

    def gate(self, x):
        return self.node("Unsqueeze", [x, self.whole(-1)], (*x.shape, 1))

    def body(self, write: Callable[..., Sequence[Value]], *given: tuple[int, Shape]) -> tuple[onnx.GraphProto, list[Value]]:
        """A graph within the graph: `given` are the types and shapes of its inputs, whose types its outputs keep."""
        outside, self.nodes = self.nodes, []
        inputs = [Value(self, self.name("in"), shape) for _, shape in given]
        outputs = list(write(*inputs))
        infos = [helper.make_tensor_value_info(x.name, kind, x.shape) for x, (kind, _) in zip(inputs, given)]
        ends = [self.node("Identity", [x], x.shape) for x in outputs]
        kinds = [next((kind for y, (kind, _) in zip(inputs, given) if x is y), self.type) for x in outputs]
        results = [helper.make_tensor_value_info(x.name, kind, x.shape) for x, kind in zip(ends, kinds)]
        graph = helper.make_graph(self.nodes, self.name("body"), infos, results)
        self.nodes = outside
        return graph, outputs

    def outputs(self, kind: str, inputs: Sequence[Value | str], shapes: Sequence[Shape], **attributes: Any) -> list[Value]:
        names = [self.name(kind) for _ in shapes]
        given = [x.name if isinstance(x, Value) else x for x in inputs]
        self.nodes.append(helper.make_node(kind, given, names, names[0], **attributes))
        return [Value(self, name, shape) for name, shape in zip(names, shapes)]

    def scan(self, step, state, inputs):
        slices = [(self.type, (*x.shape[:2], *x.shape[3:])) for x in inputs]
        graph, (_, output) = self.body(step, (self.type, state.shape), *slices)
        shape = (*output.shape[:2], inputs[0].shape[2], *output.shape[2:])
        return self.outputs(
            "Scan", [state, *inputs], [state.shape, shape], body=graph, num_scan_inputs=len(inputs),
            scan_input_axes=[2] * len(inputs), scan_output_axes=[2],
        )[1]  # fmt: skip

    def on_diagonal(self, x):
        return self.gate(x) * self.constant(np.eye(x.shape[-1]))

    def solved(self, A, b):
        """Gauss-Jordan elimination without pivoting, which positive definite matrices do not need."""
        K = A.shape[-1]
        M = self.node("Concat", [A, self.gate(b)], (*A.shape[:-1], K + 1), axis=-1)

        def eliminate(i: Value, go: Value, M: Value) -> Sequence[Value]:
            row = self.node("Gather", [M, i], (*A.shape[:-2], K + 1), axis=-2)
            pivot = self.gate(self.node("Gather", [row, i], A.shape[:-2], axis=-1))
            column = self.node("Gather", [M, i], A.shape[:-1], axis=-1)
            one = self.node("Gather", [self.constant(np.eye(K)), i], (K,), axis=0)
            row = self.node("Unsqueeze", [row / pivot, self.whole(-2)], (*A.shape[:-2], 1, K + 1))
            return go, M - self.gate(column - one) * row

        graph, _ = self.body(eliminate, (TensorProto.INT64, ()), (TensorProto.BOOL, ()), (self.type, M.shape))
        (done,) = self.outputs("Loop", [self.held(np.array(K)), self.held(np.array(True)), M], [M.shape], body=graph)
        last = self.columns(done, K, K + 1)
        return self.node("Squeeze", [last, self.whole(-1)], b.shape)


# ---- the graph of a model ----------------------------------------------------------------------------------


class _Export:
    def __init__(self, checkpoint: plans.Checkpoint, loops: int | None, dtype: np.dtype[Any]) -> None:
        self.plan, config = checkpoint.plan, checkpoint.config
        self.layout, self.dims = config["model.tokens"], config["model.n_dims"]
        points = config["model.n_positions"]
        self.xp = Arithmetic(dtype, {"pairs": 2 * points, "led": self.dims + points}.get(self.layout, points))
        self.weights = checkpoint.weights
        self.loops = loops or self.plan.loops
        self.outs = self.width_of_answer()
        self.inputs: list[onnx.ValueInfoProto] = []

    def width_of_answer(self) -> int:
        op = next(op for op in self.plan.ops if op.name == self.plan.parts["answer"])
        return int(op.options["out"])

    def input(self, name: str, *shape: int | str, kind: int | None = None) -> Value:
        self.inputs.append(helper.make_tensor_value_info(name, kind or self.xp.type, shape))
        return Value(self.xp, name, tuple(n if isinstance(n, int) else None for n in shape))

    def call(self, op: plans.Op, values: Sequence[Value]) -> Value:
        weights = {
            name.rpartition(".")[2]: self.xp.held(w.astype(self.xp.dtype), name)
            for name, w in self.weights.items()
            if name.rpartition(".")[0] == op.name
        }
        return ops.KINDS[op.kind](self.xp, op.options, weights, *values)

    def answers(self, tokens: Value, mask: Value | None) -> Value:
        given = {self.plan.parts["tokens"]: tokens}
        if "mask" in self.plan.parts and mask is not None:
            given[self.plan.parts["mask"]] = mask

        def start(value: float, width: int) -> Value:
            size = self.xp.size_with(tokens, 0, 2, width)
            return self.xp.node("Expand", [self.xp.constant(value), size], (None, None, width))

        return self.plan.run(self.call, given, start, self.loops)[0][self.plan.parts["answer"]]

    def graph(self) -> tuple[Value, list[int | str]]:
        xp, width = self.xp, self.plan.inputs[self.plan.parts["tokens"]]
        if self.layout == "own":
            tokens = self.input("tokens", "batch", "tokens", width)
            mask = self.input("mask", "batch", "tokens", 1) if "mask" in self.plan.parts else None
            return self.answers(tokens, mask), ["batch", "tokens", self.outs]
        if self.layout == "ids":
            ids = self.input("ids", "batch", "points", kind=TensorProto.INT64)
            column = xp.node("Unsqueeze", [ids, xp.whole(-1)], (None, None, 1))
            x = xp.node("Cast", [column], (None, None, 1), to=xp.type)
            return self.answers(*ops.tokens(xp, self.layout, x, None, width)), ["batch", "points", self.outs]
        x = self.input("x", "batch", "points", self.dims)
        if self.layout not in ("pairs", "columns", "led", "halves"):
            return self.answers(*ops.tokens(xp, self.layout, x, None, width)), ["batch", "points", self.outs]
        return self.last(x, width)

    def last(self, x: Value, width: int) -> tuple[Value, list[int | str]]:
        """The answer to a query after examples."""
        xp, one = self.xp, self.outs == 1
        y = self.input("y", "batch", "points", *([] if one else [self.outs]))
        query = self.input("query", "batch", self.dims)
        if one:
            y = xp.node("Unsqueeze", [y, xp.whole(-1)], (None, None, 1))
        row = xp.node("Unsqueeze", [query, xp.whole(1)], (None, 1, self.dims))
        x = xp.node("Concat", [x, row], x.shape, axis=1)
        answers = self.answers(*ops.tokens(xp, self.layout, x, y, width))
        at = -2 if self.layout == "pairs" else -1  # behind a query stands the place of its answer
        answer = xp.node("Gather", [answers, xp.held(np.array(at))], (None, self.outs), axis=1)
        return (xp.node("Squeeze", [answer, xp.whole(-1)], (None,)), ["batch"]) if one else (answer, ["batch", self.outs])


def export(source: Any, path: str | os.PathLike[str] | None = None, *, loops: int | None = None, dtype: Any = "float32") -> onnx.ModelProto:
    """Write a model as ONNX.

    Parameters
    ----------
    source : innerloop.Model, or path of a checkpoint or run folder
    path : where to write the graph, optional
    loops : how often the body runs; the model's own number unless given
    dtype : of weights and arithmetic, float32 or float64

    Returns
    -------
    onnx.ModelProto, which the checker of onnx has passed

    Raises
    ------
    ValueError for a file that is no checkpoint; OSError for one that cannot be read or written
    """
    checkpoint = source if isinstance(source, plans.Checkpoint) else plans.of_model(source)
    made = _Export(checkpoint, loops, np.dtype(dtype))
    value, shape = made.graph()
    name = "scores" if made.layout == "ids" else "answer"
    made.xp.nodes.append(helper.make_node("Identity", [value.name], [name], name))
    output = helper.make_tensor_value_info(name, made.xp.type, shape)
    graph = helper.make_graph(made.xp.nodes, "innerloop", made.inputs, [output], list(made.xp.initializers.values()))
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="innerloop", ir_version=9)
    onnx.checker.check_model(proto)
    if path is not None:
        with whole(path) as file:
            file.write(proto.SerializeToString())
    return proto

"""Any model as a PyTorch module: gradients, hooks on every slot, a state dict, and the way back.

    module = PlanModule("newton.safetensors")
    answers = module(x, y, xq)                       # as innerloop.Model gives them
    module.get_submodule("h.0.attn").register_forward_hook(...)

Every operation of the plan is a submodule of its own name, whose output is the slot of that name, and whose
parameters have the checkpoint's names. A hook sees `module.loop`, the loop that runs, counted from 1 (0 before
the first), and what it returns takes the slot's place. Softmax and linear attention have a submodule `pattern`
(prompts, heads, tokens, tokens) besides.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from . import ops
from . import plan as plans
from .errors import ConfigError
from .model import Model, load


class Arithmetic:
    """The arithmetic of `ops.py`, on tensors of PyTorch."""

    tanh = staticmethod(torch.tanh)
    sigmoid = staticmethod(torch.sigmoid)
    sqrt = staticmethod(torch.sqrt)
    relu = staticmethod(torch.relu)
    absolute = staticmethod(torch.abs)
    clip = staticmethod(torch.clamp)
    sum_all = staticmethod(torch.sum)
    linear = staticmethod(functional.linear)
    einsum = staticmethod(torch.einsum)
    softplus = staticmethod(functional.softplus)

    def __init__(self, most_tokens: int, point: Callable[[str, Tensor], Tensor]) -> None:
        self.most_tokens, self.point = most_tokens, point

    def constant(self, values, like):
        return torch.as_tensor(values, dtype=like.dtype, device=like.device)

    def zeros(self, like, rows, cols):
        return like.new_zeros(*like.shape[:2], rows, cols)

    def width(self, x):
        return x.shape[-1]

    def mean(self, x):
        return x.mean(-1, keepdim=True)

    def sum(self, x):
        return x.sum(-1, keepdim=True)

    def at_least(self, x, least):
        return torch.clamp(x, min=least)

    def columns(self, x, begin, end):
        return x[..., begin:end]

    def thirds(self, x):
        return x.chunk(3, -1)

    def beside(self, a, b):
        return torch.cat([a, b.expand(*a.shape[:-1], b.shape[-1])], -1)

    def row(self, w, i):
        return w[i]

    def rows(self, w, ids):
        return w[ids[..., 0].long()]

    def first(self, table, like):
        return table[: like.shape[1]]

    def later(self, x, n):
        return functional.pad(x, (0, 0, n, 0))[:, : x.shape[1]]

    def heads(self, x, H):
        return x.unflatten(-1, (H if x.shape[-1] > 1 else 1, -1)).transpose(1, 2)

    def joined(self, x):
        return x.transpose(1, 2).flatten(2)

    def split_rows(self, w, H):
        return w.reshape(H, -1, w.shape[-1]) if w.dim() == 2 else w.reshape(H, 1, 1)

    def causal(self, x):
        return x.tril()

    def causal_softmax(self, x):
        future = torch.ones(x.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        return x.masked_fill(future, -torch.inf).softmax(-1)

    def softmax(self, x, mask=None):
        """Of all tokens; key j counts mask_j times, and where none counts all is 0."""
        if mask is None:
            return x.softmax(-1)
        none = mask == 0
        largest = x.detach().masked_fill(none, torch.finfo(x.dtype).min).amax(-1, keepdim=True)
        e = mask * (x - largest).masked_fill(none, -torch.inf).exp()
        total = e.sum(-1, keepdim=True)
        return e / total.masked_fill(total == 0, 1)

    def of_keys(self, mask):
        return mask[:, None, None, :, 0]

    def gate(self, x):
        return x[..., None]

    def scan(self, step, state, inputs):
        outputs = []
        for t in range(inputs[0].shape[2]):
            state, output = step(state, *(x[:, :, t] for x in inputs))
            outputs.append(output)
        return torch.stack(outputs, 2)

    def on_diagonal(self, x):
        return torch.diag_embed(x)

    def solved(self, A, b):
        """Normal equations, which float would spoil, are solved in double."""
        return torch.linalg.solve(A.double(), b.double()[..., None])[..., 0].to(b.dtype)

    def padded(self, x, width):
        return functional.pad(x, (0, width - x.shape[-1]))

    def longer(self, x, n):
        return functional.pad(x, (0, 0, 0, n))

    def led(self, x, n, value):
        return functional.pad(x, (0, 0, n, 0), value=value)

    def interleaved(self, a, b):
        if b.shape[1] < a.shape[1]:  # a query, whose answer is not known
            b = self.longer(b, a.shape[1] - b.shape[1])
        return torch.stack([a, b], 2).flatten(1, 2)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": lambda score, target: ((score - target) ** 2).sum(-1, keepdim=True),
    "cross_entropy": lambda score, target: functional.softplus(-score * target),
    "softmax_cross_entropy": lambda score, target: functional.cross_entropy(
        score.flatten(0, 1), target.flatten().long(), reduction="none"
    ).view(target.shape),
}


class Operation(nn.Module):
    """An operation of a plan, or a name that only stands before others."""

    def __init__(self) -> None:
        super().__init__()
        self.op: plans.Op | None = None
        self.most_tokens = 0

    def forward(self, *inputs: Tensor) -> Tensor:
        assert self.op is not None
        if self.op.kind in LOSSES:
            return LOSSES[self.op.kind](*inputs[:2])
        xp = Arithmetic(self.most_tokens, self.point)
        return ops.KINDS[self.op.kind](xp, self.op.options, dict(self._parameters), *inputs)

    def point(self, name: str, value: Tensor) -> Tensor:
        return self.get_submodule(name)(value)

    def extra_repr(self) -> str:
        return f"{self.op.kind} of {', '.join(self.op.inputs)}" if self.op else ""


class PlanModule(nn.Module):
    """A model of innerloop as a PyTorch module.

    Parameters
    ----------
    source : innerloop.Model, or path of a checkpoint or run folder
    dtype : torch.dtype, optional
        of weights and arithmetic; float32 unless given. Built models are stored in float64, whose digits
        `dtype=torch.float64` keeps.

    Raises
    ------
    ValueError
        where the file is no checkpoint, or a name of the plan is one that PyTorch needs.
    """

    def __init__(self, source: Any, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        checkpoint = source if isinstance(source, plans.Checkpoint) else plans.of_model(source)
        self.plan, self.metadata = checkpoint.plan, checkpoint.metadata
        config = checkpoint.config
        self.layout: str = config["model.tokens"]
        self.dims: int = config["model.n_dims"]
        self.positions: int = config["model.n_positions"]
        self.window: int = min(self.plan.loss_loops, self.plan.loops)
        self.loop = 0
        self.dtype = dtype
        for op in self.plan.ops:
            self._add(op)
        for name, values in checkpoint.weights.items():
            path, _, last = name.rpartition(".")
            weight = torch.from_numpy(np.array(values)).to(dtype)
            self.get_submodule(path).register_parameter(last, nn.Parameter(weight))

    def _add(self, op: plans.Op) -> None:
        at: nn.Module = self
        for part in op.name.split("."):
            if part not in at._modules:
                if hasattr(at, part):
                    raise ValueError(f"the plan's name '{op.name}' has a part that is PyTorch's: {part}")
                at.add_module(part, Operation())
            at = at.get_submodule(part)
        assert isinstance(at, Operation)
        at.op, at.most_tokens = op, self.tokens_of(self.positions)
        if op.kind in ("attention", "linear_attention"):
            at.add_module("pattern", nn.Identity())

    def tokens_of(self, points: int) -> int:
        """How many tokens a prompt of so many points has."""
        return {"pairs": 2 * points, "led": self.dims + points}.get(self.layout, points)

    # ---- running ---------------------------------------------------------------------------------------

    def run(
        self,
        tokens: Tensor,
        mask: Tensor | None = None,
        target: Tensor | None = None,
        loops: int | None = None,
        post: int = 1,
        window: int | None = None,
    ) -> list[dict[str, Tensor]]:
        """Run the plan on tokens (prompts, T, width): its slots by name after each of the last `post` loops.

        The last `window` loops are differentiated, all unless given; those before them only hand the stream on.
        """
        loops = loops or self.plan.loops
        tokens = self._tensor(tokens)
        given = {"tokens": tokens, "mask": mask, "target": target}
        inputs = {self.plan.parts[p]: self._tensor(v) for p, v in given.items() if p in self.plan.parts and v is not None}
        if target is not None:
            inputs[self.plan.parts["weight"]] = torch.ones_like(tokens[..., :1])

        def enter(loop: int, stream: Tensor) -> Tensor:
            self.loop = loop
            if window is not None and loop == loops - window + 1 and loop > 1:
                return stream.detach()
            return stream

        def start(value: float, width: int) -> Tensor:
            return tokens.new_full((*tokens.shape[:2], width), value)

        def call(op: plans.Op, values: Sequence[Tensor]) -> Tensor:
            return self.get_submodule(op.name)(*values)

        return self.plan.run(call, inputs, start, loops, post, enter)

    def _tensor(self, values: Any) -> Tensor:
        device = next(self.parameters()).device
        return torch.as_tensor(values, dtype=self.dtype, device=device)

    def _tokens(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self.layout == "own":
            raise ValueError("the model's tokens are its own and no task's prompts: hand them to run()")
        if y is not None and y.dim() == 2:
            y = y[..., None]
        width = self.plan.inputs[self.plan.parts["tokens"]]
        dims = x if self.layout == "ids" else functional.pad(x, (0, self.dims - x.shape[-1]))
        xp = Arithmetic(0, lambda name, value: value)
        return ops.tokens(xp, self.layout, dims, y, width)

    def forward(self, x: Any, y: Any = None, xq: Any = None, loops: int | None = None) -> Tensor:
        """Answers, as `innerloop.Model` gives them.

        Parameters
        ----------
        x : (B, N, D) examples, or a sequence; (B, N, 1) ids of a model of classes
        y : (B, N) or (B, N, O), what belongs to them; None for a sequence or ids
        xq : (B, Q, D) queries, each asked after all examples; None: what is answered at every point, from those before it
        loops : int, optional

        Returns
        -------
        Tensor (B, Q) or (B, N), with O numbers an answer (or the scores of classes) behind, where O > 1
        """
        x = self._tensor(x)
        y = None if y is None else self._tensor(y)
        if xq is not None:
            queries = self._tensor(xq)
            answers = [self._last(torch.cat([x, q[:, None]], 1), y, loops) for q in queries.unbind(1)]
        elif self.layout in ("columns", "led", "halves"):
            assert y is not None
            answers = [self._last(x[:, : n + 1], y[:, :n], loops) for n in range(x.shape[1])]
        else:
            return self._squeezed(self._every(x, y, loops))
        return self._squeezed(torch.stack(answers, 1))

    @staticmethod
    def _squeezed(answers: Tensor) -> Tensor:
        return answers[..., 0] if answers.shape[-1] == 1 else answers

    def _every(self, x: Tensor, y: Tensor | None, loops: int | None) -> Tensor:
        answers = self.run(*self._tokens(x, y), loops=loops)[0][self.plan.parts["answer"]]
        return answers[:, ::2] if self.layout == "pairs" else answers

    def _last(self, x: Tensor, y: Tensor | None, loops: int | None) -> Tensor:
        return self._every(x, y, loops)[:, -1]

    def training_loss(self, tokens: Tensor, target: Tensor, weight: Tensor, mask: Tensor | None = None,
             loops: int | None = None, window: int | None = None) -> Tensor:  # fmt: skip
        """The training loss: the mean over weighted tokens and the window's loops, which alone are differentiated."""
        window = window or self.window
        slots = self.run(tokens, mask, target, loops, post=window, window=window)
        weight = self._tensor(weight)
        rows = sum((s[self.plan.section("post")[-1].name] * weight).sum() for s in slots)
        return rows / (weight.sum() * len(slots))

    def trace(self, *args: Any, slots: Sequence[str] | None = None, **kwargs: Any) -> dict[str, Tensor]:
        """Run as `forward` and return what the hook points saw: {name: (loops, prompts, tokens, width)}."""
        seen: dict[str, list[Tensor]] = {}
        names = [op.name for op in self.plan.ops] if slots is None else list(slots)

        def keep(name: str) -> Callable[..., None]:
            return lambda module, inputs, output: seen.setdefault(name, []).append(output)

        hooks = [self.get_submodule(name).register_forward_hook(keep(name)) for name in names]
        try:
            self(*args, **kwargs)
        finally:
            for hook in hooks:
                hook.remove()
        return {name: torch.stack(values) for name, values in seen.items()}

    # ---- the way back ----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint that every command of innerloop loads, with the weights as they are now."""
        kept = {key: text for key, text in self.metadata.items() if key not in ("hash", "digest")}
        weights = {name: w.detach().cpu().numpy() for name, w in self.state_dict().items()}
        plans.write_tensors(path, weights, kept)


def from_torch(
    source: PlanModule | Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    config: str | os.PathLike[str] | None = None,
    family: str | None = None,
    heads: int | None = None,
    loops: int | None = None,
    points: int | None = None,
) -> Model:
    """A model of the library from a PlanModule, or from a state dict of either public repository.

    Parameters
    ----------
    source : PlanModule, or the state dict of dtsip/in-context-learning (Garg et al. 2022) or of
        Leiay/looped_transformer (Yang et al. 2023), alone or under "model_state_dict" or "model"
    path : where its checkpoint is written
    config : config.yaml of the run, which says what weights do not; or by hand:
    family, heads, loops, points : gpt2, gpt2_loop or gpt2_tying; attention heads; loops; points of its prompts

    Raises
    ------
    ConfigError (a ValueError) naming the tensor or key that is none of these repositories'; OSError
    """
    if isinstance(source, PlanModule):
        source.save(path)
        return load(path)
    from . import import_checkpoint as public

    options = argparse.Namespace(family=family, heads=heads, loops=loops, points=points)
    try:
        state, step = public.unpack(source, "the state dict")
        tensors, sizes = public.convert(state)
        settings = public.read_settings(Path(config)) if config is not None else {}
        recipe = public.recipe(sizes, options, settings)
    except public.Refused as error:
        raise ConfigError(str(error), 3) from None
    public.write(path, tensors, {"config": recipe, "step": str(step)})
    return load(path)

"""innerloop: train, build and explain transformers that learn in context.

    import innerloop

    model = innerloop.build("newton", dims=5)
    x, y = ...                      # (prompts, examples, 5), (prompts, examples)
    answers = model(x, y, xq)       # (prompts, queries)

The names here are the C library's (include/innerloop.h), as objects. docs/python.md is a tour.
"""

from ._library import InnerloopWarning, library
from .config import Config, recipe
from .context import Context
from .errors import ClaimError, ConfigError, Error, FileError, Interrupted, NumericError, UsageError
from .measures import Explanation, evaluate, explain, measure
from .model import Model, Weights, build, load, models
from .table import Table
from .tasks import Prompts, draw
from .trace import Trace
from .training import Progress, Run, compare, runs, sweep, train

__version__: str = library().c.il_version().decode()


def table(kind: str) -> Table:
    """What there is of a kind, with summaries and options: "tasks", "shifts", "layouts", "algos", "constructions",
    "ops", "models", "optimizers" or "measures"."""
    lib = library()
    return Table._take(lib, lib.new("il_list", kind.encode()))


def kernel() -> str:
    """The instruction set in use: "avx512", "avx2", ..."""
    return str(library().c.il_kernel_name().decode())


def threads(n: "int | None" = None) -> int:
    """How many threads the library uses; with `n` (1 to 256), as many from here on. No result depends on it."""
    if n is not None:
        for dtype in ("float32", "float64"):
            library(dtype).call("il_threads_set", n)
    return int(library().c.il_threads())


__all__ = [
    "ClaimError", "Config", "ConfigError", "Context", "Error", "Explanation", "FileError", "InnerloopWarning",
    "Interrupted", "Model", "NumericError", "Progress", "Prompts", "Run", "Table", "Trace", "UsageError", "Weights",
    "build", "compare", "draw", "evaluate", "explain", "kernel", "load", "measure", "models", "recipe", "runs", "sweep", "table", "threads",
    "train",
]

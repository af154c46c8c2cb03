"""package.py - what the Python package costs beside the C call that it makes, and beside PyTorch

    python3 bench/package.py [MODEL] [--compile]     in an environment with the package; PyTorch is optional

Three lines, each of medians over rounds in which the rivals take turns:

    one prompt       model(x, y) from Python, and il_model_answer called in a loop in C: what the package adds
    1,280 prompts    the same of a batch
    PyTorch          innerloop.torch.PlanModule of the same weights on the same batch, on as many threads; with
                     --compile also by torch.compile, which takes minutes to unroll the loops

The loop in C is compiled here with cc, and calls the library that the package has loaded, on the same model and
arrays; so nothing differs but who calls.
"""

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import innerloop
from innerloop import _library

THREADS = 2
PROMPTS = 1280
LOOP = """
#include <time.h>
typedef int answer_fn(const void *model, const void *batch, int first, int last, void *out, void *err);
double seconds(answer_fn *answer, const void *model, const void *batch, int loops, void *out, int calls)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < calls; i++) answer(model, batch, loops, loops, out, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}
"""


def compiled_loop(folder):
    source, built = os.path.join(folder, "loop.c"), os.path.join(folder, "loop.so")
    with open(source, "w", encoding="utf-8") as file:
        file.write(LOOP)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", source, "-o", built], check=True)
    loop = ctypes.CDLL(built)
    loop.seconds.restype = ctypes.c_double
    loop.seconds.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    return loop


def repeat(call):
    """A function (calls) -> seconds that they take."""

    def run(calls):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - begin

    return run


def in_c(loop, model, x, y):
    out, batch = np.empty_like(y), model._batch(x, y)
    answer = ctypes.cast(model._lib.c.il_model_answer, ctypes.c_void_p)
    given = answer, model._handle, ctypes.addressof(batch), model.loops, _library.address(out)
    return lambda calls, keep=(batch, out): loop.seconds(*given, calls)


def in_torch(model, x, y, compiling):
    """{label: function}, or {} where there is no PyTorch"""
    try:
        import torch

        from innerloop.torch import PlanModule
    except ImportError as missing:
        print(f"without PyTorch: {missing}")
        return {}
    torch.set_num_threads(THREADS)
    module = PlanModule(model)
    given = torch.from_numpy(x), torch.from_numpy(y)
    found = {"PyTorch": module, **({"compiled": torch.compile(module)} if compiling else {})}
    with torch.no_grad():
        for call in found.values():
            assert np.allclose(call(*given).numpy(), model(x, y), atol=1e-4)

    def run(call):
        def calls(n):
            with torch.no_grad():
                return repeat(lambda: call(*given))(n)

        return calls

    print(f"PyTorch {torch.__version__}")
    return {label: run(call) for label, call in found.items()}


def medians(rivals, calls, rounds):
    """Seconds of one call of each rival, who take turns."""
    taken = {name: [] for name in rivals}
    for name, run in rivals.items():
        run(calls)
    for _ in range(rounds):
        for name, run in rivals.items():
            taken[name].append(run(calls) / calls)
    return {name: statistics.median(times) for name, times in taken.items()}


def main():
    words = [word for word in sys.argv[1:] if word != "--compile"]
    innerloop.threads(THREADS)
    model = innerloop.load(*words or ["quick"])
    drawn = np.random.default_rng(1)
    x = drawn.normal(size=(PROMPTS, model.points, model.n_dims)).astype("f4")
    x[:, :, model.dims :] = 0
    y = np.einsum("nkd,nd->nk", x, drawn.normal(size=(PROMPTS, model.n_dims)).astype("f4"))
    with tempfile.TemporaryDirectory() as folder:
        loop = compiled_loop(folder)
    for prompts, calls, rounds in ((1, 200, 31), (PROMPTS, 1, 15)):
        some = x[:prompts], y[:prompts]
        took = medians({"C": in_c(loop, model, *some), "Python": repeat(lambda: model(*some))}, calls, rounds)
        say(f"{prompts:,} prompt{'s' if prompts > 1 else ''}", "Python", "C", took)
    rivals = in_torch(model, x, y, "--compile" in sys.argv)
    took = medians({"innerloop": repeat(lambda: model(x, y)), **rivals}, 1, 7) if rivals else {}
    for name in rivals:
        say(f"{PROMPTS:,} prompts", name, "innerloop", took)


def say(work, one, other, took):
    print(f"{work:14s} {one} {1e3 * took[one]:.3f} ms, {other} {1e3 * took[other]:.3f} ms: {took[one] / took[other]:.3f}")


if __name__ == "__main__":
    main()

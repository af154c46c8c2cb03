"""Threads, forked and spawned processes, and memory over many calls."""

import multiprocessing
import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import innerloop


def prompts(seed):
    drawn = innerloop.draw("linear_regression", 8, 11, 5, seed=seed)
    return drawn.x, drawn.y


def answers(seed):
    return innerloop.load("quick")(*prompts(seed))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes_answer_the_same(method):
    want = [answers(seed) for seed in range(4)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        got = pool.map(answers, range(4))
    for one, other in zip(want, got):
        np.testing.assert_array_equal(one, other)


def test_threads_share_a_model():
    model = innerloop.load("quick")
    want = [model(*prompts(seed)) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda seed: model(*prompts(seed)), range(8)))
    for one, other in zip(want, got):
        np.testing.assert_array_equal(one, other)


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_ten_thousand_calls_keep_no_memory():
    model = innerloop.build("gd", dims=2, points=4, loops=2)
    x, y = np.ones((1, 3, 2), np.float32), np.ones((1, 3), np.float32)
    xq = np.ones((1, 2, 2), np.float32)

    def call():
        model(x, y, xq)
        model.run(x, y, patch={"h.0.attn.o": lambda out: out})

    for _ in range(200):
        call()
    try:
        before = resident()
    except OSError:
        pytest.skip("there is no /proc/self/statm")
    for _ in range(1000):
        call()
    for _ in range(9000):
        model(x, y, xq)
    assert resident() - before < 2**20  # a byte leaked by each call would not show; a hundred would

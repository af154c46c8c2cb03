"""Every test also prints the line "ok NAME" or "not ok NAME" that tests/run.sh counts."""

import os
import sys

import numpy as np
import pytest

os.environ.setdefault("IL_THREADS", "2")


def pytest_runtest_logreport(report):
    if report.when == "call" or (report.when == "setup" and not report.passed):
        name = report.nodeid.split("/")[-1].replace("::", ": ").replace(".py", "")
        if report.skipped:
            print(f"\nok {name} # SKIP {report.longrepr[2] if isinstance(report.longrepr, tuple) else ''}")
        else:
            print(f"\n{'ok' if report.passed else 'not ok'} {name}")
        sys.stdout.flush()


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture
def linear(rng):
    """Noiseless linear prompts: x (6,20,5), y (6,20), queries xq (6,3,5) and their answers yq (6,3)."""
    x, xq, w = rng.normal(size=(6, 20, 5)), rng.normal(size=(6, 3, 5)), rng.normal(size=(6, 5))
    return x, np.einsum("nkd,nd->nk", x, w), xq, np.einsum("nkd,nd->nk", xq, w)

"""What docs/python.md shows is what happens."""

import doctest
import warnings
from pathlib import Path


def test_the_tour():
    page = Path(__file__).parents[2] / "docs" / "python.md"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 30 and failed == 0

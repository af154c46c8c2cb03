"""What docs/python.md shows is what happens."""

import doctest
import re
import warnings
from pathlib import Path


def test_the_tour():
    page = Path(__file__).parents[2] / "docs" / "python.md"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 30 and failed == 0


def test_what_the_readme_shows_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shown = re.search(r"^```python$(.*?)^```$", (Path(__file__).parents[2] / "README.md").read_text(), re.M | re.S)[1]
    names = {}
    exec(compile(shown, "README.md", "exec"), names)
    assert abs(names["model"](names["x"], names["y"], names["xq"]) - names["xq"] @ names["w"]).max() < 0.3
    said = capsys.readouterr().out
    assert "the answers resemble" in said and said.endswith(names["run"].model.hash + "\n")

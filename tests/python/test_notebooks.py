"""The notebooks of examples/, cell by cell; what they assert is what they say."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("pandas")
pytest.importorskip("torch")  # which only the slow tests install, and notebooks that train are slow
matplotlib = pytest.importorskip("matplotlib")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        assert cell["outputs"] == [], f"{path.name}, cell {number} holds outputs: clear them before a commit"
        exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)
    assert len(cells) > 3 and os.getcwd() == str(tmp_path)

"""The examples: notebooks cell by cell (what they assert is what they say), and the script that uses PyTorch."""

import json
import os
import subprocess
import sys
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


def test_a_transformer_of_pytorch_is_explained(tmp_path):
    script = ROOT / "examples" / "explain_torch.py"
    said = subprocess.run([sys.executable, script], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert said.count("mean squared error") == 8
    verdict = said.splitlines()[-1]
    assert verdict.startswith("The model resembles") and "Not sure" in verdict
    assert "ridge regression" in verdict and "not linear in the examples' answers" in verdict

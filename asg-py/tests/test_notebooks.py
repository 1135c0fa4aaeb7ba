"""The notebooks run, and print the output that is committed. ``ASG_NOTEBOOKS=write`` commits the
present output to the files.

Pictures are drawn but not compared: their bytes differ between versions of matplotlib.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
for needed in ("ipykernel", "matplotlib", "pandas", "pyarrow", "duckdb"):
    pytest.importorskip(needed)

pytestmark = pytest.mark.filterwarnings("default")

FOLDER = ROOT / "examples/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_what_it_said(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its files are removed afterwards, and no setting of the user changes its output.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    committed = nbformat.read(path, as_version=4)
    run = nbformat.reads(nbformat.writes(committed), as_version=4)
    for cell in run.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = nbclient.NotebookClient(
        run, timeout=300, coalesce_streams=True, resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()
    if os.environ.get("ASG_NOTEBOOKS") == "write":
        for cell in run.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(run, path)
        return
    for cell, before in zip(run.cells, committed.cells, strict=True):
        assert said(cell) == said(before), cell.source


def said(cell: Any) -> list[str]:
    """Returns the text of a cell's output, and which of its outputs are pictures."""
    words = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            words.append(f"{output.name}: {output.text}")
        elif "image/png" in output.get("data", {}):
            words.append("a picture")
        else:
            words.append(output.get("data", {}).get("text/plain") or str(output))
    return words

"""The notebooks run from top to bottom, and the text they were saved with is what they print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def shown(notebook: Any) -> list[list[str]]:
    """For each cell what it shows as text; pictures are drawn anew on each run and not compared."""
    cells = [cell.get("outputs", []) for cell in notebook.cells]
    return [[output.get("data", {}).get("text/plain", output.get("text", "")) for output in cell] for cell in cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_it_shows(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    saved = shown(notebook)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    assert shown(notebook) == saved


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_says_nothing_of_who_ran_it(path: Path) -> None:
    assert path.stat().st_size < 300_000
    assert str(Path.home()) not in path.read_text("utf-8")

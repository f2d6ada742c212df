"""The reference in docs/ is what the program declares; `python docs/generate.py` writes it anew."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import asked_store
import duckdb
import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["tables.md", "commands.md"])
def test_the_reference_is_current(generate: ModuleType, page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == generate.text(page), "run: python docs/generate.py"


def test_the_queries_of_the_reference_run_without_chatlogs(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_store.make(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    assert duckdb.sql(generate.QUERY).fetchall()[0] == ("o1", 2, 4020)
    assert duckdb.sql(generate.CHOICES).fetchall() == []

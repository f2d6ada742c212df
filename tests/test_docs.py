"""The reference in docs/ is what the program declares; `python docs/generate.py` writes it anew."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import asked_store
import duckdb
import pytest

from chatlogs.asking.reports import REPORTS

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_current(generate: ModuleType) -> None:
    """Every page is as it would be written now, and no page of a command that is gone is left."""
    stale = [page for page in generate.PAGES if _read(page) != generate.text(page)]
    assert not stale, "run: python docs/generate.py"
    assert {path.name for path in (DOCS / "commands").iterdir()} == {f"{name}.md" for name in generate.COMMANDS}


def _read(page: str) -> str:
    path = DOCS / page
    return path.read_text("utf-8") if path.exists() else ""


def test_each_report_has_its_query_in_the_docs(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the printed query runs where it says it does."""
    asked_store.make(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    for name in REPORTS:
        (query,) = re.findall(r"```sql\n(.*?)```", generate.text(f"commands/{name}.md"), re.DOTALL)
        assert duckdb.sql(query).columns


def test_the_queries_of_the_reference_run_without_chatlogs(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_store.make(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    assert duckdb.sql(generate.QUERY).fetchall()[0] == ("o1", 2, 4020)
    assert duckdb.sql(generate.CHOICES).fetchall() == []

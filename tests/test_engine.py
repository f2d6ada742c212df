"""What does not fit in memory goes to a place of one's own, and is gone afterwards."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chatlogs import engine

ROOT = Path(__file__).resolve().parents[1]
SPILLING = "select count(*) from (from range(4_000_000) as r(n) order by hash(n), n limit 3_900_000)"


@pytest.mark.parametrize("given", [True, False], ids=["in a folder", "anywhere"])
def test_each_engine_spills_in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    """Not in the caller's current one."""
    here, folder = tmp_path / "here", tmp_path / "folder"
    here.mkdir()
    folder.mkdir()
    monkeypatch.chdir(here)
    places = []
    for _ in range(2):
        with engine.connect(str(folder) if given else None) as con:
            con.execute("set memory_limit = '40MB'; set threads = 1")
            rows = con.sql(SPILLING).fetchall()
            ((place,),) = con.sql("select current_setting('temp_directory')").fetchall()
            assert rows == [(3_900_000,)] and os.path.isdir(place)
            assert not stat.S_IMODE(os.stat(os.path.dirname(place)).st_mode) & 0o077 or given
            places.append(place)
    assert len(set(places)) == 2 and not any(map(os.path.exists, places))
    assert os.listdir(here) == os.listdir(folder) == []


def test_nothing_is_left_when_the_process_ends(tmp_path: Path) -> None:
    code = "from chatlogs import engine; con = engine.connect(); con.sql('select 1').show()"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    assert os.listdir(tmp_path) == []


def test_no_engine_is_started_otherwise() -> None:
    files = [path for path in (ROOT / "chatlogs").rglob("*.py") if path.name != "engine.py"]
    assert [path.name for path in files if "duckdb.connect(" in path.read_text("utf-8")] == []

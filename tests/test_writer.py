"""How much is gathered before it is written, and how long a stream is waited for, does not change the tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ingested import Rows, stored
from log_lines import dumps, obj

from chatlogs.keeping import upkeep
from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems
from chatlogs.moving.ingest import ingest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = [str(path) for path in sorted((ROOT / "sample_data").glob("*-w43.jsonl"))]
NewStore = Callable[[], Path]
Patch = pytest.MonkeyPatch


def files(store: Path, table: str) -> int:
    """How many files with rows the table has."""
    return sum(rows > 0 for rows, _ in Store.open(store).snapshot().sizes(table).values())


def of_samples(store: Path) -> Rows:
    ingest(SAMPLES, store, block_bytes=300_000, threads=2)
    assert problems(Store.open(store)) == []
    return stored(store)


@pytest.fixture(scope="module")
def expected(new_store: NewStore) -> Rows:
    """The rows of the sample logs, read as usual."""
    return of_samples(new_store())


def test_the_size_of_files_does_not_change_the_tables(new_store: NewStore, expected: Rows, monkeypatch: Patch) -> None:
    monkeypatch.setattr("chatlogs.moving.writer.FILE_BYTES", 100_000)
    store = new_store()
    assert of_samples(store) == expected
    assert min(files(store, table) for table in ("completions", "choices", "tool_calls")) > 2
    monkeypatch.setattr("chatlogs.keeping.parquet.ROW_GROUP_ROWS", 70)
    monkeypatch.setattr("chatlogs.keeping.upkeep._BATCH_ROWS", 70)
    monkeypatch.setattr("chatlogs.keeping.upkeep.TARGET_BYTES", 60_000)
    upkeep.compact(Store.open(store))
    assert stored(store) == expected and problems(Store.open(store)) == []
    assert files(store, "completions") > 1


def test_a_stream_that_is_let_go_is_continued(new_store: NewStore, expected: Rows, monkeypatch: Patch) -> None:
    """However short the patience, each stream is one answer when all was read."""
    monkeypatch.setattr("chatlogs.moving.assemble.PATIENCE_BYTES", 20_000)
    monkeypatch.setattr("chatlogs.moving.assemble.RECENT_BYTES", 5_000)
    assert of_samples(new_store()) == expected


def junk(count: int) -> bytes:
    return b"".join(b"%d is no JSON\n" % n for n in range(count))


def test_rejects_are_written_in_parts_and_an_unfinished_line_is_none(
    new_store: NewStore, tmp_path: Path, monkeypatch: Patch
) -> None:
    """A line that a log ends in is whole in a log that goes on, however many rejects were written meanwhile."""
    line = dumps(obj(id="c1", object="chat.completion", choices=[])) + b"\n"
    data = junk(2_000) + line + junk(50)
    (tmp_path / "a.jsonl").write_bytes(data[: data.index(line) + 20])
    (tmp_path / "b.jsonl").write_bytes(junk(100) + b"{")
    (tmp_path / "c.jsonl").write_bytes(data)
    whole, parts = new_store(), new_store()
    for store, size in ((whole, 1 << 30), (parts, 10_000)):
        monkeypatch.setattr("chatlogs.moving.writer.FILE_BYTES", size)
        report = ingest(str(tmp_path), store, block_bytes=5_000)
        assert (report.rejects, report.records, report.balanced) == (2_152, 1, True)  # with the one that was none
    assert stored(parts) == stored(whole) and len(stored(parts)["rejects"]) == 2_151
    assert files(whole, "rejects") == 1 and files(parts, "rejects") > 5
    assert problems(Store.open(parts)) == []

"""The store shows whole ingests only, and its folders are the tables."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from store_rows import WHEN, ingest, rows, state, tables_of, torn

from chatlogs.errors import StoreError
from chatlogs.keeping import parquet
from chatlogs.keeping.deltas import SCHEMA_FILE
from chatlogs.keeping.store import Store
from chatlogs.keeping.upkeep import compact, rewrite
from chatlogs.keeping.verify import problems
from chatlogs.schema import FORMAT_VERSION, TABLES


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def count(store: Store, table: str) -> int:
    return duckdb.sql(f"select count(*) from read_parquet('{store.path}/{table}/*.parquet')").fetchall()[0][0]


@pytest.mark.parametrize("table", TABLES)
def test_a_fresh_store_reads_as_empty_tables_without_chatlogs(store: Store, table: str) -> None:
    plain = duckdb.sql(f"from read_parquet('{store.path}/{table}/*.parquet')")
    assert plain.columns == TABLES[table].names
    assert count(store, table) == 0
    assert polars.scan_parquet(f"{store.path}/{table}/*.parquet").collect().shape == (0, len(TABLES[table].columns))
    assert polars.scan_delta(f"{store.path}/{table}").collect().is_empty()
    assert len(store.files(table)) == 1


def test_a_fresh_store_has_nothing_wrong(store: Store) -> None:
    assert problems(store) == []
    assert store.snapshot().ingests == []


def test_creating_twice_opens(store: Store) -> None:
    ingest(store, "one", 1)
    assert state(Store.create(store.path)) == {1: 1}


def test_an_interrupted_creation_is_taken_up(tmp_path: Path) -> None:
    """Tables without a ledger are no store yet, and making the store goes on from there."""
    path = tmp_path / "store"
    Store.create(path)
    for name in sorted((path / "sources").rglob("*"), reverse=True):
        name.rmdir() if name.is_dir() else name.unlink()
    with pytest.raises(StoreError, match="is not a chatlogs store"):
        Store.open(path)
    ingest(Store.create(path), "one", 1)
    assert torn(Store.open(path)) == []


def test_what_is_no_store_is_refused_in_one_sentence(tmp_path: Path) -> None:
    told = {
        tmp_path: f"{tmp_path} is not a chatlogs store (no sources table in it); "
        f"create one with: chatlogs ingest LOGS -o {tmp_path}",
        tmp_path / "absent": f"there is no store at {tmp_path / 'absent'}: it does not exist.",
        tmp_path / "file": f"{tmp_path / 'file'} is a file, and a store is a folder: name another.",
    }
    (tmp_path / "file").write_text("")
    for path, sentence in told.items():
        with pytest.raises(StoreError) as refusal:
            Store.open(path)
        assert str(refusal.value) == sentence
    with pytest.raises(StoreError, match="is a file, and a store is a folder"):
        Store.create(tmp_path / "file")
    with pytest.raises(StoreError, match=r"holds other things \(file\)"):
        Store.create(tmp_path)


def test_a_newer_format_is_refused_and_left_alone(store: Store) -> None:
    newer = str(FORMAT_VERSION + 1)
    DeltaTable(f"{store.path}/sources").alter.set_table_properties(
        {"chatlogs.format": newer}, raise_if_not_exists=False
    )
    before = sorted(Path(store.path).rglob("*"))
    for opened in (Store.open, Store.create):
        with pytest.raises(StoreError, match=f"is format {newer}; this chatlogs reads up to {FORMAT_VERSION}"):
            opened(store.path)
    assert sorted(Path(store.path).rglob("*")) == before


def test_an_older_format_is_refused_in_one_sentence(store: Store) -> None:
    DeltaTable(f"{store.path}/sources").alter.set_table_properties({"chatlogs.format": "1"}, raise_if_not_exists=False)
    for opened in (Store.open, Store.create):
        with pytest.raises(StoreError, match=r"is format 1, of an older chatlogs; .*: ingest the logs into a new"):
            opened(store.path)


def test_a_commit_shows_in_all_tables_at_once(store: Store) -> None:
    before = store.snapshot()
    ingest(store, "one", 1)
    after = store.snapshot()
    assert [len(before.files(table)) for table in TABLES] == [1] * len(TABLES)
    assert {table: len(after.files(table)) for table in TABLES if len(after.files(table)) > 1} == {
        "completions": 2,
        "choices": 2,
        "rejects": 2,
        "sources": 2,
    }
    assert torn(store) == []


def test_a_snapshot_tells_what_its_commits_said(store: Store) -> None:
    ingest(store, "one", 1)
    ingest(store, "two", 2)
    told = store.snapshot().ingests
    assert [(entry["ingest_id"], entry["log"]) for entry in told] == [("two", 2), ("one", 1)]
    assert all("chatlogs" in entry for entry in told)


def test_the_same_ingest_twice_changes_nothing(store: Store) -> None:
    version = ingest(store, "one", 1)
    assert ingest(store, "one", 2) == version
    assert state(store) == {1: 1}
    assert torn(store) == []


def test_replacing_rows_leaves_no_file_behind(store: Store) -> None:
    for log in range(3):
        ingest(store, f"first-{log}", log)
    ingest(store, "again", 1, times=2)
    assert state(store) == {0: 1, 1: 2, 2: 1}
    assert torn(store) == []


def test_after_every_commit_the_folders_are_the_tables(store: Store) -> None:
    """Appending, replacing and compacting, over many log files and checkpoints."""
    for step in range(9):
        log, times = step % 3, step // 3 + 1
        ingest(store, f"step-{step}", log, times)
        if step % 4 == 3:
            compact(store)
        assert torn(store) == []
    assert state(store) == dict.fromkeys(range(3), 3)
    assert any(Path(store.path, "sources", "_delta_log").glob("*.checkpoint.parquet"))


def test_values_come_back_as_they_were(store: Store) -> None:
    wide = rows(
        "completions",
        completion_key=[2**63 - 1, -(2**63)],
        created=[WHEN, None],
        flags=[["a", "b"], []],
        temperature=[0.1, None],
        stream=[True, None],
        extra=['{"a":"\\u0000\u2028é"}', None],
        choice_count=[0, 0],
    )
    with store.staging("one") as staging:
        store.commit("one", {"completions": [staging.write("completions", wide, sort=())]})
    (path,) = [path for path in store.files("completions") if pq.read_metadata(path).num_rows]
    assert pq.read_table(path).equals(wide)
    store.commit("two", {})
    ingest(store, "three", 3)
    compact(store)
    (path,) = [path for path in store.files("completions") if pq.read_metadata(path).num_rows]
    kept = pq.read_table(path).filter(pa.compute.field("source").is_null()).sort_by([("completion_key", "descending")])
    assert kept.equals(wide.combine_chunks()) or kept.to_pylist() == wide.to_pylist()


def test_compacting_keeps_the_rows_sorts_them_and_is_done_once(store: Store) -> None:
    for log in range(5):
        ingest(store, f"log-{log}", log)
    before = state(store)
    done = compact(store)
    assert (done.files_before, done.files_after) == (8 + 4 * 5, 8 + 4)
    assert "28 files became 12" in str(done)
    assert state(store) == before
    assert torn(store) == []
    assert str(compact(store)).startswith("Nothing to fold: 12 files")
    models = [model for (model,) in duckdb.sql(f"select model from '{store.path}/choices/*.parquet'").fetchall()]
    assert models == sorted(models, key=lambda model: (model is None, model))


def test_staging_refuses_what_is_not_declared(store: Store) -> None:
    with store.staging("one") as staging:
        with pytest.raises(StoreError, match="there is no table 'answers'"):
            staging.path("answers")
        with pytest.raises(StoreError, match="other columns than declared: content"):
            staging.write("choices", tables_of(1)["choices"].drop_columns(["content"]))
        odd = tables_of(1)["choices"].set_column(4, "choice_index", pa.array(["x"] * 4))
        with pytest.raises(StoreError, match="rows for choices have other types than declared"):
            staging.write("choices", odd)
    with pytest.raises(StoreError, match="cannot name an ingest"):
        store.staging("../escape")


def test_staging_accepts_columns_in_any_order_and_text_of_any_width(store: Store) -> None:
    plain = tables_of(1)["choices"]
    large = plain.cast(
        pa.schema([f.with_type(pa.large_string()) if f.type == pa.string() else f for f in plain.schema])
    )
    with store.staging("one") as staging:
        written = staging.write("choices", large.select(large.column_names[::-1]))
        assert pq.read_schema(written.path).equals(TABLES["choices"].arrow(), check_metadata=True)


def test_staging_is_gone_when_left_and_kept_while_held(store: Store) -> None:
    with store.staging("one") as staging:
        written = staging.write("choices", tables_of(1)["choices"])
        Store.open(store.path)
        ingest(store, "other", 2)
        assert os.path.exists(written.path)
        with pytest.raises(StoreError, match="is already being written"), store.staging("one"):
            pass
        assert os.path.exists(written.path)
    assert not os.path.exists(staging.folder)


def test_files_that_come_in_batches_are_cut_at_the_target(store: Store) -> None:
    data = pa.concat_tables(tables_of(log)["choices"] for log in range(50))
    with store.staging("one") as staging:
        batches = data.to_batches(max_chunksize=7)
        assert [file.rows for file in staging.write_batches("choices", batches)] == [200]
        assert staging.write_batches("choices", []) == []


def test_the_log_knows_bounds_of_what_is_searched(store: Store) -> None:
    with store.staging("one") as staging:
        stats = json.loads(staging.write("completions", tables_of(7)["completions"]).stats)
    assert stats["numRecords"] == 4
    assert stats["minValues"]["completion_key"] == 7_000_000
    assert stats["maxValues"]["created"] == "2026-01-02T03:04:05.678901Z"
    assert stats["nullCount"]["model"] == 1
    assert "extra" not in stats["nullCount"]
    assert "id" not in stats["minValues"]  # the log outlives a response that is forgotten


def test_a_row_group_of_nulls_leaves_the_bounds_of_the_others(tmp_path: Path) -> None:
    """One whose bounds are not known, as those of a very long text, makes those of the file unknown."""
    groups = [
        rows("completions", completion_key=[1], created=[None], model=["m" * 5000]),
        rows("completions", completion_key=[2], created=[WHEN], model=["m"]),
    ]
    footer = parquet.write(str(tmp_path / "file.parquet"), "completions", groups, rows=2, width=1)
    stats = json.loads(parquet.delta_stats("completions", footer))
    assert footer.num_row_groups == 2
    assert stats["minValues"]["created"] == stats["maxValues"]["created"] == "2026-01-02T03:04:05.678901Z"
    assert stats["nullCount"]["created"] == 1
    assert "model" not in stats["minValues"]


@pytest.mark.parametrize("column", ["id", "completion_key"])
def test_a_lookup_is_ruled_out_by_the_bloom_filter(store: Store, column: str) -> None:
    ingest(store, "one", 1)
    path = store.files("completions")[-1]
    absent = {"id": "chatcmpl-none", "completion_key": 1_000_002_000}[column]
    probe = "select bloom_filter_excludes from parquet_bloom_probe(?, ?, ?)"
    assert duckdb.execute(probe, [path, column, absent]).fetchall() == [(True,)]


def test_rewriting_touches_only_files_that_are_hit(store: Store) -> None:
    for log in range(3):
        ingest(store, f"log-{log}", log)
    with store.staging("gone") as staging:
        staged = staging.write("choices", tables_of(9)["choices"])
        some, none = pa.array([1_000_001, 9_000_000, 5]), pa.array([17], pa.int64())
        assert rewrite(store.snapshot(), "choices", none, staging=staging, staged=[staged]) == ([staged], [])
        adds, removes = rewrite(store.snapshot(), "choices", some, staging=staging, staged=[staged])
        assert [file.rows for file in adds] == [3, 3]
        assert [os.path.basename(path)[:5] for path in removes] == ["log-1"]
        everything = pa.array([1_000_000 + n for n in range(4)])
        assert rewrite(store.snapshot(), "choices", everything, staging=staging)[0] == []


def test_a_file_that_cannot_be_read_stops_upkeep_in_one_sentence(store: Store) -> None:
    ingest(store, "one", 1)
    ingest(store, "two", 2)
    Path(store.path, "choices", "one-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"cannot be read or sorted: .*; `chatlogs verify .*` lists what is damaged"):
        compact(store)
    with pytest.raises(StoreError, match="cannot be read or sorted: "):
        ingest(store, "three", 1, times=2)
    assert state(store) == {1: 1, 2: 1}


def test_a_stale_removal_is_refused_and_changes_nothing(store: Store) -> None:
    ingest(store, "one", 1)
    stale = [path for path in store.files("choices") if "one" in path]
    ingest(store, "two", 1, times=2)
    with pytest.raises(StoreError, match="were replaced by another ingest: begin again"):
        store.commit("three", {}, {"choices": stale})
    assert torn(store) == []


def test_the_file_without_rows_cannot_be_removed(store: Store) -> None:
    """By it a glob finds the columns of a table that is empty."""
    ingest(store, "one", 1)
    without_rows = [path for path in store.files("choices") if os.path.basename(path) == SCHEMA_FILE]
    with pytest.raises(StoreError, match="begin again"):
        store.commit("two", {}, {"choices": without_rows})
    assert all(os.path.exists(path) for path in without_rows) and len(without_rows) == 1
    assert problems(store) == []


def test_a_change_by_another_program_is_told_and_not_built_upon(store: Store) -> None:
    ingest(store, "one", 1)
    ingest(store, "two", 2)
    DeltaTable(f"{store.path}/choices").optimize.compact()
    assert problems(store)[0] == "Another program has changed choices since the last ingest."
    with pytest.raises(StoreError, match=r"another program changed choices .* read the logs into a new store"):
        ingest(store, "three", 3)
    assert state(store) == {1: 1, 2: 1}


def test_a_reader_that_meets_a_deleted_file_begins_again(store: Store) -> None:
    ingest(store, "one", 1)
    asked: list[int] = []

    def ask(snapshot: object) -> int:
        asked.append(snapshot.version)  # type: ignore[attr-defined]
        if len(asked) == 1:
            ingest(store, "two", 1, times=2)
        return sum(pq.read_metadata(path).num_rows for path in snapshot.files("choices"))  # type: ignore[attr-defined]

    assert store.read(ask) == 4
    assert len(asked) == 2
    with pytest.raises(ZeroDivisionError):
        store.read(lambda snapshot: 1 // 0)


def test_one_commits_at_a_time_and_the_others_are_told_who(store: Store) -> None:
    other = Store.open(store.path)
    told = rf"another ingest \(process {os.getpid()}\) is committing to"
    with store.lock(), store.lock(), pytest.raises(StoreError, match=told), other.lock(timeout=0.05):
        pass
    with other.lock(timeout=0):
        pass


def test_threads_of_one_store_take_turns(store: Store) -> None:
    threads = [threading.Thread(target=ingest, args=(store, f"thread-{n}", n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state(store) == dict.fromkeys(range(4), 1)
    assert torn(store) == []


@pytest.mark.parametrize("name", ["a b", "100%", "a#b", "a?b", "[x]", "ü", "it's"])
def test_a_store_may_stand_in_any_folder(tmp_path: Path, name: str) -> None:
    store = Store.create(tmp_path / name)
    ingest(store, "one", 1)
    ingest(store, "two", 1, times=2)
    compact(store)
    assert problems(store) == []
    assert all(os.path.exists(path) for table in TABLES for path in Store.open(store.path).files(table))


def test_a_path_that_delta_would_misread_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    with pytest.raises(StoreError, match="has an escape such as %20 in it"):
        Store.create(tmp_path / "a%20b")
    for name, what in (("a\\b", "a backslash"), ("a\nb", "a control"), (os.fsdecode(b"\xff"), "bytes that are no")):
        with pytest.raises(StoreError, match=f"has {what}"):
            Store.create(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["a b"]


def test_an_empty_path_is_no_place_for_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be the current folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="is empty"):
        Store.create("")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", ["gone", "cut"])
@pytest.mark.parametrize("table", ["completions", "sources"])
def test_a_damaged_log_of_a_table_is_told_with_what_to_do(store: Store, table: str, damage: str) -> None:
    log = Path(store.path, table, "_delta_log", f"{0:020d}.json")
    log.unlink() if damage == "gone" else log.write_bytes(log.read_bytes()[:100])
    with pytest.raises(StoreError) as caught:
        Store.open(store.path).read(lambda snapshot: snapshot.files(table))
    assert "\n" not in str(caught.value) and "{" not in str(caught.value)
    assert str(caught.value).endswith(f"if its log {table}/_delta_log is damaged, read the logs into a new store.")


def spoil_rows(store: Store, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Commit rows for log 1 of which one table is not as it should be."""
    with store.staging("spoilt") as staging:
        fresh = {**tables_of(1), table: change(tables_of(1)[table])}
        store.commit("spoilt", {name: [staging.write(name, data)] for name, data in fresh.items()})


@pytest.mark.parametrize(
    ("table", "change", "problem"),
    [
        (
            "completions",
            lambda t: pa.concat_tables([t, t.slice(0, 1)]),
            "completions has 2 rows with completion_key 1000",
        ),
        ("completions", lambda t: t.slice(1), "choices has 1 rows whose completion_key is not in completions"),
        ("choices", lambda t: t.slice(1), "completions says 1 choices for completion_key 1000"),
        ("rejects", lambda t: t.slice(1), "sources says 1 rejects for log-1, but rejects has 0 rows."),
        (
            "sources",
            lambda t: t.set_column(t.schema.get_field_index("lines"), t.schema.field("lines"), pa.array([99])),
            "The lines of log-1 do not add up: 99 lines, but 4 records + 0 blank + 0 ignorable + 1 rejects.",
        ),
        ("sources", lambda t: pa.concat_tables([t, t]), "sources has 2 rows with source_key 1; each log has one."),
        (
            "rejects",
            lambda t: t.set_column(t.schema.get_field_index("source_key"), t.schema.field("source_key"), pa.array([9])),
            "rejects has 1 rows of log-1, but sources has no source_key 9.",
        ),
    ],
)
def test_verify_tells_which_rows_break_a_law(
    store: Store, table: str, change: Callable[[pa.Table], pa.Table], problem: str
) -> None:
    spoil_rows(store, table, change)
    found = problems(store)
    assert any(sentence.startswith(problem) for sentence in found), found
    assert all(sentence.endswith(".") for sentence in found)


def test_verify_tells_which_files_are_wrong(store: Store) -> None:
    ingest(store, "one", 1)
    folder = Path(store.path, "choices")
    (folder / "mine.parquet").write_bytes((folder / "one-00001.parquet").read_bytes())
    assert problems(store) == [
        "choices/mine.parquet is not part of the table, but a plain reader of the folder would read it."
    ]
    (folder / "mine.parquet").unlink()
    whole = (folder / "one-00001.parquet").read_bytes()
    (folder / "one-00001.parquet").write_bytes(whole[:-1])
    assert problems(store)[0].startswith("choices/one-00001.parquet cannot be read: ")
    pq.write_table(pa.table({"a": [1]}), folder / "one-00001.parquet")
    assert "choices/one-00001.parquet has 1 rows, but the log says 4." in problems(store)
    assert "choices/one-00001.parquet has other columns than declared." in problems(store)
    (folder / "one-00001.parquet").unlink()
    assert problems(store) == ["choices/one-00001.parquet is missing."]


def test_importing_the_store_loads_no_engine() -> None:
    engines = "{'deltalake', 'pyarrow', 'duckdb', 'polars', 'numpy'}"
    probe = f"import sys, chatlogs.keeping.store; print(sorted({engines} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_rows_are_sorted_as_arrow_sorts_them() -> None:
    """Nulls last, equal rows as they came; in chunks, and with nulls in texts that come as views."""
    draw = random.Random(5)
    columns = {
        "model": [draw.choice(["b", "a", None, "ä", ""]) for _ in range(500)],
        "system_fingerprint": [draw.choice(["x", None]) for _ in range(500)],
        "completion_key": [draw.choice([None, -3, 0, 7, 2**63 - 1, -(2**63)]) for _ in range(500)],
        "choice_index": [draw.randrange(-2, 2) for _ in range(500)],
        "content": [draw.choice([None, "", f"short {n}", f"longer than twelve bytes {n}"]) for n in range(500)],
    }
    declared = TABLES["choices"].arrow()
    arrays = [pa.array(columns.get(f.name, [None] * 500), f.type) for f in declared]
    whole = pa.table(arrays, schema=declared)
    chunked = pa.concat_tables([whole.slice(0, 3), whole.slice(3, 300), whole.slice(303)])
    (piece,) = parquet.sorted_pieces("choices", chunked, parquet.ORDER["choices"])
    keys = [(name, "ascending") for name in parquet.ORDER["choices"]]
    assert piece.cast(declared).to_pylist() == whole.sort_by(keys).to_pylist()

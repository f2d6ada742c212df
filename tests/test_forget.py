"""What a store forgets is gone from every table and every file, and what stays is as if it had never been read."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import duckdb
import pytest
from commands import Run
from forgotten_log import (
    BROKEN,
    GONE,
    KEPT,
    LOG,
    SECRET,
    WITH_KEYS,
    answer,
    batched,
    blanked,
    chunk,
    holding,
    ingested,
    plain,
)
from ingested import stored

import chatlogs
from chatlogs.cli.stores import forget as forget_command
from chatlogs.errors import ChatlogsError, OptionError, QueryError, StoreError
from chatlogs.keeping.store import Store
from chatlogs.keeping.upkeep import compact
from chatlogs.keeping.verify import problems
from chatlogs.schema import TABLES

EXAMPLES = re.findall(r"^ +(chatlogs forget .*)$", forget_command.help or "", re.MULTILINE)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return ingested(tmp_path, "store", LOG)


@pytest.fixture
def log(store: Path) -> Path:
    return store.parent / "logs" / "app.jsonl"


def test_every_table_forgets_and_the_rest_is_as_if_it_had_never_been_read(store: Path, tmp_path: Path) -> None:
    before = stored(store)
    assert holding(store, SECRET) == {*WITH_KEYS, "rejects"} - {"chunks"}
    forgotten = chatlogs.forget(store, ["gone-1", "gone-2"])
    assert str(forgotten) == (
        "2 responses forgotten: 2 completions, 3 choices, 1 tool_call, 2 messages, 1 logprob, 2 chunks; "
        "1 reject blanked"
    )
    assert forgotten.rows == {name: len(before[name]) - len(stored(store)[name]) for name in WITH_KEYS}
    assert forgotten.logs == [str(tmp_path / "logs" / "app.jsonl")]
    assert holding(store, SECRET, "gone-2") == set()
    assert holding(store, "gone-1") == {"rejects"}  # gone-10
    assert problems(Store.open(store)) == []
    never = stored(ingested(tmp_path, "never", blanked(LOG)))
    now = stored(store)
    assert {name: now[name] for name in WITH_KEYS} == {name: never[name] for name in WITH_KEYS}
    assert plain(store) == now


def test_files_that_hold_nothing_of_it_are_not_touched(store: Path) -> None:
    with chatlogs.open(store) as logs:
        first = logs.sql("select ingest_id from sources where source like '%other.jsonl'").item()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in store.glob(f"*/{first}*.parquet")}
    assert {path.parent.name for path in before} == {*TABLES} - {"chunks"}
    old = set(store.glob("*/2*.parquet")) - before.keys()
    chatlogs.forget(store, ["gone-1", "gone-2"])
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert not [path for path in old if path.exists()]


def test_rejects_that_name_it_keep_their_place_and_lose_their_text(store: Path) -> None:
    before = stored(store)["rejects"]
    assert chatlogs.forget(store, "gone-1").rejects == 1
    after = stored(store)["rejects"]
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    ((old, new),) = changed
    assert old["raw"] == BROKEN.decode().rstrip("\n")
    assert new == old | {"raw": None, "detail": "forgotten"}


@pytest.mark.parametrize(
    ("raw", "goes"),
    [
        ("oops gone-1", True),
        ('data: {"id":"gone-1', True),
        (r'"said:\ngone-1\n"', True),
        ("id=gone-1;", True),
        ("gone-10 and not-gone-1", False),
        ("GONE-1", False),
    ],
)
def test_an_id_counts_as_a_word(tmp_path: Path, raw: str, goes: bool) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(answer("gone-1", SECRET) + raw.encode() + b"\n" + KEPT[0])
    chatlogs.ingest(log, tmp_path / "store")
    assert chatlogs.forget(tmp_path / "store", "gone-1", dry_run=True).rejects == goes
    assert chatlogs.forget(tmp_path / "store", "gone-1").rejects == goes
    assert [row["raw"] for row in stored(tmp_path / "store")["rejects"]] == [None if goes else raw]


def test_an_id_that_is_no_word_is_found_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(answer("été/1=", SECRET) + "oops été/1=2\n".encode() + b"oops 1\n")
    chatlogs.ingest(log, tmp_path / "store")
    assert chatlogs.forget(tmp_path / "store", "été/1=").rejects == 1
    assert [row["raw"] for row in stored(tmp_path / "store")["rejects"]] == [None, "oops 1"]


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("way", ["same", "renamed", "gzip", "grown", "grown from stdin"])
def test_a_log_that_is_read_again_brings_nothing_back(store: Path, log: Path, way: str, folded: bool) -> None:
    if folded:
        compact(Store.open(store))
    chatlogs.forget(store, ["gone-1", "gone-2"])
    left = {row["id"] for row in stored(store)["completions"]}
    more = answer("new-1", "Grete")
    if way == "renamed":
        log = log.rename(log.with_name("app.jsonl.1"))
    elif way == "gzip":
        zipped = log.with_name("app.jsonl.gz")
        zipped.write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
        log = zipped
    elif way.startswith("grown"):
        log.write_bytes(log.read_bytes() + more)
        log = log.rename(log.with_name("other name")) if way.endswith("stdin") else log
    report = chatlogs.ingest(log, store, chunks=True, logprobs=True)
    assert report.responses == (1 if way.startswith("grown") else 0)
    assert {row["id"] for row in stored(store)["completions"]} == left | ({"new-1"} if report.responses else set())
    assert holding(store, SECRET) == set()
    assert problems(Store.open(store)) == []


def test_an_unfinished_last_line_that_was_blanked_is_read_when_it_is_whole(tmp_path: Path) -> None:
    """It is void then, as any such reject; what is whole then was no response before, and so was not forgotten."""
    log, store = tmp_path / "log.jsonl", tmp_path / "store"
    log.write_bytes(KEPT[0] + GONE[0] + chunk("gone-1", "too late")[:-30])
    chatlogs.ingest(log, store)
    assert chatlogs.forget(store, "gone-1").rejects == 1
    log.write_bytes(KEPT[0] + GONE[0] + chunk("gone-1", "too late") + KEPT[1])
    chatlogs.ingest(log, store)
    assert [row["content"] for row in stored(store)["choices"] if row["id"] == "gone-1"] == ["too late"]
    assert stored(store)["rejects"] == []
    assert holding(store, SECRET) == set()
    assert problems(Store.open(store)) == []


def test_a_forgotten_answer_of_a_body_left_open_is_not_read_again(tmp_path: Path) -> None:
    """The log is read on from its end, and not from where the body begins; what comes then was no part of it."""
    log, store = tmp_path / "log.sse", tmp_path / "store"
    begun = b"".join(b"data: %b\n" % chunk("gone-2", text) for text in (f"{SECRET} ", "is"))
    log.write_bytes(begun)
    chatlogs.ingest(log, store)
    assert stored(store)["sources"][0]["resume_offset"] == 0
    chatlogs.forget(store, "gone-2")
    log.write_bytes(begun + b"data: %b\ndata: [DONE]\n\n" % chunk("gone-2", " late", last=True))
    chatlogs.ingest(log, store)
    assert [row["content"] for row in stored(store)["choices"]] == [" late"]
    assert holding(store, SECRET) == set()
    assert problems(Store.open(store)) == []


def test_another_log_with_the_same_response_brings_it_back(store: Path, tmp_path: Path) -> None:
    chatlogs.forget(store, "gone-1")
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(KEPT[2] + GONE[0])
    chatlogs.ingest(copy, store)
    assert [row["source"] for row in stored(store)["completions"] if row["id"] == "gone-1"] == [str(copy)]
    assert chatlogs.forget(store, "gone-1").responses == 1
    assert holding(store, SECRET) == {"choices"}  # of gone-2
    assert problems(Store.open(store)) == []


@pytest.mark.parametrize("keeps", ["first", "second"])
def test_a_log_with_copies_of_what_is_forgotten_stays_balanced(tmp_path: Path, keeps: str) -> None:
    """One row stood for both; the log that was said to hold a duplicate goes on to say so."""
    store, first, second = tmp_path / "store", tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_bytes(KEPT[0] + GONE[0])
    second.write_bytes(KEPT[1] + KEPT[2] + GONE[0] + GONE[0])
    for log in (first, second) if keeps == "first" else (second, first):
        chatlogs.ingest(log, store)
    assert chatlogs.forget(store, "gone-1").rows["completions"] == 1
    assert problems(Store.open(store)) == []
    assert chatlogs.ingest([first, second], store).responses == 0
    assert holding(store, SECRET) == set()


def test_all_that_go_by_an_id_go(tmp_path: Path) -> None:
    log, store = tmp_path / "log.jsonl", tmp_path / "store"
    log.write_bytes(answer("twice", SECRET) + KEPT[0] + answer("twice", SECRET, created=1_700_000_050))
    chatlogs.ingest(log, store)
    assert str(chatlogs.forget(store, "twice")).startswith("2 responses forgotten: 2 completions, 4 choices")
    assert [row["id"] for row in stored(store)["completions"]] == ["kept-1"]
    assert holding(store, SECRET, "twice") == set()
    assert problems(Store.open(store)) == []


@pytest.mark.parametrize("others", [1, 2])
def test_what_no_longer_shares_an_id_is_not_said_to(tmp_path: Path, others: int) -> None:
    log, store, never = tmp_path / "log.jsonl", tmp_path / "store", tmp_path / "never"
    left = [KEPT[0], *(answer("twice", f"Marie {n}", created=1_700_000_050 + n) for n in range(others))]
    gone = answer("twice", SECRET)
    log.write_bytes(b"".join(left) + gone)
    chatlogs.ingest(log, store)
    assert [row["flags"] for row in stored(store)["completions"] if row["id"] == "twice"] == [["id_collision"]] * (
        others + 1
    )
    log.write_bytes(b"".join(left))
    chatlogs.ingest(log, never)
    chatlogs.forget(store, "twice", where="metadata like '%Rumpel%'")
    assert {name: stored(store)[name] for name in WITH_KEYS} == {name: stored(never)[name] for name in WITH_KEYS}
    assert holding(store, SECRET) == set()
    assert problems(Store.open(store)) == []


def test_a_stream_whose_differing_twin_is_forgotten_is_flagged_no_longer(tmp_path: Path) -> None:
    log, store = tmp_path / "log.jsonl", tmp_path / "store"
    twin = answer("gone-2", "other", created=1_700_000_100)
    log.write_bytes(KEPT[0] + GONE[1] + GONE[2] + twin)
    chatlogs.ingest(log, store)
    flags = [row["flags"] for row in stored(store)["completions"] if row["id"] == "gone-2"]
    assert flags == [["id_collision", "twin_differs"]] * 2
    chatlogs.forget(store, "gone-2", where="form = 'stream'")
    assert [row["flags"] for row in stored(store)["completions"] if row["id"] == "gone-2"] == [[]]


@pytest.mark.parametrize(
    ("where", "gone"),
    [
        ("(metadata ->> 'user') = 'Rumpelstilzchen'", {"gone-1"}),
        ("form = 'stream' -- both of them", {"gone-2", "kept-2"}),
        ("completion_key in (select completion_key from choices where content like '%Rumpel%')", {"gone-1", "gone-2"}),
        ("true", {"gone-1", "gone-2", "kept-1", "kept-2", "other-1"}),
        ("id is null", set()),
    ],
)
def test_a_condition_tells_what_goes(store: Path, where: str, gone: set[str]) -> None:
    before = {row["id"] for row in stored(store)["completions"]}
    assert chatlogs.forget(store, where=where).responses == len(gone)
    assert {row["id"] for row in stored(store)["completions"]} == before - gone
    assert plain(store) == stored(store)
    assert problems(Store.open(store)) == []


def test_a_condition_narrows_what_ids_name(store: Path) -> None:
    assert chatlogs.forget(store, ["gone-1", "gone-2"], "form = 'stream'").responses == 1
    assert "gone-1" in {row["id"] for row in stored(store)["completions"]}


@pytest.mark.parametrize("name", ["id", "completion_key", "request_id", "custom_id"])
def test_what_show_finds_is_what_goes(store: Path, tmp_path: Path, name: str) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_bytes(batched("batch-1", SECRET, 1) + batched("batch-2", "Hinz", 2))
    chatlogs.ingest(batch, store)
    (row,) = [row for row in stored(store)["completions"] if row["id"] == "batch-1"]
    with chatlogs.open(store) as logs:
        shown = logs.show(str(row[name]))
    assert shown["choices"]["content"].to_list() == [SECRET]
    forgotten = chatlogs.forget(store, f" {row[name]}\n")
    assert forgotten.rows == {table: frame.height for table, frame in shown.items()}
    with chatlogs.open(store) as logs, pytest.raises(ChatlogsError, match="no response goes by"):
        logs.show(str(row[name]))


def test_a_name_is_first_of_all_an_id(tmp_path: Path) -> None:
    """As for `show`: what has it as its request_id or custom_id is meant only where nothing has it as its id."""
    log, store = tmp_path / "log.jsonl", tmp_path / "store"
    log.write_bytes(batched("task-2", SECRET, 1) + batched("kept", "Hinz", 2))
    chatlogs.ingest(log, store)
    chatlogs.forget(store, "task-2")
    assert [row["id"] for row in stored(store)["completions"]] == ["kept"]


@pytest.mark.parametrize(
    ("ids", "where", "kind", "told"),
    [
        (["gone-1", "nobody"], None, ChatlogsError, "no response goes by 'nobody' in .* The nearest: "),
        (["x", "y"], None, ChatlogsError, "no response goes by 'x', nor by 'y' in "),
        ([""], None, ChatlogsError, "no response goes by ''"),
        ([], None, OptionError, "--id ID, --where SQL"),
        (["gone-1"], " ", OptionError, "--where is empty"),
        ([], "content = 'x'", QueryError, "column 'content' is in choices, not in completions"),
        ([], "idd = 'x'", QueryError, "unknown column 'idd' for --where. Did you mean 'id'"),
        ([], "false) or (true", QueryError, "--where cannot be asked"),
        ([], "error('no')::bool", QueryError, "no"),
        ([], "exists (from read_csv('/etc/passwd'))", QueryError, "may read the tables and no other file"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_done_changes_nothing(
    store: Path, ids: list[str], where: str | None, kind: type[ChatlogsError], told: str, dry_run: bool
) -> None:
    before = stored(store), Store.open(store).snapshot().version
    with pytest.raises(kind, match=told) as caught:
        chatlogs.forget(store, ids, where, dry_run=dry_run)
    assert "\n" not in str(caught.value)
    assert (stored(store), Store.open(store).snapshot().version) == before


def test_a_dry_run_tells_the_same_and_changes_nothing(store: Path) -> None:
    before = {path: path.read_bytes() for path in store.rglob("*.*") if path.is_file()}
    foreseen = chatlogs.forget(store, ["gone-1", "gone-2"], dry_run=True)
    assert {path: path.read_bytes() for path in store.rglob("*.*") if path.is_file()} == before
    assert "2 responses would be forgotten: 2 completions" in str(foreseen)
    assert str(foreseen).endswith("; 1 reject would be blanked")
    forgotten = chatlogs.forget(store, ["gone-1", "gone-2"])
    assert (foreseen.rows, foreseen.rejects, foreseen.logs) == (forgotten.rows, forgotten.rejects, forgotten.logs)


def test_the_command_tells_people_and_programs(run: Run, store: Path) -> None:
    dry = run("forget", str(store), "--id", "gone-1", "--dry-run", "--json")
    assert dry.code == 0 and json.loads(dry.out)["dry_run"] is True
    assert dry.err.startswith("1 response would be forgotten: 1 completion, 2 choices, ")
    (key,) = [row["completion_key"] for row in stored(store)["completions"] if row["id"] == "gone-1"]
    done = run("forget", str(store), "--id", "gone-1", "--id", str(key), "--json")
    assert json.loads(done.out) == {
        "store": str(store),
        "dry_run": False,
        "responses": 1,
        "completions": 1,
        "choices": 2,
        "tool_calls": 1,
        "messages": 2,
        "logprobs": 1,
        "chunks": 0,
        "rejects": 1,
        "logs": [str(store.parent / "logs" / "app.jsonl")],
    }
    assert done.err.splitlines() == [
        "1 response forgotten: 1 completion, 2 choices, 1 tool_call, 2 messages, 1 logprob; 1 reject blanked",
        f"the logs themselves are not touched: {store.parent / 'logs' / 'app.jsonl'}",
    ]
    again = run("forget", str(store), "--id", "gone-1")
    assert (again.code, again.out) == (1, "") and again.err.startswith("Error: no response goes by 'gone-1' in ")
    nothing = run("forget", str(store), "--where", "id = 'gone-1'")
    assert nothing == (0, "", "nothing to forget: no response fits\n")
    assert run("forget", str(store)).code == 2
    assert run("-q", "forget", str(store), "--where", "id = 'gone-2'") == (0, "", "")
    assert run("verify", str(store)) == (0, "", f"{store} is whole\n")


@pytest.mark.parametrize(("example", "gone"), list(zip(EXAMPLES, [2, 2, 1], strict=True)))
def test_the_examples_of_the_help_do_what_they_say(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str, gone: int
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(
        answer("chatcmpl-1", "u-17") + answer("chatcmpl-2", "u-18") + answer("x", "y", created=1_800_000_000)
    )
    chatlogs.ingest(log, tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    done = run(*shlex.split(example)[1:])
    assert done.code == 0 and done.err.startswith(f"{gone} response")
    assert len(stored(tmp_path / "store")["completions"]) == 3 - (0 if "--dry-run" in example else gone)


def test_the_reports_are_those_of_what_is_left(run: Run, store: Path, tmp_path: Path) -> None:
    chatlogs.forget(store, ["gone-1", "gone-2"])
    never = ingested(tmp_path, "never", blanked(LOG))
    for report in ("usage", "finish", "tools", "errors", "flags", "audit", "latency"):
        told, expected = (run(report, str(path), "--json") for path in (store, never))
        assert told == expected and told.code == 0, report
    with chatlogs.open(store) as logs:
        row = logs.summary().row(0, named=True)
    assert (row["responses"], row["rejects"], row["lines"]) == (3, 4, len(LOG) + 2)


def test_a_store_that_is_none_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        chatlogs.forget(tmp_path / "nowhere", "gone-1")
    assert not (tmp_path / "nowhere").exists()


def test_plain_duckdb_reads_what_chatlogs_reads(store: Path) -> None:
    chatlogs.forget(store, ["gone-1", "gone-2"])
    with chatlogs.open(store) as logs:
        for table in TABLES:
            ours = logs.sql(f"select count(*) from {table}").item()
            theirs = duckdb.sql(f"select count(*) from read_parquet('{store}/{table}/*.parquet')").fetchall()
            assert theirs == [(ours,)], table


def test_the_log_of_commits_tells_how_many_and_not_which(store: Path) -> None:
    chatlogs.forget(store, ["gone-1"])
    (newest, *_) = Store.open(store).snapshot().ingests
    assert newest["forgotten"] == 1
    assert "gone-1" not in json.dumps(newest)

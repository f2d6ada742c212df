"""An ingest adds what is new, once; whatever else is read at the same time, before, or under another name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingested import Rows, stored
from log_lines import dumps, obj

from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems
from chatlogs.moving.ingest import ingest
from chatlogs.tally import IngestReport

SPEC = Path(__file__).resolve().parents[1].parent / "shared" / "spec"
NewStore = Callable[[], Path]


def chunk(delta: Any, *, finish: str | None = None, index: int = 0, **top: Any) -> bytes:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"} | top
    return dumps(obj(**fields, choices=[obj(index=index, delta=delta, finish_reason=finish)])) + b"\n"


def stream(id_: str, *texts: str) -> list[bytes]:
    said = [chunk(obj(content=text), id=id_) for text in texts]
    return [chunk(obj(role="assistant"), id=id_), *said, chunk(obj(), finish="stop", id=id_)]


def stored_answer(id_: str, text: str, **top: Any) -> bytes:
    choice = obj(index=0, message=obj(role="assistant", content=text), finish_reason="stop")
    fields = {"id": id_, "object": "chat.completion", "created": 1700000000, "model": "m"} | top
    return dumps(obj(**fields, choices=[choice], usage=obj(total_tokens=3))) + b"\n"


def read(store: Path, *paths: Path, **options: Any) -> IngestReport:
    report = ingest(list(paths), store, **options)
    assert report.balanced
    return report


def contents(rows: Rows) -> dict[str, str]:
    """What each response says, by its id; a response without one by its place."""
    return {row["id"] or str(row["completion_key"]): row["content"] for row in rows["choices"]}


# --- the samples of the documentation ----------------------------------------------------------------------------

DOCUMENTED_COMPLETION = b"""{
  "id": "chatcmpl-123",
  "object": "chat.completion",
  "created": 1677652288,
  "model": "gpt-3.5-turbo-0613",
  "system_fingerprint": "fp_44709d6fcb",
  "choices": [{
    "index": 0,
    "message": {
      "role": "assistant",
      "content": "\\n\\nHello there, how may I assist you today?",
    },
    "finish_reason": "stop"
  }],
  "usage": {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21
  }
}
"""


def documented_chunks() -> bytes:
    top = {"id": "chatcmpl-123", "created": 1694268190, "model": "gpt-3.5-turbo-0613", "system_fingerprint": "fp"}
    said = [obj(role="assistant", content=""), *[obj(content=text) for text in ("Hello", "!", " today", "?")]]
    lines = [*[chunk(delta, **top) for delta in said], chunk(obj(), finish="stop", **top)]
    return b"\n".join([*lines[:3], b"....\n", *lines[3:]])


def check_documented(store: Path, report: IngestReport) -> None:
    assert (report.rejects, report.repaired, report.responses) == (1, 1, 2)
    rows = stored(store)
    by_form = {row["form"]: row for row in rows["completions"]}
    assert {row["id"] for row in rows["completions"]} == {"chatcmpl-123"} and len(rows["completions"]) == 2
    assert by_form["completion"]["total_tokens"] == 21
    assert by_form["stream"]["chunk_count"] == 6 and by_form["stream"]["usage_source"] == "none"
    assert all("id_collision" in row["flags"] for row in rows["completions"])
    texts = {row["completion_key"]: row["content"] for row in rows["choices"]}
    assert texts[by_form["stream"]["completion_key"]] == "Hello! today?"
    assert [row["raw"] for row in rows["rejects"]] == ["...."]


def test_the_documented_samples_are_read_as_printed(new_store: NewStore, tmp_path: Path) -> None:
    """One id, two answers; a trailing comma repaired, a `....` line rejected, neither in silence."""
    (tmp_path / "completion.json").write_bytes(DOCUMENTED_COMPLETION)
    (tmp_path / "chunks.jsonl").write_bytes(documented_chunks())
    store = new_store()
    check_documented(store, read(store, tmp_path))


@pytest.mark.skipif(not SPEC.is_dir(), reason="the documented samples are not beside the project")
def test_the_documentation_s_own_files(new_store: NewStore) -> None:
    store = new_store()
    check_documented(store, read(store, SPEC / "completion_as_documented.json", SPEC / "chunks_as_documented.jsonl"))


# --- what is new, and only that ----------------------------------------------------------------------------------


def test_one_log_under_many_names_and_compressions_is_read_once(new_store: NewStore, tmp_path: Path) -> None:
    data = b"".join(stream("c1", "Hel", "lo")) + stored_answer("c2", "yes") * 3 + b"....\n"
    zstd = pa.Codec("zstd")
    forms = {
        "a.jsonl": data,
        "b.jsonl": data,
        "c.gz": gzip.compress(data),
        "d.gz": gzip.compress(data[:99]) + gzip.compress(b"") + gzip.compress(data[99:]),
        "f.bz2": bz2.compress(data),
        "g.xz": lzma.compress(data),
        "e.zst": zstd.compress(data[:99], asbytes=True) + zstd.compress(data[99:], asbytes=True),
    }
    for name, form in forms.items():
        (tmp_path / name).write_bytes(form)
    together = new_store()
    report = read(together, tmp_path)
    assert [source.known for source in report.sources] == [False] + [True] * 6
    first = stored(together)
    for name in forms:
        store = new_store()
        read(store, tmp_path / name)
        one_by_one = stored(store, without=("source", "compression", "stored_hash"))
        assert one_by_one == {t: [strip(row) for row in rows] for t, rows in first.items()}
        again = read(store, tmp_path)
        assert again.ingest_id is None and all(source.known for source in again.sources)
    assert first["completions"][1]["duplicates"] == 2 and len(first["completions"]) == 2


def strip(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("source", "compression", "stored_hash")}


def test_a_log_read_with_its_own_beginning(new_store: NewStore, tmp_path: Path) -> None:
    """A copy that was made earlier, cut in the middle of a line, and the whole log, in one run."""
    data = b"".join(stream("c1", *"abcdefgh")) + stored_answer("c2", "yes")
    for cut in (0, 1, 400, data.index(b"c2"), len(data) - 1):
        for name, part in {"a-copy.jsonl": data[:cut], "b-log.jsonl": data}.items():
            (tmp_path / name).write_bytes(part)
        store = new_store()
        read(store, tmp_path)
        rows = stored(store)
        assert contents(rows) == {"c1": "abcdefgh", "c2": "yes"}, cut
        assert rows["rejects"] == [], cut
        assert rows["completions"][0]["chunk_count"] == 10
        assert sum(row["responses"] for row in rows["sources"]) == 2
        assert read(store, tmp_path).ingest_id is None


def test_an_older_copy_of_a_known_log_holds_nothing_new(new_store: NewStore, tmp_path: Path) -> None:
    """Read after the log it is a copy of, in the same run or a later one, whole lines or not."""
    data = b"".join(stream("c1", *"abcdefgh")) + stored_answer("c2", "yes")
    for cut in (1, 100, 400, 1000):
        (tmp_path / "a-log.jsonl").write_bytes(data)
        (tmp_path / "b-copy.gz").write_bytes(gzip.compress(data[:cut]))
        store = new_store()
        assert [source.known for source in read(store, tmp_path).sources] == [False, True]
        assert read(store, tmp_path / "b-copy.gz").ingest_id is None
        assert contents(stored(store)) == {"c1": "abcdefgh", "c2": "yes"}


def test_the_report_of_a_known_log_says_what_it_is(new_store: NewStore, tmp_path: Path) -> None:
    body = b"".join(b"data: " + line + b"\n" for line in stream("c1", "a"))
    (tmp_path / "a.sse").write_bytes(body + b"data: {oops\n\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress((tmp_path / "a.sse").read_bytes()))
    store = new_store()
    for known in (False, True):
        told = read(store, tmp_path).sources
        assert [(log.container, log.compression) for log in told] == [("sse", "none"), ("sse", "gzip")]
        assert (told[0].known, told[1].known) == (known, True)
        assert (told[0].rejects, told[0].known_rejects) == ((0, 1) if known else (1, 0))


def test_an_empty_log_is_not_the_beginning_of_every_other(new_store: NewStore, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "b.jsonl").write_bytes(stored_answer("c1", "yes"))
    store = new_store()
    read(store, tmp_path / "a.jsonl")
    read(store, tmp_path)
    (tmp_path / "a.jsonl").write_bytes(stored_answer("c2", "no"))
    read(store, tmp_path)
    assert {row["source"].rpartition("/")[2] for row in stored(store)["sources"]} == {"a.jsonl", "b.jsonl"}
    assert contents(stored(store)) == {"c1": "yes", "c2": "no"}


def test_a_log_that_grows_in_the_middle_of_a_line_under_new_names(new_store: NewStore, tmp_path: Path) -> None:
    """The unfinished line is a reject until it is whole, also when the log was rotated meanwhile."""
    lines = stream("c1", *"abcd")
    data = b"".join(lines)
    store = new_store()
    for number, size in enumerate((len(lines[0]) + 9, len(lines[0] + lines[1]) + 20, len(data) - 2)):
        path = tmp_path / f"app.log.{number}"
        path.write_bytes(data[:size])
        read(store, path)
        rejects = stored(store)["rejects"]
        assert [row["reason"] for row in rejects] == ["truncated_line"]
        assert {row["source"] for row in rejects} == {row["source"] for row in stored(store)["sources"]}
    path.write_bytes(data)
    read(store, path)
    rows = stored(store)
    assert rows["rejects"] == [] and contents(rows) == {"c1": "abcd"}
    (ledger,) = rows["sources"]
    assert (ledger["lines"], ledger["records"], ledger["rejects"], ledger["responses"]) == (6, 6, 0, 1)


def test_a_pretty_printed_log_that_grows_in_the_middle_of_an_object(new_store: NewStore, tmp_path: Path) -> None:
    data = DOCUMENTED_COMPLETION + DOCUMENTED_COMPLETION.replace(b"chatcmpl-123", b"chatcmpl-124")
    path, store = tmp_path / "log.json", new_store()
    for size in (len(DOCUMENTED_COMPLETION) + 100, len(data)):
        path.write_bytes(data[:size])
        read(store, path)
    rows = stored(store)
    assert rows["rejects"] == [] and len(rows["completions"]) == 2
    assert sum(row["total_tokens"] for row in rows["completions"]) == 42


def test_a_cassette_that_grows_is_read_whole_again(new_store: NewStore, tmp_path: Path) -> None:
    """go-vcr adds calls at the end of its file; they are no log without what stands before them."""
    answer = '{"id":"c-%d","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"content":"%d"}}]}'
    call = "    - request:\n        body: '{\"model\":\"m\"}'\n      response:\n        body: '%s'\n"
    log, store = tmp_path / "calls.yaml", new_store()
    log.write_text("---\nversion: 2\ninteractions:\n" + call % (answer % (1, 1)))
    assert [read(store, log).sources[0].known for _ in range(2)] == [False, True]
    log.write_text(log.read_text() + call % (answer % (2, 2)))
    again = read(store, log).sources[0]
    assert (again.records, again.rejects, again.duplicates) == (2, 0, 1)
    assert contents(stored(store)) == {"c-1": "1", "c-2": "2"}


@pytest.mark.parametrize("one_run", [True, False])
def test_a_stream_goes_on_in_the_next_file(new_store: NewStore, tmp_path: Path, one_run: bool) -> None:
    """Its row is completed wherever it was cut, even between the fragments of its second tool call."""
    tool = [obj(index=n, id=f"t{n}", type="function", function=obj(name="f", arguments=f"<{n}")) for n in (0, 1)]
    more = obj(index=1, function=obj(arguments="1>"))
    deltas = [
        obj(role="assistant"),
        obj(content="a"),
        obj(content="b"),
        *[obj(tool_calls=[t]) for t in (*tool, more, more)],
    ]
    lines = [*map(chunk, deltas), chunk(obj(), finish="tool_calls")]
    parts = [tmp_path / "1.jsonl", tmp_path / "2.jsonl", tmp_path / "3.jsonl"]
    for one, two in ((1, 2), (2, 5), (4, 6), (5, 7), (3, 4)):
        for path, part in zip(parts, (lines[:one], lines[one:two], lines[two:]), strict=True):
            path.write_bytes(b"".join(part))
        store = new_store()
        for paths in [parts] if one_run else [[path] for path in parts]:
            read(store, *paths)
        rows = stored(store)
        (row,) = rows["completions"]
        assert (row["status"], row["chunk_count"], row["flags"]) == ("complete", len(lines), []), (one, two)
        assert [(c["call_id"], c["arguments"]) for c in rows["tool_calls"]] == [("t0", "<0"), ("t1", "<11>1>")], (
            one,
            two,
        )
        assert contents(rows) == {"c1": "ab"}
        assert sum(row["responses"] for row in rows["sources"]) == 1
        assert problems(Store.open(store)) == []


def test_each_file_of_the_ledger_is_looked_at_once(
    new_store: NewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an ingest; what another one adds meanwhile is looked at too."""
    store, looked_at = new_store(), []
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_bytes(stored_answer(f"c{number}", "x"))
    for number in range(3):
        ingest(tmp_path / f"{number}.jsonl", store)
    reader = pq.ParquetFile

    def counting(path: Any, **options: Any) -> Any:
        looked_at.extend([path] if Path(path).parent.name == "sources" else [])
        return reader(path, **options)

    def meanwhile(_: int, __: int | None) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(pq, "ParquetFile", reader)
            ingest(tmp_path / "4.jsonl", store)

    monkeypatch.setattr(pq, "ParquetFile", counting)
    ingest(tmp_path / "3.jsonl", store, progress=meanwhile)
    assert len(looked_at) == len(set(looked_at)) == 1 + 3 + 1
    assert sorted(row["log_number"] for row in stored(store)["sources"]) == [1, 2, 3, 4, 5]


# --- at once -----------------------------------------------------------------------------------------------------


def _ingest(paths: list[str], store: str) -> None:
    ingest(paths, store)


@pytest.mark.parametrize("same", [True, False], ids=["the same logs", "different logs"])
def test_two_ingests_at_once_are_exact(new_store: NewStore, tmp_path: Path, same: bool) -> None:
    """Two processes, one store: as many rows as if one had waited for the other."""
    logs = []
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        lines = [line for n in range(300) for line in stream(f"{number}-{n}", *"abc")] + [stored_answer("shared", "x")]
        path.write_bytes(b"".join(lines))
        logs.append(str(path))
    alone = new_store()
    for log in logs:
        ingest(log, alone)
    store = new_store()
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_ingest, args=(logs if same else [log], str(store))) for log in logs]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0]
    passing = ("ingest_id", "source", "source_key", "line_number", "byte_offset", "completion_key", "duplicates")
    together, expected = stored(store, without=passing), stored(alone, without=passing)
    for table in ("completions", "choices", "rejects"):
        assert together[table] == expected[table]
    assert len(together["sources"]) == 2
    assert sum(row["duplicates"] for row in stored(store)["completions"]) == 1
    assert problems(Store.open(store)) == []


# --- large -------------------------------------------------------------------------------------------------------


def seconds(store: Path, path: Path, data: bytes) -> float:
    path.write_bytes(data)
    started = time.process_time()
    read(store, path)
    return time.process_time() - started


def test_many_open_streams_cost_time_in_proportion(new_store: NewStore, tmp_path: Path) -> None:
    """Streams that all begin before any ends, over many blocks: four times as many take about four times as long."""

    def log(count: int) -> bytes:
        return b"".join(line.replace(b"ID", b"c%d" % n) for line in stream("ID", "a", "b") for n in range(count))

    seconds(new_store(), tmp_path / "warm", log(100))
    few = seconds(new_store(), tmp_path / "few", log(5_000))
    store = new_store()
    many = seconds(store, tmp_path / "many", log(20_000))
    assert many < 10 * few
    rows = stored(store)["choices"]
    assert len(rows) == 20_000 and {row["content"] for row in rows} == {"ab"}


def test_a_long_stream_costs_time_in_proportion(new_store: NewStore, tmp_path: Path) -> None:
    """200,000 chunks of one stream, of which a line without JSON makes the engine look twice."""

    def log(count: int) -> bytes:
        line = chunk(obj(content="N "))
        lines = b"".join(line.replace(b'"N ', b'"%d ' % n) for n in range(count))
        return lines + b"....\n" + chunk(obj(), finish="stop")

    seconds(new_store(), tmp_path / "warm", log(100))
    short = seconds(new_store(), tmp_path / "short", log(50_000))
    store = new_store()
    long = seconds(store, tmp_path / "long", log(200_000))
    assert long < 10 * short
    (row,) = stored(store)["choices"]
    assert row["content"] == "".join(f"{n} " for n in range(200_000))


def test_a_bomb_costs_one_reject(new_store: NewStore, tmp_path: Path) -> None:
    """A line of 80 MB in a kilobyte of gzip, and one of 100,000 brackets."""
    path, store = tmp_path / "bomb.gz", new_store()
    path.write_bytes(
        gzip.compress(b'{"a":"' + b"a" * (80 << 20) + b'"}\n' + b"[" * 100_000 + b"\n" + stored_answer("c", "yes"))
    )
    assert path.stat().st_size < 1 << 20
    report = read(store, path)
    assert (report.lines, report.records, report.rejects) == (3, 1, 2)
    rows = stored(store)
    assert sorted(row["reason"] for row in rows["rejects"]) == ["too_deep", "too_large"]
    assert contents(rows) == {"c": "yes"}


def test_the_report_says_where_every_line_went(new_store: NewStore, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n: ping\n....\n" + stored_answer("c1", "yes")[:-2] + b",}\n" + stored_answer("c2", "no") * 2)
    report = read(new_store(), path)
    (source,) = report.sources
    counted = (source.lines, source.blank, source.ignorable, source.records, source.rejects, source.duplicates)
    assert counted == (6, 1, 1, 3, 1, 1)
    assert str(report) == "3 responses from 6 lines of 1 log · 1 duplicate left out · 1 repaired · 1 line rejected"

"""What must hold for any log: where it is cut, split or gzipped, and how often it is read, changes nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conformance.suite import load_cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import Rows, assembled, final_rows, shown, stored
from log_lines import dumps, logs, obj

from chatlogs.moving.ingest import ingest
from chatlogs.normalizing.normalize import normalize, normalize_bare
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.unwrapping import wrapped
from chatlogs.reading.lines import Block, scan

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
PLACES = ("completion_key", "source", "source_key", "line_number", "byte_offset")
WORKING = ("opens", "role_repeats", "last_line", "last_offset")
carefully = partial(normalize, fast=False)

NewStore = Callable[[], Path]


def few(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def read(store: Path, *paths: Path, **options: Any) -> Rows:
    report = ingest(list(paths), store, **options)
    assert report.balanced
    assert report.lines == report.records + report.blank + report.ignorable + report.rejects
    return stored(store)


def answers(rows: Rows) -> Rows:
    """The answers without their keys and places."""
    return {
        table: sorted(({k: v for k, v in row.items() if k not in PLACES} for row in rows[table]), key=str)
        for table in ("completions", "choices", "tool_calls", "messages")
    }


def written(folder: Path, **files: bytes) -> list[Path]:
    paths = []
    for name, data in files.items():
        paths.append(folder / f"{name}.jsonl")
        paths[-1].write_bytes(data)
    return paths


def many(parts: list[bytes]) -> bytes:
    """Several logs as one, in which no id stands for two responses."""
    ends = (part if part.endswith(b"\n") else part + b"\n" for part in parts)
    return b"".join(part.replace(b'"c', b'"%d-c' % number) for number, part in enumerate(ends))


def uncut(data: bytes) -> bytes:
    """The log without halves of surrogate pairs: a pair that the end of a file cuts stays cut."""
    return data.replace(b"\\ud83d", b"h").replace(b"\\ude0a", b"l")


# --- where a log is cut into blocks ------------------------------------------------------------------------------


def same_in_any_blocks(data: bytes, sizes: Iterable[int], with_: Any) -> None:
    whole, counts, rejects = assembled(data, with_=with_)
    assert counts.balanced
    for size in sizes:
        cut, cut_counts, cut_rejects = assembled(data, block_bytes=size, with_=with_)
        assert cut_counts == counts, size
        assert cut_rejects == rejects, size
        assert shown(cut, without=WORKING) == shown(whole, without=WORKING), size


@few(40)
@given(logs(most_edits=2, apart=True))
def test_block_size_does_not_change_the_responses(data: bytes) -> None:
    """Streams, bodies and odd lines that lie over block borders come out as when they lie within one."""
    same_in_any_blocks(data, (64, 500), carefully)


@few(10)
@given(st.lists(logs(most_edits=1, apart=True), min_size=3, max_size=6))
def test_block_size_does_not_change_what_the_fast_path_reads(parts: list[bytes]) -> None:
    same_in_any_blocks(many(parts), (2_000,), normalize)


def test_an_answer_whose_first_chunk_has_no_id_has_one_wherever_blocks_end() -> None:
    """As Azure begins: where a block ends behind that chunk, the flag that it has no id does not stay."""
    first, *rest = [
        b'{"id":"%s","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,'
        b'"delta":{%s},"finish_reason":%s}]}' % said
        for said in ((b"", b'"role":"assistant"', b"null"), (b"c1", b'"content":"a"', b"null"), (b"c1", b"", b'"stop"'))
    ]
    data = b"".join(b"data: %s\n\n" % line for line in (first, *rest)) + b"data: [DONE]\n\n"
    for size in (len(data), len(first) + 20):
        (row,) = final_rows(assembled(data, block_bytes=size)[0])["completions"]
        assert (row["id"], row["flags"]) == ("c1", []), size


# Where a block ends between chunks of which only some together tell something, that is not told.
ONLY_TOGETHER = {
    "azure-first-chunk-before-a-filter-result",  # the opening in one block, the role in the next but one
    "chunk-line-logged-twice",  # padded lines, told apart from equal fragments
    "answers-joined-behind-headings",  # laid out, and longer than the blocks here
    "array-laid-out-behind-a-heading",
    "text-repeated-from-the-start",  # three texts that repeat the one before, which is suspected only then
}
CASES = {
    f"{case.name}/{file}": case.read(file)
    for case in load_cases()
    if case.name not in ONLY_TOGETHER
    for run in case.runs
    for file, _ in run
}


@pytest.mark.parametrize("name", [name for name, data in CASES.items() if len(data) < 1 << 16])
def test_block_size_does_not_change_the_cases_of_the_suite(name: str) -> None:
    data = CASES[name]
    longest = max(map(len, data.split(b"\n"))) + 1
    same_in_any_blocks(data, (max(2 * longest, len(data) // 2 + 1),), normalize)


def chunk(delta: Any, *, finish: str | None = None, **top: Any) -> bytes:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"} | top
    return dumps(obj(**fields, choices=[obj(index=0, delta=delta, finish_reason=finish)]))


def calls(index: int, **call: Any) -> Any:
    return obj(tool_calls=[obj(index=index, **call)])


STREAMS = {
    "a pair of surrogates": [chunk(obj(content=text)) for text in ("a\ud83d", "\ude0ab")],
    "a text that repeats itself as it grows": [chunk(obj(content="abcdefg"[:n])) for n in range(1, 8)],
    "tool calls that take turns": [
        chunk(calls(0, id="x", function=obj(name="f", arguments=""))),
        chunk(calls(1, id="y", function=obj(name="g", arguments=""))),
        *[chunk(calls(n % 2, function=obj(arguments=str(n)))) for n in range(6)],
    ],
    "a tool call that begins at one": [
        chunk(calls(1, id="x", function=obj(name="f", arguments="{"))),
        chunk(calls(1, function=obj(arguments="}"))),
    ],
    "an id used again": [
        text
        for created in (1700000000, 1700000009)
        for text in (
            chunk(obj(role="assistant", content=""), created=created),
            chunk(obj(content=f"at {created}"), created=created),
            chunk(obj(), finish="stop", created=created),
        )
    ],
    "usage behind the end": [
        chunk(obj(content="a")),
        chunk(obj(), finish="stop"),
        dumps(obj(id="c1", object="chat.completion.chunk", created=1700000000, model="m", choices=[], usage=obj(n=1))),
    ],
    "an opening without an id": [
        dumps(obj(id="", object="", created=0, model="", choices=[], prompt_filter_results=[obj(prompt_index=0)])),
        chunk(obj(role="assistant", content="")),
        chunk(obj(content="a")),
        chunk(obj(), finish="stop"),
    ],
    "sound": [chunk(obj(audio=obj(id="a", data=data))) for data in ("AAEC", "AwQ", "FBgc=")],
    "a reason after each tool call": [
        chunk(calls(0, id="x", function=obj(name="f", arguments="{}")), finish="tool_calls"),
        chunk(calls(1, id="y", function=obj(name="g", arguments="{}")), finish="tool_calls"),
    ],
    "no id": [chunk(obj(content=text), id="") for text in "abc"],
}


@pytest.mark.parametrize("framed", [False, True], ids=["bare", "in a body"])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_cut_at_every_line_is_whole(stream: list[bytes], framed: bool) -> None:
    data = b"".join(b"data: %b\n\n" % line if framed else line + b"\n" for line in stream)
    same_in_any_blocks(data + b"data: [DONE]\n" * framed, (1, 300), carefully)


def test_choices_that_come_one_after_the_other_stay_one_answer() -> None:
    """Also where a block ends before the body does, so that nothing tells yet where that ends."""
    top = dumps(obj(id="c1", object="chat.completion.chunk", created=1700000000, model="m"))[:-1]
    parts = ({"role": "assistant"}, None), ({"content": "Hel"}, None), ({}, "stop")
    body = b"".join(
        b'data: %b, "choices": [%b]}\n\n' % (top, dumps(obj(index=index, delta=delta, finish_reason=finish)))
        for index in (0, 1)
        for delta, finish in parts
    )
    for data in (body, body + b"data: [DONE]\n\n"):
        same_in_any_blocks(data, range(50, 1000, 20), carefully)
        assert len(assembled(data, with_=normalize)[0]["completions"]) == 1


def test_an_event_laid_out_over_lines_is_not_cut() -> None:
    """A log that begins as one pretty-printed object is one block whatever its size."""
    text = b'{\n  "id": "c1",\n  "object": "chat.completion",\n  "created": 1,\n  "model": "m",\n  "choices": []\n}\n'
    same_in_any_blocks(text * 3, (20,), carefully)


@pytest.mark.parametrize("head", [b"", b"data:\n"], ids=["a chunk", "an empty event"])
def test_what_opens_or_closes_a_body_may_stand_alone_in_a_block(head: bytes) -> None:
    """Only at its end is it known that the role of the second choice, which comes late, begins no other answer."""
    said = [(0, {"content": "a"}, "stop"), (1, {"content": "b"}, None), (1, {"role": "assistant", "content": ""}, None)]
    said += [(1, {"content": "c"}, None), (1, {"content": "d"}, None)]
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    chunks = [
        dumps(obj(**fields, choices=[obj(index=index, delta=delta, finish_reason=reason)]))
        for index, delta, reason in said
    ]
    data = head + b"".join(b"data: " + line + b"\n\n" for line in chunks) + b"data: [DONE]\n\n"
    for read_block in (carefully, normalize):
        same_in_any_blocks(data, (64, *range(200, 1200, 50)), read_block)


def test_block_size_does_not_change_the_store(new_store: NewStore, tmp_path: Path) -> None:
    logs = [SAMPLES / name for name in ("chunks-2026-w42.jsonl.gz", "transcripts.sse", "exchanges.jsonl")]
    assert read(new_store(), *logs, block_bytes=64 << 10) == read(new_store(), *logs)
    head = b"\n".join((SAMPLES / "transcripts.sse").read_bytes().split(b"\n")[:200])
    (path,) = written(tmp_path, head=head)
    assert read(new_store(), path, block_bytes=2 << 10) == read(new_store(), path)


# --- where a log is split into files and runs --------------------------------------------------------------------


@few(12)
@given(
    st.lists(logs(most_edits=0, lines_between=False, apart=True), min_size=2, max_size=6),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_a_log_split_at_any_line_gives_the_same_answers(
    new_store: NewStore, tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], where: int, one_run: bool
) -> None:
    """Its halves, read in order, in one run or in two, complete the streams that were cut."""
    data = uncut(many(parts))
    lines = data.split(b"\n")
    at = where % len(lines)
    halves = b"".join(line + b"\n" for line in lines[:at]), b"\n".join(lines[at:])
    whole, one, two = written(tmp_path_factory.mktemp("logs"), whole=data, one=halves[0], two=halves[1])
    expected = read(new_store(), whole)
    store = new_store()
    for paths in [[one, two]] if one_run else [[one], [two]]:
        found = read(store, *paths)
    assert answers(found) == answers(expected)


# --- how often, and as what, a log is read -----------------------------------------------------------------------


@few(6)
@given(st.lists(logs(most_edits=3), min_size=1, max_size=4))
def test_reading_a_log_again_changes_nothing(
    new_store: NewStore, tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    """Under its name, under another one, compressed, in a second member, and all at once."""
    folder = tmp_path_factory.mktemp("logs")
    data = b"\n".join(parts)
    (path,) = written(folder, log=data)
    store = new_store()
    first = read(store, path)
    (again,) = written(folder, other=data)
    (packed,) = written(folder, packed=gzip.compress(data[:50]) + gzip.compress(data[50:]))
    for paths in ([path], [again], [packed], [path, again, packed]):
        report = ingest(paths, store)
        assert report.ingest_id is None and all(source.known for source in report.sources)
        assert stored(store) == first


@few(8)
@given(
    st.lists(logs(most_edits=0, lines_between=False, apart=True), min_size=1, max_size=4),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_a_log_that_grew_is_read_from_where_it_ended(
    new_store: NewStore, tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], one: int, two: int
) -> None:
    """Read at any two sizes on the way, even within a line: the answers, records and rejects of one reading."""
    data = uncut(many(parts))
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    path.write_bytes(data)
    expected = read(new_store(), path)
    store = new_store()
    for size in (*sorted((one % (len(data) + 1), two % (len(data) + 1))), len(data)):
        path.write_bytes(data[:size])
        found = read(store, path)
    assert answers(found) == answers(expected)
    (ledger,), (once,) = found["sources"], expected["sources"]
    # A log keeps the key that it got when it was first read, perhaps as an empty one.
    assert found["rejects"] == [reject | {"source_key": ledger["source_key"]} for reject in expected["rejects"]]
    assert ledger["lines"] == ledger["records"] + ledger["blank"] + ledger["ignorable"] + ledger["rejects"]
    for name in ("records", "rejects", "responses", "size", "content_hash", "resume_offset"):
        assert ledger[name] == once[name], name


@pytest.mark.parametrize(
    "end", [b": pi", b"event: mess", b"data:", b"data: ", b'data: {"id"', b"data: [DO", b"data: [DONE]"]
)
def test_a_log_may_end_in_the_middle_of_any_line(new_store: NewStore, tmp_path: Path, end: bytes) -> None:
    """What says nothing yet is read again when the log has grown, and counted once."""
    said = [chunk(obj(content=text)) for text in ("a", "b")] + [chunk(obj(), finish="stop")]
    data = b": ping\n\n" + b"".join(b"event: message\ndata: " + line + b"\n\n" for line in said) + b"data: [DONE]\n"
    path = tmp_path / "log.sse"
    path.write_bytes(data)
    expected = read(new_store(), path)
    store = new_store()
    for size in (data.rindex(end) + len(end), len(data)):
        path.write_bytes(data[:size])
        found = read(store, path)
    assert answers(found) == answers(expected)
    assert found["rejects"] == expected["rejects"] == []
    for name in ("lines", "blank", "ignorable", "records", "rejects", "responses", "resume_offset"):
        if end != b"data: [DONE]":  # its line end is a blank line then
            assert found["sources"][0][name] == expected["sources"][0][name], name


def test_a_log_may_end_within_a_text_that_is_laid_out_over_lines(new_store: NewStore, tmp_path: Path) -> None:
    """Behind words of a logger too: what is there is one reject then, and read again when the log has grown."""
    words = b"[2026-01-01 10:00:00] [INFO] Generated packet: "
    text = json.dumps(json.loads(chunk(obj(content="a"), finish="stop")), indent=1).encode()
    path = tmp_path / "log"
    path.write_bytes(data := words + text + b"\n" + words + text.replace(b"c1", b"c2") + b"\nend\n")
    expected = read(new_store(), path)
    assert [row["raw"] for row in expected["rejects"]] == [*[words.decode().strip()] * 2, "end"]
    for size in (data.index(b'"choices"', data.index(b"c2")), data.index(b'"delta": {', data.index(b"c2")) + 10):
        store = new_store()
        path.write_bytes(data[:size])
        cut = read(store, path)
        assert cut["sources"][0]["rejects"] == len(cut["rejects"]) == 3
        path.write_bytes(data)
        found = read(store, path)
        assert answers(found) == answers(expected)
        assert found["rejects"] == expected["rejects"]
        for name in ("lines", "records", "rejects", "responses", "resume_offset"):
            assert found["sources"][0][name] == expected["sources"][0][name], name


# --- wrapped answers ---------------------------------------------------------------------------------------------

REQUEST = b'{"model":"m","n":2,"seed":7,"messages":[{"role":"user","content":"Hi"}],"api_key":"s","tools":[{"a":{}}]}'
WRAPPERS = (
    b'{"request":%(request)b,"response":%(answer)b,"status":200,"started_at":"2026-01-01T00:00:00Z","duration_ms":5}',
    b'{"id":"b","custom_id":"r","response":{"status_code":200,"request_id":"q","body":%(answer)b},"error":null}',
    b'{"request_body":%(request)b,"response_body":%(answer)b,"request_created_at":"2026-01-01T00:00:00Z","delay_ms":-1}',
    b'{"litellm_call_id":"x","id":"i","messages":[{"role":"user","content":"\xc3\xa9"}],"response":%(answer)b,"n":0}',
    b'{"input":%(request)b,"output":%(answer)b,"tags":{"a":"b"}}',
    b'{"response":%(answer)b,"error":"cut","response":1}',
    b'{"completion":%(answer)b,"params":%(request)b}',
    b'{"note":{"choices":1},"chunks":%(list)b,"started_at":1767225600,"ended_at":1}',
    b'{"request":%(request)b,"response":%(list)b,"timestamp":"2026-01-01T00:00:00Z"}',
    b'{"request":%(request)b,"sse":%(sse)b,"status":200}',
    b"%(answer)b",
)


def wrap(form: bytes, records: list[bytes]) -> bytes:
    text = b"".join(b"data: %b\n\n" % record for record in records) + b"data: [DONE]\n\n"
    parts = {b"request": REQUEST, b"answer": records[-1], b"list": b"[%b]" % b",".join(records)}
    return form % (parts | {b"sse": json.dumps(text.decode("utf-8", "replace")).encode()})


@few(60)
@given(st.lists(st.tuples(st.sampled_from(WRAPPERS), logs(most_edits=1, lines_between=False)), min_size=1, max_size=12))
def test_both_paths_read_wrapped_answers_alike(parts: list[tuple[bytes, bytes]]) -> None:
    """Unwrapped to bare lines for the fast path, or one by one: the same responses, requests and counts."""
    lines = []
    for form, log in parts:
        records = [line for line in log.split(b"\n") if line[:1] == b"{" and line[-1:] == b"}"]
        lines.append(wrap(form, records or [b"{}"]))
    block = Block.of(b"\n".join(lines))
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts and fast.counts.balanced
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)


def sample_answers() -> list[list[bytes]]:
    """The records of each response of the sample logs: one completion, or the chunks of a stream."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(SAMPLES.glob("*.jsonl*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in data.splitlines():
            if line.startswith(b'{"id":"chatcmpl-') and line.endswith(b"}"):
                found.setdefault(line[:60].split(b'"')[3].decode(), []).append(line)
    return list(found.values())


@pytest.mark.parametrize("form", WRAPPERS[:-1])
def test_a_log_of_wrapped_answers_is_unwrapped(form: bytes) -> None:
    """Plain answers in any container are read like bare ones, but for what the container says."""
    streamed = b"list" in form or b"sse" in form
    answers = [records for records in sample_answers() if streamed == (len(records) > 1)]
    lines = [wrap(form, records) for records in answers[:40]]
    block = Block.of(b"\n".join(lines))
    taken = wrapped.read(scan(block), PLAINLY, normalize_bare)[1]
    assert len(taken) >= 0.8 * len(lines) > 20 or b'"response":1' in form
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts
    assert shown(fast.tables) == shown(slow.tables)

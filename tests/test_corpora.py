"""Logs of real servers, ingested: every stream and every completion is in the tables as it was recorded.

The recordings lie beside the project and are not part of it; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ingested import Rows, blocks, shown, stored
from recordings import CORPORA, SOURCES

from chatlogs.moving.ingest import ingest
from chatlogs.normalizing.normalize import normalize

STREAMED = [name for name in SOURCES if (CORPORA / name / "streams.sse").exists()]

# Streams whose usage stands only in `x_groq`, which `last_usage` does not count: ours is the fuller answer.
GROQ = {("agentops", 1), ("ruby-openai", 3)}

pytestmark = pytest.mark.skipif(not SOURCES, reason="the recorded corpora are not beside the project")
NewStore = Callable[[], Path]


@cache
def lines(source: str, name: str) -> list[Any]:
    path = CORPORA / source / name
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line] if path.exists() else []


def children(rows: Rows, table: str) -> dict[int, list[dict[str, Any]]]:
    found = defaultdict(list)
    order = ("choice_index", "tool_call_index", "message_index")
    for row in sorted(rows[table], key=lambda row: [row.get(key) or 0 for key in order]):
        found[row["completion_key"]].append(row)
    return found


@pytest.fixture(scope="module")
def streams(new_store: NewStore) -> dict[str, Rows]:
    """The rows of each source's streams, each in a store of its own."""
    found = {}
    for source in STREAMED:
        store = new_store()
        assert ingest(CORPORA / source / "streams.sse", store).balanced
        found[source] = stored(store)
    return found


@pytest.fixture(scope="module")
def completions(new_store: NewStore) -> Rows:
    """The rows of all completions, all in one store, where ids collide."""
    store = new_store()
    paths = [path for name in SOURCES if (path := CORPORA / name / "completions.jsonl").exists()]
    report = ingest(paths, store)
    assert report.balanced and report.rejects == 0
    return stored(store)


def answer(choices: list[dict[str, Any]], calls: list[dict[str, Any]]) -> dict[int, tuple[Any, ...]]:
    return {
        choice["choice_index"]: (
            choice["content"] or None,
            choice["refusal"] or None,
            choice["finish_reason"],
            [
                (call["call_id"], call["name"], call["arguments"] or None)
                for call in calls
                if call["choice_index"] == choice["choice_index"] and call["kind"] != "function_call"
            ],
        )
        for choice in choices
    }


def recorded(choices: list[dict[str, Any]]) -> dict[int, tuple[Any, ...]]:
    return {
        choice["index"]: (
            choice.get("content") or None,
            choice.get("refusal") or None,
            choice.get("finish_reason") or None,
            [
                (
                    call.get("id") or None,
                    (call.get("function") or call.get("custom") or call).get("name") or None,
                    (call.get("function") or call).get("arguments") or None,
                )
                for call in choice.get("tool_calls") or ()
            ],
        )
        for choice in choices
    }


def inexact(source: str, rows: Rows) -> Iterator[tuple[str, int, str]]:
    """Streams that are not as recorded, with the field that differs."""
    choices, calls = children(rows, "choices"), children(rows, "tool_calls")
    for expected in lines(source, "expected.jsonl"):
        begin = expected["sse_offset"]
        found = [row for row in rows["completions"] if 0 <= row["byte_offset"] - begin < expected["sse_bytes"]]
        said = expected.get("simple") or expected
        if len(found) != 1:
            yield source, expected["stream_index"], f"{len(found)} rows"
            continue
        (row,) = found
        pairs = {
            # Azure's first chunk names no model, and the official accumulator keeps that.
            "model": (row["model"], said["model"] or row["model"]),
            "fingerprint": (row["system_fingerprint"], said["system_fingerprint"] or None),
            "chunk_count": (row["chunk_count"], expected["chunks"]),
            "usage": (json.loads(row["usage"] or "null"), expected["last_usage"] or None),
            "answer": (answer(choices[row["completion_key"]], calls[row["completion_key"]]), recorded(said["choices"])),
        }
        for field, (ours, theirs) in pairs.items():
            if ours != theirs:
                yield source, expected["stream_index"], field


def test_each_recorded_stream_is_one_row_as_recorded(streams: dict[str, Rows]) -> None:
    """At least 99.5 % exact in every field; what is not exact is named, and has a reason."""
    wrong = {place for source in STREAMED for place in inexact(source, streams[source])}
    total = sum(len(lines(source, "expected.jsonl")) for source in STREAMED)
    assert {(source, index) for source, index, field in wrong if field == "usage"} == GROQ
    assert {field for _, _, field in wrong} == {"usage"}
    assert total == 505 and len(wrong) <= 0.005 * total


def adds_up(rows: list[dict[str, Any]], choices: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """The rows have the counts, sums and values of totals.json."""
    assert len(rows) == expected["count"]
    assert len(choices) == expected["choices"]
    for field in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert sum(row[field] or 0 for row in rows) == expected[field], field
    for field, of in (("model", rows), ("system_fingerprint", rows), ("finish_reason", choices)):
        told = Counter[str]()
        for name, count in expected[field].items():
            told["(null)" if name in ("", "(empty)", "(missing)") else name] += count
        assert Counter(row[field] or "(null)" for row in of) == told, field


@pytest.mark.parametrize("source", STREAMED)
def test_streams_add_up_to_the_recorded_totals(streams: dict[str, Rows], source: str) -> None:
    expected = json.loads((CORPORA / "totals.json").read_text())["sources"][source]["streams"]
    groq = [index for name, index in GROQ if name == source]
    rows = streams[source]["completions"]
    begins = [lines(source, "expected.jsonl")[index]["sse_offset"] for index in groq]
    plain = [
        row
        | (
            {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
            if any(0 <= row["byte_offset"] - begin < 1_000 for begin in begins)
            else {}
        )
        for row in rows
    ]
    adds_up(plain, streams[source]["choices"], expected)


def redacted(line: bytes, name: str) -> bytes:
    """The SSE line as a recorder leaves it that cleans ids and times."""
    data = line.removeprefix(b"data: ")
    if data == line or not data.startswith(b"{"):
        return line
    chunk = json.loads(data)
    hidden = {key: value for key, value in (("id", name), ("created", 0)) if key in chunk}
    return b"data: " + json.dumps(chunk | hidden).encode()


@pytest.mark.parametrize("name", ["", "chatcmpl-REDACTED"])
def test_streams_stay_apart_when_ids_and_times_are_redacted(new_store: NewStore, tmp_path: Path, name: str) -> None:
    """A stream that has no row of its own is counted as a copy; without ids none is."""
    log, first, borders = tmp_path / "redacted.sse", 1, []
    with log.open("wb") as file:
        for source in STREAMED:
            body = (CORPORA / source / "streams.sse").read_bytes()
            for row in lines(source, "expected.jsonl"):
                begin, end = row["sse_offset"], row["sse_offset"] + row["sse_bytes"]
                borders.append(range(first + body.count(b"\n", 0, begin), first + body.count(b"\n", 0, end) + 1))
            first += body.count(b"\n")
            file.write(b"\n".join(redacted(line, name) for line in body.split(b"\n")))
    store = new_store()
    report = ingest(log, store)
    begins = {row["line_number"] for row in stored(store)["completions"]}
    without = sum(begins.isdisjoint(border) for border in borders)
    assert len(borders) == 505 and without == report.duplicates
    assert without == 0 or name


def test_every_stored_completion_is_one_row_as_recorded(completions: Rows) -> None:
    """2,477 bodies in one store, many with ids in common: each is there, with its counts and its answer."""
    choices, calls = children(completions, "choices"), children(completions, "tool_calls")
    by_place = {(Path(row["source"]).parent.name, row["line_number"]): row for row in completions["completions"]}
    assert len(by_place) == len(completions["completions"]) == 2477
    for source in SOURCES:
        for number, body in enumerate(lines(source, "completions.jsonl"), start=1):
            row, usage = by_place[source, number], body.get("usage") or {}
            for field in ("id", "model", "system_fingerprint", "service_tier"):
                assert row[field] == (body.get(field) or None), (source, number, field)
            for field in ("prompt_tokens", "completion_tokens", "total_tokens"):
                assert row[field] == usage.get(field), (source, number, field)
            assert row["created"] is None or not body["created"] or row["created"].timestamp() == body["created"]
            expected = recorded(
                [choice["message"] | choice | {"index": at} for at, choice in enumerate(body["choices"])]
            )
            found = answer(choices[row["completion_key"]], calls[row["completion_key"]])
            for index, (content, refusal, reason, named) in expected.items():
                if isinstance(content, str) or content is None:
                    assert found[index][0] == content, (source, number)
                assert found[index][1:3] == (refusal, reason), (source, number)
                assert [call[:2] for call in found[index][3]] == [call[:2] for call in named], (source, number)
            assert len(found) == len(expected)


def test_completions_add_up_to_the_recorded_totals(completions: Rows) -> None:
    totals = json.loads((CORPORA / "totals.json").read_text())["sources"]
    choices = children(completions, "choices")
    of_source = defaultdict(list)
    for row in completions["completions"]:
        of_source[Path(row["source"]).parent.name].append(row)
    assert of_source.keys() == {name for name in SOURCES if lines(name, "completions.jsonl")}
    for source, rows in of_source.items():
        said = [choice for row in rows for choice in choices[row["completion_key"]]]
        adds_up(rows, said, totals[source]["completions"])


def test_recorded_exchanges_are_read_with_requests_and_failures(new_store: NewStore) -> None:
    """A request with its answer gives one row with the status, and one message row for each that was sent."""
    store = new_store()
    paths = [path for name in SOURCES if (path := CORPORA / name / "exchanges.jsonl").exists()]
    report = ingest(paths, store)
    assert report.balanced and report.rejects == 0
    rows = stored(store)
    messages = children(rows, "messages")
    by_place = {(Path(row["source"]).parent.name, row["line_number"]): row for row in rows["completions"]}
    for source in SOURCES:
        for number, exchange in enumerate(lines(source, "exchanges.jsonl"), start=1):
            row = by_place.get((source, number))
            if row is None:  # the same answer, recorded again
                continue
            assert row["status_code"] == exchange["status"]
            if (exchange["status"] or 0) >= 400:
                assert row["status"] == "error" and (row["error_message"] or row["error_code"]), (source, number)
            request = exchange.get("request")
            if isinstance(request, dict):
                assert row["request_model"] == request.get("model")
                assert len(messages[row["completion_key"]]) == len(request.get("messages") or ())
    assert len(rows["completions"]) + report.duplicates == report.responses >= report.lines


@pytest.mark.parametrize("source", [name for name in SOURCES if (CORPORA / name / "chunks.jsonl").exists()])
def test_recorded_chunk_lines_lose_no_text(new_store: NewStore, source: str) -> None:
    """Without their bodies streams are told apart by id alone; still each fragment is in one answer, once."""
    store = new_store()
    report = ingest(CORPORA / source / "chunks.jsonl", store)
    assert report.balanced and report.rejects == 0
    rows = stored(store)
    assert sum(row["chunk_count"] or 0 for row in rows["completions"]) == len(lines(source, "chunks.jsonl"))
    sent = Counter[str]()
    for line in lines(source, "chunks.jsonl"):
        for choice in line.get("choices") or ():
            content = (choice.get("delta") or {}).get("content")
            sent.update(content if isinstance(content, str) else ())
    assert Counter("".join(row["content"] or "" for row in rows["choices"])) >= sent


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["streams.sse", "completions.jsonl", "chunks.jsonl"])
def test_both_paths_agree_on_recorded_logs(source: str, name: str) -> None:
    path = CORPORA / source / name
    for block in blocks(path.read_bytes()) if path.exists() else ():
        fast, careful = normalize(block), normalize(block, fast=False)
        assert fast.counts == careful.counts
        assert shown(fast.tables) == shown(careful.tables)

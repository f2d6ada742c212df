"""A chunk in a small object with its time is read as the chunk it is, whatever else the object says."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingested import shown

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import Decoded, Record, read_line, records
from chatlogs.normalizing.records.piece import Piece
from chatlogs.normalizing.unwrapping.captured import Captured, inside
from chatlogs.normalizing.unwrapping.capturedlines import show
from chatlogs.normalizing.unwrapping.shells import ERRORS, NAMING
from chatlogs.reading.lines import OBJECT, Block, scan
from chatlogs.reading.wrappers import ARRIVALS, CHUNK_KEYS, WRAPPERS

TIME = "2026-01-01T00:00:01.5Z"
FIELDS = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}


def chunk(delta: Any, **top: Any) -> dict[str, Any]:
    return {**FIELDS, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} | top


CHUNKS = (
    chunk({"role": "assistant"}),
    chunk({"content": 'a "b" {c}'}),
    chunk({"content": "}"}, system_fingerprint="fp", ts=5),
    chunk({}, usage={"prompt_tokens": 1}),
    {**FIELDS, "choices": [], "usage": {"prompt_tokens": 1}},
    {"choices": [{"delta": {"content": "x"}}]},
    {"choices": [{"message": {"content": "x"}}], "object": "chat.completion"},
    {"choices": []},
    {"choices": [], "object": "chat.completion.chunk", "entries": [], "runs": [1]},
    {"error": {"message": "no"}},
    {"id": "x"},
)
NAMES = sorted({
    *ARRIVALS, *CHUNK_KEYS, *NAMING, *ERRORS, "traceId", "type", "run_type", "outputs", "response_json", "prompt_json",
    "n", "level", "ts", "chunk", "request_id", "_id", "stream", "resource", "answer", "answer_request",
    *(key for row in WRAPPERS for key in row.when if "." not in key),
})  # fmt: skip
VALUES = st.sampled_from([
    "x", "", TIME, "GENERATION", "llm", "{}", "data: x", "stdout", 1767225600, 1767225600.25, 0, 1.5, -7, None, True,
    {}, {"a": 1}, {"type": "x", "labels": {"a": "b", "n": None}}, {"content": "x"}, {"message": "x", "role": "y"},
])  # fmt: skip


def piece(text: bytes, arrived_at: object = None) -> Piece | None:
    """The one response in the text, if it holds one chunk that others may continue."""
    decoded = read_line(text)
    assert isinstance(decoded, Decoded)
    found = records(decoded, arrived_at=arrived_at)
    return found.pieces[0] if isinstance(found, Record) and found.loose and len(found.pieces) == 1 else None


def check(line: bytes) -> Captured | None:
    """What is found in the line, which says the same when it is read with care."""
    found = inside(line)
    if found is not None:
        begin, end, time = found
        assert piece(line) is not None
        assert piece(line) == piece(line[begin:end], time)
    return found


@settings(max_examples=1200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    st.sampled_from([*CHUNK_KEYS, "answer", "llm_response_1", "usage", "_id", "stream", "ts"]),
    st.sampled_from(CHUNKS),
    st.integers(0, 4),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_what_is_taken_out_says_what_the_line_says(
    members: list[tuple[str, Any]], holder: str, held: Any, place: int, marks: tuple[str, str]
) -> None:
    members.insert(place, (holder, held))
    comma, colon = marks
    parts = [json.dumps(name) + colon + json.dumps(value, separators=marks) for name, value in members]
    check(("{" + comma.join(parts) + "}").encode())


@pytest.mark.parametrize("held", CHUNKS[:6])
@pytest.mark.parametrize(
    "form",
    [
        '{"ts":"2026-01-01T00:00:01.5Z","chunk":HELD}',
        '{"chunk": HELD, "ts": 1767225600.25}',
        '{"level":"info","time":"1767225600123","msg":"got","payload":HELD,"n":7}',
        '{"data":HELD}',
    ],
)
def test_these_are_taken_out(form: str, held: Any) -> None:
    found = check(form.replace("HELD", json.dumps(held)).encode())
    assert found is not None
    assert (found.time is None) == form.startswith('{"data"')


def test_streams_of_such_lines_are_whole() -> None:
    """Interleaved, some of them bare: the same answers as of bare chunks, and the times of those that have one."""
    bare, wrapped = [], []
    for number in range(300):
        text = json.dumps(chunk({"content": f"{number} "}, id=f"c{number % 7}"), separators=(",", ":"))
        bare.append(text)
        wrapped.append(f'{{"ts":{1767225600 + number}.5,"chunk":{text}}}')
    plain, timed = (normalize(Block.of("\n".join(lines).encode())) for lines in (bare, [*wrapped[:200], *bare[200:]]))
    said = [[row["content"] for row in shown(found.tables)["choices"]] for found in (plain, timed)]
    assert said[0] == said[1] and len(said[0]) == 7
    times = timed.tables["chunks"]["arrived_at"]
    assert len(times) == 200 and times.null_count == 0
    assert timed.counts == plain.counts


FORMS = (
    '{"ts":"2026-01-0DT00:00:0D.DDDZ","chunk":HELD}',
    '{"chunk":HELD,"ts":DDDDDDDDDD.DD}',
    '{"chunk":HELD,"ts":DDDDDDDDDD.D }',
    '{"chunk": HELD, "ms": DDD.D, "ts": "DDDDDDDDDDDDD"}',
    '{"request_id":"DaDaaD-D","time":"DDD","data":HELD,"n":D}',
    '{"request_id":"aDDaDa-D","Dime":"2026-01-0D","data":HELD,"n":D}',
    '{"type":"x","ts":17000000DD,"chunk":HELD}',
    '{"msg":"}{","ts":17000000DD,"chunk":HELD}',
    '{"ts":"","chunk":HELD}',
    '{"n":DDDD,"chunk":HELD}',
    '{"n":null,"chunk":HELD}',
    "HELD",
)
OTHERS = ('"', "}", "{", "0", "a", "é", " ", "\\", "", "}{")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_lines_that_are_alike_are_shown_as_each_alone_would_be(data: st.DataObject) -> None:
    forms = data.draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=3))
    random = Random(data.draw(st.integers(0, 1 << 30)))
    lines = []
    for number in range(120):
        text = random.choice(forms).replace("HELD", json.dumps(random.choice(CHUNKS[:7]), separators=(",", ":")))
        parts = text.split("D")
        text = parts[0] + "".join(f"{random.randrange(10)}{part}" for part in parts[1:])
        if random.random() < 0.05:
            text += random.choice((text, " " + text, "x", "\r" + text))
        if random.random() < 0.1:
            at = random.randrange(len(text))
            text = text[:at] + random.choice(OTHERS) + text[at + 1 :]
        lines.append(text + random.choice(("\n", "\r\n")) if number % 9 == 0 else text + "\n")
    found = scan(Block.of("".join(lines).encode()))
    chosen = [line for line in range(len(found)) if found.kind[line] == OBJECT]
    alone = {line: inside(found.text(line)) for line in chosen}
    begun = found.start.copy()
    shown_times: dict[int, str] = {}
    show(found, shown_times)
    if all(alone[line] is None for line in chosen[:: max(1, len(chosen) // 8)]):
        assert shown_times == {} and (found.start == begun).all()
        return
    assert shown_times == {line: one.time for line, one in alone.items() if one is not None and one.time is not None}
    for line, one in alone.items():
        begin = 0 if one is None else one.begin
        assert found.start[line] == begun[line] + begin
        assert one is None or found.end[line] == begun[line] + one.end

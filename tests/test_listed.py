"""Streams in lists, as programs note them: whatever stands in some of these, all say what they say one by one."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import shown

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

carefully = partial(normalize, fast=False)

CHUNKS = [
    '{"id":"c%d","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":'
    f'{delta},"finish_reason":{finish}}}]}}'
    for delta, finish in (
        ('{"role":"assistant","content":"H\\u00e9 \\"a\\":1"}', "null"),
        ('{"content":"l\\nlo"}', "null"),
        ("{}", '"stop"'),
    )
]
TIMES = (
    '"2026-01-01T00:00:00.%dZ"', '"2026-01-01T00:00:0%d+02:00"', "17672%d5600.25", "17672%d5600000", '"17672%d5600"',
    "0.%d", '"%d"', "null", '""', '"yes%dterday"', '"2026-01-01 00:00:0%d,5"', "true", "1e400",
    '{"seconds":1767225600}', '"\\u0032026-01-01T00:00:00Z"', '"data: %d"',
)  # fmt: skip
NAMES = ("chunk", "data", "event", "line", "message", "value", "raw", "text", "sse", "at", "d\\u0061ta")
TIME_NAMES = ("at", "ts", "arrived_at", "timestamp", "t", "delay", "attributes")
MORE = (
    '"seq":%d', '"seq":1.0', '"seq":1E5', '"kind":"chunk"', '"type":"message"', '"note":"a\\"b"', '"note":"\\ud800"',
    '"error":null', '"error":{"message":"no"}', '"meta":{"a":1}', '"meta":{"a":1,"a":2}', '"object":"x"', '"data":null',
    '"data":"text"', '"event":"message"', '"choices":[]', '"note":"data: x"', '"note":"ZGF0YTogeA=="', '"_id":"a"',
    '"note":"id: x"', '"list":[]', '"code":"x"', '"__data__":{"choices":[]}', '"originalRequest":{}', '"value":7',
)  # fmt: skip
ODD_CHUNKS = (
    '{"choices":[]}', '{"object":"chat.completion.chunk"}', '{"a":1}', '{"error":{"message":"no"}}', "null", "{}",
    '{"id":"c%d","choices":[{"message":{"content":"x"}}]}', '{"id":"c%d","choices":[],"usage":{"total_tokens":3}}',
    '{"id":"c%d","choices":[{"delta":{"content":"x"}}],"headers":{"a":1}}',
    '{"id":"c%d","id":"d","choices":[{"delta":{}}]}', '{"choices":[{"index":0,"delta":{"content":"\\ud800"}}]}',
)  # fmt: skip
ODD_LINES = (
    "data: [DONE]", "[DONE]", ": ping", "", "event: error", "event: message", "data: {", "x", "data:", "{}", "\n",
    "retry: 3", 'data: {"error":{"message":"no"}}', "data: [DONE]\n\n",
)  # fmt: skip
BORDERS = (("data: ", ""), ("data: ", "\n\n"), ("data: ", "\n"), ("", ""), ("data:", ""))
ODDITIES = ("name", "time", "chunk", "line", "read", "item", "more", "order")


@st.composite
def lists(draw: st.DrawFn) -> str:
    """The JSON of a list that holds a stream, with one or two things odd about it, or none."""
    in_texts, in_objects, spaced = (draw(st.booleans()) for _ in range(3))
    odd = draw(st.sets(st.sampled_from(ODDITIES), max_size=2))
    name = draw(st.sampled_from(NAMES)) if "name" in odd else "line" if in_texts else "chunk"
    when, time = (draw(st.sampled_from(some)) if "time" in odd else some[0] for some in (TIME_NAMES, TIMES))
    before, behind = draw(st.sampled_from(BORDERS))
    chunks = [*CHUNKS]
    if "chunk" in odd:
        chunks.insert(draw(st.integers(0, 3)), draw(st.sampled_from(ODD_CHUNKS)))
    texts = [before + chunk + behind for chunk in chunks]
    if "line" in odd:
        texts.insert(draw(st.integers(0, len(texts))), draw(st.sampled_from(ODD_LINES)))
    if "read" in odd:  # one ends somewhere
        whole, at = "".join(texts), draw(st.integers(1, 200))
        texts = [whole[:at], whole[at:]]
    comma = ", " if spaced else ","
    items = [json.dumps(text) for text in texts] if in_texts else chunks
    if in_objects:
        for number, value in enumerate(items):
            fields = [f'"{name}":{value}', f'"{when}":{time.replace("%d", str(number % 10))}']
            if "more" in odd:
                fields = fields[: draw(st.integers(1, 2))] + draw(st.lists(st.sampled_from(MORE), max_size=1))
            items[number] = "{" + comma.join(draw(st.permutations(fields)) if "order" in odd else fields) + "}"
    if "item" in odd:
        items.insert(draw(st.integers(0, len(items))), draw(st.sampled_from(('"x"', "{}", "null", "[]", "7"))))
    return "[" + comma.join(items) + "]"


AROUND = (
    '"status":200', '"started_at":"2025-12-31T23:00:00Z"', '"started_at":"2026-01-01T00:00:00.3Z"', '"duration_ms":70',
    '"ended_at":"2026-01-01T00:00:00.4Z"', '"timestamp":"2026-01-01T00:00:00.2Z"', '"first_chunk_at":1767225500',
    '"ttft_ms":5', '"level":"info"', '"completion_start_time":"2025-12-31T23:59:00Z"', '"error":"cut"', '"model":"m"',
    '"note":{"a":1}', '"id":"r"',
)  # fmt: skip
ASKED = '"request":{"model":"g","messages":[{"role":"user","content":"Hi"}]}'


@st.composite
def wrappers(draw: st.DrawFn) -> str:
    said = draw(st.lists(st.sampled_from(AROUND), max_size=2, unique_by=lambda field: field.split(":")[0]))
    request = draw(st.sampled_from((ASKED, '"request":{}')))
    name = draw(st.sampled_from(("chunks",) * 4 + ("response", "body", "output", "sse", "events", "stream")))
    found = draw(lists())
    if draw(st.integers(0, 5)) == 0:
        return found
    answer = f'"{name}":{found}'
    if draw(st.integers(0, 4)) == 0:
        answer = f'"response":{{"status":200,{answer}}}'
    parts = draw(st.permutations([*said, answer, *([request] * draw(st.integers(0, 1)))]))
    return "{" + ",".join(parts) + "}"


def plain(number: int) -> str:
    items = ",".join(f'{{"at":"2026-01-01T00:00:00.{place}Z","chunk":{chunk}}}' for place, chunk in enumerate(CHUNKS))
    return f'{{"request":{{"model":"g"}},"chunks":[{items}],"status":200}}'.replace("%d", str(number))


@pytest.mark.parametrize("asked", [PLAINLY, Asked(chunks=True)], ids=["asked for nothing", "asked for chunks"])
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(odd=st.lists(wrappers(), min_size=1, max_size=5))
def test_odd_lists_among_plain_ones_are_read_as_one_by_one(odd: list[str], asked: Asked) -> None:
    lines = [plain(1), *(line.replace("%d", str(number + 2)) for number, line in enumerate(odd)), plain(0)]
    block = Block.of("\n".join(lines).encode())
    fast, slow = normalize(block, asked=asked), carefully(block, asked=asked)
    assert fast.counts == slow.counts
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)


@pytest.mark.parametrize("name", ["line", "sse"])
def test_a_list_is_known_by_its_first_item(name: str) -> None:
    items = ",".join(f'{{"at":"2026-01-01T00:00:00.{at}Z","{name}":{json.dumps(text)}}}'
                     for at, text in enumerate(["", *(f"data: {chunk}" for chunk in CHUNKS)]))  # fmt: skip
    block = Block.of("\n".join([f'{{"chunks":[{items}]}}', plain(1)] * 3).encode())
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts and fast.counts.records >= 3
    assert shown(fast.tables) == shown(slow.tables)


def test_lists_at_several_depths_keep_their_order() -> None:
    texts = f'"chunks":[{",".join(json.dumps(f"data: {chunk}") for chunk in CHUNKS)}]'
    lines = [f'{{"response":{{"status":200,{texts}}}}}', f'{{"status":200,{texts}}}'] * 3
    block = Block.of("\n".join(line.replace("%d", str(number)) for number, line in enumerate(lines)).encode())
    found = normalize(block).tables["completions"].to_pylist()
    assert sorted((row["line_number"], row["id"]) for row in found) == [(n, f"c{n}") for n in range(6)]

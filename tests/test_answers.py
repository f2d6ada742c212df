"""Answers that wrappers hold as the text of an SSE body: whatever stands in it, all say what they say one by one."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import shown

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.unwrapping.outside import Outside
from chatlogs.reading.lines import OBJECT, Block, scan

carefully = partial(normalize, fast=False)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1700000000, "model": "m",
                       "choices": [choice], **more})  # fmt: skip


USAGE = '{"id":"c","object":"chat.completion.chunk","created":1700000000,"choices":[],"usage":{"total_tokens":2}}'
COMPLETION = '{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"a"}}]}'
PLAIN = [chunk({"role": "assistant", "content": 'é "He'}), chunk({"content": "llo\n\\"}), chunk({}, "stop"), USAGE]
LINES = (
    *(f"data: {one}" for one in PLAIN), *(f"data:{one}" for one in PLAIN), *PLAIN[1:2], *[""] * 4,
    ": OPENROUTER PROCESSING", ":", "event: message", "event: error", "id: 1", "retry: 3", "data: [DONE]", "data:",
    "data: ", "data", f"data: {PLAIN[1]}\r", "\r", " ", f"data:  {PLAIN[1]}", f"data: {PLAIN[1]} ",
    f"data: {PLAIN[1]}\u00a0",
    f"data: {PLAIN[1][:40]}", f"data: {PLAIN[1][40:]}", PLAIN[1][40:], f"data: {PLAIN[1]},", f"\ufeffdata: {PLAIN[1]}",
    f'data: {chunk({"content": "x"}, id="d")}', f'data: {chunk({"content": "x"}, obfuscation="abcdef")}',
    f'data: {chunk({"content": "x"}, x_more=1)}', 'data: {"error":{"message":"no","code":500}}',
    'data: {"type":"ping"}', "data: [1]", "data: 1", "data: null", "data: {}", "HTTP/1.1 200 OK",
    "Content-Type: text/event-stream", f"data: {COMPLETION}",
    "data: " + chunk({"content": "x"}).replace('"x"', '"\\ud800"'), "data: " + chunk({"content": "\x00\x7f"}),
)  # fmt: skip
NO_EVENTS = ("", "data", "Bad Gateway", "<html>", "{}", PLAIN[0], f"[{PLAIN[0]}]", "\ud800", "ZGF0YTogMQ==")
FORMS = (
    '{"request":{"model":"g","messages":[{"role":"user","content":"Hi"}]},"response":%s,"status":200}',
    '{"request":{"model":"g"},"sse":%s,"started_at":1700000000}',
    '{"request":{"model":"g"},"response_text":%s}',
    '{"request_body":{"model":"g"},"response_body":%s,"delay_ms":5}',
    '{"request":{"model":"g"},"response":{"status":200,"body":%s}}',
    '{"sse":%s}',
    '{"sse":%s,"response":null,"request":{}}',
    '{"custom_id":"r","response":%s}',
)
texts = st.builds(
    lambda lines, end: "\n".join(lines) + end,
    st.lists(st.sampled_from(LINES), max_size=9),
    st.sampled_from(("", "\n", "\n\n", "\n\ndata: [DONE]\n\n")),
)
PLAIN_TEXT = "".join(f"data: {one}\n\n" for one in PLAIN) + "data: [DONE]\n\n"


def lines_of(parts: list[tuple[str, str]]) -> Block:
    return Block.of("\n".join(form % json.dumps(text) for form, text in parts).encode())


def taken(block: Block) -> list[int]:
    scanned = scan(block)
    parts = Outside().take(scanned, np.flatnonzero(scanned.kind == OBJECT), PLAINLY)
    return sorted(line for part in parts for line in part.lines)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(FORMS), st.one_of(texts, texts, st.sampled_from(NO_EVENTS))), max_size=6))
def test_odd_texts_among_plain_ones_are_read_as_one_by_one(odd: list[tuple[str, str]]) -> None:
    plain = (FORMS[0], PLAIN_TEXT)
    block = lines_of([plain, *odd, plain, (FORMS[1], PLAIN_TEXT), plain])
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts and fast.counts.balanced
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)


@pytest.mark.parametrize("line", LINES)
def test_an_odd_line_in_a_text(line: str) -> None:
    first, *more = (f"data: {one}" for one in PLAIN)
    for lines in ([line], [line, *more], [first, line, *more], [first, *more, line]):
        block = lines_of([(FORMS[0], "\n".join([*lines, "", end])) for end in ("", "data: [DONE]\n\n")])
        fast, slow = normalize(block), carefully(block)
        assert fast.counts == slow.counts
        assert shown(fast.tables) == shown(slow.tables)


@pytest.mark.parametrize("form", FORMS[:5])
def test_texts_of_plain_events_are_read_together(form: str) -> None:
    """With comments among the events, whatever is escaped in them, and without an end."""
    comments = PLAIN_TEXT.replace("\n\n", "\n\n: PROCESSING\n\n", 2)
    open_end = PLAIN_TEXT.removesuffix("data: [DONE]\n\n")
    block = lines_of([(form, text) for text in (PLAIN_TEXT, comments, open_end, open_end.rstrip())])
    assert taken(block) == [0, 1, 2, 3]
    contents = normalize(block).tables["choices"]["content"].to_pylist()
    assert contents == ['é "Hello\n\\'] * 4


def test_a_text_that_is_no_sse_body_is_read_alone() -> None:
    block = lines_of([(FORMS[0], text) for text in (PLAIN_TEXT, *NO_EVENTS, f"{PLAIN_TEXT}data: {PLAIN[1]}")])
    assert taken(block) == [0]

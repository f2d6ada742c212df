"""Answers in the dialects of servers, with fields that no documentation has: both paths read them alike."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import shown
from test_laws import same_in_any_blocks

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

carefully = partial(normalize, fast=False)

ENCRYPTED = {"type": "reasoning.encrypted", "data": "gAAA", "format": "openai-responses-v1", "index": 0}
USAGES: tuple[Any, ...] = (
    {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    {"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13, "cost": 5.37e-06, "is_byok": False},
    {"queue_time": 0.018, "prompt_tokens": 5, "prompt_time": 1e-07, "completion_tokens": 7, "total_tokens": 12},
    {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, "cost": 0.0, "details": {"a": 1.5, "b": None}},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {"cost": 1e400}, {"cost": -0.0}, {"rate": 388.28},
    {"prompt_tokens": 5.0, "completion_tokens": 7}, {"prompt_tokens": 5, "cost": 10**25}, {"x": 1e16},
    {}, None,
)  # fmt: skip
VALUES: dict[str, tuple[Any, ...]] = {
    "provider": ("OpenAI", "Google", "OpenAI", "", None, 5, {"a": 1}, "D\u00e9pInfra", "a\\b"),
    "request_id": ("r1", "r2", "", None, 7),
    "x_groq": (
        {"id": "req_1"}, {"id": "req_2"}, {"id": "req_1", "seed": 5}, None, {}, "x", {"id": "r", "usage": USAGES[0]},
        {"id": "r", "usage": USAGES[2]}, {"id": "r", "error": "over capacity"}, {"error": ""}, {"usage": None},
    ),
    "usage": USAGES,
    "p": ("abc", "abcd", None, 1.5),
    "time_info": ({"queue_time": 8.772e-05, "created": 1781227199.6819508}, {"queue_time": 1e400}, {"queue_time": 0.1}),
    "native_finish_reason": ("stop", None, "STOP", 1),
    "seed": (5, None, 9949578379265081000, 1.5, -3, 10**30),
    "text": ("w\u00e91", "same", "Hi", "", None),
    "token_id": (39814, 7, None, 1.25),
    "reasoning": ("think", "", None, "mo\n\"re", 5),
    "reasoning_details": (
        [], [{"type": "reasoning.text", "text": "th\nink\\", "format": "f", "index": 0}], [ENCRYPTED], None, "think",
        [{"type": "reasoning.text", "text": "", "signature": "s"}], [{"type": "reasoning.summary", "summary": "sum"}],
        [ENCRYPTED, {"type": "reasoning.text", "text": "other"}], {"text": "t"}, [[]],
    ),
}  # fmt: skip
FILTERED = {"hate": {"filtered": False, "severity": "safe"}}
VALUES["content_filter_results"] = ({}, FILTERED, {"hate": {"filtered": True, "severity": "high"}}, None, [])
VALUES["content_filter_offsets"] = ({"check_offset": 5, "end_offset": 9}, {"check_offset": 7, "end_offset": 8}, None)
PLACES = {
    "native_finish_reason": 1, "seed": 1, "text": 1, "content_filter_results": 1, "content_filter_offsets": 1,
    "token_id": 2, "reasoning": 2, "reasoning_details": 2,
}  # fmt: skip
CALLS = (
    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": "\u00e9\n"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}, "index": 0},
    {"id": "", "type": None, "function": {"name": "f", "arguments": None}},
    {"id": "call_3", "type": "custom", "custom": {"name": "f", "input": "x"}}, {"function": {"name": ""}}, {}, None,
    {"id": "call_4", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}, {"index": -1, "id": "x"},
    {"id": "call_5", "index": 3, "function": {"name": "f", "arguments": "HALF"}},
)  # fmt: skip
_ALWAYS, _FIRST, _LAST, _VARYING, _ONCE = HOW = ("always", "first", "last", "varying", "once")


@st.composite
def said(draw: st.DrawFn, length: int, name: str) -> list[Any]:
    """What the chunks of a stream say under the name; ... where they lack it."""
    values = VALUES[name] if draw(st.booleans()) else VALUES[name][:3]
    one, other = draw(st.sampled_from(values)), draw(st.sampled_from(VALUES[name]))
    how, at = draw(st.sampled_from(HOW)), draw(st.integers(0, length - 1))
    rest = draw(st.sampled_from((..., None)))
    chosen = {
        _ALWAYS: lambda number: one,
        _FIRST: lambda number: rest if number else one,
        _LAST: lambda number: one if number == length - 1 else rest,
        _ONCE: lambda number: other if number == at else one,
        _VARYING: lambda number: values[number % len(values)],
    }
    return [chosen[how](number) for number in range(length)]


def _put(levels: tuple[dict[str, Any], ...], name: str, value: Any) -> None:
    if value is not ...:
        levels[PLACES.get(name, 0)][name] = value


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    length = draw(st.integers(1, 6))
    names = draw(st.lists(st.sampled_from([*VALUES]), max_size=4, unique=True))
    fields = {name: draw(said(length, name)) for name in names}
    silent = draw(st.integers(0, 3)) == 0
    chunks: list[dict[str, Any]] = []
    for number in range(length):
        delta = {"role": "assistant", "content": f"w\u00e9{number}"} if draw(st.integers(0, 5)) else {"content": ""}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if number == length - 1 else None}
        chunk = {"id": "c%d", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
        chunk["choices"] = [choice]
        if silent and draw(st.booleans()):  # Azure sends what its filter finds by itself
            del choice["delta"]
            chunk["object"] = draw(st.sampled_from(("chat.completion.chunk", "chat.completion.chunk", "", "x")))
        for name, values in fields.items():
            value = delta["content"] if values[number] == "same" else values[number]
            _put((chunk, choice, delta), name, value)
        chunks.append(chunk)
    if draw(st.booleans()):  # usage behind the end, in a chunk that says nothing else, as OpenRouter has it
        delta = draw(st.sampled_from(({"role": "assistant", "content": ""}, {"content": ""}, {}, {"content": "late"})))
        reason = draw(st.sampled_from((None, "stop", "length")))
        chunks.append({**chunks[0], "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        chunks[-1]["usage"] = draw(st.sampled_from(USAGES))
    return chunks


@st.composite
def stored(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from([*VALUES]), max_size=4, unique=True))
    message: dict[str, Any] = {"role": "assistant", "content": "Hello"}
    calls = draw(st.lists(st.sampled_from(CALLS), max_size=2))
    if calls:
        message |= {"content": draw(st.sampled_from((None, "", "Hello"))), "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "c%d", "object": "chat.completion", "created": 1700000000, "model": "m", "choices": [choice]}
    for name in names:
        value = draw(st.sampled_from(VALUES[name]))
        _put((answer, choice, message), name, "Hello" if value == "same" else value)
    return [answer]


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """A few answers, each several times under other ids; chunks interleaved, or in SSE bodies."""
    in_sse, spaced = draw(st.booleans()), draw(st.integers(0, 4)) == 0
    lines: list[str] = []
    for kind, answer in enumerate(draw(st.lists(st.one_of(streams(), streams(), stored()), min_size=1, max_size=3))):
        is_stream = answer[0]["object"] != "chat.completion"
        texts = [json.dumps(part, ensure_ascii=False, separators=None if spaced else (",", ":")) for part in answer]
        texts = [text.replace("Infinity", "1e400").replace("HALF", "\\ud83d") for text in texts]
        for number in range(3):
            own = [text.replace("c%d", f"c{kind}-{number}") for text in texts]
            framed = [f"data: {text}\n" for text in own] + ["data: [DONE]\n"] if in_sse and is_stream else own
            at = 0 if in_sse else draw(st.integers(0, len(lines)))
            if draw(st.booleans()) and not in_sse:  # interleaved
                lines[at:at] = framed[:1]
                lines += framed[1:]
            else:
                lines += framed
    return "\n".join(lines).encode() + b"\n"


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=logs())
def test_blocks_of_any_size_say_the_same_of_dialects(data: bytes) -> None:
    same_in_any_blocks(data, (300, 1000), normalize)


@pytest.mark.parametrize("asked", [PLAINLY, Asked(chunks=True)], ids=["asked for nothing", "asked for chunks"])
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=logs())
def test_both_paths_read_the_dialects_of_servers_alike(data: bytes, asked: Asked) -> None:
    block = Block.of(data)
    fast, slow = normalize(block, asked=asked), carefully(block, asked=asked)
    assert fast.counts == slow.counts
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)

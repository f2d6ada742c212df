"""Spans: whatever their attributes hold, and however these are written, the same call comes out of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlogs.normalizing.normalize import normalize
from chatlogs.reading import genai
from chatlogs.reading.envelopes import Envelope, Unread
from chatlogs.reading.lines import Block
from chatlogs.reading.otel import otel

NAMES = [
    "gen_ai.operation.name", "gen_ai.output.messages", "gen_ai.input.messages", "gen_ai.system_instructions",
    "gen_ai.response.finish_reasons", "gen_ai.completion.0.content", "gen_ai.completion.0.tool_calls.0.name",
    "gen_ai.completion.1", "gen_ai.completion", "llm.output_messages.0.message.content", "llm.output_messages",
    "llm.output_messages.0.message.contents.0.message_content.text", "llm.output_messages.0.message",
    "output.value", "input.value", "llm.invocation_parameters", "metadata", "error.type", "gen_ai.tool.definitions",
    "ai.response.text", "ai.response.toolCalls", "ai.prompt.messages", "ai.prompt.tools", "ai.telemetry.metadata.a",
    *(name for names in genai.USAGE.values() for name in names),
    *(name for names in genai.PARAMETERS.values() for name in names),
]  # fmt: skip
CALL = {"gen_ai.operation.name": "chat", "gen_ai.response.id": "chatcmpl-1"}
TEXTS = st.sampled_from(["", "chat", "stop", "{}", "[{}]", '[{"parts": [{"type": "text"}]}]', '{"choices": []}', "é"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
KEYS = st.sampled_from(
    ["role", "content", "parts", "type", "id", "name", "arguments", "message", "tool_calls", "0", "text", "input"]
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)


def flat(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A span as an SDK prints it."""
    return {"start_time": "2026-10-01T10:00:00Z", "attributes": attributes, **more}


def listed(attributes: dict[str, Any]) -> dict[str, Any]:
    """The same in an export, where each value names its type."""
    pairs = [{"key": name, "value": typed(value)} for name, value in attributes.items()]
    span = {"start_time": "2026-10-01T10:00:00Z", "attributes": pairs}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}


def typed(value: Any) -> Any:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if abs(value) < 10**18 else {"stringValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(one) for one in value]}}
    if isinstance(value, dict):
        pairs = [{"key": name, "value": typed(one)} for name, one in value.items()]
        return {"kvlistValue": {"values": pairs}}
    return {"stringValue": value}


@settings(max_examples=120)
@given(ATTRIBUTES)
def test_any_attributes_in_either_form(attributes: dict[str, Any]) -> None:
    """No exception, each span counted, and a list of typed values says what the object says."""
    attributes |= CALL
    (one,), (other,) = otel(flat(attributes)) or (), otel(listed(attributes)) or ()
    assert isinstance(one, Envelope) and isinstance(other, Envelope)
    assert [part.value for part in one.parts] == [part.value for part in other.parts]
    assert (one.request, one.facts, one.error) == (other.request, other.facts, other.error)
    line = json.dumps(listed(attributes)).encode()
    for fast in (True, False):
        counts = normalize(Block.of(line), fast=fast).counts
        assert (counts.lines, counts.records, counts.balanced) == (1, 1, True)


@pytest.mark.parametrize("name", ["gen_ai.completion." + "0." * 50_000, f"gen_ai.completion.{'9' * 5_000}.role"])
def test_names_without_measure(name: str) -> None:
    (one,) = otel(flat({**CALL, name: "x"})) or ()
    assert isinstance(one, Envelope)


def test_the_eleventh_message_comes_behind_the_tenth() -> None:
    attributes = {f"gen_ai.completion.{index}.content": str(index) for index in (10, 2, 0, 1, *range(3, 10))}
    assert [choice["message"]["content"] for choice in genai.choices(attributes)] == [str(index) for index in range(11)]


@pytest.mark.parametrize("operation", ["invoke_agent", "embeddings", "execute_tool", "CHAIN", "ai.generateText"])
def test_other_operations_are_passed_over(operation: str) -> None:
    """An agent's span has the tokens of all of its calls."""
    attributes = {"gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 5}
    for row in (flat(attributes), listed(attributes)):
        (one,) = otel(row) or ()
        assert isinstance(one, Unread) and one.passed


def test_spans_that_say_nothing_of_an_operation_are_left_to_others() -> None:
    assert otel(flat({"http.method": "GET"})) is None
    assert otel(listed({"http.method": "GET"})) is None
    assert otel({"attributes": {"gen_ai.operation.name": "chat"}}) is None


def test_the_span_of_a_stream_whose_answer_stands_elsewhere_is_passed_over() -> None:
    (one,) = otel(flat({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})) or ()
    assert isinstance(one, Unread) and one.passed


@pytest.mark.parametrize(
    ("more", "failed"),
    [
        ({"status": {"status_code": "ERROR", "description": "Slow down."}}, "Slow down."),
        ({"status": {"code": 2}}, "ERROR"),
        ({"status_code": "ERROR", "status_message": "No."}, "No."),
        ({"status": {"status_code": "OK"}}, None),
        ({"status": {}}, None),
    ],
)
def test_errors(more: dict[str, Any], failed: str | None) -> None:
    (one,) = otel(flat(CALL, **more)) or ()
    assert isinstance(one, Envelope)
    assert (one.error and one.error["error"]["message"]) == failed
    assert bool(one.parts) == (failed is None)

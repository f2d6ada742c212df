"""What tracing tools keep of a call, in the words of the API: tokens, messages, calls."""

from __future__ import annotations

from typing import Any

import pytest

from chatlogs.normalizing.records.requests import messages_of, metadata_of, status_of, time_of
from chatlogs.reading import langchain
from chatlogs.reading.containers import unwrap
from chatlogs.reading.encoded import unbase64, unhex
from chatlogs.reading.kept import tokens

PROMPT, COMPLETION, TOTAL = "prompt_tokens", "completion_tokens", "total_tokens"
USAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "details taken off, no total": (
        {"input": 15, "output": 7, "input_cached_tokens": 4, "output_reasoning_tokens": 3},
        {PROMPT: 19, COMPLETION: 10, f"{PROMPT}_details": {"cached_tokens": 4},
         f"{COMPLETION}_details": {"reasoning_tokens": 3}},
    ),
    "details that say nothing": (
        {"input": 5, "output": 7, "total": 12, "input_audio_tokens": 0},
        {PROMPT: 5, COMPLETION: 7, TOTAL: 12, f"{PROMPT}_details": {"audio_tokens": 0}},
    ),
    "one side only": (
        {"output": 7, "output_reasoning": 3},
        {COMPLETION: 10, f"{COMPLETION}_details": {"reasoning_tokens": 3}},
    ),
    "more taken off than there was": (
        {"input": 3, "output": 0, "total": 13, "output_text_tokens": 10, "output_reasoning_tokens": 4},
        {PROMPT: 3, COMPLETION: 10, TOTAL: 13, f"{COMPLETION}_details": {"text_tokens": 10, "reasoning_tokens": 4}},
    ),
    "details of LangChain": (
        {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11,
         "input_token_details": {"cache_read": 4, "cache_creation": 1, "ephemeral": 2}},
        {PROMPT: 9, COMPLETION: 2, TOTAL: 11,
         f"{PROMPT}_details": {"cached_tokens": 4, "cache_write_tokens": 1, "ephemeral": 2}},
    ),
    "the API's own": ({PROMPT: 1, "input_cached_tokens": 4}, {PROMPT: 1, "input_cached_tokens": 4}),
    "no numbers": (
        {"input": "x", "input_cached_tokens": None},
        {PROMPT: "x", f"{PROMPT}_details": {"cached_tokens": None}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("usage", "expected"), USAGES.values(), ids=USAGES.keys())
def test_token_counts_in_the_words_of_the_api(usage: dict[str, Any], expected: dict[str, Any]) -> None:
    assert tokens(usage) == expected


CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
MESSAGES: dict[str, tuple[Any, Any]] = {
    "of the API": ({"role": "user", "content": "Hi", "type": "x"}, {"role": "user", "content": "Hi", "type": "x"}),
    "bare": ({"type": "human", "content": "Hi", "additional_kwargs": {}}, {"role": "user", "content": "Hi"}),
    "as data": (
        {"type": "ai", "data": {"content": "Hi", "name": "n"}},
        {"role": "assistant", "content": "Hi", "name": "n"},
    ),
    "of a class": (
        {"lc": 1, "type": "constructor", "id": ["messages", "AIMessageChunk"], "kwargs": {"content": ""}},
        {"role": "assistant", "content": ""},
    ),
    "of any role": ({"type": "chat", "data": {"role": "critic", "content": "x"}}, {"role": "critic", "content": "x"}),
    "calls as sent": (
        {"type": "ai", "content": "", "additional_kwargs": {"tool_calls": [CALL]}, "tool_calls": [{"args": {}}]},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
    ),
    "calls that were not understood": (
        {"type": "ai", "content": "", "invalid_tool_calls": [{"name": "f", "args": '{"a', "id": "t", "error": "e"}]},
        {"role": "assistant", "content": "",
         "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a'}}]},
    ),
    "calls beside a role": (
        {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "t"}]},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
    ),
    "a text": ("Hi", "Hi"),
}  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), MESSAGES.values(), ids=MESSAGES.keys())
def test_messages_of_langchain(message: Any, expected: Any) -> None:
    assert langchain.message(message) == expected


@pytest.mark.parametrize(
    "value", [{}, {"a": 1}, [], None, "x", 7, {"generations": 7}, {"generations": [[{"message": 7}]]}]
)
def test_odd_values_are_no_failure(value: Any) -> None:
    for row in (
        {"run_type": "llm", "outputs": value, "inputs": value, "events": value, "extra": value},
        {
            "traceId": "t",
            "type": "GENERATION",
            "output": value,
            "input": value,
            "usage": value,
            "modelParameters": value,
        },
        {"observations": [value], "llmSchema": value, "streamed_data": value},
        {"prompt": "q", "model": "m", "response": value, "duration_ms": 1, "tool_calls": value, "token_details": value},
    ):
        assert unwrap(row) is not None


def test_all_generations_of_a_trace_are_read() -> None:
    one = {"traceId": "t", "type": "GENERATION", "output": {"role": "assistant", "content": "x"}}
    trace = {"id": "t", "output": "x", "observations": [one, {**one, "type": "SPAN"}, one]}
    assert len(unwrap(trace)) == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('[{"role": "user", "content": "q"}]', [("user", "q")]),
        ("{}", []),
        ("[1, 2]", [(None, "[1, 2]")]),
        ('[{"a": 1}]', [(None, '[{"a": 1}]')]),
        ("Hi", [(None, "Hi")]),
    ],
)
def test_messages_as_json_text(value: str, said: list[tuple[str | None, str]]) -> None:
    assert [(row["role"], row["content"]) for row in messages_of(value)] == said


def test_metadata_and_what_is_noted_beside() -> None:
    noted = {"metadata.cache_hit": False, "metadata.cost": 0, "metadata.user": "", "metadata.tags": '["a"]'}
    assert metadata_of(noted) == '{"cache_hit":false,"cost":0,"tags":["a"]}'
    assert (
        metadata_of({"metadata": '{"cost": 1, "api_key": "s"}', **noted}) == '{"cost":1,"cache_hit":false,"tags":["a"]}'
    )
    assert metadata_of({"metadata": [1], **noted}) == "[1]"
    assert metadata_of({"metadata_names": ["a", "b"], "metadata_values": ["x"]}) is None


def test_what_http_says_in_words() -> None:
    assert [status_of(value) for value in ("200 OK", "429", "20 OK", "okay x", 200.0)] == [200, 429, None, None, 200]
    assert time_of("Tue, 01 Nov 2022 04:58:44 GMT") == 1_667_278_724_000_000
    assert (time_of("yesterday GMT"), time_of("Tue, 99 Nov 2022 04:58:44 GMT")) == (None, None)


@pytest.mark.parametrize("text", ["Too many requests", "H4sI AAAA", "\n", "", "SGk"])
def test_what_is_no_base64_gives_no_answer(text: str) -> None:
    assert not (unbase64(text) or unhex(text) or "").startswith("{")
    assert unbase64("SG\nk=\n") == "Hi"
    assert unhex(b'{"a": "Hi"}'.hex()) == '{"a": "Hi"}'

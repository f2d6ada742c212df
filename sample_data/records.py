"""One made-up answer, written down in the ways an API sends it: a stored completion, chunks, a batch line.

Field names, their order and their nulls follow what OpenAI sends; nothing here is random.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from answers import tokens

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass
class Choice:
    """One choice; `calls` are (call id, tool name, arguments)."""

    content: str | None
    finish_reason: str
    refusal: str | None = None
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    logprobs: dict[str, Any] | None = None

    def token_count(self) -> int:
        texts = [self.content or "", self.refusal or "", *(name + text for _, name, text in self.calls)]
        return sum(len(tokens(text)) for text in texts) + 2


@dataclass
class Answer:
    """One response; `cached` and `reasoning` are token counts."""

    id: str
    created: int
    model: str
    fingerprint: str | None
    choices: list[Choice]
    prompt: int
    cached: int = 0
    reasoning: int = 0
    tier: str = "default"
    billed: bool = True

    @property
    def usage(self) -> dict[str, Any]:
        completion = self.reasoning + sum(choice.token_count() for choice in self.choices)
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": completion,
            "total_tokens": self.prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def response_id(created: int, letters: str) -> str:
    """An id as OpenAI makes it: five base-62 digits that tell the second, then 24 letters."""
    left, prefix = created - 1_576_800_000, ""
    for _ in range(5):
        left, digit = divmod(left, 62)
        prefix = DIGITS[digit] + prefix
    return f"chatcmpl-{prefix}{letters}"


def line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def completion(answer: Answer) -> dict[str, Any]:
    """The `chat.completion` object."""
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [_stored_choice(index, choice) for index, choice in enumerate(answer.choices)],
        "usage": answer.usage,
        "service_tier": answer.tier,
        "system_fingerprint": answer.fingerprint,
    }


def chunks(answer: Answer) -> Iterator[dict[str, Any]]:
    """The `chat.completion.chunk` objects of the same answer; its choices take turns."""
    head = {
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "service_tier": answer.tier,
        "system_fingerprint": answer.fingerprint,
    }
    deltas = [list(_deltas(choice)) for choice in answer.choices]
    for step in range(max(map(len, deltas))):
        for index, parts in enumerate(deltas):
            if step < len(parts):
                delta, reason = parts[step]
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
                yield {**head, "choices": [choice], "usage": None}
    yield {**head, "choices": [], "usage": answer.usage}


def batch_line(number: int, custom_id: str, status: int, body: dict[str, Any]) -> dict[str, Any]:
    """One line of a batch's output file: the answer, or the error the request met."""
    return {
        "id": f"batch_req_6710c0ffee{number:022x}",
        "custom_id": custom_id,
        "response": {"status_code": status, "request_id": f"{number:032x}", "body": body},
        "error": None,
    }


def error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    """An error body as the API sends it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _stored_choice(index: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.content}
    if choice.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}
            for call_id, name, text in choice.calls
        ]
    message |= {"refusal": choice.refusal, "annotations": []}
    return {"index": index, "message": message, "logprobs": choice.logprobs, "finish_reason": choice.finish_reason}


def _deltas(choice: Choice) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The deltas of one choice, each with its finish_reason: role first, an empty delta last."""
    yield {"role": "assistant", "content": None if choice.content is None else "", "refusal": None}, None
    for text in tokens(choice.content or ""):
        yield {"content": text}, None
    for text in tokens(choice.refusal or ""):
        yield {"refusal": text}, None
    for slot, (call_id, name, text) in enumerate(choice.calls):
        function = {"name": name, "arguments": ""}
        yield {"tool_calls": [{"index": slot, "id": call_id, "type": "function", "function": function}]}, None
        for part in tokens(text):
            yield {"tool_calls": [{"index": slot, "function": {"arguments": part}}]}, None
    yield {}, choice.finish_reason

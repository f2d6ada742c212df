"""Exports of tools that keep the choices or the message of a call: Braintrust, PostHog, Respan.

What was counted, asked and measured stands beside, each fact at a place of its own: rows of a table say where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.envelopes import Envelope, Part, Reader, Unread, first_of, of_rows
from chatlogs.reading.genai import PARAMETERS, counted
from chatlogs.reading.kept import completion, milliseconds, parsed, request
from chatlogs.values import listed

Paths = tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """Where a tool keeps what: `tells`: a place, and what stands there in the rows that are calls; None: anything.

    others: how that begins in rows of the tool that are no calls. whole: where an answer may be that needs no reader.
    usage: counts by their names in the API, with a dot before those of details. seconds: durations. page: where rows
    stand that the tool's API lists.
    """

    tells: tuple[str, str | None]
    said: Paths
    asked: Paths
    parameters: Paths
    model: Paths
    usage: Mapping[str, Paths]
    facts: Mapping[str, Paths]
    seconds: Mapping[str, Paths]
    reason: Paths = ()
    error: Paths = ()
    others: str | None = None
    whole: Paths = ()
    page: str | None = None


_TOOLS: Mapping[str, Kept] = {
    "braintrust": Kept(
        ("span_attributes.type", "llm"), ("output",), ("input",), ("metadata",), ("metadata.model",),
        {
            "prompt_tokens": ("metrics.prompt_tokens",), "completion_tokens": ("metrics.completion_tokens",),
            "total_tokens": ("metrics.tokens",),
            "prompt_tokens_details.cached_tokens": ("metrics.prompt_cached_tokens",),
            "prompt_tokens_details.cache_write_tokens": ("metrics.prompt_cache_creation_tokens",),
            "completion_tokens_details.reasoning_tokens": ("metrics.completion_reasoning_tokens",),
        },
        {
            "started_at": ("metrics.start",), "ended_at": ("metrics.end",), "request_id": ("span_id", "id"),
            "provider": ("metadata.provider",), "metadata.trace_id": ("root_span_id",),
        },
        {"first_chunk_ms": ("metrics.time_to_first_token",)}, error=("error",), others="",
        page="events",
    ),
    "posthog": Kept(
        ("event", "$ai_generation"), ("properties.$ai_output_choices",), ("properties.$ai_input",),
        ("properties.$ai_model_parameters",), ("properties.$ai_model",),
        {
            "prompt_tokens": ("properties.$ai_input_tokens",), "completion_tokens": ("properties.$ai_output_tokens",),
            "prompt_tokens_details.cached_tokens": ("properties.$ai_cache_read_input_tokens",),
            "completion_tokens_details.reasoning_tokens": ("properties.$ai_reasoning_tokens",),
        },
        {
            "ended_at": ("timestamp",), "status_code": ("properties.$ai_http_status",), "request_id": ("uuid",),
            "provider": ("properties.$ai_provider",), "metadata.trace_id": ("properties.$ai_trace_id",),
        },
        {
            "duration_ms": ("properties.$ai_latency",), "first_chunk_ms": ("properties.$ai_time_to_first_token",),
        }, ("properties.$ai_stop_reason",), ("properties.$ai_error",), others="$ai_",
    ),
    "respan": Kept(
        ("completion_message", None), ("completion_message",), ("prompt_messages",), (), ("model",),
        {
            "prompt_tokens": ("prompt_tokens",), "completion_tokens": ("completion_tokens",),
            "total_tokens": ("total_request_tokens",),
        },
        {
            "started_at": ("start_time",), "ended_at": ("timestamp",), "status_code": ("status_code",),
            "request_id": ("id",), "metadata": ("metadata",),
        },
        {"first_chunk_ms": ("time_to_first_token",)}, ("finish_reason",), ("error_message",), whole=("full_response",),
    ),
}  # fmt: skip
TOLD = (
    ("span_attributes", "output"), ("event", "properties"), ("completion_message", "prompt_messages"),
    ("events", "cursor"),
)  # fmt: skip
"""Of which two fields both are there in rows of these tools, or in pages of them."""


def _read(tool: Kept, row: dict[str, Any]) -> Sequence[Envelope | Unread] | None:
    """The call of a row, or those of a page of rows; None for anything else."""
    if tool.page and tool.page in row:
        return of_rows(row[tool.page], tool.page, partial(_read, tool))
    place, kind = tool.tells
    found = first_of(row, (place,))
    if kind is not None and found is not None and found != kind:
        is_other = tool.others is not None and str(found).startswith(tool.others)
        return [Unread(row, "", passed=True)] if is_other else None
    if found is None or _is_answer(parsed(first_of(row, tool.whole))):
        return None
    model = first_of(row, tool.model)
    value = _answer(parsed(first_of(row, tool.said)), model, counted(row, tool.usage), first_of(row, tool.reason))
    failed = first_of(row, tool.error)
    if value is None and not failed:
        return None
    given = parsed(first_of(row, tool.parameters))
    given = {name: given[name] for name in PARAMETERS if name in given} if isinstance(given, dict) else {}
    asked = request(first_of(row, tool.asked), given, model)
    facts = {name: first_of(row, paths) for name, paths in tool.facts.items()}
    facts |= {name: milliseconds(first_of(row, paths)) for name, paths in tool.seconds.items()}
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    error = {"error": failed if isinstance(failed, dict) else {"message": str(failed)}} if failed else None
    return [Envelope([Part(value)] if value else [], False, asked, facts, error)]


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) and "choices" in value and shapes.kind(value) == shapes.COMPLETION


def _answer(said: Any, model: Any, usage: dict[str, Any] | None, reason: Any) -> dict[str, Any] | None:
    """The completion that it is, or that of choices, or of messages."""
    if _is_answer(said):
        return {"usage": usage, **said}
    if isinstance(said, list) and said and all(isinstance(one, dict) and "message" in one for one in said):
        return {"object": "chat.completion", "model": model, "choices": said, "usage": usage}
    said = [_plain(one) for one in said] if isinstance(said, list) else _plain(said)
    return completion(said, model, usage, finish_reason=reason)


def _plain(message: Any) -> Any:
    """The message with its calls where the API has them; PostHog puts them among the parts of the content."""
    parts = listed(message.get("content")) if isinstance(message, dict) else []
    calls = [part for part in parts if isinstance(part, dict) and part.get("type") == "function"]
    texts = [part for part in parts if part not in calls]
    if not parts:
        return message
    is_text = len(texts) == 1 and isinstance(texts[0], dict) and isinstance(texts[0].get("text"), str)
    plain = message | {"content": texts[0]["text"] if is_text else texts or None}
    return plain | {"tool_calls": calls} if calls else plain


OBSERVED: Mapping[str, Reader] = {name: partial(_read, tool) for name, tool in _TOOLS.items()}
"""The readers of these tools' rows."""

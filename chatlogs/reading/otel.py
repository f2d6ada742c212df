"""Spans of OpenTelemetry that trace a call to a model: OTLP as JSON, or spans as an SDK prints them.

Most say how many tokens were used, why the answer ended and when; the texts are there where the tracer was told to keep
them. Spans of anything else are counted and passed over, agents above all, which sum up the tokens of their calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatlogs.reading import aisdk, genai, shapes, spanevents
from chatlogs.reading.envelopes import Envelope, Part, Unread, at, first_of
from chatlogs.reading.kept import milliseconds, parsed
from chatlogs.values import listed

EXPORT = "resourceSpans"
_FRAME = "attributes."  # before each name, where spans became rows of a table
_OPERATION = ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind", "ai.operationId")
_CALLS = frozenset({"chat", "generate_content", "LLM", *aisdk.CALLS})
_FAILED = (2, "2", "STATUS_CODE_ERROR", "ERROR", "StatusCode.ERROR")
_TIMES = (("startTimeUnixNano", "start_time"), ("endTimeUnixNano", "end_time"))
_CHUNKS = ("First Token Stream Event", "gen_ai.content.completion.chunk", "ai.stream.firstChunk")
_FACTS: Mapping[str, tuple[str, ...]] = {
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider"),
    "status_code": ("http.response.status_code", "http.status_code"),
}
_NOTED = ("gen_ai.conversation.id", "session.id", "user.id", "ai.telemetry.functionId")
_MORE: Mapping[str, tuple[str, ...]] = {
    "id": ("gen_ai.response.id", "ai.response.id"),
    "system_fingerprint": (
        "openai.response.system_fingerprint", "gen_ai.openai.response.system_fingerprint",
        "gen_ai.openai.system_fingerprint",
    ),
    "service_tier": ("openai.response.service_tier", "gen_ai.openai.response.service_tier"),
}  # fmt: skip


def otel(row: dict[str, Any]) -> list[Envelope | Unread] | None:
    """The calls of an export, or the one of a span; None where no span says what was done."""
    if isinstance(row.get(EXPORT), list):
        spans = list(_exported(row[EXPORT]))
        if all(_operation(attributes_of(span.get("attributes"))) is None for _, span, _ in spans):
            return None
        return [_call(span, resource) or Unread(span, place, passed=True) for place, span, resource in spans]
    if not is_span(row) or _operation(_attributes(row)) is None:
        return None
    return [_call(row, {}) or Unread(row, "", passed=True)]


def is_span(row: Mapping[str, Any]) -> bool:
    """Whether it has the fields of a span, as an SDK prints it or a backend exports it."""
    is_one = isinstance(row.get("attributes"), (dict, list)) or f"{_FRAME}openinference.span.kind" in row
    return is_one and ("start_time" in row or "startTimeUnixNano" in row)


def holds_events(row: Mapping[str, Any]) -> bool:
    """Whether it exports OpenTelemetry's log events of calls to models, which say nothing of tokens or ids."""
    scopes = (scope for group in listed(row.get("resourceLogs")) for scope in listed(at(group, "scopeLogs")))
    records = (record for scope in scopes for record in listed(at(scope, "logRecords")))
    return any(str(at(record, "eventName")).startswith("gen_ai.") for record in records)


def _exported(groups: list[Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each span of an export: its place, itself, and the attributes of what it ran on."""
    for group_number, group in enumerate(groups):
        resource = attributes_of(at(group, "resource.attributes"))
        for scope_number, scope in enumerate(listed(at(group, "scopeSpans"))):
            for number, span in enumerate(listed(at(scope, "spans"))):
                if isinstance(span, dict):
                    yield f"{EXPORT}[{group_number}].scopeSpans[{scope_number}].spans[{number}]", span, resource


def _attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    if "attributes" in span:
        return attributes_of(span["attributes"])
    return {name.removeprefix(_FRAME): value for name, value in span.items() if name.startswith(_FRAME)}


def _operation(said: Mapping[str, Any]) -> str | None:
    operation = first_of(said, _OPERATION)
    return operation if isinstance(operation, str) else None


def _call(span: dict[str, Any], resource: Mapping[str, Any]) -> Envelope | None:
    """The call that the span traces; None when it traces something else, or tells nothing of an answer."""
    said = _attributes(span)
    if _operation(said) not in _CALLS:
        return None
    told = ((event.get("name"), attributes_of(event.get("attributes"))) for event in _events(span))
    said = spanevents.told(told) | said
    error = _error(span, said)
    value = _completion(said)
    is_told = bool(value["choices"] or value.get("usage"))
    if not is_told and error is None:
        if not value.get("id") and value["model"] in (None, first_of(said, genai.PARAMETERS["model"])):
            return None  # Logfire has the answer of a stream in a span of its own
        is_told = True
    started, ended = (first_of(span, names) for names in _TIMES)
    facts = {name: first_of(said, paths) for name, paths in _FACTS.items()} | {
        "started_at": started if started != ended else None,  # without length, it is a note of what has ended
        "ended_at": ended,
        "first_chunk_at": _first_chunk(span),
        "first_chunk_ms": milliseconds(first_of(said, ("gen_ai.response.time_to_first_chunk",))),
        "request_id": _bare(first_of(span, ("spanId", "span_id", "context.span_id"))),
        "metadata": parsed(first_of(said, ("metadata",))) or aisdk.metadata(said) or None,
        "metadata.trace_id": _bare(first_of(span, ("traceId", "trace_id", "context.trace_id"))),
        "metadata.service.name": first_of(resource or span, ("service.name", "resource.attributes.service.name")),
        **{f"metadata.{name}": first_of(said, (name,)) for name in _NOTED},
    }
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    return Envelope([Part(value)] if is_told else [], False, genai.request(said), facts, error)


def _completion(said: Mapping[str, Any]) -> dict[str, Any]:
    """The completion as it was traced whole, or else what is told of it."""
    whole = parsed(first_of(said, ("output.value",)))
    if isinstance(whole, dict) and shapes.kind(whole) == shapes.COMPLETION:
        return whole if whole.get("usage") else {**whole, "usage": genai.usage(said)}
    more = {name: first_of(said, paths) for name, paths in _MORE.items()}
    model = first_of(said, ("gen_ai.response.model", "llm.model_name", "ai.response.model"))
    return {
        "object": "chat.completion", "model": model, "choices": genai.choices(said), "usage": genai.usage(said),
        **{name: value for name, value in more.items() if value is not None},
    }  # fmt: skip


def _error(span: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any] | None:
    """The error that the span ends with, as a body; the exception tells more than the status."""
    code = first_of(span, ("status.code", "status.status_code", "status_code"))
    thrown = next((event for event in _events(span) if event.get("name") == "exception"), {})
    thrown = attributes_of(thrown.get("attributes"))
    kind = first_of(said, ("error.type",)) or thrown.get("exception.type")
    if code not in _FAILED and not (code in (None, 0) and kind is not None):
        return None
    message = thrown.get("exception.message") or first_of(
        span, ("status.message", "status.description", "status_message")
    )
    return {"error": {"message": message or kind or "ERROR", "type": kind}}


def attributes_of(value: Any) -> dict[str, Any]:
    """The attributes as an object; OTLP lists them, each value in an object that names its type."""
    if isinstance(value, dict):
        return value
    pairs = (one for one in listed(value) if isinstance(one, dict) and "key" in one)
    return {str(one["key"]): _plain(one.get("value")) for one in pairs}


def _plain(value: Any) -> Any:
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, held),) = value.items()
    if kind == "arrayValue":
        return [_plain(one) for one in listed(at(held, "values"))]
    if kind == "kvlistValue":
        return attributes_of(at(held, "values"))
    if kind == "intValue" and isinstance(held, str) and held.lstrip("-").isdecimal() and len(held) < 20:
        return int(held)
    return held


def _first_chunk(span: Mapping[str, Any]) -> Any:
    """When the first chunk of a stream came, where the span has events of them."""
    first = next((event for event in _events(span) if event.get("name") in _CHUNKS), None)
    return first_of(first, ("timeUnixNano", "timestamp"))


def _events(span: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [event for event in listed(span.get("events")) if isinstance(event, dict)]


def _bare(number: Any) -> Any:
    """The number of a trace or a span as OTLP has it; SDKs print it behind 0x."""
    return number.removeprefix("0x") if isinstance(number, str) else number

"""Exports of tools that keep less than a completion: Langfuse, LangSmith, Helicone, Opik, Bifrost, llm, and others.

Their fields are renamed to those of a completion; what they do not keep stays unknown. Spans are read in otel.py, eval
logs in inspect_ai.py, and rows of which a table says where things stand in observed.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chatlogs.reading import genai, langchain, shapes
from chatlogs.reading.envelopes import Envelope, Part, Reader, at, first_of
from chatlogs.reading.inspect_ai import inspect_ai
from chatlogs.reading.kept import completion, parsed, request, tokens, tool_calls
from chatlogs.reading.observed import OBSERVED, TOLD
from chatlogs.reading.otel import EXPORT, is_span, otel
from chatlogs.values import listed

_GENERATION = "GENERATION"
_OBSERVATIONS = frozenset({
    "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL", _GENERATION,
})  # fmt: skip
_LANGFUSE = frozenset({
    "usageDetails", "usage_details", "providedModelName", "provided_model_name", "modelParameters", "model_parameters",
    "completionStartTime", "completion_start_time", "costDetails", "cost_details",
})  # fmt: skip
_TRACES = ("traceId", "trace_id")
_RESULT = frozenset({"generations", "llm_output"})  # an LLMResult of LangChain
_CHAT = re.compile(r"chat[._]completion")
_OF_ANSWER = ("id", "object", "created", "system_fingerprint", "service_tier")
OF_HELICONE = ("costUSD", "request_user_id", "cache_enabled", "cache_reference_id")
"""What Helicone notes of a call beside its properties."""


def _noted(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What a tool notes of a call beside its metadata, as facts that go there."""
    return {f"metadata.{name}": row[name] for name in names if row.get(name) is not None}


def langfuse(row: dict[str, Any]) -> list[Envelope] | None:
    """One observation, or all of a trace; spans and events hold no answer, but that of a generation within them."""
    if isinstance(row.get("observations"), list) and _is_trace(row):
        found = (langfuse(one) for one in row["observations"] if isinstance(one, dict))
        return [envelope for envelopes in found for envelope in envelopes or ()]
    if "output" not in row or not any(name in row for name in _TRACES):
        return None
    kind = row.get("type")
    if kind != _GENERATION and (kind is not None or _LANGFUSE.isdisjoint(row)):
        return [] if isinstance(kind, str) and kind in _OBSERVATIONS else None
    output = parsed(row["output"])
    model = first_of(row, ("providedModelName", "provided_model_name", "model"))
    value = output if isinstance(output, dict) and shapes.kind(output) else None
    value = value or completion(
        langchain.message(output), model, first_of(row, ("usageDetails", "usage_details", "usage")),
        finish_reason=first_of(output, ("response_metadata.finish_reason", "finish_reason")),
    )  # fmt: skip
    failed = row.get("level") == "ERROR"
    if value is None and not failed:
        return []
    message = first_of(row, ("statusMessage", "status_message")) or "ERROR"
    asked = request(row.get("input"), first_of(row, ("modelParameters", "model_parameters")), model)
    facts = {
        "started_at": first_of(row, ("startTime", "start_time")),
        "ended_at": first_of(row, ("endTime", "end_time")),
        "completion_start_at": first_of(row, ("completionStartTime", "completion_start_time")),
        "metadata": row.get("metadata"),
        "request_id": row.get("id"),
        **_noted(row, "costDetails", "cost_details", "calculatedTotalCost"),
    }
    error = {"error": {"message": message}} if failed else None
    return [Envelope([Part(value)] if value else [], False, asked, facts, error)]


def _is_trace(row: Mapping[str, Any]) -> bool:
    """Whether the observations are Langfuse's."""
    return any(isinstance(one, dict) and not one.keys().isdisjoint(_TRACES) for one in row["observations"])


def langsmith(row: dict[str, Any]) -> list[Envelope] | None:
    """One run of type llm, with a raw completion or a LangChain generation; or what LangChain itself logs of a call."""
    if row.keys() >= _RESULT:
        value = langchain.generation(row) if len(listed(row["generations"])) == 1 else None
        return [Envelope([Part(value)], False)] if value else []
    if row.get("run_type") != "llm" or "outputs" not in row:
        return None
    outputs = parsed(row.get("outputs"))
    error = row.get("error")
    value = _with_usage(outputs) if isinstance(outputs, dict) and shapes.kind(outputs) else None
    value = value or langchain.generation(outputs)
    if error and value is not None and not any(_says(choice) for choice in value.get("choices") or ()):
        value = None
    if value is None and not error:
        return []
    asked = request(row.get("inputs"), at(row, "extra.invocation_params"), None)
    asked["messages"] = langchain.messages(asked.get("messages"))
    failed = langchain.failure(outputs) if error else {}
    facts = {
        "started_at": row.get("start_time"),
        "ended_at": row.get("end_time"),
        "first_chunk_at": row.get("first_token_time") or _first_token(row.get("events")),
        "metadata": at(row, "extra.metadata"),
        "request_id": row.get("id"),
        "status_code": failed.get("status_code"),
        **_noted(row, "total_cost"),
    }
    told = at(failed, "body.error") or error
    body = {"error": told if isinstance(told, dict) else {"message": told}} if error else None
    return [Envelope([Part(value)] if value else [], False, asked, facts, body)]


def _with_usage(outputs: dict[str, Any]) -> dict[str, Any]:
    """The completion with its usage in the words of the API; the wrapper of the openai package keeps it in its own."""
    if outputs.get("usage") is not None or "usage_metadata" not in outputs:
        return outputs
    rest = {name: value for name, value in outputs.items() if name != "usage_metadata"}
    return {**rest, "usage": tokens(outputs["usage_metadata"])}


def _says(choice: object) -> bool:
    message = choice.get("message") if isinstance(choice, dict) else None
    return not isinstance(message, dict) or any(value for name, value in message.items() if name != "role")


def _first_token(events: object) -> object:
    """When the first token of a stream came."""
    named = [one for one in events if isinstance(one, dict)] if isinstance(events, list) else []
    return next((one.get("time") for one in named if one.get("name") == "new_token"), None)


def helicone(row: dict[str, Any]) -> list[Envelope] | None:
    """A Helicone request whose bodies live elsewhere: only its normalized form."""
    messages = at(row, "llmSchema.response.messages")
    if not isinstance(messages, list) or not messages:
        return None
    model = first_of(row, ("response_model", "model", "llmSchema.request.model"))
    usage = {"prompt_tokens": row.get("prompt_tokens"), "completion_tokens": row.get("completion_tokens")}
    usage = {name: value for name, value in usage.items() if value is not None}
    said = messages[-1]
    if isinstance(said, dict) and said.get("tool_calls"):
        said = {**said, "tool_calls": tool_calls(said["tool_calls"])}
    value = completion(said, model, usage, id=row.get("response_id"))
    if value is None:
        return None
    facts = {
        "started_at": row.get("request_created_at"),
        "ended_at": row.get("response_created_at"),
        "duration_ms": row.get("delay_ms"),
        "first_chunk_ms": row.get("time_to_first_token"),
        "status_code": row.get("response_status"),
        "request_id": row.get("request_id"),
        "provider": row.get("provider"),
        "metadata": first_of(row, ("properties", "request_properties")),
        **_noted(row, *OF_HELICONE),
    }
    asked = at(row, "llmSchema.request")
    return [Envelope([Part(value)], False, asked if isinstance(asked, dict) else None, facts)]


def llm_logs(row: dict[str, Any]) -> list[Envelope] | None:
    """A row of `llm logs --json`: the answer's text, and its response_json without choices where it was a stream."""
    if not ("response" in row and row.keys() >= {"prompt", "model"} and row.keys() & {"duration_ms", "datetime_utc"}):
        return None
    kept = parsed(row.get("response_json"))
    kept = kept if isinstance(kept, dict) else {}
    if shapes.kind(kept) == shapes.COMPLETION and "choices" in kept:
        value: dict[str, Any] | None = kept
    else:
        counts = {"input": row.get("input_tokens"), "output": row.get("output_tokens")}
        counts = {name: count for name, count in counts.items() if count is not None}
        details = parsed(row.get("token_details"))
        usage = kept.get("usage") or (counts | details if counts and isinstance(details, dict) else counts)
        message = {"role": kept.get("role"), "content": row.get("response")}
        if calls := tool_calls(row.get("tool_calls")):
            message["tool_calls"] = calls
        if isinstance(row.get("reasoning"), str):
            message["reasoning"] = row["reasoning"]
        model = kept.get("model") or row.get("resolved_model") or row.get("model")
        more = {name: kept.get(name) for name in ("finish_reason", "id", "created", "system_fingerprint")}
        value = completion(message, model, usage, **more)
    if value is None:
        return None
    messages = first_of(parsed(row.get("prompt_json")), ("messages",))
    if not isinstance(messages, list):
        system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
        messages = [*system, {"role": "user", "content": row.get("prompt")}]
    options = parsed(row.get("options_json"))
    asked = request(messages, options, row.get("model"))
    facts = {"started_at": row.get("datetime_utc"), "duration_ms": row.get("duration_ms")}
    return [Envelope([Part(value)], False, asked, facts)]


def opik(row: dict[str, Any]) -> list[Envelope] | None:
    """A span of a call: the choices are its output, the answer's other fields and the parameters its metadata."""
    output = parsed(row.get("output"))
    if row.get("type") != "llm" or "trace_id" not in row or not isinstance(output, dict) or "choices" not in output:
        return None
    if not all(isinstance(choice, dict) and "message" in choice for choice in listed(output["choices"])):
        return None
    told = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
    usage = row["usage"] if isinstance(row.get("usage"), dict) else {}
    answer = {name: told[name] for name in _OF_ANSWER if name in told} | {"model": row.get("model")} | output
    parameters = {name: told[name] for name in genai.PARAMETERS if name in told and name != "model"}
    asked = request(row.get("input"), parameters, None)
    facts = {
        "started_at": row.get("start_time"),
        "ended_at": row.get("end_time"),
        "request_id": row.get("id"),
        "provider": row.get("provider"),
        **_noted(row, "total_estimated_cost", "tags"),
    }
    return [Envelope([Part(answer | {"usage": tokens(usage) or output.get("usage")})], False, asked, facts)]


def bifrost(row: dict[str, Any]) -> list[Envelope] | None:
    """A row of Bifrost's log: the answer as it came, where that is kept, or its message and what was counted."""
    if not _CHAT.match(str(row.get("object"))) or not shapes.is_note(row):
        return None
    raw, model = parsed(row.get("raw_response")), row.get("model")
    value = raw if isinstance(raw, dict) and "choices" in raw and shapes.kind(raw) == shapes.COMPLETION else None
    value = value or completion(
        row.get("output_message"), model, row.get("token_usage"), finish_reason=row.get("stop_reason")
    )
    if value is None and row.get("token_usage"):  # its texts are not kept
        value = {"object": "chat.completion", "model": model, "choices": [], "usage": row["token_usage"]}
    failed = row.get("status") == "error"
    asked = request(row.get("input_history"), row.get("params"), model)
    asked |= {name: row[name] for name in ("tools", "stream") if row.get(name)}
    facts = {
        "started_at": row.get("timestamp"),
        "duration_ms": row.get("latency"),
        "status_code": at(row, "error_details.status_code"),
        "request_id": row.get("id"),
        "provider": row.get("provider"),
        **_noted(row, "cost"),
    }
    told = at(row, "error_details.error")
    error = {"error": told if isinstance(told, dict) else {"message": told or "error"}} if failed else None
    return [Envelope([Part(value)] if value else [], False, asked, facts, error)] if value or failed else []


_TOLD_BY = frozenset({"llmSchema", "llmSchema.response.messages", "prompt", "observations", EXPORT})
_TOLD_WITH = (
    ("run_type", "outputs"), ("traceId", "output"), ("trace_id", "output"), ("event", "output"), ("epoch", "output"),
    ("eval", "samples"), ("status", "object"), tuple(_RESULT), *TOLD,
)  # fmt: skip


def may_be_hosted(row: Mapping[str, Any]) -> bool:
    """Whether the keys are there that one of the readers asks for."""
    if any(name in row and other in row for name, other in _TOLD_WITH):
        return True
    return not _TOLD_BY.isdisjoint(row) or is_span(row)


HOSTED: Mapping[str, Reader] = {
    "langsmith": langsmith,
    "langfuse": langfuse,
    "helicone": helicone,
    "opik": opik,
    "bifrost": bifrost,
    **OBSERVED,
    "inspect_ai": inspect_ai,
    "llm": llm_logs,
    "otel": otel,
}

"""Exports of tracing tools that keep a message instead of a completion: Langfuse, LangSmith, Helicone, llm.

Their fields are renamed to those of a completion; what they do not keep stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.decoding import Decoded, decode_text
from chatlogs.reading.envelopes import Envelope, Part, at, first_of

Reader = Callable[[dict[str, Any]], list[Envelope]]


def _parsed(value: object) -> object:
    """The value of JSON text, anything else as it is."""
    if isinstance(value, str) and value[:1] in "{[":
        decoded = decode_text(value)
        return decoded.value if isinstance(decoded, Decoded) else value
    return value


def _completion(message: object, model: object, usage: object, **more: Any) -> dict[str, Any] | None:
    """A completion around a message, which may be its text only."""
    message = {"content": message} if isinstance(message, str) else message
    if isinstance(message, list) and len(message) == 1:
        message = message[0]
    if not isinstance(message, dict) or not message.keys() & {"content", "tool_calls", "function_call", "refusal"}:
        return None
    finish = more.pop("finish_reason", None)
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"object": "chat.completion", "model": model, "choices": [choice], "usage": _usage(usage), **more}


def _usage(usage: object) -> dict[str, Any] | None:
    if not isinstance(usage, dict) or not usage:
        return None
    if "prompt_tokens" in usage:
        return usage
    names = {"input": "prompt_tokens", "output": "completion_tokens", "total": "total_tokens",
             "input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}  # fmt: skip
    return {names.get(str(name), str(name)): value for name, value in usage.items()}


def _request(value: object, params: object, model: object) -> dict[str, Any]:
    value = _parsed(value)
    request = dict(params) if isinstance(params, dict) else {}
    if isinstance(value, list):
        request["messages"] = value
    elif isinstance(value, dict):
        request.update(value)
    elif isinstance(value, str):
        request["messages"] = [{"role": "user", "content": value}]
    if model is not None:
        request.setdefault("model", model)
    return request


def langfuse(row: dict[str, Any]) -> list[Envelope]:
    """One observation; spans and events, which hold no answer, give nothing."""
    if not (row.keys() & {"traceId", "trace_id"} and row.get("type", "GENERATION") == "GENERATION" and "output" in row):
        return []
    output = _parsed(row.get("output"))
    model = first_of(row, ("providedModelName", "provided_model_name", "model"))
    value = output if isinstance(output, dict) and shapes.kind(output) else None
    value = value or _completion(output, model, first_of(row, ("usageDetails", "usage_details", "usage")))
    failed = row.get("level") == "ERROR"
    if value is None and not failed:
        return []
    message = first_of(row, ("statusMessage", "status_message")) or "ERROR"
    request = _request(row.get("input"), first_of(row, ("modelParameters", "model_parameters")), model)
    facts = {
        "started_at": first_of(row, ("startTime", "start_time")),
        "ended_at": first_of(row, ("endTime", "end_time")),
        "first_chunk_at": first_of(row, ("completionStartTime", "completion_start_time")),
        "metadata": row.get("metadata"),
        "request_id": row.get("id"),
    }
    error = {"error": {"message": message}} if failed else None
    return [Envelope([Part(value)] if value else [], False, request, facts, error)]


def langsmith(row: dict[str, Any]) -> list[Envelope]:
    """One run of type llm, with a raw completion or a LangChain generation."""
    if row.get("run_type") != "llm" or "outputs" not in row:
        return []
    outputs = _parsed(row.get("outputs"))
    value = outputs if isinstance(outputs, dict) and shapes.kind(outputs) else _generation(outputs)
    error = row.get("error")
    if value is None and not error:
        return []
    request = _request(_parsed(row.get("inputs")), at(row, "extra.invocation_params"), None)
    facts = {
        "started_at": row.get("start_time"),
        "ended_at": row.get("end_time"),
        "first_chunk_at": row.get("first_token_time"),
        "metadata": at(row, "extra.metadata"),
        "request_id": row.get("id"),
    }
    body = {"error": error if isinstance(error, dict) else {"message": error}} if error else None
    return [Envelope([Part(value)] if value else [], False, request, facts, body)]


def _generation(outputs: object) -> dict[str, Any] | None:
    """A LangChain generation as a completion."""
    found = at(outputs, "generations")
    while isinstance(found, list) and found:
        found = found[0]
    message = first_of(found, ("message.kwargs", "message"))
    if not isinstance(message, dict):
        return None
    said = {"role": "assistant", "content": message.get("content")}
    calls = first_of(message, ("additional_kwargs.tool_calls",))
    if calls is not None:
        said["tool_calls"] = calls
    meta = message.get("response_metadata") if isinstance(message.get("response_metadata"), dict) else {}
    both = {"meta": meta, "out": at(outputs, "llm_output"), "info": at(found, "generation_info")}
    return _completion(
        said,
        first_of(both, ("meta.model_name", "out.model_name", "info.model_name")),
        first_of(both, ("meta.token_usage", "out.token_usage")),
        finish_reason=first_of(both, ("meta.finish_reason", "info.finish_reason")),
        system_fingerprint=first_of(both, ("meta.system_fingerprint", "out.system_fingerprint")),
        id=first_of(both, ("meta.id", "out.id")),
    )


def helicone(row: dict[str, Any]) -> list[Envelope]:
    """A Helicone request whose bodies live elsewhere: only its normalized form."""
    messages = at(row, "llmSchema.response.messages")
    if not isinstance(messages, list) or not messages:
        return []
    model = first_of(row, ("response_model", "model", "llmSchema.request.model"))
    usage = {"prompt_tokens": row.get("prompt_tokens"), "completion_tokens": row.get("completion_tokens")}
    usage = {name: value for name, value in usage.items() if value is not None}
    value = _completion(messages[-1], model, usage, id=row.get("response_id"))
    if value is None:
        return []
    facts = {
        "started_at": row.get("request_created_at"),
        "ended_at": row.get("response_created_at"),
        "duration_ms": row.get("delay_ms"),
        "first_chunk_ms": row.get("time_to_first_token"),
        "status_code": row.get("response_status"),
        "request_id": row.get("request_id"),
        "provider": row.get("provider"),
    }
    request = at(row, "llmSchema.request")
    return [Envelope([Part(value)], False, request if isinstance(request, dict) else None, facts)]


def llm_logs(row: dict[str, Any]) -> list[Envelope]:
    """A row of `llm logs --json`: the answer's text, and its response_json without choices where it was a stream."""
    if not ("response" in row and row.keys() >= {"prompt", "model"} and row.keys() & {"duration_ms", "datetime_utc"}):
        return []
    kept = _parsed(row.get("response_json"))
    kept = kept if isinstance(kept, dict) else {}
    if shapes.kind(kept) == shapes.COMPLETION and "choices" in kept:
        value: dict[str, Any] | None = kept
    else:
        usage = kept.get("usage") or {"input": row.get("input_tokens"), "output": row.get("output_tokens")}
        usage = {name: count for name, count in usage.items() if count is not None} if isinstance(usage, dict) else None
        message = {"role": kept.get("role"), "content": row.get("response")}
        if isinstance(row.get("reasoning"), str):
            message["reasoning"] = row["reasoning"]
        model = kept.get("model") or row.get("resolved_model") or row.get("model")
        more = {name: kept.get(name) for name in ("finish_reason", "id", "created", "system_fingerprint")}
        value = _completion(message, model, usage, **more)
    if value is None:
        return []
    messages = first_of(_parsed(row.get("prompt_json")), ("messages",))
    if not isinstance(messages, list):
        system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
        messages = [*system, {"role": "user", "content": row.get("prompt")}]
    options = _parsed(row.get("options_json"))
    request = _request(messages, options, row.get("model"))
    facts = {"started_at": row.get("datetime_utc"), "duration_ms": row.get("duration_ms")}
    return [Envelope([Part(value)], False, request, facts)]


_TOLD_BY = frozenset({"llmSchema", "llmSchema.response.messages", "prompt"})
_TOLD_WITH = {"run_type": "outputs", "traceId": "output", "trace_id": "output"}


def may_be_hosted(row: Mapping[str, Any]) -> bool:
    """Whether the keys are there that one of the readers asks for."""
    if any(name in row and other in row for name, other in _TOLD_WITH.items()):
        return True
    return not _TOLD_BY.isdisjoint(row)


HOSTED: Mapping[str, Reader] = {"langsmith": langsmith, "langfuse": langfuse, "helicone": helicone, "llm": llm_logs}

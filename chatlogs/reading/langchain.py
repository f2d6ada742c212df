"""LangChain's messages and generations, as its tracers write them, in the words of the API.

A message is an object of fields: bare, or under `kwargs` or `data` of one that names its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlogs.reading.envelopes import at, first_of
from chatlogs.reading.kept import completion, tool_calls
from chatlogs.values import listed

_ROLES = {
    "human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "function", "chat": None,
    "developer": "developer",
}  # fmt: skip
_SAME = ("name", "tool_call_id")
_OWN = ("refusal", "reasoning_content", "function_call", "audio")  # as the API sent them, in additional_kwargs


def message(value: object) -> Any:
    """A message of the API; what is none of LangChain's stays as it is."""
    fields = _fields(value)
    if fields is None:
        return value
    more = fields.get("additional_kwargs")
    more = more if isinstance(more, dict) else {}
    said = {"role": _role(value, fields), "content": fields["content"]}
    said |= {name: fields[name] for name in _SAME if fields.get(name) is not None}
    said |= {name: more[name] for name in _OWN if more.get(name) is not None}
    if calls := _calls(fields, more):
        said["tool_calls"] = calls
    return said


def messages(value: object) -> Any:
    """A list of messages of the API, of LangChain's; the tracers put that of each prompt into a list of its own."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    return [message(one) for one in value] if isinstance(value, list) else value


def generation(outputs: object) -> dict[str, Any] | None:
    """The completion of a run's generations, each of which is a choice; None where none says anything."""
    found = at(outputs, "generations")
    while isinstance(found, list) and found and isinstance(found[0], list):
        found = found[0]
    generations = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    said = [(one, fields) for one in generations if (fields := _fields(one.get("message"), certain=True)) is not None]
    if not said:
        return None
    metas = [{"meta": fields.get("response_metadata"), "info": one.get("generation_info")} for one, fields in said]
    first = {**metas[0], "out": at(outputs, "llm_output"), "said": said[0][1]}
    value = completion(
        [message(one["message"]) | {"role": "assistant"} for one, _ in said],
        first_of(first, ("meta.model_name", "out.model_name", "info.model_name")),
        first_of(first, ("meta.token_usage", "out.token_usage", "said.usage_metadata")),
        **{name: first_of(first, (f"meta.{name}", f"out.{name}", f"info.{name}"))
           for name in ("id", "system_fingerprint", "service_tier")},
    )  # fmt: skip
    for choice, meta in zip(value["choices"] if value else (), metas, strict=False):
        choice["finish_reason"] = first_of(meta, ("meta.finish_reason", "info.finish_reason"))
    return value


def failure(outputs: object) -> Mapping[str, Any]:
    """What the server answered where a run failed: body, status_code, request_id; nothing where that is not kept."""
    found = at(outputs, "generations")
    while isinstance(found, list) and found:
        found = found[0]
    meta = first_of(found, ("message.kwargs.response_metadata", "message.response_metadata"))
    return meta if isinstance(meta, dict) else {}


def _fields(value: object, *, certain: bool = False) -> dict[str, Any] | None:
    """The fields of a message of LangChain's. certain: it is one, whatever it looks like."""
    if not isinstance(value, dict):
        return None
    for name in ("kwargs", "data"):
        inner = value.get(name)
        if isinstance(inner, dict) and "content" in inner:
            return inner
    told = "response_metadata" in value or "additional_kwargs" in value or _kind(value) in _ROLES
    is_one = certain or (told and "role" not in value) or _has_calls(value)
    return value if is_one and "content" in value else None


def _has_calls(value: Mapping[str, Any]) -> bool:
    return any(isinstance(call, dict) and "args" in call for call in listed(value.get("tool_calls")))


def _kind(value: object) -> str | None:
    """What a message says it is: `ai` or `AIMessageChunk`, or the class it was made of."""
    kind = first_of(value, ("type",))
    if kind == "constructor":
        path = first_of(value, ("id",))
        kind = path[-1] if isinstance(path, list) and path else None
    return kind.lower().removesuffix("chunk").removesuffix("message") if isinstance(kind, str) else None


def _role(value: object, fields: Mapping[str, Any]) -> Any:
    kinds = [kind for one in (value, fields) if (kind := _kind(one)) in _ROLES]
    role = _ROLES[kinds[0]] if kinds and kinds[0] else None
    return role or fields.get("role")


def _calls(fields: Mapping[str, Any], more: Mapping[str, Any]) -> list[Any]:
    """The tool calls as sent, where that is kept; else those that were understood, and those that were not."""
    sent = more.get("tool_calls")
    if isinstance(sent, list) and sent:
        return sent
    understood = [*listed(fields.get("tool_calls")), *listed(fields.get("invalid_tool_calls"))]
    fragments = listed(fields.get("tool_call_chunks"))
    if fragments and len(fragments) == len(understood):
        understood = fragments  # of a stream: they have the arguments as sent
    return tool_calls(understood)

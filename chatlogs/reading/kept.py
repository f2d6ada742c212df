"""What tools keep of a call in words of their own, in those of a completion: its message, its tokens, its request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlogs.reading.decoding import Decoded, Repaired, decode_text
from chatlogs.reading.printed import may_be_printed
from chatlogs.values import as_json, integer

_TOKENS = {
    "input": "prompt_tokens", "output": "completion_tokens", "total": "total_tokens",
    "input_tokens": "prompt_tokens", "output_tokens": "completion_tokens",
}  # fmt: skip
_SIDES = {"input": "prompt_tokens", "output": "completion_tokens"}
_DETAILS = {
    "cache_read": "cached_tokens", "cached": "cached_tokens", "cache_creation": "cache_write_tokens",
    "cache_write": "cache_write_tokens", "cache_creation_tokens": "cache_write_tokens", "audio": "audio_tokens",
    "reasoning": "reasoning_tokens",
}  # fmt: skip
_SAYING = frozenset({"content", "tool_calls", "function_call", "refusal"})


def parsed(value: object) -> object:
    """The value of JSON text, or of what Python prints of an object; anything else as it is."""
    if isinstance(value, str) and (value[:1] in ("{", "[") or may_be_printed(value)):
        decoded = decode_text(value)
        if isinstance(decoded, Decoded):
            return Repaired(found) if isinstance(found := decoded.value, dict) and decoded.repaired else found
    return value


def completion(said: object, model: object, usage: object, **more: Any) -> dict[str, Any] | None:
    """A completion around a message, which may be its text only, or around one message for each choice."""
    messages = [{"content": said}] if isinstance(said, str) else said if isinstance(said, list) else [said]
    if len(messages) > 1 and any(isinstance(one, dict) and one.get("role") != "assistant" for one in messages):
        return None  # a conversation
    if not messages or not all(isinstance(one, dict) and one.keys() & _SAYING for one in messages):
        return None
    finish = more.pop("finish_reason", None)
    choices = [{"index": at, "message": one, "finish_reason": finish} for at, one in enumerate(messages)]
    return {"object": "chat.completion", "model": model, "choices": choices, "usage": tokens(usage), **more}


def request(value: object, params: object, model: object) -> dict[str, Any]:
    """A request of its messages, or what holds them, and of parameters kept beside."""
    value, params = parsed(value), parsed(params)
    asked = dict(params) if isinstance(params, dict) else {}
    if isinstance(value, list):
        asked["messages"] = value
    elif isinstance(value, dict):
        asked.update(value)
    elif isinstance(value, str):
        asked["messages"] = [{"role": "user", "content": value}]
    if model is not None:
        asked.setdefault("model", model)
    return asked


def tool_calls(calls: object) -> list[Any]:
    """Calls of the API, of such as `{"name": …, "args": …, "id": …}`; those of the API stay as they are."""
    return [_call(call) for call in calls] if isinstance(calls, list) else []


def _call(call: Any) -> Any:
    if not isinstance(call, dict) or "name" not in call or "function" in call:
        return call
    args = call.get("args", call.get("arguments"))
    said = {"name": call["name"], "arguments": args if args is None or isinstance(args, str) else as_json(args)}
    return {"id": call.get("tool_call_id") or call.get("id"), "type": "function", "function": said}


def milliseconds(seconds: object) -> float | None:
    """How many milliseconds so many seconds are; None of what is no number."""
    return 1000 * seconds if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else None


def tokens(usage: object) -> dict[str, Any] | None:
    """A usage object as the API has it, of one as Langfuse or LangChain keep it."""
    if not isinstance(usage, dict) or not usage:
        return None
    if "prompt_tokens" in usage:
        return usage
    found: dict[str, Any] = {}
    details: dict[str, dict[str, Any]] = {side: {} for side in _SIDES}
    apart: dict[str, dict[str, Any]] = {side: {} for side in _SIDES}
    for name, value in usage.items():
        side, _, rest = str(name).partition("_")
        if side in _SIDES and rest == "token_details" and isinstance(value, dict):
            details[side] |= _renamed(value)
        elif side in _SIDES and rest and rest != "tokens":
            apart[side] |= _renamed({rest: value})
        else:
            found[_TOKENS.get(str(name), str(name))] = value
    found |= _with_parts(found, {side: _sum(parts) for side, parts in apart.items()})
    for side, name in _SIDES.items():
        if all_ := {**apart[side], **details[side]}:
            found[f"{name}_details"] = all_
    return found


def _renamed(details: Mapping[str, Any]) -> dict[str, Any]:
    return {_DETAILS.get(name, name): value for name, value in details.items()}


def _sum(counts: Mapping[str, Any]) -> int:
    return sum(integer(count) or 0 for count in counts.values())


def _with_parts(found: Mapping[str, Any], parts: Mapping[str, int]) -> dict[str, int]:
    """The tokens of both sides with those that Langfuse counts apart from them (input_cached_tokens and so on).

    Langfuse takes each of these off the side it belongs to, but never more than there is; only the total tells where
    that happened, and where nothing was taken off.
    """
    sides = {side: integer(found.get(name)) for side, name in _SIDES.items()}
    total = integer(found.get("total_tokens"))
    if not any(parts.values()) or total == sum(count or 0 for count in sides.values()):
        return {}
    whole = {side: count + parts[side] for side, count in sides.items() if count is not None}
    if total is not None and len(whole) == len(_SIDES) and sum(whole.values()) > total:
        cut = [side for side in whole if sides[side] == 0 and parts[side]]
        if len(cut) == 1 and (rest := total - sum(count for side, count in whole.items() if side != cut[0])) >= 0:
            whole[cut[0]] = rest
    return {_SIDES[side]: count for side, count in whole.items()}

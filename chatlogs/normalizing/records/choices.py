"""One entry of `choices` in, one Choice out: text, reasoning, tool calls and what servers add to them.

A chunk says it under `delta`, a stored completion under `message`; the fields are the same.
"""

from __future__ import annotations

from typing import Any

from chatlogs.finish import NO_REASON
from chatlogs.normalizing.records.piece import Choice
from chatlogs.normalizing.records.reasoning import NAMES, is_thought, take_reasoning, thoughts
from chatlogs.normalizing.records.toolcalls import CUSTOM, FUNCTION, FUNCTION_CALL, ToolSlot
from chatlogs.values import as_json, fits, integer, text

_CHOICE_KNOWN = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "content_filter_results", "usage"})
_BODY_KNOWN = frozenset({
    "role", "content", "refusal", "tool_calls", "function_call", "audio", "annotations", *NAMES,
})  # fmt: skip
_CALL_KNOWN = frozenset({"index", "id", "type", "function", "custom"})


def read_choice(entry: dict[str, Any], position: int, flags: set[str], *, streamed: bool) -> Choice:
    """The choice; `position` is its index where none was sent. Unknown fields are as sent, nulls left out.

    A chunk speaks by its delta, a completion by its message, and by the other one where that is missing.
    A message beside a delta repeats the answer so far and adds nothing.
    """
    index = integer(entry.get("index"))
    choice = Choice(position if index is None or not fits(index) else index)
    choice.extra = {name: value for name, value in entry.items() if name not in _CHOICE_KNOWN and value is not None}
    if entry.get("index") is not None and (index is None or not fits(index)):
        choice.extra["index"] = entry["index"]
    names = ("delta", "message") if streamed else ("message", "delta")
    name = names[0] if entry.get(names[0]) is not None or entry.get(names[1]) is None else names[1]
    body = entry.get(name)
    if isinstance(body, dict):
        unknown = _read_body(body, choice, flags, streamed=name == "delta")
        if choice.extra.get("text") == body.get("content"):
            choice.extra.pop("text", None)  # Together repeats the fragment there
    else:
        unknown = {} if body is None else {"value": body}
    if unknown:
        choice.extra[name] = unknown
    choice.whole = name == "message" and choice.says
    _read_end(entry, choice)
    return choice


def _read_end(entry: dict[str, Any], choice: Choice) -> None:
    reason = entry.get("finish_reason")
    if isinstance(reason, str):
        choice.finish_reason = None if reason in NO_REASON else reason
    elif reason:
        choice.finish_reason = as_json(reason)
    filtered = entry.get("content_filter_results")
    if isinstance(filtered, dict):
        choice.content_filter = as_json(filtered) if filtered else None
    elif filtered is not None:
        choice.extra["content_filter_results"] = filtered
    usage = entry.get("usage")
    if usage is not None and not isinstance(usage, dict):
        choice.extra["usage"] = usage
    logprobs = entry.get("logprobs")
    if logprobs is not None:
        choice.logprobs = _logprobs(logprobs)
        if not choice.logprobs and not _is_plain(logprobs):
            choice.extra["logprobs"] = logprobs


def _is_plain(logprobs: object) -> bool:
    """Whether the logprobs are of the documented form, so that an empty result means there were none."""
    return isinstance(logprobs, dict) and not logprobs.keys() - {"content", "refusal"}


def _logprobs(logprobs: object) -> list[dict[str, Any]]:
    if not isinstance(logprobs, dict):
        return []
    entries = [*as_list(logprobs.get("content")), *as_list(logprobs.get("refusal"))]
    if not entries:  # the form of the older completions API
        tokens, values = as_list(logprobs.get("tokens")), as_list(logprobs.get("token_logprobs"))
        entries = [{"token": token, "logprob": value} for token, value in zip(tokens, values, strict=False)]
    return [entry for entry in entries if isinstance(entry, dict)]


def as_list(value: object) -> list[Any]:
    """The list itself, an empty one for anything else."""
    return value if isinstance(value, list) else []


def _read_body(body: dict[str, Any], choice: Choice, flags: set[str], *, streamed: bool) -> dict[str, Any]:
    """Read a message or delta into the choice; what comes back are its unknown fields."""
    unknown = {name: value for name, value in body.items() if name not in _BODY_KNOWN and value is not None}
    for name in ("role", "refusal"):
        value = body.get(name)
        if isinstance(value, str):
            setattr(choice, name, value)
        elif value is not None:
            unknown[name] = value
    choice.role = choice.role or None
    thinking = _read_content(body.get("content"), choice, flags, unknown)
    choice.reasoning = take_reasoning(body, thinking, unknown)
    if isinstance(choice.content, str) and choice.content:
        choice.growth = (choice.content, choice.content, 1)
    annotations = body.get("annotations")
    if isinstance(annotations, list):
        choice.annotations = annotations
    elif annotations is not None:
        unknown["annotations"] = annotations
    audio = body.get("audio")
    if isinstance(audio, dict):
        choice.audio = {name: value for name, value in audio.items() if value not in (None, "")} or None
    elif audio is not None:
        unknown["audio"] = audio
    _read_calls(body, choice, flags, unknown, streamed=streamed)
    choice.tail = streamed and choice.says
    return unknown


def _read_content(content: object, choice: Choice, flags: set[str], unknown: dict[str, Any]) -> list[str]:
    """Set content, and refusal where a part holds it; what comes back are the texts of reasoning."""
    if content is None or isinstance(content, str):
        choice.content = content
        return []
    unknown["content"] = content
    if not isinstance(content, list) or not content:
        return []
    flags.add("content_parts")
    texts: list[str] = []
    thinking: list[object] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif is_thought(part):
            thinking.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif isinstance(part, dict) and isinstance(part.get("refusal"), str):
            choice.refusal = f"{choice.refusal or ''}{part['refusal']}"
    choice.content = "".join(texts) if texts else None
    return thoughts(thinking)


def part_texts(parts: object) -> list[str]:
    """The texts of a part or a list of parts, without reasoning."""
    if isinstance(parts, str):
        return [parts]
    found = []
    for part in [parts] if isinstance(parts, dict) else as_list(parts):
        if is_thought(part):
            continue
        value = part.get("text", part.get("summary")) if isinstance(part, dict) else part
        if isinstance(value, str):
            found.append(value)
    return found


def _read_calls(
    body: dict[str, Any], choice: Choice, flags: set[str], unknown: dict[str, Any], *, streamed: bool
) -> None:
    entries = body.get("tool_calls")
    entries = [entries] if isinstance(entries, dict) else entries
    if entries is not None and not isinstance(entries, list):
        unknown["tool_calls"] = entries
        entries = None
    rest = []
    for entry in entries or ():
        if not isinstance(entry, dict):
            rest.append(entry)
            continue
        slot, more = _read_call(entry, flags)
        if streamed:
            choice.calls.add(slot)
        else:  # each entry of a message is a call of its own
            choice.calls.runs.append(slot)
        if more:
            rest.append({name: entry[name] for name in ("index", "id") if entry.get(name) is not None} | more)
    if rest:
        unknown["tool_calls"] = rest
    legacy = body.get("function_call")
    if isinstance(legacy, dict):
        slot = ToolSlot(None, None, FUNCTION_CALL, text(legacy.get("name")), _arguments(legacy.get("arguments"), flags))
        if not slot.is_empty:
            choice.calls.add(slot)
    elif legacy is not None:
        unknown["function_call"] = legacy


def _read_call(entry: dict[str, Any], flags: set[str]) -> tuple[ToolSlot, dict[str, Any]]:
    """One fragment of a tool call, and the unknown fields beside it."""
    index = integer(entry.get("index"))
    kind = text(entry.get("type"))
    bodies = {FUNCTION: entry.get("function"), CUSTOM: entry.get("custom")}
    # Snowflake sends both, one of them empty.
    full = [name for name, body in bodies.items() if isinstance(body, dict) and any(body.values())]
    shape = kind if kind in full else full[0] if full else FUNCTION
    body = bodies[shape] if isinstance(bodies.get(shape), dict) else entry
    body = body if isinstance(body, dict) else {}
    if kind is None and full:
        kind = shape
    field = "input" if shape == CUSTOM else "arguments"
    slot = ToolSlot(
        index if index is not None and fits(index) else None,
        text(entry.get("id")),
        kind,
        text(body.get("name")),
        _arguments(body.get(field), flags),
    )
    known = _CALL_KNOWN | {"name", field} if body is entry else _CALL_KNOWN
    more = {name: value for name, value in entry.items() if name not in known and value is not None}
    if body is not entry:
        inner = {name: value for name, value in body.items() if name not in ("name", field) and value is not None}
        if inner:
            more[shape] = inner
    return slot, more


def _arguments(value: object, flags: set[str]) -> str | None:
    if value is None or isinstance(value, str):
        return value
    flags.add("arguments_object")
    return as_json(value)

"""One decoded JSON object in, one piece out: a chunk, a stored completion, or an error.

Total: any JSON object gives a piece. What has no column stands in `extra`; nulls and `obfuscation` say
nothing and are left out. Nothing is invented: no role, no finish_reason, no usage.
"""

from __future__ import annotations

from typing import Any

from chatlogs.normalizing.records.choices import as_list, read_choice
from chatlogs.normalizing.records.piece import (
    COMPLETION,
    STREAM,
    Choice,
    ChunkRow,
    Piece,
    Said,
    add_choice,
    as_stream,
    counts,
    listed,
)
from chatlogs.normalizing.records.tokens import unread_counts
from chatlogs.reading.camelcase import in_names_of_api
from chatlogs.reading.credentials import without_secrets
from chatlogs.reading.native import may_repeat
from chatlogs.reading.shapes import is_failure
from chatlogs.texts import whole
from chatlogs.values import as_json, fits, integer, micros, number, text

_KNOWN = frozenset({
    "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "provider",
    "request_id", "error", "obfuscation",
})  # fmt: skip
_STORED = ("tools", "tool_choice", "response_format", "presence_penalty", "frequency_penalty", "input_user")
"""Request parameters that OpenAI's stored completions carry; seed, top_p and temperature have columns."""
_ERROR_KNOWN = frozenset({"code", "type", "message"})
_OF_BASE = {"status_code": "code", "status_msg": "message"}


def piece_of_chunk(
    obj: dict[str, Any],
    *,
    line_number: int = 0,
    byte_offset: int = 0,
    part: int = 0,
    arrived_at: int | None = None,
    keep_chunk: bool = False,
) -> Piece:
    """The piece of one chunk. Its row for the chunks table is kept when asked for or when it has a capture time."""
    piece = _read(obj, line_number, byte_offset, part, streamed=True)
    piece.chunk_count = 1
    piece.first_chunk_at = piece.last_chunk_at = arrived_at
    choices = list(piece.choices.values())
    piece.opens = (
        any(choice.role for choice in choices)
        and piece.usage is None
        and not any(choice.says or choice.finish_reason for choice in choices)
    )
    if keep_chunk or arrived_at is not None:
        piece.chunks.append(_chunk_row(choices, arrived_at))
    return piece


def piece_of_completion(obj: dict[str, Any], *, line_number: int = 0, byte_offset: int = 0, part: int = 0) -> Piece:
    """The piece of one stored completion; the request parameters that stored completions carry are read too."""
    piece = _read(obj, line_number, byte_offset, part, streamed=False)
    extra = piece.extra
    piece.temperature = _take_number(extra, "temperature")
    piece.top_p = _take_number(extra, "top_p")
    piece.seed = take_integer(extra, "seed", piece.flags)
    if isinstance(extra.get("metadata"), dict):
        piece.metadata = as_json(extra.pop("metadata"))
    request = {name: extra.pop(name) for name in _STORED if name in extra}
    piece.request = as_json(request) if request else None
    return piece


def piece_of_error(obj: dict[str, Any], *, line_number: int = 0, byte_offset: int = 0, part: int = 0) -> Piece:
    """The piece of an error body: `{"error": …}`, vLLM's `{"object": "error", …}` or a `{"fault": …}`."""
    if obj.get("error") is None:
        if isinstance(obj.get("fault"), dict):
            fault = dict(obj["fault"])
            fault["message"] = fault.pop("faultstring", None)
            obj = {name: value for name, value in obj.items() if name != "fault"} | {"error": fault}
        elif not is_failure(obj.get("base_resp")):
            own = {name: obj[name] for name in ("message", "type", "param", "code", "detail") if name in obj}
            obj = {name: value for name, value in obj.items() if name not in own} | {"error": own}
    return _read(obj, line_number, byte_offset, part, streamed=False)


def _chunk_row(choices: list[Choice], arrived_at: int | None) -> ChunkRow:
    """What a chunk adds, over all its choices, under the index of the first."""
    calls = [call for choice in choices for call in choice.tool_calls]
    return ChunkRow(
        choices[0].index if choices else None,
        arrived_at,
        sum(len(choice.content or "") for choice in choices),
        sum(len(choice.reasoning or "") for choice in choices),
        sum(len(call.arguments or "") for call in calls) if calls else None,
        choices[0].finish_reason if choices else None,
    )


def _read(obj: dict[str, Any], line_number: int, byte_offset: int, part: int, *, streamed: bool) -> Piece:
    obj = in_names_of_api(obj)
    piece = Piece(form=STREAM if streamed else COMPLETION, line_number=line_number, byte_offset=byte_offset, part=part)
    piece.last_line, piece.last_offset = line_number, byte_offset
    extra = piece.extra = {name: value for name, value in obj.items() if name not in _KNOWN and value is not None}
    for name in ("id", "model", "system_fingerprint", "service_tier", "provider", "request_id"):
        setattr(piece, name, _known_text(obj, name, extra))
    created = obj.get("created")
    piece.created = micros(created)
    if piece.created is None and created and number(created) != 0:
        extra["created"] = created
    _read_choices(obj, piece, streamed=streamed)
    _read_usage(obj, piece)
    _read_error(obj, piece)
    if extra:
        piece.extra = extra = without_secrets(extra)
    if streamed:
        piece.extra = listed(extra)
    return piece


def _known_text(obj: dict[str, Any], name: str, extra: dict[str, Any]) -> str | None:
    value = obj.get(name)
    if value is None or isinstance(value, str):
        return value or None
    known = text(value)
    if known is None:
        extra[name] = value
    return known


def _read_choices(obj: dict[str, Any], piece: Piece, *, streamed: bool) -> None:
    entries = obj.get("choices")
    if entries is not None and not isinstance(entries, list):
        piece.extra["choices"] = entries
        return
    for position, entry in enumerate(entries or ()):
        if not isinstance(entry, dict):
            if entry is not None:
                piece.extra.setdefault("choices", []).append(entry)
            continue
        choice = read_choice(entry, position, piece.flags, streamed=streamed)
        choice.extra = without_secrets(choice.extra) if choice.extra else choice.extra
        if streamed:
            choice.so_far = (_said(choice),) * 2 if may_repeat(obj) else None
            add_choice(piece, as_stream(choice))
        else:
            if choice.index in piece.choices:  # servers number every choice 0
                choice.index = max(piece.choices) + 1
            piece.choices[choice.index] = choice


def _said(choice: Choice) -> Said:
    texts = (choice.content, choice.reasoning, *(call.arguments for call in choice.tool_calls))
    return tuple(whole(text) or "" for text in texts)


def _read_usage(obj: dict[str, Any], piece: Piece) -> None:
    """Take usage from wherever servers put it; the same object in two places counts once."""
    groq = obj.get("x_groq")
    found = [obj.get("usage")]
    if isinstance(groq, dict):
        found.append(groq.get("usage"))
        rest = {name: value for name, value in groq.items() if name != "usage" and value is not None}
        piece.extra["x_groq"] = rest
        if not rest:
            del piece.extra["x_groq"]
        elif isinstance(groq.get("error"), str):
            piece.error_message = groq["error"] or None
    found += [entry.get("usage") for entry in as_list(obj.get("choices")) if isinstance(entry, dict)]
    objects = [usage for usage in found if isinstance(usage, dict) and usage]
    if objects:
        real = (usage for usage in objects if counts(usage))
        usage = next(real, objects[0])
        piece.usage = as_json(usage)
        piece.flags |= unread_counts(usage)
    elif found[0] is not None and not isinstance(found[0], dict):
        piece.extra["usage"] = found[0]


def _read_error(obj: dict[str, Any], piece: Piece) -> None:
    error = obj.get("error")
    if not error:
        base = obj.get("base_resp")
        if isinstance(base, dict) and is_failure(base):
            del piece.extra["base_resp"]
            _read_error({"error": {_OF_BASE.get(name, name): value for name, value in base.items()}}, piece)
        return
    error = without_secrets(error)
    if not isinstance(error, dict):
        piece.error_message = error if isinstance(error, str) else as_json(error)
        if "choices" not in obj:
            piece.error_code = _take_word(piece.extra, "code", "error_code")
            piece.error_type = _take_word(piece.extra, "error_type", "type")
        return
    message = error.get("message")
    piece.error_code = text(error.get("code"))
    piece.error_type = text(error.get("type"))
    piece.error_message = message if isinstance(message, str) else None if message is None else as_json(message)
    status = integer(error.get("status_code"))
    piece.status_code = status if status is not None and 100 <= status < 600 else None
    rest = {name: value for name, value in error.items() if name not in _ERROR_KNOWN and value is not None}
    if isinstance(error.get("code"), (dict, list, float, bool)):
        rest["code"] = error["code"]
    if rest:
        piece.extra["error"] = rest


def _take_word(fields: dict[str, Any], *names: str) -> str | None:
    """Move the first of these that says a word, or a number, out of the fields; that it is an error says nothing."""
    for name in names:
        if (word := text(fields.get(name))) and word != "error":
            del fields[name]
            return word
    return None


def take_integer(fields: dict[str, Any], name: str, flags: set[str]) -> int | None:
    """Move a 64-bit integer out of the fields; a longer one stays there as its digits, with a flag."""
    value = integer(fields.get(name))
    if value is None:
        return None
    if not fits(value):
        flags.add("integer_out_of_range")
        fields[name] = text(value)
        return None
    del fields[name]
    return value


def _take_number(fields: dict[str, Any], name: str) -> float | None:
    value = number(fields.get(name))
    if value is not None:
        del fields[name]
    return value

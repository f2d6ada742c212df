"""The last touches on a folded piece, when nothing more can follow.

What is done here is not associative: joining runs of tool calls, judging the whole of a text, and
writing surrogates so that they can be stored. `finished` twice is `finished` once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from chatlogs.normalizing.records.piece import COMPLETION, Choice, Piece
from chatlogs.normalizing.records.toolcalls import settled
from chatlogs.texts import Text, whole
from chatlogs.values import as_json, has_halves, is_sound, mended, sound

_CUMULATIVE_FROM = 3
"""So many fragments, each repeating the one before, make a stream cumulative; two are too common ("a", "ab")."""

_PIECE_TEXTS = (
    "id", "model", "system_fingerprint", "service_tier", "provider", "error_code", "error_type", "error_message",
    "request_id", "custom_id", "request_model", "requested_service_tier",
)  # fmt: skip
_CHOICE_TEXTS = ("role", "content", "reasoning", "refusal", "finish_reason")
_CALL_TEXTS = ("call_id", "kind", "name", "arguments")
_FEW = 8  # items that are looked at faster than they are encoded
_encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


def finished(piece: Piece) -> Piece:
    """The piece ready to become rows: texts are strings that UTF-8 can hold, audio data is its hash. It is changed."""
    settle(piece)
    for choice in piece.choices.values():
        if choice.audio is not None:
            choice.audio = _hashed(choice.audio)
    return piece


def settle(piece: Piece) -> Piece:
    """Like `finished`, but audio data is kept."""
    if piece.id is None:
        piece.flags.add("no_id")
    for choice in piece.choices.values():
        _settle_choice(choice, piece.form == COMPLETION)
        if choice.role_late or choice.text_late:
            piece.flags.add("order_suspect")
        if choice.finish_changed:
            piece.flags.add("finish_changed")
        if choice.growth and choice.growth[2] >= _CUMULATIVE_FROM:
            piece.flags.add("cumulative_content")
    if _mend(piece):
        piece.flags.add("invalid_unicode")
    return piece


def _settle_choice(choice: Choice, stored: bool) -> None:
    choice.content, choice.reasoning, choice.refusal = map(whole, (choice.content, choice.reasoning, choice.refusal))
    if not stored and (choice.tail or not choice.whole):
        choice.calls.runs = settled(choice.calls.runs)
        choice.calls.newest, choice.calls.places = len(choice.calls.runs) - 1, {}
    for call in choice.tool_calls:
        call.arguments = whole(call.arguments)
    _replace_by_last(choice)
    if choice.audio is not None:
        choice.audio = {name: str(value) if isinstance(value, Text) else value for name, value in choice.audio.items()}


def _replace_by_last(choice: Choice) -> None:
    """Let the last event stand for all where each of several repeats the answer so far."""
    if choice.so_far is None or len(choice.so_far[1]) != 2 + len(choice.tool_calls):
        return
    content, reasoning, *arguments = choice.so_far[1]
    choice.content = content if choice.content else choice.content
    choice.reasoning = reasoning if choice.reasoning else choice.reasoning
    for call, text in zip(choice.tool_calls, arguments, strict=True):
        call.arguments = text if call.arguments else call.arguments
    choice.growth = None


def _hashed(audio: dict[str, Any]) -> dict[str, Any]:
    """Audio without its data: megabytes of base64 do not belong in a table."""
    data = audio.get("data")
    if not isinstance(data, str):
        return audio
    try:
        raw = base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError):
        raw = data.encode("utf-8", "replace")
    return audio | {"data": {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}}


def _mend(piece: Piece) -> bool:
    """Write surrogates so that they can be stored; whether half a pair was among them."""
    halves = _mend_texts(piece, _PIECE_TEXTS)
    for choice in piece.choices.values():
        halves |= _mend_texts(choice, _CHOICE_TEXTS)
        for call in choice.tool_calls:
            halves |= _mend_texts(call, _CALL_TEXTS)
        for name in ("logprobs", "annotations", "audio", "extra"):
            halves |= _mend_json(choice, name)
    for name in ("extra", "messages"):
        halves |= _mend_json(piece, name)
    if not is_plain(piece.chunks):  # what a chunk says of how it ended, the choice says too
        piece.chunks = [
            chunk._replace(finish_reason=sound(chunk.finish_reason or "") or None) for chunk in piece.chunks
        ]
    return halves


def are_names_sound(piece: Piece) -> bool:
    """Whether UTF-8 can hold all texts of which a merge keeps one and drops the others."""
    calls = [call for choice in piece.choices.values() for call in choice.tool_calls]
    holders = [(piece, _PIECE_TEXTS), *((c, ("role", "finish_reason")) for c in piece.choices.values())]
    holders += [(call, ("call_id", "kind", "name")) for call in calls]
    values = [getattr(holder, name) for holder, names in holders for name in names]
    return all(value is None or is_sound(value) for value in values)


def _mend_texts(holder: object, names: tuple[str, ...]) -> bool:
    halves = False
    for name in names:
        value = getattr(holder, name)
        if value is not None and not is_sound(value):
            halves |= has_halves(value)
            setattr(holder, name, sound(value))
    return halves


def _mend_json(holder: object, name: str) -> bool:
    value = getattr(holder, name)
    if not value or is_plain(value):
        return False
    setattr(holder, name, mended(value))
    return "\\ud" in as_json(getattr(holder, name))


def is_plain(value: object) -> bool:
    """Whether the value can be stored as it is: no half of a surrogate pair, and no number that is none."""
    if isinstance(value, str):
        return is_sound(value)
    if isinstance(value, dict):
        return all(is_sound(key) and is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        known = _can_be_encoded(value) if len(value) > _FEW else None
        return all(map(is_plain, value)) if known is None else known
    return not isinstance(value, float) or value - value == 0


def _can_be_encoded(values: Sequence[object]) -> bool | None:
    """The same of a list, by what JSON's encoder says of it; None where it cannot tell."""
    try:
        _encoded(values).encode()
    except ValueError:
        return False
    except (TypeError, RecursionError):  # values that JSON does not know, or that are too deep
        return None
    return True

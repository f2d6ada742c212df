"""Which pieces are one response, and the fold that merges them.

The reference: other ways to fold a log must agree with this one. Pure, and in log order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from chatlogs.normalizing.records.finishing import finished, settle
from chatlogs.normalizing.records.piece import COMPLETION, STREAM, Choice, Piece, is_placeholder, merge
from chatlogs.normalizing.records.records import piece_of_chunk, piece_of_completion, piece_of_error
from chatlogs.normalizing.records.toolcalls import CUSTOM, FUNCTION_CALL, ToolSlot

__all__ = [
    "Choice",
    "Piece",
    "ToolSlot",
    "continues",
    "finished",
    "fold",
    "is_opening",
    "merge",
    "merge_chunks",
    "opened",
    "piece_of_chunk",
    "piece_of_completion",
    "piece_of_error",
]


def continues(a: Piece, b: Piece, *, transcript: bool, closed: bool = True) -> bool:
    """Whether b goes on with the response of a, rather than begins another one.

    Without a transcript the caller has made sure that id and model are the same. closed: something tells where the
    transcript ends, such as [DONE]; of bodies that stand in a row without a border, only ids tell.
    """
    if not transcript:
        return a.form == b.form == STREAM and _continues_line(a, b)
    if a.form == COMPLETION or b.form == COMPLETION:
        return _continues_stored(a, b)
    ids_differ = a.id is not None and b.id is not None and a.id != b.id
    is_steady = ids_differ and "id_varies" not in a.flags
    if _is_finished(a):
        if b.id is None and "prompt_filter_results" in b.extra:
            return False  # Azure begins an answer with a chunk that has results, and neither id nor choices
        at_once = closed and a.created is not None and a.created == b.created
        trails = _trails(b) and (closed or not (is_steady and b.choices))
        return trails or at_once or not (is_steady or _opens_again(a, b) or _speaks_again(a, b))
    if a.error_message or a.error_code:
        return not any(choice.role for choice in b.choices.values())  # the error was the end
    begins = _opens_again(a, b) and ids_differ and _any_text(a) and not a.role_repeats
    told = (a.chunk_count or 0) > 1 or a.usage is not None or not (a.choices or closed)
    return not (begins or (b.opens and is_steady and told))


def _opens_again(a: Piece, b: Piece) -> bool:
    """Whether b begins a choice that a has already: the next choice of one answer may begin after another's end."""
    return b.opens and not b.choices.keys().isdisjoint(a.choices)


def _speaks_again(a: Piece, b: Piece) -> bool:
    """Whether b says in whose role it speaks, and goes on with a choice that has ended."""
    ended = {index for index, choice in a.choices.items() if choice.finish_reason}
    return any(choice.role and choice.says and index in ended for index, choice in b.choices.items())


def _continues_line(a: Piece, b: Piece) -> bool:
    if _is_usage(a) and any(choice.role for choice in b.choices.values()):
        return False
    created_differs = a.created is not None and b.created is not None and a.created != b.created
    bringing = [choice for choice in b.choices.values() if choice.says or (b.opens and choice.role)]
    taken = [choice for choice in bringing if choice.index in a.choices]
    ended = [choice for choice in taken if a.choices[choice.index].finish_reason]
    if ended and (created_differs or any(choice.role for choice in ended)):
        return False  # a call after another ends with a reason of its own at Together, and names no role
    if not bringing or not created_differs:
        return True
    if a.choices and not taken and all(choice.finish_reason for choice in a.choices.values()):
        return False
    return not (b.opens and any(a.choices[choice.index].says for choice in taken) and not a.role_repeats)


def _is_usage(piece: Piece) -> bool:
    """Whether it is the last chunk of a stream, of which the others came before a border."""
    return not piece.choices and piece.usage is not None and not is_placeholder(piece.usage)


def _continues_stored(a: Piece, b: Piece) -> bool:
    """In a transcript a full object at the end supersedes its stream, and an error breaks it off."""
    ids_differ = a.id is not None and b.id is not None and a.id != b.id
    if b.form == STREAM:  # a is a stored completion or an error
        return bool(a.choices) and not ids_differ and _trails(b)
    if a.form == COMPLETION:
        return False
    if not b.choices:
        return not ids_differ and not (b.error_message and _is_finished(a) and b.id is None)
    return not ids_differ or not _is_finished(a)


def _is_finished(piece: Piece) -> bool:
    return any(choice.finish_reason for choice in piece.choices.values())


def _any_text(piece: Piece) -> bool:
    return any(choice.says for choice in piece.choices.values())


def _trails(piece: Piece) -> bool:
    """Whether it only adds to a response that has ended: usage, filter results, an empty delta, a repeated finish."""
    return not piece.opens and not _any_text(piece)


def is_opening(piece: Piece) -> bool:
    """Whether it is what Azure opens a stream with: results of the prompt's filter, without an id or a choice."""
    return (
        piece.form == STREAM
        and piece.id is None
        and not piece.choices
        and piece.usage is None
        and not piece.extra.keys().isdisjoint(("prompt_filter_results", "prompt_annotations"))
    )


def opened(opening: Piece, piece: Piece) -> Piece:
    """The answer that the next record of the log begins, with its opening. Both are used up."""
    opens = piece.opens
    piece = merge(opening, piece)
    piece.opens = opens
    piece.flags = piece.flags - {"no_id"} | {"ambiguous_grouping"}
    return piece


def fold(pieces: Iterable[Piece], *, transcript: bool, closed: bool = True) -> list[Piece]:
    """The responses that the pieces make up, in order of their first record; not `finished` yet.

    A transcript is one SSE body, one array of chunks or one wrapper record: its order alone decides, whatever
    the ids say, as long as it is `closed`. Elsewhere chunks group by id and model, and chunks without an id by
    standing next to each other.
    The pieces are used up.
    """
    return _fold_transcript(pieces, closed) if transcript else _fold_lines(pieces)


def _fold_transcript(pieces: Iterable[Piece], closed: bool) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        if found and continues(found[-1], piece, transcript=True, closed=closed):
            merge(found[-1], piece)
        else:
            found.append(piece)
    return found


def _fold_lines(pieces: Iterable[Piece]) -> list[Piece]:
    found: list[Piece] = []
    latest: dict[str, Piece] = {}  # by id, whatever the model
    running: dict[tuple[str, str | None], Piece] = {}
    anonymous: Piece | None = None
    for piece in pieces:
        if piece.form == COMPLETION:
            anonymous = None
            found.append(piece)
            continue
        if piece.id is None:
            before = anonymous
        else:
            anonymous = None
            before = running.get((piece.id, piece.model))
            if before is None:  # a chunk that names no model goes with the chunks of its id, and they with it
                nearest = latest.get(piece.id)
                before = nearest if nearest and None in (piece.model, nearest.model) else None
        if before is not None and _same_model(before, piece) and continues(before, piece, transcript=False):
            if piece.id is None:
                before.flags.add("ambiguous_grouping")
            piece = merge(before, piece)
        else:
            found.append(piece)
        if piece.id is None:
            anonymous = piece
        else:
            latest[piece.id] = running[piece.id, piece.model] = piece
    return found


def _same_model(a: Piece, b: Piece) -> bool:
    return a.model is None or b.model is None or a.model == b.model


def merge_chunks(chunks: Iterable[Any]) -> list[dict[str, Any]]:
    """The completions that the chunks add up to, as dicts, in order of their first chunk.

    Takes dicts, or objects of the openai package. Chunks of several streams may be mixed, as they are told apart
    by id; when at most one id occurs, the chunks are taken as the transcript of one stream. What was not sent is
    not there: a stream cut short has no finish_reason.
    """
    objects = [chunk if isinstance(chunk, dict) else chunk.model_dump(exclude_unset=True) for chunk in chunks]
    pieces = [_piece_of(obj, position) for position, obj in enumerate(objects, start=1)]
    transcript = len({piece.id for piece in pieces} - {None}) <= 1
    return [_completion(settle(piece)) for piece in fold(pieces, transcript=transcript)]


def _piece_of(obj: dict[str, Any], position: int) -> Piece:
    if obj.get("object") == "chat.completion" and not any(
        isinstance(choice, dict) and "delta" in choice for choice in obj.get("choices") or ()
    ):
        return piece_of_completion(obj, line_number=position)
    return piece_of_chunk(obj, line_number=position)


def _completion(piece: Piece) -> dict[str, Any]:
    """The finished piece in the form of a stored completion."""
    error = {"code": piece.error_code, "type": piece.error_type, "message": piece.error_message}
    fields: dict[str, Any] = {
        "id": piece.id,
        "object": "chat.completion",
        "created": None if piece.created is None else piece.created // 1_000_000,
        "model": piece.model,
        "choices": [_choice_dict(choice) for _, choice in sorted(piece.choices.items())],
        "usage": None if piece.usage is None else msgspec.json.decode(piece.usage),
        "system_fingerprint": piece.system_fingerprint,
        "service_tier": piece.service_tier,
        "provider": piece.provider,
        "error": _seen(error) or None,
    }
    return _plain(piece.extra, piece.form) | _seen(fields)


def _choice_dict(choice: Choice) -> dict[str, Any]:
    calls = [call for call in choice.tool_calls if call.kind != FUNCTION_CALL]
    legacy = [call for call in choice.tool_calls if call.kind == FUNCTION_CALL]
    message = {
        "role": choice.role,
        "content": choice.content,
        "reasoning": choice.reasoning,
        "refusal": choice.refusal,
        "tool_calls": [_call_dict(call) for call in calls] or None,
        "function_call": _seen({"name": legacy[0].name, "arguments": legacy[0].arguments}) if legacy else None,
        "annotations": choice.annotations or None,
        "audio": choice.audio,
    }
    fields = {
        "index": choice.index,
        "message": _seen(message),
        "finish_reason": choice.finish_reason,
        "logprobs": {"content": choice.logprobs} if choice.logprobs else None,
        "content_filter_results": None if choice.content_filter is None else msgspec.json.decode(choice.content_filter),
    }
    return _seen(fields)


def _call_dict(call: ToolSlot) -> dict[str, Any]:
    kind = call.kind or "function"
    body = "custom" if kind == CUSTOM else "function"
    content = {"name": call.name, "input" if kind == CUSTOM else "arguments": call.arguments}
    return _seen({"index": call.index, "id": call.call_id, "type": call.kind, body: _seen(content)})


def _seen(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(extra: dict[str, Any], form: str) -> dict[str, Any]:
    """Unknown fields: the value itself where it never changed, else the list of its values."""
    if form == COMPLETION:
        return dict(extra)
    return {name: values[0] if len(values) == 1 else values for name, values in extra.items()}

"""Pieces to columns and back: the Python pieces of the careful path as the Arrow tables of the fast one.

Going there and back changes nothing that a later merge could see.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from chatlogs import values
from chatlogs.normalizing.records.finishing import are_names_sound
from chatlogs.normalizing.records.piece import Choice, ChunkRow, Piece
from chatlogs.normalizing.records.toolcalls import ToolRuns, ToolSlot
from chatlogs.normalizing.tables.partials import PIECES, no_pieces
from chatlogs.texts import whole
from chatlogs.values import as_json, is_sound

_LOGPROB_FLOOR = -1e4  # below: sentinels such as -9999.0 and the least float, no probabilities
_SENTINEL = -9999.0
_OWN = ("flags", "extra")

Rows = dict[str, list[dict[str, Any]]]


def tables(
    pieces: Iterable[Piece], *, first: int, transcripts: Mapping[int, int] | None = None, logprobs: bool = True
) -> dict[str, pa.Table]:
    """The piece tables of finished pieces, numbered from `first`; transcripts: a body's offset by position.

    logprobs: whether tokens have rows; choices tell how many there are, and their mean, in any case.
    """
    rows: Rows = {name: [] for name in PIECES}
    for position, piece in enumerate(pieces):
        number = first + position
        rows["completions"].append(_response(piece, number, (transcripts or {}).get(position)))
        for choice in piece.choices.values():
            rows["choices"].append(_choice(choice, number))
            calls = zip(_numbers(choice.tool_calls), choice.tool_calls, strict=True)
            rows["tool_calls"] += [_call(call, choice, place, number) for place, call in calls]
            tokens = choice.logprobs if logprobs else ()
            rows["logprobs"] += [_logprob(entry, choice, place, number) for place, entry in enumerate(tokens)]
        rows["messages"] += [
            {**message, "piece": number, "message_index": place} for place, message in enumerate(piece.messages)
        ]
        rows["chunks"] += [
            {**chunk._asdict(), "piece": number, "chunk_index": place} for place, chunk in enumerate(piece.chunks)
        ]
    filled = {name: pa.Table.from_pylist(rows[name], schema=PIECES[name].arrow()) for name in PIECES if rows[name]}
    return no_pieces() | filled


def _response(piece: Piece, number: int, transcript: int | None) -> dict[str, Any]:
    names = (name for name in PIECES["completions"].names if hasattr(piece, name))
    row = {name: getattr(piece, name) for name in names}
    row["piece"], row["transcript"] = number, transcript
    row["flags"] = sorted(piece.flags)
    row["extra"] = as_json(piece.extra) if piece.extra else None
    return row


def _choice(choice: Choice, number: int) -> dict[str, Any]:
    counted = [value for entry in choice.logprobs if (value := _counts(entry)) is not None]
    tokens, count, total = choice.measured
    count, total = count + len(counted), total + math.fsum(counted)
    return {
        "piece": number,
        "choice_index": choice.index,
        "role": choice.role,
        "content": whole(choice.content),
        "reasoning": whole(choice.reasoning),
        "refusal": whole(choice.refusal),
        "finish_reason": choice.finish_reason,
        "token_count": len(choice.logprobs) + tokens or None,
        "logprob_count": count or None,
        "logprob_sum": total if count else None,
        "content_filter": choice.content_filter,
        "annotations": as_json(choice.annotations) if choice.annotations else None,
        "audio": as_json(choice.audio) if choice.audio else None,
        "extra": as_json(choice.extra) if choice.extra else None,
        "text_digest": choice.text_digest,
    }


def _counts(entry: dict[str, Any]) -> float | None:
    said = _float(entry.get("logprob"))
    return said if said is not None and counts_in_mean(said) else None


def _float(value: object) -> float | None:
    """The float of a JSON number; None for everything else, and for an integer that no float can hold."""
    return None if isinstance(value, str) else values.number(value)


def counts_in_mean(logprob: Any) -> Any:
    """Whether a number is a log probability, and no sentinel; of an array, which of its numbers are."""
    return (logprob > _LOGPROB_FLOOR) & (logprob != _SENTINEL)


def _numbers(calls: Sequence[ToolSlot]) -> Sequence[int]:
    """The numbers of calls: in order, but as they were sent where the begin of one is in an earlier log."""
    sent = [call.index for call in calls]
    if all(call.call_id or call.name for call in calls) or None in sent or len(set(sent)) < len(sent):
        return range(len(calls))
    return [index for index in sent if index is not None]


def _call(call: ToolSlot, choice: Choice, place: int, number: int) -> dict[str, Any]:
    return {
        "piece": number,
        "choice_index": choice.index,
        "tool_call_index": place,
        "call_id": call.call_id,
        "kind": call.kind or "function",
        "name": call.name,
        "arguments": whole(call.arguments),
    }


def _logprob(entry: dict[str, Any], choice: Choice, place: int, number: int) -> dict[str, Any]:
    token = entry.get("token")
    return {
        "piece": number,
        "choice_index": choice.index,
        "position": place,
        "token": token if isinstance(token, str) else None,
        "logprob": _float(entry.get("logprob")),
        "bytes": None if entry.get("bytes") is None else as_json(entry["bytes"]),
        "top_logprobs": as_json(entry["top_logprobs"]) if entry.get("top_logprobs") else None,
    }


def pieces(found: Mapping[str, pa.Table]) -> list[Piece]:
    """The pieces of piece tables, in the order of their responses."""
    result: dict[int, Piece] = {}
    for row in found["completions"].cast(_plain_times(found["completions"].schema)).to_pylist():
        result[row["piece"]] = _piece(row)
    for row in found["choices"].to_pylist():
        result[row["piece"]].choices[row["choice_index"]] = _choice_of(row)
    for row in found["tool_calls"].sort_by("tool_call_index").to_pylist():
        calls = result[row["piece"]].choices[row["choice_index"]].calls
        calls.runs.append(ToolSlot(row["tool_call_index"], row["call_id"], row["kind"], row["name"], row["arguments"]))
        calls.newest = len(calls.runs) - 1
    listed = set(zip(*(found["logprobs"][name].to_pylist() for name in ("piece", "choice_index")), strict=True))
    for row in found["choices"].to_pylist():
        if row["token_count"] and (row["piece"], row["choice_index"]) not in listed:
            measured = row["token_count"], row["logprob_count"] or 0, row["logprob_sum"] or 0.0
            result[row["piece"]].choices[row["choice_index"]].measured = measured
    for row in found["logprobs"].sort_by("position").to_pylist():
        entry = {name: row[name] for name in ("token", "logprob")}
        entry |= {name: msgspec.json.decode(row[name]) for name in ("bytes", "top_logprobs") if row[name] is not None}
        result[row["piece"]].choices[row["choice_index"]].logprobs.append(entry)
    for row in found["messages"].sort_by("message_index").to_pylist():
        result[row.pop("piece")].messages.append(row)
    for row in found["chunks"].cast(_plain_times(found["chunks"].schema)).sort_by("chunk_index").to_pylist():
        result[row["piece"]].chunks.append(ChunkRow(*(row[name] for name in ChunkRow._fields)))
    return list(result.values())


def before_columns(piece: Piece) -> Piece | None:
    """A copy of the unfinished piece where its columns lack what a merge may need; None where they hold all.

    That is: half a surrogate pair, also in a name that another may stand before; tool calls that are several or not at
    the index they were sent with; a text that repeats itself as it grows; the data of audio; and a full message, which
    replaces what was streamed before it.
    """
    is_more = any(map(_is_more_than_columns, piece.choices.values())) or not are_names_sound(piece)
    return copy.deepcopy(piece) if is_more else None


def _is_more_than_columns(choice: Choice) -> bool:
    texts = [choice.content, choice.reasoning, choice.refusal, *(call.arguments for call in choice.tool_calls)]
    grows = (choice.growth is not None and choice.growth[2] > 0) or choice.so_far is not None
    calls = choice.tool_calls
    placed = not calls or (len(calls) == 1 and calls[0].index == 0)
    has_sound = "data" in (choice.audio or {})
    return choice.whole or grows or has_sound or not placed or not all(is_sound(whole(text) or "") for text in texts)


def _plain_times(schema: pa.Schema) -> pa.Schema:
    """The schema with times as integers: microseconds, as pieces hold them."""
    return pa.schema([f.with_type(pa.int64()) if pa.types.is_timestamp(f.type) else f for f in schema])


def _piece(row: dict[str, Any]) -> Piece:
    piece = Piece(**{name: value for name, value in row.items() if name not in (*_OWN, "piece", "transcript")})
    piece.flags = set(row["flags"] or ())
    piece.extra = _decoded(row["extra"], {})
    return piece


def _choice_of(row: dict[str, Any]) -> Choice:
    return Choice(
        row["choice_index"],
        role=row["role"],
        content=row["content"],
        reasoning=row["reasoning"],
        refusal=row["refusal"],
        finish_reason=row["finish_reason"],
        calls=ToolRuns(),
        content_filter=row["content_filter"],
        annotations=_decoded(row["annotations"], []),
        audio=_decoded(row["audio"], None),
        extra=_decoded(row["extra"], {}),
        text_digest=row["text_digest"],
        tail=True,
        growth=None,
    )


def _decoded(text: str | None, default: Any) -> Any:
    return default if text is None else msgspec.json.decode(text)

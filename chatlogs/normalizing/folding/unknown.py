"""Fields that have no column, as they are kept: what each record says, in lists where a stream says it chunk by chunk.

The texts here are those of the records, so what is computed of one is computed once for all that are equal to it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.records.oddlines import Decoded, Record, read_line, records
from chatlogs.normalizing.records.piece import listed, merge_lists, says_only
from chatlogs.values import as_json

SAID = ("message", "delta")  # what a choice says is in one of these
_PLAIN = frozenset({
    "id", "model", "system_fingerprint", "service_tier", "provider", "request_id", "created", "form", "chunk_count",
    "usage", "extra", "choices", "line_number", "byte_offset", "last_line", "last_offset", "part", "opens",
    "role_repeats",
})  # fmt: skip


def says_no_more(line: bytes, lane: str, unknown: Mapping[str, Any]) -> bool:
    """Whether the careful path reads the line as one plain piece with these unknown fields, and nothing else."""
    decoded = read_line(line)
    found = records(decoded) if isinstance(decoded, Decoded) and not decoded.repaired and not decoded.flags else None
    if not isinstance(found, Record) or len(found.pieces) != 1 or found.loose != (lane == "chunk"):
        return False
    (piece,) = found.pieces
    (choice,) = piece.choices.values()
    streamed = lane == "chunk"
    part = SAID[streamed]
    said = {part: unknown["said_extra"]} if unknown["said_extra"] else {}
    own = unknown["choice_extra"] | said
    filtered = unknown["content_filter"]
    return (
        says_only(piece, _PLAIN)
        and piece.extra == (listed(unknown["extra"]) if streamed else unknown["extra"])
        and choice.extra == (listed(own, *SAID) if streamed else own)
        and choice.content_filter == (as_json(filtered) if filtered else None)
        and not (choice.logprobs or choice.audio)
    )


def all_kept(texts: pa.StringArray) -> pa.StringArray:
    """Objects such as usage, or the unknown fields of stored completions, as they are kept; null for empty ones."""
    encoded = pc.dictionary_encode(texts)
    return pa.array(map(_kept, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)


@functools.lru_cache(maxsize=256)
def _kept(text: str | None) -> str | None:
    fields = None if text is None else msgspec.json.decode(text)
    return as_json(fields) if fields else None


@functools.lru_cache(maxsize=256)
def kept_of_stream(texts: tuple[str, ...], nested: tuple[str, ...]) -> str:
    """The fields that the chunks of a stream, or of a choice, say one after the other, as they are kept.

    nested: the fields whose own fields are lists, as `listed` takes them.
    """
    merged: dict[str, Any] = {}
    for text in texts:
        merge_lists(merged, listed(msgspec.json.decode(text), *nested))
    return as_json(merged)


def unlisted(extra: Mapping[str, Any]) -> dict[str, Any] | None:
    """The unknown fields of one chunk, as it sent them; None where more than one value of a field is kept."""
    found: dict[str, Any] = {}
    for name, values in extra.items():
        value = unlisted(values) if isinstance(values, dict) else values[0] if len(values) == 1 else None
        if value is None:
            return None
        found[name] = value
    return found

"""What the line that a logger wrote says beside an answer: when it came or ended, and what was asked."""

from __future__ import annotations

from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.encoded import of_bytes
from chatlogs.reading.envelopes import Envelope, at, fill, first_time
from chatlogs.reading.failures import asks_for_chat
from chatlogs.reading.payloads import object_of
from chatlogs.reading.unnamed import asked_beside
from chatlogs.reading.wrappers import ARRIVALS, CHUNK_KEYS, DURATIONS, LOGGED, MOMENTS


def add_logged(envelope: Envelope, line: dict[str, Any], name: str = "") -> None:
    """Take what the logger's line says beside the answer, as far as the answer's own wrapper does not say it.

    name: the field in which the answer stands; what was asked may stand under its counterpart.
    """
    if envelope.request is None:
        paths = (*asked_beside(name), *LOGGED.request)
        request = next((found for path in paths if (found := object_of(at(line, path)))), None)
        envelope.request = request if request is not None and asks_for_chat(line, request) else None
    beside = Envelope([], False)
    fill(beside, line, LOGGED.fact_paths, ())
    is_timed = has_moment(envelope)
    told = MOMENTS if is_timed else DURATIONS if any(name.startswith(DURATIONS) for name in envelope.facts) else ()
    if not is_timed and not note_arrival(envelope, line) and not has_moment(beside):
        beside.facts["ended_at"] = first_time(line, ARRIVALS)  # a line is written when there is an answer to write
    for name, fact in beside.facts.items():
        if fact is not None and not name.startswith(told):
            envelope.facts.setdefault(name, fact)


def note_writing(envelope: Envelope) -> None:
    """Take the time of a logger's line for that of the end, where no name says of what it is."""
    facts = envelope.facts
    if "noted_at" in facts and "ended_at" not in facts:
        facts["ended_at"] = facts.pop("noted_at")


def note_arrival(envelope: Envelope, line: dict[str, Any]) -> bool:
    """Whether the envelope is a chunk alone: then the time beside it is when that arrived, not when the call began."""
    parts = envelope.parts
    is_chunk = len(parts) == 1 and not envelope.transcript and shapes.kind(parts[0].value) == shapes.CHUNK
    if is_chunk and (arrived := first_time(line, ARRIVALS)) is not None:
        parts[0].arrived_at = parts[0].arrived_at or arrived
        if envelope.facts.get("noted_at") == arrived:
            del envelope.facts["noted_at"]
    return is_chunk


def has_moment(envelope: Envelope) -> bool:
    """Whether it says when something of the call happened: a duration alone does not."""
    return any(name.startswith(MOMENTS) and not name.startswith(DURATIONS) for name in envelope.facts)


def logged_texts(value: dict[str, Any]) -> list[str] | None:
    """The texts of a logger's line that holds nothing else; None of any other."""
    found = [of_bytes(value[name]) for name in CHUNK_KEYS if name in value]
    is_plain = first_time(value, ARRIVALS) is not None and not any("err" in name or "exc" in name for name in value)
    texts = [text for text in found if isinstance(text, str)]
    return texts if texts and is_plain and len(texts) == len(found) else None

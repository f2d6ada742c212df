"""Piece: what one contiguous part of a log says about one response, and how two of them merge.

A piece is one chunk, a run of chunks, a whole stream or a stored completion. `merge` is associative, so
parts of a stream may be folded in any grouping, as long as their order is kept. Derived columns are no
part of a piece: they are computed once, for everybody, from the finished ones.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, NamedTuple

import msgspec

from chatlogs.normalizing.records.filters import worst
from chatlogs.normalizing.records.toolcalls import ToolRuns, ToolSlot
from chatlogs.texts import Grown, Text, joined
from chatlogs.values import same

STREAM, COMPLETION = "stream", "completion"

Growth = tuple[str, str, int] | None
"""First and last fragment and their number while each repeats the one before; None once one did not."""

Said = tuple[str, ...]
"""What one event says: content, reasoning, and the arguments of each of its calls."""


class ChunkRow(NamedTuple):
    """One chunk; the names are those of the chunks table."""

    choice_index: int | None
    arrived_at: int | None
    content_length: int
    reasoning_length: int
    arguments_length: int | None
    finish_reason: str | None


Measured = tuple[int, int, float]
"""Tokens with log probabilities: how many, how many of them count in the mean, and the sum of these."""


@dataclass(slots=True)
class Choice:
    """One choice. Texts are plain strings once the piece is `finished`; None means never sent."""

    index: int
    role: str | None = None
    content: Grown = None
    reasoning: Grown = None
    refusal: Grown = None
    finish_reason: str | None = None
    calls: ToolRuns = field(default_factory=ToolRuns)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    measured: Measured = (0, 0, 0.0)  # of tokens of which no entry is kept
    content_filter: str | None = None  # JSON text
    annotations: list[Any] = field(default_factory=list)
    audio: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    whole: bool = False  # begins with a full message, which replaces what was streamed before
    tail: bool = False  # a fragment came since then
    role_late: bool = False  # the first role came after text
    text_late: bool = False  # text came after the finish_reason
    finish_changed: bool = False
    growth: Growth = ("", "", 0)
    so_far: tuple[Said, Said] | None = None  # of events that may repeat the answer: the first and last, while each does
    text_digest: str | None = None  # of texts that are not kept; parts have theirs one after the other

    @property
    def tool_calls(self) -> list[ToolSlot]:
        """The calls of a finished piece; while a stream is folded, the runs of their fragments."""
        return self.calls.runs

    @property
    def says(self) -> bool:
        """Whether the choice holds any text or tool call."""
        return bool(self.content or self.reasoning or self.refusal or self.calls or self.audio)


@dataclass(slots=True)
class Piece:
    """One part of one response; the names are those of the completions table."""

    id: str | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    form: str = STREAM
    created: int | None = None
    service_tier: str | None = None
    chunk_count: int | None = None
    usage: str | None = None  # JSON text
    provider: str | None = None
    error_code: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    custom_id: str | None = None
    request_model: str | None = None
    requested_service_tier: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    n: int | None = None
    metadata: str | None = None  # JSON text
    request: str | None = None  # JSON text
    started_at: int | None = None
    first_chunk_at: int | None = None
    last_chunk_at: int | None = None
    ended_at: int | None = None
    status_code: int | None = None
    flags: set[str] = field(default_factory=set)
    extra: dict[str, Any] = field(default_factory=dict)
    line_number: int = 0
    byte_offset: int = 0
    last_line: int = 0
    last_offset: int = 0
    part: int = 0
    opens: bool = False
    role_repeats: bool = False
    choices: dict[int, Choice] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[ChunkRow] = field(default_factory=list)


_FIRST = (
    "id", "model", "provider", "error_code", "error_type", "error_message", "request_id", "custom_id", "request_model",
    "requested_service_tier", "stream", "temperature", "top_p", "seed", "max_tokens", "n", "metadata", "request",
    "status_code",
)  # fmt: skip
_LAST = ("system_fingerprint", "service_tier")
_LEAST = ("created", "started_at", "first_chunk_at")
_MOST = ("last_chunk_at", "ended_at")
ONE_VALUE = _FIRST + _LAST + _LEAST + _MOST  # of the whole response, whichever piece says it
_values = operator.attrgetter(*ONE_VALUE)
_CHANGES = {
    "id": "id_varies",
    "model": "model_varies",
    "created": "created_varies",
    "system_fingerprint": "fingerprint_changed",
    "service_tier": "service_tier_changed",
}


def says_only(what: Piece | Choice, names: frozenset[str]) -> bool:
    """Whether the piece, or the choice, says nothing but what stands in these fields."""
    others, nothing = _others(isinstance(what, Piece), names)
    return others(what) == nothing


@functools.cache
def _others(of_piece: bool, names: frozenset[str]) -> tuple[operator.attrgetter[Any], Any]:
    """What gets the values of all other fields, and these values where nothing is said."""
    empty = Piece() if of_piece else Choice(0)
    others = operator.attrgetter(*(name for name in empty.__slots__ if name not in names))
    return others, others(empty)


def merge(a: Piece, b: Piece) -> Piece:
    """The piece that a and, after it, b make up. Both are used up: a is changed and returned, b must not be used again.

    Associative, and total: it never asks whether b should continue a; see `pieces.continues`.
    """
    for piece in (a, b):
        if piece.form == COMPLETION:
            piece.form = STREAM
            piece.extra = listed(piece.extra)
            for choice in piece.choices.values():
                as_stream(choice)
    merge_facts(a, b)
    _merge_usage(a, b)
    a.flags |= b.flags
    a.chunk_count = (a.chunk_count or 0) + (b.chunk_count or 0)
    merge_lists(a.extra, b.extra)
    a.last_line, a.last_offset = b.last_line, b.last_offset
    a.role_repeats |= b.role_repeats
    for choice in b.choices.values():
        add_choice(a, choice)
    a.messages = a.messages or b.messages
    a.chunks.extend(b.chunks)
    return a


def merge_facts(a: Piece, b: Piece) -> None:
    """Merge what is one value of the whole response."""
    for name, value in zip(ONE_VALUE, _values(b), strict=True):
        if value is not None:
            _merge_value(a, name, value)


def _merge_value(a: Piece, name: str, value: Any) -> None:
    old = getattr(a, name)
    if old is None:
        setattr(a, name, value)
    elif old != value:
        if name in _CHANGES:
            a.flags.add(_CHANGES[name])
        if name in _LAST:
            setattr(a, name, value)
        elif name in _LEAST:
            setattr(a, name, min(old, value))
        elif name in _MOST:
            setattr(a, name, max(old, value))


def add_choice(piece: Piece, choice: Choice) -> None:
    """Append the choice, whose unknown fields are as a stream keeps them, to what the piece says of it so far."""
    mine = piece.choices.setdefault(choice.index, choice)
    if mine is not choice:
        piece.role_repeats |= mine.role is not None and choice.role is not None
        _merge_choice(mine, choice)


def is_placeholder(usage: str) -> bool:
    """Whether a usage object counts nothing: servers send such ones before the real one."""
    return not counts(msgspec.json.decode(usage))


def counts(value: object) -> bool:
    """Whether any number in a usage object is not zero."""
    if isinstance(value, dict):
        return any(map(counts, value.values()))
    return isinstance(value, (int, float)) and value != 0


def _merge_usage(a: Piece, b: Piece) -> None:
    if b.usage is None or a.usage == b.usage:
        return
    if a.usage is None or is_placeholder(a.usage):
        a.usage = b.usage
    elif not is_placeholder(b.usage):
        a.usage = b.usage
        a.flags.add("usage_changed")


def _merge_choice(a: Choice, b: Choice) -> None:
    """Append b; a full message with text or calls replaces the fragments before it instead."""
    said_late = a.finish_reason is not None and (b.tail if b.whole else b.says)
    finishes_differ = a.finish_reason and b.finish_reason and a.finish_reason != b.finish_reason
    a.finish_changed |= b.finish_changed or bool(finishes_differ)
    if b.whole:
        a.role_late = b.role_late and a.role is None
        a.text_late = b.text_late or said_late
        a.content, a.reasoning, a.refusal, a.calls = b.content, b.reasoning, b.refusal, b.calls
        a.logprobs, a.annotations, a.audio, a.growth = b.logprobs, b.annotations, b.audio, b.growth
        a.measured, a.so_far = b.measured, b.so_far
        a.whole, a.tail = True, b.tail
    else:
        if a.role is None:
            a.role_late = b.role is not None and (a.says or b.role_late)
        a.text_late |= b.text_late or said_late
        a.content = joined(a.content, b.content)
        a.reasoning = joined(a.reasoning, b.reasoning)
        a.refusal = joined(a.refusal, b.refusal)
        a.calls.extend(b.calls)
        a.logprobs.extend(b.logprobs)
        a.measured = _both_measured(a.measured, b.measured)
        a.annotations.extend(b.annotations)
        a.audio = _merge_audio(a.audio, b.audio)
        a.growth = _merge_growth(a.growth, b.growth)
        a.so_far = (a.so_far[0], b.so_far[1]) if a.so_far and b.so_far and _repeats(b.so_far[0], a.so_far[1]) else None
        a.tail |= b.tail
    if b.text_digest is not None:
        a.text_digest = f"{a.text_digest or ''}{b.text_digest}"
    a.role = a.role or b.role
    a.finish_reason = b.finish_reason or a.finish_reason
    a.content_filter = worst(a.content_filter, b.content_filter)
    merge_lists(a.extra, b.extra)


def _both_measured(a: Measured, b: Measured) -> Measured:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _merge_audio(a: dict[str, Any] | None, b: dict[str, Any] | None) -> dict[str, Any] | None:
    if a is None or b is None:
        return a or b
    for name, value in b.items():
        if name in ("data", "transcript"):
            a[name] = _joined_audio(a.get(name), value)
        elif name != "id" or "id" not in a:
            a[name] = value
    return a


def _joined_audio(one: Any, other: Any) -> Any:
    """The text joined; what is known by its hash only cannot be: then the list of all parts."""
    if isinstance(one, (str, Text, NoneType)) and isinstance(other, (str, Text)):
        return joined(one, other)
    parts: list[Any] = []
    for value in (one, other):
        for part in value if isinstance(value, list) else [] if value is None else [value]:
            text = str(part) if isinstance(part, (str, Text)) else None
            if text is not None and parts and isinstance(parts[-1], str):
                parts[-1] += text
            else:
                parts.append(part if text is None else text)
    return parts


def _merge_growth(a: Growth, b: Growth) -> Growth:
    if a is None or b is None:
        return None
    if not a[2] or not b[2]:
        return a if a[2] else b
    grows = len(b[0]) > len(a[1]) and b[0].startswith(a[1])
    return (a[0], b[1], a[2] + b[2]) if grows else None


def _repeats(said: Said, before: Said) -> bool:
    return len(said) >= len(before) and all(map(str.startswith, said, before))


def merge_lists(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Append the values of each field; a value that repeats the one before it is kept once."""
    for name, values in b.items():
        if name not in a:
            a[name] = values
        elif isinstance(values, dict):
            merge_lists(a[name], values)
        else:
            a[name].extend(values[1:] if same(a[name][-1], values[0]) else values)


def listed(extra: dict[str, Any], *nested: str) -> dict[str, Any]:
    """Unknown fields as a stream keeps them: each the list of its values; so are those of the nested objects."""
    return {name: listed(value) if name in nested else [value] for name, value in extra.items()}


def as_stream(choice: Choice) -> Choice:
    """The choice with its unknown fields as a stream keeps them."""
    choice.extra = listed(choice.extra, "message", "delta")
    return choice

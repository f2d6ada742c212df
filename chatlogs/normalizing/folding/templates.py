"""What many lines of a log have in common: a template, by which they are read at once.

The lines of a log are alike: the same keys in the same order, and other texts and numbers. A template is a line with
holes where these are. Whoever has the same bytes around holes of the same kind says the same things in the same
places, so that no other line needs to be parsed; learning.py makes one of a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEXT, NUMBER, DECIMAL = "text", "number", "decimal"
LINE_END = -1
DECIMALS = r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,17})?([eE]-?[0-9]{1,2})?"  # as such a number is written

Border = tuple[int, int]
"""A place in a line: so many bytes behind (or before, when negative) its quote of that number, or its end."""

TOP, CHOICE, SAID, FILTER = "extra", "choice_extra", "said_extra", "content_filter"
TEXT_FIELDS = ("call_arguments", "content", "reasoning", "refusal")


@dataclass(frozen=True)
class Hole:
    """Where lines differ: a string's text between its quotes, a whole number, or one that need not be whole."""

    kind: str
    start: Border
    end: Border


@dataclass(frozen=True)
class Unknown:
    """A field that has no column of its own: its level, such as TOP, its name, and where its value stands."""

    level: str
    name: str
    start: Border
    end: Border


@dataclass(frozen=True)
class Template:
    """A line with holes. pieces: the bytes before, between and behind them, one more than holes.

    quotes: how many such a line has. fields: the hole that fills each column. usage: from where to where that
    object reaches, if it is there; minified: it has no blanks. usage_numbers: the whole numbers in it. decimal: it has
    others. unknown: other fields. text: the field that a stream's lines differ in. choices: how many there are; only a
    stored completion has several. full: fields that are not empty. same: two holes with the same text, of which the
    first only repeats the other. silent: there is neither a delta nor a message, so that its `object` tells a chunk.
    kept: holes in unknown fields.
    """

    quotes: int
    pieces: tuple[bytes, ...]
    holes: tuple[Hole, ...]
    lane: str
    fields: Mapping[str, int]
    text: str | None
    choices: int
    usage: tuple[Border, Border] | None = None
    minified: bool = True
    usage_numbers: tuple[int, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    decimal: bool = False
    full: tuple[str, ...] = ()
    same: tuple[int, int] | None = None
    silent: bool = False
    kept: frozenset[int] = frozenset()

    def __hash__(self) -> int:
        return hash(self.pieces)

    def hole(self, name: str) -> Hole:
        """The hole of a field that lines of this template have."""
        return self.holes[self.fields[name]]

    @property
    def before_text(self) -> bytes:
        """The last bytes before the text that a stream's lines differ in."""
        return self.pieces[self.fields[self.text or ""]][-16:]


def of_choice(field: str, place: int) -> str:
    """The name of a choice's field among the fields of a template; that of the first choice is the field's own."""
    return f"{field} {place}" if place else field


def field_of(name: str) -> str:
    """The field of any choice that has the name among those of a template."""
    return name.partition(" ")[0]

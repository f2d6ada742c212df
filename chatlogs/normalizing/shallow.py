"""Wrappers decoded no deeper than what tells them: their answers and messages stay bytes, and keys are counted.

That no key stands twice is known from the count: the block's quotes tell how many keys a line has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.quotes import Quotes
from chatlogs.normalizing.shells import NAMING, REQUESTS
from chatlogs.reading.decoding import DEPTH_LIMIT
from chatlogs.reading.lines import Lines

UNSET = msgspec.UNSET
BODIES = ("response", "body", "completion", "output", "response_body", "chunks")
ASKING = REQUESTS | {"model_parameters"}
_MOST_NAMES = 100  # of fields
_COLON, _SPACE, _TAB, _CR, _BRACE = 0x3A, 0x20, 0x09, 0x0D, 0x7B
_Fields = dict[str, msgspec.Raw] | list[Any] | str | int | float | bool | None | msgspec.UnsetType
raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Frame:
    """Decodes objects into tuples of the same width; it grows with each name that is new."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.decode = msgspec.json.Decoder(_struct(self.names)).decode

    def values(self, text: Any) -> tuple[Any, ...] | None:
        """The values by the places of their names; None where they should be read one by one."""
        try:
            return msgspec.structs.astuple(self.decode(text))
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                return None
        except (ValueError, RecursionError):
            return None
        return self.values(text) if self._grow(text) else None

    def _grow(self, text: Any) -> bool:
        try:
            new = [name for name in raws(text) if name not in self.names]
        except (ValueError, RecursionError):
            return False
        if not new or len(self.names) + len(new) > _MOST_NAMES or not NAMING.isdisjoint(new):
            return False
        self.names += new
        self.decode = msgspec.json.Decoder(_struct(self.names)).decode
        return True


def _struct(names: Sequence[str]) -> Any:
    return msgspec.defstruct("_Frame", [_field(f"f{at}", name) for at, name in enumerate(names)],
                             forbid_unknown_fields=True, gc=False)  # fmt: skip


def _field(place: str, name: str) -> tuple[str, Any, Any]:
    raw = name in BODIES or name == "messages"
    kind = msgspec.Raw | msgspec.UnsetType if raw else _Fields if name in ASKING else Any
    return place, kind, msgspec.field(default=UNSET, name=name)


class Keys:
    """Counts the keys of lines: their texts that a colon follows. plain: lines that are sure to be no deeper than may
    be, and of which no text is followed by a blank."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        data = np.frombuffer(lines.block.data, np.uint8)
        quotes = Quotes(lines)
        quotes.look(np.arange(len(lines)))
        self.place, self.first, self.end = quotes.place, quotes.first, quotes.first + quotes.count
        behind = data[self.place + 1]
        lead = int(self.first[0]) if len(lines) else 0
        of_line = np.repeat(self.first, np.diff(np.append(self.first, len(self.place))))
        closing = (np.arange(lead, len(self.place)) - of_line) & 1 == 1
        closing = np.concatenate([np.zeros(lead, bool), closing])
        self.before = np.concatenate([[0], np.cumsum(closing & (behind == _COLON))])
        blank = closing & ((behind == _SPACE) | (behind == _TAB) | (behind == _CR))
        until = np.concatenate([[0], np.cumsum(blank)])
        self.plain = lines.clean & (until[self.end] == until[self.first])
        opened = np.flatnonzero((data[: lines.block.size] | _SPACE) == _BRACE)
        self.plain &= np.searchsorted(opened, lines.end) - np.searchsorted(opened, lines.start) <= DEPTH_LIMIT

    def outside(self, numbers: Sequence[int], answers: Sequence[msgspec.Raw]) -> int:
        """How many keys these lines have but for those in their answers."""
        lines = np.array(numbers)
        before = self.before
        base = pa.py_buffer(self.lines.block.data).address
        begin = np.array([pa.py_buffer(answer).address for answer in answers]) - base
        end = begin + np.array(list(map(len, answers)))
        within = before[np.searchsorted(self.place, end)] - before[np.searchsorted(self.place, begin)]
        return int((before[self.end[lines]] - before[self.first[lines]] - within).sum())

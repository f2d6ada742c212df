"""JSON values of many lines in, one a row: a column of what they say out. What is equal is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.structure import EMPTY_TEXT, NOTHING, NULL, TEXT, Structure
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.decoding import DEPTH_LIMIT
from chatlogs.reading.lines import Ints
from chatlogs.values import text

ABSENT = -1
_NOT_TO_BE_READ = object()
_FIELD = r'("[^"\\]*":)("[^"\\]*"|[1-9][0-9]{0,15}\b)'
Together = Callable[[pa.StringArray], pa.Array]
"""JSON values in, what each says out, null for those that it does not know."""


def decoded(part: bytes) -> Any:
    """The value; ValueError when a key may stand twice in it, or it may be too deep."""
    value = msgspec.json.decode(part)
    if part[:1] in (b"{", b"["):
        twice = msgspec.json.encode(value).count(b'":') != part.count(b'":')
        if twice or part.count(b"[") + part.count(b"{") > DEPTH_LIMIT:
            raise ValueError("not plain")
    return value


@dataclass
class Cells:
    """Where the values begin and end, ABSENT where there is none; and in which lines, by their place in the structure.

    A line with a value that only the careful path should read becomes bad.
    """

    structure: Structure
    line: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.line)

    def kinds(self) -> npt.NDArray[np.uint8]:
        """Of which kinds they are."""
        there = self.start >= 0
        found = np.full(len(self), NOTHING, np.uint8)
        found[there] = self.structure.kinds(self.start[there], self.end[there])
        return found

    def where(self, keep: Bools | Ints) -> Cells:
        """Those of the rows that are to be kept, or that stand in these places."""
        return Cells(self.structure, self.line[keep], self.start[keep], self.end[keep])

    def each(self, read: Callable[[bytes], Any], kind: pa.DataType, together: Together | None = None) -> pa.Array:
        """What `read` says of each value; see `different`."""
        return taken(*self.different(read, kind, together))

    def different(
        self, read: Callable[[bytes], Any], kind: pa.DataType, together: Together | None = None
    ) -> tuple[pa.Array, Ints]:
        """What `read` says of different values, and the place of each row's there, ABSENT where it has no value.

        A ValueError makes the lines that have the value bad. together: says the same of many values at once, and null
        of those that `read` is to be asked for.
        """
        there = np.flatnonzero(self.start >= 0)
        places = np.full(len(self), ABSENT)
        if not len(there):
            return pa.nulls(0, kind), places
        raws = self.structure.words.views(self.start[there], self.end[there]).cast(pa.string())
        encoded = pc.dictionary_encode(raws)
        values, failed = _said(encoded.dictionary, read, kind, together)
        places[there] = encoded.indices.to_numpy()
        if len(failed):
            self.structure.bad[self.line[np.isin(places, failed)]] = True
        return values, places

    def texts(self) -> pa.Array:
        """Strings that are not empty, and integers as their digits; null for everything else."""
        kinds = self.kinds()
        rest = np.flatnonzero((kinds != TEXT) & (kinds != EMPTY_TEXT) & (kinds != NULL) & (kinds != NOTHING))
        found = self.strings(kinds == TEXT)
        if not len(rest):
            return found
        places = np.arange(len(self))
        places[rest] = len(self) + np.arange(len(rest))
        others = self.where(rest).each(lambda part: text(decoded(part)), pa.string())
        return taken(pa.concat_arrays([found, others]), places)

    def strings(self, which: Bools) -> pa.StringArray:
        """What the strings in these rows say; null in all others."""
        start, end = np.where(which, self.start + 1, 0), np.where(which, self.end - 1, 0)
        texts = self.structure.escapes.texts(start, end)
        if which.all():
            return texts
        there = pa.py_buffer(np.packbits(which, bitorder="little"))
        return pa.StringArray.from_buffers(len(texts), texts.buffers()[1], texts.buffers()[2], there)


def as_written(read: Callable[[bytes], str | None]) -> Together:
    """Says of objects what is written, where `read` would say just that.

    What `read` makes of an object it makes of its fields' names, whatever their texts and numbers are, if these are
    written as JSON writes them.
    """

    def together(parts: pa.StringArray) -> pa.StringArray:
        shapes = pc.dictionary_encode(pc.replace_substring_regex(parts, _FIELD, r'\1""'))
        different = shapes.dictionary.to_pylist()
        same = [said == shape for said, shape in zip(_read(read, map(str.encode, different)), different, strict=True)]
        return pc.if_else(pa.array(same, pa.bool_()).take(shapes.indices), parts, None)

    return together


def taken(values: pa.Array, places: Ints) -> pa.Array:
    """The values at these places, null where it is ABSENT."""
    if not len(values):
        return pa.nulls(len(places), values.type)
    return values.take(pa.array(places, mask=places < 0))


def _said(
    parts: pa.StringArray, read: Callable[[bytes], Any], kind: pa.DataType, together: Together | None
) -> tuple[pa.Array, Ints]:
    """What the values say, and the places of those that cannot be read."""
    known = pa.nulls(len(parts), kind) if together is None else together(parts)
    rest = np.flatnonzero(known.is_null())
    one_by_one = list(_read(read, parts.take(pa.array(rest)).cast(pa.binary()).to_pylist()))
    failed = np.array([value is _NOT_TO_BE_READ for value in one_by_one], bool)
    if failed.any():
        one_by_one = [None if value is _NOT_TO_BE_READ else value for value in one_by_one]
    found = pa.array(one_by_one, kind)
    return found if len(rest) == len(known) else pc.replace_with_mask(known, known.is_null(), found), rest[failed]


def _read(read: Callable[[bytes], Any], parts: Iterable[bytes]) -> Iterable[Any]:
    for part in parts:
        try:
            yield read(part)
        except (ValueError, RecursionError):
            yield _NOT_TO_BE_READ

"""Lists in which a program noted a stream as it came: what each item holds, and its time, for many lists at once.

An item is a chunk in a small object, a line of the body in such an object, or that line as a text. What is told here
is what `payloads.payload` tells of the list; a line becomes bad whose list is not surely like that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.structure import (
    EMPTY_OBJECT,
    EMPTY_TEXT,
    LIST,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    Members,
    Structure,
)
from chatlogs.normalizing.scanning.words import Bools, ranges
from chatlogs.normalizing.unwrapping.cells import ABSENT
from chatlogs.normalizing.unwrapping.plans import STEPS_OF_ANSWERS
from chatlogs.normalizing.unwrapping.shells import ERRORS, NAMING
from chatlogs.reading.encoded import opened
from chatlogs.reading.lines import Ints
from chatlogs.reading.sse import looks_like_sse
from chatlogs.reading.wrappers import ARRIVALS, CHUNK_KEYS, OWN_REQUEST
from chatlogs.values import is_duration

_TELLING = NAMING | ERRORS | {"base_resp", "code", OWN_REQUEST}  # fields by which an object may be a record itself
_OUTER = frozenset(path.partition(".")[0] for path in ARRIVALS if "." in path)  # objects in which a time may be
_PLAIN_NUMBER = r"^-?(0|[1-9]\d{0,17})(\.\d{1,9})?$"
_DATE = r"^\d{4}-\d\d-\d\d\D"
_SPACE, _COMMA = 0x20, 0x2C
_EVENT = b'"data:'


@dataclass
class Items:
    """Items of lists: the list of each, where the chunk or the text in it stands, and its time as it is written."""

    owner: Ints
    start: Ints
    end: Ints
    time: pa.StringArray

    @classmethod
    def none(cls) -> Items:
        """No items."""
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, nothing, pa.array([], pa.string()))

    @classmethod
    def joined(cls, parts: Sequence[Items]) -> Items:
        """All of them, in the order of their lists."""
        owner, start, end = (np.concatenate([getattr(of, name) for of in parts]) for name in ("owner", "start", "end"))
        time = pa.chunked_array([of.time for of in parts]).combine_chunks()
        order = np.argsort(owner, kind="stable")
        return cls(owner[order], start[order], end[order], time.take(pa.array(order)))


def chunks(structure: Structure, opening: Ints, depth: int, line: Ints) -> Items:
    """The items of lists, which open that depth and stand in these lines, that are chunks."""
    found, owner = structure.elements(opening, depth, line)
    _check_chunks(structure, found, depth + 1, line[owner])
    end = structure.place[structure.closing(found, depth + 1)].astype(np.int64) + 1
    return Items(owner, structure.place[found].astype(np.int64), end, pa.nulls(len(owner), pa.string()))


def held_chunks(structure: Structure, opening: Ints, depth: int, line: Ints) -> Items:
    """The chunks in the objects that are the items of lists."""
    fields = _Fields(structure, opening, depth, line)
    items = fields.items(fields.members.where(fields.named(CHUNK_KEYS)), (OBJECT,))
    good = ~structure.bad[fields.line]
    _check_chunks(structure, structure.at(items.start[good]), depth + 2, fields.line[good])
    return items


def held_texts(structure: Structure, opening: Ints, depth: int, line: Ints) -> Items:
    """The texts in the objects that are the items of lists: lines of a body under one name, or JSON texts of chunks."""
    fields = _Fields(structure, opening, depth, line)
    members = fields.members
    is_event = (fields.kinds == TEXT) & structure.words.equal(members.start, _EVENT)
    name_of = np.full(len(opening), ABSENT)  # of a list: the name under which the first event stands
    of_list = fields.owner[members.owner]
    name_of[of_list[is_event][::-1]] = fields.code[is_event][::-1]
    holds = np.where(name_of[of_list] == ABSENT, fields.named(CHUNK_KEYS), fields.code == name_of[of_list])
    fields.spoil(members.owner[holds & fields.named(ARRIVALS)])
    return fields.items(members.where(holds), (TEXT, EMPTY_TEXT))


def texts(structure: Structure, opening: Ints, depth: int, line: Ints) -> Items:
    """The items of lists of texts, at any depth."""
    before, behind = structure.text[opening], structure.text[opening + 1]
    closing = np.minimum(opening + 1, len(structure.place) - 1)
    text, owner = ranges(before, behind - before), np.repeat(np.arange(len(opening)), behind - before)
    start, end = structure.opens[text].astype(np.int64), structure.closes[text].astype(np.int64) + 1
    is_first = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    is_last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    ahead = np.where(is_first, structure.place[opening[owner]] + 1, np.append(0, end[:-1])[: len(owner)] + 1)
    gap = start - ahead
    odd = (gap < 0) | (gap > 1) | ((gap == 1) & (structure.data[ahead] != _SPACE))
    odd |= ~is_first & (structure.data[ahead - 1] != _COMMA)
    odd |= is_last & (end != structure.place[closing[owner]])
    structure.bad[line[owner[odd]]] = True
    structure.bad[line[(behind == before) | structure.opening[closing]]] = True
    return Items(owner, start, end, pa.nulls(len(owner), pa.string()))


def _check_chunks(structure: Structure, opening: Ints, depth: int, line: Ints) -> None:
    """Leave the lines of objects to be read alone that have no choices, or in which something else is looked for."""
    members = structure.members(opening, depth, line)
    code, names = structure.names(members, line)
    has_choices = np.zeros(len(opening), bool)
    has_choices[members.owner[code == (names.index("choices") if "choices" in names else ABSENT)]] = True
    structure.bad[line[~has_choices]] = True
    steps = [number for number, name in enumerate(names) if name in STEPS_OF_ANSWERS]
    says_more = np.isin(code, steps) & (structure.kinds(members.start, members.end) != NULL)
    structure.bad[line[members.owner[says_more]]] = True


class _Fields:
    """The fields of the objects in lists of objects."""

    def __init__(self, structure: Structure, opening: Ints, depth: int, line: Ints) -> None:
        self.structure = structure
        found, self.owner = structure.elements(opening, depth, line)
        self.line = line[self.owner]
        self.members = structure.members(found, depth + 1, self.line)
        self.code, self.names = structure.names(self.members, self.line)
        self.kinds: npt.NDArray[np.uint8] = structure.kinds(self.members.start, self.members.end)
        tells = _TELLING | _OUTER | ({"type"} if "message" in self.names else set())
        self.spoil(self.members.owner[self.named(tuple(tells))])

    def spoil(self, items: Ints) -> None:
        """Leave the lines of these items to be read alone."""
        self.structure.bad[self.line[items]] = True

    def named(self, names: Sequence[str]) -> Bools:
        """Which of the fields have one of these names."""
        return np.isin(self.code, [place for place, name in enumerate(self.names) if name in names])

    def items(self, held: Members, kinds: Sequence[int]) -> Items:
        """The items, each with the one field that it holds, which is to be of one of these kinds."""
        count = np.bincount(held.owner, minlength=len(self.owner))
        self.spoil(np.flatnonzero(count != 1))
        self.spoil(held.owner[~np.isin(self.structure.kinds(held.start, held.end), kinds)])
        start, end = np.zeros(len(self.owner), np.int64), np.zeros(len(self.owner), np.int64)
        start[held.owner], end[held.owner] = held.start, held.end
        return Items(self.owner, start, end, self._times(~np.isin(self.members.name, held.name)))

    def _times(self, beside: Bools) -> pa.StringArray:
        """When each item came, of what is said beside what it holds; that must say nothing else."""
        members, kinds, code = self.members.where(beside), self.kinds[beside], self.code[beside]
        is_text, is_number = kinds == TEXT, kinds == NUMBER
        said = self.structure.words.views(members.start + is_text, members.end - is_text).cast(pa.string())
        odd = np.isin(kinds, (OBJECT, LIST)) | (is_text & pc.match_substring(said, "\\").to_numpy(False))
        odd |= is_number & ~pc.match_substring_regex(said, _PLAIN_NUMBER).to_numpy(False)
        odd |= is_text & self._may_be_events(said, members)
        rank = np.array([ARRIVALS.index(n) if n in ARRIVALS else ABSENT for n in self.names], np.int64)[code]
        may_be = (rank != ABSENT) & ~np.isin(kinds, (NULL, EMPTY_TEXT, EMPTY_OBJECT))
        odd |= may_be & ~(is_text | is_number)
        self.spoil(members.owner[odd])
        may_be[may_be] = _are_times(said.filter(pa.array(may_be)))
        found = np.flatnonzero(may_be)
        found = found[np.lexsort((rank[found], members.owner[found]))]
        owner, first = np.unique(members.owner[found], return_index=True)
        place = np.full(len(self.owner), ABSENT)
        place[owner] = found[first]
        return said.take(pa.array(place, mask=place == ABSENT))

    def _may_be_events(self, said: pa.StringArray, members: Members) -> Bools:
        """Which of the texts may be of a stream too: by those of its first item a list is known."""
        is_first = np.append(True, self.owner[1:] != self.owner[:-1])[: len(self.owner)]
        some = np.flatnonzero(is_first[members.owner])
        encoded = pc.dictionary_encode(said.take(pa.array(some)))
        looks = [looks_like_sse(str(opened(text))) for text in encoded.dictionary.to_pylist()]
        found = np.zeros(len(members.owner), bool)
        found[some] = np.array(looks, bool)[encoded.indices.to_numpy()]
        return found


def _are_times(said: pa.StringArray) -> Bools:
    """Which of the texts and numbers are no durations."""
    encoded = pc.dictionary_encode(pc.if_else(pc.match_substring_regex(said, _DATE), "", said))
    are_times = [not is_duration(text) for text in encoded.dictionary.to_pylist()]
    return np.array(are_times, bool)[encoded.indices.to_numpy()]

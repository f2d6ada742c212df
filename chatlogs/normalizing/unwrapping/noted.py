"""Metadata of many wrappers, and what tools note beside them, in columns: the same as `requests.metadata_of` says.

Each fact is read alone, and equal ones once; where nothing of one meets another they are joined as texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.records.requests import metadata_of
from chatlogs.normalizing.scanning.structure import EMPTY_LIST, EMPTY_OBJECT, EMPTY_TEXT, NOTHING, NULL, OBJECT
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.cells import Cells, as_written, decoded, taken
from chatlogs.values import as_json

_OWN = "metadata"
_WRITTEN = (
    r'^(true|false|"[^"\\{\[][^"\\]*"|[1-9][0-9]{0,14}'  # a word, a whole number, and one that has a shortest form
    r"|0\.0{0,3}([1-9]|[1-9]\d{0,9}[1-9])|[1-9]\d{0,5}\.\d{0,8}[1-9])$"
)
_NONE = '"None"'


def metadata(given: Mapping[str, Cells], rows: int) -> pa.StringArray:
    """What `metadata_of` says of these facts, which are those whose names begin with "metadata"."""
    notes = {name: cells for name, cells in given.items() if name.startswith(f"{_OWN}.")}
    own = pa.nulls(rows, pa.string())
    if _OWN in given:
        read = partial(_alone, _OWN)
        own = given[_OWN].each(read, own.type, as_written(read))
    apart = len(given) > len(notes) + (_OWN in given)  # names and values, of which no object is written
    odd = np.ones(rows, bool) if apart else _meet(own, given.get(_OWN), notes)
    said = own if odd.all() else _joined(own, notes)
    return _with(said, np.flatnonzero(odd), given) if odd.any() else said


def _alone(name: str, part: bytes) -> str | None:
    return metadata_of({name: decoded(part)})


def _meet(own: pa.StringArray, cells: Cells | None, notes: Mapping[str, Cells]) -> Bools:
    """Where the notes may not simply go behind the metadata: those are no object, or have a field of that name."""
    odd = np.zeros(len(own), bool)
    if cells is None or not notes:
        return odd
    odd |= ~np.isin(cells.kinds(), (OBJECT, NOTHING, NULL, EMPTY_OBJECT, EMPTY_LIST, EMPTY_TEXT))
    for name in notes:
        odd |= pc.match_substring(own, _field(name)).fill_null(False).to_numpy(zero_copy_only=False)
    return odd


def _field(name: str) -> str:
    return f"{as_json(name.partition('.')[2])}:"


def _joined(own: pa.StringArray, notes: Mapping[str, Cells]) -> pa.StringArray:
    said = [own, *(cells.each(partial(_alone, name), own.type, _written(name)) for name, cells in notes.items())]
    objects = [each for each in said if each.null_count < len(each)]
    if len(objects) <= 1:
        return objects[0] if objects else own
    insides = [pc.utf8_slice_codeunits(each, 1, -1).fill_null("") for each in objects]
    behind = [pc.if_else(pc.equal(each, ""), "", pc.binary_join_element_wise(",", each, "")) for each in insides]
    fields = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*behind, ""), 1)
    return pc.if_else(pc.is_valid(pc.coalesce(*objects)), pc.binary_join_element_wise("{", fields, "}", ""), None)


def _written(name: str) -> Callable[[pa.StringArray], pa.StringArray]:
    """Says of values what `_alone` does, where they are kept as they are written."""

    def together(parts: pa.StringArray) -> pa.StringArray:
        known = pc.and_(pc.match_substring_regex(parts, _WRITTEN), pc.not_equal(parts, _NONE))
        objects = pc.binary_join_element_wise(pa.scalar("{" + _field(name)), parts, pa.scalar("}"), "")
        return pc.if_else(known, objects, None)

    return together


def _with(said: pa.StringArray, rows: np.ndarray[Any, Any], given: Mapping[str, Cells]) -> pa.StringArray:
    """The same with what is said of these rows, all facts of one read together."""
    found: list[dict[str, Any]] = [{} for _ in rows]
    for name, cells in given.items():
        values: list[Any] = []

        def read(part: bytes, values: list[Any] = values) -> int:
            values.append(decoded(part))
            return len(values) - 1

        for facts, place in zip(found, cells.where(rows).each(read, pa.int64()).to_pylist(), strict=True):
            if place is not None:
                facts[name] = values[place]
    places = np.arange(len(said))
    places[rows] = len(said) + np.arange(len(rows))
    return taken(pa.concat_arrays([said, pa.array(map(metadata_of, found), said.type)]), places)

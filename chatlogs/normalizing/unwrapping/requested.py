"""What many requests say but for their messages, in columns: the same as `requests.apply_request` says one by one.

Parameters say each for itself what they say, so equal ones are read once, of however many requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.records.requests import OF_REQUEST, PARAMETERS, apply_request, is_kept
from chatlogs.normalizing.tables.partials import PIECES
from chatlogs.normalizing.unwrapping.cells import ABSENT, Cells, decoded, taken
from chatlogs.reading.camelcase import CAMEL
from chatlogs.reading.lines import Ints
from chatlogs.values import as_json, fits

_TYPES = PIECES["completions"].arrow()
_MOST = 1 << 11
_LONGEST = 1 << 12  # parameters of more bytes are not remembered
_SAME = frozenset({"max_tokens", "max_completion_tokens"})  # which of the two counts is no matter of one alone
_WORD = r'^("[^"\\]*"|[1-9][0-9]{0,14})$'
_NO_FLAGS: frozenset[str] = frozenset()


@dataclass
class _Said:
    """What a parameter says: values of OF_REQUEST by their place, and the rest, which has no column, as JSON."""

    columns: dict[int, Any]
    rest: str | None
    flags: frozenset[str] = _NO_FLAGS


class _Request:
    """As much of a piece as parameters are put into."""

    request_model = requested_service_tier = stream = temperature = top_p = seed = n = max_tokens = None
    metadata = request = None

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.messages: Sequence[object] = (None,)  # not to be asked for


@dataclass
class Parameters:
    """Parameters that were read before, of those that are more than a word."""

    known: dict[tuple[str, bytes], _Said] = field(default_factory=dict)

    def read(
        self, given: Cells, owner: Ints, code: Ints, names: Sequence[str], rows: int
    ) -> tuple[dict[str, pa.Array], list[tuple[Ints, frozenset[str]]]]:
        """The columns of OF_REQUEST for so many requests, from their parameters: whose each is, and its name.

        And flags, with the rows that get them.
        """
        pools: list[list[Any]] = [[] for _ in OF_REQUEST]
        places = [np.full(rows, ABSENT) for _ in OF_REQUEST]
        flags: list[tuple[Ints, frozenset[str]]] = []
        rests = [pa.array([], pa.string())]
        rest_of = np.full(len(given), ABSENT)
        for number, name in enumerate(names):
            ours = np.flatnonzero(code == number)
            if not len(ours) or not is_kept(name):
                continue
            said: list[_Said] = []
            if name in PARAMETERS:
                said, of = self._of_name(name, given.where(ours))
                rest = pa.array([one.rest for one in said], pa.string())
            else:
                rest, of = given.where(ours).different(partial(self._rest, name), pa.string(), partial(_written, name))
            there = rest.is_valid().to_numpy(zero_copy_only=False)[of] if len(rest) else np.zeros(len(ours), bool)
            rest_of[ours[there]] = of[there] + sum(map(len, rests))
            rests.append(rest)
            for column in {column for one in said for column in one.columns}:
                found = _placed(pools[column], [one.columns.get(column) for one in said])[of]
                places[column][owner[ours[found >= 0]]] = found[found >= 0]
            flags += [(owner[ours[of == place]], one.flags) for place, one in enumerate(said) if one.flags]
        columns = {
            name: taken(pa.array(pool, _TYPES.field(name).type), place)
            for name, pool, place in zip(OF_REQUEST, pools, places, strict=True)
        }
        is_other = np.isin(code, [number for number, name in enumerate(names) if name in CAMEL])
        given.structure.bad[given.line[is_other]] = True
        same = np.isin(code, [number for number, name in enumerate(names) if name in _SAME])
        given.structure.bad[given.line[same][np.bincount(owner[same], minlength=rows)[owner[same]] > 1]] = True
        return columns | {"request": _joined(pa.concat_arrays(rests), rest_of, owner, rows)}, flags

    def _of_name(self, name: str, given: Cells) -> tuple[list[_Said], Ints]:
        """What all different values of a parameter say, and which of these each row has."""
        said: list[_Said] = []

        def read(part: bytes) -> int:
            said.append(self._read(name, part))
            return len(said) - 1

        of = given.each(read, pa.int64())
        if of.null_count:  # lines that became bad
            said.append(_Said({}, None))
        return said, of.fill_null(len(said) - 1).to_numpy()

    def _rest(self, name: str, part: bytes) -> str | None:
        """What a parameter without a column says."""
        return self._read(name, part).rest

    def _read(self, name: str, part: bytes) -> _Said:
        found = self.known.get((name, part))
        if found is None:
            found = _applied(name, decoded(part))
            if len(self.known) >= _MOST:
                self.known.clear()
            if part[:1] in (b"{", b"[") and len(part) < _LONGEST:
                self.known[name, part] = found
        return found


def _written(name: str, parts: pa.StringArray) -> pa.StringArray:
    """What a parameter without a column says, of which all texts and numbers are written as they are kept."""
    fields = pc.binary_join_element_wise(pa.scalar(f"{as_json(name)}:"), parts, "")
    return pc.if_else(pc.match_substring_regex(parts, _WORD), fields, None)


def _applied(name: str, value: Any) -> _Said:
    _check(value)
    piece: Any = _Request()
    apply_request(piece, {name: value})
    values = {place: said for place, column in enumerate(OF_REQUEST) if (said := getattr(piece, column)) is not None}
    rest = values.pop(OF_REQUEST.index("request"), None)
    return _Said(values, None if rest is None else rest[1:-1], frozenset(piece.flags))


def _check(value: Any) -> None:
    if isinstance(value, int) and not fits(value):
        raise ValueError("a number that no column holds")


def _placed(pool: list[Any], values: Sequence[Any]) -> Ints:
    """Put the values into the pool; their places there, ABSENT for None."""
    places = []
    for value in values:
        places.append(ABSENT if value is None else len(pool))
        if value is not None:
            pool.append(value)
    return np.array(places, np.int64)


def _joined(rests: pa.StringArray, rest_of: Ints, owner: Ints, rows: int) -> pa.Array:
    """The parameters without a column as objects, one a request; null where there are none."""
    there = rest_of >= 0
    texts = rests.take(pa.array(rest_of[there]))
    counts = np.bincount(owner[there], minlength=rows)
    lists = pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(counts)), pa.int32()), texts)
    inside = pc.binary_join(lists, ",")
    objects = pc.binary_join_element_wise(pa.scalar("{"), inside, pa.scalar("}"), "")
    return pc.if_else(pa.array(counts > 0), objects, pa.scalar(None, pa.string()))

"""Times, status and ids that many wrappers give, in columns: the same as `requests.apply_facts` says one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from chatlogs.normalizing.records.requests import duration_of, status_of, time_of
from chatlogs.normalizing.scanning.structure import FALSE, LIST, TRUE
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.cells import Cells, Together, decoded
from chatlogs.normalizing.unwrapping.noted import metadata
from chatlogs.normalizing.unwrapping.times import durations, times
from chatlogs.reading.lines import Ints
from chatlogs.values import LAST_MICROSECOND, is_duration

OF_FACTS = ("request_id", "custom_id", "provider", "metadata", "started_at", "first_chunk_at", "ended_at",
            "status_code")  # fmt: skip
_Optional = tuple[Ints, Bools]
"""Numbers, and which of them are there."""


def facts_of(given: Mapping[str, Cells], rows: int, arrived: _Optional) -> tuple[dict[str, pa.Array], Bools]:
    """The columns of OF_FACTS, and which rows give times that contradict each other.

    arrived: when the first chunk came, of those answers that tell.
    """

    def read(name: str, kind: Callable[[Any], int | None], together: Together | None = None) -> _Optional:
        if name not in given:
            return np.zeros(rows, np.int64), np.zeros(rows, bool)
        found = given[name].each(lambda part: kind(decoded(part)), pa.int64(), together)
        return found.fill_null(0).to_numpy(), found.is_valid().to_numpy(False)

    def duration(name: str, unit: int) -> _Optional:
        return read(name, lambda value: duration_of(value, unit), lambda parts: durations(parts, unit))

    started, noted, ended, first, begun = (
        read(name, _time, times)
        for name in ("started_at", "noted_at", "ended_at", "first_chunk_at", "completion_start_at")
    )
    late = np.any([there & (value < noted[0]) for value, there in (ended, first, begun, arrived)], axis=0)
    ended = _either(ended, (noted[0], noted[1] & late & ~started[1]))
    started = _either(started, (noted[0], noted[1] & ~late))
    took = _either(duration("duration_ms", 1000), duration("duration_s", 1_000_000))
    waited = duration("first_chunk_ms", 1000)
    ended = _either(ended, _sum(started, took))
    streamed = given["stream"].kinds() if "stream" in given else np.zeros(rows, np.uint8)
    begun = (begun[0], begun[1] & (streamed != FALSE) & ~(ended[1] & (begun[0] == ended[0])))
    first = _either(first, begun)
    started = _either(started, _before(ended, took, _either(first, arrived)))
    first = _either(arrived, _either(first, _sum(started, waited)))
    skewed = np.zeros(rows, bool)
    checked = []
    for value, there in (first, ended):
        early = started[1] & there & (value < started[0])
        skewed |= early
        checked.append((value, there & ~early))
    columns = {name: _array(*of) for name, of in zip(("first_chunk_at", "ended_at"), checked, strict=True)}
    columns |= {"started_at": _array(*started), "status_code": _array(*read("status_code", status_of))}
    nothing = pa.nulls(rows, pa.string())
    for name in ("request_id", "custom_id", "provider"):
        columns[name] = given[name].texts() if name in given else nothing
    if "request_id" in given:
        given["request_id"].structure.bad[given["request_id"].line[given["request_id"].kinds() == LIST]] = True
    columns["stream"] = pa.array(streamed == TRUE, mask=~np.isin(streamed, (TRUE, FALSE)))
    columns["metadata"] = metadata({name: cells for name, cells in given.items() if name.startswith("metadata")}, rows)
    return columns, skewed


def _time(value: Any) -> int | None:
    """The time; ValueError for a duration, in the place of which another time may count."""
    if is_duration(value):
        raise ValueError("no time")
    return time_of(value)


def _either(one: _Optional, other: _Optional) -> _Optional:
    return np.where(one[1], one[0], other[0]), one[1] | other[1]


def _sum(one: _Optional, other: _Optional) -> _Optional:
    value = one[0] + other[0]
    return value, one[1] & other[1] & (value <= LAST_MICROSECOND)


def _before(one: _Optional, other: _Optional, first: _Optional) -> _Optional:
    value = one[0] - other[0]
    return value, one[1] & other[1] & (value > 0) & (~first[1] | (value <= first[0]))


def _array(values: Ints, there: Bools) -> pa.Array:
    return pa.array(values, pa.int64(), mask=~there)

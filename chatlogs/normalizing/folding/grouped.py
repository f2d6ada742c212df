"""Columns of chunks in, columns of their streams or choices out: what the rows of each group say together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.folding.chunks import Codes
from chatlogs.normalizing.folding.groups import Groups
from chatlogs.normalizing.folding.unknown import all_kept, kept_of_stream
from chatlogs.normalizing.records.filters import worst_of
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints


def agreed(column: Codes, groups: Groups, kept: Bools) -> pa.Array:
    """What the rows of each group say in a column, that say anything; they agree."""
    return column.take(groups.most(column.code)[kept])


def worst(column: Codes, groups: Groups, kept: Bools) -> pa.Array:
    """The verdicts of content filters on each group: where its rows do not agree, the worst of each kind."""
    found = all_kept(column.take(groups.latest(column.code)[kept]))
    differ = np.flatnonzero(~groups.agree(column.code)[kept])
    if not len(differ):
        return found
    texts = all_kept(column.texts).to_pylist()
    said: dict[int, list[str]] = {}
    for row in groups.order[column.code[groups.order] >= 0].tolist():
        said.setdefault(int(groups.of_row[row]), []).append(texts[column.code[row]])
    at = np.flatnonzero(kept)[differ].tolist()
    return pc.replace_with_mask(found, _mask(differ, len(found)), pa.array([worst_of(tuple(said[g])) for g in at]))


def _mask(rows: Ints, count: int) -> pa.BooleanArray:
    mask = np.zeros(count, bool)
    mask[rows] = True
    return pa.array(mask)


def unknown(column: Codes, groups: Groups, kept: Bools, nested: tuple[str, ...]) -> pa.Array:
    """The unknown fields of each group, as a stream keeps them: the values of each in a list, repeats once."""
    if not (column.code >= 0).any():
        return pa.nulls(int(kept.sum()), pa.string())
    texts = column.texts.to_pylist()
    said: list[list[str]] = [[] for _ in range(len(groups))]
    rows = groups.order[column.code[groups.order] >= 0]
    for group, code in zip(groups.of_row[rows].tolist(), column.code[rows].tolist(), strict=True):
        said[group].append(texts[code])
    one_by_one = (said[group] for group in np.flatnonzero(kept).tolist())
    return pa.array([kept_of_stream(tuple(of), nested) if of else None for of in one_by_one], pa.string())


def joined(texts: pa.Array, groups: Groups, kept: Bools) -> pa.Array:
    """The texts of each group, one behind the other; null where there is none."""
    rows = groups.order[kept[groups.of_row[groups.order]]]
    there = texts.is_valid().to_numpy(zero_copy_only=False)
    rows = rows[there[rows]]
    counts = np.bincount(groups.of_row[rows], minlength=len(groups))[kept]
    ends = np.cumsum(counts)
    if not len(rows) or counts.max() == 1:
        return texts.take(pa.array(rows)).take(pa.array(ends - 1, mask=counts == 0))
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, texts.take(pa.array(rows)))
    return pc.if_else(pa.array(counts > 0), pc.binary_join(lists, ""), pa.scalar(None, pa.string()))

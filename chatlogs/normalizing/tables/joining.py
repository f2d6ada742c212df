"""Parts of streams that a block border cut, merged in columns: the plain ones, as `piece.merge` would merge them.

Plain: one part before the border and one behind it, of one model, backend and so on, the former not ended, and
nothing that would need judgement or a flag. Whatever is not so plain is left to be merged in Python.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.tables.partials import PIECES

Tables = dict[str, pa.Table]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_Values: TypeAlias = pa.Array | pa.ChunkedArray

_MOST_BYTES = 1 << 30  # of parts merged at once: an Arrow column of texts holds no more than twice that
_LARGEST_INDEX = 1 << 31

# How the values of two parts become one. Columns not named here are taken from the first that has a value.
_SAME = ("model", "created", "system_fingerprint", "service_tier", "usage")
_LATER = ("last_line", "last_offset")
_LEAST = ("started_at", "first_chunk_at")
_MOST = ("last_chunk_at", "ended_at")
_TEXTS = ("content", "reasoning", "refusal")
_LAST = ("content_filter",)
_ADDED = ("token_count", "logprob_count", "logprob_sum")
_ONE_SIDED = ("annotations", "audio", "extra", "text_digest")
_UNJOINED = ("messages", "logprobs")  # tables


@dataclass
class Joined:
    """The merged pieces, under the numbers that their first parts had, and the numbers of the parts they replace."""

    tables: Tables
    old: pa.Array
    new: pa.Array


def join(old: Mapping[str, pa.Table], new: Mapping[str, pa.Table], odd: Collection[int]) -> Joined | None:
    """Merge the plain parts of bare streams, which have ids; None when there are none.

    old, new: piece tables of what came before a border, and behind it. odd: numbers of pieces that are no plain ones,
    since their columns do not hold all that is known of them.
    """
    if sum(table.nbytes for side in (old, new) for table in side.values()) > _MOST_BYTES:
        return None
    pairs = _Pairs.of(old, new)
    if odd:
        numbers = pa.array(sorted(odd), pa.int64())
        for side in (pairs.a, pairs.b):
            pairs.drop(_mask(pc.is_in(side["piece"], numbers)))
    _drop_unlike(pairs)
    choices = _rows_of(pairs, old["choices"], new["choices"])
    calls = _rows_of(pairs, old["tool_calls"], new["tool_calls"])
    _drop_odd_choices(pairs, choices)
    _drop_odd_calls(pairs, calls)
    for name in _UNJOINED:
        for side, table in ((pairs.a, old[name]), (pairs.b, new[name])):
            if len(table):
                pairs.drop(_mask(pc.is_in(side["piece"], table["piece"])))
    if not pairs.good.any():
        return None
    repeats = np.zeros(len(pairs.good), bool)
    repeats[choices.shared(choices.both_have("role"))] = True
    kept = pa.array(pairs.good)
    a, b = pairs.a.filter(kept), pairs.b.filter(kept)
    tables = {name: table.slice(0, 0) for name, table in old.items()} | {
        "completions": _completions(a, b, repeats[pairs.good]),
        "choices": _children("choices", pairs, choices, _TEXTS),
        "tool_calls": _children("tool_calls", pairs, calls, ("arguments",)),
        "chunks": _chunks(pairs, old["chunks"], new["chunks"]),
    }
    return Joined(tables, a["piece"].combine_chunks(), b["piece"].combine_chunks())


@dataclass
class _Pairs:
    """Responses of which one part stands on each side of the border, in rows side by side."""

    a: pa.Table
    b: pa.Table
    good: Mask

    @classmethod
    def of(cls, old: Mapping[str, pa.Table], new: Mapping[str, pa.Table]) -> _Pairs:
        a, b = old["completions"], new["completions"]
        ids = pa.chunked_array([*a["id"].chunks, *b["id"].chunks], pa.string()).combine_chunks()
        codes = np.asarray(pc.dictionary_encode(ids).indices)
        left, right = codes[: len(a)], codes[len(a) :]
        total = int(codes.max(initial=-1)) + 1
        once = (np.bincount(left, minlength=total) == 1) & (np.bincount(right, minlength=total) == 1)
        place = np.zeros(total, np.int64)
        place[right] = np.arange(len(right))
        chosen = np.flatnonzero(once[left])
        return cls(a.take(pa.array(chosen)), b.take(pa.array(place[left[chosen]])), np.ones(len(chosen), bool))

    def drop(self, mask: Mask) -> None:
        """Take the pairs under the mask for odd ones."""
        self.good &= ~mask


@dataclass
class _Rows:
    """Choices, or tool calls, of both sides: the pair each belongs to, and which two are parts of one.

    match_a, match_b: places of two rows that are one choice, or one call, side by side.
    """

    a: pa.Table
    b: pa.Table
    pair_a: Ints
    pair_b: Ints
    match_a: Ints
    match_b: Ints
    unsure: Ints  # pairs with indexes that are none

    def shared(self, mask: Mask) -> Ints:
        """The pairs of matching rows under the mask."""
        return self.pair_a[self.match_a][mask]

    def left(self, name: str) -> _Values:
        return self.a[name].take(pa.array(self.match_a))

    def right(self, name: str) -> _Values:
        return self.b[name].take(pa.array(self.match_b))

    def both_have(self, name: str) -> Mask:
        return _mask(pc.and_(pc.is_valid(self.left(name)), pc.is_valid(self.right(name))))


def _rows_of(pairs: _Pairs, old: pa.Table, new: pa.Table) -> _Rows:
    (a, pair_a), (b, pair_b) = _of_pairs(old, pairs.a["piece"]), _of_pairs(new, pairs.b["piece"])
    key_a, bad_a = _keys(a, pair_a)
    key_b, bad_b = _keys(b, pair_b)
    _, match_a, match_b = np.intersect1d(key_a, key_b, return_indices=True)
    twice = [keys[1:][keys[1:] == keys[:-1]] >> 32 for keys in (np.sort(key_a), np.sort(key_b))]
    return _Rows(a, b, pair_a, pair_b, match_a, match_b, np.concatenate([pair_a[bad_a], pair_b[bad_b], *twice]))


def _of_pairs(table: pa.Table, numbers: pa.ChunkedArray) -> tuple[pa.Table, Ints]:
    """The rows of these pieces, and the place of each one's piece among them."""
    place = pc.index_in(table["piece"], numbers)
    return table.filter(pc.is_valid(place)), np.asarray(place.drop_null(), np.int64)


def _keys(table: pa.Table, pair: Ints) -> tuple[Ints, Mask]:
    index = np.asarray(pc.fill_null(table["choice_index"], -1), np.int64)
    bad = (index < 0) | (index >= _LARGEST_INDEX)
    return pair << 32 | np.where(bad, 0, index), bad


def _drop_unlike(pairs: _Pairs) -> None:
    """Parts that do not say the same of their response: which of them is to be believed is to be judged."""
    a, b = pairs.a, pairs.b
    for name in _SAME:
        pairs.drop(~_mask(pc.fill_null(pc.equal(a[name], b[name]), True)))
    pairs.drop(_mask(pc.and_(pc.is_valid(a["extra"]), pc.is_valid(b["extra"]))))
    pairs.drop(_flagged(a) & _flagged(b))


def _drop_odd_choices(pairs: _Pairs, rows: _Rows) -> None:
    """Choices that go on after an end, begin late, or bring what is not simply appended."""
    size = len(pairs.good)
    bad, ended, goes_on = np.zeros(size, bool), np.zeros(size, bool), np.zeros(size, bool)
    bad[rows.unsure] = True
    ended[rows.pair_a[_mask(pc.is_valid(rows.a["finish_reason"]))]] = True
    goes_on[rows.pair_b] = True
    for table, pair in ((rows.a, rows.pair_a), (rows.b, rows.pair_b)):
        for name in ("role", "finish_reason"):
            bad[pair[_mask(pc.fill_null(pc.equal(table[name], ""), False))]] = True
    # Usage alone at the head of what came before is not of a stream that begins behind the border.
    begins, speaks = np.zeros(size, bool), np.zeros(size, bool)
    begins[rows.pair_b[_mask(pc.is_valid(rows.b["role"]))]] = True
    speaks[rows.pair_a] = True
    bad |= _mask(pc.is_valid(pairs.a["usage"])) & ~speaks & begins
    for name in _ONE_SIDED:
        bad[rows.shared(rows.both_have(name))] = True
    late = pc.and_(pc.is_null(rows.left("role")), pc.is_valid(rows.right("role")))
    bad[rows.shared(_mask(late))] = True
    pairs.drop(bad | (ended & goes_on))


def _drop_odd_calls(pairs: _Pairs, rows: _Rows) -> None:
    """Tool calls that are several, or of which it is not sure that the one goes on with the other."""
    bad = np.zeros(len(pairs.good), bool)
    bad[rows.unsure] = True
    for table, pair in ((rows.a, rows.pair_a), (rows.b, rows.pair_b)):
        plain = pc.and_(pc.equal(table["tool_call_index"], 0), pc.equal(table["kind"], "function"))
        says = pc.or_(pc.is_valid(table["call_id"]), pc.is_valid(table["name"]))
        says = pc.or_(says, pc.fill_null(pc.not_equal(table["arguments"], ""), False))
        bad[pair[~_mask(pc.fill_null(pc.and_(plain, says), False))]] = True
    begins = pc.or_(pc.is_valid(rows.right("call_id")), pc.is_valid(rows.right("name")))
    bad[rows.shared(_mask(begins))] = True
    pairs.drop(bad)


def _completions(a: pa.Table, b: pa.Table, repeats: Mask) -> pa.Table:
    merged: dict[str, _Values] = {name: b[name] for name in _LATER}
    merged |= {name: _picked(pc.less(b[name], a[name]), a[name], b[name]) for name in _LEAST}
    merged |= {name: _picked(pc.greater(b[name], a[name]), a[name], b[name]) for name in _MOST}
    merged["chunk_count"] = pc.add(pc.fill_null(a["chunk_count"], 0), pc.fill_null(b["chunk_count"], 0))
    late = pc.or_(pc.fill_null(a["role_repeats"], False), pc.fill_null(b["role_repeats"], False))
    merged["role_repeats"] = pc.or_(late, pa.array(repeats))
    merged["flags"] = _either_flags(a, b)
    own = ("piece", "transcript", "part", "opens", "form", "line_number", "byte_offset")
    merged |= {name: a[name] for name in own}
    names = a.schema.names
    columns = [merged[name] if name in merged else pc.coalesce(a[name], b[name]) for name in names]
    return pa.table(columns, schema=a.schema)


def _picked(later: _Values, a: _Values, b: _Values) -> _Values:
    """The value of b where `later`, else that of a; the only one where there is but one."""
    return pc.coalesce(pc.if_else(later, b, a), a, b)


def _either_flags(a: pa.Table, b: pa.Table) -> _Values:
    flagged = _flagged(b)
    if not flagged.any():
        return a["flags"]
    both = pa.chunked_array([*a["flags"].chunks, *b["flags"].chunks]).combine_chunks()
    return both.take(pa.array(np.arange(len(a)) + np.where(flagged, len(a), 0)))


def _children(name: str, pairs: _Pairs, rows: _Rows, texts: Sequence[str]) -> pa.Table:
    """The rows of the good pairs: those of one side as they are, those of both as one, with the texts joined."""
    numbers = pairs.a["piece"].combine_chunks()
    alone_a, alone_b = pairs.good[rows.pair_a], pairs.good[rows.pair_b]
    shared = pairs.good[rows.pair_a[rows.match_a]]
    alone_a[rows.match_a], alone_b[rows.match_b] = False, False
    later = rows.b.filter(pa.array(alone_b))
    place = later.schema.get_field_index("piece")
    later = later.set_column(place, later.schema.field(place), numbers.take(pa.array(rows.pair_b[alone_b])))
    one = rows.a.take(pa.array(rows.match_a[shared]))
    other = rows.b.take(pa.array(rows.match_b[shared]))
    columns = []
    for column in one.schema.names:
        a, b = one[column], other[column]
        first, then = (b, a) if column in _LAST else (a, b)
        if column in texts:
            columns.append(_appended(a, b))
        elif column in _ADDED:
            columns.append(pc.coalesce(pc.add(a, b), a, b))
        else:
            columns.append(a if column == "piece" else pc.coalesce(first, then))
    schema = PIECES[name].arrow()
    return pa.concat_tables([rows.a.filter(pa.array(alone_a)), later, pa.table(columns, schema=schema)])


def _chunks(pairs: _Pairs, old: pa.Table, new: pa.Table) -> pa.Table:
    """The chunks of the good pairs: those of the second part are counted on from those of the first."""
    (a, pair_a), (b, pair_b) = _of_pairs(old, pairs.a["piece"]), _of_pairs(new, pairs.b["piece"])
    kept_a, kept_b = pairs.good[pair_a], pairs.good[pair_b]
    before = np.bincount(pair_a, minlength=len(pairs.good))
    a, b, pair_b = a.filter(pa.array(kept_a)), b.filter(pa.array(kept_b)), pair_b[kept_b]
    given = {
        "piece": pairs.a["piece"].combine_chunks().take(pa.array(pair_b)),
        "chunk_index": pc.add(b["chunk_index"], pa.array(before[pair_b])),
    }
    later = pa.table([given.get(name, b[name]) for name in b.schema.names], schema=b.schema)
    return pa.concat_tables([a, later])


def _appended(a: _Values, b: _Values) -> _Values:
    """The texts of both, one behind the other; null where there is none."""
    text = pc.binary_join_element_wise(pc.fill_null(a, ""), pc.fill_null(b, ""), "")
    return pc.if_else(pc.or_(pc.is_valid(a), pc.is_valid(b)), text, pa.scalar(None, pa.string()))


def _flagged(responses: pa.Table) -> Mask:
    return np.asarray(pc.fill_null(pc.list_value_length(responses["flags"]), 0)) > 0


def _mask(values: Any) -> Mask:
    return np.asarray(values, bool)

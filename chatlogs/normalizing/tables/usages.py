"""Usage objects as texts in, the token counts that they report out.

The usage objects of a log are alike: the same names in the same order, and other numbers. What SQL makes of one of
them (sql/rows/usage.sql) tells of all these which number goes where, so that only those unlike any are parsed.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from chatlogs import sql
from chatlogs.normalizing.scanning.words import Bools, Words
from chatlogs.reading.lines import PADDING, Block, Ints
from chatlogs.schema import TOKEN_COUNTS

_DETAILS = {
    "prompt": "cached cache_write cache_creation cache_creation_input audio",
    "completion": "reasoning audio accepted_prediction rejected_prediction",
}
_STRUCTURE = json.dumps(
    dict.fromkeys(
        "prompt_tokens completion_tokens total_tokens reasoning_tokens cached_tokens num_cached_tokens "
        "prompt_cache_hit_tokens precached_prompt_tokens cache_creation_input_tokens cache_read_input_tokens".split(),
        "VARCHAR",
    )
    | {f"{side}_tokens_details": {f"{n}_tokens": "VARCHAR" for n in names.split()} for side, names in _DETAILS.items()}
)
_WHOLE_NUMBER = """create or replace temp macro whole_number(v) as
    case
        when regexp_full_match(v, '-?[0-9]+') then try_cast(v as bigint)
        -- a cast alone would round fractions, and read other bases and digits in groups
        when regexp_full_match(v, '\\s*[-+]?[0-9]{1,30}([.][0-9]{1,30})?([eE][-+]?[0-9]{1,3})?\\s*')
            and try_cast(v as double) = trunc(try_cast(v as double)) then try_cast(v as bigint)
    end"""

NAMES = tuple(column.name for column in TOKEN_COUNTS)
FEW = 1000  # so many are parsed sooner than compared
_MOST_SHAPES = 8
_WORTH = 1 / 32  # of the first texts need be alike, or the others are not even compared
_LONGEST = 1 << 11
_SLICE = 8192  # texts looked at together: few enough for the cache, and so many that threads seldom wait
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*')
_COUNT = re.compile(rb"0|[1-9][0-9]{0,7}")
_MARKS = (10**15, 3 * 10**15)
_MOST_KEPT = 256

_Origins = dict[str, int]
_worker = threading.local()


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Teach a connection what the query needs; once."""
    con.execute(_WHOLE_NUMBER)


def token_counts(con: duckdb.DuckDBPyConnection, usage: pa.ChunkedArray) -> dict[str, pa.Array]:
    """The columns of token counts, by name: a row for each usage text or null."""
    counts = {name: _Counts(np.zeros(len(usage), np.int64), np.zeros(len(usage), bool)) for name in NAMES}
    left = np.flatnonzero(usage.is_valid().to_numpy())
    if len(left) > FEW:
        left = _read_alike(con, usage, left, counts)
    if len(left):
        for name, values in _parsed(con, usage.take(pa.array(left))).items():
            counts[name].values[left] = values.fill_null(0).to_numpy()
            counts[name].known[left] = values.is_valid().to_numpy(zero_copy_only=False)
    return {name: pa.array(found.values, mask=~found.known) for name, found in counts.items()}


@dataclass
class _Counts:
    """A column: its numbers, and which of them are there."""

    values: Ints
    known: Bools


def _parsed(con: duckdb.DuckDBPyConnection, usage: pa.Array | pa.ChunkedArray) -> dict[str, pa.Array]:
    con.register("usages", pa.table({"usage": usage}))
    table = con.sql(sql.text("rows/usage", structure=_STRUCTURE)).to_arrow_table()
    return {name: table[name].combine_chunks() for name in table.column_names}


def _read_alike(
    con: duckdb.DuckDBPyConnection, usage: pa.ChunkedArray, left: Ints, counts: Mapping[str, _Counts]
) -> Ints:
    """Read texts by the shapes of some of them; what comes back are the others."""
    words, start, end = _shown(usage)
    unlike = []
    for _ in range(_MOST_SHAPES):
        if len(left) <= FEW:
            break
        pieces = _pieces(bytes(words.data[start[left[0]] : end[left[0]]]))
        origins = _origins(con, pieces)
        if origins is None:
            unlike.append(left[0])
            left = left[1:]
            continue
        fits = np.zeros(len(left), bool)
        for at in range(0, len(left), _SLICE):
            rows = left[at : at + _SLICE]
            fits[at : at + _SLICE], numbers = _fitted(words, pieces, start[rows], end[rows])
            here = fits[at : at + _SLICE]
            for name, hole in origins.items():
                counts[name].values[rows[here]] = words.numbers(*(border[here] for border in numbers[hole]))
                counts[name].known[rows[here]] = True
            if here.mean() < _WORTH and not at:
                break
        left = left[~fits]
        if fits[:_SLICE].mean() < _WORTH:
            break
    return np.sort(np.append(left, np.array(unlike, np.int64)))


def _shown(usage: pa.ChunkedArray) -> tuple[Words, Ints, Ints]:
    """The bytes of all texts, and where each of these begins and ends."""
    parts: list[memoryview | bytes] = []
    starts: list[Ints] = []
    ends: list[Ints] = []
    before = 0
    for chunk in (chunk for chunk in usage.chunks if len(chunk)):
        _, offsets, texts = chunk.buffers()
        borders = np.frombuffer(offsets, np.int32)[chunk.offset :][: len(chunk) + 1].astype(np.int64)
        if texts is not None:
            parts.append(memoryview(texts)[borders[0] : borders[-1]])
        borders += before - borders[0]
        starts.append(borders[:-1])
        ends.append(borders[1:])
        before = int(borders[-1])
    data = b"".join([*parts, bytes(_LONGEST + PADDING)])
    return Words(Block("", data, before)), np.concatenate(starts), np.concatenate(ends)


def _pieces(text: bytes) -> list[bytes]:
    """What stands before, between and behind the whole numbers of a text."""
    pieces, before = [], 0
    for token in _TOKEN.finditer(text):
        if _COUNT.fullmatch(token[0]):
            pieces.append(text[before : token.start()])
            before = token.end()
    return [*pieces, text[before:]]


def _origins(con: duckdb.DuckDBPyConnection, pieces: Sequence[bytes]) -> _Origins | None:
    """Which of the numbers between the pieces each column is; None where SQL makes something else of such a text."""
    if sum(map(len, pieces)) > _LONGEST:
        return None
    kind = tuple(pieces)
    if kind in (known := _judged()):
        return known[kind]
    if len(known) >= _MOST_KEPT:
        known.clear()
    known[kind] = _asked(con, pieces)
    return known[kind]


def _judged() -> dict[tuple[bytes, ...], _Origins | None]:
    """What this thread knows of texts already, by their pieces."""
    if not hasattr(_worker, "judged"):
        _worker.judged = {}
    judged: dict[tuple[bytes, ...], _Origins | None] = _worker.judged
    return judged


def _asked(con: duckdb.DuckDBPyConnection, pieces: Sequence[bytes]) -> _Origins | None:
    """The origins as SQL tells them of two texts of this kind, in which each number is known by its hole."""
    texts = []
    for mark in _MARKS:
        numbers = [b"%d" % (mark + hole) for hole in range(len(pieces) - 1)]
        texts.append(b"".join(part for pair in zip(pieces, [*numbers, b""], strict=True) for part in pair).decode())
    origins = {}
    for name, values in _parsed(con, pa.array(texts)).items():
        one, other = values.to_pylist()
        if one is None and other is None:
            continue
        hole = -1 if one is None else one - _MARKS[0]
        if not 0 <= hole < len(pieces) - 1 or other != _MARKS[1] + hole:
            return None
        origins[name] = hole
    return origins


def _fitted(words: Words, pieces: Sequence[bytes], start: Ints, end: Ints) -> tuple[Bools, list[tuple[Ints, Ints]]]:
    """Which texts are these pieces with whole numbers between them, and where these begin and end."""
    fits = np.ones(len(start), bool)
    numbers = []
    place = start
    for piece in pieces[:-1]:
        fits &= words.equal(place, piece)
        first = np.minimum(place + len(piece), end)
        behind = first + words.digits(first)
        fits &= (behind > first) & (behind <= end)
        fits &= ~words.begin_with(first, ord("0")) | (behind == first + 1)
        place = np.minimum(behind, end)
        numbers.append((first, place))
    fits &= words.equal(place, pieces[-1]) & (place + len(pieces[-1]) == end)
    return fits, numbers

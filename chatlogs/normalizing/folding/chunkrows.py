"""Streams that were folded in columns in, rows of the chunks table out: one for each chunk whose row is kept.

A run stands for many chunks, which say the same but for the text that each adds; so only that is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.folding import strings
from chatlogs.normalizing.folding.groups import NEVER, Groups
from chatlogs.normalizing.folding.runs import Runs, each_line
from chatlogs.normalizing.folding.streams import Streams
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints

_LENGTHS = {"content": "content_length", "reasoning": "reasoning_length", "call_arguments": "arguments_length"}


@dataclass(frozen=True)
class Kept:
    """Of which chunks a row is kept: of all, or of those whose line has a time.

    arrived: when the chunk of each line of the block arrived, in microseconds; NEVER where nothing tells.
    """

    all: bool
    arrived: Ints

    @property
    def any(self) -> bool:
        """Whether there may be any row."""
        return self.all or bool(np.any(self.arrived != NEVER))


def rows(con: duckdb.DuckDBPyConnection, streams: Streams, runs: Runs | None, plain: Bools, kept: Kept) -> pa.Table:
    """The rows of these streams' chunks, in order, linked by the line that their stream begins in (`line_number`)."""
    chosen = np.flatnonzero(plain)
    line, of = each_line(runs, streams.chunks.numbers["line"][chosen], streams.is_run[chosen])
    row = chosen[of]
    in_run = streams.is_run[row]
    lengths = {name: _said(streams, name, row[~in_run]) for name in _LENGTHS}
    if runs is not None and in_run.any():
        field = streams.chunks.table["field"].combine_chunks().take(pa.array(row[in_run]))
        added = _written_lengths(con, runs, line[in_run])
        for name, known in lengths.items():
            is_field = pc.equal(field, name).to_numpy(zero_copy_only=False)
            lengths[name] = np.concatenate([known, np.where(is_field, added, 0)])
    wanted = np.flatnonzero(kept.all | (kept.arrived[line] != NEVER))
    order = wanted[np.lexsort((line[wanted], streams.first_line[row[wanted]]))]
    return _table(streams, row[order], kept.arrived[line[order]], {n: values[order] for n, values in lengths.items()})


def _table(streams: Streams, row: Ints, arrived: Ints, lengths: dict[str, Ints]) -> pa.Table:
    first, finish = streams.first_line[row], streams.chunks.codes["finish_reason"]
    begins = np.flatnonzero(np.diff(first, prepend=-1))
    place = np.arange(len(row)) - np.repeat(begins, np.diff(begins, append=len(row)))
    choice, call = streams.chunks.numbers["choice_index"][row], streams.chunks.numbers["call_index"][row]
    columns = {
        "line_number": pa.array(first),
        "chunk_index": pa.array(place),
        "choice_index": pa.array(choice, mask=choice < 0),
        "arrived_at": pa.array(arrived, pa.int64(), mask=arrived == NEVER),
        "finish_reason": finish.take(finish.code[row]),
    }
    columns |= {column: pa.array(lengths[name]) for name, column in _LENGTHS.items()}
    columns["arguments_length"] = pa.array(lengths["call_arguments"], mask=call < 0)
    return pa.table(columns)


def _said(streams: Streams, name: str, row: Ints) -> Ints:
    """How many characters these rows add to a text."""
    texts = streams.chunks.texts[name].take(pa.array(row))
    return pc.utf8_length(texts).fill_null(0).to_numpy().astype(np.int64)


def _written_lengths(con: duckdb.DuckDBPyConnection, runs: Runs, line: Ints) -> Ints:
    """How many characters these lines add, whose texts are as they were written."""
    written = runs.texts(line)
    sizes = pc.utf8_length(strings.decoded(con, written).combine_chunks())
    found = sizes.fill_null(0).to_numpy().astype(np.int64)
    for place in np.flatnonzero(sizes.is_null().to_numpy(zero_copy_only=False)).tolist():
        # Half a surrogate pair, of which the next chunk holds the other.
        found[place] = len(json.loads(f'"{written[place].as_py()}"'))
    return found


def spans(rows: pa.Table) -> Iterator[tuple[int, tuple[int, int]]]:
    """When the first and the last chunk of each stream arrived, by the line that it begins in."""
    timed = rows.filter(rows["arrived_at"].is_valid())
    if not len(timed):
        return
    first, arrived = timed["line_number"].to_numpy(), timed["arrived_at"].to_numpy()
    groups = Groups(first)
    least, most = groups.least(arrived).tolist(), groups.most(arrived).tolist()
    yield from zip(first[groups.first].tolist(), zip(least, most, strict=True), strict=True)

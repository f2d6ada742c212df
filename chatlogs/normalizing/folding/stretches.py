"""Runs in, stretches of them out: a run is cut where another chunk of its stream stands between its lines.

Joined whole, the text of a run would stand before, or behind, that of the other chunk. Of a stretch the order is known.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.folding import chunks
from chatlogs.normalizing.folding.runs import Runs, each_line
from chatlogs.normalizing.folding.streams import Streams
from chatlogs.normalizing.folding.strings import decoded
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints


def stretched(con: duckdb.DuckDBPyConnection, streams: Streams, runs: Runs, tangled: Bools) -> Streams:
    """The streams of these rows, and no others, with stretches in the place of runs."""
    numbers = streams.chunks.numbers
    rows = np.flatnonzero(tangled)
    lines, of = each_line(runs, numbers["line"][rows], streams.is_run[rows])
    row_of = np.full(len(runs.matcher.lines), -1)
    row_of[lines] = rows[of]
    line = np.flatnonzero(row_of >= 0)
    line = line[np.argsort(streams.number[row_of[line]], kind="stable")]
    row = row_of[line]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    counts = np.diff(starts, append=len(row))
    table = streams.chunks.table.take(pa.array(row[starts]))
    is_cut = table["field"].is_valid().to_numpy()
    of_run = np.flatnonzero(is_cut)
    fragments = _fragments(runs, line, starts[of_run], counts[of_run])
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    columns |= {"line": pa.array(line[starts]), "chunks": pa.array(counts)}
    columns["last_line"] = pa.array(line[starts + counts - 1])
    texts = decoded(con, fragments[0]).combine_chunks()
    for name in chunks.TEXTS:
        ours = is_cut & pc.fill_null(pc.equal(columns["field"], name), False).to_numpy(zero_copy_only=False)
        columns[name] = _put(columns[name], ours, texts, of_run)
        if name == "content":
            for column, values in zip(("first_fragment", "last_fragment"), fragments[1:], strict=True):
                columns[column] = _put(columns[column], ours, values, of_run)
    place = np.argsort(np.argsort(line[starts]))  # of a stretch among those in order of their lines
    return Streams(chunks.of(pa.table(columns, schema=table.schema)), (line, np.repeat(place, counts)))


def _fragments(runs: Runs, line: Ints, starts: Ints, counts: Ints) -> tuple[pa.Array, pa.Array, pa.Array]:
    """What the lines of each stretch add, as it is written: joined, the first and the last of it."""
    offsets = np.concatenate([[0], np.cumsum(counts)])
    places = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
    each = runs.texts(line[places])
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), each)
    first, last = each.take(pa.array(offsets[:-1])), each.take(pa.array(offsets[1:] - 1))
    return pc.binary_join(lists, ""), first, last


def _put(column: pa.Array, where: Bools, values: pa.Array, rows: Ints) -> pa.Array:
    """The column with values, which belong to these rows, in the place of its own under the mask."""
    place = np.full(len(column), -1)
    place[rows] = np.arange(len(rows))
    return pc.if_else(pa.array(where), values.take(pa.array(place, mask=place < 0)), column)

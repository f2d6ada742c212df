"""Damaged chunk lines in, rows out: mended, they are read by templates like all others.

Most damage is done to lines that were plain before. Put right, side by side in a block of their own, they cost little
more than the mending. What no template fits then is left to the careful path, which sees the line as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.folding import chunks, plain
from chatlogs.normalizing.folding.matching import Matcher
from chatlogs.normalizing.folding.projection import CHUNK
from chatlogs.normalizing.folding.strings import decoded
from chatlogs.normalizing.padded import is_padded
from chatlogs.reading.decoding import repair
from chatlogs.reading.lines import Block, Lines, scan
from chatlogs.values import as_json

_FEWEST = 16  # lines; what is done for all of them costs more than to read fewer one by one


@dataclass
class Mended:
    """Rows of chunks.py, one a line, of lines that were repaired; and the numbers of these lines."""

    table: pa.Table = field(default_factory=chunks.SCHEMA.empty_table)
    lines: frozenset[int] = frozenset()


def read(con: duckdb.DuckDBPyConnection, lines: Lines, odd: Sequence[int]) -> Mended:
    """The rows of those of the odd lines that are plain chunks once they are mended."""
    found = {line: mended for line in odd if (mended := _mended(lines.text(line))) is not None}
    if len(found) < _FEWEST:
        return Mended()
    numbers = np.array(list(found), np.int64)
    block = scan(Block.of(b"".join(text + b"\n" for text, _ in found.values())))
    block.transcript[:] = lines.transcript[numbers]
    table = _rows(con, block)
    own = table["line"].to_numpy()
    flags = [as_json(sorted({*flags, "repaired"})) for _, flags in found.values()]
    line = pa.array(numbers[own])
    given = {"line": line, "last_line": line, "flags": pa.array(flags).take(pa.array(own))}
    given |= dict.fromkeys(("first_fragment", "last_fragment"), table["content"])
    return Mended(
        pa.table([given.get(name, table[name]) for name in table.column_names], schema=table.schema),
        frozenset(numbers[own].tolist()),
    )


def _mended(text: bytes) -> tuple[bytes, frozenset[str]] | None:
    if text[:1] != b"{" or is_padded(text):
        return None
    mended = repair(text.strip(b" \t\r\n"))
    return None if mended is None or b"\n" in mended[0] else mended


def _rows(con: duckdb.DuckDBPyConnection, lines: Lines) -> pa.Table:
    """A row for each of the lines that is a plain chunk."""
    matcher = Matcher(lines)
    whole = [each for each in matcher.matched(np.flatnonzero(lines.clean)) if each.template.lane == CHUNK]
    tables = [chunks.SCHEMA.empty_table()]
    for matched, part in zip(whole, plain.chunks(con, matcher, None, whole), strict=True):
        name = matched.template.text
        if name is not None:
            part[name] = decoded(con, part[name]).combine_chunks()
        table = chunks.table_of([part])
        tables.append(table if name is None else table.filter(table[name].is_valid()))
    return pa.concat_tables(tables)

"""Plain chunks of a block in, one table of them out: a row a chunk, or a run of chunks that differ in one text only.

Both come here, the lines that a template fits and those that SQL has parsed. What is compared later is numbered here:
a number for each distinct text, and -1 where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints

NONE = -1  # the code, or number, of what a chunk does not say
TEXTS = ("content", "reasoning", "refusal", "call_arguments")
_CODED = (
    "id", "model", "system_fingerprint", "service_tier", "provider", "request_id", "usage", "role", "finish_reason",
    "call_id", "call_name", "extra", "choice_extra", "content_filter", "flags",
)  # fmt: skip
_NUMBERS = ("created", "choice_index", "call_index")
_NOTHING = {"finish_reason": ("", "null"), "content_filter": ("{}",)}  # besides the empty text
SCHEMA = pa.schema(
    [("line", pa.int64()), ("last_line", pa.int64()), ("chunks", pa.int64()), ("transcript", pa.int32())]
    + [("cut", pa.bool_())]
    + [(name, pa.string()) for name in (*_CODED, *TEXTS, "first_fragment", "last_fragment")]
    + [("field", pa.string())]
    + [(name, pa.int64()) for name in _NUMBERS]
)


@dataclass
class Codes:
    """A column of texts: the number of each row's text, or NONE, and the texts by number."""

    code: Ints
    texts: pa.Array

    def take(self, code: Ints) -> pa.Array:
        """The texts of these numbers; null for NONE."""
        return self.texts.take(pa.array(code, mask=code < 0))


@dataclass
class Chunks:
    """The rows, in the order of their first lines.

    numbers: `line` (the first), `last_line`, `chunks` (how many it stands for), `transcript`, and what a chunk says
    in numbers, NONE where it does not. cut: runs, whose text was joined as it was written. texts: what each chunk, or
    run, adds. fragments: the first and the last text that a row adds to `content`, in a run as they were written.
    table: the same in columns; `field` is the text that a run was cut at.
    """

    table: pa.Table
    numbers: dict[str, Ints]
    cut: Bools
    codes: dict[str, Codes]
    texts: dict[str, pa.Array]
    fragments: tuple[pa.Array, pa.Array]

    def __len__(self) -> int:
        return len(self.cut)


def table_of(parts: Sequence[dict[str, pa.Array]]) -> pa.Table:
    """Parts of chunks as one table; columns that a part lacks are nulls, texts may be views of the block."""
    tables = []
    for part in parts:
        length = len(part["line"])
        columns = [part[f.name].cast(f.type) if f.name in part else pa.nulls(length, f.type) for f in SCHEMA]
        tables.append(pa.table(columns, schema=SCHEMA))
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def of(table: pa.Table) -> Chunks:
    """The chunks of a table as `table_of` gives it."""
    table = table.take(pc.sort_indices(table["line"]))
    columns = {name: table[name].combine_chunks() for name in SCHEMA.names}
    numbers = {name: columns[name].fill_null(NONE).to_numpy() for name in ("line", "last_line", "chunks", *_NUMBERS)}
    numbers["transcript"] = columns["transcript"].to_numpy().astype(np.int64)
    return Chunks(
        table,
        numbers,
        columns["cut"].to_numpy(zero_copy_only=False),
        {name: _coded(columns[name], nothing(name)) for name in _CODED},
        {name: columns[name] for name in TEXTS},
        (columns["first_fragment"], columns["last_fragment"]),
    )


def nothing(name: str) -> pa.Array:
    """The texts of this field that say nothing."""
    return pa.array(_NOTHING.get(name, ("",)))


def _coded(column: pa.StringArray, nothing: pa.Array) -> Codes:
    """The column in numbers; texts that say nothing count as none."""
    encoded = pc.dictionary_encode(column)
    code = encoded.indices.fill_null(NONE).to_numpy().astype(np.int64)
    if len(encoded.dictionary):
        is_nothing = pc.is_in(encoded.dictionary, nothing).to_numpy(zero_copy_only=False)
        code[is_nothing[code] & (code >= 0)] = NONE
    return Codes(code, encoded.dictionary)


def says(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Which of the texts are there and not empty."""
    lengths: Ints = pc.binary_length(texts).fill_null(0).to_numpy()
    return lengths > 0

"""What a block yields: pieces of responses as Arrow tables, before anything is derived from them.

A piece is what one contiguous part of a log says of one response. Its columns are those of the final
tables, less what is derived later (DERIVED), plus the working columns that place it in the log.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from chatlogs import schema
from chatlogs.normalizing.records.piece import Piece
from chatlogs.schema import BOOL, FLOAT, INT, KEYS, Column, Table
from chatlogs.tally import Counts

# Filled by rows.py once a response is whole, from what the pieces carry.
DERIVED = frozenset(
    {
        "completion_key",
        "status",
        "choice_count",
        *(column.name for column in schema.TOKEN_COUNTS),
        "usage_source",
        "duplicates",
        "source",
        "source_key",
        "ingested_at",
        "finish_class",
        "tool_call_count",
        "mean_logprob",
        "arguments_valid",
    }
)

_PIECE = Column("piece", INT, "Number of the piece within its block; joins the piece tables.")
_WORKING = (
    _PIECE,
    Column("transcript", INT, "Byte offset of the body the piece belongs to; null for bare lines."),
    Column("part", INT, "Which response of its line this is, counted from 0."),
    Column("last_line", INT, "Line of the piece's last record."),
    Column("last_offset", INT, "Byte offset of the piece's last record."),
    Column("opens", BOOL, "The first chunk looks like a fresh start: a role and nothing else."),
    Column("role_repeats", BOOL, "A later chunk of the same choice names a role again."),
)
_MEASURED = (
    Column("logprob_count", INT, "Tokens whose log probabilities count in the mean."),
    Column("logprob_sum", FLOAT, "Their sum."),
)


def _piece_columns(table: Table, *extra: Column) -> tuple[Column, ...]:
    keys = {column.name for column in KEYS}
    kept = (c for c in table.columns if c.name not in DERIVED and (table is schema.COMPLETIONS or c.name not in keys))
    return (*extra, *kept)


PIECES: Mapping[str, Table] = {
    "completions": Table("completions", "Pieces of responses.", _piece_columns(schema.COMPLETIONS, *_WORKING)),
    "choices": Table("choices", "Choices of pieces.", (*_piece_columns(schema.CHOICES, _PIECE), *_MEASURED)),
    "tool_calls": Table("tool_calls", "Tool calls of pieces.", _piece_columns(schema.TOOL_CALLS, _PIECE)),
    "messages": Table("messages", "Request messages of pieces.", _piece_columns(schema.MESSAGES, _PIECE)),
    "logprobs": Table("logprobs", "Token log probabilities of pieces.", _piece_columns(schema.LOGPROBS, _PIECE)),
    "chunks": Table("chunks", "Chunks of pieces.", _piece_columns(schema.CHUNKS, _PIECE)),
}

REJECTS = tuple(c for c in schema.REJECTS.columns if c.name not in DERIVED)


def no_pieces() -> dict[str, pa.Table]:
    """The piece tables without rows, by name."""
    return dict(_empty())


@functools.cache
def _empty() -> Mapping[str, pa.Table]:
    return {name: table.arrow().empty_table() for name, table in PIECES.items()}


@dataclass
class Partials:
    """The yield of one block: piece tables by name, rejects, counts, and how the block begins and ends.

    Lines are counted from 0 at the block's start and moved to their place in the source by the driver;
    byte offsets are already those of the source.
    """

    tables: dict[str, pa.Table]
    rejects: pa.Table
    counts: Counts
    physical_lines: int = 0  # lines passed, to count on from in the next block
    first_body: int | None = None  # offset of the events that may continue the SSE body left open before
    open_body: int | None = None  # offset of the body that no [DONE] has closed yet
    bodies_closed: int = 0
    first_record: int | None = None  # line of the first and last record
    last_record: int | None = None
    unfinished: int | None = None  # offset of a last line without line end that says nothing yet
    container: str = "jsonl"
    exact: dict[int, Piece] = field(default_factory=dict)  # unfinished pieces of which the tables cannot hold all

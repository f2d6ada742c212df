"""Pieces of answers in, the same pieces at the place of their wrappers out, with what the wrappers say.

Only where a wrapper holds one answer that was read whole, and that says nothing of what the wrapper says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.tables.partials import PIECES, Partials
from chatlogs.reading.lines import Ints, Lines

_OWN = ("temperature", "top_p", "seed", "metadata", "request", "error_code", "error_type", "error_message",
        "status_code")  # fmt: skip
_MESSAGES = PIECES["messages"].arrow()


@dataclass
class Taken:
    """Wrapped lines that were read: one row of each column, in the order of the lines.

    chunks: of how many chunks the answer is made, 0 for a completion. answers: these chunks and completions, one behind
    the other, as lines of their own. said: what the wrappers say, by column. messages:
    rows of that table; `piece` is the line. arrivals: when the chunks came, by their number among the answers.
    """

    lines: list[int]
    chunks: list[int]
    answers: Lines
    said: dict[str, pa.Array]
    flags: list[frozenset[str]]
    messages: list[pa.Table]
    arrivals: dict[int, str] = field(default_factory=dict)

    def of(self, line: Ints) -> Ints:
        """The rows of the wrappers in which these lines of the answers are."""
        behind = np.cumsum(np.maximum(self.chunks, 1))
        return np.searchsorted(behind, line, side="right")


def beside(lines: Lines, partials: Partials, taken: Taken) -> tuple[dict[str, pa.Table], list[int]]:
    """The pieces of the answers at the place of their wrappers, with what these say; and the lines of these."""
    responses = partials.tables["completions"]
    at = taken.of(np.asarray(responses["line_number"]))
    good = _good(responses, partials, taken, at)
    kept = good[at]
    responses = responses.filter(pa.array(kept))
    at = at[kept]
    wrappers = np.array(taken.lines)[at]
    numbers = pa.array(wrappers)
    old = responses["piece"].combine_chunks()
    offsets = lines.block.offset + lines.begin[wrappers]
    streamed = np.array(taken.chunks)[at] > 0
    given = {
        "piece": numbers, "line_number": numbers, "last_line": numbers, "byte_offset": pa.array(offsets),
        "last_offset": pa.array(offsets), "transcript": pa.array(offsets, mask=~streamed),
        "part": pa.array(np.zeros(len(wrappers), np.int64)),
    }  # fmt: skip
    for name, values in taken.said.items():
        if values.null_count < len(values):
            own = responses[name].combine_chunks()
            given[name] = pc.coalesce(own, values.take(pa.array(at)).cast(own.type))
    given["flags"] = _flags(responses["flags"], [taken.flags[i] for i in at.tolist()])
    schema = PIECES["completions"].arrow()
    tables = {"completions": pa.table([given.get(f.name, responses[f.name]) for f in schema], schema=schema)}
    for name, table in partials.tables.items():
        if name != "completions":
            place = pc.index_in(table["piece"].combine_chunks(), old)
            table = table.set_column(
                table.schema.get_field_index("piece"), table.schema.field("piece"), numbers.take(place)
            )
            tables[name] = table.filter(pc.is_valid(place))
    messages = pa.concat_tables([_MESSAGES.empty_table(), *taken.messages])
    kept_messages = np.isin(np.asarray(messages["piece"]), wrappers)
    tables["messages"] = messages if kept_messages.all() else messages.filter(pa.array(kept_messages))
    return tables, wrappers.tolist()


def _flags(own: pa.ChunkedArray, more: Sequence[frozenset[str]]) -> pa.Array:
    """The flags of responses and those of their wrappers, which are of few sorts."""
    sorts = {flags: place for place, flags in enumerate(dict.fromkeys(more))}
    if own.null_count < len(own):
        both = zip(own.to_pylist(), more, strict=True)
        return pa.array([sorted({*(flags or ()), *others}) or None for flags, others in both], own.type)
    known = pa.array([sorted(flags) or None for flags in sorts], own.type)
    return known.take(pa.array([sorts[flags] for flags in more], pa.int64()))


def _good(responses: pa.Table, partials: Partials, taken: Taken, at: Ints) -> Bools:
    """Which wrappers hold one answer that was read whole, and that says nothing of what the wrapper says."""
    count = len(taken.lines)
    good = np.bincount(at, minlength=count) == 1
    good[taken.of(np.asarray(partials.rejects["line_number"]))] = False
    told = np.zeros(len(responses), bool)
    for name in _OWN:
        told |= np.asarray(pc.is_valid(responses[name]))
    chunks = np.asarray(pc.fill_null(responses["chunk_count"], 0))
    told |= chunks != np.array(taken.chunks)[at]  # a line that was logged twice, or an answer of another form
    told |= np.asarray(pc.not_equal(responses["form"], "stream")) & (np.array(taken.chunks)[at] > 0)
    if pc.any(pc.is_valid(responses["flags"])).as_py():
        told |= np.array(["id_varies" in (flags or ()) for flags in responses["flags"].to_pylist()])
    good[at[told]] = False
    return good

"""Lines that templates fit in, and shown to SQL as columns: what their holes hold, where it stands in the block.

Nothing is copied and nothing parsed; texts are decoded by the queries that ask for these columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.matching import Matched, Matcher
from chatlogs.normalizing.runs import Runs

_TEXTS = (
    "id", "model", "system_fingerprint", "service_tier", "role", "content", "reasoning", "refusal", "finish_reason",
    "call_id", "call_name", "call_arguments",
)  # fmt: skip
_NUMBERS = ("created", "choice_index", "call_index")
_SCHEMA = pa.schema(
    [("line", pa.int64()), ("transcript", pa.int32()), ("usage", pa.string_view()), ("minified", pa.bool_())]
    + [(name, pa.string_view()) for name in _TEXTS]
    + [(name, pa.int64()) for name in _NUMBERS]
    + [("cut_at", pa.string()), ("last_text", pa.string_view())]
)


def show_completions(con: duckdb.DuckDBPyConnection, matcher: Matcher, fitted: Sequence[Matched]) -> None:
    """Show these lines, all of them stored completions, as `fitted_completions`."""
    con.register("fitted_completions", _table([_columns(matcher, lines) for lines in fitted]))


def show_chunks(con: duckdb.DuckDBPyConnection, matcher: Matcher, runs: Runs, whole: Sequence[Matched]) -> None:
    """Show the first lines of runs, and lines that are chunks without a text, as `fitted_chunks`."""
    parts = []
    start, end = np.zeros((2, len(matcher.lines)), np.int64)
    for each in runs.cuts:
        start[each.line], end[each.line] = each.text_start, each.text_end
    first, last = (runs.table[name].to_numpy() for name in ("first_line", "last_line"))
    for lines in runs.matched:
        until = last[np.searchsorted(first, lines.line)]
        cut_at = pa.repeat(pa.scalar(lines.template.text), len(until))
        last_text = matcher.words.views(start[until], end[until])
        parts.append(_columns(matcher, lines) | {"cut_at": cut_at, "last_text": last_text})
    parts += [_columns(matcher, lines) for lines in whole]
    con.register("fitted_chunks", _table(parts))


def _columns(matcher: Matcher, lines: Matched) -> dict[str, pa.Array]:
    columns = {name: matcher.texts(lines, name) for name in _TEXTS}
    columns |= {name: matcher.numbers(lines, name) for name in _NUMBERS}
    return columns | {
        "line": pa.array(lines.line),
        "transcript": pa.array(matcher.lines.transcript[lines.line]),
        "usage": matcher.usages(lines),
        "minified": pa.repeat(pa.scalar(lines.template.minified), len(lines.line)),
    }


def _table(parts: Sequence[dict[str, pa.Array]]) -> pa.Table:
    tables = [
        pa.table([part.get(f.name, pa.nulls(len(part["line"]), f.type)) for f in _SCHEMA], schema=_SCHEMA)
        for part in parts
    ]
    return pa.concat_tables(tables) if tables else _SCHEMA.empty_table()

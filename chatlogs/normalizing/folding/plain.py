"""Lines that templates fit in, columns out: what their holes hold.

Nothing is parsed, and what is shown where it stands in the block is not copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import sql
from chatlogs.normalizing.folding import strings
from chatlogs.normalizing.folding.chunks import nothing
from chatlogs.normalizing.folding.matching import Matched, Matcher
from chatlogs.normalizing.folding.projection import COMPLETION
from chatlogs.normalizing.folding.runs import Runs
from chatlogs.normalizing.folding.templates import CHOICE, FILTER, SAID, TOP, of_choice

_TEXTS = (
    "id", "model", "system_fingerprint", "service_tier", "provider", "request_id", "role", "content", "reasoning",
    "refusal", "finish_reason", "call_id", "call_name", "call_arguments",
)  # fmt: skip
_DECODED = ("content", "reasoning", "refusal", "call_arguments")
_CALL = ("id", "name", "arguments")
_UNKNOWN = ("extra", "choice_extra", "content_filter")
_NUMBERS = ("created", "choice_index", "call_index")
_OF_CHOICE = ("role", "content", "reasoning", "refusal", "finish_reason")
Columns = dict[str, pa.Array]
_SCHEMA = pa.schema(
    [("line", pa.int64()), ("transcript", pa.int32()), ("usage", pa.string_view()), ("minified", pa.bool_())]
    + [("calls", pa.bool_())]
    + [(name, pa.string_view()) for name in _TEXTS]
    + [(name, pa.int64()) for name in (*_NUMBERS, "place")]
    + [(name, pa.string()) for name in _UNKNOWN]
)


def completions(con: duckdb.DuckDBPyConnection, matcher: Matcher, fitted: Sequence[Matched]) -> pa.Table:
    """What these lines say, all of them stored completions: a row for each choice, with its `place` where it is one of
    several. `plain` is false where a text is no JSON, and where choices do not stand in order of their numbers.
    """
    parts = [_columns(matcher, lines) for lines in fitted]
    parts += [_of_choice(matcher, lines, place) for lines in fitted for place in range(1, lines.template.choices)]
    for part in parts:
        part["usage"] = _minified(con, part)
    table = _table(parts)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    plain = pc.or_kleene(pc.is_null(table["place"]), pc.equal(table["place"], table["choice_index"]))
    for name in _TEXTS:
        if name not in _DECODED:
            columns[name] = _if_said(name, table[name].cast(pa.string()))
        elif table[name].null_count < len(table):
            columns[name] = strings.decoded(con, table[name])
            plain = pc.and_(plain, pc.equal(pc.is_valid(table[name]), pc.is_valid(columns[name])))
    if pc.any(table["calls"]).as_py():
        columns["tool_calls"] = _calls(columns)
    return pa.table(columns | {"plain": plain})


def _calls(columns: dict[str, pa.ChunkedArray]) -> pa.ListArray:
    """The one call of each message that has one, as a list."""
    has_one = columns["calls"].fill_null(False)
    fields = [columns[f"call_{name}"].cast(pa.string()).filter(has_one).combine_chunks() for name in _CALL]
    offsets = np.cumsum(np.concatenate([[0], has_one.to_numpy()]), dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(fields, names=_CALL))


def _if_said(name: str, texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """A field's texts, less those that say nothing."""
    says_nothing = pc.is_in(texts, nothing(name))
    return pc.if_else(says_nothing, None, texts) if pc.any(says_nothing).as_py() else texts


def chunks(
    con: duckdb.DuckDBPyConnection, matcher: Matcher, runs: Runs | None, whole: Sequence[Matched]
) -> list[Columns]:
    """The columns of chunks.py: first lines of runs, which stand for all their lines, and chunks without a text."""
    parts = [_of_runs(matcher, runs, lines) for lines in runs.matched] if runs else []
    parts += [_columns(matcher, lines) for lines in whole]
    for part in parts:
        part["usage"] = _minified(con, part)
        part.setdefault("last_line", part["line"])
        part.setdefault("chunks", pa.array(np.ones(len(part["line"]), np.int64)))
        part.setdefault("cut", pa.repeat(pa.scalar(False), len(part["line"])))
    return parts


def _of_runs(matcher: Matcher, runs: Runs, lines: Matched) -> Columns:
    part = _columns(matcher, lines)
    place = pa.array(runs.places(lines.line))
    part |= {name: runs.table[name].take(place).combine_chunks() for name in ("last_line", "chunks")}
    part["cut"] = pa.repeat(pa.scalar(True), len(lines.line))
    name = lines.template.text or ""
    part["field"] = pa.repeat(pa.scalar(name), len(lines.line))
    if name == "content":
        last = runs.borders(part["last_line"].to_numpy())
        part |= {"first_fragment": part[name], "last_fragment": matcher.words.views(last.text_start, last.text_end)}
    part[name] = runs.table["text"].take(place).combine_chunks()
    return part


def _minified(con: duckdb.DuckDBPyConnection, part: Columns) -> pa.Array:
    """The usage objects without blanks."""
    if part["usage"].null_count == len(part["usage"]) or part["minified"][0].as_py():
        return part["usage"]
    con.register("spaced", pa.table({"usage": part["usage"]}))
    return con.sql(sql.text("block/minified")).to_arrow_table()["usage"].combine_chunks()


def _columns(matcher: Matcher, lines: Matched) -> Columns:
    columns = {name: matcher.texts(lines, name) for name in _TEXTS}
    columns |= {name: matcher.numbers(lines, name) for name in _NUMBERS}
    if lines.template.choices > 1:
        columns["place"] = pa.repeat(pa.scalar(0, pa.int64()), len(lines.line))
    if lines.template.unknown:
        columns |= {"extra": matcher.unknown(lines, TOP), "content_filter": matcher.unknown(lines, FILTER)}
        columns["choice_extra"] = _with_said(lines, matcher.unknown(lines, CHOICE), matcher.unknown(lines, SAID))
    return columns | {
        "line": pa.array(lines.line),
        "transcript": pa.array(matcher.lines.transcript[lines.line]),
        "usage": matcher.usages(lines),
        "calls": pa.repeat(pa.scalar("call_name" in lines.template.fields), len(lines.line)),
        "minified": pa.repeat(pa.scalar(lines.template.minified or lines.template.decimal), len(lines.line)),
    }


def _of_choice(matcher: Matcher, lines: Matched, place: int) -> Columns:
    """The columns of one of several choices."""
    names = [name for name in _OF_CHOICE if of_choice(name, place) in lines.template.fields]
    columns = {name: matcher.texts(lines, of_choice(name, place)) for name in names}
    columns["choice_index"] = matcher.numbers(lines, of_choice("choice_index", place))
    return columns | {
        "line": pa.array(lines.line),
        "usage": pa.nulls(len(lines.line), pa.string_view()),
        "place": pa.repeat(pa.scalar(place, pa.int64()), len(lines.line)),
    }


def _with_said(lines: Matched, own: pa.Array, said: pa.Array) -> pa.Array:
    """The unknown fields of choices, and among them, under the name of what was said, those of that."""
    if said.null_count == len(said):
        return own
    name = "message" if lines.template.lane == COMPLETION else "delta"
    nested = pc.binary_join_element_wise(pa.scalar(f'"{name}":'), said, pa.scalar("}"), "")
    if own.null_count == len(own):
        return pc.binary_join_element_wise(pa.scalar("{"), nested, "")
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(own, 0, -1), nested, ",")


def _table(parts: Sequence[Columns]) -> pa.Table:
    tables = [
        pa.table([part.get(f.name, pa.nulls(len(part["line"]), f.type)) for f in _SCHEMA], schema=_SCHEMA)
        for part in parts
    ]
    return pa.concat_tables(tables) if tables else _SCHEMA.empty_table()

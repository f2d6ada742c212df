"""The records of a block in, pieces of responses out: in columns where that is exact.

Three ways, from the fastest to the most careful, each for what the one before leaves: lines that a template fits
(matching.py, runs.py), other records that SQL can read (projection.py), and the careful path, to which whole streams
go too when they need judgement (streams.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import engine, sql
from chatlogs.normalizing.folding import chunkrows, chunks, plain, projection, runs
from chatlogs.normalizing.folding import cuts as cutting
from chatlogs.normalizing.folding.chunkrows import Kept
from chatlogs.normalizing.folding.cuts import PADDING, Cuts
from chatlogs.normalizing.folding.matching import Matched, Matcher
from chatlogs.normalizing.folding.probabilities import Tokens
from chatlogs.normalizing.folding.runs import Runs
from chatlogs.normalizing.folding.streams import Streams
from chatlogs.normalizing.folding.stretches import stretched
from chatlogs.normalizing.folding.strings import of_their_own, streamed
from chatlogs.normalizing.folding.templates import Template
from chatlogs.normalizing.folding.unknown import all_kept
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.decoding import is_exact
from chatlogs.reading.lines import OBJECT, Ints, Lines

_SETTINGS = "set threads = 1; set preserve_insertion_order = true"
_MACROS = (
    # Read as text, a number, true, false or a container is told from a string by its looks; looks may deceive.
    """create temp macro may_be_no_text(s) as coalesce(
    starts_with(s, '[') or starts_with(s, chr(123)) or s = 'true' or s = 'false'
    or case when strlen(s) < 10 then lower(s) in ('nan', 'inf', 'infinity', '-inf', '-infinity') else false end
    or case when s >= '-' and s < ':' then regexp_full_match(s, '-?[0-9][-+.0-9eE]*') else false end, false)""",
    # What a JSON string says between its quotes; null where that is no JSON.
    """create temp macro decoded(s) as
    case when contains(s, '\\') then try(json_extract_string('"' || s || '"', '$')) else s end""",
)
_engines: dict[int, duckdb.DuckDBPyConnection] = {}
_starting = threading.Lock()
_VERDICTS = "create temp table verdicts (shape varchar, lane varchar, body varchar, has_calls bool, said_nothing bool)"
_ONE_IN = 16  # bytes of a block; of lines that are fewer each is looked at before SQL may parse them
_FEW_BYTES = 1 << 17  # that are read one by one in less time than SQL takes to plan
_LOOKED_AT = 16  # lines, for chunks among them
_DELTA = b'"delta"'
_SMALL = r"[:,\[]-?0\.00000[1-9]"
_SAMPLE = 8, 512  # the lines that tell where others are cut: one in so many, and no more of them than about so many
_CALL = pa.struct([("slot", pa.int64()), *((name, pa.string()) for name in ("id", "name", "arguments"))])
_PARSED = pa.schema([
    ("line", pa.int64()), ("transcript", pa.int32()), ("created", pa.int64()), ("choice_index", pa.int64()),
    *((name, pa.string()) for name in ("id", "model", "system_fingerprint", "service_tier", "provider", "request_id")),
    *((name, pa.string()) for name in ("usage", "role", "finish_reason", "content", "reasoning", "refusal")),
    ("tool_calls", pa.list_(_CALL)),
])  # fmt: skip


@dataclass(frozen=True)
class Careful:
    """A record, or a run of records alike, that the careful path reads.

    text: the JSON with the joined text in it, or None to read the lines one by one. lines: their numbers.
    """

    first_line: int
    last_line: int
    chunks: int
    text: bytes | None
    lines: list[int]


def connect() -> duckdb.DuckDBPyConnection:
    """A connection for one worker: one thread, so that text is joined in the order of the lines."""
    con = _engine(os.getpid()).cursor()
    for macro in _MACROS:
        con.execute(macro)
    con.execute(_VERDICTS)
    return con


def _engine(process: int) -> duckdb.DuckDBPyConnection:
    """The engine that all workers of the process share, as one takes some time to start."""
    with _starting:
        if process not in _engines:
            _engines[process] = engine.connect()
            _engines[process].execute(_SETTINGS)
        return _engines[process]


@dataclass
class Facts:
    """What the fast ways read of a block.

    stored: its stored completions, a row for each choice (plain.completions). streams: those of its chunks, if it has
    any, and runs of them. tokens: those of lines that were read without their log probabilities. odd: the lines whose
    records need the careful path. is_apart: the lines were read from a block that holds less than theirs.
    """

    stored: list[pa.Table] = field(default_factory=list)
    streams: Streams | None = None
    runs: Runs | None = None
    tokens: Tokens | None = None
    odd: list[int] = field(default_factory=list)
    is_apart: bool = False

    def leave_completions_of(self, lines: Sequence[int]) -> None:
        """Leave stored completions in these lines, beside which more is said, to the careful path."""
        if not lines:
            return
        for number, table in enumerate(self.stored):
            theirs = pc.is_in(table["line"], pa.array(lines, pa.int64()))
            if pc.any(theirs).as_py():
                self.odd += pc.unique(table["line"].filter(theirs)).to_pylist()
                self.stored[number] = of_their_own(table).filter(pc.invert(theirs))
        self.odd.sort()


def read(con: duckdb.DuckDBPyConnection, lines: Lines) -> Facts:
    """Read the block's records as far as that is plain."""
    facts = Facts()
    matcher = Matcher(lines)
    cut, whole, stored = _sorted(matcher)
    found = runs.read(con, matcher, cut) if cut else None
    left = [found.left] if found else []
    if stored:
        table, odd = _judged(plain.completions(con, matcher, stored))
        left.append(odd)
        facts.stored.append(table)
    read_lines = [part.line for part in cut] + [part.line for part in whole + stored]
    rest = np.setdiff1d(np.flatnonzero(lines.kind == OBJECT), runs.joined(read_lines), assume_unique=True)
    rest = np.sort(runs.joined([rest, *left]))
    padded = (matched.line for matched in whole if PADDING in matched.template.fields)
    again = runs.repeats(matcher, np.sort(runs.joined([rest, *padded])))
    aside = runs.joined([again, found.repeated]) if found else again
    parsed = _parsed(con, matcher, np.setdiff1d(rest, aside), facts)
    facts.odd = sorted({*facts.odd, *aside.tolist()})
    whole = [matched.where(~np.isin(matched.line, again)) for matched in whole]
    if found or whole or len(parsed):
        parts = [*plain.chunks(con, matcher, found, whole), _columns_of(parsed)]
        facts.streams, facts.runs = Streams(chunks.of(chunks.table_of(parts))), found
    return facts


def _sorted(matcher: Matcher) -> tuple[list[Cuts], list[Matched], list[Matched]]:
    """The lines that templates fit: chunks cut at a text, other chunks, and stored completions."""
    chosen = np.flatnonzero((matcher.lines.kind == OBJECT) & matcher.lines.clean)
    cuts: list[Cuts] = []
    whole: list[Matched] = []
    stored: list[Matched] = []
    if _may_have_chunks(matcher.lines, chosen):
        one_in, most = _SAMPLE
        sample = np.s_[:: max(one_in, len(chosen) // most)]
        cuts, whole, stored = _matched(matcher, chosen[sample])
        measured, chosen = cutting.measured(matcher, np.delete(chosen, sample), cutting.rulers(matcher, cuts))
        cuts += measured
    more = _matched(matcher, chosen)
    cuts, whole, stored = cuts + more[0], whole + more[1], stored + more[2]
    by_template: dict[Template, list[Cuts]] = {}
    for each in cuts:
        by_template.setdefault(each.template, []).append(each)
    return [Cuts.joined(parts) for parts in by_template.values()], whole, stored


def _may_have_chunks(lines: Lines, chosen: Ints) -> bool:
    return any(_DELTA in lines.text(line) for line in chosen[:: max(1, len(chosen) // _LOOKED_AT)].tolist())


def _matched(matcher: Matcher, line: Ints) -> tuple[list[Cuts], list[Matched], list[Matched]]:
    """The same of these lines, whose quotes are looked for."""
    cuts: list[Cuts] = []
    whole: list[Matched] = []
    stored: list[Matched] = []
    for matched in matcher.matched(line):
        if matched.template.lane == projection.COMPLETION:
            stored.append(matched)
        elif matched.template.text is None:
            whole.append(matched)
        else:
            each = cutting.cut(matcher, matched)
            is_empty = each.text_end == each.text_start
            cuts.append(each.where(~is_empty))
            whole.append(matched.where(is_empty))
    return cuts, whole, stored


def _parsed(con: duckdb.DuckDBPyConnection, matcher: Matcher, line: Ints, facts: Facts) -> pa.Table:
    """The plain chunks of these lines, parsed by SQL; their stored completions and odd lines go to the facts."""
    lines = matcher.lines
    line, odd = _worth_parsing(lines, line)
    facts.odd += odd.tolist()
    if not len(line):
        return _PARSED.empty_table()
    con.register(
        "whole_lines",
        pa.table(
            {
                "line": pa.array(line),
                "transcript": pa.array(lines.transcript[line]),
                "text": matcher.words.views(lines.start[line], lines.end[line]),
            }
        ),
    )
    try:
        table = _records(con, "true")
    except (duckdb.InvalidInputException, OSError):  # an OSError when it streams already
        # Some line is not JSON. Testing each first costs a parse, so it is done only for such blocks.
        table = _records(con, "json_valid(text)")
        facts.odd += [row[0] for row in con.execute(sql.text("block/invalid")).fetchall()]
    table, odd = _judged(table)
    table = table.set_column(table.schema.get_field_index("usage"), "usage", _as_kept(table["usage"]))
    facts.odd += odd.tolist()
    is_chunk = pc.equal(table["lane"], projection.CHUNK)
    facts.stored.append(table.filter(pc.invert(is_chunk)))
    return table.filter(is_chunk).select(_PARSED.names)


def _as_kept(usage: pa.ChunkedArray) -> pa.ChunkedArray:
    """Usage objects as all other paths write them: SQL writes small fractions out."""
    is_other = pc.match_substring_regex(usage, _SMALL)
    if not pc.any(is_other).as_py():
        return usage
    kept = all_kept(usage.filter(is_other).combine_chunks())
    return pc.replace_with_mask(usage.combine_chunks(), pc.fill_null(is_other, False).combine_chunks(), kept)


def _judged(table: pa.Table) -> tuple[pa.Table, Ints]:
    """The rows of lines that are plain as a whole, and the other lines: also where it cannot be told."""
    odd = pc.unique(table["line"].filter(pc.invert(pc.fill_null(table["plain"], False))))
    if len(odd):
        table = of_their_own(table).filter(pc.invert(pc.is_in(table["line"], odd)))
    return table, odd.to_numpy()


def _worth_parsing(lines: Lines, line: Ints) -> tuple[Ints, Ints]:
    """The lines that SQL should parse, and those that it would only hand on, or that are too few for it."""
    sizes = lines.end[line] - lines.start[line]
    if int(sizes.sum()) * _ONE_IN > lines.block.size:
        return line, line[:0]
    texts = map(lines.text, line.tolist())
    good = np.array([_is_bare(text) and is_exact(text) for text in texts], bool)
    if int(sizes[good].sum()) < _FEW_BYTES:
        return line[:0], line
    return line[good], line[~good]


def _is_bare(text: bytes) -> bool:
    """Whether the line has choices at its first level, in front of any other object; SQL reads no wrappers."""
    at = text.find(b'"choices"')
    return at > 0 and text.count(b"{", 0, at) == 1


def _records(con: duckdb.DuckDBPyConnection, valid: str) -> pa.Table:
    query = sql.text(
        "block/records",
        paths=projection.SHAPE_PATHS,
        call_paths=projection.CALL_PATHS,
        structure=projection.STRUCTURE,
        argument_paths=projection.ARGUMENT_PATHS,
        valid=valid,
    )
    table = streamed(con, query)
    shapes = pc.unique(table["new_shape"]).drop_null().to_pylist()
    if shapes:
        verdicts = [list(vars(projection.judge(shape)).values()) for shape in shapes]
        con.executemany("insert into verdicts values (?, ?, ?, ?, ?)", verdicts)
        table = streamed(con, query)
    return table


def _columns_of(parsed: pa.Table) -> dict[str, pa.Array]:
    """The columns of chunks.py, of chunks that SQL has parsed."""
    part = {name: parsed[name].combine_chunks() for name in parsed.column_names if name != "tool_calls"}
    part |= {"last_line": part["line"], "first_fragment": part["content"], "last_fragment": part["content"]}
    part |= {"chunks": pa.array(np.ones(len(parsed), np.int64)), "cut": pa.repeat(pa.scalar(False), len(parsed))}
    lists = parsed["tool_calls"].combine_chunks()
    without = pc.list_value_length(lists).fill_null(0).to_numpy() == 0
    calls = lists.values.take(pa.array(np.asarray(lists.offsets)[:-1], mask=without))  # a plain chunk has one at most
    for name, of in zip(_CALL.names, ("call_index", "call_id", "call_name", "call_arguments"), strict=True):
        part[of] = calls.field(name)
    return part


def folded(
    con: duckdb.DuckDBPyConnection, lines: Lines, facts: Facts, careful: Sequence[str], kept: Kept
) -> tuple[list[dict[str, pa.Table]], list[Careful]]:
    """The plain streams, linked by the line that each begins in (`line_number`), and the chunks of all others.

    careful: names of streams that are not plain, though it may look like it. kept: of which chunks rows are kept.
    """
    streams = facts.streams
    if streams is None:
        return [], []
    plain, tangled = streams.plain(careful)
    tables = [_folded(streams, plain, facts)]
    if facts.runs is not None and tangled.any():
        cut = stretched(con, streams, facts.runs, tangled)
        are_plain, _ = cut.plain()
        tables.append(_folded(cut, are_plain, facts))
        plain |= tangled & np.isin(streams.first_line, cut.first_line[are_plain])
    if kept.any:
        tables.append({"chunks": chunkrows.rows(con, streams, facts.runs, plain, kept)})
    as_runs = not kept.any and not facts.is_apart
    return tables, _rest_of(lines, streams, facts.runs, plain, as_runs=as_runs)


def _folded(streams: Streams, plain: Bools, facts: Facts) -> dict[str, pa.Table]:
    tables = streams.folded(plain)
    if facts.tokens is not None:
        tables["choices"] = facts.tokens.of_streams(tables["choices"], streams, facts.runs)
    return tables


def _rest_of(lines: Lines, streams: Streams, found: Runs | None, plain: Bools, *, as_runs: bool) -> list[Careful]:
    """The chunks of the streams that are not plain, and runs of them; as_runs: these may be read as one chunk."""
    numbers = streams.chunks.numbers
    rows = np.flatnonzero(~plain)
    first = numbers["line"][rows]
    of_runs = first[streams.is_run[rows]]
    lines_of = found.lines_of(of_runs) if found else {}
    text = _run_texts(lines, found, of_runs) if found and as_runs else {}
    borders = zip(first.tolist(), numbers["last_line"][rows].tolist(), numbers["chunks"][rows].tolist(), strict=True)
    return [Careful(line, last, count, text.get(line), lines_of.get(line, [line])) for line, last, count in borders]


def _run_texts(lines: Lines, found: Runs, first: Ints) -> dict[int, bytes]:
    """Runs, by their first lines, as one line with the joined text, without padding."""
    if not len(first):
        return {}
    data = memoryview(lines.block.data)
    starts, ends = lines.start[first].tolist(), lines.end[first].tolist()
    fragments = found.table["fragments"].take(pa.array(found.places(first))).to_pylist()
    borders = zip(*(border.tolist() for border in found.borders(first).borders()), strict=True)
    return {
        line: b"".join([data[start:text], joined.encode(), data[text_end:padding], data[padding_end:end]])
        for start, end, joined, (line, text, text_end, padding, padding_end) in zip(
            starts, ends, fragments, borders, strict=True
        )
    }

"""Chunk lines in, runs out: the text each chunk adds is cut out, and lines alike in all else become one run.

The lines of a stream differ in one string, the fragment they add. With that string (and the random `obfuscation`
beside it) cut out, a stream of a hundred lines leaves three or four distinct ones, and only these are looked at.
The fragments of a run are joined as the JSON text they are, escapes and all, so that a surrogate pair split over
two chunks is whole again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from chatlogs import sql
from chatlogs.normalizing.matching import Matched, Matcher
from chatlogs.normalizing.words import Bools
from chatlogs.reading.lines import Ints

PADDING = "obfuscation"
_PADDED = b'"obfuscation":'
_REPEATS = "count(*) filter (len(padding) >= 4) - count(distinct padding || fragment) filter (len(padding) >= 4)"


@dataclass
class Runs:
    """The runs of a block; SQL sees all of them as `runs`.

    table: first_line, last_line, chunks, fragments and text of those that say plainly what they say, in order of
    their first lines. matched: these first lines, by template. left: the lines of other runs. repeated: padded lines
    that were logged twice, or may have been. parts: what is the same in all lines of a run.
    """

    table: pa.Table
    matched: list[Matched]
    left: Ints
    repeated: Ints
    parts: list[str]


@dataclass
class _Cuts:
    """Where lines are cut: four borders head|text|middle|padding|tail."""

    line: Ints
    text_start: Ints
    text_end: Ints
    padding_start: Ints
    padding_end: Ints

    def where(self, keep: Bools) -> _Cuts:
        return _Cuts(*(border[keep] for border in vars(self).values()))


def read(con: duckdb.DuckDBPyConnection, matcher: Matcher, candidates: Sequence[Matched]) -> Runs:
    """The runs of lines whose template is cut at a text."""
    cuts = _cuts(matcher, candidates)
    is_early = cuts.padding_start < cuts.text_start  # padding that comes before the text is no plain matter
    early, cuts = cuts.line[is_early], cuts.where(~is_early)
    parts = _show(con, matcher, cuts)
    repeats = _REPEATS if "tail" in parts else "0"
    con.execute(sql.text("block/runs", parts=", ".join(parts), repeats=repeats))
    found = con.sql("select first_line, last_line, chunks, fragments, text, repeats from runs").to_arrow_table()
    first = found["first_line"].to_numpy()
    is_repeated = found["repeats"].to_numpy() > 0
    is_plain = found["text"].is_valid().to_numpy() & ~is_repeated
    matched, fits = _fitting(matcher, candidates, first, is_plain)
    left = lines_of(con, first[~fits & ~is_repeated], parts)
    repeated = lines_of(con, first[is_repeated], parts)
    early_or_repeated = joined([early, *repeated.values()])
    return Runs(found.filter(pa.array(fits)), matched, joined(left.values()), early_or_repeated, parts)


def lines_of(con: duckdb.DuckDBPyConnection, first_lines: Ints, parts: Sequence[str]) -> dict[int, Ints]:
    """The lines of the runs that begin in these lines."""
    if not len(first_lines):
        return {}
    con.register("wanted_runs", pa.table({"first_line": pa.array(first_lines)}))
    same = " and ".join(f"c.{part} = r.{part}" for part in parts)
    rows = con.execute(sql.text("block/run_lines", same=same)).fetchall()
    return {first: np.array(lines, np.int64) for first, lines in rows}


def repeats(matcher: Matcher, line: Ints) -> Ints:
    """Those of the lines that are padded and stand in the block twice."""
    lines = matcher.lines
    said = {i: (int(lines.transcript[i]), text) for i in line.tolist() if _PADDED in (text := lines.text(i))}
    times = Counter(said.values())
    return np.array([i for i, text in said.items() if times[text] > 1], np.int64)


def joined(parts: Iterable[Ints]) -> Ints:
    """All of the numbers, in the order given."""
    return np.concatenate([np.empty(0, np.int64), *parts])


def _cuts(matcher: Matcher, candidates: Sequence[Matched]) -> _Cuts:
    borders: list[tuple[Ints, ...]] = []
    for matched in candidates:
        template, line_end = matched.template, matcher.lines.end[matched.line]
        padding = (line_end, line_end)
        if PADDING in template.fields:
            padding = matcher.borders(matched, template.hole(PADDING))
        borders.append((matched.line, *matcher.borders(matched, template.hole(template.text or "")), *padding))
    return _Cuts(*(joined(parts) for parts in zip(*borders, strict=True))) if borders else _Cuts(*[joined([])] * 5)


def _show(con: duckdb.DuckDBPyConnection, matcher: Matcher, cuts: _Cuts) -> list[str]:
    """Show the cut lines to SQL, without copying a byte; the names of the parts that make a run come back."""
    lines, views = matcher.lines, matcher.words.views
    line, line_end = cuts.line, lines.end[cuts.line]
    table = {
        "line": pa.array(line),
        "transcript": pa.array(lines.transcript[line]),
        "head": views(lines.start[line], cuts.text_start),
        "fragment": views(cuts.text_start, cuts.text_end),
        "middle": views(cuts.text_end, cuts.padding_start),
    }
    if is_padded := bool(np.any(cuts.padding_end < line_end)):
        table["padding"] = views(cuts.padding_start, cuts.padding_end)
        table["tail"] = views(cuts.padding_end, line_end)
    con.register("cut_lines", pa.table(table))
    return ["head", "middle", "tail"] if is_padded else ["head", "middle"]


def _fitting(matcher: Matcher, candidates: Sequence[Matched], first: Ints, plain: Bools) -> tuple[list[Matched], Bools]:
    """The first lines of plain runs by template; and which of the runs these are.

    All lines of a run have the same bytes but for their text, so one tells for all whether a template fits.
    """
    template_of = np.full(len(matcher.lines), -1, np.int16)
    for number, candidate in enumerate(candidates):
        template_of[candidate.line] = number
    matched, fits = [], np.zeros(len(first), bool)
    for number, candidate in enumerate(candidates):
        ours = np.flatnonzero((template_of[first] == number) & plain)
        fits[ours] = matcher.fits(candidate.template, first[ours])
        line = first[ours[fits[ours]]]
        if len(line):
            matched.append(Matched(candidate.template, line, matcher.lines.first_mark[line]))
    return matched, fits

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
from chatlogs.normalizing.cuts import PADDING, Cuts, cut
from chatlogs.normalizing.matching import Matched, Matcher
from chatlogs.normalizing.words import Bools
from chatlogs.reading.lines import Ints

_PADDED = b'"obfuscation":'
_BACKSLASH = 0x5C
_REPEATS = "count(*) filter (len(padding) >= 4) - count(distinct padding || fragment) filter (len(padding) >= 4)"


@dataclass
class Runs:
    """The runs of a block.

    table: first_line, last_line, chunks, fragments and text of those that say plainly what they say, in order of
    their first lines. matched: these first lines, by template. left: the lines of other runs. repeated: padded lines
    that were logged twice, or may have been. parts: what is the same in all lines of a run. cuts: all lines cut.
    """

    table: pa.Table
    matched: list[Matched]
    left: Ints
    repeated: Ints
    parts: list[str]
    cuts: Sequence[Cuts]

    def places(self, first_line: Ints) -> Ints:
        """The rows of the runs that begin in these lines."""
        return np.searchsorted(self.table["first_line"].to_numpy(), first_line)

    def fragments(self, first_line: int) -> str:
        """The joined fragments of the run that begins in this line, as they are written."""
        text: str = self.table["fragments"][int(self.places(np.array([first_line]))[0])].as_py()
        return text

    def borders(self, line: Ints) -> Cuts:
        """Where these lines were cut; the template is any of theirs."""
        every = Cuts.joined(self.cuts)
        place = np.zeros(int(every.line.max()) + 1, np.int64)
        place[every.line] = np.arange(len(every.line))
        return every.where(place[line])


def read(con: duckdb.DuckDBPyConnection, matcher: Matcher, cuts: Sequence[Cuts]) -> Runs:
    """The runs of lines whose template is cut at a text."""
    plain = [_are_plain(matcher, each) for each in cuts]
    aside = [each.line[~good] for each, good in zip(cuts, plain, strict=True)]
    cuts = [each.where(good) if not good.all() else each for each, good in zip(cuts, plain, strict=True)]
    parts = _show(con, matcher, cuts)
    repeats = _REPEATS if "tail" in parts else "0"
    found = con.sql(sql.text("block/runs", parts=", ".join(parts), repeats=repeats)).to_arrow_table()
    first = found["first_line"].to_numpy()
    is_repeated = found["repeats"].to_numpy() > 0
    is_plain = found["text"].is_valid().to_numpy() & ~is_repeated
    matched, fits = _fitting(matcher, cuts, first, is_plain)
    left = lines_of(con, first[~fits & ~is_repeated], parts)
    repeated = lines_of(con, first[is_repeated], parts)
    aside += repeated.values()
    return Runs(found.filter(pa.array(fits)), matched, joined(left.values()), joined(aside), parts, cuts)


def none() -> Runs:
    """No runs."""
    names = {"first_line": pa.int64(), "last_line": pa.int64(), "chunks": pa.int64()}
    texts = {"fragments": pa.string(), "text": pa.string()}
    return Runs(pa.schema(names | texts).empty_table(), [], joined([]), joined([]), [], [])


def lines_of(con: duckdb.DuckDBPyConnection, first_lines: Ints, parts: Sequence[str]) -> dict[int, Ints]:
    """The lines of the runs that begin in these lines."""
    if not len(first_lines):
        return {}
    con.register("wanted_runs", pa.table({"first_line": pa.array(first_lines)}))
    same = " and ".join(f"c.{part} = f.{part}" for part in parts)
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


def _are_plain(matcher: Matcher, cuts: Cuts) -> Bools:
    """Which lines have a text that can be joined, and padding, if any, behind it and without escapes.

    An escape that is cut in two would be whole again in the joined text, though neither line is JSON.
    """
    plain = ~matcher.words.end_in_escape(cuts.text_start, cuts.text_end)
    if PADDING in cuts.template.fields:
        plain &= cuts.padding_start >= cuts.text_end
        plain[plain] = ~matcher.words.contain(cuts.padding_start[plain], cuts.padding_end[plain], _BACKSLASH)
    return plain


def _show(con: duckdb.DuckDBPyConnection, matcher: Matcher, cuts: Sequence[Cuts]) -> list[str]:
    """Show the cut lines to SQL, without copying a byte; the names of the parts that make a run come back."""
    lines, views = matcher.lines, matcher.words.views
    borders = [joined(each) for each in zip(*(each.borders() for each in cuts), strict=True)] or [joined([])] * 5
    order = np.argsort(borders[0], kind="stable")  # texts are joined in the order of the lines
    line, text_start, text_end, padding_start, padding_end = (border[order] for border in borders)
    line_end = lines.end[line]
    table = {
        "line": pa.array(line),
        "transcript": pa.array(lines.transcript[line]),
        "head": views(lines.start[line], text_start),
        "fragment": views(text_start, text_end),
        "middle": views(text_end, padding_start),
    }
    if is_padded := any(PADDING in each.template.fields for each in cuts):
        table["padding"] = views(padding_start, padding_end)
        table["tail"] = views(padding_end, line_end)
    con.register("cut_lines", pa.table(table))
    return ["head", "middle", "tail"] if is_padded else ["head", "middle"]


def _fitting(matcher: Matcher, cuts: Sequence[Cuts], first: Ints, plain: Bools) -> tuple[list[Matched], Bools]:
    """The first lines of plain runs by template; and which of the runs these are.

    All lines of a run have the same bytes but for their text, so one tells for all whether a template fits: if its
    quotes are where it was cut.
    """
    matcher.quotes.look(np.sort(first[matcher.quotes.count[first] == 0]))
    matched, fits = [], np.zeros(len(first), bool)
    place = np.empty(len(matcher.lines), np.int64)
    for each in cuts:
        place[:] = -1
        place[each.line] = np.arange(len(each.line))
        ours = np.flatnonzero((place[first] >= 0) & plain)
        ours = ours[matcher.fits(each.template, first[ours])]
        asked = Matched(each.template, first[ours])
        as_cut = each.where(place[asked.line])
        same = np.ones(len(ours), bool)
        for border, quoted in zip(as_cut.borders(), cut(matcher, asked).borders(), strict=True):
            same &= border == quoted
        fits[ours[same]] = True
        if same.any():
            matched.append(asked.where(same))
    return matched, fits

"""Chunk lines in, runs out: the text each chunk adds is cut out, and lines alike in all else become one run.

The lines of a stream differ in one string, the fragment they add. With that string (and the random `obfuscation`
beside it) cut out, a stream of a hundred lines leaves three or four distinct ones, and only these are looked at.
The fragments of a run are joined as the JSON text they are, escapes and all, so that a surrogate pair split over
two chunks is whole again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs import sql
from chatlogs.normalizing.folding.cuts import PADDING, Cuts, cut
from chatlogs.normalizing.folding.matching import Matched, Matcher
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints

_PADDED = b'"obfuscation":'
_BACKSLASH = 0x5C
_RUNS = pa.schema(
    [("first_line", pa.int64()), ("last_line", pa.int64()), ("chunks", pa.int64())]
    + [("lines", pa.list_(pa.int64())), ("fragments", pa.string()), ("text", pa.string())]
)
_REPEATS = "count(*) filter (len(padding) >= 4) - count(distinct padding || fragment) filter (len(padding) >= 4)"


@dataclass
class Runs:
    """The runs of a block.

    table: first_line, last_line, chunks, lines, fragments and text of those that say plainly what they say, in order of
    their first lines. matched: these first lines, by template. left: the lines of other runs. repeated: padded lines
    that were logged twice, or may have been. cuts: all the lines that were cut, in order. parts: what is the same in
    all lines of a run. found: the table with all runs, whatever they say.
    """

    matcher: Matcher
    cuts: Cuts
    parts: list[str]
    found: pa.Table = field(default_factory=_RUNS.empty_table)
    table: pa.Table = field(default_factory=_RUNS.empty_table)
    matched: list[Matched] = field(default_factory=list)
    left: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    repeated: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def places(self, first_line: Ints) -> Ints:
        """The rows of the runs that begin in these lines."""
        return np.searchsorted(self.table["first_line"].to_numpy(), first_line)

    def borders(self, line: Ints) -> Cuts:
        """Where these lines were cut; the template is any of theirs."""
        return self.cuts.where(np.searchsorted(self.cuts.line, line))

    def texts(self, line: Ints) -> pa.StringArray:
        """What these lines, which may be many, add as it is written."""
        place = np.empty(len(self.matcher.lines), np.int64)
        place[self.cuts.line] = np.arange(len(self.cuts.line))
        some = place[line]
        return self.matcher.words.views(self.cuts.text_start[some], self.cuts.text_end[some]).cast(pa.string())

    def members(self, first_lines: Ints) -> tuple[Ints, Ints]:
        """All lines, in order, of the runs that begin in these lines; and the run of each one, by its place here."""
        rows = np.searchsorted(self.found["first_line"].to_numpy(), first_lines)
        lists = self.found["lines"].combine_chunks().take(pa.array(rows))
        run_of = np.full(len(self.matcher.lines), -1)
        run_of[lists.flatten().to_numpy()] = np.repeat(np.arange(len(rows)), lists.value_lengths().to_numpy())
        line = np.flatnonzero(run_of >= 0)
        return line, run_of[line]

    def lines_of(self, first_lines: Ints) -> dict[int, list[int]]:
        """The lines of the runs that begin in these lines, by these."""
        rows = np.searchsorted(self.found["first_line"].to_numpy(), first_lines)
        lists = self.found["lines"].take(pa.array(rows)).to_pylist()
        return dict(zip(first_lines.tolist(), lists, strict=True))

    def shown(self, cuts: Cuts) -> pa.Table:
        """The lines as SQL sees them; not a byte is copied."""
        lines, views = self.matcher.lines, self.matcher.words.views
        line, text_start, text_end, padding_start, padding_end = cuts.borders()
        table = {
            "line": pa.array(line),
            "transcript": pa.array(lines.transcript[line]),
            "head": views(lines.start[line], text_start),
            "fragment": views(text_start, text_end),
            "middle": views(text_end, padding_start),
        }
        if "tail" in self.parts:
            table["padding"] = views(padding_start, padding_end)
            table["tail"] = views(padding_end, lines.end[line])
        return pa.table(table)


def read(con: duckdb.DuckDBPyConnection, matcher: Matcher, cuts: Sequence[Cuts]) -> Runs:
    """The runs of lines whose template is cut at a text."""
    plain = [_are_plain(matcher, each) for each in cuts]
    aside = [each.line[~good] for each, good in zip(cuts, plain, strict=True)]
    cuts = [each.where(good) if not good.all() else each for each, good in zip(cuts, plain, strict=True)]
    is_padded = any(PADDING in each.template.fields for each in cuts)
    # Texts are joined in the order of the lines.
    runs = Runs(matcher, Cuts.joined(cuts).in_order(), ["head", "middle", "tail"] if is_padded else ["head", "middle"])
    con.register("cut_lines", runs.shown(runs.cuts))
    query = sql.text("block/runs", parts=", ".join(runs.parts), repeats=_REPEATS if is_padded else "0")
    runs.found = found = con.sql(query).to_arrow_table()
    first = found["first_line"].to_numpy()
    is_repeated = found["repeats"].to_numpy() > 0
    is_plain = found["text"].is_valid().to_numpy() & ~is_repeated
    runs.matched, fits = _fitting(matcher, cuts, found, is_plain)
    runs.table = found.filter(pa.array(fits))
    runs.left, _ = runs.members(first[~fits & ~is_repeated])
    runs.repeated = joined([*aside, runs.members(first[is_repeated])[0]])
    return runs


def repeats(matcher: Matcher, line: Ints) -> Ints:
    """Those of the lines that are padded and stand in the block twice."""
    lines = matcher.lines
    said = {i: (int(lines.transcript[i]), text) for i in line.tolist() if _PADDED in (text := lines.text(i))}
    times = Counter(said.values())
    return np.array([i for i, text in said.items() if times[text] > 1], np.int64)


def each_line(runs: Runs | None, first: Ints, is_run: Bools) -> tuple[Ints, Ints]:
    """All lines of rows that begin in these, and the place of each one's row: those of one line first, then runs."""
    alone, many = np.flatnonzero(~is_run), np.flatnonzero(is_run)
    if runs is None or not len(many):
        return first[alone], alone
    line, of = runs.members(first[many])
    return joined([first[alone], line]), joined([alone, many[of]])


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


def _fitting(matcher: Matcher, cuts: Sequence[Cuts], found: pa.Table, plain: Bools) -> tuple[list[Matched], Bools]:
    """The first lines of plain runs by template; and which of the runs these are.

    All lines of a run have the same bytes but for their text, so one tells for all whether a template fits: if its
    quotes are where it was cut, and, where that text stands once more in the line, if all add the same.
    """
    first = found["first_line"].to_numpy()
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
        if each.template.same is not None:
            same &= _are_alike(matcher, found.take(pa.array(ours)), as_cut)
        fits[ours[same]] = True
        if same.any():
            matched.append(asked.where(same))
    return matched, fits


def _are_alike(matcher: Matcher, found: pa.Table, first: Cuts) -> Bools:
    """Which runs add the text of their first line again and again."""
    text = matcher.words.views(first.text_start, first.text_end).cast(pa.string())
    alike = pc.equal(found["fragments"], pc.binary_repeat(text, found["chunks"].combine_chunks()))
    return alike.to_numpy().astype(bool)

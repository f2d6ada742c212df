"""The lines of a block in, those that templates fit out, with what stands in their holes.

Templates are learned from the lines themselves, and kept for the blocks to come. Which lines they fit changes how
fast a block is read, never what is read.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.folding.learning import learn
from chatlogs.normalizing.folding.projection import COMPLETION
from chatlogs.normalizing.folding.templates import (
    DECIMAL,
    DECIMALS,
    FILTER,
    LINE_END,
    NUMBER,
    TEXT_FIELDS,
    Border,
    Hole,
    Template,
    field_of,
)
from chatlogs.normalizing.folding.unknown import all_kept
from chatlogs.normalizing.scanning.quotes import Quotes
from chatlogs.normalizing.scanning.words import Bools, Words
from chatlogs.reading.lines import NO_TRANSCRIPT, Ints, Lines
from chatlogs.values import as_json

_MOST_KEPT = 256  # templates, in all
_MOST_TRIED = 12  # of them for lines with as many quotes
_MOST_LEARNED = 8  # of them in one block; what none of them fits is read otherwise
_SAMPLE = 3  # lines that may give no template, before the others with as many quotes are left alone
_SLICE = 8192  # lines looked at together: few enough for the cache, and so many that threads seldom wait
_BACKSLASH = 0x5C
_ESCAPED = r'^([^\\]|\\["\\/bfnrt])*$'
_CHUNK_OBJECT = b"chat.completion.chunk"

_worker = threading.local()


@dataclass
class Matched:
    """Lines that one template fits, by number."""

    template: Template
    line: Ints

    def where(self, keep: Bools) -> Matched:
        """Those of the lines that are to be kept."""
        return Matched(self.template, self.line[keep])


@dataclass
class Matcher:
    """Finds templates for the lines of a block, and reads what is in their holes."""

    lines: Lines
    words: Words = field(init=False)
    quotes: Quotes = field(init=False)

    def __post_init__(self) -> None:
        self.words = Words(self.lines.block)
        self.quotes = Quotes(self.lines)

    def matched(self, chosen: Ints) -> Iterator[Matched]:
        """Those of these lines that a template fits, by the template."""
        self.quotes.look(chosen)
        counts = self.quotes.count[chosen]
        narrow = counts.astype(np.uint16) if len(counts) and counts.max() < 1 << 16 else counts  # sorted by radix
        order = np.argsort(narrow, kind="stable")
        chosen, counts = chosen[order], counts[order]
        borders = np.flatnonzero(np.diff(counts, prepend=-1, append=-1))
        for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            yield from self._of_count(chosen[start:end], int(counts[start]))

    def _of_count(self, left: Ints, count: int) -> Iterator[Matched]:
        tried = list(_known().get(count, ()))
        for template in tried:
            left = yield from self._taken(template, left)
        for _ in range(_MOST_LEARNED):
            learned = self._learned(left, count)
            if learned is None or learned in tried:
                return
            tried.append(learned)
            _keep(learned)
            left = yield from self._taken(learned, left)

    def _taken(self, template: Template, left: Ints) -> Generator[Matched, None, Ints]:
        """Gives the lines that the template fits, if any; what comes back are the others."""
        hit = self.fits(template, left) if len(left) else np.zeros(0, bool)
        if hit.any():
            yield Matched(template, left[hit])
        return left[~hit]

    def _learned(self, left: Ints, count: int) -> Template | None:
        for line in left[:: max(1, len(left) // _SAMPLE)].tolist():
            template = learn(self.lines.text(line), count)
            if template is not None:
                return template
        return None

    def fits(self, template: Template, line: Ints) -> Bools:
        """Which of these lines are of the template, and plain."""
        fits = self.quotes.count[line] == template.quotes
        for at in range(0, len(line), _SLICE):
            some = at + np.flatnonzero(fits[at : at + _SLICE])
            fits[some] = self._fits(template, line[some])
        return fits

    def _fits(self, template: Template, line: Ints) -> Bools:
        lines, words = self.lines, self.words
        holes = [(self._place(h.start, line), self._place(h.end, line)) for h in template.holes]
        begins = [lines.start[line], *(end for _, end in holes)]
        ends = [*(start for start, _ in holes), lines.end[line]]
        fits = np.ones(len(line), bool)
        for piece, begin, end in zip(template.pieces, begins, ends, strict=True):
            fits &= end - begin == len(piece)
        rows = np.flatnonzero(fits)
        if not len(rows):
            return fits
        plain = np.ones(len(rows), bool)
        for piece, begin in zip(template.pieces, begins, strict=True):
            plain &= words.equal(begin[rows], piece)
        # Only now do borders mean what they say.
        rows = rows[plain]
        holes = [(start[rows], end[rows]) for start, end in holes]
        fits[:] = False
        fits[rows] = self._are_plain(template, line[rows], holes)
        return fits

    def _are_plain(self, template: Template, line: Ints, holes: list[tuple[Ints, Ints]]) -> Bools:
        """Which lines say what a column holds as it stands; the others need judgement."""
        words = self.words
        plain = np.ones(len(line), bool)
        texts = {place for name, place in template.fields.items() if field_of(name) in TEXT_FIELDS}
        decoded = {*texts} if template.lane == COMPLETION else {template.fields.get(template.text or "")}
        if template.same is not None:
            repeated, content = (words.views(*holes[place]).cast(pa.string()) for place in template.same)
            plain &= pc.equal(repeated, content).to_numpy(zero_copy_only=False)
            decoded.add(template.same[0])
        for place, (hole, (start, end)) in enumerate(zip(template.holes, holes, strict=True)):
            if hole.kind == NUMBER:
                plain &= words.are_numbers(start, end)
            elif hole.kind == DECIMAL:
                written = words.views(start, end).cast(pa.string())
                plain &= pc.match_substring_regex(written, f"^{DECIMALS}$").to_numpy(zero_copy_only=False)
            elif place in template.kept and place not in decoded:
                plain &= self._are_escaped(start, end)
            elif place not in decoded:
                plain &= ~words.contain(start, end, _BACKSLASH)
        sizes = {name: holes[place][1] - holes[place][0] for name, place in template.fields.items()}
        if "created" in sizes:
            plain &= (sizes["created"] >= 9) & (sizes["created"] <= 11)
        for name, size in sizes.items():
            if field_of(name) in ("choice_index", "call_index"):
                plain &= size <= 9
        if template.usage is not None:
            counted = np.zeros(len(line), bool)
            for place in template.usage_numbers:
                counted |= ~words.begin_with(holes[place][0], ord("0"))
            plain &= counted
        if template.silent:
            plain &= self._says(template, holes, sizes, "object", _CHUNK_OBJECT)
        for name in template.full:
            plain &= sizes[name] > 0
        if "call_type" in sizes:
            plain &= (sizes["call_type"] == 0) | self._says(template, holes, sizes, "call_type", b"function")
        if template.lane == COMPLETION:  # within an SSE body it may be the end of a stream
            plain &= self.lines.transcript[line] == NO_TRANSCRIPT
        return plain

    def _are_escaped(self, start: Ints, end: Ints) -> Bools:
        """Which texts have no escapes but those that stand for one character each."""
        fine = ~self.words.contain(start, end, _BACKSLASH)
        rows = np.flatnonzero(~fine)
        if len(rows):
            written = self.words.views(start[rows], end[rows]).cast(pa.string())
            fine[rows] = pc.match_substring_regex(written, _ESCAPED).to_numpy(zero_copy_only=False)
        return fine

    def _says(
        self, template: Template, holes: list[tuple[Ints, Ints]], sizes: dict[str, Ints], name: str, text: bytes
    ) -> Bools:
        if name not in sizes:
            return np.zeros(1, bool)  # of any number of lines
        return (sizes[name] == len(text)) & self.words.equal(holes[template.fields[name]][0], text)

    def borders(self, matched: Matched, hole: Hole) -> tuple[Ints, Ints]:
        """Where the hole begins and ends in each of the lines."""
        return self._place(hole.start, matched.line), self._place(hole.end, matched.line)

    def texts(self, matched: Matched, name: str) -> pa.Array:
        """What the lines say in a field, as it is written there; nulls where they lack it."""
        if name not in matched.template.fields:
            return pa.nulls(len(matched.line), pa.string_view())
        return self.words.views(*self.borders(matched, matched.template.hole(name)))

    def numbers(self, matched: Matched, name: str) -> pa.Array:
        """The numbers in a field; nulls where the lines lack it."""
        if name not in matched.template.fields:
            return pa.nulls(len(matched.line), pa.int64())
        return pa.array(self.words.numbers(*self.borders(matched, matched.template.hole(name))))

    def usages(self, matched: Matched) -> pa.Array:
        """The usage objects as they stand in the log; nulls where the lines lack one."""
        usage = matched.template.usage
        if usage is None:
            return pa.nulls(len(matched.line), pa.string_view())
        found = self.words.views(*(self._place(border, matched.line) for border in usage))
        return all_kept(found.cast(pa.string())).cast(pa.string_view()) if matched.template.decimal else found

    def unknown(self, matched: Matched, level: str) -> pa.Array:
        """The fields of a level that have no column, as JSON objects; nulls where the lines have none."""
        own = [unknown for unknown in matched.template.unknown if unknown.level == level]
        if not own:
            return pa.nulls(len(matched.line), pa.string())
        parts: list[pa.Array | pa.Scalar] = []
        for unknown in own:
            begin, end = (self._place(border, matched.line) for border in (unknown.start, unknown.end))
            value = self.words.views(begin, end).cast(pa.string())
            if level == FILTER:
                return value
            parts += [pa.scalar(f"{',' if parts else '{'}{as_json(unknown.name)}:"), value]
        return pc.binary_join_element_wise(*parts, pa.scalar("}"), "")

    def _place(self, border: Border, line: Ints) -> Ints:
        quote, offset = border
        if quote == LINE_END:
            return self.lines.end[line] + offset
        return self.quotes.place[self.quotes.first[line] + quote].astype(np.int64) + offset


def _known() -> dict[int, list[Template]]:
    """The templates that this thread knows, by the number of their quotes."""
    if not hasattr(_worker, "templates"):
        _worker.templates = {}
    known: dict[int, list[Template]] = _worker.templates
    return known


def _keep(template: Template) -> None:
    known = _known()
    if sum(map(len, known.values())) >= _MOST_KEPT or len(known.get(template.quotes, ())) >= _MOST_TRIED:
        known.clear()
    known.setdefault(template.quotes, []).append(template)

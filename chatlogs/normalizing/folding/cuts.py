"""Chunk lines in, the same lines cut at the text they add out.

Most lines of a log are chunks that differ in one short text, and before it stand as many bytes as in some other line.
So a few lines tell at what distances texts begin; of the others only that place is looked at, and the text is read
from there to its closing quote. What else stands around it is not asked here: a run of lines alike tells that once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from chatlogs.normalizing.folding.matching import Matched, Matcher
from chatlogs.normalizing.folding.templates import Template
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints

PADDING = "obfuscation"
_QUOTE, _BACKSLASH = 0x22, 0x5C
_MOST_RULERS = 32
_SLICE = 1 << 16  # lines looked at together, so that what is computed of them stays in the cache


@dataclass
class Cuts:
    """Lines that one template may fit, and where they are cut: head|text|middle|padding|tail."""

    template: Template
    line: Ints
    text_start: Ints
    text_end: Ints
    padding_start: Ints
    padding_end: Ints

    def where(self, keep: Bools | Ints) -> Cuts:
        """Those of the lines that are to be kept, or that stand in these places."""
        return Cuts(self.template, *(border[keep] for border in self.borders()))

    def borders(self) -> tuple[Ints, ...]:
        """The lines, and their borders."""
        return self.line, self.text_start, self.text_end, self.padding_start, self.padding_end

    @classmethod
    def joined(cls, parts: Sequence[Cuts]) -> Cuts:
        """Parts that one template may fit, as one."""
        borders = zip(*(part.borders() for part in parts), strict=True)
        return cls(parts[0].template, *(np.concatenate(border) for border in borders))

    def in_order(self) -> Cuts:
        """The same, in the order of the lines."""
        return self.where(np.argsort(self.line, kind="stable"))


@dataclass(frozen=True)
class Ruler:
    """Where lines of the template are cut: so many bytes stand before the text, behind it, and behind the padding."""

    template: Template
    head: int
    middle: int
    tail: int


def cut(matcher: Matcher, matched: Matched) -> Cuts:
    """These lines, cut where their quotes say."""
    template, line_end = matched.template, matcher.lines.end[matched.line]
    padding = (line_end, line_end)
    if PADDING in template.fields:
        padding = matcher.borders(matched, template.hole(PADDING))
    return Cuts(template, matched.line, *matcher.borders(matched, template.hole(template.text or "")), *padding)


def rulers(matcher: Matcher, cuts: Iterable[Cuts]) -> list[Ruler]:
    """At which distances these lines are cut, the most frequent first."""
    seen: Counter[Ruler] = Counter()
    for each in cuts:
        head = each.text_start - matcher.lines.start[each.line]
        middle, tail = each.padding_start - each.text_end, matcher.lines.end[each.line] - each.padding_end
        distances, counts = np.unique(np.stack([head, middle, tail]), axis=1, return_counts=True)
        for distance, count in zip(distances.T.tolist(), counts.tolist(), strict=True):
            seen[Ruler(each.template, *distance)] += count
    return [ruler for ruler, _ in seen.most_common(_MOST_RULERS) if ruler.middle >= 0]


def measured(matcher: Matcher, line: Ints, known: Sequence[Ruler]) -> tuple[list[Cuts], Ints]:
    """The lines that a ruler says where to cut, cut there; and the others."""
    cuts: dict[Ruler, list[Cuts]] = {ruler: [] for ruler in known}
    left = [np.empty(0, np.int64)]
    for at in range(0, len(line), _SLICE):
        some = line[at : at + _SLICE]
        for ruler in known:
            if not len(some):
                break
            found, hit = _measured(matcher, some, ruler)
            if hit.any():
                cuts[ruler].append(found)
                some = some[~hit]
        left.append(some)
    return [Cuts.joined(parts) for parts in cuts.values() if parts], np.concatenate(left)


def _measured(matcher: Matcher, line: Ints, ruler: Ruler) -> tuple[Cuts, Bools]:
    """The lines that this ruler fits, cut; and which of all these are."""
    lines, words = matcher.lines, matcher.words
    before = ruler.template.before_text
    place, line_end = lines.start[line] + ruler.head, lines.end[line]
    hit = (place < line_end) & words.equal(np.minimum(place, line_end) - len(before), before)
    rows = np.flatnonzero(hit)
    start, end = place[rows], line_end[rows]
    text_end = words.first(start, end, _QUOTE)
    # An empty text leaves nothing to cut; a quote behind a backslash may not be the end.
    good = (text_end > start) & (text_end < end) & ~words.begin_with(text_end - 1, _BACKSLASH)
    padding_start, padding_end = end, end
    if PADDING in ruler.template.fields:
        padding_start, padding_end = text_end + ruler.middle, end - ruler.tail
        good &= padding_start <= padding_end
        good &= ~words.contain(padding_start, padding_end, _QUOTE)
    else:
        good &= end - text_end == ruler.middle
    hit[rows[~good]] = False
    return Cuts(ruler.template, line[rows], start, text_end, padding_start, padding_end).where(good), hit

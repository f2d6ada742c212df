"""Lines with log probabilities in, lines that say nothing of them out, and beside these how many tokens there are.

Such a line is many times as long as its text, and no two are alike. Where no row is kept for each token all that is
asked of them is a count and a mean, for which nothing needs to be decoded.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing.folding.runs import Runs
from chatlogs.normalizing.folding.streams import Streams
from chatlogs.normalizing.scanning.structure import EMPTY_LIST, LIST, NULL, NUMBER, Structure
from chatlogs.normalizing.scanning.words import Bools, Words, ranges
from chatlogs.normalizing.tables.columns import counts_in_mean
from chatlogs.reading.lines import OBJECT, PADDING, WINDOW, Block, Ints, Lines

_OPENING = re.compile(rb'"logprobs": ?\{')
_SAMPLE = 32  # lines that tell whether a block has any
_DEPTH = 4  # that the object opens in a choice
_CHOICES = (b'"choices":', b'"choices": ')
_LARGE = r"[eE]\+?[0-9]{3}|[0-9]{20}"  # a number of which the careful path has to say what it is
_BACKSLASH, _SPACE, _U, _D, _E, _LIST, _PLUS = 0x5C, 0x20, 0x75, 0x64, 0x65, 0x5B, 0x2B
_ZERO, _TEN = np.uint8(0x30), np.uint8(10)
_REACH = 5  # bytes of an exponent that are looked at
_PARTS = 4  # of a line: what stands before the object, null, what stands behind it, a line end
_NULL, _LF = (np.uint64(int.from_bytes(text, "little") << 32 | len(text)) for text in (b"null", b"\n"))
_KEY = 32  # bits of an index of choices


@dataclass
class Tokens:
    """The tokens of these lines: how many, how many of them count in the mean, and the log probabilities of those."""

    line: Ints
    count: Ints
    counted: Ints
    logprobs: npt.NDArray[np.float64]

    def of_stored(self, choices: pa.Table) -> pa.Table:
        """The choices of stored completions, with what is said of their tokens."""
        line, index = (choices[name].to_numpy() for name in ("line_number", "choice_index"))
        return self._beside(choices, line, line, index)

    def of_streams(self, choices: pa.Table, streams: Streams, runs: Runs | None) -> pa.Table:
        """The same of choices of streams."""
        numbers = streams.chunks.numbers
        line, row = streams.each_line(runs)
        return self._beside(choices, line, streams.first_line[row], numbers["choice_index"][row])

    def _beside(self, choices: pa.Table, line: Ints, first: Ints, index: Ints) -> pa.Table:
        """The choices with the tokens of lines that belong to them: to the response that begins in a line `first`."""
        place = np.minimum(np.searchsorted(self.line, line), len(self.line) - 1)
        some = np.flatnonzero((self.line[place] == line) & (self.count[place] > 0))
        key, place = first[some] << _KEY | index[some], place[some]
        order = np.lexsort((line[some], key))
        key, place = key[order], place[order]
        begins = np.flatnonzero(np.diff(key, prepend=-1))
        if not len(begins):
            return choices
        count, counted = (np.add.reduceat(of[place], begins) for of in (self.count, self.counted))
        behind = np.cumsum(self.counted)
        logprobs = self.logprobs[ranges(behind[place] - self.counted[place], self.counted[place])].tolist()
        ends = np.cumsum(counted).tolist()
        sums = [math.fsum(logprobs[end - size : end]) for end, size in zip(ends, counted.tolist(), strict=True)]
        rows = choices["line_number"].to_numpy() << _KEY | choices["choice_index"].to_numpy()
        of_row = pc.index_in(pa.array(rows), pa.array(key[begins]))
        said = {
            "token_count": pa.array(count),
            "logprob_count": pa.array(counted, mask=counted == 0),
            "logprob_sum": pa.array(sums, pa.float64(), mask=counted == 0),
        }
        for name, values in said.items():
            choices = choices.append_column(name, values.take(of_row))
        return choices


def apart(lines: Lines) -> tuple[Lines, Tokens | None]:
    """The lines without log probabilities, and their tokens; as they are where none can be told at once."""
    line, place = _holding(lines)
    if not len(line):
        return lines, None
    structure = Structure(lines, line)
    place = place[np.searchsorted(line, structure.line)]
    opening = structure.at(place)
    row = np.flatnonzero(_are_of_choices(structure, place, opening))
    entries, owner = _entries(structure, row, opening[row])
    _refuse_flagged(structure, row, opening[row])
    has_value, logprobs = _logprobs(structure, entries, row[owner])
    good = ~structure.bad[row]
    kept = good[owner]
    counts = has_value & kept & counts_in_mean(logprobs)
    count, counted = (np.bincount(owner[of], minlength=len(row))[good] for of in (kept, counts))
    row = row[good]
    if not len(row):
        return lines, None
    end = structure.place[structure.closing(opening[row], _DEPTH)] + 1
    tokens = Tokens(structure.line[row], count, counted, logprobs[counts])
    return _without(lines, tokens.line, structure.place[opening[row]].astype(np.int64), end.astype(np.int64)), tokens


def _holding(lines: Lines) -> tuple[Ints, Ints]:
    """The lines that hold one such object, and where it begins."""
    chosen = np.flatnonzero((lines.kind == OBJECT) & lines.clean)
    nothing = np.empty(0, np.int64)
    sample = chosen[:: max(1, len(chosen) // _SAMPLE)].tolist()
    if not any(_OPENING.search(lines.text(line)) for line in sample):
        return nothing, nothing
    view = memoryview(lines.block.data)[: lines.block.size]
    place = np.fromiter((found.end() - 1 for found in _OPENING.finditer(view)), np.int64)
    owner = np.searchsorted(lines.start[chosen], place, side="right") - 1
    inside = (owner >= 0) & (place < lines.end[chosen[owner]])
    owner, place = owner[inside], place[inside]
    once = np.bincount(owner, minlength=len(chosen))[owner] == 1
    return chosen[owner[once]], place[once]


def _are_of_choices(structure: Structure, place: Ints, opening: Ints) -> Bools:
    """Which of these brackets open an object in the only choice of their lines."""
    brackets, depth, data = structure.place, structure.depth, structure.data
    good = opening < len(brackets)
    opening = np.where(good, opening, 0)
    good &= (brackets[opening] == place) & (depth[opening] == _DEPTH)
    choices = np.flatnonzero(structure.opening & (depth == _DEPTH - 1))
    choice = choices[np.searchsorted(choices, opening) - 1] if len(choices) else np.zeros_like(opening)
    good &= choice > structure.root + 1
    choice = np.where(good, choice, 2)
    listed = brackets[choice - 1].astype(np.int64)
    good &= (depth[choice - 1] == _DEPTH - 2) & structure.opening[choice - 1] & (data[listed] == _LIST)
    good &= brackets[choice] == listed + 1
    names = [structure.words.equal(np.maximum(listed - len(name), 0), name) for name in _CHOICES]
    good &= np.logical_or.reduce(names)
    last = np.zeros_like(choice)
    last[good] = structure.closing(choice[good], _DEPTH - 1)
    behind = np.minimum(last + 1, len(brackets) - 1)
    return good & (depth[behind] == _DEPTH - 3) & (brackets[behind] == brackets[last] + 1)


def _entries(structure: Structure, row: Ints, opening: Ints) -> tuple[Ints, Ints]:
    """The objects that say something of a token each, and the place of each one's row in `row`."""
    members = structure.members(opening, _DEPTH, row)
    code, names = structure.names(members, row)
    kinds = structure.kinds(members.start, members.end)
    content = code == (names.index("content") if "content" in names else -1)
    refusal = code == (names.index("refusal") if "refusal" in names else -1)
    plain = np.isin(kinds, (NULL, EMPTY_LIST)) & (content | refusal) | (kinds == LIST) & content
    structure.bad[row[members.owner[~plain]]] = True
    lists = members.where(content & (kinds == LIST))
    found, owner = structure.elements(structure.at(lists.start), _DEPTH + 1, row[lists.owner])
    return found, lists.owner[owner]


def _refuse_flagged(structure: Structure, row: Ints, opening: Ints) -> None:
    """Rows in which a token may be half of a surrogate pair, or a number be larger than any, of which flags tell."""
    place, data = structure.escapes.place, structure.data
    half = place[(data[place + 1] == _U) & (data[place + 2] | _SPACE == _D)]
    begin, end = structure.place[opening], structure.place[structure.closing(opening, _DEPTH)]
    for told in (half, _large_exponents(data)):
        structure.bad[row[np.searchsorted(told, begin) < np.searchsorted(told, end)]] = True


def _large_exponents(data: npt.NDArray[np.uint8]) -> Ints:
    """Where exponents of three digits begin."""
    found = []
    for offset in range(0, len(data), WINDOW):
        place = np.flatnonzero(data[offset : offset + WINDOW] | _SPACE == _E) + offset
        found.append(place[(place > 0) & (place < len(data) - _REACH)])
    exponent = np.concatenate([np.empty(0, np.int64), *found])
    exponent = exponent[data[exponent - 1] - _ZERO < _TEN]  # of unsigned bytes, so that no other is less
    behind = exponent + 1 + (data[exponent + 1] == _PLUS)
    return exponent[np.logical_and.reduce([data[behind + digit] - _ZERO < _TEN for digit in range(3)])]


def _logprobs(structure: Structure, entries: Ints, row: Ints) -> tuple[Bools, npt.NDArray[np.float64]]:
    """Which of the entries give a number, and these numbers, 0 for the others."""
    members = structure.members(entries, _DEPTH + 2, row)
    code, names = structure.names(members, row)
    kinds = structure.kinds(members.start, members.end)
    ours = members.where((code == (names.index("logprob") if "logprob" in names else -1)) & (kinds == NUMBER))
    ours = ours.where(~structure.bad[row[ours.owner]])
    texts = structure.words.views(ours.start, ours.end).cast(pa.string())
    large = pc.match_substring_regex(texts, _LARGE).to_numpy(zero_copy_only=False)
    structure.bad[row[ours.owner[large]]] = True
    ours, texts = ours.where(~large), texts.filter(pa.array(~large))
    has_value, logprobs = np.zeros(len(entries), bool), np.zeros(len(entries))
    has_value[ours.owner], logprobs[ours.owner] = True, texts.cast(pa.float64()).to_numpy()
    return has_value, logprobs


def _without(lines: Lines, line: Ints, begin: Ints, end: Ints) -> Lines:
    """The lines in a block of their own, with null in the place of what stands from begin to end in these."""
    parts = np.zeros((len(lines), _PARTS, 2), np.uint64)
    first, last = lines.end.copy(), lines.end.copy()
    first[line], last[line] = begin, end
    words = Words(lines.block)
    for part, (one, other) in {0: (lines.start, first), 2: (last, lines.end)}.items():
        parts[:, part] = np.frombuffer(words.views(one, other).buffers()[1], np.uint64).reshape(-1, 2)
    parts[line, 1, 0], parts[:, 3, 0] = _NULL, _LF
    views = pa.Array.from_buffers(
        pa.string_view(), parts.size // 2, [None, pa.py_buffer(parts), pa.py_buffer(lines.block.data)]
    )
    size = first - lines.start + lines.end - last
    size[line] += 4
    until = np.cumsum(size + 1)
    data = bytes(views.cast(pa.string()).buffers()[2])[: int(until[-1])] + bytes(PADDING)
    block = Block(lines.block.source, data, int(until[-1]), lines.block.offset, lines.block.last)
    start = until - 1 - size
    return dataclasses.replace(lines, block=block, begin=start, start=start, end=until - 1, quotes=None)

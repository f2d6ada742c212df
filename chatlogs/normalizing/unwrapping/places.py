"""Wrapped lines in, the places of what they say out: by their shapes, of which each is learned once.

The shape of a line is the sequence of its fields that tell something: their names, how deep they stand, the kinds of
their values. What that means is learned from one line (plans.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlogs.normalizing.scanning.structure import LIST, NUMBER, OBJECT, TEXT, Members, Structure
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.normalizing.unwrapping.cells import ABSENT, Cells
from chatlogs.normalizing.unwrapping.plans import (
    COMPLETION,
    OUTPUTS,
    TRUTHS,
    Plan,
    learn,
    names_that_tell,
    plan_of_list,
)
from chatlogs.normalizing.unwrapping.shells import Path
from chatlogs.reading.lines import Ints

MAY_BE_CHOICES = re.compile(rb"choices(?:=|(?:\\*[\"']|\\+u002[27])\s*:(?!\s*\[\s*(?:\\*[\"']|[\]\d])))")
"""The choices of an answer, as JSON or as Python prints them, also in a text; no list of texts, which a quiz has."""
ANSWER, CHOICES, REQUEST, MODEL, MESSAGES = PARTS = "answer", "choices", "request", "model", "messages"
PARAMETER = "parameter "  # and its name: what stands in the place of one that is in no object of parameters
_MOST = 1 << 12  # shapes, or names
_TRIED = 3  # lines of a shape from which it may be learned
_LEVELS = 3  # of objects whose fields tell something
_SPACE = 0x20
_DEPTHS, _KINDS = 4, 16  # that a code tells apart


@dataclass
class Planned:
    """Lines, by their place in the structure, of which it is known where everything stands.

    of: which of the plans each line follows. cells: what stands in the place of each of PARTS, of each fact, and of
    each PARAMETER.
    """

    line: Ints
    of: Ints
    plans: list[Plan]
    cells: dict[str, Cells]

    def __len__(self) -> int:
        return len(self.line)

    def where(self, keep: Bools) -> Planned:
        """Those of the lines that are to be kept."""
        cells = {name: of.where(keep) for name, of in self.cells.items()}
        return Planned(self.line[keep], self.of[keep], self.plans, cells)

    def each(self, say: Callable[[Plan], int]) -> Ints:
        """What is to be said of each line's plan."""
        return np.array([say(plan) for plan in self.plans], np.int64)[self.of]


@dataclass
class _Entries:
    """The fields of all lines that tell something, in the order of the log; those of line i begin at first[i]."""

    first: Ints
    code: Ints
    start: Ints
    end: Ints


@dataclass
class _Learned:
    """A plan, and which of the entries of a line of its shape stands in the place of each name."""

    plan: Plan
    entries: dict[str, int]


@dataclass
class Places:
    """The names and shapes seen so far; None for shapes whose lines are read one by one."""

    names: dict[str, int] = field(default_factory=dict)
    shapes: dict[bytes, _Learned | None] = field(default_factory=dict)

    def find(self, structure: Structure) -> Planned:
        """The lines whose shapes tell all."""
        if len(self.names) > _MOST or len(self.shapes) > _MOST:
            self.names, self.shapes = {}, {}
        entries = self._entries(structure)
        of = np.full(len(structure.line), ABSENT)
        plans: list[Plan] = []
        places: dict[str, tuple[Ints, Ints]] = {}
        for shape, lines in _by_shape(entries):
            learned = self._learned(structure, shape, lines)
            if learned is None:
                continue
            of[lines] = len(plans)
            plans.append(learned.plan)
            for name, entry in learned.entries.items():
                start, end = places.setdefault(name, (np.full(len(of), ABSENT), np.full(len(of), ABSENT)))
                at = entries.first[lines] + entry
                start[lines], end[lines] = entries.start[at], entries.end[at]
        every = np.arange(len(of))
        cells = {name: Cells(structure, every, start, end) for name, (start, end) in places.items()}
        return Planned(every, of, plans, cells).where((of >= 0) & ~structure.bad)

    def _entries(self, structure: Structure) -> _Entries:
        line, opening = np.arange(len(structure.line)), structure.root
        paths: list[Path] = [()]
        path_of = np.zeros(len(line), np.int64)
        found: list[tuple[Ints, ...]] = []
        for level in range(1, _LEVELS + 1):
            members = structure.members(opening, level, line)
            code, names = structure.names(members, line)
            tells = np.array([[_tells(path, name) for name in names] for path in paths], bool)
            some = np.flatnonzero(tells.reshape(len(paths), -1)[path_of[members.owner], code])
            path_of, line = path_of[members.owner][some], line[members.owner][some]
            members, code = members.where(some), code[some]
            kinds = structure.kinds(members.start, members.end)
            numbers = np.array([self.names.setdefault(name, len(self.names)) for name in names], np.int64)
            codes = (numbers[code] * _DEPTHS + level) * _KINDS + kinds
            found.append((line, members.name, codes, members.start, members.end))
            truths = [place for place, name in enumerate(names) if name in TRUTHS]
            unsure = np.isin(code, truths) & (kinds == NUMBER)
            unsure |= np.isin(kinds, (OBJECT, LIST)) & (structure.data[members.start + 1] <= _SPACE)  # may be empty
            structure.bad[line[unsure | _may_be_answers(structure, members, code, names, kinds)]] = True
            paths, path_of = _deeper(paths, path_of, names, code)
            inner = np.flatnonzero((path_of >= 0) & (kinds == OBJECT))
            if not len(inner):
                break
            opening, line, path_of = structure.at(members.start[inner]), line[inner], path_of[inner]
        every = [np.concatenate(of) for of in zip(*found, strict=True)]
        order = np.argsort(every[1], kind="stable")
        line, _, code, start, end = (of[order] for of in every)
        return _Entries(np.searchsorted(line, np.arange(len(structure.line) + 1)), code.astype(np.int32), start, end)

    def _learned(self, structure: Structure, shape: bytes, lines: Ints) -> _Learned | None:
        if shape not in self.shapes:
            found = None
            for line in structure.line[lines[:: max(1, len(lines) // _TRIED)]].tolist():
                plan = learn(structure.lines.text(line))
                found = None if plan is None else _placed(plan, self._paths(shape))
                if found is not None:
                    break
            self.shapes[shape] = found
        return self.shapes[shape]

    def _paths(self, shape: bytes) -> list[Path]:
        """The paths of the entries of a shape."""
        names = list(self.names)
        paths: list[Path] = []
        path: Path = ()
        for code in np.frombuffer(shape, np.int32).tolist():
            number, level = divmod(code // _KINDS, _DEPTHS)
            path = (*path[: level - 1], names[number])
            paths.append(path)
        return paths


def listed_in(structure: Structure) -> Planned | None:
    """The lines of a structure whose roots are lists: of chunks, as the first one is; None where that is none."""
    every = np.arange(len(structure.line))
    plan = plan_of_list(structure.lines.text(int(structure.line[0]))) if len(every) else None
    if plan is None:
        return None
    start, end = (structure.place[at].astype(np.int64) for at in (structure.root, structure.closing(structure.root, 1)))
    return Planned(every, np.zeros_like(every), [plan], {ANSWER: Cells(structure, every, start, end + 1)})


def _may_be_answers(
    structure: Structure, members: Members, code: Ints, names: Sequence[str], kinds: npt.NDArray[np.uint8]
) -> Bools:
    """Which of the fields are texts that may be answers, in the place of the name of an output."""
    found = (code == (names.index("stream") if "stream" in names else ABSENT)) & (kinds == TEXT)
    for output in OUTPUTS if found.any() else ():
        found &= ~structure.words.equal(members.start, f'"{output}"'.encode())
    return found


def _tells(path: Path, name: str) -> bool:
    return not path or name in (names_that_tell(path) or ())


def _deeper(paths: Sequence[Path], path_of: Ints, names: Sequence[str], code: Ints) -> tuple[list[Path], Ints]:
    """The paths of these fields, as far as something in them tells; and which of them each field has, or ABSENT."""
    deeper: list[Path] = []
    places = np.full((len(paths), max(1, len(names))), ABSENT)
    for at, name in sorted({*zip(path_of.tolist(), code.tolist(), strict=True)}):
        path = (*paths[at], names[name])
        if names_that_tell(path) is not None:
            places[at, name] = len(deeper)
            deeper.append(path)
    return deeper, places[path_of, code]


def _by_shape(entries: _Entries) -> list[tuple[bytes, Ints]]:
    """The lines of each shape, by their place in the structure."""
    size = entries.code.itemsize
    offsets = pa.py_buffer((entries.first * size).astype(np.int32))
    count = len(entries.first) - 1
    if not count:
        return []
    shapes = pa.BinaryArray.from_buffers(pa.binary(), count, [None, offsets, pa.py_buffer(entries.code)])
    encoded = shapes.dictionary_encode()
    of = encoded.indices.to_numpy()
    order = np.argsort(of, kind="stable")
    borders = np.searchsorted(of[order], np.arange(1, len(encoded.dictionary)))
    return list(zip(encoded.dictionary.to_pylist(), np.split(order, borders), strict=True))


def _placed(plan: Plan, paths: Sequence[Path]) -> _Learned | None:
    """The plan with the entries it means; None when one of them is none of those that tell the shape."""
    wanted: dict[str, Path | None] = {
        ANSWER: plan.answer, CHOICES: (*plan.answer, "choices") if plan.form == COMPLETION else None,
        REQUEST: plan.request, MODEL: plan.model, MESSAGES: plan.messages, **dict(plan.facts),
        **{PARAMETER + name: path for name, path in plan.beside},
    }  # fmt: skip
    if any(path is not None and paths.count(path) != 1 for path in wanted.values()):
        return None
    return _Learned(plan, {name: paths.index(path) for name, path in wanted.items() if path is not None})

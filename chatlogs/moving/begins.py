"""Which of many logs begin with all of another one, found without comparing it with each of them.

A radix tree that holds no bytes: a node holds how many first bytes its logs have in common, and parts them by the
byte that follows. Going down by another log's bytes at these places leads to the only logs that may begin with it.
Whether they do is seen by comparing it with one of them, as they are all equal up to there.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chatlogs.errors import SourceError
from chatlogs.reading.opening import filled, head_of, open_source
from chatlogs.reading.sources import Source

T = TypeVar("T")
_STEP = 64 << 10  # what an object store gives at the first request, and more than a head
_END = -1  # in the place of the byte that follows the last one
_NOWHERE = 1 << 62


class Begin:
    """A log that can be read from its first byte on more than once; the first step of it is read once, and kept."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._first: bytes | None = None

    @property
    def first(self) -> bytes:
        """Its first decompressed bytes. Raises SourceError."""
        if self._first is None:
            self._first = head_of(self._source, _STEP)
        return self._first

    def steps(self) -> Generator[bytes]:
        """All its decompressed bytes, in steps of one length but for the last. Raises SourceError."""
        yield self.first
        if len(self.first) < _STEP:
            return
        opened = open_source(self._source)
        try:
            filled(opened, _STEP)
            while step := filled(opened, _STEP):
                yield step
        finally:
            opened.close()


class _Bytes:
    """Single bytes of a log, asked for from its begin to its end."""

    def __init__(self, steps: Iterator[bytes]) -> None:
        self._steps, self._step, self._start = steps, b"", 0

    def at(self, place: int) -> int:
        while place >= self._start + len(self._step):
            self._start += len(self._step)
            self._step = next(self._steps, b"")
            if not self._step:
                return _END
        return self._step[place - self._start]


@dataclass
class _Node(Generic[T]):
    """Logs that have their first `size` bytes in common, parted by the byte that follows; or equal ones."""

    size: int = _NOWHERE
    parts: dict[int, _Node[T]] = field(default_factory=dict)
    logs: list[tuple[Source, T]] = field(default_factory=list)

    def below(self) -> Iterator[tuple[Source, T]]:
        nodes = [self]
        while nodes:
            node = nodes.pop()
            yield from node.logs
            nodes += node.parts.values()


class Tree(Generic[T]):
    """Logs by where they differ, each under what it is to be found as."""

    def __init__(self) -> None:
        self._top: _Node[T] = _Node()

    def add(self, source: Source, item: T) -> None:
        """Put a log in, unless it cannot be read."""
        begin, log = Begin(source), (source, item)
        with contextlib.suppress(SourceError):
            way, _ = self._way(begin)
            found = self._common(begin, way[-1])
            if found is None:
                way[-1].logs.append(log)
                return
            size, own, others = found
            node = next(node for node in way if node.size >= size)
            if own == others:
                node.logs.append(log)
            elif node.size == size:
                node.parts.setdefault(own, _Node()).logs.append(log)
            else:
                rest = _Node(node.size, node.parts, node.logs)
                node.size, node.parts, node.logs = size, {others: rest, own: _Node(logs=[log])}, []

    def beyond(self, begin: Begin) -> tuple[int, list[T]]:
        """The length of the log, and the logs that begin with all of it, in no order; or 0 and none."""
        way, is_apart = self._way(begin)
        found = None if is_apart else self._common(begin, way[-1])
        if found is None or found[1] != _END:
            return 0, []
        return found[0], [item for _, item in way[-1].below()]

    def _way(self, begin: Begin) -> tuple[list[_Node[T]], bool]:
        """The nodes down to where the log's bytes lead, or end; and whether no branch of the last has its next byte."""
        way = [self._top]
        with contextlib.closing(begin.steps()) as steps:
            log = _Bytes(steps)
            while way[-1].parts and (byte := log.at(way[-1].size)) != _END:
                if byte not in way[-1].parts:
                    return way, True
                way.append(way[-1].parts[byte])
        return way, False

    def _common(self, begin: Begin, node: _Node[T]) -> tuple[int, int, int] | None:
        """What the log has in common with all below the node, as one of them tells; None where none can be read."""
        for source, _ in node.below():
            with contextlib.suppress(SourceError):
                return common(begin, Begin(source))
        return None


def common(one: Begin, other: Begin) -> tuple[int, int, int]:
    """How many first bytes two logs have in common, and the byte of each that follows, or -1 at its end."""
    size = 0
    with contextlib.closing(one.steps()) as a, contextlib.closing(other.steps()) as b:
        for x, y in itertools.zip_longest(a, b, fillvalue=b""):
            if x != y:
                same = _same(x, y)
                return size + same, _byte(x, same), _byte(y, same)
            size += len(x)
    return size, _END, _END


def _same(x: bytes, y: bytes) -> int:
    """How many first bytes are the same."""
    low, high = 0, min(len(x), len(y))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if x[low:middle] == y[low:middle] else (low, middle - 1)
    return low


def _byte(step: bytes, place: int) -> int:
    return step[place] if place < len(step) else _END

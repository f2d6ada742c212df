"""The logs that a store knows, found by their first bytes (the head) and their hashes.

However many logs begin alike, a look-up reads no more of them.
"""

from __future__ import annotations

import bisect
import contextlib
import heapq
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import xxhash

from chatlogs.errors import SourceError
from chatlogs.moving.begins import Begin, Tree
from chatlogs.reading import objects
from chatlogs.reading.blocks import Reader
from chatlogs.reading.opening import head_of, open_source
from chatlogs.reading.sources import HEAD_BYTES, Source

_STEP = 4 << 20


@dataclass(frozen=True)
class Known:
    """How far a log has been read: its first `size` bytes hash to `content_hash`."""

    source: str
    source_key: int
    size: int
    resume_offset: int
    content_hash: str
    head_hash: str


@dataclass
class _Sizes:
    """Logs by their size, and by the hash of so many bytes."""

    sizes: list[int] = field(default_factory=list)
    logs: dict[int, dict[str, Known]] = field(default_factory=dict)

    def add(self, known: Known) -> None:
        if known.size not in self.logs:
            bisect.insort(self.sizes, known.size)
        self.logs.setdefault(known.size, {})[known.content_hash] = known


@dataclass
class _Alike:
    """The known logs of one head, by their numbers.

    They wait, the longest first, until a shorter log is looked up: only then are they read, and put into the tree.
    seen: how many of them are in the tree or wait.
    """

    tree: Tree[tuple[int, str]] = field(default_factory=Tree)
    waiting: list[tuple[int, int]] = field(default_factory=list)
    seen: int = 0


@dataclass
class _Heads:
    """The heads of known logs, sorted, each with its hash; seen: of how many logs the head has been looked for."""

    begins: list[tuple[bytes, str]] = field(default_factory=list)
    hashes: set[str] = field(default_factory=set)
    seen: int = 0


class KnownLogs:
    """The logs that are known. A log's number is its place in the order in which they became known.

    keys: the identities that are taken.
    """

    def __init__(self, logs: Iterable[Known] = ()) -> None:
        self.keys: set[int] = set()
        self._all: list[Known] = []
        self._by_head: dict[str, list[int]] = {}
        self._small = _Sizes()
        self._large: dict[str, _Sizes] = {}
        # Apart for local logs, which are looked up without asking a store that may be out of reach.
        self._alike: dict[tuple[str, bool], _Alike] = {}
        self._heads: dict[bool, _Heads] = {}
        self._whole: dict[tuple[int, str], bool] = {}
        self._salts: dict[str, int] = {}
        for known in logs:
            self.add(known)

    def add(self, known: Known) -> None:
        """Know one more."""
        self.keys.add(known.source_key)
        self._by_head.setdefault(known.head_hash, []).append(len(self._all))
        self._all.append(known)
        small = known.size < HEAD_BYTES
        (self._small if small else self._large.setdefault(known.head_hash, _Sizes())).add(known)

    def new_key(self, head: str) -> int:
        """An identity for a log that is new: from its first bytes, and apart from those that are taken."""
        while (key := _key(head, self._salts.setdefault(head, 0))) in self.keys:
            self._salts[head] += 1
        return key

    def before(self, head: str) -> Iterator[tuple[int, dict[str, Known]]]:
        """The known logs that a log with this head may begin with: each size, the least first, with its logs by hash.

        Of logs smaller than a head all come: they have heads of their own, which tell nothing of a longer one.
        """
        for found in (self._small, self._large.get(head)):
            if found is not None:
                yield from ((size, found.logs[size]) for size in found.sizes)

    def beyond(self, source: Source, head: str, places: Mapping[int, str]) -> Known | None:
        """The first that goes on where the source ends, and still lies in one of its places as it was read.

        places: where known logs were met besides their names, by source_key; the same in each call.
        """
        size = source.stored_size
        if not size or source.path is None:
            return None
        begin = Begin(source)
        if size < HEAD_BYTES and len(begin.first) < HEAD_BYTES:
            end, found = len(begin.first), self._with_longer_heads(begin.first, places, source.is_object)
        elif head in self._by_head:
            end, found = self._with_head(head, begin, places, source.is_object)
        else:
            return None
        for number, path in sorted(found):
            known = self._all[number]
            if end < known.size and path not in (source.name, source.path) and self._is_whole(number, path):
                return known
        return None

    def _with_head(
        self, head: str, begin: Begin, places: Mapping[int, str], is_object: bool
    ) -> tuple[int, list[tuple[int, str]]]:
        """The length of the log that begins so, and those with this head that begin with all of it."""
        alike = self._alike.setdefault((head, is_object), _Alike())
        numbers = self._by_head[head]
        for number in numbers[alike.seen :]:
            heapq.heappush(alike.waiting, (-self._all[number].size, number))
        alike.seen = len(numbers)
        while alike.waiting and -alike.waiting[0][0] > len(begin.first):
            number = heapq.heappop(alike.waiting)[1]
            for path in _places(self._all[number], places, is_object):
                alike.tree.add(Source(path, path), (number, path))
        return alike.tree.beyond(begin)

    def _with_longer_heads(self, begin: bytes, places: Mapping[int, str], is_object: bool) -> list[tuple[int, str]]:
        """Those whose heads begin so."""
        heads = self._heads.setdefault(is_object, _Heads())
        for known in self._all[heads.seen :]:
            if known.head_hash not in heads.hashes:
                for path in _places(known, places, is_object):
                    with contextlib.suppress(SourceError):
                        first = head_of(Source(path, path), HEAD_BYTES)
                        if hash_of(first) == known.head_hash:
                            bisect.insort(heads.begins, (first, known.head_hash))
                            heads.hashes.add(known.head_hash)
                            break
        heads.seen = len(self._all)
        found: list[tuple[int, str]] = []
        for first, head in heads.begins[bisect.bisect_left(heads.begins, (begin, "")) :]:
            if not first.startswith(begin):
                break
            for number in self._by_head[head]:
                found += [(number, path) for path in _places(self._all[number], places, is_object)]
        return found

    def _is_whole(self, number: int, path: str) -> bool:
        """Whether the file at this path still begins with what was read of the log; each is looked at once."""
        if (number, path) not in self._whole:
            known = self._all[number]
            self._whole[number, path] = False
            with contextlib.suppress(SourceError):
                self._whole[number, path] = _digest(Source(path, path), known.size) == (known.size, known.content_hash)
        return self._whole[number, path]


def hash_of(head: bytes) -> str:
    """The hash of a log's first bytes, as the ledger has it."""
    return xxhash.xxh3_128_hexdigest(head)


def _key(head: str, salt: int) -> int:
    return xxhash.xxh3_64_intdigest(f"{head} {salt}".encode()) - (1 << 63)


def _places(known: Known, places: Mapping[int, str], is_object: bool) -> list[str]:
    """Where the log may lie; objects only where they are asked for."""
    paths = dict.fromkeys([known.source, places.get(known.source_key, known.source)])
    return [path for path in paths if (is_object if objects.is_object(path) else os.path.isfile(path))]


def _digest(source: Source, size: int) -> tuple[int, str]:
    """How much of the first `size` bytes is there, and its hash."""
    opened = open_source(source)
    try:
        reader = Reader(opened, block_bytes=_STEP)
        reader.skip(size)
        return reader.position, opened.digests.content.hexdigest()
    finally:
        opened.close()

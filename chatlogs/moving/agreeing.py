"""Things found by what they tell: equal in one respect, and contradicting each other in no other.

Values are known or None; two contradict each other where both are known, and differ. What is found is not compared with
each: things that tell the same values, whatever these are, are found together by those that both sides know.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

Told = tuple[Hashable, ...]
_Mask = tuple[bool, ...]


@dataclass
class _Group:
    """Places of things that know the same of their values; and for those that were asked for, where they are told."""

    members: list[tuple[int, Told]] = field(default_factory=list)
    found: dict[_Mask, dict[Told, list[int]]] = field(default_factory=dict)

    def add(self, place: int, told: Told) -> None:
        self.members.append((place, told))
        for asked, places in self.found.items():
            heapq.heappush(places.setdefault(_masked(told, asked), []), place)

    def places(self, told: Told, asked: _Mask) -> list[int]:
        if asked not in self.found:
            by_values: dict[Told, list[int]] = {}
            for place, values in sorted(self.members, key=lambda member: member[0]):
                by_values.setdefault(_masked(values, asked), []).append(place)
            self.found[asked] = by_values
        return self.found[asked].get(_masked(told, asked), [])


class Agreeing:
    """Places of things, under what is to be equal, and the values that must not contradict."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, dict[_Mask, _Group]] = {}

    def add(self, place: int, equal: Hashable, told: Told) -> None:
        """A thing at this place tells so; it may tell more than once, and nothing is forgotten."""
        self._groups.setdefault(equal, {}).setdefault(_known(told), _Group()).add(place, told)

    def places(self, equal: Hashable, told: Told) -> Iterator[list[int]]:
        """The places of those that agree, as heaps; whoever finds that a thing has changed since may take it off."""
        for known, group in self._groups.get(equal, {}).items():
            yield group.places(told, tuple(a and b for a, b in zip(known, _known(told), strict=True)))


def _known(told: Told) -> _Mask:
    return tuple(value is not None for value in told)


def _masked(told: Told, asked: Sequence[bool]) -> Told:
    return tuple(value if is_asked else None for value, is_asked in zip(told, asked, strict=True))

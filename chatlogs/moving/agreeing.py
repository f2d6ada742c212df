"""Things that may be the same, found without comparing each with each: one key is equal, and no other value differs.

Of the other values some may not be known (None), and agree with anything. So things are grouped by which of their
values are known; within a group, those that agree in the values that both sides know are found by a hash of these.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

Told = tuple[Hashable, ...]
_Mask = tuple[bool, ...]


@dataclass
class _Group:
    """The places of things of which the same values are known, each with all its values.

    found: for each selection of values that was asked for, the places by these values.
    """

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
    """The places of things by a key that must be equal, and values that must not differ where both are known."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, dict[_Mask, _Group]] = {}

    def add(self, place: int, equal: Hashable, told: Told) -> None:
        """Note the thing at this place; if its values change it is noted again, and found by the old ones too."""
        self._groups.setdefault(equal, {}).setdefault(_known(told), _Group()).add(place, told)

    def places(self, equal: Hashable, told: Told) -> Iterator[list[int]]:
        """The places of the things that agree, as heaps; a place whose thing has changed since may be taken off."""
        for known, group in self._groups.get(equal, {}).items():
            yield group.places(told, tuple(a and b for a, b in zip(known, _known(told), strict=True)))


def _known(told: Told) -> _Mask:
    return tuple(value is not None for value in told)


def _masked(told: Told, asked: Sequence[bool]) -> Told:
    return tuple(value if is_asked else None for value, is_asked in zip(told, asked, strict=True))

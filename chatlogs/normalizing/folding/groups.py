"""Rows that have the same keys, as groups: what they agree on, add up to, or say first and last."""

from __future__ import annotations

import numpy as np

from chatlogs.normalizing.folding.chunks import NONE
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints

NEVER = np.iinfo(np.int64).max  # the least of nothing


class Groups:
    """Rows in groups that have the same keys: of each group, what its rows have in common or add up to.

    order: the rows, by group and within it as they stand. first: the row that each group begins with.
    """

    def __init__(self, *keys: Ints) -> None:
        self.order = np.lexsort(keys[::-1])
        ordered = [key[self.order] for key in keys]
        begins = np.ones(len(self.order), bool)
        if len(begins):
            begins[1:] = np.any([key[1:] != key[:-1] for key in ordered], axis=0)
        self.starts = np.flatnonzero(begins)
        self.first = self.order[self.starts]
        self.of_row = np.empty(len(self.order), np.int64)
        self.of_row[self.order] = np.cumsum(begins) - 1

    def __len__(self) -> int:
        return len(self.starts)

    def least(self, values: Ints, where: Bools | None = None) -> Ints:
        """The least value, of the rows under the mask; NEVER where there is none."""
        values = values if where is None else np.where(where, values, NEVER)
        return np.minimum.reduceat(values[self.order], self.starts) if len(self) else values

    def most(self, values: Ints, where: Bools | None = None) -> Ints:
        """The greatest value likewise; NONE where there is none."""
        values = values if where is None else np.where(where, values, NONE)
        return np.maximum.reduceat(values[self.order], self.starts) if len(self) else values

    def total(self, values: Ints | Bools) -> Ints:
        """The sum of values, or how many rows are under a mask."""
        return np.bincount(self.of_row, values, len(self)).astype(np.int64)

    def agree(self, code: Ints) -> Bools:
        """Whether all rows say the same, those aside that say nothing."""
        return self.least(code, code >= 0) >= self.most(code)

    def earliest(self, code: Ints) -> Ints:
        """What the first row says that says anything; rows stand in the order of their lines."""
        return self._first_said(code, np.flatnonzero(code >= 0))

    def latest(self, code: Ints) -> Ints:
        """What the last row says that says anything."""
        return self._first_said(code, np.flatnonzero(code >= 0)[::-1])

    def _first_said(self, code: Ints, said: Ints) -> Ints:
        groups, place = np.unique(self.of_row[said], return_index=True)
        found = np.full(len(self), NONE)
        found[groups] = code[said[place]]
        return found

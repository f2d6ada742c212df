"""Where chatlogs itself failed in an ingest, as warnings while it runs and as notes in its report."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatlogs.errors import UnexpectedWarning, unexpected
from chatlogs.tally import counted

if TYPE_CHECKING:
    from chatlogs.normalizing.defects import Read


class Unexpected:
    """The failures of an ingest, each with the number of lines that were set aside for it."""

    def __init__(self) -> None:
        self._aside: Counter[str] = Counter()

    def take(self, name: str, read: Read) -> None:
        """Note what failed in a block of the log of that name; raises it to whom UnexpectedWarning is an error."""
        if read.error is None:
            return
        failure = f"{name}: {unexpected(read.error)}"
        self._aside[failure] += read.aside
        try:
            warnings.warn(failure, UnexpectedWarning, stacklevel=2)
        except UnexpectedWarning as warning:
            raise warning from read.error

    def notes(self) -> Iterator[str]:
        """What the report says of them."""
        for failure, aside in self._aside.items():
            became = f"{counted(aside, 'lines')} set aside as rejects" if aside else "nothing is missing for it"
            yield f"{failure}: {became}; --debug shows where. Please report it"

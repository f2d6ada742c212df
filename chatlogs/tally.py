"""Where every line went: the counts of a block, of a source, of an ingest.

The law: records + blank + ignorable + rejects = lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Where the lines of a block went; `balanced` is the law that none is lost."""

    lines: int = 0
    blank: int = 0
    ignorable: int = 0
    records: int = 0
    rejects: int = 0
    repaired: int = 0

    @property
    def balanced(self) -> bool:
        return self.records + self.blank + self.ignorable + self.rejects == self.lines

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.lines + other.lines,
            self.blank + other.blank,
            self.ignorable + other.ignorable,
            self.records + other.records,
            self.rejects + other.rejects,
            self.repaired + other.repaired,
        )


@dataclass(frozen=True)
class SourceCount:
    """One log of an ingest. known: it held nothing new. The counts are of what was new in it.

    known_rejects: the lines of it that were rejected when it was read before.
    """

    source: str
    known: bool
    size: int
    new_bytes: int
    container: str
    compression: str
    lines: int
    blank: int
    ignorable: int
    records: int
    rejects: int
    repaired: int
    responses: int
    duplicates: int
    known_rejects: int = 0

    @property
    def balanced(self) -> bool:
        return self.records + self.blank + self.ignorable + self.rejects == self.lines


@dataclass(frozen=True)
class IngestReport:
    """What an ingest read, and where every line of it went. `str()` of it is the summary for people.

    ingest_id is None when no log held anything new. notes: what a careful reader should know of the logs.
    """

    store: str
    ingest_id: str | None
    sources: Sequence[SourceCount]
    seconds: float
    notes: Sequence[str] = ()

    @property
    def lines(self) -> int:
        """Lines read; a JSON text laid out over several lines counts once."""
        return sum(source.lines for source in self.sources)

    @property
    def blank(self) -> int:
        """Blank lines."""
        return sum(source.blank for source in self.sources)

    @property
    def ignorable(self) -> int:
        """Lines that carry no record by design, such as [DONE]."""
        return sum(source.ignorable for source in self.sources)

    @property
    def records(self) -> int:
        """Lines that gave at least one record."""
        return sum(source.records for source in self.sources)

    @property
    def rejects(self) -> int:
        """Lines that could not be read; they are kept in the table `rejects`."""
        return sum(source.rejects for source in self.sources)

    @property
    def known_rejects(self) -> int:
        """Lines of these logs that could not be read when an earlier ingest read them."""
        return sum(source.known_rejects for source in self.sources)

    @property
    def repaired(self) -> int:
        """Records read only after a harmless repair."""
        return sum(source.repaired for source in self.sources)

    @property
    def responses(self) -> int:
        """Responses found, duplicates included."""
        return sum(source.responses for source in self.sources)

    @property
    def duplicates(self) -> int:
        """Responses that were equal to one already kept."""
        return sum(source.duplicates for source in self.sources)

    @property
    def balanced(self) -> bool:
        """Whether every line of every source is accounted for."""
        return all(source.balanced for source in self.sources)

    def __str__(self) -> str:
        logs = counted(len(self.sources), "logs")
        known = sum(source.known for source in self.sources)
        if known == len(self.sources):
            return f"nothing new in {logs}"
        parts = [f"{counted(self.responses, 'responses')} from {counted(self.lines, 'lines')} of {logs}"]
        parts += [f"{known:,} of them known already"] if known else []
        parts += [f"{counted(self.duplicates, 'duplicates')} left out"] if self.duplicates else []
        parts += [f"{self.repaired:,} repaired"] if self.repaired else []
        parts += [f"{counted(self.rejects, 'lines')} rejected"] if self.rejects else []
        return " · ".join(parts)


def counted(count: int, noun: str) -> str:
    """A number of things: `1 choice`, `2 choices`; `noun` is the plural, in -s."""
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}"

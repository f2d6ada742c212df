"""What a report is: a question in SQL, the keys it can be asked by, and the columns of its answer.

The rule: everything that is known of a report stands in its declaration; commands, Python methods, the
reference and the tests follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatlogs import sql
from chatlogs.schema import INT, TABLES, TEXT

COUNT, TOKENS, SHARE, REAL, USD, HOUR = "count", "tokens", "share", "real", "usd", "hour"


@dataclass(frozen=True)
class Measure:
    """A column of an answer. `unit` says how to show it: COUNT, TOKENS, SHARE, REAL, USD, or a type of the schema."""

    name: str
    unit: str
    doc: str
    shown: bool = True  # In tables for people; data formats always have every column.


@dataclass(frozen=True)
class Report:
    """A question with a name: sql/NAME.sql asks it of `tables`, in whose columns `by` and `where` are written.

    `title` is its line in the help and `help` what follows it there. `sort` names measures, or 'by' for all keys;
    groups of time always come in the order of time.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    measures: tuple[Measure, ...]
    by: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    help: str = ""
    twin: str = ""  # The call in Python, with the arguments worth showing.
    total: bool = False  # Whether a row over all groups makes sense below a table.
    spare: tuple[str, ...] = ()  # Measures that a narrow window goes without first.
    beside: tuple[str, ...] = ()  # Keys of a second answer, which the notes below the first are made of.
    bar: str = ""  # The share that is drawn as well.
    nulls: tuple[tuple[str, str], ...] = ()  # What a table says for null, by column.
    same: tuple[tuple[str, str], ...] = ()  # Columns that say as keys what a measure says anyway: (column, measure).
    utc_days: bool = False  # Whether it is about whole days of UTC, and can be asked for no other times.
    added: tuple[str, ...] = ()  # Columns its SQL adds to those of its tables; prices, where there are any.

    @property
    def question(self) -> str:
        return sql.text(self.name).partition("\n")[0].removeprefix("-- ")

    @property
    def parts(self) -> list[str]:
        """Measures that tell rows of one group apart."""
        return [measure.name for measure in self.measures if measure.unit in (TEXT, INT)]

    @property
    def columns(self) -> list[str]:
        """What `where` and `by` may name."""
        return list(dict.fromkeys([*(name for table in self.tables for name in TABLES[table].names), *self.added]))

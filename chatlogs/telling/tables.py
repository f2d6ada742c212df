"""Tables for people: rich on a terminal, plain aligned text everywhere else.

The rule: text from logs is only ever text. What a terminal would obey, an escape sequence or a mark that
turns the direction of writing, stands there as \\x1b; and only a terminal's width ever cuts anything.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Literal

from chatlogs.asking.measures import COUNT, HOUR, REAL, SHARE, TOKENS, USD

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

_ENDLESS = 1_000_000
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PROSE = 30  # A column of prose may shrink to this on a terminal.
_TIGHT, _TIGHT_PROSE, _MINUTES = (
    14,
    20,
    17,
)  # What text, prose and times shrink to before a column that tells is left out.
_TIGHTEST = 8  # And before the first number is.
_WHOLE = frozenset(
    ("id", "backend", "system_fingerprint", "request_id", "custom_id", "call_id", "tool_call_id", "example")
)  # Half an id finds nothing: such a column goes on in the next line.
_LEAST_BAR = 5
_NAMED_COLUMNS = 8  # How many there is no room for are named.
_GAP, _EDGES = 2, 1  # Between columns, and around the table.
BAR_WIDTH = 20
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Look:
    """How a table looks, by column. It is for people: data formats take no notice of it."""

    units: Mapping[str, str] = field(default_factory=dict)
    nulls: Mapping[str, str] = field(default_factory=dict)  # What to say for null; nothing unless named here.
    hidden: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()  # Prose: on a terminal it goes on in the next line instead of being cut.
    grouped: Sequence[str] = ()  # Leading keys that a terminal shows once for all their rows.
    bar: str | None = None  # A share that is drawn as well.
    total: pl.DataFrame | None = None  # One row over all, shown below.
    spare: Sequence[str] = ()  # Columns a narrow terminal gives up first.
    least_text: int = 24  # What text may shrink to on a terminal: names of models differ at their ends.
    bare: bool = False  # No heading.
    color: str = "auto"


def write_table(frame: pl.DataFrame, out: IO[str], look: Look) -> None:
    """The frame as a table: fitted to a terminal, or whole, without colour and lines, to anything else.

    A terminal too narrow for all columns is told which ones are missing.
    """
    screen = out.isatty()
    paper = console(out, look.color)
    if not paper.is_terminal:
        return _plain(frame, out, look)
    columns = _columns(frame, look)
    shown, bar_width = _fitted(columns, look, paper.width - _EDGES) if screen else (columns, BAR_WIDTH)
    if not bar_width:
        look = replace(look, bar=None)
    names = [column.name for column in shown]
    look = replace(look, hidden=frozenset(frame.columns) - set(names))
    rows, foot = cells(frame, look), total_cells(frame, look)
    if screen:
        rows = [_tails(row, shown) for row in _told_once(rows, names, look.grouped)]
    if look.bar:
        rows = [[*row, bar(share, bar_width)] for row, share in zip(rows, frame[look.bar], strict=True)]
    table = _framed(shown, look, screen)
    for row in rows:
        table.add_row(*row)
    if foot:
        table.add_section()
        table.add_row(*foot[0], style="bold")
    missing = [column.name for column in columns if column.name not in names]
    with paper.capture() as captured:
        paper.print(table)
        if missing:
            named = [
                *missing[:_NAMED_COLUMNS],
                *([f"{len(missing) - _NAMED_COLUMNS} more"] * (len(missing) > _NAMED_COLUMNS)),
            ]
            paper.print(f" no room for {', '.join(named)}: --json, or a wider window", style="dim")
    # rich fills every line with spaces, and opens and closes a box with an empty one.
    lines = [line.rstrip() for line in captured.get().split("\n")]
    out.writelines(f"{line}\n" for line in lines if line)


def cells(frame: pl.DataFrame, look: Look) -> list[list[str]]:
    """The rows as text, without hidden columns."""
    names = [name for name in frame.columns if name not in look.hidden]
    return [
        [cell(row[name], look.units.get(name, ""), look.nulls.get(name, "")) for name in names]
        for row in frame.iter_rows(named=True)
    ]


def total_cells(frame: pl.DataFrame, look: Look) -> list[list[str]]:
    """The row over all as text, below the same columns; an empty list when there is none."""
    if look.total is None:
        return []
    row = look.total.row(0, named=True)
    names = [name for name in frame.columns if name not in look.hidden]
    texts = [cell(row.get(name), look.units.get(name, ""), "") for name in names]
    return [["total" if names[0] not in row else texts[0], *texts[1:]]]


def cell(value: Any, unit: str = "", null: str = "") -> str:
    """One value as people read it, safe to print."""
    if value is None:
        return null
    if unit in (COUNT, TOKENS, SHARE, USD):
        return number(value, unit)
    if isinstance(value, float):
        return f"{value:,.3f}" if unit == REAL else f"{value:.6g}"
    if unit == HOUR:
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ").replace("+00:00", "Z")
    if isinstance(value, (list, dict)):
        plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return inert(", ".join(value) if plain else json.dumps(value, ensure_ascii=False, default=str))
    return inert(str(value))


def number(value: Any, unit: str = COUNT) -> str:
    """A number with its thousands apart, a share in percent, dollars to a hundredth of a cent, nothing for null."""
    if value is None:
        return ""
    if unit == USD:
        return f"{value:,.4f}"
    return f"{100 * value:.1f} %" if unit == SHARE else f"{value:,}"


def bar(share: float | None, width: int = BAR_WIDTH) -> str:
    """A share as a bar, an eighth of a character exact; what is not nothing can be seen."""
    eighths = round(max(0.0, min(share or 0.0, 1.0)) * width * 8) or (1 if share else 0)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def inert(text: str, *, lines: bool = False) -> str:
    """The text with what a terminal would obey made visible; `lines` keeps line ends and tabs."""

    def visible(found: re.Match[str]) -> str:
        char = found[0]
        if lines and char in "\n\t":
            return char
        return _NAMED.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")

    return _UNSAFE.sub(visible, text)


def console(out: IO[str], color: str = "auto") -> Console:
    """A rich console; where `out` is no terminal it is as wide as any line, so that nothing is cut."""
    from rich.console import Console

    return Console(
        file=out,
        width=None if out.isatty() else _ENDLESS,
        color_system=None if color == "never" else "auto",
        force_terminal=True if color == "always" else None,
        highlight=False,
        emoji=False,
        markup=False,
    )


def _plain(frame: pl.DataFrame, out: IO[str], look: Look) -> None:
    """Aligned text, two spaces between columns, nothing cut; many times faster than rich."""
    from rich.cells import cell_len

    columns = _columns(frame, look)
    rows = [*cells(frame, look), *total_cells(frame, look)]
    if not look.bare:
        rows.insert(0, [column.name for column in columns])
    widths = [max((cell_len(row[index]) for row in rows), default=0) for index in range(len(columns))]
    shares = [*([] if look.bare else [None]), *(frame[look.bar] if look.bar else [])]
    for number, row in enumerate(rows):
        parts = []
        for text, width, column in zip(row, widths, columns, strict=True):
            gap = " " * (width - cell_len(text))
            parts.append(gap + text if column.number else text + gap)
        if look.bar and number < len(shares):
            parts.append(bar(shares[number]))
        out.write("  ".join(parts).rstrip(" ") + "\n")


@dataclass(frozen=True)
class _Column:
    """A column on its way to a terminal: `widest` is all it could use, `least` as narrow as it may become while there
    are columns to spare, `tight` as narrow as it may become at all."""

    name: str
    number: bool
    tight: int
    least: int
    widest: int
    prose: bool = False
    empty: bool = False
    width: int | None = None

    @property
    def heading(self) -> str:
        """Over numbers, a word a line: numbers are narrower than their names."""
        return self.name.replace("_", "\n") if self.number else self.name


def _columns(frame: pl.DataFrame, look: Look) -> list[_Column]:
    from rich.cells import cell_len

    names = [name for name in frame.columns if name not in look.hidden]
    rows = [*cells(frame, look), *total_cells(frame, look)]
    made = []
    for index, name in enumerate(names):
        number = frame.schema[name].is_numeric()
        heading = 0 if look.bare else max(map(len, name.split("_"))) if number else len(name)
        content = max((cell_len(row[index]) for row in rows), default=0)
        widest, prose = max(heading, content), name in look.folded or name in _WHOLE
        least = widest if number else max(heading, min(widest, _PROSE if prose else look.least_text))
        smallest = _MINUTES if frame.schema[name].is_temporal() else _TIGHT_PROSE if prose else _TIGHT
        tight = widest if number else max(heading, min(least, smallest))
        made.append(_Column(name, number, tight, least, widest, prose, not content and bool(rows)))
    return made


def _fitted(columns: Sequence[_Column], look: Look, width: int) -> tuple[list[_Column], int]:
    """The columns there is room for, with their widths, and the width of the bar.

    Columns without any value go first, then those the report can spare, then text gets narrower, and then the last
    ones go: the first number only where the texts before it cannot get narrower still. What room is left goes to text,
    first to where little is missing, then to the bar.
    """
    names = [column.name for column in columns]
    spare = [*(column.name for column in columns[1:] if column.empty), *(name for name in look.spare if name in names)]
    gone: list[str] = []
    least = {column.name: column.least for column in columns}

    def room() -> int:
        return width - sum(least[name] + _GAP for name in names if name not in gone)

    def leave_out(order: Sequence[str]) -> None:
        for name in order:
            if room() < 0 and name not in gone:
                gone.append(name)

    leave_out(spare)
    if room() < 0:
        least = _tight(columns, gone, width)
        leave_out(names[:0:-1])
    empty = [column.name for column in columns if column.empty]
    for name in reversed([name for name in gone if name not in empty]):  # One may be small enough to come back.
        gone.remove(name)
        if room() < 0:
            gone.append(name)
    kept = [column for column in columns if column.name not in gone]
    left = max(0, room())
    widths = {column.name: least[column.name] for column in kept}
    for column in sorted(kept, key=lambda column: column.widest - least[column.name]):
        more = min(column.widest - least[column.name], left)
        widths[column.name] += more
        left -= more
    bar_width = min(BAR_WIDTH, left - _GAP) if look.bar and left >= _LEAST_BAR + _GAP else 0
    return [replace(column, width=widths[column.name]) for column in kept], bar_width


def _tight(columns: Sequence[_Column], gone: Sequence[str], width: int) -> dict[str, int]:
    """How narrow each column may become; the texts before the first number narrower yet, where that makes it room."""
    least = {column.name: column.tight for column in columns}
    kept = [column for column in columns if column.name not in gone]
    first = next((place for place, column in enumerate(kept) if column.number), 0)
    texts = [column.name for column in kept[:first]]
    missing = sum(least[column.name] + _GAP for column in kept[: first + 1]) - width
    if missing <= sum(max(0, least[name] - _TIGHTEST) for name in texts):
        for _ in range(missing):
            least[max(texts, key=least.__getitem__)] -= 1
    return least


def _tails(row: list[str], columns: Sequence[_Column]) -> list[str]:
    """The row with paths cut at their beginning: what tells them apart is at the end."""
    cut = list(row)
    for index, column in enumerate(columns):
        if column.name == "source" and column.width and len(row[index]) > column.width:
            cut[index] = "…" + row[index][1 - column.width :]
    return cut


def _framed(columns: Sequence[_Column], look: Look, screen: bool) -> Table:
    """A table without rows."""
    from rich import box
    from rich.align import Align
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD if screen and not look.bare else None,
        padding=(0, 1, 0, 0) if screen and not look.bare else (0, 2, 0, 0),
        pad_edge=False,
        show_header=not look.bare,
        header_style="bold",
    )
    for column in columns:
        side: Literal["left", "right"] = "right" if column.number else "left"
        if not screen:
            table.add_column(column.name, justify=side, no_wrap=True)
            continue
        table.add_column(
            Align(column.heading, side, vertical="bottom"),
            justify=side,
            no_wrap=not column.prose,
            overflow="fold" if column.prose else "ellipsis",
            width=column.width,
        )
    if look.bar:
        table.add_column("", no_wrap=True, style="cyan")
    return table


def _told_once(rows: list[list[str]], names: Sequence[str], grouped: Sequence[str]) -> Iterator[list[str]]:
    """The rows, their leading keys blank where they are those of the row above."""
    width = next((index for index, name in enumerate(names) if name not in grouped), len(names))
    above: list[str] = []
    for row in rows:
        yield [""] * width + row[width:] if above[:width] == row[:width] else row
        above = row

"""Tables for people: rich on a terminal, plain aligned text everywhere else.

The rule: text from logs is only ever text. What a terminal would obey, an escape sequence or a mark that
turns the direction of writing, stands there as \\x1b; and only a terminal's width ever cuts anything.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from chatlogs.queries import COUNT, SHARE, TOKENS

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

_ENDLESS = 1_000_000
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
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
    bare: bool = False  # No heading.
    color: str = "auto"


def write_table(frame: pl.DataFrame, out: IO[str], look: Look) -> None:
    """The frame as a table: fitted to a terminal, or whole, without colour and lines, to anything else."""
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    screen = out.isatty()
    names = [name for name in frame.columns if name not in look.hidden]
    rows, foot = cells(frame, look), total_cells(frame, look)
    table = Table(
        box=box.SIMPLE_HEAD if screen and not look.bare else None,
        padding=(0, 1, 0, 0) if screen else (0, 2, 0, 0),
        pad_edge=False,
        show_header=not look.bare,
        header_style="bold",
    )
    for index, name in enumerate(names):
        widest = max((cell_len(row[index]) for row in [*rows, *foot]), default=0)
        table.add_column(**_manner(name, frame.schema[name].is_numeric(), widest, look, screen))
    if look.bar:
        table.add_column("", no_wrap=True, style="cyan")
        rows = [[*row, bar(share)] for row, share in zip(rows, frame[look.bar], strict=True)]
    if screen:
        rows = list(_told_once(rows, names, look.grouped))
    for row in rows:
        table.add_row(*row)
    if foot:
        table.add_section()
        table.add_row(*foot[0], style="bold")
    screen_out = console(out, look.color)
    with screen_out.capture() as captured:
        screen_out.print(table)
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
    if unit in (COUNT, TOKENS, SHARE):
        return number(value, unit)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ").replace("+00:00", "Z")
    if isinstance(value, (list, dict)):
        plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return inert(", ".join(value) if plain else json.dumps(value, ensure_ascii=False, default=str))
    return inert(str(value))


def number(value: Any, unit: str = COUNT) -> str:
    """A number with its thousands apart, a share in percent, nothing for null."""
    if value is None:
        return ""
    return f"{100 * value:.1f} %" if unit == SHARE else f"{value:,}"


def bar(share: float | None, width: int = 20) -> str:
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
        no_color=True if color == "never" else None,
        force_terminal=True if color == "always" else None,
        highlight=False,
        emoji=False,
        markup=False,
    )


def _manner(name: str, numeric: bool, widest: int, look: Look, screen: bool) -> dict[str, Any]:
    """How a column is set. On a terminal a heading over numbers folds at its words; the numbers stay whole."""
    if not screen:
        return {"header": name, "justify": "right" if numeric else "left", "no_wrap": True}
    if numeric:
        words = name.split("_")
        least = max(widest, *map(len, words))
        return {"header": " ".join(words), "justify": "right", "min_width": least, "vertical": "bottom"}
    prose = name in look.folded
    return {"header": name, "no_wrap": not prose, "overflow": "fold" if prose else "ellipsis"}


def _told_once(rows: list[list[str]], names: Sequence[str], grouped: Sequence[str]) -> Iterator[list[str]]:
    """The rows, their leading keys blank where they are those of the row above."""
    width = next((index for index, name in enumerate(names) if name not in grouped), len(names))
    above: list[str] = []
    for row in rows:
        yield [""] * width + row[width:] if above[:width] == row[:width] else row
        above = row

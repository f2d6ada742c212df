"""Numbers over time as a picture that needs no script: stacked bars in SVG.

The rule: a picture shows nothing that a table or its titles do not say in words, and colour is never the only sign.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatlogs.asking.measures import SHARE, USD
from chatlogs.telling.tables import inert, number

# Told apart by those who see no red or no green as well (Okabe and Ito).
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
REASONS = {"stop": "#0072b2", "length": "#d55e00", "tool_calls": "#009e73", "content_filter": "#cc79a7"}
REST = "#9aa3ad"
OTHERS = "others"

WIDTH, HEIGHT = 860, 190
_LEFT, _BOTTOM, _TOP = 52, 22, 8
_LINES = 4
_LABELS = 9


@dataclass(frozen=True)
class Bars:
    """Stacked bars: one for each period, of one value for each series; None where there is none.

    `unit` is one of measures: SHARE goes to 100 %. `colors` are those of series that have one already.
    """

    title: str
    periods: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    unit: str
    colors: Mapping[str, str]

    def color(self, name: str) -> str:
        """The color of a series: its own, else the next that no other has."""
        if name == OTHERS or name in self.colors:
            return self.colors.get(name, REST)
        taken = {self.colors[key] for key in self.series if key in self.colors}
        left = [color for color in COLORS if color not in taken]
        place = [key for key in self.series if key not in self.colors and key != OTHERS].index(name)
        return left[place] if place < len(left) else REST


def draw(bars: Bars) -> str:
    """The picture and its legend, as HTML."""
    top = 1.0 if bars.unit == SHARE else _round_up(max(map(sum, zip(*map(_plain, bars.series.values()), strict=True))))
    parts = [*_grid(top, bars.unit), *_columns(bars, top), *_dates(bars.periods)]
    label = html.escape(inert(f"{bars.title}, {bars.periods[0]} to {bars.periods[-1]}"))
    picture = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )
    return f'<div class="scroll">{picture}</div>\n{_legend(bars)}'


def _columns(bars: Bars, top: float) -> list[str]:
    step = (WIDTH - _LEFT) / len(bars.periods)
    made = []
    for place, period in enumerate(bars.periods):
        below = 0.0
        for name, values in bars.series.items():
            value = values[place]
            if not value:
                continue
            height = value / top * (HEIGHT - _BOTTOM - _TOP)
            y = HEIGHT - _BOTTOM - below - height
            told = html.escape(inert(f"{period} · {name}: {number(value, bars.unit)}"))
            made.append(
                f'<rect x="{_LEFT + place * step:.1f}" y="{y:.1f}" width="{max(step - 1, step * 0.8):.1f}" '
                f'height="{height:.1f}" fill="{bars.color(name)}"><title>{told}</title></rect>'
            )
            below += height
    return made


def _grid(top: float, unit: str) -> list[str]:
    made = []
    for line in range(_LINES + 1):
        y = HEIGHT - _BOTTOM - line / _LINES * (HEIGHT - _BOTTOM - _TOP)
        text = short(top * line / _LINES, unit)
        made.append(f'<line x1="{_LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        made.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return made


def _dates(periods: Sequence[str]) -> list[str]:
    step = (WIDTH - _LEFT) / len(periods)
    every = math.ceil(len(periods) / _LABELS)
    return [
        f'<text x="{_LEFT + place * step:.1f}" y="{HEIGHT - 6}">{html.escape(period)}</text>'
        for place, period in enumerate(periods)
        if place % every == 0 and _LEFT + place * step < WIDTH - 70
    ]


def _legend(bars: Bars) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" fill="{bars.color(name)}"/></svg>'
        f"{html.escape(inert(name))}</li>"
        for name in bars.series
    )
    return f'<ul class="legend">{items}</ul>'


def short(value: float, unit: str) -> str:
    """A number for an axis: 1.2 M, 25 %, $ 0.50."""
    if unit == SHARE:
        return f"{value:.0%}".replace("%", " %")
    sign = "$ " if unit == USD else ""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{sign}{value / size:.3g}{letter}"
    return f"{sign}{value:.2f}" if unit == USD else f"{sign}{value:.3g}"


def _round_up(value: float) -> float:
    """The next number with one or two digits that four lines divide well."""
    if value <= 0:
        return 1.0
    size: float = 10 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * size >= value)


def _plain(values: Sequence[float | None]) -> list[float]:
    return [value or 0.0 for value in values]

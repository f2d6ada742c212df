"""Everything that reports tell, on one page: an HTML file that loads nothing, runs no script and holds no text of
any prompt or answer.

The rule: a number on the page is one that a report gives, and each table has its query below it. The same logs give
the same bytes.
"""

from __future__ import annotations

import glob
import html
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from chatlogs.asking.measures import COUNT, SHARE, TOKENS, USD
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import ALL
from chatlogs.errors import ChatlogsError
from chatlogs.tally import counted
from chatlogs.telling import asked, changes, charts, notes, overtime
from chatlogs.telling.report import replacing
from chatlogs.telling.tables import cells, inert, number, total_cells
from chatlogs.version import version

if TYPE_CHECKING:
    from typing import Unpack

    from chatlogs.asking.answers import Filtered
    from chatlogs.asking.logs import Logs
    from chatlogs.telling.asked import Asked

ROWS = 25  # Of a table; a note below it tells how many more there are.
_STRIPS = 4  # Models whose backends are drawn.
_TEXTS = frozenset(("message", "example"))  # Columns that quote a log.
_LONG = 60  # Characters of a name that goes on in the next line, so that numbers stay in sight.


@dataclass(frozen=True)
class Section:
    """A report on the page: by which keys, and what of it is drawn over time, by which name."""

    heading: str
    report: str
    by: tuple[str, ...] = ("model",)
    drawn: str = ""
    unit: str = COUNT
    name: str = "model"


SECTIONS = (
    Section("Tokens", "usage", drawn="total_tokens", unit=TOKENS),
    Section("Cost", "cost", drawn="cost_usd", unit=USD),
    Section("Why answers stopped", "finish", drawn="share", unit=SHARE, name="finish_reason"),
    Section("Backends", "backends"),
    Section("Latency", "latency"),
    Section("Errors", "errors", by=()),
    Section("Tool calls", "tools"),
    Section("Prompt caching", "cache"),
    Section("What contradicts itself", "audit", by=()),
    Section("Flags", "flags", by=()),
)


def report(
    logs: Logs,
    out: str | os.PathLike[str],
    *,
    title: str = "",
    prices: str | None = None,
    **filters: Unpack[Filtered],
) -> None:
    """Write the page to a file; what was there is replaced when it is whole.

    `filters` narrow it as they do reports; prices: a file of one's own rates. Raises QueryError for what cannot be
    asked, ChatlogsError when the file cannot be written.
    """
    write(logs, os.fspath(out), Filters(prices=prices, **filters), title=title)


def write(logs: Logs, out: str, filters: Filters, *, title: str = "") -> None:
    """The same with what is asked for in one value."""
    text = page(logs, filters, title=title)
    try:
        with replacing(out) as place, open(place, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ChatlogsError(f"cannot write {out}: {error.strerror or error}.") from error


def page(logs: Logs, filters: Filters, *, title: str = "") -> str:
    """The page as text."""
    filters = replace(filters, by=None, sort=(), limit=0)
    facts = logs.ask("summary", filters).row(0, named=True)
    files = resources.files("chatlogs").joinpath("data", "page")
    body = "\n".join([_facts(logs, facts, filters), *_changes(logs, filters), *_sections(logs, facts, filters)])
    return Template(files.joinpath("page.html").read_text("utf-8")).substitute(
        title=_safe(title or "Chat completions"),
        style=files.joinpath("page.css").read_text("utf-8").strip(),
        lead=_safe(_lead(facts, filters)),
        body=body,
        footer=_safe(
            f"Made by chatlogs {version()}. This page loads nothing and runs no script; it holds no text of any "
            f"prompt or answer. Days are those of {filters.tz}, times of day are UTC."
        ),
    )


def _lead(facts: Mapping[str, Any], filters: Filters) -> str:
    first, last = facts["first_seen"], facts["last_seen"]
    period = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC" if first and last else "no times were logged"
    read = f"{counted(facts['sources'], 'logs')}, {counted(facts['lines'], 'lines')}, {facts['rejects']:,} rejected"
    models = [filters.model] if isinstance(filters.model, str) else filters.model
    asked = {"since": filters.since, "until": filters.until, "where": filters.where}
    only = [*(f"model {model}" for model in models), *(f"{name} {value}" for name, value in asked.items() if value)]
    timeless = f" · {counted(facts['no_time'], 'responses')} without a time in no picture" if facts["no_time"] else ""
    if first and last and overtime.is_too_long(first, last):
        timeless += " · so long a time has no picture of its whole; some clock may be wrong"
    return f"{period} · read from {read}{timeless}" + (f" · only {', '.join(only)}" if only else "")


def _facts(logs: Logs, facts: Mapping[str, Any], filters: Filters) -> str:
    """Four numbers, each with what it leaves out."""
    money = logs.ask("cost", replace(filters, by=[])).row(0, named=True)
    responses = facts["responses"]
    failed = number(facts["errors"] / responses, SHARE) if responses else ""
    told = (
        ("responses", number(responses), f"{facts['streams']:,} streamed, {facts['truncated']:,} cut off"),
        (
            "tokens",
            number(facts["total_tokens"]) or "unknown",
            f"{facts['no_usage']:,} responses without usage are not in it",
        ),
        ("cost", _usd(money["cost_usd"]), f"{money['unpriced']:,} responses without a price are not in it"),
        ("errors", number(facts["errors"]), failed and f"{failed} of the responses"),
    )
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd><dd>{note}</dd></div>" for name, value, note in told)
    return f'<dl class="facts">{items}</dl>'


def _usd(value: Any) -> str:
    return "unknown" if value is None else f"${value:,.2f}" if value >= 1 else f"${value:,.4f}"


def _changes(logs: Logs, filters: Filters) -> Iterator[str]:
    yield "<h2>What changed</h2>"
    found = changes.found(logs, filters)
    if not found:
        yield '<p class="note">No backend began to answer within this time that gave 5 % of a model\'s responses.</p>'
    for change in found:
        yield f"<p><strong>{_safe(change.title)}</strong></p>"
        said = "".join(f"<li>{_safe(sentence)}</li>" for sentence in change.sentences)
        yield f"<ul>{said}</ul>" if said else "<p>Nothing else is found to have changed then.</p>"
        yield f'<p class="note"><code>{_safe(change.command)}</code></p>'


def _sections(logs: Logs, facts: Mapping[str, Any], filters: Filters) -> Iterator[str]:
    first, last = facts["first_seen"], facts["last_seen"]
    period = overtime.period_of(first, last) if first and last else ""
    top = logs.ask("usage", replace(filters, by=["model"], sort=("responses",), limit=len(charts.COLORS) - 1))
    models = dict(zip((str(model) for model in top["model"] if model is not None), charts.COLORS, strict=False))
    silent = []
    for section in SECTIONS:
        answer = asked.ask(section.report, logs, replace(filters, by=section.by), total=True, notes=True)
        frame = answer.frame.filter(answer.frame["found"] > 0) if section.report == "audit" else answer.shown
        if not frame.height:
            silent.append(section.heading)
            why = notes.of_filters(answer) if section.report == "usage" else []
            yield from (f'<p class="note">{_safe(note)}</p>' for note in why)
            continue
        yield f"<h2>{section.heading}</h2>"
        yield f'<p class="lead">{_safe(ALL[section.report].question)}</p>'
        if period:
            yield from _pictures(logs, section, period, filters, models)
        yield _table(answer, frame.head(ROWS))
        if frame.height > ROWS:
            yield f'<p class="note">and {counted(frame.height - ROWS, "rows")} more</p>'
        yield from (f'<p class="note">{_safe(note)}</p>' for note in notes.of_report(answer))
        yield f"<details><summary>SQL</summary><pre>{_safe(_query(logs, answer), lines=True)}</pre></details>"
    if silent:
        yield f'<p class="note">Nothing to tell: {", ".join(silent)}.</p>'


def _pictures(logs: Logs, section: Section, period: str, filters: Filters, models: Mapping[str, str]) -> Iterator[str]:
    """The section's numbers over time; of backends, a picture for each model that had several."""
    nulls = dict(ALL[section.report].nulls)
    if section.drawn:
        by_reason = section.name == "finish_reason"
        keys = [period] if by_reason else [period, section.name]
        frame = logs.ask(section.report, replace(filters, by=keys))
        found = overtime.bars(
            f"{section.heading} by {period}",
            frame,
            (period, section.name, section.drawn),
            section.unit,
            null=nulls.get(section.name, "(none)"),
            colors=charts.REASONS if by_reason else models,
        )
        if found:
            yield charts.draw(found)
    elif section.report == "backends":
        frame = logs.ask("backends", replace(filters, by=[period, "model"]))
        for model in _with_several(frame):
            columns, title = (period, "backend", "share"), f"Backends of {model} by {period}"
            found = overtime.bars(title, frame.filter(frame["model"] == model), columns, SHARE, null=nulls["backend"])
            if found:
                yield f"<h3>{_safe(model)}</h3>"
                yield charts.draw(found)


def _with_several(frame: Any) -> list[str]:
    """The models that several backends answered as, those with most responses first."""
    responses: dict[str, int] = {}
    backends: dict[str, set[str | None]] = {}
    for model, backend, count in frame.select("model", "backend", "responses").iter_rows():
        if model is not None:
            responses[model] = responses.get(model, 0) + count
            backends.setdefault(model, set()).add(backend)
    several = [model for model in responses if len(backends[model]) > 1]
    return sorted(several, key=lambda model: (-responses[model], model))[:_STRIPS]


def _table(answer: Asked, frame: Any) -> str:
    """The rows as a table; what a log says in its own words is left out."""
    look = answer.look()
    empty = {name for name in look.spare if name in frame.columns and frame[name].null_count() == frame.height}
    look = replace(look, hidden=look.hidden | _TEXTS | empty)
    names = [name for name in frame.columns if name not in look.hidden]
    kinds = ["number" if frame.schema[name].is_numeric() else "prose" if name in look.folded else "" for name in names]
    heads = [f'<th class="{kind}">{_safe(name)}</th>' for name, kind in zip(names, kinds, strict=True)]
    rows = [_row(texts, kinds) for texts in cells(frame, look)]
    if look.bar:
        heads.append("<th></th>")
        rows = [f"{row}{_bar(share)}" for row, share in zip(rows, frame[look.bar], strict=True)]
    lines = [f"<tr>{row}</tr>" for row in rows]
    lines += [f'<tr class="total">{_row(texts, kinds)}</tr>' for texts in total_cells(frame, look)]
    head, body = "".join(heads), "\n".join(lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _row(texts: list[str], kinds: list[str]) -> str:
    wide = [kind or ("long" if len(text) > _LONG else "") for text, kind in zip(texts, kinds, strict=True)]
    return "".join(f'<td class="{kind}">{html.escape(text)}</td>' for text, kind in zip(texts, wide, strict=True))


def _bar(share: float | None) -> str:
    return f'<td class="bar"><span style="width:{100 * (share or 0):.1f}%"></span></td>'


def _query(logs: Logs, answer: Asked) -> str:
    """The query below a table, for a store that the reader names."""
    query = logs.show_sql(answer.name, answer.filters) + ";"
    quoted = glob.escape(logs.path).replace("'", "''")
    return query.replace(quoted, "STORE")


def _safe(text: str, *, lines: bool = False) -> str:
    """Text that a page shows as it is."""
    return html.escape(inert(text, lines=lines))

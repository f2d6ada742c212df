"""Commands that answer a named question: one for each report.

The rule: what a report is stands in reports.REPORTS; here is how it is asked for and shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from chatlogs.asking.measures import HOUR, Report
from chatlogs.asking.overview import SUMMARY
from chatlogs.asking.reports import ALL, AUDIT, REPORTS
from chatlogs.cli import notes
from chatlogs.cli.inputs import opened
from chatlogs.cli.options import (
    Command,
    Option,
    Output,
    common_options,
    filter_options,
    output_options,
    paths_argument,
    setting,
    tell,
)
from chatlogs.cli.pricenotes import Asked

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters
    from chatlogs.telling.tables import Look


def _help(report: Report) -> str:
    return f"{report.title}\n\n{inspect.cleandoc(report.help)}".strip()


def _epilog(report: Report) -> str | None:
    return f"Python: chatlogs.open(STORE).{report.twin}" if report.twin else None


@click.command(cls=Command, name="summary", help=_help(SUMMARY), epilog=_epilog(SUMMARY))
@paths_argument()
@filter_options(keys=False)
@output_options
@common_options
def summary(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
    from chatlogs.cli import screens

    if show_sql or not output.for_people:
        return answer("summary", paths, filters, show_sql, output)
    with opened(paths) as logs:
        screens.summary(logs, filters, output, str(setting("color") or "auto"))
        tell(screens.next_steps(logs, paths, filters))


@click.command(cls=Command, name="rejects")
@paths_argument()
@click.option("--where", cls=Option, metavar="SQL", help="Only these, such as \"reason = 'not_json'\".")
@click.option("-n", "--limit", cls=Option, default=100, show_default=True, metavar="N", help="The first N; 0 is all.")
@click.option("--show-sql", cls=Option, is_flag=True, help="Print the query instead.")
@output_options
@common_options
def rejects(paths: tuple[str, ...], where: str | None, limit: int, show_sql: bool, output: Output) -> None:
    """Lines that could not be read, each with its reason.

    Every one of them is kept whole; on a terminal it is cut to the window.
    """
    from chatlogs.asking.queries import Filters

    answer("rejects", paths, Filters(where=where, limit=limit), show_sql, output)


@click.command(cls=Command, name="audit", help=_help(AUDIT), epilog=_epilog(AUDIT))
@paths_argument()
@click.option("--count-tokens", cls=Option, is_flag=True, help="Count answers without usage by a tokenizer, offline.")
@filter_options(keys=True)
@output_options
@common_options
def audit(paths: tuple[str, ...], count_tokens: bool, filters: Filters, show_sql: bool, output: Output) -> None:
    answer("audit", paths, filters, show_sql, output, count_tokens=count_tokens)


def answer(
    name: str,
    paths: tuple[str, ...],
    filters: Filters,
    show_sql: bool,
    output: Output,
    *,
    count_tokens: bool = False,
    told: bool = True,
) -> None:
    """Ask a report and write its answer; below a table, what it does not show."""
    from chatlogs.asking.queries import build
    from chatlogs.tally import counted

    output.chosen  # noqa: B018  A format or a column that cannot be is told before hours of reading.
    build(name, filters)
    with opened(paths) as logs:
        if show_sql:
            click.echo(logs.show_sql(name, filters) + ";")
            if logs.ingest_report is not None:
                tell("this reads a temporary store that is gone by now; ingest the logs with -o STORE and ask again")
            return
        frame, total, beside = _asked(name, logs, filters, output)
        if count_tokens:
            frame = logs.with_counts(frame, filters)
        shown = _for_people(name, frame, filters) if output.for_people else frame
        output.write(shown, _look(name, filters, total) if output.for_people else None)
        if told and not setting("quiet"):
            if shown.height < frame.height:
                left_out = counted(frame.height - shown.height, "rows")
                tell(f"{left_out} with nothing to tell left out of the table; --json has all")
            for note in notes.of_report(Asked(name, logs, frame, filters, beside)):
                tell(note)


def _asked(
    name: str, logs: Logs, filters: Filters, output: Output
) -> tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame | None]:
    """The answer, the row over all of it, and the answer its notes are made of, as far as somebody reads them."""
    report = ALL[name]
    keys = report.by if filters.by is None else filters.by.split(",") if isinstance(filters.by, str) else filters.by
    with_total = report.total and output.for_people and any(key.strip() for key in keys)
    with_notes = bool(report.beside) and not setting("quiet")
    groups = [keys, *([()] if with_total else []), *([report.beside] if with_notes else [])]
    if len(groups) == 1:
        return logs.ask(name, filters), None, None
    frame, *others = logs.ask_together(name, filters, groups)
    return frame, others[0] if with_total else None, others[-1] if with_notes else None


def _look(name: str, filters: Filters, total: pl.DataFrame | None) -> Look:
    from chatlogs.asking.queries import build
    from chatlogs.telling.tables import Look

    report = ALL[name]
    keys = build(name, filters).keys
    return Look(
        units={"hour": HOUR} | {measure.name: measure.unit for measure in report.measures},
        hidden=frozenset(
            [
                *(measure.name for measure in report.measures if not measure.shown),
                *(column for column, measure in report.same if column in keys),
            ]
        ),
        nulls=dict.fromkeys(keys, "(none)") | dict(report.nulls),
        bar=report.bar or None,
        grouped=keys if report.parts else (),
        total=total,
        spare=report.spare,
        folded=frozenset(("detail", "rule")),
        least_text=14 if name == "rejects" else Look.least_text,
        color=str(setting("color") or "auto"),
    )


def _for_people(name: str, frame: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """The rows worth a person's time: groups with log probabilities; of an audit by key, rules that found something."""
    if name == "logprobs":
        return frame.filter(frame["with_logprobs"] > 0)
    return frame.filter(frame["found"] > 0) if name == "audit" and filters.by else frame


def _plain(report: Report) -> click.Command:
    """The command of a report that has no options of its own."""

    @paths_argument()
    @filter_options(keys=True)
    @output_options
    @common_options
    def ask(paths: tuple[str, ...], filters: Filters, show_sql: bool, output: Output) -> None:
        answer(report.name, paths, filters, show_sql, output)

    return click.command(cls=Command, name=report.name, help=_help(report), epilog=_epilog(report))(ask)


OWN: Mapping[str, click.Command] = {"summary": summary, "audit": audit, "rejects": rejects}
COMMANDS: Mapping[str, click.Command] = {name: OWN.get(name) or _plain(report) for name, report in REPORTS.items()}

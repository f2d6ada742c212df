"""Commands that explain: schema, completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from chatlogs.asking.differences import COLUMNS, DIFF, MEASURES
from chatlogs.asking.examples import CHECKS, LEFT_OUT
from chatlogs.asking.glossary import METRICS, RULES
from chatlogs.asking.reports import ALL, REPORTS
from chatlogs.asking.tariffs import PRICE_STATUS
from chatlogs.cli.options import Command, Output, common_options, output_options, setting
from chatlogs.errors import REJECT_REASONS, QueryError, did_you_mean
from chatlogs.schema import FLAGS, TABLES

KINDS: Mapping[str, str] = {
    "tables": "table",
    "reports": "report",
    "flags": "flag",
    "reasons": "reject_reason",
    "rules": "rule",
    "metrics": "metric",
    "measures": "diff_measure",
    "prices": "price_status",
    "left_out": "left_out",
    "checks": "check",
}
_REPORTS = {**REPORTS, **{name: ALL[name] for name in ("what_if", "reconcile", "diff")}}
_LISTED = [*TABLES, *_REPORTS]
SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command(cls=Command, name="schema")
@click.argument(
    "name",
    metavar="[NAME]",
    required=False,
    shell_complete=lambda _ctx, _param, typed: [name for name in _names() if name.startswith(typed)],
)
@output_options
@common_options
def schema(name: str | None, output: Output) -> None:
    """Every table and column, every report, flag and reject reason.

    \b
      chatlogs schema                 the tables
      chatlogs schema completions     its columns
      chatlogs schema reports         the reports, and the question each answers
      chatlogs schema backends        its columns
      chatlogs schema flags           what flags mean; also reasons, rules (of audit),
                                      metrics (of latency), measures (of diff),
                                      prices (of cost), left_out (of export),
                                      checks (of validate)
      chatlogs schema --json          all of it
    """
    import polars as pl

    from chatlogs.telling.tables import Look

    known = _names()
    if name is not None and name not in known:
        raise QueryError(f"no table '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}.")
    rows = [row for row in declared() if _wanted(row, name, whole=not output.for_people)]
    columns = ["kind", "table", "name", "type", "doc"]
    hidden = {"kind", "table"} | (set() if name in _LISTED and name not in KINDS else {"type"})
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))
    output.write(
        frame, Look(hidden=frozenset(hidden), folded=frozenset({"doc"}), color=str(setting("color") or "auto"))
    )


@click.command(cls=Command, name="completion")
@click.argument("shell", type=click.Choice(SHELLS))
@common_options
def completion(shell: str) -> None:
    """A script that completes commands and options in your shell.

    \b
      eval "$(chatlogs completion bash)"              in ~/.bashrc
      eval "$(chatlogs completion zsh)"               in ~/.zshrc
      chatlogs completion fish > ~/.config/fish/completions/chatlogs.fish
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    if found is None:
        raise QueryError(f"no completion for {shell} in this version of click.")
    click.echo(found(root, {}, "chatlogs", "_CHATLOGS_COMPLETE").source())


COMMANDS: Mapping[str, click.Command] = {"schema": schema, "completion": completion}


def declared() -> Iterator[dict[str, str | None]]:
    """All that is declared, one flat row each. kind is table, column, report, measure or one of KINDS."""

    def row(kind: str, table: str, name: str, type: str | None, doc: str) -> dict[str, str | None]:
        return {"kind": kind, "table": table, "name": name, "type": type, "doc": doc}

    for table in TABLES.values():
        yield row("table", table.name, table.name, None, table.doc)
        yield from (row("column", table.name, column.name, column.type, column.doc) for column in table.columns)
    for report in _REPORTS.values():
        yield row("report", report.name, report.name, None, report.question)
        measures = COLUMNS if report is DIFF else report.measures
        yield from (row("measure", report.name, m.name, m.unit, m.doc) for m in measures)
    yield from (row("flag", "completions", name, None, doc) for name, doc in FLAGS.items())
    yield from (row("reject_reason", "rejects", name, None, doc) for name, doc in REJECT_REASONS.items())
    yield from (row("rule", "audit", name, None, doc) for name, doc in RULES.items())
    yield from (row("metric", "latency", name, None, doc) for name, doc in METRICS.items())
    yield from (row("diff_measure", "diff", name, None, doc) for name, doc in MEASURES.items())
    yield from (row("price_status", "cost", name, None, doc) for name, doc in PRICE_STATUS.items())
    yield from (row("left_out", "export", name, None, doc) for name, doc in LEFT_OUT.items())
    yield from (row("check", "validate", name, None, doc) for name, doc in CHECKS.items())


def _names() -> list[str]:
    return list(dict.fromkeys([*KINDS, *_LISTED]))


def _wanted(row: Mapping[str, str | None], name: str | None, *, whole: bool) -> bool:
    """Whether a row is asked for: people who name nothing get the tables, programs everything."""
    if name is None:
        return whole or row["kind"] == "table"
    if name in KINDS:
        return row["kind"] == KINDS[name]
    kind = "column" if name in TABLES else "measure"
    return (row["kind"], row["table"]) == (kind, name)

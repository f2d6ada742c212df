"""Writes tables.md and commands.md from what the program declares: python docs/generate.py

A test compares them with what this would write, so they are never out of date.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent

QUERY = """select model, count(*) as responses, sum(total_tokens) as tokens
from read_parquet('store/completions/*.parquet')
group by all
order by tokens desc nulls last"""

CHOICES = """select finish_reason, count(*) as choices
from read_parquet('store/choices/*.parquet')
join read_parquet('store/completions/*.parquet') as completions using (completion_key)
where completions.created >= timestamptz '2026-10-18 00:00:00+00'
group by all
order by choices desc"""


def tables() -> Iterator[str]:
    """The reference of tables, flags and reject reasons."""
    from chatlogs.asking.reports import REPORTS
    from chatlogs.asking.tariffs import PRICE_STATUS
    from chatlogs.errors import REJECT_REASONS
    from chatlogs.schema import FLAGS, SQL_TYPES, TABLES

    yield "# Tables\n"
    yield "A store is a folder with one folder of Parquet files for each table. No chatlogs is needed to read it:\n"
    yield f"```sql\n{QUERY}\n```\n"
    yield "`completion_key` joins the tables; `id` does not, as servers reuse ids:\n"
    yield f"```sql\n{CHOICES}\n```\n"
    yield "This is exact whenever no ingest is running. null means that the log does not say; it is never written as 0."
    yield "Times are UTC. `json` is text that holds JSON. `chatlogs schema` prints what stands here.\n"
    for table in TABLES.values():
        yield f"## {table.name}\n"
        yield f"{table.doc}\n"
        yield "| column | type | in SQL | what it is |\n| --- | --- | --- | --- |"
        for column in table.columns:
            yield f"| `{column.name}` | {column.type} | `{SQL_TYPES[column.type]}` | {_escaped(column.doc)} |"
        yield ""
    yield from _pairs("Flags", "What `completions.flags` may hold. A row without flags is as plain as it looks.", FLAGS)
    yield from _pairs("Reject reasons", "What `rejects.reason` may be.", REJECT_REASONS)
    yield from _pairs("Price status", "What `cost` says of the price of each response.", PRICE_STATUS)
    yield "## Answers of the reports\n"
    for report in REPORTS.values():
        if report.measures and report.name not in TABLES:
            yield f"`chatlogs {report.command or report.name}`: {report.question} The keys of `--by` come first, then:\n"
            yield "| column | what it is |\n| --- | --- |"
            yield from (f"| `{measure.name}` | {_escaped(measure.doc)} |" for measure in report.measures)
            yield ""


def commands() -> Iterator[str]:
    """Every command's help, as the program prints it."""
    import click

    from chatlogs import cli

    root = cli.cli.make_context("chatlogs", [], resilient_parsing=True)
    root.terminal_width = 100
    yield "# Commands\n"
    yield "What `chatlogs COMMAND --help` prints.\n"
    yield f"```\n{cli.cli.get_help(root)}\n```\n"
    for name in cli.cli.list_commands(root):
        command = cli.cli.get_command(root, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=root)
            yield f"## chatlogs {name}\n"
            yield f"```\n{command.get_help(context)}\n```\n"


PAGES = {"tables.md": tables, "commands.md": commands}


def text(page: str) -> str:
    """What a page has to hold."""
    return "\n".join(PAGES[page]()).rstrip("\n") + "\n"


def _pairs(title: str, intro: str, docs: object) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{intro}\n"
    yield "| name | what it means |\n| --- | --- |"
    yield from (f"| `{name}` | {_escaped(doc)} |" for name, doc in dict(docs).items())  # type: ignore[call-overload]
    yield ""


def _escaped(doc: str) -> str:
    return doc.replace("|", "\\|")


if __name__ == "__main__":
    os.environ.pop("COLUMNS", None)
    for page in PAGES:
        (HERE / page).write_text(text(page), encoding="utf-8")

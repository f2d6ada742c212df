"""Commands that make and check training sets: export, validate."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from chatlogs.asking.examples import FORMATS, READERS
from chatlogs.cli.inputs import command, opened, show_query
from chatlogs.cli.options import (
    Command,
    Option,
    Output,
    common_options,
    file_option,
    filter_options,
    output_options,
    paths_argument,
    setting,
    tell,
)
from chatlogs.errors import EXIT_DONE, EXIT_REJECTS, QueryError
from chatlogs.tally import counted
from chatlogs.telling import notes
from chatlogs.telling.asked import Asked

if TYPE_CHECKING:
    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters
    from chatlogs.telling.export import ExportReport, Wanted


@click.command(cls=Command, name="export", epilog="Python: chatlogs.export(chatlogs.open(STORE), 'train.jsonl')")
@paths_argument()
@file_option("the examples go")
@click.option(
    "-f",
    "--format",
    cls=Option,
    type=click.Choice(FORMATS),
    default="openai",
    show_default=True,
    help="Who reads them.",
)
@click.option(
    "--test",
    cls=Option,
    metavar="FILE",
    type=click.Path(readable=False),
    help="A second file, for some of the conversations.",
)
@click.option(
    "--test-share", cls=Option, type=float, default=0.1, show_default=True, metavar="SHARE", help="How many of them."
)
@click.option("--all-turns", cls=Option, is_flag=True, help="Train on earlier answers of a conversation too.")
@click.option("--duplicates", cls=Option, is_flag=True, help="Keep examples that are equal, word for word.")
@click.option("-n", "--limit", cls=Option, default=0, metavar="N", help="The first N examples; 0 is all.")
@click.option("--json", "as_json", cls=Option, is_flag=True, help="The report as JSON on stdout; needs -o.")
@filter_options(keys=False)
@common_options
def export(
    paths: tuple[str, ...], path: str | None, as_json: bool, filters: Filters, show_sql: bool, **options: Any
) -> None:
    """Make a training set of logged answers, each with its prompt.

    \b
      chatlogs export store -o train.jsonl --test test.jsonl
      chatlogs export store -o train.jsonl --format trl -m 'gpt-4o*' --where "temperature < 1"
      chatlogs sql "select left_out, model, count(*) from examples group by all" store

    Only answers that ended by themselves and say something are examples; whatever is left out is counted, with the
    reason (chatlogs schema left_out). Conversations that begin alike are all in one file. FILE's lines pass
    chatlogs validate; FILE.lineage.jsonl says of each where it came from, FILE.manifest.json how they were made.
    """
    from chatlogs.asking.queries import build
    from chatlogs.telling.export import Wanted

    wanted = Wanted(**options)
    if path == "" or (path in (None, "-") and (as_json or wanted.test is not None)):
        raise QueryError("name a file for the examples: -o FILE.")
    wanted.check(path or "-")
    build("examples", filters)
    with opened(paths) as logs:
        if show_sql:
            show_query(logs, "examples", filters)
            return
        report = _exported(logs, path, wanted, filters)
        if as_json:
            click.echo(json.dumps({**vars(report), "examples": report.examples, "balanced": report.balanced}))
        if not setting("quiet"):
            _tell(report, paths, logs, filters)


@click.command(cls=Command, name="validate", epilog="Python: chatlogs.validate('train.jsonl').problems")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
@click.option(
    "--as",
    "reader",
    cls=Option,
    type=click.Choice(READERS),
    help="Whose rules it is held against [default: told by its first line].",
)
@click.option("-n", "--limit", cls=Option, default=100, show_default=True, metavar="N", help="The first N; 0 is all.")
@output_options
@common_options
def validate(file: str, reader: str | None, limit: int, output: Output) -> int:
    """Check a training file, line by line. Exit with 3 when a line has an error.

    \b
      chatlogs validate train.jsonl
      chatlogs validate train.jsonl --json | jq '.[].rule'

    FILE holds JSON lines as OpenAI, TRL or LLaMA-Factory (ShareGPT) read them; - is stdin. `chatlogs schema checks`
    lists what is looked for. Warnings are told and fail nothing.
    """
    from chatlogs.telling.tables import Look
    from chatlogs.telling.validate import validate as check

    output.chosen  # noqa: B018
    found = check(file, format=reader)
    problems = found.problems.head(limit) if limit > 0 else found.problems
    if problems.height or not output.for_people:
        output.write(problems, Look(folded=frozenset({"problem"}), color=str(setting("color") or "auto")))
    if problems.height < len(found.found):
        tell(f"and {counted(len(found.found) - problems.height, 'problems')} more; -n 0 shows all")
    if not found.lines:
        tell(f"{file} is empty")
    errors = counted(sum(problem.is_error for problem in found.found), "errors")
    warnings = counted(sum(not problem.is_error for problem in found.found), "warnings")
    tell(f"{found.examples:,} of {counted(found.lines, 'lines')} are examples ({found.format}): {errors}, {warnings}")
    return EXIT_DONE if found.valid else EXIT_REJECTS


COMMANDS: Mapping[str, click.Command] = {"export": export, "validate": validate}


def _exported(logs: Logs, path: str | None, wanted: Wanted, filters: Filters) -> ExportReport:
    from chatlogs.telling.export import stream, write

    if path not in (None, "-"):
        return write(logs, str(path), wanted, filters)
    if wanted.format == "parquet" and sys.stdout.isatty():
        raise QueryError("Parquet is not for terminals; write it to a file with -o FILE.")
    return stream(logs, sys.stdout.buffer, wanted, filters)


def _tell(report: ExportReport, paths: tuple[str, ...], logs: Logs, filters: Filters) -> None:
    """What became of the answers, and what to do where none is an example."""
    import polars as pl

    from chatlogs.asking.measures import COUNT
    from chatlogs.telling.tables import Look, write_table

    if report.left_out:
        look = Look(units={"answers": COUNT}, folded=frozenset({"why"}), color=str(setting("color") or "auto"))
        write_table(report.reasons, sys.stderr, look)
    tell(str(report))
    if not report.examples and report.left_out.get("no_prompt"):
        tell(f"these logs hold answers without what was asked; what they hold: {command('summary', *paths)}")
    # Answers are told of as finish tells of choices: a condition may name the same columns.
    frame = pl.DataFrame({"answers": [report.answers] if report.answers else []})
    for note in notes.of_filters(Asked("finish", logs, frame, filters)):
        tell(note)

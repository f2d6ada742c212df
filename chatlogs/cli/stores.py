"""Commands that make and keep stores: ingest, verify, compact."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from chatlogs.cli.inputs import command, progress
from chatlogs.cli.options import Command, Option, common_options, paths_argument, tell
from chatlogs.errors import EXIT_DONE, EXIT_FAILED, EXIT_REJECTS

if TYPE_CHECKING:
    from chatlogs.reporting import IngestReport


@click.command(cls=Command, name="ingest", epilog="Python: chatlogs.ingest(paths, STORE)")
@paths_argument
@click.option(
    "-o", "--output", "store", cls=Option, required=True, metavar="STORE", help="The store's folder; made if new."
)
@click.option("--strict", cls=Option, is_flag=True, help="Exit with 3 when a line was rejected; the store is written.")
@click.option(
    "--content",
    cls=Option,
    type=click.Choice(["keep", "hash", "none"]),
    default="keep",
    show_default=True,
    help="Text of prompts and answers: as it is, as a hash, or not at all.",
)
@click.option("--logprobs", cls=Option, is_flag=True, help="Keep a row for every token with a log probability.")
@click.option("--chunks", cls=Option, is_flag=True, help="Keep a row for every chunk.")
@click.option("--json", "as_json", cls=Option, is_flag=True, help="The ingest report as JSON on stdout.")
@common_options
def ingest(paths: tuple[str, ...], store: str, strict: bool, as_json: bool, **options: Any) -> int:
    """Read logs into a store of Parquet tables.

    \b
      chatlogs ingest 'logs/*.jsonl.gz' -o store
      zcat old.gz | chatlogs ingest - -o store --content none

    Files, globs, folders, or - for stdin; gzip and zstd are told by their bytes. What is in the store already is
    left out, under any name: run it again after a log has grown. Lines that cannot be read are kept in rejects.
    """
    from chatlogs.ingest import ingest as read_into

    with progress() as step:
        report = read_into(list(paths), store, progress=step, **options)
    if as_json:
        click.echo(json.dumps(as_dict(report), default=str))
    for line in told(report, store):
        tell(line)
    return EXIT_REJECTS if strict and report.rejects else EXIT_DONE


@click.command(cls=Command, name="verify")
@click.argument("store", metavar="STORE")
@common_options
def verify(store: str) -> int:
    """Check a store: every file, every count, every key. Exit with 1 when anything is wrong."""
    from chatlogs.store import Store

    problems = Store.open(store).verify()
    for problem in problems:
        click.echo(problem)
    tell(f"{len(problems)} problems" if problems else f"{store} is whole")
    return EXIT_FAILED if problems else EXIT_DONE


@click.command(cls=Command, name="compact")
@click.argument("store", metavar="STORE")
@common_options
def compact(store: str) -> None:
    """Fold a store's many small files into few sorted ones; its tables stay the same."""
    from chatlogs.store import Store

    tell(str(Store.open(store).compact()))


COMMANDS: Mapping[str, click.Command] = {"ingest": ingest, "verify": verify, "compact": compact}


def as_dict(report: IngestReport) -> dict[str, Any]:
    """The report as one JSON object: totals first, then a list of sources."""
    totals = ("store", "ingest_id", "lines", "blank", "ignorable", "records", "rejects", "repaired", "duplicates")
    told = {name: getattr(report, name) for name in (*totals, "responses", "balanced", "seconds")}
    return told | {"sources": [dataclasses.asdict(source) for source in report.sources]}


def told(report: IngestReport, store: str) -> list[str]:
    """The report for people, and what to type next."""
    lines = [str(report)]
    if report.rejects:
        lines.append(f"{report.rejects:,} lines could not be read: {command('rejects', store)}")
    return [*lines, f"next: {command('summary', store)}"]

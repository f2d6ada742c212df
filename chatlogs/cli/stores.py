"""Commands that make and keep stores: ingest, verify, compact, forget."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from chatlogs.cli.inputs import command, progress
from chatlogs.cli.options import RAW, Command, Option, common_options, paths_argument, setting, tell
from chatlogs.errors import EXIT_DONE, EXIT_FAILED, EXIT_REJECTS
from chatlogs.reading.asked import CONTENTS
from chatlogs.tally import counted

if TYPE_CHECKING:
    from chatlogs.tally import IngestReport

_SHOWN = 30  # Logs told one by one.
_LOGS_NAMED = 5
_SPEED_TOLD_FROM = 50  # MB; with less, the seconds are those of making tables, not of reading.


@click.command(cls=Command, name="ingest", epilog="Python: chatlogs.ingest(paths, STORE)")
@paths_argument(RAW)
@click.option(
    "-o",
    "--output",
    "store",
    cls=Option,
    required=True,
    metavar="STORE",
    type=click.Path(readable=False),
    help="The store's folder; made if new.",
)
@click.option(
    "--strict", cls=Option, is_flag=True, help="Exit with 3 when a line of these logs was rejected, now or before."
)
@click.option(
    "--content",
    cls=Option,
    default=next(iter(CONTENTS)),
    show_default=True,
    metavar="|".join(CONTENTS),
    shell_complete=lambda _ctx, _param, typed: [name for name in CONTENTS if name.startswith(typed)],
    help="Keep texts, their hashes, or neither; counts, lengths and verdicts stay.",
)
@click.option("--chunks", cls=Option, is_flag=True, help="Keep a row for every chunk; reads chunk logs more slowly.")
@click.option("--logprobs", cls=Option, is_flag=True, help="Keep a row for every token with a log probability.")
@click.option("--json", "as_json", cls=Option, is_flag=True, help="The ingest report as JSON on stdout.")
@common_options
def ingest(paths: tuple[str, ...], store: str, strict: bool, as_json: bool, **options: Any) -> int:
    """Read logs into a store of Parquet tables.

    \b
      chatlogs ingest 'logs/*.jsonl.gz' -o store
      zcat old.gz | chatlogs ingest - -o store

    Files, globs, folders, these in a bucket too (s3://), or - for stdin; gzip, zstd, bzip2 and xz are told by their
    bytes. What is in the store already is left out, under any name: run it again after a log has grown. Lines that
    cannot be read are kept in rejects. In folders, stores, tables, code and documents are passed over, as are hidden
    files and links to other folders; name one to have it read.

    For s3://, keys, region and endpoint are those of other AWS programs: AWS_PROFILE, AWS_ACCESS_KEY_ID,
    AWS_ENDPOINT_URL and the like.
    """
    from chatlogs.moving.ingest import ingest as read_into

    if store.startswith("-"):
        raise click.UsageError(f"-o takes the store's folder, and '{store}' is none; write ./{store} if it is meant.")
    with progress() as step:
        report = read_into(list(paths), store, progress=step, container=setting("container"), **options)
    if as_json:
        click.echo(json.dumps(as_dict(report), default=str))
    tell_report(report)
    for note in report.notes:
        tell(note)
    rejects = report.rejects + report.known_rejects
    if rejects:
        tell(f"why lines were rejected: {command('rejects', store)}")
    tell(f"next: {command('summary', store)}")
    if report.ingest_id is not None and _is_scattered(store):
        tell(f"many small files slow the store down; next: {command('compact', store)}")
    return EXIT_REJECTS if strict and rejects else EXIT_DONE


def _is_scattered(store: str) -> bool:
    from chatlogs.keeping import upkeep
    from chatlogs.keeping.store import Store

    return upkeep.is_scattered(Store.open(store))


@click.command(cls=Command, name="verify")
@click.argument("store", metavar="STORE", type=click.Path(readable=False))
@common_options
def verify(store: str) -> int:
    """Check a store: every file, every count, every key. Exit with 1 when anything is wrong."""
    from chatlogs.keeping.store import Store
    from chatlogs.keeping.verify import problems
    from chatlogs.telling.tables import inert

    found = problems(Store.open(store))
    for problem in found:
        click.echo(inert(problem))
    tell(counted(len(found), "problems") if found else f"{store} is whole")
    return EXIT_FAILED if found else EXIT_DONE


@click.command(cls=Command, name="compact")
@click.argument("store", metavar="STORE", type=click.Path(readable=False))
@common_options
def compact(store: str) -> None:
    """Fold a store's many small files into few sorted ones; its tables stay the same."""
    from chatlogs.keeping import upkeep
    from chatlogs.keeping.store import Store

    tell(str(upkeep.compact(Store.open(store))))


@click.command(cls=Command, name="forget", epilog="Python: chatlogs.forget(STORE, [id, …], where=None, dry_run=False)")
@click.argument("store", metavar="STORE", type=click.Path(readable=False))
@click.option(
    "--id", "ids", cls=Option, multiple=True, metavar="ID", help="All responses that go by it; may be repeated."
)
@click.option(
    "--where",
    cls=Option,
    metavar="SQL",
    help="Only those that fulfil a condition in SQL on the columns of completions (chatlogs schema).",
)
@click.option("--dry-run", cls=Option, is_flag=True, help="Say what would go, and change nothing.")
@click.option("--json", "as_json", cls=Option, is_flag=True, help="What went as JSON on stdout: rows by table.")
@common_options
def forget(store: str, ids: tuple[str, ...], where: str | None, dry_run: bool, as_json: bool) -> None:
    """Erase responses from a store, for good.

    \b
      chatlogs forget store --id chatcmpl-1 --id chatcmpl-2
      chatlogs forget store --where "created < timestamptz '2026-01-01'" --dry-run
      chatlogs forget store --where "(metadata ->> 'user') = 'u-17'"

    ID is what chatlogs show takes: a response's id; a completion_key, request_id or custom_id will do too. With both
    options, those of these ids go that fulfil the condition. Their rows go from every table, and the files that held
    them are deleted. A reject that names one of them by its id, or by ID, stays as a count, without its text.

    The logs themselves are not touched: delete there too. The store still knows these logs, so that to ingest them
    again, renamed or grown, brings nothing back; another log that holds the same response does, and so does what a log
    says of it later on. Left are the names of logs and hashes of all their bytes, rejects that do not name a
    response, and what later requests quote of its answer.
    """
    from chatlogs.asking.forget import forget as erase

    forgotten = erase(store, ids, where, dry_run=dry_run)
    if as_json:
        told = {name: getattr(forgotten, name) for name in ("store", "dry_run", "responses")}
        click.echo(json.dumps(told | {**forgotten.rows, "rejects": forgotten.rejects, "logs": forgotten.logs}))
    tell(str(forgotten))
    if forgotten.logs:
        more = len(forgotten.logs) - _LOGS_NAMED
        named = ", ".join([*forgotten.logs[:_LOGS_NAMED], *([f"and {counted(more, 'logs')} more"] if more > 0 else [])])
        tell(f"the logs themselves are not touched: {named}")


COMMANDS: Mapping[str, click.Command] = {"ingest": ingest, "verify": verify, "compact": compact, "forget": forget}


def as_dict(report: IngestReport) -> dict[str, Any]:
    """The report as one JSON object: totals first, then the notes, a list of sentences, and a list of sources."""
    totals = ("store", "ingest_id", "lines", "blank", "ignorable", "records", "rejects", "known_rejects", "repaired")
    told = {name: getattr(report, name) for name in (*totals, "duplicates", "responses", "balanced", "seconds")}
    sources = [dataclasses.asdict(source) for source in report.sources]
    return told | {"notes": list(report.notes), "sources": sources}


def tell_report(report: IngestReport) -> None:
    """The report for people: where the lines of each log went, then all of it in one line."""
    if setting("quiet"):
        return
    import polars as pl

    from chatlogs.asking import measures
    from chatlogs.telling import tables

    columns = ("source", "lines", "records", "blank", "ignorable", "rejects", "responses", "duplicates")
    new = [source for source in report.sources if not source.known]
    rows = [[getattr(source, name) for name in columns] for source in new[:_SHOWN]]
    if rows:
        frame = pl.DataFrame(rows, schema=list(columns), orient="row")
        units = dict.fromkeys(columns[1:], measures.COUNT)
        tables.write_table(frame, sys.stderr, tables.Look(units=units, spare=("ignorable", "blank")))
    if len(new) > _SHOWN:
        tell(f"and {counted(len(new) - _SHOWN, 'logs')} more")
    size = sum(source.new_bytes for source in report.sources) / 1e6
    speed = f" ({size / report.seconds:,.0f} MB/s)" if size > _SPEED_TOLD_FROM else ""
    tell(f"{report} · {size:,.1f} MB in {report.seconds:.2f} s{speed}" if new else str(report))
    if not report.balanced:
        tell("the counts do not add up to the lines: please report this")

"""PATH, opened: a store as it is, raw logs through a temporary store.

The rule: a command does not know which of the two it was given.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatlogs.cli.options import setting, tell
from chatlogs.errors import OptionError, SourceError

if TYPE_CHECKING:
    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters
    from chatlogs.tally import IngestReport


@contextmanager
def opened(paths: Sequence[str], **options: Any) -> Iterator[Logs]:
    """The logs at `paths`; what was read of raw logs is told on stderr."""
    from chatlogs.asking.logs import Logs

    stores = [path for path in paths if is_store(path)]
    if stores and len(paths) > 1:
        raise SourceError(f"{stores[0]} is a store: ask one store at a time, without other paths beside it.")
    container = setting("container")
    if stores and container is not None:
        raise OptionError(f"--container is for raw logs, and {stores[0]} is a store: leave it out.")
    if stores:
        with Logs.open(stores[0]) as logs:
            yield logs
        return
    with progress() as step:
        logs = Logs.read(list(paths), progress=step, container=container, **options)
    with logs:
        if logs.ingest_report is not None:
            tell(_told(logs.ingest_report, paths), dim=True)
            for note in logs.ingest_report.notes:
                tell(note)
        yield logs


def show_query(logs: Logs, name: str, filters: Filters) -> None:
    """The query of a report, on stdout."""
    click.echo(logs.show_sql(name, filters) + ";")
    if logs.ingest_report is not None:
        tell("this reads a temporary store that is gone by now; ingest the logs with -o STORE and ask again")


def is_store(path: str) -> bool:
    """Whether a store lies there: a folder with a ledger."""
    return path != "-" and (Path(path) / "sources" / "_delta_log").is_dir()


@contextmanager
def progress() -> Iterator[Callable[[int, int | None], None] | None]:
    """A step(done_bytes, total_bytes) that draws a bar on stderr; None where nobody watches."""
    if setting("quiet") or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        # A compressed log may turn out longer than its file: the bar then only says that it moves.
        yield lambda done, total: bar.update(task, completed=done, total=total if done <= (total or 0) else None)


def _told(report: IngestReport, paths: Sequence[str]) -> str:
    """One line: what was read, and where to look at what was not."""
    from chatlogs.tally import counted

    size = sum(source.size for source in report.sources) / 1e6
    files, lines = counted(len(report.sources), "files"), counted(report.lines, "lines")
    line = f"read {files}, {size:,.1f} MB, {lines} in {report.seconds:.1f} s"
    if report.rejects:
        line += f" · {counted(report.rejects, 'lines')} could not be read: {command('rejects', *paths)}"
    return line


def command(*words: str) -> str:
    """A command as one would type it."""
    return shlex.join(("chatlogs", *words))

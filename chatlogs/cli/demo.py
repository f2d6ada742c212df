"""The demo: the main job on built-in sample logs, so that the first minute needs no files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click

from chatlogs import temporary
from chatlogs.cli.inputs import command
from chatlogs.cli.options import Command, Option, Output, common_options, tell
from chatlogs.errors import ChatlogsError


@click.command(cls=Command, name="demo")
@click.option("--write", "folder", cls=Option, metavar="DIR", help="Keep the sample logs and the store in this folder.")
@common_options
def demo(folder: str | None) -> None:
    """Try it on built-in sample logs.

    Reads them into a store, shows tokens and finish reasons, and says what to type next.
    """
    from chatlogs.asking.queries import Filters
    from chatlogs.cli.reports import answer
    from chatlogs.cli.stores import tell_report
    from chatlogs.moving.ingest import ingest

    with _place(folder) as place:
        write_logs(place / "logs")
        store = place / "store"
        with contextlib.chdir(place):  # The logs are then named as in the command shown.
            report = ingest("logs", "store")
        _step(command("ingest", "logs", "-o", "store"))
        tell_report(report)
        for name in ("usage", "finish"):
            _step(command(name, "store", "--by", "model"))
            answer(name, (str(store),), Filters(by="model"), False, Output(None, None), told=False)
        _step("next")
        if folder:
            where = str(place / "store")
            steps = [
                command("summary", where),
                command("usage", where, "--by", "day,model"),
                command("sql", "from completions limit 5", where),
            ]
        else:
            steps = [
                "chatlogs demo --write demo",
                "chatlogs summary YOUR-LOGS.jsonl",
                "chatlogs ingest YOUR-LOGS/ -o store",
            ]
        for step in steps:
            tell(f"  {step}")


COMMANDS: Mapping[str, click.Command] = {"demo": demo}


def write_logs(folder: Path) -> list[Path]:
    """The built-in sample logs, copied into a folder."""
    samples = resources.files("chatlogs") / "data" / "demo"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for item in samples.iterdir():
            if item.is_file():
                (folder / item.name).write_bytes(item.read_bytes())
    except OSError as error:
        raise ChatlogsError(f"cannot write the sample logs to {folder}: {error.strerror or error}.") from error
    return sorted(folder.iterdir())


@contextmanager
def _place(folder: str | None) -> Iterator[Path]:
    if folder:
        yield Path(folder)
        return
    made = temporary.folder("chatlogs-demo-")
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _step(text: str) -> None:
    tell(f"\n$ {text}" if text != "next" else "\nnext:", bold=True)

"""The command line: parse, call one public function, print its result.

The rule: stdout is data, stderr is for people; nothing asks back; an error is one sentence. A command's
module is imported when the command is asked for, heavy packages inside its function.
"""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import click

from chatlogs.cli import process
from chatlogs.cli.options import common_options
from chatlogs.errors import EXIT_DONE, EXIT_FAILED, ChatlogsError, UnexpectedWarning, did_you_mean, unexpected

EXIT_UNREAD = 141  # As other programs end whose reader goes before they are done.

# What a full disk, a limit or missing rights say; any other OSError is ours to explain.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_OF_THE_MACHINE = _DISK | {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}

# Section of the help -> command -> module of chatlogs.cli that defines it under the same name.
SECTIONS: dict[str, dict[str, str]] = {
    "Start": {"demo": "demo", "ingest": "stores", "summary": "reports"},
    "Ask": {
        "usage": "reports",
        "cost": "costs",
        "diff": "compare",
        "finish": "reports",
        "limits": "reports",
        "backends": "reports",
        "repeats": "reports",
        "latency": "reports",
        "errors": "reports",
        "tools": "reports",
        "cache": "reports",
        "logprobs": "reports",
        "reconcile": "costs",
        "sql": "ask",
        "show": "ask",
    },
    "Build": {"report": "page", "export": "datasets", "validate": "datasets"},
    "Trust": {"audit": "reports", "flags": "reports", "rejects": "reports"},
    "Look after a store": {"verify": "stores", "compact": "stores", "forget": "stores"},
    "Reference": {"schema": "reference", "completion": "reference"},
}


class _Unread(Exception):
    """Whoever reads our output has seen enough."""


class Commands(click.Group):
    """Commands in sections, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in SECTIONS.values():
            if cmd_name in section:
                module = importlib.import_module(f"chatlogs.cli.{section[cmd_name]}")
                command: click.Command = module.COMMANDS[cmd_name]
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but a name that is none gets a hint."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            hint = did_you_mean(name, self.list_commands(ctx))
            if os.path.exists(name):
                hint = f" To look into it: {shlex.join(['chatlogs', 'summary', *args])}"
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, but what a reader that has gone means is ours to say: click would make a failure of it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _Unread from None

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """The same where help and versions are shown."""
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError:
            raise _Unread from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in section]
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(100)) for name, command in commands if command])


def show_versions(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """What a bug report needs."""
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    from importlib import metadata

    from chatlogs import __version__

    parts = [
        f"{name} {metadata.version(name)}" for name in ("duckdb", "polars", "pyarrow", "deltalake", "genai-prices")
    ]
    click.echo(f"chatlogs {__version__} (Python {platform.python_version()}, {', '.join(parts)})")
    ctx.exit()


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "CHATLOGS",
        "max_content_width": 100,
    },
    epilog="PATH is a store, or raw logs: files, globs, folders, s3://, - for stdin. `chatlogs COMMAND -h` tells more.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=show_versions, help="Show versions."
)
@common_options
def cli() -> None:
    """Log analytics for OpenAI-compatible chat APIs: files in, Parquet and SQL out, offline.

    \b
      chatlogs demo                                      try it on built-in sample logs
      chatlogs usage 'logs/*.jsonl.gz' --by day,model    ask raw logs
      chatlogs ingest logs/ -o store                     read once, then ask the store:
      chatlogs finish store --by model,system_fingerprint
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code. With no arguments given, they are those of the process."""
    arguments = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in arguments or os.environ.get("CHATLOGS_DEBUG", "") not in ("", "0")
    process.open_streams(own=args is None)
    if args is None:
        # numpy's threads for linear algebra wait by spinning, and nothing here is linear algebra.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        process.hear_signals()
    code = _run(arguments, debug)
    if args is None:
        process.leave(code)
    sys.exit(code)


def _run(arguments: list[str], debug: bool) -> int:
    # What fails unexpectedly is told in a note; to see where, it has to stop there.
    warnings.filterwarnings("error" if debug else "ignore", category=UnexpectedWarning, append=not debug)
    try:
        result: Any = cli.main(arguments, prog_name="chatlogs", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else EXIT_DONE
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (_Unread, BrokenPipeError):
        # Python's own flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    except BaseException as error:
        if process.was_told_to_go():
            return _interrupted()
        # What panics in an engine written in Rust comes as no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if debug:
            traceback.print_exc()
        click.echo(f"Error: {_inert(_told(error))}", err=True)
        return error.exit_code if isinstance(error, ChatlogsError) else EXIT_FAILED


def _interrupted() -> int:
    told, code = process.farewell()
    click.echo(told, err=True)
    return code


def _told(error: BaseException) -> str:
    """The error in one sentence: a mistake in the call, something about the machine, or a fault of ours."""
    if isinstance(error, ChatlogsError):
        return str(error)
    if _is_out_of_memory(error):
        return "there is not enough memory for this."
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}."
    if isinstance(error, UnexpectedWarning):
        return f"{error}. Please report it."
    return f"{unexpected(error)}; --debug shows where. Please report it."


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: as Python and Arrow say it, DuckDB, or the system, as it loads a library or at all."""
    told = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryException"
        or (isinstance(error, ImportError) and "failed to map segment" in told)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    )


def _inert(text: str) -> str:
    """The text on one line; where even that cannot be loaded, as it is."""
    try:
        from chatlogs.telling.tables import inert
    except (ImportError, MemoryError, OSError):
        return text
    return inert(text)

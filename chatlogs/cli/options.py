"""What commands share: their options, declared once, and where answers go.

The rule: options with one meaning are gathered into one value, so that a command's function takes `filters`
and `output`, not twenty names.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from chatlogs.errors import QueryError

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.telling.tables import Look

Function = Callable[..., Any]


class Option(click.Option):
    """An option with a place in the help."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """A command whose help shows its options in sections, its own first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is not None:
                section = getattr(param, "section", "General")
                sections.setdefault(section, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


@dataclass(frozen=True)
class Output:
    """Where an answer goes and in which format; `format` None means: by the file's suffix, else a table."""

    format: str | None
    path: str | None

    @property
    def chosen(self) -> str:
        from chatlogs.telling.report import SUFFIXES

        if self.path == "":
            raise QueryError("-o has no name, maybe a variable that is not set: name a file.")
        if self.format or self.to_stdout:
            return self.format or "table"
        suffix = os.path.splitext(str(self.path))[1].lower()
        if suffix not in SUFFIXES:
            raise QueryError(f"cannot tell the format of {self.path} by its suffix; name one with --format.")
        return SUFFIXES[suffix]

    @property
    def to_stdout(self) -> bool:
        return self.path in (None, "-")

    @property
    def for_people(self) -> bool:
        return self.chosen in ("table", "markdown")

    def write(self, frame: pl.DataFrame, look: Look | None = None) -> None:
        """The frame, to where it was asked for."""
        from chatlogs.telling import report

        format = self.chosen
        if not self.to_stdout:
            report.save(frame, str(self.path), format, look)
        elif format != "parquet":
            report.render(frame, format, sys.stdout, look)
        elif sys.stdout.isatty():
            raise QueryError("Parquet is not for terminals; write it to a file with -o FILE.")
        else:
            frame.write_parquet(sys.stdout.buffer)


def common_options(function: Function) -> Function:
    """--quiet, --color, --debug: they work before and after the command's name."""
    general = functools.partial(click.option, cls=Option, section="General", expose_value=False)
    for option in (
        general("--debug", is_flag=True, help="Show tracebacks."),
        general(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            callback=_remember("color"),
            help="Colour on stdout; auto heeds NO_COLOR, FORCE_COLOR and TERM.",
        ),
        general("-q", "--quiet", is_flag=True, callback=_remember("quiet"), help="Nothing on stderr but errors."),
    ):
        function = option(function)
    return function


RAW = "Raw logs: files, globs, folders, s3://, - for stdin."


def paths_argument(help: str = f"A store, or {RAW[0].lower()}{RAW[1:]}") -> Callable[[Function], Function]:
    """PATH...: a store or raw logs, and --container for the latter (see `setting`)."""
    argument = click.argument(
        "paths", metavar="PATH...", nargs=-1, required=True, help=help, type=click.Path(readable=False)
    )
    return lambda function: argument(container_option(function))


def container_option(function: Function) -> Function:
    """--container; see `setting`."""
    return click.option(
        "--container",
        cls=Option,
        metavar="NAME",
        expose_value=False,
        callback=_container,
        shell_complete=_complete_containers,
        help="How raw logs are framed, when their shape does not tell: jsonl, har, litellm ...",
    )(function)


def _complete_containers(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    from chatlogs.reading.asked import CONTAINERS

    return [name for name in CONTAINERS if name.startswith(typed)]


def _container(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        from chatlogs.reading.asked import CONTAINERS, check

        ctx.meta["chatlogs.container"] = check("container", value, CONTAINERS)


def file_option(what: str) -> Callable[[Function], Function]:
    """-o FILE, for a command whose answer is a file of its own kind; the command takes it as `path`."""
    return click.option(
        "-o",
        "--output",
        "path",
        cls=Option,
        metavar="FILE",
        type=click.Path(readable=False),
        help=f"Where {what} [default: stdout].",
    )


def output_options(function: Function, *, short: bool = True) -> Function:
    """--format and its short forms, and -o; the command takes them as `output`. `short`: whether -f is --format."""

    @functools.wraps(function)
    def wrapper(*args: Any, format: str | None, path: str | None, **kwargs: Any) -> Any:
        return function(*args, output=Output(format, path), **kwargs)

    from chatlogs.cli.formats import FORMATS, SHORT

    option = functools.partial(click.option, cls=Option, section="Output")
    wrapped: Function = wrapper
    help = "Write to a file; its suffix names the format."
    wrapped = option("-o", "--output", "path", metavar="FILE", type=click.Path(readable=False), help=help)(wrapped)
    for flag, format in reversed(SHORT.items()):
        wrapped = option(f"--{flag}", "format", flag_value=format, help=f"The same as --format {format}.")(wrapped)
    names = ("-f", "--format") if short else ("--format",)
    return option(*names, type=click.Choice(FORMATS), help="How to write the answer [default: table].")(wrapped)


def filter_options(*, keys: bool, queries: bool = True) -> Callable[[Function], Function]:
    """Which responses, by what, in which order; the command takes them as `filters`, and `show_sql` if `queries`."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            from chatlogs.asking.queries import Filters

            names = [name for name in Filters.__dataclass_fields__ if name in kwargs]
            return function(*args, filters=Filters(**{name: kwargs.pop(name) for name in names}), **kwargs)

        wrapped: Function = wrapper
        for option in reversed(_filters() + ([_show_sql()] if queries else []) + (_order() if keys else [])):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _filters() -> list[Callable[[Function], Function]]:
    option = functools.partial(click.option, cls=Option, section="Which responses")
    return [
        option(
            "--since", metavar="WHEN", help="From here on: 2026-11-01, 2026-11, 2026-11-01T14:30, 7d, 24h, yesterday."
        ),
        option("--until", metavar="WHEN", help="Up to here: a date or month is included, a time is not."),
        option(
            "--tz", default="UTC", show_default=True, metavar="ZONE", help="Where days begin, such as Europe/Berlin."
        ),
        option(
            "-m",
            "--model",
            multiple=True,
            metavar="GLOB",
            help="Only these models, such as 'gpt-4o*'; may be repeated.",
        ),
        option(
            "--where",
            metavar="SQL",
            help='A condition in SQL on the columns of the tables (chatlogs schema): "seed is not null".',
        ),
    ]


def _show_sql() -> Callable[[Function], Function]:
    help = "Print the query instead: it runs as it is in DuckDB, without chatlogs."
    return click.option("--show-sql", cls=Option, section="Which responses", is_flag=True, help=help)


def _order() -> list[Callable[[Function], Function]]:
    option = functools.partial(click.option, cls=Option, section="Grouping and order")
    return [
        option(
            "--by",
            metavar="KEY,...",
            shell_complete=_complete_keys,
            help="Any columns, hour, day, week, month, metadata.KEY; '' for one total.",
        ),
        option(
            "--sort",
            default="",
            metavar="COL,...",
            shell_complete=_complete_measures,
            help="COL, COL:asc or COL:desc; numbers come largest first.",
        ),
        option("-n", "--limit", default=0, metavar="N", help="The first N rows; 0 is all of them."),
    ]


def _complete_keys(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """What --by may go on with: the last of its keys is completed."""
    from chatlogs.asking.queries import known_keys
    from chatlogs.asking.reports import ALL

    return last_of(typed, known_keys(ALL[str(ctx.info_name)]))


def _complete_measures(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    from chatlogs.asking.reports import ALL

    return last_of(typed, [measure.name for measure in ALL[str(ctx.info_name)].measures])


def last_of(typed: str, names: Sequence[str]) -> list[str]:
    """What a list with commas may go on with."""
    before, comma, last = typed.rpartition(",")
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            ctx.meta[f"chatlogs.{name}"] = value

    return callback


def setting(name: str) -> Any:
    """What --color, --quiet or --container said; None when nothing."""
    return click.get_current_context().meta.get(f"chatlogs.{name}")


def tell(text: str, **style: bool) -> None:
    """A line for people, on stderr, unless they asked for quiet; style: bold or dim."""
    if not setting("quiet"):
        from chatlogs.telling.tables import inert

        text = inert(text, lines=True)
        click.echo(click.style(text, **style) if style else text, err=True)

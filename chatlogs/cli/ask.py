"""Commands for one's own questions: sql, and show for a single exchange."""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from chatlogs.cli.formats import FORMATS
from chatlogs.cli.inputs import is_store, opened
from chatlogs.cli.options import (
    Command,
    Option,
    Output,
    common_options,
    container_option,
    output_options,
    paths_argument,
    setting,
    tell,
)
from chatlogs.errors import FileError, QueryError


@click.command(cls=Command, name="sql", epilog="Python: chatlogs.open(STORE).sql('select …', name=value)")
@click.argument("words", metavar="QUERY PATH...", nargs=-1, required=True, type=click.Path(readable=False))
@container_option
@click.option(
    "-f",
    "-F",
    "--file",
    "file",
    cls=Option,
    metavar="FILE",
    type=click.Path(readable=False),
    help="Read the query from a file; then give PATHs only.",
)
@click.option("-p", "--param", "params", cls=Option, multiple=True, metavar="NAME=VALUE", help="A value for $NAME.")
@click.option(
    "--timeout", cls=Option, type=float, default=300, show_default=True, metavar="SECONDS", help="Stop after; 0: never."
)
@click.option(
    "--allow",
    cls=Option,
    multiple=True,
    metavar="PATH",
    type=click.Path(readable=False),
    help="A file or folder the query may read too; may be repeated.",
)
@functools.partial(output_options, short=False)
@common_options
def sql(
    words: tuple[str, ...],
    file: str | None,
    params: tuple[str, ...],
    timeout: float,
    allow: tuple[str, ...],
    output: Output,
) -> None:
    """SQL over the tables, by their names.

    \b
      chatlogs sql "select model, count(*) n from completions group by all" store
      chatlogs sql "from choices where finish_reason = \\$r" store -p r=length
      chatlogs sql -f query.sql logs/*.jsonl --json
      chatlogs sql - store < query.sql
      chatlogs sql "from usage join 't.csv' using (model)" store --allow t.csv

    Reports stand there by their names too, as they answer without filters: usage, finish, backends and so on.
    It is DuckDB's SQL and can only read, and no other files but those allowed. A VALUE that is a JSON number, true,
    false or null is one; anything else is text, and so is what stands in double quotes. `chatlogs schema` lists
    tables and columns.
    """
    query, paths = (None, words) if file else (words[0], words[1:])
    if not paths:
        raise click.UsageError("Missing argument 'PATH...': which store or logs?")
    output.chosen  # noqa: B018
    text, values = _query_text(query, file), dict(map(_param, params))
    if not any(map(is_store, paths)):
        _check(text, timeout, values)
    with opened(paths) as logs:
        output.write(logs.sql(text, timeout=timeout or None, allow=allow, **values), _plain_look())


class _Show(Command):
    """A completion_key may be negative, and is no option for that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {word}" if re.fullmatch(r"-\d+", word) else word for word in args])


@click.command(cls=_Show, name="show", epilog="Python: chatlogs.open(STORE).show(id)")
@click.argument("id", metavar="ID")
@paths_argument()
@click.option("--json", "as_json", cls=Option, is_flag=True, help="The rows, each with the name of its table.")
@common_options
def show(id: str, paths: tuple[str, ...], as_json: bool) -> None:
    """One exchange, readable: messages, answers, tokens, and where it stood in the logs.

    ID is a response's id; a completion_key, request_id or custom_id will do too.
    """
    from chatlogs.cli import screens

    with opened(paths) as logs:
        tables = logs.show(id.strip())
        if as_json:
            screens.exchange_json(tables, sys.stdout)
            return
        screens.exchange(tables, sys.stdout, str(setting("color") or "auto"))
        if tables["completions"].height > 1:
            tell(f"{tables['completions'].height} responses go by '{id}': servers reuse ids")


COMMANDS: Mapping[str, click.Command] = {"sql": sql, "show": show}


def _query_text(query: str | None, file: str | None) -> str:
    if query is not None and query != "-":
        return query
    try:
        return sys.stdin.read() if file in (None, "-") else Path(str(file)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = f" For a format: --format {file}." if file in FORMATS else ""
        why = getattr(error, "strerror", None) or error
        raise (QueryError if hint else FileError)(f"cannot read {file or 'stdin'}: {why}.{hint}") from error


def _check(query: str, timeout: float, values: Mapping[str, Any]) -> None:
    """Say of a query that cannot be run at all so before hours of reading."""
    from chatlogs import engine
    from chatlogs.asking import session

    session.check_limit(timeout)
    with engine.connect() as connection:
        session.check_reading(connection, query)
        session.check_values(connection, query, values)


def _param(text: str) -> tuple[str, Any]:
    """A parameter's name and value: a JSON scalar where it is one, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.UsageError(f"'{text}' is no parameter; write -p name=value.")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, value if isinstance(parsed, (list, dict)) else parsed


def _plain_look() -> Any:
    from chatlogs.telling.tables import Look

    return Look(color=str(setting("color") or "auto"), nulls={})

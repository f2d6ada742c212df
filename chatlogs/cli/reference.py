"""Commands that explain: schema, completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from chatlogs.cli.options import Command, Output, common_options, output_options, setting
from chatlogs.errors import REJECT_REASONS, QueryError
from chatlogs.schema import FLAGS, TABLES

SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command(cls=Command, name="schema")
@click.argument("name", metavar="[TABLE|flags|reasons]", required=False)
@output_options
@common_options
def schema(name: str | None, output: Output) -> None:
    """Every table and column, every flag and reject reason.

    \b
      chatlogs schema                 the tables
      chatlogs schema completions     its columns
      chatlogs schema flags           what flags mean
      chatlogs schema --json          all of it
    """
    import polars as pl

    from chatlogs.telling.tables import Look

    known = [*TABLES, "flags", "reasons"]
    if name is not None and name not in known:
        import difflib

        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise QueryError(f"no table '{name}'.{hint} Known: {', '.join(known)}.")
    rows = [row for row in declared() if _wanted(row, name, whole=not output.for_people)]
    columns = ["kind", "table", "name", "type", "doc"]
    hidden = {"kind", "table"} | (set() if name in TABLES else {"type"})
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
    """All that is declared, one flat row each: kind is table, column, flag or reject_reason."""
    for table in TABLES.values():
        yield {"kind": "table", "table": table.name, "name": table.name, "type": None, "doc": table.doc}
        for column in table.columns:
            yield {"kind": "column", "table": table.name, "name": column.name, "type": column.type, "doc": column.doc}
    for flag, doc in FLAGS.items():
        yield {"kind": "flag", "table": "completions", "name": flag, "type": None, "doc": doc}
    for reason, doc in REJECT_REASONS.items():
        yield {"kind": "reject_reason", "table": "rejects", "name": reason, "type": None, "doc": doc}


def _wanted(row: Mapping[str, str | None], name: str | None, *, whole: bool) -> bool:
    """Whether a row is asked for: people who name nothing get the tables, programs everything."""
    if name is None:
        return whole or row["kind"] == "table"
    kinds = {"flags": "flag", "reasons": "reject_reason"}
    return row["kind"] == kinds[name] if name in kinds else (row["kind"], row["table"]) == ("column", name)

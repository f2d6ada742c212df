"""The command that compares two sides of the logs: diff."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from chatlogs.asking.differences import COLUMNS, MEASURES, SIZES
from chatlogs.cli.inputs import opened
from chatlogs.cli.options import (
    Command,
    Option,
    Output,
    common_options,
    filter_options,
    last_of,
    output_options,
    paths_argument,
    setting,
    tell,
)
from chatlogs.errors import EXIT_DONE, EXIT_GATE, ChatlogsError, QueryError

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.queries import Filters
    from chatlogs.telling.tables import Look

_ANY = "any"


@click.command(
    cls=Command, name="diff", epilog="Python: chatlogs.open(STORE).diff('2026-10-01..2026-10-17', '2026-10-18..')"
)
@paths_argument()
@click.option("--before", cls=Option, required=True, metavar="SIDE", help="The one side: a period, name or condition.")
@click.option("--after", cls=Option, required=True, metavar="SIDE", help="The other side.")
@click.option(
    "--fail-on",
    cls=Option,
    metavar="MEASURE,...",
    shell_complete=lambda _ctx, _param, typed: last_of(typed, [_ANY, *MEASURES]),
    help="Exit with 4 when one of these changed, with 1 when it cannot be told; 'any' is all.",
)
@click.option(
    "--alpha",
    cls=Option,
    type=click.FloatRange(0, 1, True, True),
    default=0.01,
    show_default=True,
    metavar="P",
    help="How often, at most, two equal sides may seem to differ.",
)
@click.option("--all", "everything", cls=Option, is_flag=True, help="Show what did not change as well.")
@click.option(
    "--prices", cls=Option, metavar="FILE", type=click.Path(readable=False), help="Prices of your own, as for cost."
)
@filter_options(keys=True)
@output_options
@common_options
def diff(
    paths: tuple[str, ...],
    fail_on: str | None,
    alpha: float,
    everything: bool,
    filters: Filters,
    show_sql: bool,
    output: Output,
) -> int:
    """Compare two periods, models, backends or conditions.

    \b
      chatlogs diff store --before 2026-10-01..2026-10-17 --after 2026-10-18..
      chatlogs diff store --before fp_560af6e559 --after fp_7fcd609668
      chatlogs diff store --before 'gpt-4o-2*' --after 'gpt-4.1*' --fail-on refusal
      chatlogs diff store --before "temperature = 0" --after "temperature > 0"

    A SIDE is a period (A..B, A.., ..B, a day or a month), a model (may be a glob), a system_fingerprint, or a
    condition in SQL. By default each model that is on both sides is compared with itself, else all is together. The p
    are corrected for the number of comparisons. Calls that hang together, as those of one conversation do, make them
    too small.
    """
    from chatlogs.asking import comparing, pricing, queries

    output.chosen  # noqa: B018
    wanted = _wanted(fail_on)
    pricing.check(filters)
    queries.build("diff", dataclasses.replace(filters, sort=(), limit=0), comparing.parts(filters))
    with opened(paths) as logs:
        if show_sql:
            click.echo(logs.show_sql("diff", dataclasses.replace(filters, sort=(), limit=0)) + ";")
            return EXIT_DONE
        frame, judged = comparing.judged(logs.ask, filters, alpha=alpha)
    _write(frame, output, everything, filters.limit)
    tested = frame["p_value"].count()
    if judged:
        tell(
            f"{int(frame['changed'].sum())} of {tested} comparisons changed (p < {alpha:g}, corrected for {tested})"
            + ("" if everything else "; --all shows every one")
        )
    else:
        tell(f"nothing could be compared: no group has {comparing.FEWEST} responses or choices on both sides")
    return EXIT_DONE if wanted is None else _gate(frame, wanted, judged)


COMMANDS: Mapping[str, click.Command] = {"diff": diff}


def _write(frame: pl.DataFrame, output: Output, everything: bool, limit: int) -> None:
    """For people what changed, in sentences and as a table; for programs all of it. `limit` rows, or all for 0."""
    rows = limit if limit > 0 else frame.height
    if not output.for_people:
        return output.write(frame.head(rows))
    shown = (frame if everything else frame.filter("changed")).head(rows)
    changed = shown.filter("changed")
    if output.to_stdout and changed.height:
        sys.stdout.writelines(f"{_safe(sentence)}\n" for sentence in changed["sentence"])
        sys.stdout.write("\n")
    if shown.height or not output.to_stdout:
        output.write(_for_people(shown), _look(shown))


def _gate(frame: pl.DataFrame, wanted: set[str], judged: set[str]) -> int:
    """The exit code of --fail-on; a ChatlogsError when nothing changed, but not all of it could be judged."""
    measures = set(MEASURES) if _ANY in wanted else wanted
    failed = [name for name in frame.filter("changed")["measure"].unique(maintain_order=True) if name in measures]
    if failed:
        tell(f"--fail-on: {', '.join(failed)} changed")
        return EXIT_GATE
    missing = sorted(wanted - judged - {_ANY})
    if missing or not judged:
        told = f"{', '.join(missing)} could not be compared" if missing else "nothing could be compared"
        raise ChatlogsError(f"--fail-on: {told}, so nobody knows whether it changed.")
    return EXIT_DONE


def _wanted(fail_on: str | None) -> set[str] | None:
    """The measures of a gate; QueryError for one there is not."""
    if fail_on is None:
        return None
    from chatlogs.asking.queries import unknown

    names = {name.strip() for name in fail_on.split(",") if name.strip()}
    for name in names - {_ANY, *MEASURES}:
        raise unknown("--fail-on", name, [_ANY, *MEASURES])
    if not names:
        raise QueryError("--fail-on names no measure; 'any' is all of them.")
    return names


def _safe(text: str) -> str:
    from chatlogs.telling.tables import inert

    return inert(text)


def _for_people(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers of different units in one column are told as text, each in its own."""
    import polars as pl

    from chatlogs.asking.comparing import told

    def texts(name: str, signed: str = "") -> pl.Series:
        rows = frame.select(name, "measure").rows()
        return pl.Series(name, [told(value, measure, signed) for value, measure in rows], dtype=pl.String)

    of_sizes = pl.when(frame["measure"].is_in(list(SIZES))).then(pl.lit("median")).otherwise(pl.lit("(mix)"))
    likely = [None if p is None else "<0.001" if p < 0.001 else f"{p:.3f}" for p in frame["p_adjusted"]]
    return frame.with_columns(
        texts("before"),
        texts("after"),
        texts("difference", "+"),
        pl.col("value").fill_null(of_sizes),
        pl.Series("p_adjusted", likely, dtype=pl.String),
    )


def _look(frame: pl.DataFrame) -> Look:
    from chatlogs.telling.tables import Look

    texts = ("before", "after", "difference", "p_adjusted")
    return Look(
        units={column.name: column.unit for column in COLUMNS if column.name not in texts},
        hidden=frozenset({"effect", "p_value", "changed", "sentence"}),
        spare=("before_count", "after_count", "effect_size", "difference"),
        color=str(setting("color") or "auto"),
    )

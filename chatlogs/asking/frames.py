"""Answers of DuckDB as polars frames."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import polars as pl

# What goes to polars without pyarrow, whose import takes longer than most answers.
_PLAIN = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|VARCHAR|BOOLEAN|DATE|TIMESTAMP( WITH TIME ZONE)?)"
    r"(\[\])*"
)

_NO_LENGTH = "an interval of months or years has no length: cast it to varchar"


def frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The relation's rows. Wide integers, which sum() gives, become Int64 where they fit; intervals are durations."""
    lasting = [name for name, kind in zip(relation.columns, relation.types, strict=True) if str(kind) == "INTERVAL"]
    if lasting:
        relation = relation.project(", ".join(_microseconds(name, lasting) for name in relation.columns))
    plain = all(_PLAIN.fullmatch(str(kind)) for kind in relation.types)
    rows: pl.DataFrame = pl.DataFrame(relation) if plain else relation.pl()
    wide = [name for name, kind in rows.schema.items() if kind == pl.Decimal(38, 0) or kind in (pl.Int128, pl.UInt128)]
    narrow = rows.with_columns(pl.col(wide).cast(pl.Int64, strict=False))
    fits = [name for name in wide if narrow[name].null_count() == rows[name].null_count()]
    rows = rows.with_columns(narrow[name] for name in fits)
    return rows.with_columns(pl.col(lasting).cast(pl.Duration("us"))) if lasting else rows


def _microseconds(name: str, lasting: Sequence[str]) -> str:
    """The column, an interval as its microseconds: polars knows none, only durations."""
    quoted = '"' + name.replace('"', '""') + '"'
    if name not in lasting:
        return quoted
    has_months = f"datepart('year', {quoted}) <> 0 or datepart('month', {quoted}) <> 0"
    return f"epoch_us(if({has_months}, error('{_NO_LENGTH}'), {quoted})) as {quoted}"

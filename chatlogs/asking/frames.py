"""Answers of DuckDB as polars frames."""

from __future__ import annotations

import re

import duckdb
import polars as pl

# What goes to polars without pyarrow, whose import takes longer than most answers.
_PLAIN = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|VARCHAR|BOOLEAN|DATE|TIMESTAMP( WITH TIME ZONE)?)"
    r"(\[\])*"
)


def frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The relation's rows. Wide integers, which sum() gives, become Int64 where they fit."""
    plain = all(_PLAIN.fullmatch(str(kind)) for kind in relation.types)
    rows: pl.DataFrame = pl.DataFrame(relation) if plain else relation.pl()
    wide = [name for name, kind in rows.schema.items() if kind == pl.Decimal(38, 0) or kind in (pl.Int128, pl.UInt128)]
    narrow = rows.with_columns(pl.col(wide).cast(pl.Int64, strict=False))
    fits = [name for name in wide if narrow[name].null_count() == rows[name].null_count()]
    return rows.with_columns(narrow[name] for name in fits)

"""A large store to ask, and how a benchmark asks it: the options, the line that says on what it ran, the times.

The store is real: DuckDB makes its rows (made_store.sql), and they are written and committed as an ingest's are, a
million completions a commit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from measure import busy, machine, size_on_disk

from chatlogs.keeping.store import Store
from chatlogs.schema import TABLES

HERE = Path(__file__).resolve().parent
COMMIT_ROWS = 1_000_000
SEED = 4


def run(doc: str | None, report: Callable[[Path, int, int], None], *, rows: int, about: str) -> None:
    """Read the options, print the machine and `about`, and have `report(store, rows, repeats)` print its table."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=rows)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    print(f"{busy()}{machine()}, {about}.")
    with tempfile.TemporaryDirectory(prefix="chatlogs-store-") as folder:
        path = options.store or Path(folder) / "store"
        if not (path / "sources").is_dir():
            make(path, options.rows)
        print(f"{options.rows:,} completions, {size_on_disk(path) / 1e9:.1f} GB of store.\n")
        report(path, options.rows, options.repeats)


def seconds(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return time.perf_counter() - began


def make(path: Path, rows: int) -> None:
    """A store with so many completions, each with one choice."""
    query = (HERE / "made_store.sql").read_text()
    store = Store.create(path)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for low in range(0, rows, COMMIT_ROWS):
            values = {"rows": rows, "seed": SEED, "low": low, "high": min(rows, low + COMMIT_ROWS)}
            connection.execute(f"create or replace temp table made as {query}", values)
            with store.staging(f"benchmark-{low}") as staging:
                add = {
                    "completions": [staging.write("completions", _rows(connection, "completions", "*"))],
                    "choices": [staging.write("choices", _rows(connection, "choices", CHOICES))],
                    "tool_calls": [
                        staging.write("tool_calls", _rows(connection, "tool_calls", CALLS, "where tool_call_count = 1"))
                    ],
                    "sources": [staging.write("sources", _rows(connection, "sources", SOURCES, "group by all"))],
                }
                store.commit(f"benchmark-{low}", add)
            print(f"{values['high']:,} rows", file=sys.stderr)


CHOICES = "*, 0 as choice_index, 'assistant' as role, finish_reason as finish_class"
CALLS = """*, 0 as choice_index, 0 as tool_call_index, 'function' as kind, 'look_up' as name,
    '{"number": ' || line_number || '}' as arguments, true as arguments_valid"""
SOURCES = """source, source_key, log_number, count(*) as lines, 0 as blank, 0 as ignorable,
    count(*) as records, 0 as rejects, 0 as repaired, 0 as duplicates, count(*) as responses"""


def _rows(connection: duckdb.DuckDBPyConnection, table: str, columns: str, group: str = "") -> object:
    """The rows of `made` that belong to a table, with nulls for the columns that nobody named."""
    made = connection.sql(f"select {columns} from made {group}")
    names = {name: name if name in made.columns else "null" for name in TABLES[table].names}
    listed = ", ".join(f"{value} as {name}" for name, value in names.items())
    return made.query("made_rows", f"select {listed} from made_rows").to_arrow_table().cast(TABLES[table].arrow())

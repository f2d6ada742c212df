"""Reports over a large store, against the same questions by hand in DuckDB: one command, one Markdown table.

    python benchmarks/queries.py                     10 million completions: 3 GB of store, some minutes to make it
    python benchmarks/queries.py --rows 1_000_000
    python benchmarks/queries.py --store DIR         keep the store there, and use it again

The store is real: DuckDB makes its rows (queries.sql), and they are written and committed as an ingest's are, a
million completions a commit. By hand means: DuckDB over the same Parquet files, in the same process, with SQL that
someone would write who knows the files and wants the same columns. Both take turns; the table shows medians.
The last columns are of a whole command, from its start to its exit, CPU time of all its threads.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
from measure import Measurement, busy, machine, measure, median, size_on_disk

import chatlogs
from chatlogs.keeping.store import Store
from chatlogs.schema import TABLES

HERE = Path(__file__).resolve().parent
COMMIT_ROWS = 1_000_000
SEED = 4

USAGE = """
select cast(created at time zone 'UTC' as date) as day, model, count(*) as responses,
    count(*) filter (where usage_source = 'reported') as with_usage,
    count(*) filter (where usage_source <> 'reported') as no_usage,
    sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), sum(reasoning_tokens), sum(total_tokens),
    sum(cached_tokens) / sum(prompt_tokens), sum(reasoning_tokens) / sum(completion_tokens)
from read_parquet('{store}/completions/*.parquet')
group by all
order by day, sum(total_tokens) desc"""

FINISH = """
with counted as (
    select model, finish_reason, finish_class, count(*) as choices
    from read_parquet('{store}/choices/*.parquet')
    group by all
)
select *, choices / sum(choices) over (partition by model) as share
from counted
order by model, choices desc"""

BACKENDS = """
with hourly as (
    select model, system_fingerprint, service_tier, date_trunc('hour', created) as hour,
        count(*) as responses, min(created) as first_seen, max(created) as last_seen
    from read_parquet('{store}/completions/*.parquet')
    group by all
), placed as (
    select *, count(*) over (partition by model, hour) as shared,
        dense_rank() over (partition by model order by hour) as number
    from hourly
), followed as (
    select *, number - lag(number) over (partition by model, system_fingerprint, service_tier order by hour) as step
    from placed
), summed as (
    select model, system_fingerprint, service_tier, sum(responses) as responses,
        min(first_seen) as first_seen, max(last_seen) as last_seen, count(*) as hours,
        count(*) filter (where shared > 1) as hours_shared, count(*) filter (where step > 1) as returns
    from followed
    group by all
)
select *, responses / sum(responses) over (partition by model) as share
from summed
order by model, first_seen"""

QUESTIONS = {
    "usage --by day,model": ("usage", {"by": ["day", "model"]}, USAGE),
    "finish --by model": ("finish_reasons", {"by": "model"}, FINISH),
    "backends": ("backends", {}, BACKENDS),
}


def make(path: Path, rows: int) -> None:
    """A store with so many completions, each with one choice."""
    query = (HERE / "queries.sql").read_text()
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
                    "sources": [staging.write("sources", _rows(connection, "sources", SOURCES, "group by source"))],
                }
                store.commit(f"benchmark-{low}", add)
            print(f"{values['high']:,} rows", file=sys.stderr)


CHOICES = "*, 0 as choice_index, 'assistant' as role, finish_reason as finish_class"
CALLS = """*, 0 as choice_index, 0 as tool_call_index, 'function' as kind, 'look_up' as name,
    '{"number": ' || line_number || '}' as arguments, true as arguments_valid"""
SOURCES = """source, min(hash(source) // 2) as source_key, count(*) as lines, 0 as blank, 0 as ignorable,
    count(*) as records, 0 as rejects, 0 as repaired, 0 as duplicates, count(*) as responses"""


def _rows(connection: duckdb.DuckDBPyConnection, table: str, columns: str, group: str = "") -> object:
    """The rows of `made` that belong to a table, with nulls for the columns that nobody named."""
    made = connection.sql(f"select {columns} from made {group}")
    names = {name: name if name in made.columns else "null" for name in TABLES[table].names}
    listed = ", ".join(f"{value} as {name}" for name, value in names.items())
    return made.query("made_rows", f"select {listed} from made_rows").to_arrow_table().cast(TABLES[table].arrow())


def seconds(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return time.perf_counter() - began


def by_hand() -> Callable[[str], pl.DataFrame]:
    """A function that answers SQL as a notebook would: one connection, an answer as a polars frame."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return lambda query: connection.sql(query).pl()


def command(*words: str) -> Measurement:
    return measure([sys.executable, "-m", "chatlogs", *words], cwd=HERE.parent)


def check(theirs: pl.DataFrame, ours: pl.DataFrame) -> None:
    """Both have the same groups and count the same: else their times say nothing."""
    for count in {"responses", "choices", "hours", "returns"} & set(ours.columns):
        assert sorted(map(int, theirs[count])) == sorted(ours[count]), count


def report(path: Path, repeats: int) -> None:
    logs, plain = chatlogs.open(path), by_hand()
    start = median([command("sql", "select 1", str(path)) for _ in range(repeats)])
    print(f"Start-up, `chatlogs sql 'select 1' STORE`: {start.wall:.2f} s.\n")
    print("| question | by hand | chatlogs, same process | ratio | whole command | its CPU time |")
    print("|---|---:|---:|---:|---:|---:|")
    for words, (method, options, query) in QUESTIONS.items():
        check(plain(query.format(store=path)), getattr(logs, method)(**options))
        hand, ours, whole = [], [], []
        for _ in range(repeats):
            hand.append(seconds(functools.partial(plain, query.format(store=path))))
            ours.append(seconds(functools.partial(getattr(logs, method), **options)))
            whole.append(command(*words.split(), str(path)))
        theirs, own, told = statistics.median(hand), statistics.median(ours), median(whole)
        print(
            f"| `{words}` | {theirs:.2f} s | {own:.2f} s | {own / theirs:.2f} | {told.wall:.2f} s | {told.cpu:.2f} s |"
        )
    ids = logs.sql("select id from completions using sample 5 rows (reservoir, 7)")["id"].to_list()
    shown = statistics.median(seconds(functools.partial(logs.show, id)) for id in ids)
    told = median([command("show", id, str(path)) for id in ids])
    print(f"| `show ID` | | {shown:.2f} s | | {told.wall:.2f} s | {told.cpu:.2f} s |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    print(f"{busy()}{machine()}, DuckDB {duckdb.__version__}.")
    with tempfile.TemporaryDirectory(prefix="chatlogs-queries-") as folder:
        path = options.store or Path(folder) / "store"
        if not (path / "sources").is_dir():
            make(path, options.rows)
        print(f"{options.rows:,} completions, {size_on_disk(path) / 1e9:.1f} GB of store.", end=" ")
        report(path, options.repeats)


if __name__ == "__main__":
    main()

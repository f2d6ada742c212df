"""Reports over a large store, against the same questions by hand in DuckDB: one command, one Markdown table.

    python benchmarks/queries.py                     10 million completions: 3 GB of store, some minutes to make it
    python benchmarks/queries.py --rows 1_000_000
    python benchmarks/queries.py --store DIR         keep the store there, and use it again

By hand means: DuckDB over the same Parquet files, in the same process, with SQL that someone would write who knows
the files and wants the same columns. Both take turns; the table shows medians. The last columns are of a whole
command, from its start to its exit, CPU time of all its threads.
"""

from __future__ import annotations

import functools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
from made_store import HERE, run, seconds
from measure import Measurement, measure, median

import chatlogs

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


def report(path: Path, _: int, repeats: int) -> None:
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


if __name__ == "__main__":
    run(__doc__, report, rows=10_000_000, about=f"DuckDB {duckdb.__version__}")

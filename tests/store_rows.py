"""Small logs for the store's tests: each `log` has responses whose rows in every table must agree.

A log may be read again (`times` counts), which replaces its rows everywhere: a store that shows one
table after and another before such a commit is torn, and `torn` says so.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from chatlogs.keeping.store import Store
from chatlogs.keeping.upkeep import rewrite
from chatlogs.keeping.verify import problems
from chatlogs.schema import TABLES

RESPONSES = 4
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)


def rows(table: str, **columns: list[object]) -> pa.Table:
    """A declared table with these columns; the others are null."""
    schema = TABLES[table].arrow()
    count = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def tables_of(log: int, times: int = 1, responses: int = RESPONSES) -> dict[str, pa.Table]:
    """The rows of one log, read for the n-th time; every response has a choice, every log one reject."""
    keys = [log * 1_000_000 + n for n in range(responses)]
    source = [f"log-{log}"]
    shared = {
        "id": [f"chatcmpl-{key}" for key in keys],
        "model": [("gpt-4o", "gpt-4o-mini", None)[key % 3] for key in keys],
        "completion_key": keys,
    }
    return {
        "completions": rows(
            "completions",
            **shared,
            created=[WHEN] * responses,
            choice_count=[1] * responses,
            duplicates=[times] * responses,
            flags=[["no_id"], []] * (responses // 2) + [None] * (responses % 2),
            source=source * responses,
            source_key=[log] * responses,
        ),
        "choices": rows(
            "choices",
            **shared,
            choice_index=[0] * responses,
            content=[f"{times}"] * responses,
            tool_call_count=[0] * responses,
        ),
        "rejects": rows(
            "rejects", source=source, source_key=[log], line_number=[responses + 1], reason=["not_json"], raw=["{"]
        ),
        "sources": rows(
            "sources",
            source=source,
            source_key=[log],
            lines=[responses + 1],
            records=[responses],
            blank=[0],
            ignorable=[0],
            rejects=[1],
            duplicates=[times],
        ),
    }


def ingest(store: Store, ingest_id: str, log: int, times: int = 1) -> int:
    """Commit one log as the n-th reading of it, replacing what an earlier reading left."""
    with store.lock(), store.staging(ingest_id) as staging:
        fresh = tables_of(log, times)
        keys = fresh["completions"].column("completion_key")
        add = {table: [staging.write(table, data)] for table, data in fresh.items()}
        remove: dict[str, list[str]] = {}
        if times > 1:
            replaced = {"completions": keys, "choices": keys, "sources": pa.array([log])}
            for table, gone in replaced.items():
                column = "source_key" if table == "sources" else "completion_key"
                adds, remove[table] = rewrite(store.snapshot(), table, gone, staging=staging, column=column)
                add[table] += adds
            del add["rejects"]
        return store.commit(ingest_id, add, remove, info={"log": log, "times": times})


def state(store: Store) -> dict[int, int]:
    """Each log in the store with the number of times it was read."""
    with duckdb.connect() as connection:
        paths = store.files("sources")
        found = connection.read_parquet(paths).aggregate("source_key, duplicates", "source_key, duplicates").fetchall()
    assert len({log for log, _ in found}) == len(found), f"a log stands twice in the ledger: {found}"
    return dict(found)


def torn(store: Store, *, verify: bool = True) -> list[str]:
    """Where the tables of one snapshot disagree, or a plain folder holds other files than its table."""
    snapshot = store.snapshot()
    found: list[str] = []
    with duckdb.connect() as connection:
        for table in ("completions", "choices", "sources"):
            connection.read_parquet(snapshot.files(table)).create_view(table)
        found += map(str, connection.execute(_DISAGREEING, [RESPONSES]).fetchall())
    for table in TABLES:
        if {str(path) for path in Path(store.path, table).glob("*.parquet")} != set(snapshot.files(table)):
            found.append(f"the folder {table} is not the table")
    found += [str(path) for path in Path(store.path).glob("*/*.tmp")]
    return found + (problems(store) if verify else [])


_DISAGREEING = """
with answers as (
    select c.source, count(*) as responses, count(distinct c.completion_key) as keys, min(c.duplicates) as least,
        max(c.duplicates) as most, min(o.content) as first_content, max(o.content) as last_content
    from completions as c
    left join choices as o using (completion_key)
    group by c.source
)
select s.source, s.duplicates, a.*
from sources as s
full join answers as a using (source)
where a.source is null or s.source is null or a.responses <> $1 or a.keys <> $1
    or least <> s.duplicates or most <> s.duplicates
    or first_content is distinct from s.duplicates::varchar or last_content is distinct from s.duplicates::varchar
"""

"""New responses beside stored ones: what is the same becomes one row, what goes on is continued.

Works on files: finds the ids that occur more than once, decides on digests (identity.py), and rewrites
only the files that hold a row that goes or changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlogs import engine, sql
from chatlogs.keeping import upkeep
from chatlogs.keeping.snapshot import Snapshot
from chatlogs.keeping.staging import StagedFile, Staging
from chatlogs.moving import merging
from chatlogs.moving.identity import Outcome, Response, compared, decide
from chatlogs.moving.ledger import Row
from chatlogs.normalizing.tables import columns, rows
from chatlogs.normalizing.tables.partials import PIECES
from chatlogs.schema import TABLES

_MACROS = (
    """create temp macro hash_of(text) as
    if(text is null or text = '' or starts_with(text, 'sha256:'), text, 'sha256:' || sha256(text))""",
    # As hiding.py writes it where no text is kept.
    "create temp macro hash_or_null(text) as coalesce(hash_of(text), 'null')",
)
_BATCH_ROWS = 10_000


@dataclass
class Changes:
    """What a commit adds and removes; and, by source_key, where in each log those new responses begin that are
    duplicates, and those that only continue a stream.

    dropped: the stored responses that another row stands for now. void: how many stored responses of a log are read
    again; lines: the logs of which a last line is.
    """

    add: dict[str, list[StagedFile]]
    remove: dict[str, list[str]] = field(default_factory=dict)
    duplicates: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    continued: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    dropped: list[Response] = field(default_factory=list)
    void: Counter[int] = field(default_factory=Counter)
    lines: set[int] = field(default_factory=set)

    def tell(self, dropped: Sequence[Response], continuing: Sequence[Response]) -> None:
        """Take note of those that another row stands for, and those that only continue a stream."""
        self.dropped = [response for response in dropped if not response.is_new]
        for responses, places in ((dropped, self.duplicates), (continuing, self.continued)):
            for response in responses:
                if response.is_new:
                    places[response.source_key].append(response.byte_offset)


def replace_ledger(
    snapshot: Snapshot, staging: Staging, changes: Changes, old: Mapping[int, Row], ledger_rows: Sequence[Row]
) -> None:
    """Put the ledger rows in the place of older ones, and drop rejects that a longer log has made void.

    old: the ledger of the snapshot.
    """
    again = [row["source_key"] for row in ledger_rows if row["source_key"] in old]
    if again:
        keys = pa.array(again, pa.int64())
        adds, removes = upkeep.rewrite(snapshot, "sources", keys, staging=staging, column="source_key")
        changes.add["sources"] = adds
        changes.remove["sources"] = removes
        grown = [old[row["source_key"]] for row in ledger_rows if row["size"] > old.get(row["source_key"], row)["size"]]
        _drop_void_rejects(snapshot, staging, changes, grown)
    schema = TABLES["sources"].arrow()
    changes.add.setdefault("sources", []).append(
        staging.write("sources", pa.Table.from_pylist(list(ledger_rows), schema=schema))
    )


def _drop_void_rejects(snapshot: Snapshot, staging: Staging, changes: Changes, old: Sequence[Row]) -> None:
    """Each of these logs may have left something open, which has been read again as it is now."""
    unfinished = [row for row in old if row["resume_offset"] != row["size"]]
    keys = pa.array([row["source_key"] for row in unfinished], pa.int64())
    offsets = pa.array([row["resume_offset"] for row in unfinished], pa.int64())

    def is_void(rejects: pa.RecordBatch | pa.Table) -> pa.Array:
        void = offsets.take(pc.index_in(rejects["source_key"], keys))
        return pc.fill_null(pc.greater_equal(rejects["byte_offset"], void), False)

    for path in snapshot.files("rejects") if unfinished else ():
        with pq.ParquetFile(path) as file:
            if pc.any(is_void(file.read(["source_key", "byte_offset"]))).as_py():
                kept = (batch.filter(pc.invert(is_void(batch))) for batch in file.iter_batches(_BATCH_ROWS))
                changes.add.setdefault("rejects", []).extend(staging.write_batches("rejects", kept))
                changes.remove.setdefault("rejects", []).append(path)


def resolve(
    snapshot: Snapshot,
    staging: Staging,
    staged: dict[str, list[StagedFile]],
    *,
    numbers: Mapping[int, int],
    bodies: Collection[int] = (),
    again: Mapping[int, int] = MappingProxyType({}),
    ids_differ: bool = False,
) -> Changes:
    """What to commit so that each response of the staged files and the store is one row.

    numbers: the log_number of each log, new or stored, by source_key: the order in which their responses follow each
    other. bodies: the keys of those that hold SSE bodies. again: from where on logs were read again, by source_key:
    what is stored of them from there on is void. ids_differ: it is known that no two of the new responses have the same
    id, so that these need be compared with stored ones only.
    """
    changes = Changes(dict(staged))
    changes.lines = _begun_lines(snapshot, again)
    nothing_stored = len(snapshot.files("completions")) == 1  # the file without rows
    if not staged["completions"] or (ids_differ and nothing_stored):
        return changes
    with engine.connect(staging.folder) as con:
        rows.prepare(con)
        for macro in _MACROS:
            con.execute(macro)
        files = _files(snapshot, staged)
        void = _find_void(con, files, again)
        changes.void.update(key for key, _ in void)
        found = _verdicts(con, files, numbers, bodies)
        changes.tell(found.dropped, found.continuing)
        gone = list(dict.fromkeys([*found.parts, *(r.completion_key for r in found.dropped)]))
        if gone or found.touched or void:
            added = _kept_rows(found.whole, found.kept)
            added.setdefault("completions", []).extend(_touched_rows(con, files, found.touched))
            changed = [r.completion_key for r in found.touched]
            _apply(snapshot, staging, changes, gone, changed, [key for _, key in void], added)
    return changes


@dataclass
class _Verdicts:
    """What becomes of the responses that share an id with others.

    whole: the rows of streams that were put together, by table; kept: those of them that stay; parts: the keys of all
    that they were put together from, and continuing: those parts that are not the first. dropped: what another row
    stands for. touched: stored or staged responses whose rows stay, but with other flags, duplicates or metadata.
    """

    whole: dict[str, list[pa.Table]]
    kept: list[Response]
    parts: list[int]
    continuing: list[Response]
    dropped: list[Response]
    touched: list[Response]


def _verdicts(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, list[str]], numbers: Mapping[int, int], bodies: Collection[int]
) -> _Verdicts:
    """Decide which responses are the same or go on with each other; streams are compared once they are put together."""
    outcomes = _outcomes(con, files, numbers, bodies)
    merged = [chain for outcome in outcomes for chain in outcome.merged]
    whole = _merged_rows(con, files, merged)
    found = {r.completion_key: r for r in _digests(con, _tables(con, whole), bodies)} if merged else {}
    for chain in merged:
        found[chain[0].completion_key].is_new = chain[0].is_new
    outcomes = [compared(outcome, found) for outcome in outcomes]
    return _Verdicts(
        whole,
        kept=[chain[0] for outcome in outcomes for chain in outcome.kept if chain[0].completion_key in found],
        parts=[r.completion_key for chain in merged for r in chain],
        continuing=[r for chain in merged for r in chain[1:]],
        dropped=[r for outcome in outcomes for r in outcome.dropped],
        touched=[r for outcome in outcomes for r in outcome.touched if r.completion_key not in found],
    )


def _begun_lines(snapshot: Snapshot, again: Mapping[int, int]) -> set[int]:
    """The logs of which what is read again begins with a last line that was set aside."""
    found: set[int] = set()
    for path in snapshot.files("rejects") if again else ():
        rejects = pq.ParquetFile(path).read(["source_key", "byte_offset"])
        places = zip(rejects["source_key"].to_pylist(), rejects["byte_offset"].to_pylist(), strict=True)
        found.update(key for key, offset in places if again.get(key) == offset)
    return found


def _find_void(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, list[str]], again: Mapping[int, int]
) -> list[tuple[int, int]]:
    """The stored responses that are read again, by source_key and completion_key; queries see them no more."""
    keys, offsets = pa.array(again.keys(), pa.int64()), pa.array(again.values(), pa.int64())
    con.register("again", pa.table({"source_key": keys, "resume_offset": offsets}))
    query = sql.text("rows/void", files=_listed(files["stored_completions"]))
    con.execute(f"create or replace temp table void as {query}")
    return con.execute("from void").fetchall() if again else []


def _files(snapshot: Snapshot, staged: Mapping[str, Sequence[StagedFile]]) -> dict[str, list[str]]:
    """Parameters for the identity queries: the files of each table, new and stored."""
    files: dict[str, list[str]] = {}
    for name in PIECES:
        files[f"stored_{name}"] = snapshot.files(name)
        files[f"new_{name}"] = [file.path for file in staged[name]] or files[f"stored_{name}"][:0]
    return files


def _outcomes(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, list[str]], numbers: Mapping[int, int], bodies: Collection[int]
) -> list[Outcome]:
    relations = _relations(files)
    con.execute(_with_relations("identity/suspects", relations))
    if not con.execute("select count(*) from suspects").fetchall()[0][0]:
        return []
    found = _digests(con, relations, bodies)
    found.sort(key=lambda r: (r.id, r.is_new, numbers.get(r.source_key, 0), r.byte_offset))
    return [decide(list(group)) for _, group in groupby(found, key=lambda r: r.id)]


def _digests(con: duckdb.DuckDBPyConnection, relations: Mapping[str, str], bodies: Collection[int]) -> list[Response]:
    """The suspects among the responses, as they are compared."""
    found = [Response(*row) for row in con.execute(_with_relations("identity/digests", relations)).fetchall()]
    for response in found:
        response.in_body |= response.source_key in bodies
    return found


def _relations(files: Mapping[str, list[str]]) -> dict[str, str]:
    """What a query reads for each of its parameters: of stored rows those that are not void."""
    found = {}
    for parameter, paths in files.items():
        table = parameter.partition("_")[2]
        listed = _listed(paths or files[f"stored_{table}"][:1])
        found[parameter] = f"read_parquet([{listed}])" if paths else f"(from read_parquet([{listed}]) limit 0)"
        if parameter.startswith("stored_"):
            found[parameter] = (
                f"(from {found[parameter]} where completion_key not in (select completion_key from void))"
            )
    return found


def _tables(con: duckdb.DuckDBPyConnection, added: Mapping[str, Sequence[pa.Table]]) -> dict[str, str]:
    """The same for rows that are in no file yet."""
    found: dict[str, str] = {}
    for name in PIECES:
        con.register(f"added_{name}", pa.concat_tables(added.get(name) or [TABLES[name].arrow().empty_table()]))
        found |= {f"new_{name}": f"added_{name}", f"stored_{name}": f"(from added_{name} limit 0)"}
    return found


def _with_relations(name: str, relations: Mapping[str, str]) -> str:
    query = sql.text(name)
    for parameter in sorted(relations, key=len, reverse=True):
        query = query.replace(f"read_parquet(${parameter})", relations[parameter])
    return query


def _listed(paths: Sequence[str]) -> str:
    return ", ".join("'" + path.replace("'", "''") + "'" for path in paths)


def _apply(
    snapshot: Snapshot,
    staging: Staging,
    changes: Changes,
    gone: Sequence[int],
    changed: Sequence[int],
    void: Sequence[int],
    added: Mapping[str, Sequence[pa.Table]],
) -> None:
    """Take the rows of these keys out of all files, void ones out of stored files, and put others in their place."""
    for name in PIECES:
        keys = pa.array([*gone, *changed] if name == "completions" else gone, pa.int64())
        if len(keys) or void:
            staged, stored = changes.add.get(name, ()), pa.array(void, pa.int64())
            adds, removes = upkeep.rewrite(snapshot, name, keys, staging=staging, staged=staged, void=stored)
            changes.add[name], changes.remove[name] = adds, removes
        if added.get(name):
            table = pa.concat_tables(added[name])
            changes.add.setdefault(name, []).append(staging.write(name, table))


def _touched_rows(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, list[str]], touched: Sequence[Response]
) -> list[pa.Table]:
    if not touched:
        return []
    return [_updated(_rows_of(con, files, "completions", [r.completion_key for r in touched]), touched)]


def _updated(table: pa.Table, responses: Sequence[Response]) -> pa.Table:
    """The rows with what was found out about their responses."""
    by_key = {r.completion_key: r for r in responses}
    updated = []
    for row in table.to_pylist():
        response = by_key[row["completion_key"]]
        row |= {"flags": response.flags, "duplicates": response.duplicates, "metadata": response.metadata}
        updated.append(row)
    return pa.Table.from_pylist(updated, schema=TABLES["completions"].arrow())


def _kept_rows(added: Mapping[str, Sequence[pa.Table]], kept: Sequence[Response]) -> dict[str, list[pa.Table]]:
    """Of rows that were put together, those that no other row stands for."""
    keys = pa.array([r.completion_key for r in kept], pa.int64())
    found = {name: [t.filter(pc.is_in(t["completion_key"], keys)) for t in parts] for name, parts in added.items()}
    return found | {"completions": [_updated(table, kept) for table in found.get("completions", ())]}


def _merged_rows(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, list[str]], merged: Sequence[Sequence[Response]]
) -> dict[str, list[pa.Table]]:
    """The rows of streams put together from their parts; they keep the key and the place of the first part."""
    if not merged:
        return {}
    keys = [r.completion_key for chain in merged for r in chain]
    found = merging.kept_alike({name: _rows_of(con, files, name, keys) for name in PIECES}, merged)
    old = {row["completion_key"]: row for row in found["completions"].to_pylist()}
    whole = merging.streams(found, [[r.completion_key for r in chain] for chain in merged])
    first_keys = pa.array([chain[0].completion_key for chain in merged], pa.int64()).to_numpy()
    derived = rows.rows(con, columns.tables(whole, first=0), keys=first_keys)
    first_rows = [old[chain[0].completion_key] for chain in merged]
    kept = ("source", "source_key", "ingested_at")
    given = {
        **{name: pa.array([row[name] for row in first_rows]) for name in kept},
        "duplicates": pa.array([sum(r.duplicates for r in chain) for chain in merged], pa.int64()),
    }
    return {name: [rows.conform(name, table, **given)] for name, table in derived.items()}


def _rows_of(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, list[str]], name: str, keys: Sequence[int]
) -> pa.Table:
    con.register("wanted", pa.table({"completion_key": pa.array(keys, pa.int64())}))
    relations = _relations(files)
    columns_ = ", ".join(TABLES[name].names)
    parts = [
        con.sql(sql.text("rows/by_key", rows=relations[f"{age}_{name}"], columns=columns_)).to_arrow_table()
        for age in ("stored", "new")
        if files[f"{age}_{name}"]
    ]
    return pa.concat_tables([part.cast(TABLES[name].arrow()) for part in parts])

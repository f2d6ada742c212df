"""One Delta table: make it, open it, list its files, commit to it. Only this module talks to deltalake.

The rule: a commit names the ingest it belongs to, in the table's own state, so whoever repeats it is told
that it is in. The ledger (`sources`) also keeps, in its state, the versions of all other tables.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from chatlogs.errors import StoreError
from chatlogs.keeping import parquet
from chatlogs.keeping.staging import reason
from chatlogs.schema import FORMAT_VERSION, TABLES

if TYPE_CHECKING:
    from deltalake import DeltaTable

LEDGER = "sources"
CHILDREN = tuple(name for name in TABLES if name != LEDGER)

# A file without rows in each folder, first by name: globs find a file, and its columns, in an empty table too.
SCHEMA_FILE = "00000-schema.parquet"

_UNFIT = {
    "a backslash": re.compile(r"\\"),
    "a control character": re.compile(r"[\x00-\x1f\x7f]"),
    "bytes that are no UTF-8": re.compile("[\ud800-\udfff]"),
}
_FORMAT = "chatlogs.format"
_MADE = "made"
_CHECKPOINT_EVERY = 10
_AT_ONCE = 4  # tables that are made beside each other


class Added(msgspec.Struct, frozen=True):
    """A file that comes in: `staged` is where it waits, relative to the store."""

    name: str
    staged: str
    size: int
    stats: str


class Change(msgspec.Struct, frozen=True):
    """What one commit does to one table; `removes` maps the names of files that go to their sizes."""

    adds: list[Added] = []
    removes: dict[str, int] = {}


def failures() -> tuple[type[BaseException], ...]:
    """What deltalake raises when the disk is full, read-only or changed from outside."""
    from deltalake.exceptions import DeltaError

    return (OSError, DeltaError)


def open_table(store: str, table: str, version: int | None = None) -> DeltaTable:
    """The Delta table, newest or at a version; StoreError when it cannot be read."""
    from deltalake import DeltaTable

    try:
        return DeltaTable(_uri(store, table), version=version)
    except failures() + (ValueError,) as error:
        raise StoreError(
            f"the {table} table of {store} cannot be read: {_plainly(reason(error))}; if its log {table}/_delta_log is "
            "damaged, read the logs into a new store."
        ) from error


def _plainly(told: str) -> str:
    """What delta-rs says, without the names of its layers before it, and the values of its code behind."""
    return re.sub(r"^(?:\w+ error(?: ->|:) |Generic [\w ]+error: )+|:? ?[A-Z]\w+ ?[{(].*", "", told)


def make_tables(store: str) -> None:
    """All tables, each with its file without rows; goes on where an earlier attempt was killed."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chatlogs-make") as pool:
        versions = dict(zip(CHILDREN, pool.map(lambda name: _made(store, name, {}), CHILDREN), strict=True))
    _made(store, LEDGER, versions)  # last: with it the store is there


def _made(store: str, name: str, versions: Mapping[str, int]) -> int:
    """The table's version with its file without rows in it; both are made unless they are there."""
    from deltalake import DeltaTable

    table = TABLES[name]
    os.makedirs(os.path.join(store, name), exist_ok=True)
    handle = DeltaTable.create(
        _uri(store, name),
        table.arrow(),
        mode="ignore",
        name=name,
        description=table.doc,
        configuration={_FORMAT: str(FORMAT_VERSION)},
        raise_if_key_not_exists=False,
    )
    if is_in(handle, _MADE):
        return handle.version()
    return _committed(handle, store, name, _MADE, Change([_write_schema_file(store, name)]), {}, versions)


def open_ledger(store: str) -> DeltaTable:
    """The ledger as of the last whole ingest; StoreError when this is no store or one of another format."""
    ledger = open_table(store, LEDGER) if _exists(store, LEDGER) else None
    if ledger is not None:
        written = ledger.metadata().configuration.get(_FORMAT) or ""
        if not written.isdigit():
            raise StoreError(
                f"{store} holds a Delta table named {LEDGER} that was not made by chatlogs: name another folder."
            )
        if int(written) > FORMAT_VERSION:
            raise StoreError(
                f"{store} is format {written}; this chatlogs reads up to {FORMAT_VERSION}: upgrade chatlogs."
            )
        if int(written) < FORMAT_VERSION:
            raise StoreError(
                f"{store} is format {written}, of an older chatlogs; this one reads format {FORMAT_VERSION}: "
                "ingest the logs into a new store."
            )
    if ledger is None or not is_in(ledger, _MADE):
        check_folder(store)
        if not os.path.exists(store):
            raise StoreError(f"there is no store at {store}: it does not exist.")
        raise StoreError(
            f"{store} is not a chatlogs store (no {LEDGER} table in it); "
            f"create one with: chatlogs ingest LOGS -o {store}"
        )
    return ledger


def is_made(store: str) -> bool:
    """Whether make_tables came to its end here."""
    return _exists(store, LEDGER) and is_in(open_table(store, LEDGER), _MADE)


def file_names(handle: DeltaTable) -> list[str]:
    """Names of the live files, without folder: delta-rs escapes folders, our names need no escape."""
    return sorted(uri.rsplit("/", 1)[1] for uri in handle.file_uris())


def recorded_version(ledger: DeltaTable, table: str) -> int | None:
    """The version of a table as of the ledger's state; None before the store was first whole."""
    return ledger.transaction_version(f"version:{table}")


def is_in(handle: DeltaTable, mark: str) -> bool:
    """Whether the commit with this mark is part of the table."""
    return handle.transaction_version(mark) is not None


def commit(
    store: str,
    table: str,
    mark: str,
    change: Change,
    info: Mapping[str, Any],
    versions: Mapping[str, int],
    newest: DeltaTable | None = None,
) -> int:
    """The table's version with the change in it; committed now unless it already is.

    `versions` of other tables are kept in this table's state. The files must already be in its folder. `newest` is
    the table as it is, where that was opened under the lock: opening takes as long as committing.
    """
    handle = newest or open_table(store, table)
    if is_in(handle, mark):
        return handle.version()
    return _committed(handle, store, table, mark, change, info, versions)


def _committed(
    handle: DeltaTable,
    store: str,
    table: str,
    mark: str,
    change: Change,
    info: Mapping[str, Any],
    versions: Mapping[str, int],
) -> int:
    from deltalake import CommitProperties, PostCommitHookProperties, Transaction

    marks = [Transaction(mark, 1), *(Transaction(f"version:{child}", number) for child, number in versions.items())]
    handle.create_write_transaction(
        _actions(change),
        "append",
        handle.schema(),
        # No retries: under the lock nobody is there to lose against, and the new version is known.
        commit_properties=CommitProperties({"chatlogs": dict(info)}, max_commit_retries=0, app_transactions=marks),
        # Checkpoints are made apart, where a full disk cannot make a commit that has landed look failed.
        post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
    )
    log = os.path.join(store, table, "_delta_log")
    parquet.sync(os.path.join(log, f"{handle.version() + 1:020d}.json"))
    parquet.sync(log)
    return handle.version() + 1


def checkpoint(store: str, table: str, version: int) -> None:
    """Now and then, sum the log up in one file, so that opening stays fast; failing is no harm."""
    if version % _CHECKPOINT_EVERY == 0:
        try:
            open_table(store, table, version).create_checkpoint()
        except failures() + (StoreError,):
            pass


def check_path(store: str) -> None:
    """StoreError for a path that delta-rs does not take as it is: it unescapes twice, and would take a folder named
    `a%20b` for `a b`, and one named `a\\b` for `a/b`, and write there.
    """
    found = next((what for what, pattern in _UNFIT.items() if pattern.search(store)), None)
    if found or unquote(store) != store:
        what = found or "an escape such as %20"
        raise StoreError(f"{store} cannot hold a store, as its path has {what} in it: rename it.")


def check_folder(store: str) -> None:
    """StoreError for a path where something else than a folder is."""
    if os.path.exists(store) and not os.path.isdir(store):
        raise StoreError(f"{store} is a file, and a store is a folder: name another.")


def _uri(store: str, table: str) -> str:
    check_path(store)
    return Path(store, table).as_uri()


def _exists(store: str, table: str) -> bool:
    try:
        os.stat(os.path.join(store, table, "_delta_log"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(f"{store} cannot be read: {reason(error)}.") from error
    return True


def _write_schema_file(store: str, table: str) -> Added:
    path = os.path.join(store, table, SCHEMA_FILE)
    empty = TABLES[table].arrow().empty_table()
    footer = parquet.write(path, table, [empty], rows=0, width=0)
    return Added(
        SCHEMA_FILE, os.path.join(table, SCHEMA_FILE), os.path.getsize(path), parquet.delta_stats(table, footer)
    )


def _actions(change: Change) -> list[Any]:
    from deltalake.transaction import AddAction, RemoveAction

    now = int(time.time() * 1000)
    adds = [AddAction(added.name, added.size, {}, now, True, added.stats) for added in change.adds]
    return [*adds, *(RemoveAction(name, True, now, size, {}) for name, size in change.removes.items())]

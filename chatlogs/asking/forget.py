"""Responses erased from a store: those that `show` finds by an id, and that a condition leaves of them.

The rule: all of them go, from every table, in one commit; or an error says why, and nothing has changed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import duckdb

from chatlogs import sql
from chatlogs.asking import exchange, session
from chatlogs.asking.explaining import explained_of
from chatlogs.errors import OptionError
from chatlogs.keeping import damage
from chatlogs.keeping.snapshot import Snapshot
from chatlogs.keeping.store import Store
from chatlogs.moving import erase
from chatlogs.moving.erase import Forgotten
from chatlogs.schema import TABLES


def forget(
    store: str | Path, ids: str | Iterable[str] = (), where: str | None = None, *, dry_run: bool = False
) -> Forgotten:
    """Erase responses from the store; their rows go from every table, and what went is told.

    ids: all responses go that `Logs.show` finds by these. where: a condition in SQL on the columns of completions:
    of those with these ids, or of all when there are none, only those go that fulfil it. dry_run: tell what would go,
    and change nothing. An id that nothing goes by is a ChatlogsError, a condition that cannot be asked a QueryError,
    and OptionError says that neither is given. The logs themselves are not touched.
    """
    names = list(dict.fromkeys(name.strip() for name in ([ids] if isinstance(ids, str) else ids)))
    if where is not None and not where.strip():
        raise OptionError("--where is empty, maybe a variable that is not set: nothing was forgotten.")
    if not names and where is None:
        raise OptionError("name the responses to forget: --id ID, --where SQL, or both.")
    target = Store.open(store)
    with damage.told(target):
        if dry_run:
            return target.read(lambda snapshot: erase.foreseen(snapshot, _keys(snapshot, names, where), names))
        return _forget(target, names, where)


def _forget(store: Store, names: Sequence[str], where: str | None) -> Forgotten:
    forget_id = f"forget-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}"
    with store.lock(), store.staging(forget_id) as staging:
        snapshot = store.snapshot()
        changes, forgotten = erase.erase(snapshot, staging, _keys(snapshot, names, where), names)
        if forgotten.responses:
            # How many, and not which: the log of commits outlives what is forgotten.
            store.commit(forget_id, changes.add, changes.remove, info={"forgotten": forgotten.responses})
        return forgotten


def _keys(snapshot: Snapshot, names: Sequence[str], where: str | None) -> list[int]:
    """The keys of the responses that are meant, each once."""

    def asked(cursor: duckdb.DuckDBPyConnection) -> list[int]:
        named, nobodys = exchange.keys(cursor, names)
        if nobodys:
            raise exchange.not_found(cursor, nobodys, snapshot.path)
        if where is None:
            return sorted(named)
        session.check_condition(cursor, where)
        fitting = {key for (key,) in cursor.execute(sql.text("fitting", where=where.strip())).fetchall()}
        return sorted(fitting & named if names else fitting)

    # Locked as for any question: a condition can read the store and no other file.
    files = {table: snapshot.files(table) for table in TABLES}
    connection = session.connect(files)
    try:
        with explained_of({"--where": where}, "completions", TABLES["completions"].names):
            return _answered(connection, asked, snapshot.path, files)
    finally:
        connection.close()


def _answered(
    connection: duckdb.DuckDBPyConnection,
    question: Callable[[duckdb.DuckDBPyConnection], list[int]],
    store: str,
    files: session.Files,
) -> list[int]:
    try:
        with session.said_plainly():
            return session.run(connection, question)
    except session.SqlError as error:
        if file := session.damaged(error, files):
            raise damage.sentence(store, file) from error
        raise

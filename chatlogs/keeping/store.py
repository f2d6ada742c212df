"""Tables that outlive an ingest: one Delta table per table, which is also a plain folder of Parquet.

The rule: readers see whole ingests only. And whenever no ingest is running, what lies in a table's folder
is exactly the table, so `read_parquet('STORE/completions/*.parquet')` is right without chatlogs.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chatlogs.errors import StoreError, verify_command
from chatlogs.keeping import deltas, locks, recovery, staging
from chatlogs.keeping.deltas import CHILDREN, LEDGER, Added, Change
from chatlogs.keeping.snapshot import Snapshot
from chatlogs.keeping.staging import StagedFile, Staging, known_table
from chatlogs.schema import TABLES
from chatlogs.version import version

if TYPE_CHECKING:
    from deltalake import DeltaTable

T = TypeVar("T")

LOCK_TIMEOUT = 300.0
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|s3:/")


class Store:
    """A folder of tables. Get one from Store.open or Store.create; one Store serves many threads."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = locks.FileLock(os.path.join(path, ".lock"))

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """The store at `path`; StoreError when there is none, or one of another format.

        What a killed ingest left is finished or undone first, unless a living one is committing just now.
        Where that fails (a read-only or full disk) the store can still be read; the next commit says why.
        """
        store = cls(_folder(path))
        store.snapshot()
        if recovery.needed(store.path):
            store._recover_if_free()
        return store

    @classmethod
    def create(cls, path: str | Path) -> Store:
        """The store at `path`, as `open` gives it; made, with all tables empty, when it is not there yet.

        StoreError when the folder holds anything else: a store shares its folder with nothing.
        """
        store, is_made = cls.place(path)
        if not is_made:
            store.make()
        return store

    @classmethod
    def place(cls, path: str | Path) -> tuple[Store, bool]:
        """The store at `path`, as `open` gives it, and whether it is made; if not, its folder is there for `make`.

        StoreError as in `create`.
        """
        store = cls(_folder(path))
        deltas.check_path(store.path)
        deltas.check_folder(store.path)
        if deltas.is_made(store.path):
            return cls.open(store.path), True
        try:
            os.makedirs(store.path, exist_ok=True)
            strangers = {name for name in os.listdir(store.path) if not name.startswith(".")} - set(TABLES)
        except OSError as error:
            raise store._unmade(error) from error
        if strangers:
            raise StoreError(f"{store.path} holds other things ({min(strangers)}): name a new folder.")
        return store, False

    def make(self) -> None:
        """Make all tables, empty; they may be there already, or some of them."""
        try:
            with self.lock():
                deltas.make_tables(self.path)
        except deltas.failures() as error:
            raise self._unmade(error) from error

    def _unmade(self, error: BaseException) -> StoreError:
        return StoreError(f"cannot make a store at {self.path}: {staging.reason(error)}.")

    def discard_unused(self) -> None:
        """Remove the store if nothing was ever read into it and nobody is about to."""
        with suppress(StoreError, OSError), self.lock(0):
            is_unused = not deltas.is_made(self.path) or len(self.snapshot().files(LEDGER)) == 1
            if is_unused and not staging.leftovers(self.path):
                shutil.rmtree(self.path)

    def snapshot(self) -> Snapshot:
        """All tables as of the last whole ingest."""
        return Snapshot(self.path, deltas.open_ledger(self.path))

    def files(self, table: str) -> list[str]:
        """Absolute paths of a table's files as of now; for several tables at once, ask one snapshot()."""
        return self.snapshot().files(table)

    def read(self, ask: Callable[[Snapshot], T]) -> T:
        """What `ask` returns for a snapshot; asked again, once, when a commit deleted files under it.

        `ask` must have read all it needs when it returns: a lazy frame is read too late.
        """
        snapshot = self.snapshot()
        try:
            return ask(snapshot)
        except Exception:
            if snapshot.whole():
                raise
        return ask(self.snapshot())

    @contextmanager
    def lock(self, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
        """Hold the right to commit; StoreError when another keeps it for `timeout` seconds. May be nested.

        What a killed ingest left is finished or undone before anything else happens.
        """
        try:
            taken = self._lock.acquire(timeout)
        except OSError as error:
            raise StoreError(f"cannot write to {self.path}: {staging.reason(error)}.") from error
        if not taken:
            holder = self._lock.holder()
            process = f" (process {holder})" if holder else ""
            raise StoreError(f"another ingest{process} is committing to {self.path}; try again when it is done.")
        try:
            recovery.recover(self.path)
            yield
        finally:
            self._lock.release()

    def staging(self, ingest_id: str) -> Staging:
        """A place for the files of one ingest; use it as a context manager."""
        return Staging(self.path, ingest_id)

    def commit(
        self,
        ingest_id: str,
        add: Mapping[str, Sequence[StagedFile]],
        remove: Mapping[str, Sequence[str]] | None = None,
        *,
        info: Mapping[str, Any] | None = None,
    ) -> int:
        """The ledger's version when all of this is in; StoreError, and nothing of it, when it cannot be.

        Takes the lock unless it is held; hold it from the snapshot on that `remove` was chosen from. An
        ingest that is already in changes nothing. Files without rows are left out.
        """
        for table in (*add, *(remove or ())):
            known_table(table)
        with self.lock():
            snapshot = self.snapshot()
            if snapshot.has(ingest_id):
                return snapshot.version
            changes = {table: self._change(snapshot, table, add, remove or {}) for table in TABLES}
            intent = recovery.Intent(
                ingest_id,
                {child: snapshot.version_of(child) for child in CHILDREN},
                {table: change for table, change in changes.items() if change.adds or change.removes},
                {"ingest_id": ingest_id, "chatlogs": version(), **(info or {})},
            )
            return self._carry_out(intent, snapshot.newest)

    def _recover_if_free(self) -> None:
        try:
            if not self._lock.acquire(0):
                return
        except OSError:
            return
        try:
            recovery.recover(self.path)
        except StoreError:
            pass  # a snapshot is right without it; whoever commits or verifies is told
        finally:
            self._lock.release()

    def _change(
        self,
        snapshot: Snapshot,
        table: str,
        add: Mapping[str, Sequence[StagedFile]],
        remove: Mapping[str, Sequence[str]],
    ) -> Change:
        staged = [file for file in add.get(table, ()) if file.rows]
        gone = {os.path.basename(path) for path in remove.get(table, ())}
        if not staged and not gone:
            return Change()
        if snapshot.disturbed(table):
            raise StoreError(
                f"another program changed {table} of {self.path}, so that nothing can be added: "
                f"{verify_command(self.path)} tells more; read the logs into a new store."
            )
        live = {os.path.basename(path): size for path, (_, size) in snapshot.sizes(table).items()} if gone else {}
        if not gone <= live.keys() - {deltas.SCHEMA_FILE}:
            raise StoreError(f"files of {table} in {self.path} were replaced by another ingest: begin again.")
        adds = [Added(os.path.basename(f.path), os.path.relpath(f.path, self.path), f.size, f.stats) for f in staged]
        return Change(adds, {name: live[name] for name in gone})

    def _carry_out(self, intent: recovery.Intent, newest: Mapping[str, DeltaTable]) -> int:
        try:
            recovery.write_intent(self.path, intent)
            return recovery.carry_out(self.path, intent, newest)
        except BaseException as error:
            undone = recovery.undo(self.path, intent)
            if not isinstance(error, (recovery.MissingFile, *deltas.failures())):
                raise
            state = "the store is as it was" if undone else "the commit will be finished when the store is opened next"
            raise StoreError(f"cannot commit to {self.path}: {staging.reason(error)}; {state}.") from error


def _folder(path: str | Path) -> str:
    """The absolute path of a store's folder; StoreError for what names none."""
    if not os.fspath(path):
        raise StoreError("the path of the store is empty, maybe a variable that is not set: name a folder.")
    if _URL.match(os.fspath(path)):
        raise StoreError(f"{path} is no folder: a store lies on a local disk; only logs are read from s3://.")
    return os.path.abspath(path)

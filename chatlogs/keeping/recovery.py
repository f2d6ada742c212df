"""A commit over all tables, as an intent that anyone can carry out or undo.

Delta has no transaction over several tables. So what is to happen is first written down whole (the
intent), then done step by step, the ledger last. The rule: every step may be done twice. A commit is
"write the intent, carry it out"; recovery after a kill is "carry out the intent that is there".
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from chatlogs.errors import StoreError, verify_command
from chatlogs.keeping import deltas, parquet, staging
from chatlogs.keeping.deltas import CHILDREN, LEDGER, Change

if TYPE_CHECKING:
    from deltalake import DeltaTable

_INTENT = ".intent.json"


class Intent(msgspec.Struct, frozen=True):
    """One commit, written down before it begins; `versions` are those of the tables before it."""

    ingest_id: str
    versions: dict[str, int]
    changes: dict[str, Change]
    info: dict[str, Any]

    @property
    def mark(self) -> str:
        return mark(self.ingest_id)


class MissingFile(Exception):
    """A file of an intent is neither in staging nor in its table."""


def mark(ingest_id: str) -> str:
    """What a commit of this ingest is known by in the state of each table."""
    return f"ingest:{ingest_id}"


def write_intent(store: str, intent: Intent) -> None:
    """Write the intent down, whole and on disk; from here on anyone can finish the commit."""
    path = os.path.join(store, _INTENT)
    with open(f"{path}.tmp", "wb") as file:
        file.write(msgspec.json.encode(intent))
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.tmp", path)
    parquet.sync(store)


def carry_out(store: str, intent: Intent, newest: Mapping[str, DeltaTable] | None = None) -> int:
    """The ledger's version when all of the intent is done; steps already done are recognised and left.

    MissingFile, before anything is committed, when a staged file is gone. The lock must be held, and have been when
    the tables in `newest` were opened; others are opened here.
    """
    _move(store, intent)
    versions, opened = dict(intent.versions), newest or {}

    def commit(table: str, others: Mapping[str, int]) -> int:
        change = intent.changes.get(table, Change())
        return deltas.commit(store, table, intent.mark, change, intent.info, others, opened.get(table))

    for table in CHILDREN:
        if table in intent.changes:
            versions[table] = commit(table, {})
    ledger = commit(LEDGER, versions)
    for table, change in intent.changes.items():
        _unlink(os.path.join(store, table, name) for name in change.removes)
    _forget(store, intent)
    for table in {*intent.changes, LEDGER}:
        deltas.checkpoint(store, table, ledger if table == LEDGER else versions[table])
    return ledger


def undo(store: str, intent: Intent) -> bool:
    """Whether the store is as it was before the intent; False when part is committed and must go on."""
    if any(deltas.is_in(deltas.open_table(store, table), intent.mark) for table in {*intent.changes, LEDGER}):
        return False
    for table, change in intent.changes.items():
        _unlink(os.path.join(store, table, added.name) for added in change.adds)
    _forget(store, intent)
    return True


def recover(store: str) -> None:
    """Finish or undo what a killed process left, then remove its staging. The lock must be held.

    StoreError when neither is possible: the disk is full, or files were deleted from outside.
    """
    try:
        intent = pending(store)
        if intent is not None:
            _finish_or_undo(store, intent)
        staging.sweep(store)
    except deltas.failures() as error:
        why = staging.reason(error)
        raise StoreError(
            f"an interrupted commit to {store} cannot be finished: {why}; once that is put right, "
            "it is finished when the store is opened next."
        ) from error


def pending(store: str) -> Intent | None:
    """The intent that is there: of a commit at work, or of one that was interrupted."""
    path = os.path.join(store, _INTENT)
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=Intent)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"{path} is damaged, and nothing can be committed to this store while it is there: remove it, and "
            f"{verify_command(store)} tells whether the store is whole."
        ) from error


def needed(store: str) -> bool:
    """Whether there is anything to recover, or an ingest is at work."""
    return os.path.exists(os.path.join(store, _INTENT)) or staging.leftovers(store)


def _finish_or_undo(store: str, intent: Intent) -> None:
    try:
        carry_out(store, intent)
    except MissingFile as error:
        if not undo(store, intent):
            raise StoreError(
                f"{store} is damaged: {error} was deleted in the middle of a commit; read the logs into a new store."
            ) from error


def _move(store: str, intent: Intent) -> None:
    for table, change in intent.changes.items():
        for added in change.adds:
            target = os.path.join(store, table, added.name)
            try:
                os.rename(os.path.join(store, added.staged), target)
            except FileNotFoundError:
                if not os.path.exists(target):
                    raise MissingFile(target) from None
        parquet.sync(os.path.join(store, table))


def _forget(store: str, intent: Intent) -> None:
    # First the intent, then the staging it names: staging without an intent is swept by the next one
    # who comes, an intent without its staging would have to be undone.
    _unlink(os.path.join(store, name) for name in (_INTENT, f"{_INTENT}.tmp"))
    parquet.sync(store)
    shutil.rmtree(os.path.join(store, staging.FOLDER, intent.ingest_id), ignore_errors=True)


def _unlink(paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

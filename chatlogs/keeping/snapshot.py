"""What a store holds at one moment: versions and files of its tables.

The rule: a snapshot never changes, so all that is asked of one fits together.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from chatlogs.errors import StoreError
from chatlogs.keeping import deltas, recovery
from chatlogs.keeping.deltas import LEDGER
from chatlogs.keeping.staging import known_table
from chatlogs.schema import TABLES

if TYPE_CHECKING:
    from deltalake import DeltaTable


class Snapshot:
    """All tables as of the last whole ingest; it stays the same whatever is committed later.

    A later commit may delete files of this snapshot that it replaced: readers that meet a missing file
    take a new snapshot and begin again, as Store.read does.
    """

    def __init__(self, path: str, ledger: DeltaTable) -> None:
        self.path = path
        self.version = ledger.version()
        self.newest: dict[str, DeltaTable] = {LEDGER: ledger}  # The tables as they were when this was taken, or later.
        self._handles: dict[str, DeltaTable] = {LEDGER: ledger}
        self._versions: dict[str, int | None] = {}

    def version_of(self, table: str) -> int:
        """The Delta version of a table in this snapshot."""
        if table == LEDGER:
            return self.version
        if table not in self._versions:
            self._versions[table] = deltas.recorded_version(self._handles[LEDGER], known_table(table))
        version = self._versions[table]
        if version is None:
            raise StoreError(
                f"the ledger of {self.path} does not know the table {table}: the store is damaged; "
                "read the logs into a new store."
            )
        return version

    def files(self, table: str) -> list[str]:
        """Absolute paths of a table's files: never an empty list, as one of them has no rows."""
        return [os.path.join(self.path, table, name) for name in deltas.file_names(self._handle(table))]

    def sizes(self, table: str) -> dict[str, tuple[int, int]]:
        """Rows and bytes of each of a table's files, by absolute path, as the Delta log tells."""
        import pyarrow as pa

        actions = pa.table(self._handle(table).get_add_actions())
        columns = [actions[name].to_pylist() for name in ("path", "num_records", "size_bytes")]
        return {os.path.join(self.path, table, name): (rows, size) for name, rows, size in zip(*columns, strict=True)}

    def has(self, ingest_id: str) -> bool:
        """Whether this ingest is in."""
        return deltas.is_in(self._handles[LEDGER], recovery.mark(ingest_id))

    @property
    def ingests(self) -> list[dict[str, Any]]:
        """What each commit said of itself, newest first: ingest_id, chatlogs (its version), and what was added.

        For people, not for decisions: it is Delta's history, which other programs may trim; `has` is exact.
        """
        told = [entry.get("chatlogs") or {} for entry in self._handles[LEDGER].history()]
        return [entry for entry in told if "ingest_id" in entry]

    def whole(self) -> bool:
        """Whether every file of this snapshot is still there."""
        return all(os.path.exists(path) for table in TABLES for path in self.files(table))

    def disturbed(self, table: str) -> bool:
        """Whether the table has other files than the last whole ingest left; take and ask under the lock."""
        if table not in self.newest:
            self.newest[table] = deltas.open_table(self.path, table)
        newest = self.newest[table]
        if newest.version() == self.version_of(table):
            self._handles[table] = newest
            return False
        return deltas.file_names(newest) != deltas.file_names(self._handle(table))

    def _handle(self, table: str) -> DeltaTable:
        if table not in self._handles:
            self._handles[table] = deltas.open_table(self.path, table, self.version_of(table))
        return self._handles[table]

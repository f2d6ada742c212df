"""The store that an ingest reads into, which may have to be made first."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

from chatlogs.keeping.store import Store
from chatlogs.moving import ledger
from chatlogs.moving.ledger import Row

if TYPE_CHECKING:
    from chatlogs.keeping.snapshot import Snapshot


class Target:
    """The store to read into. A new one is made beside the first blocks, which can be read without it."""

    def __init__(self, store: Store, beside: Executor, is_made: bool) -> None:
        self.store, self._beside = store, beside
        self._is_made = is_made
        self._making: Future[None] | None = None
        self._ledger: dict[str, list[Row]] = {}

    def seen(self) -> dict[int, Row]:
        """What has been read, as far as that is known now: before the commit it is looked at again."""
        return self.ledger(self.store.snapshot()) if self._is_made else {}

    def ledger(self, snapshot: Snapshot) -> dict[int, Row]:
        """What has been read by then; of the files only those are looked at that have come since the last time."""
        return ledger.read_ledger(snapshot, self._ledger)

    def begin(self) -> None:
        """Let the store be made, if it is not."""
        if not self._is_made and self._making is None:
            self._making = self._beside.submit(self.store.make)

    def made(self) -> Store:
        """The store, once it is there; StoreError when it could not be made."""
        self.begin()
        if self._making is not None:
            self._making.result()
        self._is_made = True
        return self.store

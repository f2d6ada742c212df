"""Logs in, a store out: what is new in them is read into it, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from chatlogs.errors import SourceError
from chatlogs.keeping import damage
from chatlogs.keeping.staging import Staging
from chatlogs.keeping.store import Store
from chatlogs.moving.attempt import Attempt, Options, Progress
from chatlogs.moving.readings import ChangedError
from chatlogs.moving.target import Target
from chatlogs.reading.asked import CONTAINERS, CONTENTS, Asked, check
from chatlogs.reading.blocks import BLOCK_BYTES
from chatlogs.reading.pipes import spooled
from chatlogs.reading.sources import Source, find
from chatlogs.tally import IngestReport

_TRIES = 5


def ingest(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | Path,
    *,
    container: str | None = None,
    content: str = "keep",
    chunks: bool = False,
    logprobs: bool = False,
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Read the logs into the store, which is made when it is not there; only what is new in them is added.

    paths: files, folders, globs, these in "s3://" too, or "-" for standard input. container: one of asked.CONTAINERS,
    when its shape does not tell it. content: "keep" texts, "hash" them, or "none". chunks, logprobs: fill these tables
    too. progress: called with bytes read and their total, where known. Raises SourceError, StoreError or OptionError,
    and then the store is as it was. Bad lines do not raise: see the report's `rejects`, and its `balanced`.
    """
    started = time.monotonic()
    asked = Asked(None if container is None else check("container", container, CONTAINERS), chunks, logprobs)
    check("content", content, tuple(CONTENTS))
    found = find(paths)
    options = Options(asked, content, block_bytes, threads or max(2, os.cpu_count() or 2), progress)
    is_new = not os.path.exists(store)
    target, is_made = Store.place(store)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="chatlogs-store") as beside, damage.told(target):
            return _read_into(Target(target, beside, is_made), found, options, started)
    except BaseException:
        if is_new:
            target.discard_unused()
        raise


def _read_into(target: Target, found: Sequence[Source], options: Options, started: float) -> IngestReport:
    with contextlib.ExitStack() as held:
        if any(source.is_read_once for source in found):  # once, for all tries
            found = spooled(found, held.enter_context(_staging(target)).folder)
        for tries_left in reversed(range(_TRIES)):
            with _staging(target) as staging:
                attempt = Attempt(target, staging, found, options)
                try:
                    attempt.read()
                except ChangedError:  # Rotated just now: what comes under new names is found by the next ingest.
                    if not tries_left:
                        raise
                    continue
                if attempt.commit():
                    return attempt.report(time.monotonic() - started)
    raise SourceError("other ingests of the same logs kept changing the store; try again")


def _staging(target: Target) -> Staging:
    return target.store.staging(f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}")

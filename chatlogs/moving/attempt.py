"""One attempt of an ingest: everything that is new is read into staging, and committed whole or not at all.

The driver reads and orders; the work on a block is a pure function that a pool of threads runs.
"""

from __future__ import annotations

import dataclasses
import itertools
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chatlogs.keeping.staging import Staging
from chatlogs.moving import ledger
from chatlogs.moving.knownlogs import Known, KnownLogs, hash_of
from chatlogs.moving.ledger import Row
from chatlogs.moving.questions import Questions, find_questions
from chatlogs.moving.readings import Reading
from chatlogs.moving.target import Target
from chatlogs.moving.unexpected import Unexpected
from chatlogs.reading.asked import Asked
from chatlogs.reading.blocks import BLOCK_BYTES, WIDE_BLOCK_BYTES
from chatlogs.reading.lines import Block
from chatlogs.reading.opening import side_by_side
from chatlogs.reading.sources import Source
from chatlogs.tally import IngestReport

if TYPE_CHECKING:
    from chatlogs.moving.resolve import Changes
    from chatlogs.normalizing.defects import Read

# The engine is imported where it is used: an ingest that finds nothing new has no need of it.

Progress = Callable[[int, int | None], None]
_SMALL_BYTES = 1 << 19
_FOLDS_WELL = 6  # records a response


@dataclass(frozen=True)
class Options:
    """How the logs are to be read, and what is kept of them."""

    asked: Asked
    content: str
    block_bytes: int
    threads: int
    progress: Progress | None

    def asked_of_rows(self) -> list[str]:
        """The options by which a log gives other rows, as they are spelled on the command line."""
        content = [f"--content {self.content}"] if self.content != "keep" else []
        return content + ["--chunks"] * self.asked.chunks + ["--logprobs"] * self.asked.logprobs


class Attempt:
    """Reads everything that is new into staging, then commits under the lock."""

    def __init__(self, target: Target, staging: Staging, sources: Sequence[Source], options: Options) -> None:
        self.target, self.staging, self.sources, self.options = target, staging, sources, options
        self.seen = target.seen()
        self.readings: list[Reading] = []
        self.now = datetime.now(UTC)
        self.committed = False
        sizes = [source.stored_size for source in sources]
        self.questions = Questions()
        self.unexpected = Unexpected()
        self.total = None if None in sizes else sum(size or 0 for size in sizes)
        self.done = 0

    def read(self) -> None:
        """Everything that is new, as staged files."""
        blocks = self._blocks()
        first = next(blocks, None)
        if first is None:
            return
        from chatlogs.moving.writer import Writer
        from chatlogs.normalizing import defects

        options = self.options
        self.questions = find_questions(self.sources)
        asked = self.questions.beside(options.asked)
        with ThreadPoolExecutor(options.threads, thread_name_prefix="chatlogs") as pool:
            self.writer = Writer(self.staging, pool, self.now, logprobs=options.asked.logprobs, content=options.content)
            pending: deque[tuple[Reading, Block, Future[Read]]] = deque()
            try:
                for reading, block in itertools.chain([first], blocks):
                    while pending and block is None:
                        self._take(*pending.popleft())
                    if block is None:
                        continue
                    while len(pending) >= options.threads + 1:
                        self._take(*pending.popleft())
                    # The engine needs some time to begin; few lines are read sooner one by one.
                    fast = block.size > _SMALL_BYTES
                    ours = reading.asked(asked)
                    pending.append((reading, block, pool.submit(defects.read, block, fast=fast, asked=ours)))
                    self.target.begin()
                while pending:
                    self._take(*pending.popleft())
                self.staged = self.writer.finish()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _blocks(self) -> Iterator[tuple[Reading, Block | None]]:
        """The blocks to read, source by source; None asks to finish with all that came before."""
        known = KnownLogs(ledger.known(row) for row in self.seen.values())
        now = KnownLogs()  # read in this run
        buffers: list[mmap.mmap] = []
        starts = side_by_side(ledger.head, self.sources)
        heads = [hash_of(start) for start in starts]
        looked_up = [ledger.look_up(source, head, known) for source, head in zip(self.sources, heads, strict=True)]
        places = {
            match.source_key: source.path
            for source, (match, _) in zip(self.sources, looked_up, strict=True)
            if match is not None and source.path is not None
        }
        for source, start, head, (match, is_known) in zip(self.sources, starts, heads, looked_up, strict=True):
            later, is_same = ledger.look_up(source, head, now)
            before: Reading | None = None
            if later is not None and (match is None or later.size > match.size):
                match, is_known = later, is_same
                if not is_known:
                    key = later.source_key
                    before = next(r for r in reversed(self.readings) if r.source_key == key and r.reader)
                    yield before, None
                    match = self._void_unfinished(before, later)
            if match is None:
                longer = (ledger.is_begin_of(source, head, logs, places) for logs in (known, now))
                match = next((log for log in longer if log is not None), None)
                is_known = match is not None
            key = match.source_key if match else known.new_key(head)
            known.keys.add(key)
            reading = Reading(source, match, key, start, is_later=before is not None)
            self.readings.append(reading)
            if is_known:
                reading.nothing_new = True
                self._progress(source.stored_size or 0)
                continue
            for block in self._blocks_of(reading, before, buffers):
                yield reading, block
            now.add(reading.known_now())

    def _blocks_of(self, reading: Reading, before: Reading | None, buffers: list[mmap.mmap]) -> Iterator[Block]:
        """The blocks of what is new in one log; `before` read, in this run, what the log begins with."""
        from chatlogs.normalizing.layout import is_document

        asked = self.options.asked
        reader = reading.open(before, self.options.block_bytes, buffers, logprobs=asked.logprobs)
        as_lines, as_whole = asked.container in ("jsonl", "sse"), asked.container == "json"
        yield from reader.blocks(is_document=None if as_lines else (lambda _: True) if as_whole else is_document)
        reading.close()

    def _void_unfinished(self, before: Reading, match: Known) -> Known:
        """Where to go on with a log that a log of this very run is the beginning of."""
        if before.unfinished is None:
            return match
        self.writer.drop_reject(before.source_key, before.unfinished)
        return dataclasses.replace(match, resume_offset=before.unfinished)

    def _take(self, reading: Reading, block: Block, future: Future[Read]) -> None:
        read = future.result()
        assert reading.assembler is not None and reading.reader is not None
        line_base, responses, records = reading.line_base, 0, 0
        for part, partials in read.parts:
            end = part.offset + part.size
            settled = reading.assembler.add(partials, line_base=line_base, end=end, last=part.last)
            reading.responses += len(settled["completions"])
            self.writer.add(reading.name, reading.source_key, settled)
            self.writer.add_rejects(reading.name, reading.source_key, partials.rejects, line_base)
            line_base += partials.physical_lines
            responses += len(partials.tables["completions"])
            records += partials.counts.records
        reading.take(block, [partials for _, partials in read.parts], self.options.asked.container)
        self.unexpected.take(reading.name, read)
        self._progress(block.size)
        reading.reader.release(block)
        if self.options.block_bytes == BLOCK_BYTES and responses * _FOLDS_WELL < records:
            reading.reader.widen(WIDE_BLOCK_BYTES)

    def _progress(self, count: int) -> None:
        self.done += count
        if self.options.progress is not None:
            self.options.progress(self.done, self.total)

    def commit(self) -> bool:
        """Commit what was staged; False when another ingest changed what this one relied on."""
        fresh = [reading for reading in self.readings if not reading.nothing_new]
        store = self.target.made()
        if not fresh:
            return True
        from chatlogs.moving import resolve

        with store.lock():
            snapshot = store.snapshot()
            ledger_now = self.target.ledger(snapshot)
            if self._overtaken(ledger_now, fresh):
                return False
            numbers = ledger.numbers(ledger_now, [reading.source_key for reading in fresh])
            bodies = {key for key, row in ledger_now.items() if row["container"] == "sse"}
            bodies |= {reading.source_key for reading in fresh if reading.container == "sse"}
            stored = [reading.known for reading in fresh if reading.known is not None and not reading.is_later]
            again = {log.source_key: log.resume_offset for log in stored if log.resume_offset < log.size}
            differ = self.writer.ids_differ()
            changes = resolve.resolve(
                snapshot, self.staging, self.staged, numbers=numbers, bodies=bodies, again=again, ids_differ=differ
            )
            written = self._ledger_rows(ledger_now, fresh, numbers, changes)
            resolve.replace_ledger(snapshot, self.staging, changes, ledger_now, written)
            store.commit(self.staging.ingest_id, changes.add, changes.remove)
            self.committed = True
        return True

    def _ledger_rows(
        self, ledger_now: Mapping[int, Row], fresh: Sequence[Reading], numbers: Mapping[int, int], changes: Changes
    ) -> list[Row]:
        """The rows of `sources` to write: of the logs that were read, and of those with stored responses that go."""
        rows = dict(ledger_now)
        for reading in fresh:
            key = reading.source_key
            void = 0 if reading.is_later else changes.void[key]
            reading.take_back(void, is_line=reading.is_later or key in changes.lines)
            reading.settle(changes.duplicates[key], changes.continued[key])
            row = reading.ledger_row(rows[key] if reading.known else None, self.staging.ingest_id, self.now)
            rows[key] = row | {"log_number": numbers[key]}
        told = ledger.count_dropped(rows, changes.dropped)
        return [rows[key] for key in dict.fromkeys([*(reading.source_key for reading in fresh), *told])]

    def _overtaken(self, ledger_now: Mapping[int, Row], fresh: Sequence[Reading]) -> bool:
        """Whether another ingest has meanwhile read a log that one of ours is, or begins with, or is begun by."""
        keys = {reading.source_key for reading in fresh}
        changed = [row for key, row in ledger_now.items() if self.seen.get(key) != row]
        return any(
            row["source_key"] in keys or any(ledger.is_about(row, r.source, r.head) for r in fresh) for row in changed
        )

    def report(self, seconds: float) -> IngestReport:
        read = {reading.source_key: reading.container for reading in self.readings if not reading.nothing_new}
        containers = {key: row["container"] for key, row in self.seen.items()} | read
        counts = [
            reading.count(self.seen.get(reading.source_key), containers[reading.source_key])
            for reading in self.readings
        ]
        ingest_id = self.staging.ingest_id if self.committed else None
        notes = [*self.questions.notes, *self._left_as_they_are(), *self.unexpected.notes()]
        return IngestReport(self.target.store.path, ingest_id, counts, seconds, notes)

    def _left_as_they_are(self) -> Iterator[str]:
        """What was asked for and is not done to logs that the store has already."""
        asked = self.options.asked_of_rows()
        if asked and any(reading.known for reading in self.readings):
            yield (
                f"what the store has of these logs already stays as it was read then: for {' and '.join(asked)}, "
                "read them into a new store"
            )

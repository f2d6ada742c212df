"""A block of bytes in, Arrow tables of pieces out.

Pure and picklable: the same bytes give the same tables in any thread, process or machine.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.normalizing import careful, mendedrows, oddrows, parted
from chatlogs.normalizing.folding import chunkrows, chunks, fold, probabilities, stored
from chatlogs.normalizing.folding.groups import NEVER
from chatlogs.normalizing.folding.streams import Streams
from chatlogs.normalizing.layout import UNFINISHED, is_document, read_together, read_whole
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.records.piece import Piece
from chatlogs.normalizing.tables import columns
from chatlogs.normalizing.tables.partials import PIECES, Partials, no_pieces
from chatlogs.normalizing.unwrapping import capturedlines, chunktexts, timed, times, wrapped
from chatlogs.normalizing.yields import body_of, conform, partials_of, rejects_of
from chatlogs.reading.asked import FRAMES, Asked
from chatlogs.reading.exported import TYPED
from chatlogs.reading.lines import BLANK, NO_TRANSCRIPT, OBJECT, ODD, Block, Lines, scan
from chatlogs.tally import Counts

_worker = threading.local()
TAKEN = 4  # the kind of a line that has been read already
_SAMPLE = 16  # lines that tell whose export a log is
_MAY_END = np.isin(np.arange(256), list(b"} \t\r"))


def normalize(block: Block, *, fast: bool = True, asked: Asked = PLAINLY) -> Partials:
    """What the block's lines say of each response, what they could not say, and the count of both.

    fast=False sends every record down the careful path; the yield is the same.
    """
    found = careful.Found(asked)
    if block.offset == 0 and block.last and _may_be_document(block, asked) and (form := read_whole(block, found)):
        return _document(block, found, form)
    lines = scan(block)
    if asked.mixed:
        _leave_bodies(lines)
    _set_typed_lines_aside(lines)
    parts = parted.read(lines, found)
    lines.kind[[line for numbers in parts for line in numbers]] = TAKEN
    worded = timed.mark(lines, found.arrivals)
    if asked.mixed:
        _leave_bodies(lines)
    if asked.wrapper is None:
        capturedlines.show(lines, found.arrivals)
    fast = fast and not asked.each_record
    _set_cut_lines_aside(lines)
    texts = chunktexts.read(lines) if fast and asked.wrapper is None else chunktexts.ChunkTexts()
    found.arrivals |= texts.times
    found.ignorable.update(texts.nothing)
    bare = partial(normalize_bare, asked=Asked(chunks=asked.chunks, logprobs=asked.logprobs))
    held = [*texts.held, *texts.nothing]
    lines.kind[held] = TAKEN
    more, taken = wrapped.read(lines, asked, bare) if fast else ([], [])
    lines.kind[held] = OBJECT
    if found.arrivals or worded:
        timed.show(lines, [*found.arrivals, *worded])
        _set_cut_lines_aside(lines)
    return _normalized(lines, found, more, [*taken, *(numbers[0] for numbers in parts)], texts, fast=fast)


def normalize_bare(lines: Lines, arrivals: dict[int, str], *, asked: Asked = PLAINLY) -> Partials:
    """The same of lines that are no wrappers, wherever in a block they stand; arrivals: when some of them came."""
    _set_cut_lines_aside(lines)
    found = careful.Found(asked, arrivals=arrivals)
    return _normalized(lines, found, [], [], chunktexts.ChunkTexts(), fast=True)


def _normalized(
    lines: Lines,
    found: careful.Found,
    more: Sequence[dict[str, pa.Table]],
    taken: list[int],
    texts: chunktexts.ChunkTexts,
    *,
    fast: bool,
) -> Partials:
    """The yield of the lines, of which some were taken already, with more tables; texts: the chunks some hold."""
    lines.kind[taken] = TAKEN
    if fast and bool(np.any(lines.kind == OBJECT)):
        tables = _read_fast(lines, found, texts)
    else:
        for line in np.flatnonzero(lines.kind == OBJECT).tolist():
            careful.read_one(lines, line, found)
        _read_odd(lines, found)
        tables = no_pieces()
    lines.kind[taken] = OBJECT
    if more:
        tables = {name: pa.concat_tables([tables[name], *(part[name] for part in more)]) for name in PIECES}
    slow = list(careful.folded(lines, found.pieces))
    partials = partials_of(lines, _with(tables, lines, slow, found), found)
    partials.exact = {len(lines) + i: placed.exact for i, placed in enumerate(slow) if placed.exact is not None}
    return partials


def _may_be_document(block: Block, asked: Asked) -> bool:
    return asked.container == "json" or (
        asked.container not in FRAMES and is_document(memoryview(block.data)[: block.size])
    )


def _leave_bodies(lines: Lines) -> None:
    """Take the lines of bodies for lines of their own, which are parted by their ids."""
    lines.transcript[:], lines.bodies_closed = NO_TRANSCRIPT, 0


def _set_cut_lines_aside(lines: Lines) -> None:
    """Lines that end before their last brace are no JSON: SQL, which reads all or nothing, need not find out."""
    data = np.frombuffer(lines.block.data, np.uint8)
    last = data[np.maximum(lines.end - 1, 0)]
    lines.kind[(lines.kind == OBJECT) & ~_MAY_END[last]] = ODD


def _set_typed_lines_aside(lines: Lines) -> None:
    """Lines of a database that writes numbers as objects are for the careful path; in its exports all are such."""
    records = np.flatnonzero(lines.kind == OBJECT)
    if any(TYPED in lines.text(line) for line in records[:: max(1, len(records) // _SAMPLE)].tolist()):
        lines.kind[[line for line in records.tolist() if TYPED in lines.text(line)]] = ODD


def _with(
    tables: dict[str, pa.Table], lines: Lines, slow: list[careful.Placed], found: careful.Found
) -> dict[str, pa.Table]:
    """The tables with the responses of the careful path."""
    if not slow:
        return tables
    transcripts = {i: offset for i, p in enumerate(slow) if (offset := body_of(lines, p)) is not None}
    pieces = (placed.piece for placed in slow)
    added = columns.tables(pieces, first=len(lines), transcripts=transcripts, logprobs=found.asked.logprobs)
    return {name: pa.concat_tables([tables[name], added[name]]) for name in PIECES}


def _document(block: Block, found: careful.Found, form: str) -> Partials:
    """The yield of a source that is JSON, or YAML, laid out over lines: each of its texts counts as one line."""
    lines = scan(block)
    lines.kind[:] = BLANK
    lines.transcript[:] = NO_TRANSCRIPT
    unfinished = _mark_open_text(block, found) if form == "json" else None
    rejects = len(found.left)
    records = found.lines - rejects - found.ignorable_more
    counts = Counts(found.lines, 0, found.ignorable_more, records, rejects, found.repaired)
    tables = _with(no_pieces(), lines, list(careful.folded(lines, found.pieces)), found)
    return Partials(
        tables, rejects_of(lines, found), counts, physical_lines=len(lines), unfinished=unfinished, container=form
    )


def _mark_open_text(block: Block, found: careful.Found) -> int | None:
    """The offset of a last text that ends before its last bracket: it may be whole when the log grows."""
    last = found.left[-1] if found.left else None
    if found.open is not None or last is None or last.reject.reason != "not_json":
        return found.open
    if last.offset - block.offset + len(last.text) < len(bytes(memoryview(block.data)[: block.size]).rstrip()):
        return None
    found.left[-1] = replace(last, reject=UNFINISHED)
    return last.offset


def _read_fast(lines: Lines, found: careful.Found, texts: chunktexts.ChunkTexts) -> dict[str, pa.Table]:
    con = _connection()
    shown, tokens = texts.shown(lines), None
    if not found.asked.logprobs:
        shown, tokens = probabilities.apart(shown)
    facts = fold.read(con, shown)
    facts.tokens, facts.is_apart = tokens, shown is not lines
    facts.leave_completions_of(texts.held)
    mended = _mended(con, lines, facts, found)
    for line in facts.odd:
        if line not in mended.lines:
            careful.read_one(lines, line, found)
    _read_odd(lines, found, mended.lines)
    streams, told = _fold_streams(con, lines, facts, mended, found)
    careful.untangle(lines, found)
    parts = [*(_logged(stored.completions(rows, facts.tokens), found) for rows in facts.stored), *streams]
    tables = no_pieces()
    for name in ("completions", "choices", "tool_calls", "chunks"):
        conformed = [conform(name, part[name], lines) for part in parts if name in part]
        tables[name] = pa.concat_tables([tables[name], *conformed])
    return oddrows.beside(tables, told)


def _logged(part: dict[str, pa.Table], found: careful.Found) -> dict[str, pa.Table]:
    """The tables of stored completions; one with a time before it was there when it was logged."""
    if not found.arrivals:
        return part
    responses = part["completions"]
    lines, ended = pa.array(found.arrivals, pa.int64()), times.moments(pa.array(found.arrivals.values(), pa.string()))
    at = pc.index_in(responses["line_number"].combine_chunks().cast(pa.int64()), lines)
    return part | {"completions": responses.append_column("ended_at", ended.take(at))}


def _fold_streams(
    con: duckdb.DuckDBPyConnection,
    lines: Lines,
    facts: fold.Facts,
    mended: mendedrows.Mended,
    found: careful.Found,
) -> tuple[list[dict[str, pa.Table]], dict[int, Piece]]:
    """The streams that can be folded in columns, and what else odd chunks tell of them, by their first lines.

    The chunks of all other streams come to what the careful path found.
    """
    if facts.streams is None:
        return [], {}
    odd, taken = oddrows.rows_of(found.pieces, lines.block.offset + lines.begin)
    if taken or mended.lines:
        facts.streams = Streams(chunks.of(pa.concat_tables([facts.streams.chunks.table, odd, mended.table])))
        found.pieces = [placed for placed in found.pieces if placed.piece.line_number not in taken]
    folded, rest = fold.folded(con, lines, facts, found.streams, _kept(lines, found, taken))
    found.repaired += len(mended.lines.difference(record.first_line for record in rest))
    left = [record.first_line for record in rest if record.first_line in taken]
    others = [record for record in rest if record.first_line not in taken]
    found.pieces += [taken.pop(line) for line in left]  # first: they may stand between lines of the others
    careful.read(lines, others, found)
    spans = {first: span for part in folded if "chunks" in part for first, span in chunkrows.spans(part["chunks"])}
    return folded, oddrows.told(facts.streams, taken, spans)


def _kept(lines: Lines, found: careful.Found, taken: Mapping[int, careful.Placed]) -> chunkrows.Kept:
    """Of which chunks a row is kept; taken: the odd ones, by line."""
    arrived = np.full(len(lines), NEVER)
    written = pa.array(found.arrivals.values(), pa.string())
    arrived[list(found.arrivals)] = times.moments(written).fill_null(NEVER)
    for line, placed in taken.items():
        for chunk in placed.piece.chunks:
            arrived[line] = chunk.arrived_at or NEVER
    return chunkrows.Kept(found.asked.chunks, arrived)


def _connection() -> duckdb.DuckDBPyConnection:
    if not hasattr(_worker, "con"):
        _worker.con = fold.connect()
    con: duckdb.DuckDBPyConnection = _worker.con
    return con


def forget_connection() -> None:
    """Let the thread's next block have an engine of its own."""
    if hasattr(_worker, "con"):
        _worker.con.close()
        del _worker.con


def _mended(con: duckdb.DuckDBPyConnection, lines: Lines, facts: fold.Facts, found: careful.Found) -> mendedrows.Mended:
    """The rows of damaged lines that are plain once they are mended."""
    if facts.streams is None:
        return mendedrows.Mended()
    odd = [*facts.odd, *np.flatnonzero(lines.kind == ODD).tolist()]
    return mendedrows.read(con, lines, [line for line in odd if line not in found.arrivals])


def _read_odd(lines: Lines, found: careful.Found, done: Collection[int] = ()) -> None:
    odd = np.flatnonzero(lines.kind == ODD).tolist()
    for line in odd:
        if line not in done:
            careful.read_one(lines, line, found)
    # Records stand next to each other, however the lines begin that hold them.
    read = [line for line in odd if line not in found.rejects and line not in found.ignorable]
    lines.kind[[line for line in read if lines.kind[line] == ODD]] = OBJECT
    read_together(lines, found)
    careful.look_ahead(lines, found)

"""A block on which chatlogs itself fails: the lines it fails on are set aside, and the others are read.

A defect of ours on one line among millions must not cost a user the log. The block is halved until what fails stands
alone; that is rejected whole, and told. Blocks of any size give the same rows, so the rest is what it would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from chatlogs.errors import ChatlogsError
from chatlogs.normalizing import careful
from chatlogs.normalizing.normalize import forget_connection, normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.tables.partials import Partials, no_pieces
from chatlogs.normalizing.yields import partials_of
from chatlogs.reading.asked import Asked
from chatlogs.reading.blocks import border
from chatlogs.reading.decoding import Reject
from chatlogs.reading.lines import BLANK, OBJECT, PADDING, Block, scan

_FEW_BYTES = 1 << 16  # read line by line before they are halved further, in case only the fast path fails
_MOST = 16  # texts of a block that may be set aside; where more fail, it is not the lines
_NO_DEFECTS = (ChatlogsError, MemoryError, OSError, ImportError, duckdb.OutOfMemoryException, duckdb.IOException)


@dataclass
class Read:
    """What came of a block: the yields of its parts, in order; one of all of it where nothing failed.

    error: what failed first. aside: how many texts were set aside for it.
    """

    parts: list[tuple[Block, Partials]]
    error: Exception | None = None
    aside: int = 0

    def failed(self, error: Exception) -> None:
        """Note that a part could not be read; raises what is no defect, but a matter of the caller or the machine."""
        if isinstance(error, _NO_DEFECTS):
            raise error
        self.error = self.error or error
        forget_connection()  # of an engine that failed it is not known what it does next


def read(block: Block, *, fast: bool = True, asked: Asked = PLAINLY) -> Read:
    """As normalize reads the block; what this fails on is rejected, for the reason `unexpected`.

    Raises what normalize raises of the caller's or the machine's doing; and where it fails on many lines.
    """
    found = Read([])
    _read(block, fast, asked, found)
    return found


def _read(block: Block, fast: bool, asked: Asked, found: Read) -> None:
    try:
        found.parts.append((block, normalize(block, fast=fast, asked=asked)))
        return
    except Exception as error:
        found.failed(error)
        failed = error
    if fast and block.size <= _FEW_BYTES:
        _read(block, False, asked, found)
    elif middle := _middle(block):
        for begin, end in ((0, middle), (middle, block.size)):
            data = bytes(memoryview(block.data)[begin:end]) + bytes(PADDING)
            is_last = block.last and end == block.size
            _read(Block(block.source, data, end - begin, block.offset + begin, is_last), fast, asked, found)
    else:
        found.parts.append((block, _rejected(block, failed, found)))


def _middle(block: Block) -> int:
    """Where the block can be halved; 0 when it is one line."""
    data, size = bytes(memoryview(block.data)[: block.size]), block.size
    places = (border(data, size // 2), data.rfind(b"\n", 0, size // 2) + 1, data.find(b"\n", size // 2) + 1)
    return next((place for place in places if 0 < place < size), 0)


def _rejected(block: Block, error: Exception, found: Read) -> Partials:
    """The yield of a line that says nothing but that it could not be read."""
    found.aside += 1
    if found.aside > _MOST:
        raise error
    lines = scan(block)
    lines.kind[lines.kind != BLANK] = OBJECT
    reject = Reject("unexpected", f"{type(error).__name__}: {error}")
    rejects = {line: reject for line in range(len(lines)) if lines.kind[line] != BLANK}
    return partials_of(lines, no_pieces(), careful.Found(asked=PLAINLY, rejects=rejects))

"""Texts that wrappers hold in, lines of a block of their own out: bodies that were logged as strings."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from chatlogs.normalizing.unwrapping.cells import Cells
from chatlogs.reading.lines import PADDING, Block, Lines, scan

text_of = msgspec.json.Decoder(str).decode
"""What a JSON string says, quotes and all."""


def texts_of(cells: Cells) -> list[bytes]:
    """What these strings say, each of which is there."""
    view = memoryview(cells.structure.lines.block.data)
    return [text_of(view[at:end]).encode() for at, end in zip(cells.start.tolist(), cells.end.tolist(), strict=True)]


def in_one_line(text: bytes) -> bytes:
    """The JSON object that is the text, without line ends; nothing where it is not sure to be one."""
    text = text.strip(b" \t\r\n")
    if text[:1] != b"{" or text[-1:] != b"}":
        return b""
    if b"\n" in text or b"\r" in text:
        try:
            return msgspec.json.format(text, indent=-1)
        except ValueError:
            return b""
    return text


def lines_of(texts: Iterable[bytes]) -> Lines:
    """The lines of these texts, of which each begins a line."""
    data = b"".join([*(part for text in texts for part in (text, b"\n")), bytes(PADDING)])
    return scan(Block("", data, len(data) - PADDING, last=False))

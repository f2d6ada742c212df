"""Texts in base64, as queues, gateways and recorders write the bodies that go through them: the texts in them out."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from chatlogs.reading.decoding import SIZE_LIMIT

# How JSON objects and lists, SSE bodies and gzip begin in base64; of what else begins so, little is base64 to its end.
_BEGINS = ("eyI", "eyJ", "eyA", "ewo", "ew0", "W3s", "WyA", "Wwo", "ZGF0YTo", "ZXZlbnQ6", "H4sI")
MARKS = tuple(f'"{begin}'.encode() for begin in _BEGINS)
"""One of these is in every line that holds such a text."""
_COMPRESSED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_PLAIN = re.compile(r"[A-Za-z0-9+/=\s]*")


def opened(value: object) -> object:
    """The text that base64 of JSON, SSE or gzip holds; anything else as it is."""
    if isinstance(value, str) and is_encoded(value) and (text := unbase64(value)) is not None:
        return text
    return value


def is_encoded(text: str) -> bool:
    """Whether the text looks like base64 of JSON, SSE or gzip: tokens of JSON have dots in them."""
    return text.startswith(_BEGINS) and _PLAIN.fullmatch(text) is not None


def unbase64(value: object) -> str | None:
    """The text that base64 holds, over one line or many, as it is, gzip or deflate; None when it holds none."""
    if not isinstance(value, str) or value[:1] in ("", "{", "[", "<", " "):
        return None
    try:
        data = base64.b64decode("".join(value.split()), validate=True)
        if data.startswith(_COMPRESSED):
            data = zlib.decompressobj(wbits=47).decompress(data, SIZE_LIMIT)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return data.decode("utf-8", "replace")

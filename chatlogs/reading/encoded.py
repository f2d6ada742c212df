"""Bodies that are no text, as queues, gateways and recorders write what goes through them: the texts in them out.

In base64, in hexadecimal digits, as lists of bytes; compressed, too, in the ways that HTTP has.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from chatlogs.reading.decoding import SIZE_LIMIT

# How JSON objects and lists, SSE bodies, gzip and zstd begin in base64; of what else begins so, little is base64 to its
# end.
_BEGINS = ("eyI", "eyJ", "eyA", "ewo", "ew0", "W3s", "WyA", "Wwo", "ZGF0YTo", "ZXZlbnQ6", "H4sI", "KLUv/")
MARKS = tuple(f'"{begin}'.encode() for begin in _BEGINS)
"""One of these is in every line that holds such a text."""
_ZLIB = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_ZSTD = b"\x28\xb5\x2f\xfd"
_TEXTS = (b"{", b"[", b"data:", b"event:", b":", b" ", b"\n", b"\r\n")  # how bodies begin
_PLAIN = re.compile(r"[A-Za-z0-9+/=\s]*")
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,}")


def opened(value: object) -> object:
    """The text that base64 of JSON, SSE, gzip or zstd holds, or a list of bytes; anything else as it is."""
    value = of_bytes(value)
    if isinstance(value, str) and is_encoded(value) and (text := unbase64(value)) is not None:
        return text
    return value


def is_encoded(text: str) -> bool:
    """Whether the text looks like base64 of JSON, SSE, gzip or zstd: tokens of JSON have dots in them."""
    return text.startswith(_BEGINS) and _PLAIN.fullmatch(text) is not None


def unbase64(value: object) -> str | None:
    """The text that base64 holds, over one line or many, compressed or not; None when it holds none."""
    if not isinstance(value, str) or value[:1] in ("", "{", "[", "<", " "):
        return None
    try:
        return _text_of(base64.b64decode("".join(value.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


def unhex(value: object) -> str | None:
    """The text that hexadecimal digits hold, or a list of them, as nock records what was compressed; or None."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "".join(value)
    return _text_of(bytes.fromhex(value)) if isinstance(value, str) and _HEX.fullmatch(value) else None


def of_bytes(value: object) -> object:
    """The text that is given as a list of its bytes, also as a Buffer of Node.js; anything else as it is."""
    listed = value.get("data") if isinstance(value, dict) and value.get("type") == "Buffer" else value
    if not isinstance(listed, list) or not listed or type(listed[0]) is not int:
        return value
    try:
        text = _text_of(bytes(listed))
    except (TypeError, ValueError):
        return value
    return value if text is None else text


def _text_of(data: bytes) -> str | None:
    """The text that the bytes are, as they are or compressed; None where they are damaged."""
    if data.startswith(_ZLIB):
        try:
            data = zlib.decompressobj(wbits=47).decompress(data, SIZE_LIMIT)
        except zlib.error:
            return None
    elif data.startswith(_ZSTD):
        return None if (found := _decompressed(data, "zstd")) is None else found.decode("utf-8", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        found = _decompressed(data, "brotli")  # which has no mark of its own
        is_text = found is not None and found.startswith(_TEXTS)
        return (found if found is not None and is_text else data).decode("utf-8", "replace")


def _decompressed(data: bytes, codec: str) -> bytes | None:
    """What the bytes hold, as far as one record may be long; None where they are not of the codec."""
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
            return bytes(stream.read(SIZE_LIMIT))
    except (pa.ArrowException, OSError, ValueError):
        return None

"""One JSON text in, its value out, however it was damaged; or the reason why not.

Exact first (msgspec), then patient: NaN and Infinity are null, integers of any length are exact, and
harmless damage is repaired: trailing commas, byte order marks, UTF-16, NULs around the text, raw control
characters in strings, bytes that are not UTF-8, Python's own way to print an object. Of duplicate keys the
first wins, as it does in DuckDB.
Linear in the length of the text, and never an exception.
"""

from __future__ import annotations

import codecs
import itertools
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chatlogs.reading.printed import looks_printed, read_printed

DEPTH_LIMIT = 512
SIZE_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a line gives nothing: a reason of errors.REJECT_REASONS, and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A JSON value; `repaired` when it was read only after a repair, `flags` as in schema.FLAGS."""

    value: Any
    repaired: bool = False
    flags: frozenset[str] = frozenset()


class Repaired(dict[str, Any]):
    """An object within a record that was read only after a repair, so that a response that it is can say so."""


@dataclass(slots=True)
class _Notes:
    repaired: bool = False
    flags: set[str] = field(default_factory=set)


_NOT_EXACT = object()
_skipped = msgspec.json.Decoder(msgspec.Raw).decode
_BOM = codecs.BOM_UTF8
# Possessive, and taking an unclosed string to the end, so that no text is gone through twice.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING, re.DOTALL)
_TRAILING_COMMA = re.compile(f"({_STRING.decode()})|,(?=\\s*[\\]}}])", re.DOTALL)
_BEFORE_CLOSE = re.compile(r",(?=\s*[\]}])")
_CONTROL = re.compile(r"[\x00-\x1f]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_CSV = re.compile(r'(?:^|,)"\s*[\[{]\s*""')
_COLOURS_BEFORE = re.compile(rb"(?:\x1b\[[\d;]{0,20}m\s*)+")
_COLOURS_BEHIND = re.compile(rb"(?:\s*\x1b\[[\d;]{0,20}m)+\Z")
_FEW = 80  # bytes in which a terminal's colours stand
_LONGEST_INT = 4000  # digits; Python refuses to read longer ones, they are kept as text


def decode(raw: bytes) -> Decoded | Reject:
    """The value of one JSON text, or a Reject."""
    if len(raw) > SIZE_LIMIT:
        return Reject("too_large", f"The text has {len(raw):,} bytes; the limit for one record is {SIZE_LIMIT:,}.")
    if too_deep(raw):
        return Reject("too_deep", f"The text nests deeper than {DEPTH_LIMIT} levels.")
    value = _exact(raw)
    if value is not _NOT_EXACT:
        return Decoded(value)
    notes = _Notes()
    text = _text(raw, notes)
    if isinstance(text, Reject):
        return text
    # What is exact only without commas was no JSON with them, so that other repairs need not be tried.
    mended, _ = _drop_trailing_commas(text)
    if notes.repaired or mended != text:
        value = _exact(mended.encode("utf-8", "surrogatepass"))
        if value is not _NOT_EXACT:
            return Decoded(value, True, frozenset(notes.flags))
    return _patient(text, notes)


def repair(raw: bytes) -> tuple[bytes, frozenset[str]] | None:
    """The text with harmless damage mended, and flags; None where nothing was. It is for the caller to see whether
    it is JSON now: then it says what `decode` would have made of it, if it has no key twice."""
    if len(raw) > SIZE_LIMIT:
        return None
    notes = _Notes()
    text = _text(raw, notes)
    if isinstance(text, Reject):
        return None
    mended, _ = _drop_trailing_commas(text)
    if not notes.repaired and mended == text:
        return None
    try:
        return mended.encode(), frozenset(notes.flags)
    except UnicodeEncodeError:
        return None


def decode_text(text: str) -> Decoded | Reject:
    """The value of a JSON text that is already a string; half surrogate pairs stay as they are."""
    return decode(text.encode("utf-8", "surrogatepass"))


def without_colours(text: bytes | bytearray) -> bytes | bytearray:
    """The text without the colours of a terminal, and the white space, around it."""
    text = text.strip(b" \t\r\n")
    if text[:1] == b"\x1b" and (before := _COLOURS_BEFORE.match(text)):
        text = text[before.end() :]
    if text[-1:] == b"m" and (behind := _COLOURS_BEHIND.search(text, max(0, len(text) - _FEW))):
        text = text[: behind.start()]
    return text


def is_exact(raw: bytes) -> bool:
    """Whether the text is JSON to the letter."""
    try:
        _skipped(raw)
    except (ValueError, RecursionError):
        return False
    return True


def is_begun(raw: bytes) -> bool:
    """Whether the text is JSON to its end, and only more of it is missing there."""
    if len(raw) > SIZE_LIMIT or too_deep(raw):
        return False
    try:
        text = raw.decode().rstrip()
        json.loads(text)
    except json.JSONDecodeError as error:
        in_string = error.msg.startswith("Unterminated string") and "\n" not in text[error.pos :]
        return in_string or error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def _exact(raw: bytes) -> Any:
    """The value of a text that is JSON to the letter and has no key twice; else _NOT_EXACT."""
    try:
        value = msgspec.json.decode(raw)
        # Each key ends in `":`. If fewer of them come back, a key was there twice and msgspec kept the last.
        if raw.count(b'":') == msgspec.json.encode(value).count(b'":'):
            return value
    except (ValueError, RecursionError, OverflowError):  # msgspec's own errors are ValueErrors
        pass
    return _NOT_EXACT


def too_deep(raw: bytes) -> bool:
    """Whether the text nests deeper than DEPTH_LIMIT; an interpreter's own limit differs from version to version."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_LIMIT:
        return False
    brackets = _STRINGS.sub(b"", raw).translate(None, _NO_BRACKETS)
    return max(itertools.accumulate(map(_STEP.__getitem__, brackets)), default=0) > DEPTH_LIMIT


def _text(raw: bytes, notes: _Notes) -> str | Reject:
    """The bytes as text: UTF-8, with surrogates or broken bytes in it, or UTF-16."""
    if raw.startswith(_BOM):
        raw, notes.repaired = raw[len(_BOM) :], True
    if b"\x00" in raw:
        if not raw.strip(b"\x00 \t\r\n"):
            return Reject("not_json", "The line holds only NUL bytes.")
        wide = _utf16(raw)
        if wide is not None:
            notes.repaired = True
            return wide
        bare = raw.strip(b"\x00 \t\r\n")
        notes.repaired |= b"\x00" in raw[: raw.find(bare)] or b"\x00" in raw[raw.find(bare) + len(bare) :]
        raw = bare
    try:
        return raw.decode()
    except UnicodeDecodeError:
        notes.repaired = True
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        notes.flags.add("invalid_unicode")
        return raw.decode("utf-8", _ESCAPE)


def _utf16(raw: bytes) -> str | None:
    """The text of UTF-16, of which cutting at LF bytes may have left a NUL at an end; None if it is none."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = "utf-16-le" if raw.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
        raw = raw[2:]
    elif raw[:1] == b"\x00" != raw[1:2] and raw[2:3] == b"\x00":
        name = "utf-16-le" if len(raw) % 2 else "utf-16-be"
        raw = raw[1:] if len(raw) % 2 else raw
    elif raw[:1] != b"\x00" == raw[1:2] == raw[3:4]:
        name = "utf-16-le"
    else:
        return None
    raw = raw[: len(raw) & ~1]
    try:
        return raw.decode(name, "surrogatepass").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


_ESCAPE = "chatlogs.escape"


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Surrogates as they are, other bytes as \\xNN in the string that holds them."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    at = error.start
    three = error.object[at : at + 3]
    if len(three) == 3 and three[0] == 0xED and 0xA0 <= three[1] <= 0xBF and 0x80 <= three[2] <= 0xBF:
        return three.decode("utf-8", "surrogatepass"), at + 3
    return "".join(f"\\\\x{byte:02x}" for byte in error.object[at : error.end]), error.end


codecs.register_error(_ESCAPE, _escape)


def _patient(text: str, notes: _Notes) -> Decoded | Reject:
    """Try the text as it is, then with harmless damage repaired."""
    reject: Reject | None = None
    for repair in (_as_is, _allow_control_characters, _drop_trailing_commas, _drop_doubled_braces):
        mended, strict = repair(text)
        if reject is not None and mended == text and (strict or not _CONTROL.search(text)):
            continue  # that was tried already
        flags: set[str] = set()
        try:
            value = _loads(mended, flags, strict=strict)
        except RecursionError:
            return Reject("too_deep", "The text nests deeper than can be read.")
        except ValueError as error:
            reject = reject or _why(error, text, "invalid_unicode" in notes.flags)
            continue
        repaired = notes.repaired or repair is not _as_is
        return Decoded(value, repaired, frozenset(notes.flags | flags))
    printed = read_printed(text, notes.flags)
    if printed is not None:
        return Decoded(printed, True, frozenset(notes.flags))
    return reject or Reject("not_json", "The line is not JSON.")


def _as_is(text: str) -> tuple[str, bool]:
    return text, True


def _allow_control_characters(text: str) -> tuple[str, bool]:
    return text, False


def _drop_trailing_commas(text: str) -> tuple[str, bool]:
    return _without_trailing_commas(text).rstrip().rstrip(","), False


def _drop_doubled_braces(text: str) -> tuple[str, bool]:
    """An object in the braces of a template, `{{"id": ...}}`, as vLLM logs the bodies of its responses."""
    bare = text.strip()
    return (bare[1:-1], True) if bare.startswith("{{") and bare.endswith("}}") else (text, True)


def _without_trailing_commas(text: str) -> str:
    found = _BEFORE_CLOSE.search(text)
    if found is None:
        return text
    if "\\" in text:
        return _TRAILING_COMMA.sub(lambda found: found[1] or "", text)
    kept, done, quotes = [], 0, 0
    while found is not None:
        at = found.start()
        quotes += text.count('"', done, at)
        kept.append(text[done : at + quotes % 2])  # a comma in a string stays
        done = at + 1
        found = _BEFORE_CLOSE.search(text, done)
    return "".join([*kept, text[done:]])


def _why(error: ValueError, text: str, broken_bytes: bool) -> Reject:
    detail = "The line is not JSON"
    if looks_printed(text):
        detail += " but what Python prints of an object: log the text of model_dump_json() or json.dumps() instead"
    elif _CSV.search(text):
        detail += " but CSV: export the table as JSON Lines instead"
    elif isinstance(error, json.JSONDecodeError):
        message = error.msg.removesuffix(" at")
        detail += f": {message[:1].lower()}{message[1:]} at character {error.pos + 1}"
    if broken_bytes:
        return Reject("not_utf8", f"{detail}, and it holds bytes that are not UTF-8.")
    return Reject("not_json", f"{detail}.")


def _loads(text: str, flags: set[str], *, strict: bool) -> Any:
    def constant(_: str) -> None:
        flags.add("non_finite_number")

    def real(numeral: str) -> float | None:
        value = float(numeral)
        if math.isfinite(value):
            return value
        flags.add("non_finite_number")
        return None

    return json.loads(
        text, strict=strict, parse_constant=constant, parse_float=real, parse_int=_int, object_pairs_hook=_first_wins
    )


def _int(numeral: str) -> int | str:
    return int(numeral) if len(numeral) <= _LONGEST_INT else numeral


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found

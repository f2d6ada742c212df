"""A run of lines alike, cut into the fragments of its text, so that any stretch of it can be read as one chunk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FIELDS = ("content", "reasoning_content", "reasoning", "refusal", "arguments")
_BEFORE = tuple(f'"{name}":{blank}"'.encode() for blank in ("", " ") for name in _FIELDS)
_PADDING = re.compile(rb'"obfuscation": ?"')
_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+')


@dataclass(frozen=True)
class Fragments:
    """What the lines say before, in and behind their text."""

    before: bytes
    fragments: Sequence[bytes]
    behind: bytes

    def text(self, begin: int, end: int) -> bytes | None:
        """The JSON of these lines as one chunk; None where each may repeat the text of the one before."""
        said = [fragment for fragment in self.fragments[begin:end] if fragment]
        if len(said) > 1 and len(said[1]) > len(said[0]) and said[1].startswith(said[0]):
            return None
        return self.before + b"".join(self.fragments[begin:end]) + self.behind


def fragments(texts: Sequence[bytes], joined: bytes | None) -> Fragments | None:
    """The fragments of lines that are alike but for one text; `joined` is the JSON with all of it. None if unsure."""
    for pattern in _BEFORE if joined is not None else ():
        at = texts[0].find(pattern)
        found = _cut(texts, joined or b"", at + len(pattern)) if at >= 0 else None
        if found is not None:
            return found
    return None


def _cut(texts: Sequence[bytes], joined: bytes, start: int) -> Fragments | None:
    first = texts[0]
    before, rest = first[:start], first[_TEXT.match(first, start).end() :]  # type: ignore[union-attr]
    if _PADDING.search(rest):
        return _cut_padded(texts, joined, start)
    found = [text[start : len(text) - len(rest)] for text in texts]
    whole = before + b"".join(found)
    alike = all(text.startswith(before) and text.endswith(rest) for text in texts)
    return Fragments(before, found, rest) if alike and joined == whole + rest else None


def _cut_padded(texts: Sequence[bytes], joined: bytes, start: int) -> Fragments | None:
    """Lines whose random padding differs stand in `joined` without it."""
    before = texts[0][:start]
    ends = [_TEXT.match(text, start).end() for text in texts]  # type: ignore[union-attr]
    found = [text[start:end] for text, end in zip(texts, ends, strict=True)]
    whole = before + b"".join(found)
    behind = joined[len(whole) :]
    padding = _PADDING.search(behind)
    if not joined.startswith(whole) or behind[:1] != b'"' or padding is None:
        return None
    middle, tail = behind[: padding.end()], behind[padding.end() :]
    for text, end in zip(texts, ends, strict=True):
        if not (text.startswith(before) and text.startswith(middle, end) and text.endswith(tail)):
            return None
    return Fragments(before, found, behind)

"""What escapes in strings mean is what JSON says they mean, wherever in a block they stand."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from chatlogs.normalizing.scanning.escapes import Escapes
from chatlogs.normalizing.scanning.words import Words
from chatlogs.reading.lines import WINDOW, Block

CHARS = st.sampled_from('aé漢😀\x00\x1f\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff\\"/\b\f\n\r\tu0') | st.characters(
    exclude_categories=["Cs"]
)


@st.composite
def strings(draw: st.DrawFn) -> bytes:
    """A JSON string without its quotes, in which any character may be written as an escape."""
    return b"".join(_written(char, draw(st.integers(0, 3))) for char in draw(st.lists(CHARS, max_size=20)))


def _written(char: str, how: int) -> bytes:
    wide = json.dumps(char)[1:-1] if ord(char) > 0x7F else f"\\u{ord(char):04x}"
    if how == 0:
        return wide.encode()
    if how == 1:
        return "".join(f"\\u{part[2:].upper()}" if part else "" for part in _parts(wide)).encode()
    if char == "/":
        return b"\\/"
    return json.dumps(char, ensure_ascii=False)[1:-1].encode()


def _parts(wide: str) -> list[str]:
    """The escapes of a character, of which it has two where it is beyond \\uffff."""
    return [wide[at : at + 6] for at in range(0, len(wide), 6)]


def texts(strings: list[bytes], before: bytes = b"") -> list[str]:
    """What the strings mean that stand in a block, each in its quotes."""
    block = Block.of(before + b"".join(b'"' + string + b'"\n' for string in strings))
    length = np.array([len(string) for string in strings], np.int64)
    start = len(before) + 1 + np.append(0, np.cumsum(length + 3)[:-1]).astype(np.int64)
    found: list[str] = Escapes(Words(block), block.size).texts(start, start + length).to_pylist()
    return found


@given(st.lists(strings(), min_size=1, max_size=12))
@example(
    [
        rb"\ud83d\ude00\uD83D\uDE00",
        rb"\\u0041\\\u0041",
        rb"\\\\",
        rb"a\n\u000a\"",
        b"",
        rb"\u0000\u007F\u0080\u07ff\uFFFF",
    ]
)
def test_escapes_mean_what_json_says(strings: list[bytes]) -> None:
    assert texts(strings) == [json.loads(b'"' + string + b'"') for string in strings]


@given(strings(), st.integers(0, 12))
def test_escapes_at_the_border_of_two_windows_are_read(string: bytes, shift: int) -> None:
    """The block is looked through in windows, and an escape may begin in one and end in the next."""
    before = b"x" * (WINDOW - shift - 1)
    assert texts([string], before) == [json.loads(b'"' + string + b'"')]

"""What is read of many places at once is what the bytes there say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlogs.normalizing.scanning.words import Words
from chatlogs.reading.lines import Block

FEW = st.lists(st.sampled_from([b"ab", b"\\", b'"', b"90", b"\n"]), max_size=200).map(b"".join)
BYTES = st.binary(min_size=1, max_size=400) | FEW


@st.composite
def places(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int]]]:
    """Some bytes, and where parts of them begin and end."""
    data = draw(BYTES)
    border = st.integers(0, len(data))
    return data, [(min(pair), max(pair)) for pair in draw(st.lists(st.tuples(border, border), max_size=20))]


def arrays(borders: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    both = np.array(borders, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


@given(places(), st.sampled_from(b'\\"a9'))
def test_a_byte_is_found_where_it_stands(drawn: tuple[bytes, list[tuple[int, int]]], byte: int) -> None:
    data, borders = drawn
    found = Words(Block.of(data)).contain(*arrays(borders), byte)
    assert found.tolist() == [byte in data[start:end] for start, end in borders]


def test_short_texts_at_the_end_beside_long_ones() -> None:
    data = b"x" * 400 + b'"'
    start = np.array([0, 399, 400, 401])
    assert Words(Block.of(data)).contain(start, np.array([400, 400, 401, 401]), ord('"')).tolist() == [0, 0, 1, 0]


@given(places(), st.data())
def test_equal_texts_are_told_from_others(drawn: tuple[bytes, list[tuple[int, int]]], data: st.DataObject) -> None:
    text, borders = drawn
    wanted = text[slice(*data.draw(st.sampled_from(borders or [(0, 0)])))]
    start = [min(start, len(text) - len(wanted)) for start, _ in borders]
    found = Words(Block.of(text)).equal(np.array(start, np.int64), wanted)
    assert found.tolist() == [text[at : at + len(wanted)] == wanted for at in start]


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 17, 300])
def test_places_that_all_hold_the_text(length: int) -> None:
    text = bytes(ord("a") + place % 26 for place in range(length))
    block = Words(Block.of(b"|".join([text] * 5)))
    start = np.arange(5) * (length + 1)
    assert block.equal(start, text).all()
    if length:
        assert not block.equal(start, text[:-1] + b"|").any()
        assert block.equal(start, text[:-1] + b"|").shape == (5,)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20))
def test_views_are_the_texts(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in encoded])
    views = Words(Block.of(b"".join(encoded))).views(ends - [len(text) for text in encoded], ends)
    assert views.to_pylist() == texts


@given(st.lists(st.integers(0, 10**16 - 1), min_size=1, max_size=20), st.sampled_from([b"", b"0", b"x", b"-"]))
def test_numbers_are_read(numbers: list[int], odd: bytes) -> None:
    texts = [b"%d" % number for number in numbers] + [odd, b"%d" % 10**16, b"007"]
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = ends - [len(text) for text in texts]
    words = Words(Block.of(b",".join(texts) + b","))
    good = words.are_numbers(starts, ends)
    assert good.tolist() == [True] * len(numbers) + [odd == b"0", False, False]
    assert words.numbers(starts[: len(numbers)], ends[: len(numbers)]).tolist() == numbers

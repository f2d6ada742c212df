"""How lines begin, or end: many of a log differ there in their digits only, and what is said of one holds for all.

A regular expression that treats all digits alike, and looks no further than such a text goes, is asked once a kind.
"""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chatlogs.normalizing.scanning.words import Words
from chatlogs.reading.lines import Ints

_Bytes = npt.NDArray[np.uint8]


def _alike(some: str) -> _Bytes:
    """For each byte the one that is taken for it: one for all of some."""
    bytes_ = np.arange(256, dtype=np.uint8)
    bytes_[list(some.encode())] = ord("0")
    return bytes_


DIGITS = _alike(string.digits)
LETTERS = _alike(string.digits + string.ascii_letters + "_-")  # and digits: what ids are made of


def kinds(words: Words, start: Ints, end: Ints, alike: _Bytes = DIGITS) -> tuple[Ints, Ints]:
    """Of which kind each text from start to end is, counted from 0, and for each kind the first text of it.

    alike: DIGITS, which all count as one, or LETTERS.
    """
    texts = words.views(start, end).cast(pa.string())
    _, offsets, data = texts.buffers()
    shown = pa.py_buffer(alike[np.frombuffer(data, np.uint8)]) if data else data
    coded = pa.Array.from_buffers(pa.binary(), len(texts), [None, offsets, shown]).dictionary_encode()
    of = coded.indices.to_numpy().astype(np.int64)
    first = np.empty(len(coded.dictionary), np.int64)
    first[of[::-1]] = np.arange(len(of))[::-1]
    return of, first

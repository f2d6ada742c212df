"""What Python prints of an object says what the object says, and nothing in it is run."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlogs.reading.decoding import Decoded, Reject, decode
from chatlogs.reading.printed import may_be_printed, read_printed

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner, min_size=1), max_leaves=10
)


class Printed(SimpleNamespace):
    """An object that prints itself as pydantic's do."""

    def __repr__(self) -> str:
        return f"Answer({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def as_object(value: Any) -> Any:
    """The value with an object for each dict whose keys can be names of fields."""
    if isinstance(value, list):
        return [as_object(item) for item in value]
    if isinstance(value, dict):
        inner = {name: as_object(item) for name, item in value.items()}
        return Printed(**inner) if value and all(name.isascii() and name.isidentifier() for name in value) else inner
    return value


@given(st.dictionaries(st.text(), VALUES, min_size=1))
def test_a_dict_says_the_same_printed(value: dict[str, Any]) -> None:
    assert read_printed(str(value), set()) == value


@given(st.dictionaries(st.sampled_from(["id", "choices", "usage", "model"]), VALUES, min_size=1))
def test_an_object_says_the_same_printed(value: dict[str, Any]) -> None:
    text = str(as_object(value))
    assert may_be_printed(text)
    assert read_printed(text, set()) == value
    assert read_printed(f"[{text}, {text}]", set()) == [value, value]


@given(st.text() | st.from_regex(r"[A-Z]\w{0,5}\(\w{1,3}=.{0,30}\)", fullmatch=True))
def test_no_text_makes_it_fail_or_warn(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(read_printed(text, set()), (dict, list, type(None)))


@pytest.mark.parametrize(
    "text",
    [
        "A(b=c)",
        "A(b=1 + 1)",
        "A(b=open('x').read())",
        "A(b=[x for x in y])",
        "A(b=lambda: 1)",
        "A(b=f'{c}')",
        "A(b=b'bytes')",
        "A(b=...)",
        "A(b=1, b=2)",
        "A(**{'b': 1})",
        "A(b=1",
        "A(b=<Colour.RED: 1>)",
        "{'a': {**b}}",
        "{'a': '\\d'}",
        "{'a', 'b'}",
        "{'a': " + "[" * 100_000,
        "A(b=" + "-" * 100_000 + "1)",
        "A(b=" + "9" * 10_000 + ")",
        "A(b=1); import os",
    ],
    ids=lambda text: text[:24],
)
def test_what_python_prints_of_no_object_is_none(text: str) -> None:
    assert read_printed(text, set()) is None


def test_what_is_no_json_is_null_or_its_text() -> None:
    flags: set[str] = set()
    text = "A(b=(1, 2), c=-inf, d=nan, e=datetime.date(2026, 1, 2), f=Decimal('0.1'), g=A(), h=-1.5)"
    assert read_printed(text, flags) == {
        "b": [1, 2], "c": None, "d": None, "e": "datetime.date(2026, 1, 2)", "f": "Decimal('0.1')", "g": {}, "h": -1.5,
    }  # fmt: skip
    assert flags == {"non_finite_number"}


def test_a_printed_line_is_a_repaired_one() -> None:
    assert decode(b"A(b='c')") == Decoded({"b": "c"}, repaired=True)
    assert decode(b"A(b=nan)") == Decoded({"b": None}, repaired=True, flags=frozenset({"non_finite_number"}))
    assert isinstance(decode(b"a(b='c')"), Reject)

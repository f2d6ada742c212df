"""Times read together are those that are read one by one; what is usual is read together."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlogs.normalizing.records.requests import duration_of, time_of
from chatlogs.normalizing.unwrapping.times import durations, times
from chatlogs.normalizing.unwrapping.times import moments as together
from chatlogs.values import moment

USUAL = {
    '"2026-10-01T00:00:00.451Z"': 1_790_812_800_451_000,
    '"2026-10-31T23:59:59.999999Z"': 1_793_491_199_999_999,
    '"2026-10-01 02:00:00+02:00"': 1_790_812_800_000_000,
    '"2026-10-01T00:00:00.451000"': 1_790_812_800_451_000,
    '"2026-10-01T00:00:00.451000999Z"': 1_790_812_800_451_000,
    "1790812800": 1_790_812_800_000_000,
    "1790812800.451": 1_790_812_800_451_000,
    "1790812800451": 1_790_812_800_451_000,
}
ODD = (
    '"2026-02-30T00:00:00Z"', '"2026-13-01T00:00:00Z"', '"2026-10-01T24:00:00Z"', '"2026-10-01T00:00:60Z"',
    '"2026-10-01T00:00:00.1234567Z"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59-14:00"', '"1790812800"', "0",
    "2.5", "99999999", "100000000",
    "-1", "1e9", "1790812800.0000000001", "99999999999", "123456789012345678901", "null", "true", '""', "{}", "NaN",
    '{"seconds":1790812800,"milliseconds":451}', '"2026-10-01T00:00:00\\u005a"', '"1970-01-01T00:00:00Z"',
    '"1970-01-01T00:00:00+01:00"', '"2024-02-29T12:00:00Z"', '"2026-10-01 00:00:00 UTC"', '"yesterday"',
)  # fmt: skip


@st.composite
def moments(draw: st.DrawFn) -> str:
    """Dates that may be, and some that may not, in many ways to write them."""
    two = st.integers(0, 62).map("{:02d}".format)
    day = f"{draw(st.integers(1969, 2101))}-{draw(two)}-{draw(two)}"
    fraction = draw(st.sampled_from(("", ".5", ".451", ".000001", ".123456", ".1234567", ".123456789", ".1234567891")))
    zone = draw(st.sampled_from(("", "Z", "+00:00", "-14:00", "+05:30", "+0530", "+15:00", "z")))
    return f'"{day}{draw(st.sampled_from("T t"))}{draw(two)}:{draw(two)}:{draw(two)}{fraction}{zone}"'


numerals = st.from_regex(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,10})?(e[0-9])?", fullmatch=True)


@pytest.mark.parametrize("part", USUAL)
def test_usual_times_are_read_together(part: str) -> None:
    assert times(pa.array([part])).to_pylist() == [USUAL[part]] == [time_of(json.loads(part))]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.one_of(moments(), numerals, st.sampled_from((*USUAL, *ODD))), min_size=1, max_size=20))
def test_times_read_together_are_those_read_one_by_one(parts: list[str]) -> None:
    for part, found in zip(parts, times(pa.array(parts)).to_pylist(), strict=True):
        assert found in (None, time_of(json.loads(part)))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.one_of(moments(), numerals, st.sampled_from((*USUAL, *ODD))), max_size=20))
def test_times_before_lines_are_read_as_one_by_one(parts: list[str]) -> None:
    texts = [part.strip('"') for part in parts]
    assert together(pa.array(texts, pa.string())).to_pylist() == [moment(text) for text in texts]


@pytest.mark.parametrize("unit", [1000, 1_000_000])
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.one_of(numerals, st.sampled_from(ODD)), min_size=1, max_size=20))
def test_durations_read_together_are_those_read_one_by_one(unit: int, parts: list[str]) -> None:
    for part, found in zip(parts, durations(pa.array(parts), unit).to_pylist(), strict=True):
        assert found in (None, duration_of(json.loads(part), unit))


def test_usual_durations_are_read_together() -> None:
    parts = pa.array(["0", "7", "12.5", "1234.5678", "0.0005"])
    assert durations(parts, 1000).to_pylist() == [0, 7000, 12_500, 1_234_568, 0]

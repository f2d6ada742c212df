"""Numbers that are none, or that no column holds: both paths say the same of them, to the letter, and tell."""

import pyarrow as pa
import pytest

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.tokens import unread_counts
from chatlogs.reading.lines import Block

NUMBERS = (
    "1e400", "-1e400", "NaN", "Infinity", "99999999999999999999", "9223372036854775808", "-5", "12", "12.0", "12.5",
    "1e3", "1e-3", "5.7e-06", "1.5e18", "12345678901234567.0", "0.0000015", "true", "[]", "{}", "null", "-0",
    '"12"', '"12.5"', '"1e3"', '"0x10"', '"1_000"', '"abc"', '""', "7" * 400, "7" * 5000,
)  # fmt: skip
PLACES = {
    "a count": '"usage":{"prompt_tokens":@,"completion_tokens":2}',
    "a detail": '"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":@}}',
    "a cost": '"usage":{"prompt_tokens":5,"cost":@}',
    "created": '"created":@',
    "an unknown field": '"trace":@',
    "an id": '"id":@',
    "an index": '"choices":[{"index":@,CHOICE]',
    "a reason": '"choices":[{"index":0,CHOICE,"finish_reason":@}]',
    "a text": '"choices":[{"index":0,PART:{"content":@}}]',
}
FEW_LINES = 40  # of each number: so many that the log is read in columns


def _line(place: str, number: str, at: int, form: str) -> bytes:
    fields = {
        "id": f'"id":"c{at}"',
        "object": f'"object":"{form}"',
        "created": '"created":1700000000',
        "choices": '"choices":[{"index":0,CHOICE,"finish_reason":"stop"}]',
        "usage": '"usage":null',
    }
    text = PLACES[place].replace("@", number)
    fields[text[1 : text.index('"', 1)]] = text
    part = '"delta"' if form.endswith("chunk") else '"message"'
    line = "{" + ",".join(fields.values()) + "}"
    end = "}" if place == "an index" else ""
    return line.replace("CHOICE", 'PART:{"role":"assistant","content":"hello"}' + end).replace("PART", part).encode()


@pytest.mark.parametrize("form", ["chat.completion", "chat.completion.chunk"])
@pytest.mark.parametrize("place", PLACES)
def test_both_paths_say_the_same_of_a_number(place: str, form: str) -> None:
    lines = [_line(place, number, at, form) for at, number in enumerate(NUMBERS * FEW_LINES)]
    block = Block.of(b"\n".join(lines) + b"\n")
    fast, careful = normalize(block), normalize(block, fast=False)
    assert fast.counts == careful.counts
    for table in ("completions", "choices"):
        assert _rows(fast.tables[table]) == _rows(careful.tables[table])


def _rows(table: pa.Table) -> list[str]:
    rows = table.drop_columns("piece").to_pylist()
    for row in rows:
        row["flags"] = sorted(set(row.get("flags") or ()) - {"no_id"})  # which is told later, of whole responses
    return sorted(map(str, rows))


@pytest.mark.parametrize(
    ("count", "flag"),
    [
        (12, None), (-5, None), (12.0, None), ("12", None), ("12.0", None), (None, None), (2**63 - 1, None),
        (2**63, "integer_out_of_range"), (-(2**63) - 1, "integer_out_of_range"), (1e30, "integer_out_of_range"),
        ("9" * 20, "integer_out_of_range"), ("9" * 5000, "integer_out_of_range"), (12.5, "count_unread"),
        ("12.5", "count_unread"), (0.001, "count_unread"), (True, "count_unread"), ([], "count_unread"),
        ({}, "count_unread"), ("", "count_unread"), ("0x10", "count_unread"),
    ],
)  # fmt: skip
def test_a_count_that_no_column_holds_is_told(count: object, flag: str | None) -> None:
    expected = set() if flag is None else {flag}
    assert unread_counts({"prompt_tokens": count}) == expected
    assert unread_counts({"prompt_tokens": 1, "completion_tokens_details": {"reasoning_tokens": count}}) == expected
    assert unread_counts({"prompt_tokens": 1, "cost": count, "cost_details": {"some_tokens": count}}) == set()

"""A usage object in, out what its token counts say that no column can hold.

A count is a whole number of 64 bits, however it is written: 12, 12.0, "12". What else stands in its place is left in
`usage` alone, and a flag tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatlogs.values import fits, integer, number

_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
_MOST_DIGITS = 30  # of a number that stands as text


def unread_counts(usage: Mapping[str, Any]) -> set[str]:
    """The flags of a usage object; none where each of its counts is null or can be read."""
    return {flag for value in _counts(usage) if (flag := _flag(value)) is not None}


def are_plain(usage: Mapping[str, Any]) -> bool:
    """Whether each of its counts is null or written as a whole number."""
    return all(value is None or type(value) is int for value in _counts(usage))


def _counts(usage: Mapping[str, Any]) -> Iterator[object]:
    for name, value in usage.items():
        if name.endswith("_tokens"):
            yield value
        elif name in _DETAILS and isinstance(value, dict):
            yield from (count for part, count in value.items() if part.endswith("_tokens"))


def _flag(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and value.lstrip("+-").isdecimal() and len(value) > _MOST_DIGITS:
        return "integer_out_of_range"
    whole = integer(value)
    found = number(value) if whole is None else whole
    if found is None or (isinstance(found, float) and not found.is_integer()):
        return "count_unread"
    return None if fits(int(found)) else "integer_out_of_range"

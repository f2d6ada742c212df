"""Records of every known form, in which one value is any other: nothing fails, and every line is accounted for."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

SUITE = Path(__file__).parent / "conformance"
CASES = sorted(folder.name for folder in SUITE.iterdir() if folder.is_dir())
ASKED = Asked(chunks=True, logprobs=True)
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, float("inf"), 10**400, 12345678901234567890, "", "x", "\ud800", "a\0b", "5", "1e400",
    "null", "{}", "[]", "data: {}", "2026-01-01T00:00:00Z", [], {}, [1], [None], [{}], [[]], {"a": 1}, {"\ud800": 1},
    ["\ud800"], {"": ""}, {"content": "\ud800"}, {"choices": []}, [{"index": 0, "delta": {"content": "y"}}],
)  # fmt: skip
_MOST_BYTES = 6_000


def records(folder: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The objects that stand in lines of the case's logs, with what stands before them."""
    for path in sorted(folder.glob("input*")):
        for line in path.read_bytes().splitlines():
            before, brace, rest = line.partition(b"{")
            try:
                value = json.loads(brace + rest)
            except ValueError:
                continue
            if isinstance(value, dict) and len(line) <= _MOST_BYTES:
                yield before, value


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values within this one."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name)
        yield from places(item, (*path, name))


def changed(value: dict[str, Any], path: tuple[Any, ...], other: Any) -> dict[str, Any]:
    copied = inner = copy.deepcopy(value)
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = other
    return copied


@pytest.mark.parametrize("case", CASES)
def test_a_value_may_be_any_other(case: str) -> None:
    random = Random(case)
    for before, value in records(SUITE / case):
        for path in places(value):
            other = random.choice(VALUES)
            line = before + json.dumps(changed(value, path, other)).encode()
            counts = normalize(Block.of(line), fast=False, asked=ASKED).counts
            assert counts.balanced and counts.lines > 0, (path, other)

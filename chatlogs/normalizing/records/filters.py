"""Verdicts of content filters, as JSON texts: a stream brings them chunk by chunk, and the worst of each kind counts.

A later chunk judges later text, so that its verdict takes none of the earlier ones back.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from chatlogs.values import as_json

_SEVERITIES = ("safe", "low", "medium", "high")


@functools.lru_cache(maxsize=256)
def worst(one: str | None, other: str | None) -> str | None:
    """The verdicts of both, of each kind the worse one, and of two alike the later. Associative."""
    if one is None or other is None or one == other:
        return other or one
    found, later = msgspec.json.decode(one), msgspec.json.decode(other)
    for name, verdict in later.items():
        if name not in found or _badness(verdict) >= _badness(found[name]):
            found[name] = verdict
    return as_json(found)


def worst_of(texts: tuple[str, ...]) -> str | None:
    """The verdicts of all, in their order."""
    return functools.reduce(worst, texts, None)


def _badness(verdict: Any) -> tuple[bool, bool, int]:
    if not isinstance(verdict, dict):
        return False, False, 0
    severity = verdict.get("severity")
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else 0
    return verdict.get("filtered") is True, verdict.get("detected") is True, rank

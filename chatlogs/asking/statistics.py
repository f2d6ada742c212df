"""The few formulas a comparison needs, from counts: exact where counts are small, and quick where they are not.

docs/decisions/5 says why these are written out here. The tests hold them against SciPy's results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_EXPECTED = 5.0  # Below this a chi-squared test is not to be trusted.
_MANY = 1_000.0  # With so many in every cell, Fisher's test and the chi-squared test say the same.


def fisher(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Two-sided p of a share: (with, without) on each side, by Fisher's exact test."""
    (a, b), (c, d) = before, after
    with_it, of_before, total = a + c, a + b, a + b + c + d
    if not with_it or with_it == total or not of_before or of_before == total:
        return 1.0
    if min(with_it, total - with_it) * min(of_before, total - of_before) / total > _MANY:
        return chi_squared([[a, b], [c, d]]) or 0.0
    low, high = max(0, with_it + of_before - total), min(with_it, of_before)
    at = np.arange(low, high, dtype=float)
    # The hypergeometric distribution, each value from the one before it.
    steps = (
        np.log(with_it - at) + np.log(of_before - at) - np.log(at + 1) - np.log(total - with_it - of_before + at + 1)
    )
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    least = weights[a - low] * (1 + 1e-7)
    return float(min(1.0, weights[weights <= least].sum() / weights.sum()))


def chi_squared(table: Any) -> float | None:
    """p of rows of counts being of one mix; rare columns count together, None when nothing is left to compare."""
    counts = _pooled(np.asarray(table, dtype=float))
    if counts.shape[1] < 2:
        return None
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return _upper_gamma((counts.shape[0] - 1) * (counts.shape[1] - 1) / 2, statistic / 2)


def cramers_v(table: Any) -> float:
    """How far two rows of counts are from one mix: 0 not at all, 1 wholly."""
    counts = np.asarray(table, dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or (counts.sum(axis=1) == 0).any():
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return math.sqrt(float(((counts - expected) ** 2 / expected).sum()) / counts.sum())


def mann_whitney(before: Any, after: Any) -> tuple[float, float]:
    """(two-sided p, Cliff's delta) of counts by rising value; delta is 1 when all after are larger."""
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    both = before + after
    n_before, n_after, total = before.sum(), after.sum(), both.sum()
    ranks = np.cumsum(both) - both + (both + 1) / 2
    larger = float((ranks * after).sum()) - n_after * (n_after + 1) / 2
    mean = n_before * n_after / 2
    ties = float((both**3 - both).sum()) / (total * (total - 1))
    spread = math.sqrt(n_before * n_after / 12 * (total + 1 - ties))
    delta = larger / mean - 1
    if not spread:
        return 1.0, 0.0
    z = max(0.0, abs(larger - mean) - 0.5) / spread
    return math.erfc(z / math.sqrt(2)), delta


def median(values: Any, counts: Any) -> float:
    """The middle of values that rise, each seen so often; between two middles, their mean."""
    ends = np.cumsum(np.asarray(counts))
    low, high = (np.searchsorted(ends, place, side="right") for place in ((ends[-1] - 1) // 2, ends[-1] // 2))
    return float(values[low] + values[high]) / 2


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Each p corrected for there being so many, by Holm's method; None stays, and is not counted."""
    order = sorted((p, place) for place, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    worst = 0.0
    for rank, (p, place) in enumerate(order):
        worst = max(worst, min(1.0, p * (len(order) - rank)))
        corrected[place] = worst
    return corrected


def _pooled(counts: Any) -> Any:
    """The table with its rarest columns in one, so that every cell can be expected to be filled."""
    counts = counts[:, np.argsort(-counts.sum(axis=0), kind="stable")]
    smallest = counts.sum(axis=1).min() / counts.sum()
    common = int((counts.sum(axis=0) * smallest >= _EXPECTED).sum())
    kept, rest = counts[:, :common], counts[:, common:].sum(axis=1, keepdims=True)
    if rest.sum() * smallest >= _EXPECTED:
        return np.concatenate([kept, rest], axis=1)
    if rest.sum() and common > 1:
        kept[:, -1:] += rest
    return kept


def _upper_gamma(a: float, x: float) -> float:
    """The regularized upper incomplete gamma function Q(a, x): a series for small x, else a continued fraction."""
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * 1e-16:
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1.0 - front * total)
    b, c = x + 1 - a, 1e300
    d = 1 / b
    value = d
    for i in range(1, 10_000):
        b += 2
        d = 1 / (b - i * (i - a) * d)
        c = b - i * (i - a) / c
        value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return front * value

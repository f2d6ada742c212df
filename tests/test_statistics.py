"""The formulas give what SciPy 1.17 gives (its results stand here, so that nobody needs it), and what logic asks."""

from __future__ import annotations

import math
import random

import pytest

from chatlogs.asking import statistics

FISHER = [
    ((3, 7), (8, 2), 0.06977851869492736),
    ((1, 99), (9, 91), 0.018487679877476362),
    ((40, 960), (131, 869), 1.7884590038185798e-13),
    ((0, 25), (6, 20), 0.022617557661362416),
    ((5, 5), (5, 5), 1.0),
    ((12, 800), (3, 790), 0.03451389082235738),
    ((450, 50), (420, 90), 0.0005092060562506549),
]
MIXES = [
    ([[40, 960], [131, 869]], 3.4136309104129307e-13, 0.1627183322509079),
    ([[100, 20, 30], [90, 40, 25]], 0.022736192856755776, 0.15751757071333958),
    ([[500, 30, 20, 12, 9], [480, 60, 22, 10, 8]], 0.030478609285925464, 0.09630137553825732),
    ([[30, 30], [30, 30]], 1.0, 0.0),
]
RANKS = [
    (
        [3, 9, 8, 2, 5, 9, 7, 9, 1, 9, 0, 7],
        [4, 8, 3, 3, 7, 8, 8, 7, 6, 2, 3, 2, 8, 6, 0],
        0.3890695957690442,
        -0.19999999999999996,
    ),
    (
        [42, 49, 4, 10, 48, 37, 2, 19, 49, 1, 17, 30, 38, 46, 24, 45, 50, 27, 25, 46],
        [46, 38, 18, 33, 16, 12, 18, 41, 23, 26, 53, 37, 59, 50, 29, 36, 42, 34, 46, 32, 44, 47, 36, 47, 24],
        0.5221948985430626,
        0.1140000000000001,
    ),
    (
        [2, 5, 0, 2, 4, 5, 5, 1, 5, 2, 4, 4, 4, 0, 5, 5, 1, 5, 4, 2, 2, 0, 0, 3, 5, 3, 0, 2, 0, 3],
        [2, 1, 3, 4, 4, 1, 1, 5, 5, 1, 4, 6, 5, 3, 5, 3, 5, 2, 1, 3, 1, 1, 1, 5, 5, 1, 2, 4, 3, 5],
        0.5572370788166386,
        0.08777777777777773,
    ),
    (
        [269, 159, 706, 43, 888, 347, 321, 368, 981],
        [
            341,
            1118,
            1082,
            586,
            585,
            671,
            1090,
            732,
            595,
            859,
            1087,
            809,
            897,
            772,
            305,
            835,
            1196,
            1163,
            1030,
            719,
            477,
            641,
            849,
            937,
            932,
            443,
            1158,
            508,
            647,
            464,
            733,
            510,
            761,
            547,
            211,
            1007,
            625,
            793,
            522,
            220,
        ],
        0.020839480563129387,
        0.5,
    ),
]


@pytest.mark.parametrize(("before", "after", "p"), FISHER)
def test_fishers_test(before: tuple[int, int], after: tuple[int, int], p: float) -> None:
    assert statistics.fisher(before, after) == pytest.approx(p, rel=1e-9)
    assert statistics.fisher(after, before) == pytest.approx(p, rel=1e-9)
    assert statistics.fisher(before[::-1], after[::-1]) == pytest.approx(p, rel=1e-9)


def test_many_are_tested_as_few_are() -> None:
    """Where the quick test stands in for the exact one they agree; shares that are equal have p 1."""
    assert statistics.fisher((20_000, 180_000), (20_500, 179_500)) == pytest.approx(0.0089092, rel=0.02)
    assert statistics.fisher((5_000_000, 5_000_000), (5_000_000, 5_000_000)) == 1.0
    assert statistics.fisher((3, 9_999_997), (25, 9_999_975)) == pytest.approx(2.74e-5, rel=0.01)


@pytest.mark.parametrize("sides", [((0, 0), (3, 4)), ((0, 5), (0, 7)), ((5, 0), (7, 0)), ((0, 0), (0, 0))])
def test_where_there_is_nothing_to_compare_p_is_1(sides: tuple[tuple[int, int], tuple[int, int]]) -> None:
    assert statistics.fisher(*sides) == 1.0


@pytest.mark.parametrize(("table", "p", "v"), MIXES)
def test_a_mix(table: list[list[int]], p: float, v: float) -> None:
    assert statistics.chi_squared(table) == pytest.approx(p, rel=1e-9)
    assert statistics.cramers_v(table) == pytest.approx(v, rel=1e-9)


def test_rare_columns_count_together() -> None:
    """The test is never done with columns in which nothing can be expected; what is left may be nothing."""
    common = [[300, 100], [280, 120]]
    rare = [[300, 100, 1, 0, 0], [280, 120, 0, 1, 1]]
    assert statistics.chi_squared(rare) == pytest.approx(statistics.chi_squared(common), abs=0.02)
    assert statistics.chi_squared([[9, 1, 0], [7, 0, 2]]) is None
    assert statistics.chi_squared([[50, 0, 3, 3], [50, 0, 2, 4]]) == statistics.chi_squared([[50, 6], [50, 6]])


@pytest.mark.parametrize(("before", "after", "p", "delta"), RANKS)
def test_ranks(before: list[int], after: list[int], p: float, delta: float) -> None:
    values = sorted({*before, *after})
    counts = [[side.count(value) for value in values] for side in (before, after)]
    assert statistics.mann_whitney(*counts) == pytest.approx((p, delta), rel=1e-9)
    assert statistics.mann_whitney(*counts[::-1]) == pytest.approx((p, -delta), rel=1e-9)


def test_equal_values_have_no_ranks() -> None:
    assert statistics.mann_whitney([5], [9]) == (1.0, 0.0)


def test_a_median_is_the_middle() -> None:
    rng = random.Random(5)
    for _ in range(50):
        numbers = sorted(rng.choices(range(9), k=rng.randint(1, 30)))
        values = sorted(set(numbers))
        half = len(numbers) // 2
        middle = numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2
        assert statistics.median(values, [numbers.count(value) for value in values]) == middle


def test_holm_corrects_for_each_that_was_tested() -> None:
    assert statistics.holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), 0.06]
    assert statistics.holm([0.5, 0.9]) == [1.0, 1.0]
    assert statistics.holm([None, None]) == [None, None]
    assert statistics.holm([]) == []


@pytest.mark.parametrize(("degrees", "statistic", "p"), [(1, 3.841458820694124, 0.05), (2, 2 * math.log(100), 0.01)])
def test_known_points_of_the_chi_squared_distribution(degrees: int, statistic: float, p: float) -> None:
    assert statistics._upper_gamma(degrees / 2, statistic / 2) == pytest.approx(p, rel=1e-12)

"""What was planted is found, chance is not taken for change, and sides are what one writes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asked_store
import duckdb
import polars as pl
import pytest

from chatlogs.asking import comparing
from chatlogs.asking.differences import COLUMNS, MEASURES
from chatlogs.asking.logs import Logs
from chatlogs.asking.queries import Filters
from chatlogs.errors import QueryError

ROOT = Path(__file__).parent.parent
MINI = "gpt-4o-mini-2024-07-18"
OLD, NEW = "2026-10-09..2026-10-17", "2026-10-18.."


@pytest.fixture(scope="module")
def sample() -> Iterator[Logs]:
    with Logs.read([str(ROOT / "sample_data" / "*.jsonl*"), str(ROOT / "sample_data" / "transcripts.sse")]) as logs:
        yield logs


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    with Logs.open(asked_store.make(tmp_path_factory.mktemp("asked") / "store")) as logs:
        yield logs


def test_the_planted_change_is_found_and_nothing_else(sample: Logs) -> None:
    """On 2026-10-18 one model gets another backend: it is cut more often, and begins sooner."""
    changed = sample.diff(OLD, NEW, where="custom_id is null").filter("changed")  # A batch asks for other things.
    assert set(changed["model"]) == {MINI}
    found = {(row["measure"], row["value"]): row for row in changed.rows(named=True)}
    length = found["finish_reason", "length"]
    assert 0.03 < length["before"] < 0.05 < 0.11 < length["after"] < 0.15
    assert length["p_adjusted"] < 0.001 and length["effect_size"] > 0.1
    assert length["difference"] == pytest.approx(length["after"] - length["before"])
    assert found["first_chunk_seconds", None]["effect_size"] < -0.5
    assert {measure for measure, _ in found} <= {"finish_reason", "first_chunk_seconds", "whole_seconds"}
    assert f"{MINI}: finish_reason length went from " in length["sentence"]


def test_the_day_without_cache_hits_is_found(sample: Logs) -> None:
    changed = sample.diff("2026-10-07", "2026-10-08").filter("changed")
    assert changed.select("model", "measure").rows() == [(MINI, "cache_hit"), (MINI, "cost_usd")]
    assert changed["after"][0] == 0.0 and changed["difference"][1] > 0


def test_two_halves_of_an_unchanged_period_do_not_differ(sample: Logs) -> None:
    """200 times responses are dealt out to two sides by a seeded coin: at most one deal in twenty seems to differ."""
    asked = Filters(by=["model", "completion_key"], before="..2026-10-17", after=None, model=["gpt-4o-2*", "gpt-4o-m*"])
    seen = sample.ask("diff", asked).drop("side")
    keys = seen["completion_key"].unique().sort()
    assert keys.len() > 1_500
    rng = random.Random(20_261_018)
    false_alarms = dict.fromkeys((comparing.ALPHA, 0.05), 0)
    for _ in range(200):
        coins = pl.DataFrame({"completion_key": keys, "side": rng.choices(["before", "after"], k=keys.len())})
        dealt = seen.join(coins, on="completion_key")
        counted = dealt.group_by("model", "side", "measure", "value", "number").agg(pl.col("seen").sum())
        answer = comparing.table_of(counted, ["model"])
        assert answer["p_value"].count() > 20
        smallest = answer["p_adjusted"].min()
        assert isinstance(smallest, float)
        for alpha in false_alarms:
            false_alarms[alpha] += smallest < alpha
    assert false_alarms[comparing.ALPHA] <= 5, false_alarms
    assert false_alarms[0.05] <= 10, false_alarms


SIDES: list[tuple[str, int]] = [
    ("2026-01-01", 1),
    ("2026-01", 5),
    ("2026-01-02..2026-01-02", 4),
    ("2026-01-02T00:30..", 4),
    ("..2026-01-02T00:30", 1),
    ("..", 5),
    ("gpt-4o", 3),
    ("gpt*", 3),
    ("fp_b", 2),
    ("status = 'error'", 1),
    ("prompt_tokens > 50 -- those", 2),
    ("completion_key in (select completion_key from choices where finish_reason = 'length')", 1),
    ("cost_usd > 0 or price_status = 'failed'", 5),
]


@pytest.mark.parametrize(("side", "responses"), SIDES)
def test_a_side_is_a_period_a_name_or_a_condition(small: Logs, side: str, responses: int) -> None:
    seen = small.ask("diff", Filters(by=[], before=side))
    status = seen.filter(pl.col("measure") == "status")
    assert status["seen"].sum() == responses
    assert set(seen["side"]) == {"before"}


@pytest.mark.parametrize(
    ("sides", "told"),
    [
        (("2026", "2026-01"), "no response is before"),
        (("gpt-4o", "o3"), "no response is after \\('o3'\\): no model or system_fingerprint is called so.$"),
        (("gpt-4", "o1"), "called so. Did you mean 'gpt-4\\*'"),
        (("fp_aa", "o1"), "called so. Did you mean 'fp_a'"),
        (("opus[1m]", "o1"), "no response is before \\('opus\\[1m\\]'\\): no model"),
        (("2027-01", "o1"), "so there is nothing to compare"),
        (("gpt-4o", "fp_b"), "both before and after"),
        (("2026-01-02..2026-01-01", "o1"), "ends before it begins"),
        (("..soon", "o1"), "cannot read --until 'soon'"),
        (("model =", "o1"), "Parser Error"),
        (("gpt 4o (x)", "o1"), "A model whose name has blanks is written \"model = '...'\""),
        (("$since = 1", "o1"), "--before and --after cannot be asked: it has no value for \\$since"),
        (("wek = 1", "o1"), "unknown column 'wek'"),
    ],
)
def test_sides_that_cannot_be_compared_are_told(small: Logs, sides: tuple[str, str], told: str) -> None:
    with pytest.raises(QueryError, match=told) as caught:
        small.diff(*sides)
    assert "\n" not in str(caught.value)


def test_a_model_with_brackets_goes_by_its_name(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        "".join(
            json.dumps({"id": f"c{n}", "object": "chat.completion", "model": model, "choices": []}) + "\n"
            for n, model in enumerate(["opus[1m]", "opus[1m]", "opus1"])
        )
    )
    with Logs.read(log) as logs:
        seen = logs.ask("diff", Filters(by=["model"], before="opus[1m]")).filter(measure="status")
    assert dict(seen.select("model", "seen").rows())["opus[1m]"] == 2


def test_a_model_is_compared_with_another_as_a_whole(sample: Logs) -> None:
    """No model is on both sides: all is one group; else every model is held against itself."""
    answer = sample.diff("gpt-4o-2024*", "gpt-5-mini*")
    assert answer.columns == [column.name for column in COLUMNS]
    assert answer.filter(pl.col("measure") == "reasoning_tokens")["changed"].all()
    assert sample.diff(OLD, NEW).columns == ["model", *answer.columns]
    assert sample.diff(OLD, NEW, by="provider").columns == ["provider", *answer.columns]


def test_sides_may_change_places(sample: Logs) -> None:
    """The other way round every difference has the other sign, and every p is the same."""
    there, back = sample.diff(OLD, NEW), sample.diff(NEW, OLD)
    for one, other in zip(there.rows(named=True), back.rows(named=True), strict=True):
        assert (one["before"], one["before_count"]) == (other["after"], other["after_count"])
        assert one["p_value"] == (None if other["p_value"] is None else pytest.approx(other["p_value"], rel=1e-9))
        if one["effect"] == "cliffs_delta":
            assert one["effect_size"] == pytest.approx(-other["effect_size"], abs=1e-12)


def test_counts_are_those_of_the_other_reports(sample: Logs) -> None:
    answer = sample.diff(OLD, NEW, by=[])
    finish = sample.finish_reasons(by=[], since="2026-10-18")
    length = answer.row(by_predicate=(pl.col("measure") == "finish_reason") & (pl.col("value") == "length"), named=True)
    assert length["after_count"] == finish["choices"].sum()
    assert length["after"] == finish.filter(finish["finish_reason"] == "length")["share"].item()
    tokens = answer.row(by_predicate=pl.col("measure") == "completion_tokens", named=True)
    middle = sample.sql("select median(completion_tokens) from completions where created >= '2026-10-18'").item()
    assert tokens["after"] == middle


def test_what_is_too_little_to_judge_stays_without_p(small: Logs) -> None:
    answer = small.diff("gpt-4o", "o1")
    assert answer.height > 3
    assert answer["p_value"].null_count() == answer.height
    assert not answer["changed"].any()
    assert "too few to judge" in answer["sentence"][0]


def test_the_printed_query_runs_in_plain_duckdb(sample: Logs) -> None:
    asked = Filters(before=OLD, after="gpt-5*", by=["model", "week"])
    told = duckdb.sql(sample.show_sql("diff", asked)).pl()
    assert told.sort(told.columns).equals(sample.ask("diff", asked).sort(told.columns), null_equal=True)


def test_every_measure_is_explained(sample: Logs) -> None:
    seen: set[Any] = set(sample.ask("diff", Filters(before=OLD, after=NEW))["measure"])
    assert seen == MEASURES.keys()


def test_the_readme_shows_what_diff_says(sample: Logs) -> None:
    lines = [
        line.strip() for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("    gpt")
    ]
    assert len(lines) == 2
    assert lines == sample.diff(OLD, NEW).filter("changed")["sentence"].to_list()[:2]


def test_sentences_say_what_the_counts_are_of_and_shares_differ_by_points(sample: Logs) -> None:
    sentences = dict(sample.diff(OLD, NEW, model=MINI).select("measure", "sentence").rows())
    assert " choices; p" in sentences["finish_reason"] and " responses; p" in sentences["prompt_tokens"]
    assert comparing.told(0.25, "refusal") == "25.0 %"
    assert comparing.told(0.25, "refusal", "+") == "+25.0 pp"


def test_an_answer_is_sorted_and_cut_as_asked(sample: Logs) -> None:
    largest = sample.diff(OLD, NEW, sort="effect_size", limit=5)
    whole = sample.diff(OLD, NEW)
    assert largest.height == 5
    assert largest["effect_size"].to_list() == sorted(whole["effect_size"], reverse=True)[:5]
    assert sample.diff(OLD, NEW, sort="p_value:asc,measure")["p_value"][0] == whole["p_value"].min()
    with pytest.raises(QueryError, match="Did you mean 'effect_size'"):
        sample.diff(OLD, NEW, sort="effect_siz")
    with pytest.raises(QueryError, match="cannot sort by 'value:up'"):
        sample.diff(OLD, NEW, sort="value:up")

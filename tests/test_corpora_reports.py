"""Reports over the recorded logs of real servers add up to the totals that were counted beside them.

The recordings lie beside the project and are not part of it; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from test_corpora import CORPORA, GROQ, SOURCES, lines

import chatlogs
from chatlogs.asking.logs import Logs
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import REPORTS

pytestmark = pytest.mark.skipif(not SOURCES, reason="the recorded corpora are not beside the project")
NewStore = Callable[[], Path]
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


FILES = {"completions": "completions.jsonl", "streams": "streams.sse"}


@pytest.fixture(scope="module", params=FILES)
def recorded(request: pytest.FixtureRequest, new_store: NewStore) -> Iterator[tuple[str, Logs]]:
    """What all sources have of one kind, in one store; its name is that in totals.json."""
    path, name = new_store(), FILES[request.param]
    chatlogs.ingest([log for source in SOURCES if (log := CORPORA / source / name).exists()], path)
    with chatlogs.open(path) as logs:
        yield request.param, logs


@pytest.fixture
def logs(recorded: tuple[str, Logs]) -> Logs:
    return recorded[1]


@pytest.fixture
def expected(recorded: tuple[str, Logs]) -> dict[str, Any]:
    return json.loads((CORPORA / "totals.json").read_text())["all"][recorded[0]]


def only_in_x_groq(logs: Logs) -> Counter[str]:
    """Tokens of two streams of Groq that tell their usage in x_groq alone, which the totals leave out."""
    more = Counter[str]()
    for source, index in GROQ:
        begin = lines(source, "expected.jsonl")[index]["sse_offset"]
        where = f"source like '%/{source}/streams.sse' and byte_offset between {begin} and {begin + 999}"
        row = logs.usage(by=[], where=where).row(0, named=True)
        more.update({name: row[name] or 0 for name in TOKENS})
    return more


def test_tokens_add_up(logs: Logs, expected: dict[str, Any]) -> None:
    sums, more = logs.usage(by=[]).row(0, named=True), only_in_x_groq(logs)
    assert sums["responses"] == expected["count"]
    assert {name: sums[name] - more[name] for name in TOKENS} == {name: expected[name] for name in TOKENS}


@pytest.mark.parametrize(
    ("report", "column", "count"),
    [
        ("finish", "finish_reason", "choices"),
        ("usage", "model", "responses"),
        ("usage", "system_fingerprint", "responses"),
        ("backends", "system_fingerprint", "responses"),
    ],
)
def test_reasons_models_and_fingerprints_are_those_recorded(
    logs: Logs, expected: dict[str, Any], report: str, column: str, count: str
) -> None:
    """totals.json tells empty names from absent ones; a table does not."""
    answer = logs.ask(report, Filters(by=[] if report == "finish" else column))
    found, told = Counter[str](), Counter[str]()
    for name, number in answer.select(column, count).rows():
        found[name or "(null)"] += number
    for name, number in expected[column].items():
        told["(null)" if name in ("", "(empty)", "(missing)") else name] += number
    assert found == told


def test_backends_have_every_response(logs: Logs) -> None:
    answer = logs.backends()
    assert answer["responses"].sum() == logs.summary()["responses"].item()
    engines = set(answer["engine"].drop_nulls())
    assert engines <= {"vllm", "tgi", "ollama"} and "tgi" in engines
    for vllm in answer.filter(answer["engine"] == "vllm").iter_rows(named=True):
        assert (vllm["version"], vllm["parallelism"], vllm["build"]) == ("0.24.0", "tp4", "6d31f84d")


@pytest.mark.parametrize("name", REPORTS)
def test_printed_queries_run_on_recorded_logs(logs: Logs, name: str) -> None:
    assert len(duckdb.sql(logs.show_sql(name)).fetchall()) == logs.ask(name).height


def test_known_dialects_are_found(recorded: tuple[str, Logs]) -> None:
    """xAI counts reasoning beside completion_tokens, and more cached tokens than prompt."""
    kind, logs = recorded
    dialects = {"reasoning_beside_completion": "grok-3-mini", "cached_over_prompt": "grok-4-1-fast*"}
    found = {}
    for rule, model in dialects.items():
        audit = logs.audit(model=model)
        found[rule] = audit.filter(audit["rule"] == rule)["found"].item()
    assert kind == "streams" or all(found.values()), found

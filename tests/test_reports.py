"""Every report counts right, and says the same through every door: command, Python, raw logs, store, printed SQL."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import reported_log
from commands import Run

import chatlogs
from chatlogs import cli
from chatlogs.asking import counting, queries
from chatlogs.asking.answers import Answers
from chatlogs.asking.glossary import METRICS, RULES
from chatlogs.asking.logs import Logs
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import ALL, REPORTS
from chatlogs.schema import TABLES
from chatlogs.telling import report as telling

Row = dict[str, Any]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    return reported_log.write(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="module")
def store(log: str) -> str:
    path = str(Path(log).parent / "store")
    chatlogs.ingest(log, path)
    return path


@pytest.fixture(scope="module")
def logs(store: str) -> Iterator[Logs]:
    with chatlogs.open(store) as logs:
        yield logs


@pytest.fixture(scope="module")
def stores(log: str, store: str) -> dict[str, str]:
    """The same log with its texts, by their hashes, and without them."""
    paths = {content: str(Path(log).parent / content) for content in ("hash", "none")}
    for content, path in paths.items():
        chatlogs.ingest(log, path, content=content)
    return paths | {"keep": store}


def plain(frame: pl.DataFrame) -> list[Row]:
    return [{name: telling.plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]


def same(one: list[Row], other: list[Row]) -> bool:
    """Equal rows in equal order; sums of floats may differ in their last digit, as threads add up in any order."""
    assert [list(row) for row in one] == [list(row) for row in other]
    return one == [about(row) for row in other]


def about(row: Row) -> Row:
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in row.items()}


def by_command(run: Run, *words: str) -> list[Row]:
    done = run(*words, "--json", "-q")
    assert done.code == 0
    return json.loads(done.out)


def options(filters: dict[str, Any]) -> list[str]:
    """The same filters as a command takes them."""
    return [word for name, value in filters.items() for word in (f"--{name}", str(value))]


DOORS: list[dict[str, Any]] = [
    {},
    {"by": "day,model", "tz": "Asia/Tokyo", "since": "2026-01-01T05:00", "until": "2026-01-02"},
    {"by": "metadata.team,hour", "model": "gpt*", "where": "system_fingerprint is not null", "limit": 3},
]
TIMELESS = {"rejects": [{}, {"where": "reason = 'not_json'"}], "summary": [{}, {"model": "o1", "since": "2026-01-01"}]}


@pytest.mark.parametrize(
    ("name", "filters"), [(name, filters) for name in REPORTS for filters in TIMELESS.get(name, DOORS)]
)
def test_every_door_tells_the_same(logs: Logs, store: str, run: Run, name: str, filters: dict[str, Any]) -> None:
    asked = Filters(**filters)
    told = plain(logs.ask(name, asked))
    assert same(by_command(run, name, store, *options(filters)), told)
    if name != "rejects":  # whose name in Python is the table's
        twin = getattr(logs, REPORTS[name].twin.partition("(")[0])
        assert same(plain(twin(**filters)), told)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        assert same(plain(connection.sql(logs.show_sql(name, asked)).pl()), told)


@pytest.mark.parametrize("name", REPORTS)
def test_raw_logs_answer_as_a_store_does(logs: Logs, log: str, run: Run, name: str) -> None:
    raw, kept = by_command(run, name, log), plain(logs.ask(name))
    for rows in (raw, kept):
        for row in rows:  # A key is made anew in every store where a response has no id.
            row.pop("example", None)
    assert same(raw, kept)


@pytest.mark.parametrize("name", REPORTS)
def test_a_declaration_gives_a_command_a_method_and_sql(logs: Logs, name: str) -> None:
    report = REPORTS[name]
    assert name in [command for section in cli.SECTIONS.values() for command in section]
    assert report.title.endswith(".") and report.question.endswith("?")
    assert name == "rejects" or hasattr(Answers, report.twin.partition("(")[0])
    answer = logs.ask(name)
    assert answer.columns == queries.output_columns(report, queries.build(name, Filters()).keys)
    view = logs.sql(f"from {name}")
    assert name in TABLES or same(plain(view), plain(answer))


def test_methods_are_twins_and_nothing_else() -> None:
    methods = {name for name, _ in inspect.getmembers(Answers, inspect.isfunction)} - {"ask", "with_counts"}
    assert methods == {report.twin.partition("(")[0] for report in ALL.values() if report.twin}


FP_A, FP_B = {"model": "gpt-4o", "backend": "fp_a"}, {"model": "gpt-4o", "backend": "fp_b"}

# report, filters, which row, what it says. All of it counted by hand in reported_log.
COUNTED: list[tuple[str, dict[str, Any], Row, Row]] = [
    ("backends", {}, FP_A, {"responses": 13, "share": 13 / 16, "hours": 11, "hours_shared": 0, "returns": 1}),
    ("backends", {}, FP_A, {"first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T19:00:00Z", "engine": None}),
    ("backends", {}, FP_B, {"responses": 2, "hours": 2, "returns": 1, "told_by": "fingerprint"}),
    ("backends", {"by": "day,model"}, FP_B | {"day": "2026-01-01"}, {"share": 1 / 13, "returns": 0}),
    ("backends", {"by": "day"}, {"backend": "fp_a", "day": "2026-01-01"}, {"hours_shared": 0, "returns": 2}),
    (
        "backends",
        {},
        {"engine": "vllm"},
        {"version": "0.24.0", "parallelism": "tp4", "build": "6d31f84d", "backend": "vllm-0.24.0-tp4-6d31f84d"},
    ),
    ("backends", {}, {"engine": "llama.cpp"}, {"version": "b6881", "build": "8b11deea4", "parallelism": None}),
    ("backends", {}, {"backend": "llama (on_demand)"}, {"told_by": "model and tier", "share": 0.5}),
    ("backends", {}, {"backend": "o1 (default)"}, {"told_by": "model and tier", "responses": 4, "hours": 4}),
    # four four five from fp_a, 4 from fp_b: of its three pairs one is equal, and none of the three across
    (
        "repeats",
        {},
        {"model": "gpt-4o"},
        {"requests": 1, "within_pairs": 3, "within_share": 1 / 3, "across_pairs": 3, "across_share": 0.0},
    ),
    (
        "limits",
        {},
        {"model": "gpt-4o", "max_tokens": 50},
        {"stopped_for_length": 3, "at_max_tokens": 1, "below_max_tokens": 2, "not_known": 0, "most_tokens": 50},
    ),
    ("limits", {}, {"model": "o1"}, {"max_tokens": None, "stopped_for_length": 1, "at_max_tokens": None}),
    ("errors", {}, {"http_status": 429}, {"responses": 2, "share": 2 / 27, "message": "Slow down", "type": "requests"}),
    # Errors carry no created: the logger's clock says on which day they were.
    ("errors", {"by": "day"}, {"http_status": 429, "day": "2026-01-01"}, {"responses": 2}),
    ("errors", {"since": "2026-01-01", "until": "2026-01-01"}, {"http_status": 429}, {"responses": 2}),
    ("errors", {"since": "2026-01-01T11:00"}, {"http_status": 429}, {"responses": 1}),
    ("summary", {}, {}, {"no_created": 4, "no_time": 1, "first_seen": "2026-01-01T00:00:00Z"}),
    ("errors", {}, {"http_status": 500}, {"responses": 1, "code": None, "first_seen": "2026-01-01T12:00:00Z"}),
    (
        "tools",
        {"by": ""},
        {"tool": "add"},
        {"calls": 3, "no_arguments": 1, "broken": 1, "cut": 1, "valid_share": 0.5, "parallel_share": 2 / 3},
    ),
    ("tools", {}, {"tool": "mul"}, {"broken": 1, "cut": 0, "valid_share": 0.0}),
    (
        "logprobs",
        {},
        {"model": "gpt-4o"},
        {"with_logprobs": 1, "tokens": 2, "mean_logprob": -1.0, "perplexity": 2.718281828, "kept_tokens": None},
    ),
    (
        "cache",
        {"by": "model"},
        {"model": "gpt-4o"},
        {"cached_tokens": 160, "hit_share": 2 / 13, "over_half_share": 1 / 13, "nearly_all_share": 1 / 13},
    ),
    ("cache", {}, {"model": "gpt-4o"}, {"median_hit": 0.8, "top_tenth_share": 1.0, "under_half_share": 0.0}),
    ("cache", {}, {"model": "llama"}, {"cached_share": 0.0, "top_tenth_share": None, "median_hit": None}),
    ("latency", {}, {"model": "gpt-4o", "metric": "first_chunk"}, {"responses": 1, "p50": 0.5, "clock": "logger"}),
    ("latency", {}, {"metric": "first_content"}, {"p50": 1.0}),
    ("latency", {}, {"metric": "longest_gap"}, {"most": 3.0}),
    ("latency", {}, {"metric": "stalls"}, {"most": 1.0, "unit": "stalls"}),
    ("latency", {}, {"metric": "tokens_per_second_streaming"}, {"p50": 2.0}),
    ("latency", {}, {"model": "gpt-4o", "metric": "whole"}, {"responses": 10, "least": 1.0, "p50": 2.0, "most": 4.5}),
    ("latency", {}, {"model": "Qwen/Qwen3", "metric": "first_token"}, {"p99": 0.0852, "clock": "server"}),
    ("latency", {}, {"model": "Qwen/Qwen3", "metric": "between_tokens"}, {"p50": 0.01}),
    ("latency", {}, {"model": "gpt-oss", "metric": "prompt"}, {"p50": 0.2}),
    ("latency", {}, {"model": "gpt-oss", "metric": "tokens_per_second"}, {"p50": 4.0}),
    ("latency", {}, {"model": "llama", "metric": "queue"}, {"responses": 2, "p50": 0.25}),
    ("latency", {}, {"model": "llama", "metric": "whole", "clock": "server"}, {"p50": 1.5}),
    ("usage", {"by": "metadata.team"}, {"metadata_team": "red"}, {"responses": 1}),
    ("usage", {"by": "service_tier"}, {"service_tier": "on_demand"}, {"responses": 1, "total_tokens": 12}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "filters", "which", "says"), COUNTED)
def test_numbers_are_those_counted_by_hand(
    logs: Logs, name: str, filters: dict[str, Any], which: Row, says: Row
) -> None:
    found = [row for row in plain(logs.ask(name, Filters(**filters))) if which.items() <= row.items()]
    assert len(found) == 1
    assert {column: found[0][column] for column in says} == {
        column: pytest.approx(value) if isinstance(value, float) else value for column, value in says.items()
    }


AUDITED: dict[str, tuple[int, int, str | None]] = {  # rule: found, checked, example
    "no_id": (1, 24, None),
    "no_time": (1, 24, "chatcmpl-17"),
    "id_collision": (2, 27, "chatcmpl-19"),
    "duplicates": (1, 27, "chatcmpl-19"),
    "missing_usage": (2, 24, None),
    "total_is_not_the_sum": (1, 22, "chatcmpl-13"),
    "reasoning_beside_completion": (1, 3, "chatcmpl-14"),
    "reasoning_over_completion": (1, 3, "chatcmpl-15"),
    "cached_over_prompt": (1, 18, "chatcmpl-15"),
    "length_without_text": (1, 4, "chatcmpl-16"),
    "finished_with_broken_arguments": (1, 2, "chatcmpl-8"),
    "tool_calls_at_max_tokens": (1, 2, "chatcmpl-8"),
    "tool_calls_without_calls": (1, 3, "chatcmpl-9"),
    "truncated_stream": (1, 2, "chatcmpl-31"),
    "no_finish_reason": (1, 22, None),
    "negative_tokens": (0, 22, None),
}


def test_each_rule_of_the_audit_finds_what_breaks_it(logs: Logs) -> None:
    rows = {row["rule"]: row for row in plain(logs.audit())}
    assert set(rows) == set(RULES) == set(AUDITED)
    for rule, (found, checked, example) in AUDITED.items():
        assert (rows[rule]["found"], rows[rule]["checked"]) == (found, checked), rule
        assert example in (None, rows[rule]["example"])


def test_the_audit_tells_what_copies_would_add(logs: Logs) -> None:
    row = next(row for row in plain(logs.audit()) if row["rule"] == "duplicates")
    assert (row["copies"], row["tokens_of_copies"]) == (1, 12)


def test_missing_usage_is_estimated_in_columns_of_its_own(logs: Logs) -> None:
    """And no sum changes for it; a rate needs responses that report usage and hide no reasoning."""
    row = next(row for row in plain(logs.audit(by=[], model="gpt-4o")) if row["rule"] == "missing_usage")
    assert row["tokens"] is None
    said = logs.sql(
        """
        with called as (select completion_key, sum(length(arguments)) as arguments from tool_calls group by all),
        texts as (
            select completion_key, coalesce(length(content), 0) + coalesce(arguments, 0) as characters
            from choices left join called using (completion_key)
        )
        select sum(characters) / sum(completion_tokens) as rate
        from completions join texts using (completion_key)
        where model = 'gpt-4o' and characters > 0 and completion_tokens > 0
        """
    ).item()
    assert row["estimated_completion_tokens"] == round((len("12345678") + len("cut o")) / said)
    counted = next(row for row in plain(logs.audit(count_tokens=True)) if row["rule"] == "missing_usage")
    assert counted["counted_responses"] == 2
    assert counted["counted_completion_tokens"] == sum(counting.count(["12345678", "cut o"], "o200k_base"))
    by_model = logs.audit(by="model", count_tokens=True)
    assert by_model["counted_completion_tokens"].sum() == counted["counted_completion_tokens"]


ESTIMATES = ("estimated_prompt_tokens", "estimated_completion_tokens")


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("content", ["hash", "none"])
def test_a_report_of_logs_without_texts_says_the_same_or_nothing(
    logs: Logs, stores: dict[str, str], name: str, content: str
) -> None:
    """Nothing is made of a hash, and what is not kept is not taken for what was not said."""
    with chatlogs.open(stores[content]) as unkept:
        told, kept = plain(unkept.ask(name)), plain(logs.ask(name))
    for rows in (told, kept):
        for row in rows:
            row.pop("example", None)  # Of a response without an id: its key, which every store makes anew.
            row.pop("raw", None)
    for row in kept:
        row.update(dict.fromkeys(ESTIMATES if name == "audit" else ()))
    if (name, content) == ("repeats", "none"):
        assert told == []  # Whether two requests were equal nobody can tell.
    else:
        assert same(told, kept)


@pytest.mark.parametrize("content", ["hash", "none"])
def test_tokens_of_texts_that_are_not_kept_are_not_counted(stores: dict[str, str], content: str) -> None:
    with chatlogs.open(stores[content]) as logs:
        counted = logs.audit(count_tokens=True)
    assert counted["counted_responses"].drop_nulls().to_list() == [0]
    assert counted["counted_completion_tokens"].drop_nulls().to_list() == []


def test_a_diff_makes_nothing_of_hashes(stores: dict[str, str]) -> None:
    sides = ("created < '2026-01-01 06:00:00+00'", "created >= '2026-01-01 06:00:00+00'")
    told: dict[str, list[Row]] = {}
    for content, path in stores.items():
        with chatlogs.open(path) as logs:
            told[content] = plain(logs.diff(*sides, by=[]))
    numbers = {name: [(row["measure"], row["value"], row["before"]) for row in rows] for name, rows in told.items()}
    lengths = [row for row in numbers["keep"] if row[0] == "content_length"]
    assert lengths and numbers["hash"] == numbers["none"] == [row for row in numbers["keep"] if row not in lengths]


NOT_KEPT = [("keep", "repeats", ""), ("hash", "repeats", ""), ("none", "repeats", "4 responses without texts")]
NOT_KEPT += [(content, "audit", "2 responses without usage and without texts") for content in ("hash", "none")]


@pytest.mark.parametrize(("content", "name", "note"), NOT_KEPT)
def test_what_cannot_be_known_without_texts_is_told(
    stores: dict[str, str], run: Run, content: str, name: str, note: str
) -> None:
    told = run(name, stores[content]).err
    assert note in told and ("without texts" in told) is bool(note)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("openai/o3-mini", "o200k_base"),
        ("ft:gpt-3.5-turbo:x", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-oss:120b", "o200k_harmony"),
        ("llama3.1", None),
        (None, None),
    ],
)
def test_a_model_is_counted_in_its_own_encoding_or_not_at_all(model: str | None, encoding: str | None) -> None:
    assert counting.encoding_of(model) == encoding


def test_metrics_and_their_places_are_explained(log: str) -> None:
    with chatlogs.read([log, reported_log.CAPTURED]) as logs:
        rows = logs.latency(by=[])
    assert set(rows["metric"]) == set(METRICS)
    assert rows["step"].is_sorted()


def test_kept_tokens_tell_how_many_were_unlikely(log: str, tmp_path: Path) -> None:
    chatlogs.ingest(log, tmp_path / "store", logprobs=True)
    with chatlogs.open(tmp_path / "store") as logs:
        row = logs.confidence().row(0, named=True)
        assert (row["kept_tokens"], row["unlikely_share"]) == (2, 0.5)


def test_sentinels_have_no_weight_in_a_mean_of_kept_tokens(tmp_path: Path) -> None:
    """Three tokens are measured, -1, -2 and -3; three more carry what some servers write for `unknown`."""

    def answer(number: int, *logprobs: float) -> str:
        tokens = [{"token": "a", "logprob": logprob, "bytes": None, "top_logprobs": []} for logprob in logprobs]
        return json.dumps(reported_log.completion(number, logprobs={"content": tokens}))

    log = tmp_path / "log.jsonl"
    log.write_text("\n".join([answer(1, -1.0, -9999.0, -9999.0, -9999.0), answer(2, -2.0, -3.0)]))
    chatlogs.ingest(log, tmp_path / "store", logprobs=True)
    with chatlogs.open(tmp_path / "store") as logs:
        row = logs.confidence().row(0, named=True)
    assert (row["tokens"], row["mean_logprob"]) == (6, pytest.approx(-2.0))
    assert row["perplexity"] == pytest.approx(7.389056)


@pytest.mark.parametrize("filters", [{}, {"by": ["model"]}, {"by": ["day"]}, {"where": "created is not null"}])
def test_finish_joins_only_when_it_must_and_says_the_same(logs: Logs, filters: dict[str, Any]) -> None:
    """What is asked of choices alone needs no completions; forcing the join changes nothing."""
    shown = logs.show_sql("finish", Filters(**filters))
    needed = filters.get("by") == ["day"] or "where" in filters
    assert ("-- not needed: join" in shown) is not needed
    where = f"({filters.get('where', 'true')}) and service_tier is not distinct from service_tier"
    assert logs.finish_reasons(**(filters | {"where": where})).equals(logs.finish_reasons(**filters))


@pytest.mark.parametrize("name", [name for name in REPORTS if name not in TIMELESS])
def test_every_column_can_be_a_key_of_every_report(logs: Logs, name: str) -> None:
    """All of them at once, and metadata: no name means two things, none is missing, and nothing gets lost."""
    report = REPORTS[name]
    whole, finest = (
        logs.ask(name, Filters(by=[])),
        logs.ask(name, Filters(by=[*queries.known_keys(report), "metadata.team"])),
    )
    counts = [m.name for m in report.measures if m.name in ("responses", "choices", "calls", "found", "tokens")]
    if name != "repeats":  # which compares what these keys keep apart
        assert {count: whole[count].sum() for count in counts} == {count: finest[count].sum() for count in counts}


def test_utc_has_arithmetic_of_its_own_and_the_same_days(logs: Logs) -> None:
    for key in ("hour", "day", "week", "month"):
        utc, other = logs.usage(by=key), logs.usage(by=key, tz="Etc/UTC")
        if key == "hour":
            other = other.with_columns(pl.col(key).dt.convert_time_zone("UTC"))
        assert utc.equals(other), key


def test_absurd_numbers_are_added_up_exactly_and_fail_no_report(tmp_path: Path) -> None:
    records = [reported_log.completion(n) | fields for n, fields in enumerate(reported_log.ABSURD)]
    (tmp_path / "absurd.jsonl").write_text("\n".join(map(json.dumps, records)))
    chatlogs.ingest(tmp_path / "absurd.jsonl", tmp_path / "store")
    with chatlogs.open(tmp_path / "store") as logs:
        for name in REPORTS:
            plain(logs.ask(name))
        assert plain(logs.usage())[0]["prompt_tokens"] == 2 * (2**63 - 1)
        (queue,) = plain(logs.latency().filter(pl.col("metric") == "queue"))
        assert (queue["responses"], queue["least"]) == (2, pytest.approx(0.007))


def test_a_share_is_over_the_responses_that_report_both_its_numbers(tmp_path: Path) -> None:
    whole = reported_log.completion(1, usage=(100, 10, 110, 50, 5))
    halves: list[dict[str, Any]] = [
        {"completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 500}},
        {"prompt_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 500}},
    ]
    records = [whole, *(whole | {"id": f"half-{n}", "usage": usage} for n, usage in enumerate(halves))]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, records)))
    with chatlogs.read(tmp_path / "log.jsonl") as logs:
        (usage,), (cache,) = plain(logs.usage()), plain(logs.cache())
    assert (usage["cached_tokens"], usage["cached_share"], cache["cached_share"]) == (550, 0.5, 0.5)
    assert (usage["reasoning_tokens"], usage["reasoning_share"]) == (505, 0.5)


def test_an_empty_store_answers_every_report(tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    chatlogs.ingest(tmp_path / "empty.jsonl", tmp_path / "store")
    for name in REPORTS:
        for by in ([], None) if name != "summary" else ():
            with chatlogs.open(tmp_path / "store") as logs:
                for row in plain(logs.ask(name, Filters(by=by))):
                    assert not any(isinstance(value, (int, float)) and value for value in row.values()), (name, row)
        done = run(name, str(tmp_path / "store"))
        assert done.code == 0 and "Traceback" not in done.err

"""The sample logs are what their generator writes, hold what their README promises, and count as expected.toml says.

Counted here by plain Python that knows nothing of chatlogs, so that the counts can judge it.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_data"
DEMO = ROOT / "chatlogs" / "data" / "demo"
EXPECTED = tomllib.loads((SAMPLES / "expected.toml").read_text(encoding="utf-8"))
FILES = [name for name in EXPECTED if name != "total"]
MINI = "gpt-4o-mini-2024-07-18"
WRAPPED = ("batch_output.jsonl", "exchanges.jsonl")


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def read(line: str) -> tuple[str, Any]:
    """What a line counts as, and the value it holds."""
    if not line:
        return "blank", None
    text = line.removeprefix("data: ")
    if text == "[DONE]" or text.startswith(":"):
        return "ignorable", None
    for kind, candidate in (("records", text), ("repaired", text[:-2] + "}" if text.endswith(",}") else "")):
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        known = isinstance(value, dict) and value.keys() & {"choices", "error", "response", "chunks"}
        return (kind, value) if known else ("rejects", None)
    return "rejects", None


def records(name: str, folder: Path = SAMPLES) -> Iterator[dict[str, Any]]:
    for line in unpacked(folder / name).decode().splitlines():
        _, value = read(line)
        if value is not None:
            yield value


def stored() -> list[dict[str, Any]]:
    """The bare stored completions of all weeks."""
    return [v for name in FILES if name.startswith("completions") for v in records(name) if "choices" in v]


def streams() -> dict[str, list[dict[str, Any]]]:
    """The chunks of all weeks, by id."""
    grouped = defaultdict(list)
    for name in sorted(name for name in FILES if name.startswith("chunks")):
        for chunk in records(name):
            grouped[chunk["id"]].append(chunk)
    return grouped


def day(record: dict[str, Any]) -> str:
    return datetime.fromtimestamp(record["created"], UTC).date().isoformat()


def test_generator_writes_what_is_committed(tmp_path: Path) -> None:
    """Running the generator changes no byte (of packed files: no byte inside)."""
    subprocess.run([sys.executable, SAMPLES / "generate.py", "--root", tmp_path], check=True, capture_output=True)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert {path.name for path in written} >= {*FILES, "expected.toml", "transcript.sse"}
    for path in written:
        assert unpacked(tmp_path / path) == unpacked(ROOT / path), f"{path} differs; run sample_data/generate.py"


@pytest.mark.parametrize("name", FILES)
def test_lines_count_as_expected(name: str) -> None:
    """Every line is blank, ignorable, a record or a reject."""
    kinds = Counter(read(line)[0] for line in unpacked(SAMPLES / name).decode().split("\n")[:-1])
    expected = EXPECTED[name]
    assert kinds.total() == expected["lines"]
    assert kinds["records"] + kinds["repaired"] == expected["records"]
    for kind in ("blank", "ignorable", "rejects", "repaired"):
        assert kinds[kind] == expected[kind], kind


@pytest.mark.parametrize("name", FILES)
def test_responses_count_as_expected(name: str) -> None:
    """A stream counts once, in the file that holds its first chunk; every other record is a response."""
    if name.startswith("chunks"):
        before = {c["id"] for other in FILES if other.startswith("chunks") and other < name for c in records(other)}
        found = len({chunk["id"] for chunk in records(name)} - before)
    elif name.endswith(".sse"):
        found = len({chunk["id"] for chunk in records(name) if "choices" in chunk})
    else:
        found = sum(1 for _ in records(name))
    assert found == EXPECTED[name]["responses"]


def test_totals() -> None:
    """Rows are responses without the planted repeats and twins."""
    responses = sum(EXPECTED[name]["responses"] for name in FILES)
    repeated = len(stored()) - len({json.dumps(value) for value in stored()})
    twins = len({value["id"] for value in stored()} & streams().keys())
    assert (repeated, twins) == (6, 5)
    assert EXPECTED["total"] == {"responses": responses, "rows": responses - 11, "duplicates": 11}
    assert 3_000 <= responses <= 6_000


def test_readme_says_how_many() -> None:
    """The number a reader meets first is the true one."""
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"{EXPECTED['total']['responses']:,} responses" in readme


def test_ids_are_unique_but_for_what_is_planted() -> None:
    """One id stands for two answers; every other repeat is a repeated line or a twin."""
    ids = Counter(value["id"] for value in {json.dumps(v): v for v in stored()}.values())
    assert [count for count in ids.values() if count > 1] == [2]
    wrapped = [v["response"].get("body", v["response"]) for n in WRAPPED for v in records(n) if v["response"]]
    others = [v["id"] for v in wrapped if "choices" in v] + list(
        {c["id"] for c in records("transcripts.sse") if "id" in c}
    )
    others += [call["chunks"][0]["chunk"]["id"] for call in records("recorded.jsonl.gz")]
    assert len(others) == len(set(others))
    assert not set(others) & (ids.keys() | streams().keys())


def test_backend_change() -> None:
    """On 2026-10-18 the new fingerprint goes from none to about 90 %, and length stops from about 4 % to 13 %."""
    shares: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for value in stored():
        if value["model"] == MINI:
            choice = value["choices"][0]
            seen = shares[day(value) >= "2026-10-18"]
            seen.update(
                answers=1,
                new=value["system_fingerprint"] == "fp_7fcd609668",
                length=choice["finish_reason"] == "length",
            )
    before, after = shares[False], shares[True]
    assert before["new"] == 0
    assert 0.87 < after["new"] / after["answers"] < 0.93
    assert 0.03 < before["length"] / before["answers"] < 0.05
    assert 0.11 < after["length"] / after["answers"] < 0.15


def test_cache_misses() -> None:
    """On 2026-10-08 nothing came from the cache; on other days most prompts of that model did."""
    hits: dict[bool, list[bool]] = {False: [], True: []}
    for value in stored():
        if value["model"] == MINI:
            cached = value["usage"]["prompt_tokens_details"]["cached_tokens"]
            hits[day(value) == "2026-10-08"].append(cached > 0)
    assert hits[True] and not any(hits[True])
    assert sum(hits[False]) / len(hits[False]) > 0.75


def test_streams_that_cross_files_and_streams_that_were_cut() -> None:
    """Two streams go on in the next file; some never got a finish_reason."""
    weeks = [{chunk["id"] for chunk in records(name)} for name in sorted(n for n in FILES if n.startswith("chunks"))]
    assert [len(first & second) for first, second in pairwise(weeks)] == [1, 0, 1]
    cut = [s for s in streams().values() if not any(c["finish_reason"] for chunk in s for c in chunk["choices"])]
    assert 8 <= len(cut) <= 12


def test_the_new_backend_begins_sooner() -> None:
    """Recorded calls tell when each chunk came: in order, some after a stall, the new backend's first."""
    waits: dict[bool, list[float]] = {False: [], True: []}
    stalls = 0
    for call in records("recorded.jsonl.gz"):
        times = [datetime.fromisoformat(chunk["arrived_at"]) for chunk in call["chunks"]]
        assert times == sorted(times)
        stalls += any((after - before).total_seconds() > 2 for before, after in pairwise(times))
        first = call["chunks"][0]["chunk"]
        if first["model"] == MINI:
            waited = (times[0] - datetime.fromisoformat(call["started_at"])).total_seconds()
            waits[first["system_fingerprint"] == "fp_7fcd609668"].append(waited)
    assert 0.2 < median(waits[True]) < 0.35 < 0.4 < median(waits[False]) < 0.55
    assert min(map(len, waits.values())) > 30
    assert 5 <= stalls <= 12


def test_every_morning_the_same_is_asked() -> None:
    """Equal requests with a seed: one answer from each of two backends."""
    mornings = [call for call in records("recorded.jsonl.gz") if "seed" in call["request"]]
    assert len({json.dumps(call["request"]) for call in mornings}) == 1
    answers: dict[str, set[str]] = defaultdict(set)
    for call in mornings:
        chunks = [chunk["chunk"] for chunk in call["chunks"]]
        text = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])
        answers[chunks[0]["system_fingerprint"]].add(text)
    assert len(mornings) == 14
    assert [len(texts) for texts in answers.values()] == [1, 1]
    assert len(set.union(*answers.values())) == 2


def test_the_bill_is_for_what_was_answered() -> None:
    """Day by day and model by model: it has what the stored answers cost, and a planted rest on one day."""
    rates = {"gpt-4o-2024-08-06": (2.5, 1.25, 10), "gpt-5-mini-2025-08-07": (0.25, 0.025, 2)}
    known = {json.dumps(value): value for value in stored()}.values()
    logged: dict[tuple[str, str], float] = defaultdict(float)
    for value in known:
        if value["model"] in rates:
            usage, (prompt, cached, completion) = value["usage"], rates[value["model"]]
            hit = usage["prompt_tokens_details"]["cached_tokens"]
            cost = (usage["prompt_tokens"] - hit) * prompt + hit * cached + usage["completion_tokens"] * completion
            logged[day(value), value["model"]] += cost / 1e6
    billed: dict[tuple[str, str], float] = defaultdict(float)
    with (SAMPLES / "costs.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            model = row["line_item"].partition(",")[0]
            if model in rates:
                billed[row["start_time_iso"][:10], model] += float(row["amount_value"])
    assert billed.keys() == logged.keys()
    off = {item for item in billed if abs(billed[item] - logged[item]) > 1e-9}
    assert off == {("2026-10-21", "gpt-4o-2024-08-06")}
    assert billed[off.pop()] > 0.03


def test_every_kind_of_answer_is_there() -> None:
    """Tool calls, refusals, two choices, filtered answers, an error and text in several scripts."""
    choices = [choice for value in stored() for choice in value["choices"]]
    assert {choice["finish_reason"] for choice in choices} == {"stop", "length", "tool_calls", "content_filter"}
    assert any(choice["message"].get("refusal") for choice in choices)
    assert any(choice["index"] == 1 for choice in choices)
    assert any(len(chunk["choices"]) and chunk["choices"][0]["index"] == 1 for s in streams().values() for chunk in s)
    assert sum("error" in value for name in FILES for value in records(name) if value.get("error")) > 20
    text = "".join(choice["message"]["content"] or "" for choice in choices)
    assert all(sign in text for sign in ("\n", '"', "\\", "é", "您好", "お問", "😊", "ب"))


def test_sizes_fit_a_repository_and_a_wheel() -> None:
    assert sum((SAMPLES / name).stat().st_size for name in FILES) < 3_000_000
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 80_000


def test_demo_holds_one_junk_line_and_one_cut_stream() -> None:
    """The demo shows each kind of log, and one of each thing that goes wrong."""
    kinds = [read(line)[0] for path in sorted(DEMO.iterdir()) for line in unpacked(path).decode().split("\n")[:-1]]
    assert kinds.count("rejects") == 1
    open_streams = {chunk["id"] for name in ("chunks.jsonl.gz", "transcript.sse") for chunk in records(name, DEMO)}
    for name in ("chunks.jsonl.gz", "transcript.sse"):
        for chunk in records(name, DEMO):
            if any(choice["finish_reason"] for choice in chunk["choices"]):
                open_streams.discard(chunk["id"])
    assert len(open_streams) == 1

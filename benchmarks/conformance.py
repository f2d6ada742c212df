"""What do other stream mergers make of the conformance suite? Prints the table as Markdown.

Every case of kind "stream" goes through each peer's own merging (conformance_peers/, one adapter each, in whatever
interpreter has the peer installed); nothing leaves the machine. A peer that is not installed is named as missing.

    python benchmarks/conformance.py --python /path/to/peers/bin/python [--python ...] [--cases]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from conformance.suite import Case, equal, load_cases  # noqa: E402

PEERS = {
    "chatlogs": ("chatlogs", "chatlogs_ingest.py"),
    "openai": ("openai", "openai_sdk.py"),
    "litellm": ("litellm", "litellm_builder.py"),
    "langchain-openai": ("langchain-openai", "langchain_openai_sum.py"),
    "langsmith": ("langsmith", "langsmith_wrapper.py"),
    "langfuse": ("langfuse", "langfuse_openai.py"),
    "opik": ("opik", "opik_aggregator.py"),
    "weave": ("weave", "weave_accumulator.py"),
    "mlflow": ("mlflow-skinny", "mlflow_autolog.py"),
    "openinference": ("openinference-instrumentation-openai", "openinference_accumulator.py"),
    "OpenLLMetry": ("opentelemetry-instrumentation-openai", "openllmetry_stream.py"),
}
RIGHT, LEGAL, NO_PLACE, WRONG, RAISES = "✓", "≈", "–", "✗", "!"
NAMES = {
    "choices.count": "number of choices",
    "tool_calls.count": "number of tool calls",
    "tool_calls.id": "tool id",
    "tool_calls.name": "tool name",
    "tool_calls.arguments": "tool arguments",
    "completions.system_fingerprint": "fingerprint",
}
LEGEND = (
    f"{RIGHT} as expected · {LEGAL} another legal reading · {NO_PLACE} right in all that it keeps, but its result has"
    f" no place for something the case is about · {WRONG} lost, changed or invented · {RAISES} raises"
)


@dataclass(frozen=True)
class Verdict:
    """One peer on one case: a mark, and in words what is not as expected."""

    mark: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One peer on all cases."""

    name: str
    version: str
    verdicts: Mapping[str, Verdict]

    def count(self, marks: str, cases: list[Case]) -> int:
        return sum(self.verdicts[case.name].mark in marks for case in cases)


def main() -> None:
    """Run the peers and print the summary, or every case with --cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", action="append", default=[], help="an interpreter that has peers installed")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only these peers")
    parser.add_argument("--cases", action="store_true", help="a row for every case as well")
    options = parser.parse_args()
    cases = [case for case in load_cases() if case.about["kind"] == "stream"]
    results = []
    for name in options.peer or PEERS:
        result = run(name, [sys.executable, *options.python], cases)
        if result is None:
            print(f"{name} is not installed in any interpreter given", file=sys.stderr)
        else:
            results.append(result)
    print("\n".join(summary(results, cases)))
    if options.cases:
        print("\n".join(["", *every_case(results, cases)]))


def run(name: str, pythons: list[str], cases: list[Case]) -> Result | None:
    """The peer's verdicts, from the interpreter with its newest version; None where no one has it."""
    package, adapter = PEERS[name]
    found = [(version, python) for python in pythons if (version := installed(package, python))]
    if not found:
        return None
    _, python = max(found)
    done = subprocess.run(
        [python, str(HERE / "conformance_peers" / adapter)],
        input=json.dumps({"cases": {case.name: case.chunks() for case in cases}}),
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(HERE.parent) if name == "chatlogs" else ""},
    )
    if done.returncode:
        sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    return Result(name, told["version"], {case.name: judge(case, told["answers"][case.name]) for case in cases})


def installed(package: str, python: str) -> tuple[int, ...]:
    """The version of a package in an interpreter, as numbers; empty when it is not there."""
    if package == "chatlogs":
        return (1,) if python == sys.executable and (HERE.parent / "chatlogs" / "__init__.py").is_file() else ()
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", code], check=False, capture_output=True, text=True)
    return tuple(int(part) for part in done.stdout.strip().split(".") if part.isdigit())


def judge(case: Case, answer: Mapping[str, Any]) -> Verdict:
    """Compare an answer with the case, field by field."""
    if "error" in answer:
        handed_on = answer.get("served") and any(reading["what"] == "raises" for reading in case.about.get("legal", []))
        return Verdict(LEGAL if handed_on else RAISES, (f"raises {answer['error']}",))
    marks: dict[str, str] = {}
    for column, want, have in fields(case, answer):
        mark, word = judge_field(case, column, want, have)
        if mark != RIGHT:
            marks[word] = mark
    worst = next((mark for mark in (WRONG, NO_PLACE, LEGAL) if mark in marks.values()), RIGHT)
    return Verdict(worst, tuple(word for word, mark in marks.items() if mark == worst))


ABSENT = object()


def fields(case: Case, answer: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Every field the case is about that a stream merger can know: (table.column, wanted, found or ABSENT)."""
    (wanted,) = case.expected["completions"]
    for column in ("id", "model", "system_fingerprint", "service_tier"):
        if column in wanted:
            yield f"completions.{column}", wanted[column], answer.get(column, ABSENT)
    counts = {key: wanted[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens") if key in wanted}
    if counts or wanted.get("usage_source") == "none":
        usage = answer.get("usage", ABSENT)
        have = {key: usage.get(key) for key in counts} if isinstance(usage, Mapping) and any(counts.values()) else usage
        yield "completions.usage", counts if any(counts.values()) else None, have
    choices = sorted(answer.get("choices", []), key=lambda choice: choice.get("index") or 0)
    rows = case.expected.get("choices", [])
    if len(rows) != len(choices):
        yield "choices.count", len(rows), len(choices)
    for row, choice in zip(rows, choices, strict=False):
        for column in ("role", "content", "refusal", "reasoning", "finish_reason"):
            if column in row:
                yield f"choices.{column}", row[column], choice.get(column, ABSENT)
    if "tool_calls" in case.expected:
        calls = [call for choice in choices for call in choice["tool_calls"]]
        yield "tool_calls.count", len(case.expected["tool_calls"]), len(calls)
        for row, call in zip(case.expected["tool_calls"], calls, strict=False):
            yield "tool_calls.id", row.get("call_id", call["id"]), call["id"]
            yield "tool_calls.name", row.get("name", call["name"]), call["name"]
            yield "tool_calls.arguments", row.get("arguments", row.get("arguments_json")), call["arguments"]


def judge_field(case: Case, column: str, want: Any, have: Any) -> tuple[str, str]:
    """The mark of one field and its name in words; null and "" count as equal, for few peers tell them apart."""
    name = NAMES.get(column, column.partition(".")[2])
    if have is ABSENT:
        return (RIGHT if want in (None, "") or column == "choices.role" else NO_PLACE), name
    if same(want, have):
        return RIGHT, name
    readings = [reading for reading in case.about.get("legal", []) if reading["what"] == column]
    if any(same(reading.get("value"), have) for reading in readings):
        return LEGAL, name
    if want in (None, ""):
        return WRONG, f"{name} invented"
    return WRONG, f"{name} lost" if have in (None, "", []) else name


def same(want: Any, have: Any) -> bool:
    return (want in (None, "") and have in (None, "")) or equal(have, want)


def summary(results: list[Result], cases: list[Case]) -> Iterator[str]:
    """One row a peer: how many of the specified and of the other streams it gets right, and what goes wrong."""
    own = [case for case in cases if case.about.get("specified")]
    other = [case for case in cases if not case.about.get("specified")]
    yield f"| | version | as specified ({len(own)}) | other servers ({len(other)}) | not right: most often |"
    yield "|---|---|---:|---:|---|"
    for result in results:
        words = Counter(word for verdict in result.verdicts.values() if verdict.mark in "✗!" for word in verdict.words)
        often = ", ".join(f"{word} ({count})" for word, count in words.most_common(5))
        shares = " | ".join(f"{result.count(RIGHT + LEGAL, part)}{places(result, part)}" for part in (own, other))
        yield f"| {result.name} | {result.version} | {shares} | {often} |"
    yield ""
    yield 'Right, or another legal reading; "+n": right in all it keeps, but with no place for part of the answer.'


def places(result: Result, cases: list[Case]) -> str:
    count = result.count(NO_PLACE, cases)
    return f" +{count}" if count else ""


def every_case(results: list[Result], cases: list[Case]) -> Iterator[str]:
    """One row a case, one column a peer."""
    yield LEGEND
    yield ""
    yield "| case | " + " | ".join(result.name for result in results) + " |"
    yield "|---|" + "---|" * len(results)
    for case in sorted(cases, key=lambda case: not case.about.get("specified")):
        verdicts = (result.verdicts[case.name] for result in results)
        yield f"| {case.name} | " + " | ".join(" ".join([v.mark, ", ".join(v.words)]).strip() for v in verdicts) + " |"


if __name__ == "__main__":
    main()

"""What do other stream mergers make of the conformance suite? Prints the README's table.

Every case of kind "stream" goes through each peer's own merging (conformance_peers/, one adapter each), offline. A peer
lives in an environment of its own, DIR/NAME: one that is missing is made, with the newest release that pip finds.

    python benchmarks/conformance.py --peers DIR [--cases]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from conformance.suite import Case, equal, load_cases  # noqa: E402

OURS = "chatlogs"
# Name: (the package to install and whose version is shown, what it is run with, its adapter).
PEERS = {
    OURS: ("chatlogs", [], "chatlogs_ingest.py"),
    "openai": ("openai", [], "openai_sdk.py"),
    "litellm": ("litellm", [], "litellm_builder.py"),
    "langchain-openai": ("langchain-openai", [], "langchain_openai_sum.py"),
    "langsmith": ("langsmith", ["openai"], "langsmith_wrapper.py"),
    "langfuse": ("langfuse", ["openai"], "langfuse_openai.py"),
    "opik": ("opik", ["openai"], "opik_aggregator.py"),
    "weave": ("weave", ["openai"], "weave_accumulator.py"),
    "mlflow": ("mlflow-skinny", ["openai", "numpy", "pandas"], "mlflow_autolog.py"),
    "openinference": ("openinference-instrumentation-openai", ["openai"], "openinference_accumulator.py"),
    "OpenLLMetry": ("opentelemetry-instrumentation-openai", ["openai"], "openllmetry_stream.py"),
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
    """Run the peers and print the summary, and every case with --cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where the peers' environments are, or will be made")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only these peers")
    parser.add_argument("--cases", action="store_true", help="a row for every case as well")
    options = parser.parse_args()
    cases = [case for case in load_cases() if case.about["kind"] == "stream"]
    names = options.peer or (PEERS if options.peers else [OURS])
    results = [run(name, environment(name, options.peers), cases) for name in names]
    print("\n".join(summary(results, cases)))
    if options.cases:
        print("\n".join(["", *every_case(results, cases)]))


def environment(name: str, folder: Path | None) -> Path:
    """The interpreter that has this peer; its environment is made when it is missing."""
    if name == OURS:
        return Path(sys.executable)
    if folder is None:
        sys.exit(f"{name} needs an environment of its own: say with --peers DIR where it is, or may be made.")
    python = folder.resolve() / name / "bin" / "python"
    if not python.exists():
        package, more, _ = PEERS[name]
        print(f"installing {package}", file=sys.stderr)
        venv.create(python.parent.parent, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", package, *more], check=True, stdout=sys.stderr)
    return python


def run(name: str, python: Path, cases: list[Case]) -> Result:
    """The peer's verdicts."""
    done = subprocess.run(
        [python, str(HERE / "conformance_peers" / PEERS[name][2])],
        input=json.dumps({"cases": {case.name: case.chunks() for case in cases}}),
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(HERE.parent) if name == OURS else ""},
    )
    if done.returncode:
        sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    return Result(name, told["version"], {case.name: judge(case, told["answers"][case.name]) for case in cases})


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
        kinds = {row.get("kind", "function") for row in case.expected["tool_calls"]}
        if kinds & set(answer.get("without", ())):
            yield "tool_calls.count", len(case.expected["tool_calls"]), ABSENT
            return
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
    """One row a peer: how many of the streams as specified and of the other servers' it gets right."""
    own = [case for case in cases if case.about.get("specified")]
    other = [case for case in cases if not case.about.get("specified")]
    yield f"The suite's {len(cases)} streams, merged by chatlogs and by others, as seen on {dt.date.today():%-d %B %Y}:"
    yield ""
    yield f"| who merges the stream | version | OpenAI's own streams ({len(own)}) | other servers' ({len(other)}) |"
    yield "|---|---|---:|---:|"
    for result in results:
        shares = " | ".join(f"{result.count(RIGHT + LEGAL, part)}{places(result, part)}" for part in (own, other))
        yield f"| {result.name} | {result.version} | {shares} |"


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

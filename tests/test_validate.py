"""Each rule finds what it is for, at its place, and lets what is right alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from asked_log import ASKED, CALL, TOOLS, assistant, user
from commands import Run
from hypothesis import given
from hypothesis import strategies as st

import chatlogs
from chatlogs.asking.examples import CHECKS, WARNINGS
from chatlogs.errors import ChatlogsError, OptionError

SAID = assistant(content="Yes.")
CALLS = assistant(content=None, tool_calls=[CALL])
RAIN = {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}


def openai(*messages: Any, **more: Any) -> Any:
    return {"messages": list(messages), **more}


def turns(*speakers: str, value: str = '{"name": "f", "arguments": {}}') -> Any:
    return {"conversations": [{"from": speaker, "value": value} for speaker in speakers]}


def calling(**more: Any) -> Any:
    return assistant(tool_calls=[CALL | more])


GOOD: list[tuple[str, Any]] = [
    ("openai", openai(*ASKED, SAID)),
    ("openai", openai(*ASKED, CALLS, RAIN, SAID, tools=TOOLS, parallel_tool_calls=True)),
    ("openai", openai(user("a"), SAID | {"weight": 0}, user("b"), SAID | {"weight": 1})),
    ("openai", openai({"role": "system", "content": ""}, *ASKED, SAID)),
    ("openai", openai({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, SAID)),
    ("openai", openai(user("a"), assistant(function_call={"name": "f", "arguments": "{}"}), functions=[{"name": "f"}])),
    ("openai", {"input": {"messages": ASKED}, "preferred_output": [SAID], "non_preferred_output": [SAID]}),
    ("trl", {"prompt": ASKED, "completion": [SAID]}),
    ("trl", {"prompt": "Will it rain?", "completion": " Yes."}),
    ("trl", {"prompt": [{"role": "user", "content": [{"type": "image"}]}], "completion": [SAID]}),
    ("trl", {"prompt": ASKED, "chosen": [SAID], "rejected": [SAID], "score": 1}),
    ("trl", {"text": "It rains."}),
    ("trl", {"prompt": ASKED, "completion": [CALLS], "tools": json.dumps(TOOLS)}),
    ("sharegpt", turns("human", "gpt", "human", "function_call", "observation", "gpt")),
    ("sharegpt", turns("human", "function_call", value='[{"name": "f", "arguments": {"a": 1}}]')),
    ("sharegpt", turns("system", "human", "gpt") | {"tools": json.dumps(TOOLS)}),
    ("trl", {"prompt": ASKED, "completion": [calling(id=None)], "tools": TOOLS}),
]
BAD: list[tuple[str, Any, str, str]] = [
    ("openai", "", "not_json", "$"),
    ("openai", "{", "not_json", "$"),
    ("openai", [openai(*ASKED, SAID)], "not_json", "$"),
    ("openai", openai({"role": "usr", "content": "a"}, SAID), "shape", "$.messages[0].role"),
    ("openai", openai({"content": "a"}, SAID), "shape", "$.messages[0]"),
    ("openai", {"messages": {}}, "shape", "$.messages"),
    ("openai", openai(*ASKED, SAID | {"weight": 2}), "shape", "$.messages[2].weight"),
    ("openai", openai(*ASKED, calling(type="custom")), "shape", "$.messages[2].tool_calls[0].type"),
    ("openai", openai(*ASKED, SAID, id="chatcmpl-1"), "unknown_field", "$.id"),
    ("openai", openai(*ASKED), "no_answer", "$.messages"),
    ("openai", openai(), "no_answer", "$.messages"),
    ("trl", {"prompt": ASKED, "completion": []}, "no_answer", "$.completion"),
    ("sharegpt", turns("human"), "no_answer", "$.conversations"),
    ("openai", openai(*ASKED, SAID | {"weight": 0}), "nothing_trained", "$.messages"),
    ("openai", openai(*ASKED, assistant(content="")), "empty_message", "$.messages[2]"),
    ("openai", openai({"role": "user"}, SAID), "empty_message", "$.messages[0]"),
    ("openai", openai({"role": "user", "content": "a", "weight": 1}, SAID), "misplaced", "$.messages[0].weight"),
    ("openai", openai(user("a") | {"tool_calls": [CALL]}, RAIN, SAID, tools=TOOLS), "misplaced", "$.messages[0]"),
    ("openai", openai(*ASKED, RAIN, SAID), "misplaced", "$.messages[2].tool_call_id"),
    ("openai", openai(*ASKED, {"role": "tool", "content": "a"}, SAID), "misplaced", "$.messages[2]"),
    ("openai", openai(*ASKED, assistant(content=[{"type": "text"}])), "misplaced", "$.messages[2].content"),
    ("openai", openai(*ASKED, calling(function={"name": "weather", "arguments": "{"}), tools=TOOLS),
     "broken_call", "$.messages[2].tool_calls[0].function.arguments"),
    ("openai", openai(*ASKED, CALLS, tools=[]), "unknown_tool", "$.messages[2].tool_calls[0].function.name"),
    ("openai", openai(*ASKED, CALLS, user("Well?"), SAID, tools=TOOLS), "open_call", "$.messages[2].tool_calls[0]"),
    ("trl", {"prompt": [*ASKED, CALLS], "completion": [SAID]}, "open_call", "$.prompt[2].tool_calls[0]"),
    ("openai", openai({"role": "user", "content": [{"type": "file"}]}, SAID), "unknown_part",
     "$.messages[0].content[0]"),
    ("trl", {"prompt": [{"role": "user", "content": [{"type": "image_url"}]}], "completion": [SAID]}, "unknown_part",
     "$.prompt[0].content[0]"),
    ("sharegpt", turns("human", "human"), "turns", "$.conversations[1]"),
    ("sharegpt", turns("human", "function_call", "human", "gpt"), "turns", "$.conversations[2]"),
    *[
        ("sharegpt", turns("human", "function_call", value=value), "broken_call", "$.conversations[1].value")
        for value in ("{", "{}", "[]", '{"name": "f"}', '{"name": "f", "arguments": "{}"}', "[" * 10_000)
    ],
    ("openai", openai(*ASKED, calling(id=None), tools=TOOLS), "call_id", "$.messages[2].tool_calls[0]"),
    ("openai", openai(*ASKED, assistant(tool_calls=[CALL, CALL]), tools=TOOLS), "call_id",
     "$.messages[2].tool_calls[1]"),
    *[
        ("trl", {"prompt": ASKED, "completion": [SAID], "tools": tools}, "shape", "$.tools")
        for tools in ("get_weather", '{"name": "weather"}', '"[]"', "[1]")
    ],
    ("sharegpt", turns("human", "gpt") | {"tools": "null"}, "shape", "$.tools"),
    ("sharegpt", turns("human", "gpt", value=""), "empty_message", "$.conversations[0]"),
    ("openai", openai(*ASKED, CALLS), "no_tools", "$.tools"),
]  # fmt: skip


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8")
    return path


@pytest.mark.parametrize(("format", "line"), GOOD)
def test_what_is_right_is_let_alone(tmp_path: Path, format: str, line: Any) -> None:
    found = chatlogs.validate(write(tmp_path / "train.jsonl", [line]))
    assert (found.format, found.examples, found.valid) == (format, 1, True)
    assert not [problem for problem in found.found if problem.is_error]


@pytest.mark.parametrize(("format", "line", "rule", "place"), BAD)
def test_what_is_wrong_is_found_at_its_place(tmp_path: Path, format: str, line: Any, rule: str, place: str) -> None:
    found = chatlogs.validate(write(tmp_path / "train.jsonl", [GOOD[0][1], line]), format=format)
    told = [(problem.rule, problem.place) for problem in found.found if problem.line == 2]
    assert (rule, place) in told
    assert found.valid == (rule in WARNINGS and format == "openai")


def test_every_rule_has_its_case() -> None:
    assert {rule for _, _, rule, _ in BAD} | {"duplicate", "too_few"} == set(CHECKS)


def test_a_file_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    found = chatlogs.validate(write(tmp_path / "train.jsonl", [GOOD[0][1], GOOD[1][1], GOOD[0][1]]))
    assert [(problem.line, problem.rule, problem.problem) for problem in found.found] == [
        (3, "duplicate", "the same as line 1"),
        (None, "too_few", "3 of the 10 lines that OpenAI asks for"),
    ]
    assert found.valid and found.problems["level"].to_list() == ["warning", "warning"]


def test_an_empty_file_is_no_training_set(tmp_path: Path, run: Run) -> None:
    path = write(tmp_path / "train.jsonl", [])
    assert not chatlogs.validate(path).valid
    result = run("validate", str(path))
    assert result.code == 3 and f"{path} is empty" in result.err


def test_what_cannot_be_checked_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChatlogsError, match=r"cannot read .*/none: No such file or directory\."):
        chatlogs.validate(tmp_path / "none")
    with pytest.raises(ChatlogsError, match=r"line 1: neither messages, prompt nor conversations tell the format"):
        chatlogs.validate(write(tmp_path / "logs.jsonl", [{"id": "chatcmpl-1"}]))
    with pytest.raises(OptionError, match="there is no format 'alpaca'"):
        chatlogs.validate(tmp_path / "logs.jsonl", format="alpaca")
    pl.DataFrame({"messages": ["a"]}).write_parquet(tmp_path / "train.parquet")
    with pytest.raises(ChatlogsError, match="is Parquet"):
        chatlogs.validate(tmp_path / "train.parquet")
    (tmp_path / "text").write_bytes(b"PAR1\n")
    assert [problem.rule for problem in chatlogs.validate(tmp_path / "text").found] == ["not_json", "too_few"]


def test_on_the_command_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "train.jsonl", [GOOD[0][1], openai(*ASKED)])
    result = run("validate", str(path), "--json")
    assert result.code == 3
    assert json.loads(result.out)[0] == {
        "line": 2, "level": "error", "rule": "no_answer", "place": "$.messages",
        "problem": "the last message is not the assistant's",
    }  # fmt: skip
    result = run("validate", str(path), "-n", "1")
    assert len(result.out.splitlines()) == 2 and "and 1 problem more; -n 0 shows all" in result.err
    assert "1 of 2 lines are examples (openai): 1 error, 1 warning" in result.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert run("validate", "-").code == 3
    assert run("validate", str(path), "--as", "sharegpt").code == 3
    assert run("validate", str(tmp_path)).code == 1


NAMES = (
    "messages", "role", "content", "tool_calls", "function", "name", "conversations", "from", "value", "prompt",
    "completion", "tools", "input", "preferred_output",
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_judged(tmp_path_factory: pytest.TempPathFactory, line: bytes) -> None:
    """No line whatsoever is an exception, and each is an example or has an error."""
    path = tmp_path_factory.mktemp("any") / "train.jsonl"
    path.write_bytes(line + b"\n")
    for format in ("openai", "trl", "sharegpt"):
        found = chatlogs.validate(path, format=format)
        lines = {problem.line for problem in found.found if problem.is_error}
        assert found.lines == max(1, (line + b"\n").count(b"\n")) and found.examples == found.lines - len(lines)

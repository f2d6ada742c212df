"""Answers become examples or are counted; each line is right, is valid, and says where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asked_log
import duckdb
import polars as pl
import pytest
from asked_log import ASKED, CALL, TOOLS, assistant, exchange, user
from commands import Run
from hypothesis import given, settings
from hypothesis import strategies as st

import chatlogs
from chatlogs.asking import batches
from chatlogs.asking.examples import LEFT_OUT
from chatlogs.asking.logs import Logs
from chatlogs.errors import ChatlogsError, OptionError, QueryError

FORMATS = ("openai", "trl", "sharegpt")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    return asked_log.write(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="module")
def store(log: str) -> str:
    path = str(Path(log).parent / "store")
    chatlogs.ingest(log, path)
    return path


@pytest.fixture(scope="module")
def logs(store: str) -> Iterator[Logs]:
    with chatlogs.open(store) as logs:
        yield logs


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def by_id(path: Path) -> dict[str, Any]:
    """The lines of a file, by the id of the answer each is made of."""
    origins = lines(path.parent / f"{path.name}.lineage.jsonl")
    return {origin["id"]: line for origin, line in zip(origins, lines(path), strict=True)}


def write(path: Path, records: list[Any]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


def test_every_answer_is_an_example_or_is_counted(logs: Logs, tmp_path: Path) -> None:
    report = chatlogs.export(logs, tmp_path / "train.jsonl")
    assert report.left_out == asked_log.LEFT_OUT
    assert report.examples == len(asked_log.EXAMPLES) == len(lines(tmp_path / "train.jsonl"))
    assert report.answers == logs.sql("select count(*) n from completions")["n"][0] and report.balanced
    assert set(report.left_out) == set(LEFT_OUT), "each reason has its answer in this log"


def test_lines_as_openai_reads_them(logs: Logs, tmp_path: Path) -> None:
    chatlogs.export(logs, tmp_path / "train.jsonl")
    found = by_id(tmp_path / "train.jsonl")
    assert found["chatcmpl-1"] == {"messages": [*ASKED, assistant(content="Answer 1.")]}
    assert found["chatcmpl-2"] == {"messages": [*ASKED, assistant(tool_calls=[CALL])], "tools": TOOLS}
    assert found["chatcmpl-3"] == {
        "messages": [
            *ASKED,
            assistant(tool_calls=[CALL], weight=0),
            {"role": "tool", "content": "Rain.", "tool_call_id": "call_1"},
            assistant(content="Answer 3."),
        ],
        "tools": TOOLS,
        "parallel_tool_calls": False,
    }
    assert found["chatcmpl-5"]["messages"][0] == {"role": "user", "content": asked_log.PICTURE}
    assert found["chatcmpl-6"]["messages"][-1] == assistant(function_call={"name": "f", "arguments": "{}"})
    assert found["chatcmpl-6"]["functions"] == [{"name": "f"}]


def test_lines_as_trl_reads_them(logs: Logs, tmp_path: Path) -> None:
    chatlogs.export(logs, tmp_path / "train.jsonl", format="trl")
    assert "chatcmpl-5" not in by_id(tmp_path / "train.jsonl"), "its chat templates take no address of a picture"
    line = by_id(tmp_path / "train.jsonl")["chatcmpl-3"]
    assert line["completion"] == [assistant(content="Answer 3.")]
    assert [message["role"] for message in line["prompt"]] == ["system", "user", "assistant", "tool"]
    assert json.loads(line["tools"]) == TOOLS and "weight" not in line["prompt"][2]
    chatlogs.export(logs, tmp_path / "turns.jsonl", format="trl", all_turns=True)
    assert by_id(tmp_path / "turns.jsonl")["chatcmpl-3"]["messages"] == line["prompt"] + line["completion"]


def test_lines_as_llama_factory_reads_them(logs: Logs, tmp_path: Path) -> None:
    report = chatlogs.export(logs, tmp_path / "train.jsonl", format="sharegpt")
    found = by_id(tmp_path / "train.jsonl")
    assert report.left_out["unfit"] == 2 and "chatcmpl-5" not in found, "a picture has no place there"
    call = '{"name":"weather","arguments":{"city": "Köln"}}'
    assert found["chatcmpl-3"] == {
        "conversations": [
            {"from": "human", "value": "Will it rain?"},
            {"from": "function_call", "value": call},
            {"from": "observation", "value": "Rain."},
            {"from": "gpt", "value": "Answer 3."},
        ],
        "system": "Be brief.",
        "tools": json.dumps(TOOLS, separators=(",", ":")),
    }


def test_what_no_trainer_could_read_is_unfit(tmp_path: Path) -> None:
    """Tools that are none, arguments that are JSON only to Python, calls that OpenAI could not tell apart."""
    odd = CALL | {"function": {"name": "weather", "arguments": '{"degrees": NaN}'}}
    records = [
        exchange(1, request={"tools": "weather"}),
        exchange(2, [*ASKED, assistant(content=None, tool_calls=[odd]), {"role": "tool", "tool_call_id": "call_1",
                                                                        "content": "Rain."}]),
        exchange(3, content=None, tool_calls=[CALL, CALL], reason="tool_calls"),
        exchange(4, content=None, tool_calls=[CALL | {"id": None}], reason="tool_calls"),
    ]  # fmt: skip
    found = {}
    with chatlogs.read(write(tmp_path / "log.jsonl", records)) as logs:
        for format in FORMATS:
            chatlogs.export(logs, tmp_path / f"{format}.jsonl", format=format)
            found[format] = sorted(by_id(tmp_path / f"{format}.jsonl"))
    assert found["openai"] == []
    assert found["trl"] == found["sharegpt"] == ["chatcmpl-3", "chatcmpl-4"]


def test_blanks_are_no_answer(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", [exchange(1, content=" \n"), exchange(2, content=" \nYes")])
    with chatlogs.read(log) as logs:
        report = chatlogs.export(logs, tmp_path / "train.jsonl")
    assert report.left_out == {"empty": 1}
    assert lines(tmp_path / "train.jsonl")[0]["messages"][-1] == assistant(content=" \nYes")


def test_an_answer_with_calls_of_both_kinds_keeps_them_all(tmp_path: Path) -> None:
    legacy = {"name": "f", "arguments": "{}"}
    both = exchange(1, content=None, tool_calls=[CALL], function_call=legacy, reason="tool_calls")
    with chatlogs.read(write(tmp_path / "log.jsonl", [both])) as logs:
        chatlogs.export(logs, tmp_path / "train.jsonl")
        chatlogs.export(logs, tmp_path / "turns.jsonl", format="sharegpt")
    (line,), (turns,) = lines(tmp_path / "train.jsonl"), lines(tmp_path / "turns.jsonl")
    assert line["messages"][-1] == assistant(tool_calls=[CALL], function_call=legacy)
    assert [call["name"] for call in json.loads(turns["conversations"][-1]["value"])] == ["weather", "f"]


def test_the_answer_is_no_part_of_its_own_prompt(tmp_path: Path) -> None:
    """Programs put the answer behind the messages, and then log both; a begun answer is asked for, and stays."""
    said, calling = assistant(content="Answer 1."), assistant(content=None, tool_calls=[CALL])
    log = write(
        tmp_path / "log.jsonl",
        [
            exchange(1, [user("a"), said]),
            exchange(2, [user("a"), calling], content=None, tool_calls=[CALL], reason="tool_calls"),
            exchange(3, [user("b"), assistant(content="Answer")]),
            exchange(4, [assistant(content="Answer 4.")]),
        ],
    )
    with chatlogs.read(log) as logs:
        assert chatlogs.export(logs, tmp_path / "train.jsonl").left_out == {"no_prompt": 1}
    texts = [[message.get("content") for message in line["messages"]] for line in lines(tmp_path / "train.jsonl")]
    assert sorted(texts, key=str) == [["a", "Answer 1."], ["a", None], ["b", "Answer", "Answer 3."]]


def test_a_system_message_that_calls_tools_is_unfit(tmp_path: Path) -> None:
    calling = {"role": "system", "tool_calls": [CALL]}
    log = write(tmp_path / "log.jsonl", [exchange(1, [calling, user("a")]), exchange(2)])
    with chatlogs.read(log) as logs:
        for format in FORMATS:
            assert chatlogs.export(logs, tmp_path / format, format=format).left_out == {"unfit": 1}


def test_parquet_holds_the_same_and_where_it_came_from(logs: Logs, tmp_path: Path) -> None:
    chatlogs.export(logs, tmp_path / "train.jsonl", where="choice_index = 0")
    report = chatlogs.export(logs, tmp_path / "train.parquet", format="parquet")
    frame = pl.read_parquet(tmp_path / "train.parquet")
    rows = {row["id"]: row for row in frame.iter_rows(named=True)}
    assert frame.height == report.examples and set(by_id(tmp_path / "train.jsonl")) <= set(rows)
    messages = rows["chatcmpl-2"]["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant"]
    assert json.loads(messages[-1]["tool_calls"]) == [CALL] and json.loads(rows["chatcmpl-2"]["tools"]) == TOOLS
    assert rows["chatcmpl-1"]["line_number"] == 1 and rows["chatcmpl-1"]["byte_offset"] == 0


def test_all_turns_are_trained_on_when_asked_for(logs: Logs, tmp_path: Path) -> None:
    chatlogs.export(logs, tmp_path / "train.jsonl", all_turns=True)
    assert not any("weight" in message for line in lines(tmp_path / "train.jsonl") for message in line["messages"])


def test_equal_examples_are_kept_when_asked_for(logs: Logs, tmp_path: Path) -> None:
    report = chatlogs.export(logs, tmp_path / "train.jsonl", duplicates=True)
    assert "duplicate" not in report.left_out and report.examples == len(asked_log.EXAMPLES) + 1


def test_each_line_leads_back_to_the_log(logs: Logs, log: str, tmp_path: Path) -> None:
    report = chatlogs.export(logs, tmp_path / "train.jsonl", test=str(tmp_path / "test.jsonl"), test_share=0.4)
    origins = lines(tmp_path / "train.jsonl.lineage.jsonl")
    raw = Path(log).read_bytes()
    assert len(origins) == report.examples
    for origin in origins:
        begin = raw[origin["byte_offset"] :].partition(b"\n")[0]
        assert begin == raw.split(b"\n")[origin["line_number"] - 1]
        said = json.loads(begin)["response"]["choices"][0]["message"]["content"]
        line = lines(tmp_path / origin["file"])[origin["line"] - 1]
        assert line["messages"][-1].get("content") == said


def test_the_manifest_tells_the_files_and_how_they_were_made(logs: Logs, tmp_path: Path) -> None:
    report = chatlogs.export(logs, tmp_path / "train.jsonl", where="created is not null", model="gpt*")
    told = json.loads((tmp_path / "train.jsonl.manifest.json").read_text("utf-8"))
    digest = hashlib.sha256((tmp_path / "train.jsonl").read_bytes()).hexdigest()
    assert told["files"] == [{"file": "train.jsonl", "examples": report.examples, "sha256": digest}]
    assert told["chosen"]["where"] == "created is not null" and told["chosen"]["model"] == "gpt*"
    assert told["left_out"] == report.left_out and told["answers"] == report.answers
    assert [source["content_hash"] for source in told["sources"]] == logs.sql("from sources")["content_hash"].to_list()


def test_conversations_that_begin_alike_are_in_one_file(tmp_path: Path) -> None:
    talks = [[user(f"Question {n}")] for n in range(60)]
    going_on = [[*talk, assistant(content="Hm."), user("And?")] for talk in talks]
    log = write(tmp_path / "log.jsonl", [exchange(n, talk) for n, talk in enumerate([*talks, *going_on])])
    with chatlogs.read(log) as logs:
        report = chatlogs.export(logs, tmp_path / "train.jsonl", test=str(tmp_path / "test.jsonl"), test_share=0.3)
        again = chatlogs.export(logs, tmp_path / "again.jsonl", test=str(tmp_path / "other.jsonl"), test_share=0.3)
    train, test = (
        {line["messages"][0]["content"] for line in lines(tmp_path / name)} for name in ("train.jsonl", "test.jsonl")
    )
    assert not train & test and len(train | test) == 60
    assert report.files[str(tmp_path / "test.jsonl")] == 2 * len(test) and 8 <= len(test) <= 28
    assert list(again.files.values()) == list(report.files.values())
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()


def test_a_text_sent_in_parts_begins_like_the_same_text(tmp_path: Path) -> None:
    asked = [(f"Question {n}", [{"type": "text", "text": f"Question {n}"}]) for n in range(40)]
    log = write(tmp_path / "log.jsonl", [
        exchange(n, [{"role": "user", "content": said}]) for n, said in enumerate(one for both in asked for one in both)
    ])  # fmt: skip
    with chatlogs.read(log) as logs:
        chatlogs.export(logs, tmp_path / "train.jsonl", test=str(tmp_path / "test.jsonl"), test_share=0.5)
    train, test = (
        {line["messages"][0]["content"] for line in lines(tmp_path / name)} for name in ("train.jsonl", "test.jsonl")
    )
    assert not train & test and len(train | test) == 40


def test_how_many_responses_are_looked_at_together_does_not_matter(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = chatlogs.export(logs, tmp_path / "whole.jsonl")
    monkeypatch.setattr(batches, "_BYTES", 1)
    parts = chatlogs.export(logs, tmp_path / "parts.jsonl")
    assert (parts.answers, parts.left_out) == (whole.answers, whole.left_out)
    found = [sorted((tmp_path / f"{name}.jsonl").read_text("utf-8").splitlines()) for name in ("whole", "parts")]
    # Of two equal examples either may be the one that is kept, so only what they say is compared.
    assert found[0] == found[1]


@pytest.mark.parametrize("content", ["hash", "none"])
def test_texts_that_were_not_kept_are_no_examples(log: str, tmp_path: Path, content: str) -> None:
    with chatlogs.read(log, content=content) as logs:
        report = chatlogs.export(logs, tmp_path / "train.jsonl")
    assert report.examples == 0 and report.balanced
    kept = {"error", "truncated", "no_prompt"}
    told = {reason: count for reason, count in report.left_out.items() if reason not in kept}
    # An answer without any text has none to hide, and the refusal of this log is one word for both.
    assert told.pop("no_text") >= 15 and set(told) <= {"empty", "audio", "custom_call", "no_role", "finish", "suspect"}


def test_a_stream_whose_parts_were_kept_by_their_hashes_is_no_example(tmp_path: Path) -> None:
    """Even where its prompt was read before, whole."""
    parts = [({"role": "assistant"}, None), ({"content": "It "}, None), ({"content": "rains."}, "stop")]
    for number, (delta, reason) in enumerate(parts):
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_767_225_600, "model": "gpt-4o",
                 "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}  # fmt: skip
        log = write(tmp_path / f"{number}.jsonl", [{"request": {"messages": ASKED}, "response": chunk}])
        chatlogs.ingest(log, tmp_path / "store", content="hash" if number else "keep")
    with chatlogs.open(tmp_path / "store") as logs:
        assert logs.choices.collect()["content"].str.len_chars().to_list() == [2 * len("sha256:") + 128]
        assert chatlogs.export(logs, tmp_path / "train.jsonl").left_out == {"no_text": 1}


said = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "function": st.fixed_dictionaries(
                {"name": said, "arguments": st.sampled_from(["{}", '{"a": 1}', "", "{", 1])}
            )
        },
        optional={"id": st.sampled_from(["a", "b", ""]), "type": st.sampled_from(["function", "custom", None])},
    ),
    max_size=2,
)
parts = st.lists(st.sampled_from([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {}}, "x", 1, {}]))
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "user", "assistant", "tool", "function", "odd", None])},
        optional={
            "content": st.one_of(st.none(), said, parts),
            "tool_calls": calls,
            "tool_call_id": st.sampled_from(["a", "b", 1]),
            "name": said,
            "function_call": st.sampled_from(
                [{}, {"name": "f", "arguments": "{}"}, {"name": "f", "arguments": {}}, "f"]
            ),
        },
    ),
    max_size=5,
)
requests = st.fixed_dictionaries(
    {},
    optional={"tools": st.sampled_from([TOOLS, [], {}, "x", [1]]), "functions": st.sampled_from([[{"name": "f"}], 1])},
)
exchanges = st.builds(
    lambda prompt, answer, request: (
        prompt,
        {"tool_calls": answer, "request": request} if answer else {"request": request},
    ),
    messages,
    calls,
    requests,
)


@settings(max_examples=10)
@given(st.lists(exchanges, min_size=10, max_size=30))
def test_whatever_is_written_is_valid(tmp_path_factory: pytest.TempPathFactory, made: list[Any]) -> None:
    """And no prompt whatsoever is an exception or an answer that is lost."""
    folder = tmp_path_factory.mktemp("any")
    log = write(folder / "log.jsonl", [exchange(n, prompt, **answer) for n, (prompt, answer) in enumerate(made)])
    with chatlogs.read(log) as logs:
        for format in FORMATS:
            report = chatlogs.export(logs, folder / f"{format}.jsonl", format=format)
            found = chatlogs.validate(folder / f"{format}.jsonl", format=format)
            assert report.balanced and report.answers == len(made)
            assert found.examples == found.lines == report.examples, found.found
        whole = chatlogs.export(logs, folder / "all.parquet", format="parquet")
        assert pl.read_parquet(folder / "all.parquet").height == whole.examples and whole.balanced


def test_files_come_whole_or_not_at_all(logs: Logs, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("before")
    with pytest.raises(ChatlogsError, match=r"cannot write /dev/full: No space left on device\."):
        chatlogs.export(logs, tmp_path / "train.jsonl", test="/dev/full", test_share=0.9)
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]
    assert (tmp_path / "train.jsonl").read_text() == "before"


def test_what_cannot_be_meant_is_told(logs: Logs, tmp_path: Path) -> None:
    out = tmp_path / "train.jsonl"
    for wrong in ({"format": "alpaca"}, {"test_share": 1.0, "test": "t"}, {"test": str(out)}):
        with pytest.raises(OptionError):
            chatlogs.export(logs, out, **wrong)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="unknown column 'modell'"):
        chatlogs.export(logs, out, where="modell = 'x'")
    assert not list(tmp_path.iterdir())


def test_on_the_command_line(run: Run, store: str, tmp_path: Path) -> None:
    out = tmp_path / "train.jsonl"
    code, printed, told = run("export", store, "-o", str(out), "--json")
    report = json.loads(printed)
    assert code == 0 and report["balanced"] and report["examples"] == len(lines(out)) == len(asked_log.EXAMPLES)
    assert f"6 examples of 22 answers: 6 in {out} (openai)" in told
    assert "finish             3  The answer did not end by itself" in told
    code, printed, _ = run("export", store, "-q")
    assert code == 0 and printed == out.read_text("utf-8")
    code, printed, told = run("export", store, "-n", "2", "--format", "trl")
    assert code == 0 and len(printed.splitlines()) == 2 and "2 examples of" in told
    assert run("validate", str(out)).code == 0


def test_the_printed_query_runs_without_chatlogs(run: Run, store: str, logs: Logs) -> None:
    code, query, _ = run("export", store, "--show-sql", "--where", "choice_index = 0")
    rows = duckdb.sql(query)
    assert code == 0 and query.startswith("-- Which answers can a model be trained on")
    place = rows.columns.index("left_out")
    later = asked_log.LEFT_OUT["duplicate"] + asked_log.LEFT_OUT["unfit"]  # which only what was written tells
    assert sum(row[place] is None for row in rows.fetchall()) == len(asked_log.EXAMPLES) + later


def test_sql_can_ask_for_them(logs: Logs) -> None:
    query = "select left_out, count(*) as answers from examples where left_out is not null group by all"
    found = dict(logs.sql(query).iter_rows())
    assert found == {name: n for name, n in asked_log.LEFT_OUT.items() if name not in ("unfit", "duplicate")}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--test", "t.jsonl"], 2, "name a file for the examples: -o FILE."),
        (["--json"], 2, "name a file for the examples: -o FILE."),
        (["-o", ""], 2, "name a file for the examples: -o FILE."),
        (["-o", "/nowhere/train.jsonl"], 1, "cannot write /nowhere/train.jsonl: No such file or directory."),
        (["-o", "t", "--test", "t"], 2, "the tests go to a file of their own: name another one."),
        (["--format", "alpaca"], 2, "'alpaca' is not one of 'openai', 'trl', 'sharegpt', 'parquet'"),
    ],
)
def test_a_wrong_word_is_one_sentence(run: Run, store: str, words: list[str], code: int, told: str) -> None:
    result = run("export", store, *words)
    assert result.code == code and told in result.err and not result.out


def test_logs_without_requests_say_what_is_missing(run: Run, tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", [exchange(1)["response"]])
    result = run("export", log)
    assert result.code == 0 and not result.out
    assert "no_prompt        1  The log does not say what was asked." in result.err
    assert "these logs hold answers without what was asked" in result.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-m", "gpt-9"], "no model matches; these logs hold: gpt-4o"),
        (["--where", "choice_index = 7"], "nothing matches the filter"),
        (["--since", "2026-01-01", "--where", "status = 'complete'"], "1 choice without a time: --since and --until"),
    ],
)
def test_a_filter_that_leaves_answers_out_is_told(run: Run, tmp_path: Path, words: list[str], told: str) -> None:
    timeless = exchange(2)
    del timeless["response"]["created"]
    result = run("export", write(tmp_path / "log.jsonl", [exchange(1), timeless]), *words)
    assert result.code == 0 and told in result.err

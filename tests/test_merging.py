"""Calls of a stream that goes on in another log are those of the whole stream, however their fragments are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ingested import stored
from log_lines import Obj, dumps, obj

from chatlogs.moving.ingest import ingest

NewStore = Callable[[], Path]


def line(*calls: Obj, finish: str | None = None, role: str | None = None) -> bytes:
    delta = obj(role=role, tool_calls=list(calls)) if role else obj(tool_calls=list(calls))
    choice = obj(index=0, delta=delta, finish_reason=finish)
    return dumps(obj(id="c1", object="chat.completion.chunk", created=1, model="m", choices=[choice])) + b"\n"


def begun(id: str, arguments: str, **index: int) -> Obj:
    return obj(**index, id=id, type="function", function=obj(name=f"f-{id}", arguments=arguments))


def more(arguments: str, **index: int) -> Obj:
    return obj(**index, function=obj(arguments=arguments))


CASES = {
    "by number": (
        [begun("a", "{}", index=0), begun("b", '{"x":', index=1)],
        [more("1}", index=1)],
        {"a": "{}", "b": '{"x":1}'},
    ),
    "without a number, to the one that is open": (
        [begun("a", "{}"), begun("b", '{"x":')],
        [more("1}")],
        {"a": "{}", "b": '{"x":1}'},
    ),
    "a new one beside": (
        [begun("a", '{"x":', index=0)],
        [more("1}", index=0), begun("b", "{}", index=1)],
        {"a": '{"x":1}', "b": "{}"},
    ),
    "a new one under a number that is taken": (
        [begun("a", "{}", index=0)],
        [begun("b", "{}", index=0)],
        {"a": "{}", "b": "{}"},
    ),
    "the same one, named again": (
        [begun("a", "{}", index=0), begun("b", '{"x":', index=1)],
        [begun("b", "1}", index=0)],
        {"a": "{}", "b": '{"x":1}'},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_calls_go_on_in_the_next_log(new_store: NewStore, tmp_path: Path, case: str) -> None:
    first, later, arguments = CASES[case]
    store = new_store()
    for number, data in enumerate([line(*first, role="assistant"), line(*later) + line(finish="tool_calls")]):
        log = tmp_path / f"{number}.jsonl"
        log.write_bytes(data)
        ingest(log, store)
    rows = stored(store)
    assert [row["status"] for row in rows["completions"]] == ["complete"]
    calls = sorted(rows["tool_calls"], key=lambda row: row["tool_call_index"])
    assert {row["call_id"]: row["arguments"] for row in calls} == arguments
    assert [row["tool_call_index"] for row in calls] == list(range(len(arguments)))

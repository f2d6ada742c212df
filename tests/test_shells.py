"""Wrappers of one shape are understood once: also where a later one says something else than the first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ingested import shown

from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.lines import Block

ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}
ASKED = {"model": "m", "temperature": 0.5, "seed": 1, "messages": [{"role": "user", "content": "Hi"}]}
ERROR = {"message": "no", "code": "x"}
WRAPPERS: dict[str, list[dict[str, Any]]] = {
    "status": [{"request": ASKED, "status": status} for status in (200, 201, 500, 0, None, "200")],
    "times": [{"request": ASKED, "started_at": at, "duration_ms": 7} for at in (1700000000, "2026-01-01T00:00:00Z", 0)],
    "equal numbers of other kinds": [{"request": {**ASKED, "seed": seed}} for seed in (1, 1.0, True, "1", None)],
    "a request as text": [{"request": json.dumps(ASKED)}, {"request": "no JSON"}, {"request": ASKED}],
    "an error": [{"request": ASKED, "error": error} for error in (None, {}, ERROR, "cut", False, {"code": None})],
    "an error in the answer": [{"request": ASKED, "more": {"error": error}} for error in (None, ERROR)],
    "metadata": [{"request": ASKED, "metadata": data} for data in ({"a": 1}, {}, {"a": {"b": [1]}}, {"api_key": "s"})],
    "a request in a body": [{"request": {"body": body}} for body in (ASKED, json.dumps(ASKED), None, {})],
    "headers": [{"request": ASKED, "headers": headers} for headers in ({"x-request-id": "r"}, {"x-request-id": None})],
    "parameters apart": [
        {"litellm_call_id": "x", "model": "n", "messages": ASKED["messages"], "model_parameters": {"seed": seed}}
        for seed in (1, 2, None)
    ],
    "another answer": [{"request": ASKED, "output": other} for other in ("text", ANSWER, "data: {}", None, 1)],
    "secrets": [{"request": {**ASKED, "api_key": key, "tools": [1]}} for key in ("s", None)],
    "keys of sources": [
        {"request": {**ASKED, name: [{"parameters": {part: {"key": "s", "type": "t"}, "key": "s"}}]}}
        for name in ("data_sources", "dataSources", "others")
        for part in ("authentication", "more")
    ],
    "requests of batches": [{"custom_id": name, "request_id": "q"} for name in ("r1", "r2", "")],
}


@pytest.mark.parametrize("nested", [False, True], ids=["bare", "in a body"])
@pytest.mark.parametrize("wrappers", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_wrappers_of_a_shape_are_read_as_one_by_one(wrappers: list[dict[str, Any]], nested: bool) -> None:
    lines = []
    for number, wrapper in enumerate([*wrappers, *reversed(wrappers), *wrappers]):
        answer = {**ANSWER, "id": f"c{number}"}
        response = {"status_code": 200 + number, "body": answer} if nested else answer
        lines.append(json.dumps({**wrapper, "response": response}, separators=(",", ":")).encode())
    block = Block.of(b"\n".join(lines))
    fast, slow = normalize(block), normalize(block, fast=False)
    assert fast.counts == slow.counts and len(fast.tables["completions"]) >= len(wrappers)
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)

"""A log of exchanges with requests, made for exports: `write` gives its path, `LEFT_OUT` what is no example of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Will it rain?"}]


def exchange(number: int, messages: Any = ASKED, *, reason: str | None = "stop", request: Any = (), **said: Any) -> Any:
    """An exchange; `said` are the fields of the answer's message, `error` one of the response's."""
    message = {"role": "assistant", "content": f"Answer {number}."} | said
    response = {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1_767_225_600 + number, "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }  # fmt: skip
    return {"request": {"model": "gpt-4o", "messages": messages, **dict(request)}, "response": response}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(**said: Any) -> dict[str, Any]:
    return {"role": "assistant", **said}


ANSWERED = [*ASKED, assistant(content=None, tool_calls=[CALL]),
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Rain."}]}]  # fmt: skip
PICTURE = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
EXAMPLES = [
    exchange(1),
    exchange(2, content=None, tool_calls=[CALL], reason="tool_calls", request={"tools": TOOLS}),
    exchange(3, ANSWERED, request={"tools": TOOLS, "parallel_tool_calls": False}),
    exchange(4, [*ASKED, assistant(content="No."), user("Sure?")]),
    exchange(5, [{"role": "user", "content": PICTURE}]),
    exchange(6, content=None, function_call={"name": "f", "arguments": "{}"}, reason="function_call",
             request={"functions": [{"name": "f"}]}),
]  # fmt: skip
OTHERS: dict[str, list[Any]] = {
    "error": [{"request": {"model": "gpt-4o", "messages": ASKED}, "status": 500,
               "response": {"error": {"message": "no", "type": "server_error"}}}],
    "truncated": [{"request": {"model": "gpt-4o", "messages": ASKED}, "response": [
        {"id": "chatcmpl-cut", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
         "choices": [{"index": 0, "delta": {"role": "assistant", "content": "It"}, "finish_reason": None}]}]}],
    "no_prompt": [exchange(10)["response"]],
    "no_text": [exchange(11, [{"role": "user", "content": None}])],
    "no_role": [exchange(12, [{"content": "Will it rain?"}])],
    "refusal": [exchange(13, content=None, refusal="I cannot.")],
    "finish": [exchange(14, reason="length"), exchange(15, reason="content_filter"), exchange(16, reason="odd")],
    "audio": [exchange(17, content=None, audio={"id": "a", "data": "AAAA", "transcript": "Rain."})],
    "custom_call": [exchange(18, content=None, tool_calls=[
        {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}], reason="tool_calls")],
    "broken_call": [exchange(19, content=None, tool_calls=[
        CALL | {"function": {"name": "weather", "arguments": '{"city'}}], reason="tool_calls")],
    "empty": [exchange(20, content="")],
    "suspect": [exchange(21, content="half \ud83d")],
    "unfit": [exchange(22, [*ASKED, assistant(content=None, tool_calls=[CALL]), user("Well?")])],
    "duplicate": [exchange(23, content="Answer 1.")],
}  # fmt: skip
LEFT_OUT = {reason: len(found) for reason, found in OTHERS.items()}


def write(folder: Path) -> str:
    """The log, in a file of this folder."""
    path = folder / "asked.jsonl"
    records = [*EXAMPLES, *(record for found in OTHERS.values() for record in found)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)

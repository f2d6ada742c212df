"""One example in, one line of a training file out, in each of the formats that trainers read.

An example is a row of sql/examples.sql: the prompt's messages, the answer's content and calls, the tools. The rule:
nothing is made up and nothing is cut off; what a format cannot hold is no line of it. Reasoning is in no line, for
no format agrees on a place for it: Parquet has it in a column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from chatlogs.values import as_json

Example = Mapping[str, Any]
Line = dict[str, Any]


def openai(example: Example, *, all_turns: bool = False) -> Line:
    """`{"messages", "tools"?, "parallel_tool_calls"?}`, the format that OpenAI's fine-tuning is documented with.

    Earlier answers in the prompt get weight 0, which keeps them from being trained on, unless `all_turns`: they may
    be answers that are left out themselves, such as those that were cut.
    """
    messages = [message(row) for row in example["messages"]]
    if not all_turns:
        messages = [{**one, "weight": 0} if one["role"] == "assistant" else one for one in messages]
    line: Line = {"messages": [*messages, answer(example)]}
    for name in ("tools", "functions", "parallel_tool_calls"):
        if example[name] is not None:
            line[name] = msgspec.Raw(example[name].encode())
    return line


def trl(example: Example, *, all_turns: bool = False) -> Line:
    """`{"prompt", "completion", "tools"?}`, or with `all_turns` `{"messages", "tools"?}`, as TRL's trainers read it.

    Tools are the text of their JSON: as objects, the schemas of different tools would be filled up with each
    other's fields.
    """
    prompt = [message(row) for row in example["messages"]]
    line: Line = (
        {"messages": [*prompt, answer(example)]} if all_turns else {"prompt": prompt, "completion": [answer(example)]}
    )
    if tools := example["tools"] or example["functions"]:
        line["tools"] = tools
    return line


def sharegpt(example: Example, *, all_turns: bool = False) -> Line | None:
    """`{"conversations", "system"?, "tools"?}`, as LLaMA-Factory reads it; None where the turns do not fit into it.

    Turns of human or observation, and of gpt or function_call, alternate. All answers of a line are trained on,
    unless the trainer is told to mask the history.
    """
    messages = [message(row) for row in example["messages"]]
    line: Line = {}
    if messages and messages[0]["role"] in ("system", "developer"):
        line["system"] = messages.pop(0).get("content")
    turns = [_turn(one) for one in [*messages, answer(example)]]
    asks = [turn is not None and turn["from"] in ("human", "observation") for turn in turns]
    if None in turns or not isinstance(line.get("system", ""), str):
        return None
    if len(turns) % 2 or any(is_asking != (place % 2 == 0) for place, is_asking in enumerate(asks)):
        return None
    if tools := example["tools"] or example["functions"]:
        line["tools"] = tools
    return {"conversations": turns, **line}


FORMATS: Mapping[str, Callable[..., Line | None]] = {"openai": openai, "trl": trl, "sharegpt": sharegpt}


def message(row: Mapping[str, Any]) -> Line:
    """A message of the prompt as the API has it; a list of nothing but texts is their text."""
    said: Line = {"role": row["role"]}
    parts = _parts(row)
    if parts is not None:
        said["content"] = parts
    elif row["content"] is not None or not row["tool_calls"]:
        said["content"] = row["content"] or ""
    for name in ("name", "tool_call_id"):
        if row[name] is not None:
            said[name] = row[name]
    calls = _decoded(row["tool_calls"])
    if isinstance(calls, dict):
        said["function_call"] = _with_text(calls)
    elif isinstance(calls, list):
        said["tool_calls"] = [_with_function(call) for call in calls]
    return said


def answer(example: Example) -> Line:
    """The answer as a message of the API."""
    said: Line = {"role": "assistant"}
    calls = example["calls"] or []
    if example["content"] is not None or not calls:
        said["content"] = example["content"] or ""
    for call in calls:
        function = {"name": call["name"], "arguments": call["arguments"]}
        if call["kind"] == "function_call":
            said["function_call"] = function
        else:
            id = {} if call["id"] is None else {"id": call["id"]}
            said.setdefault("tool_calls", []).append({**id, "type": "function", "function": function})
    return said


def opening(example: Example) -> str:
    """The conversation's begin, up to the first thing that a user says: what tells conversations apart."""
    told: Sequence[Any] = example["messages"]
    first = next((place for place, row in enumerate(told) if row["role"] == "user"), len(told))
    return as_json([[row["role"], row["content"], _parts(row)] for row in told[: first + 1]])


def _turn(said: Mapping[str, Any]) -> Line | None:
    """A message as a turn of ShareGPT; None for one it has no words for."""
    content = said.get("content")
    legacy = [{"function": said["function_call"]}] if "function_call" in said else []
    calls = [*said.get("tool_calls", ()), *legacy]
    if calls and not content and said["role"] == "assistant":
        made = [call.get("function") if isinstance(call, dict) else None for call in calls]
        called = [_called(function) for function in made]
        if None in called:
            return None
        return {"from": "function_call", "value": as_json(called[0] if len(called) == 1 else called)}
    if calls or not isinstance(content, str) or not content:
        return None
    speaker = {"user": "human", "assistant": "gpt", "tool": "observation", "function": "observation"}.get(said["role"])
    return {"from": speaker, "value": content} if speaker else None


def _called(function: object) -> Line | None:
    """A call's name and arguments, these as the JSON that they are; None when they are no text."""
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return None
    return {"name": function.get("name"), "arguments": msgspec.Raw(function["arguments"].encode())}


def _parts(row: Mapping[str, Any]) -> list[Any] | None:
    """The parts of a message's content; None where all of it is text, however it was sent."""
    parts = _decoded(row["content_parts"])
    return parts if isinstance(parts, list) and not all(map(_is_text, parts)) else None


def _is_text(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type") in ("text", "input_text"))


def _with_function(call: object) -> object:
    """A call of the prompt, its arguments as text."""
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        return {**call, "function": _with_text(call["function"])}
    return call


def _with_text(function: Mapping[str, Any]) -> Line:
    given = function.get("arguments")
    is_text = given is None or isinstance(given, str)
    return dict(function) if is_text else {**function, "arguments": as_json(given)}


def _decoded(text: str | None) -> Any:
    return None if text is None else json.loads(text)

"""Answers and events of other APIs' streams in, what they are in the words of the API out.

DashScope's have a message under `output`, as a whole answer has, and SAP's say each chunk twice. So only in the body of
a stream are they known for chunks.
"""

from __future__ import annotations

from typing import Any

from chatlogs.values import listed

_EVENT = frozenset({"output", "usage", "request_id", "status_code", "code", "message"})
_COUNTS = {
    "input_tokens": "prompt_tokens", "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details", "output_tokens_details": "completion_tokens_details",
}  # fmt: skip
_DONE = "[DONE]"  # the text of the delta that ends such a stream
STEPS_OF_RESULTS = {"orchestration_result": "module_results", "final_result": "intermediate_results"}
"""Where SAP's orchestration has an answer, or a chunk, and where the answers of all modules that led to it."""


def as_chunk(value: Any) -> Any:
    """The chunk that the value is, if it is an event of a stream; any other value as it is."""
    for result, steps in STEPS_OF_RESULTS.items():
        if isinstance(value, dict) and steps in value and isinstance(value.get(result), dict):
            return {"request_id": value.get("request_id")} | value[result] if "choices" in value[result] else value
    if not isinstance(value, dict) or "output" not in value or "request_id" not in value or not value.keys() <= _EVENT:
        return value
    output, usage = value["output"], value.get("usage")
    choices = listed(output.get("choices")) if isinstance(output, dict) else []
    if not choices or not all(isinstance(choice, dict) and "message" in choice for choice in choices):
        return value
    chunk = value | {"choices": [{"delta" if name == "message" else name: one for name, one in choice.items()}
                                 for choice in choices]}  # fmt: skip
    chunk["output"] = {name: one for name, one in output.items() if name != "choices" and one is not None} or None
    if isinstance(usage, dict):
        chunk["usage"] = {_COUNTS.get(name, name): count for name, count in usage.items()}
    return chunk


def may_repeat(chunk: dict[str, Any]) -> bool:
    """Whether the chunk was an event of DashScope's, which repeats the answer so far unless it was asked not to."""
    return "output" in chunk and "request_id" in chunk


def with_one_message(value: dict[str, Any]) -> dict[str, Any]:
    """The answer, or chunk, in whose choices one message stands for the list that Azure's first way to ask data has.

    What a tool found stands in that message as its context, as it does in Azure's later answers.
    """
    choices = listed(value["choices"])
    if not any(isinstance(choice, dict) and isinstance(choice.get("messages"), list) for choice in choices):
        return value
    return value | {"choices": [_with_one(choice) for choice in choices]}


def _with_one(choice: Any) -> Any:
    messages = listed(choice.get("messages")) if isinstance(choice, dict) else []
    deltas: list[Any] = [one.get("delta", one if "role" in one else 0) for one in messages if isinstance(one, dict)]
    said = [one for one in deltas if isinstance(one, dict)]
    found = [one for one in said if one.get("role") == "tool"]
    own = [one for one in said if one.get("role") != "tool"]
    is_other = not said or len(said) < len(messages) or len(own) > 1 or len(found) > 1
    if is_other or "message" in choice or "delta" in choice:
        return choice
    one: dict[str, Any] = {"context": found[0].get("content")} if found else {}
    if own and not (own[0].get("content") == _DONE and choice.get("finish_reason")):
        one |= {name: item for name, item in own[0].items() if name != "index"}
    name = "delta" if "delta" in messages[0] else "message"
    return {field: item for field, item in choice.items() if field != "messages"} | {name: one}

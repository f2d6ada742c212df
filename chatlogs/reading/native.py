"""Events of DashScope's own API in, the chunks that they are in the words of the API out.

Each has a message under `output`, as a whole answer has. So only in the body of a stream is it known for a chunk.
"""

from __future__ import annotations

from typing import Any

from chatlogs.values import listed

_EVENT = frozenset({"output", "usage", "request_id", "status_code", "code", "message"})
_COUNTS = {
    "input_tokens": "prompt_tokens", "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details", "output_tokens_details": "completion_tokens_details",
}  # fmt: skip


def as_chunk(value: Any) -> Any:
    """The chunk that the value is, if it is an event of a stream; any other value as it is."""
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

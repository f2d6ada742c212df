"""What the fast path reads of a record, and which records it may read.

One structure covers stored completions and chunks. A record's *shape* is the list of keys at each level;
shapes are few, so each is judged once, in Python: is every key one the structure covers, none twice?
What is not so plain goes to the careful path, which reads any JSON.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

KNOWN_TOP = frozenset(
    "id object created model choices usage system_fingerprint service_tier provider request_id obfuscation".split()
)
KNOWN_CHOICE = frozenset("index delta message finish_reason logprobs".split())
KNOWN_MESSAGE = frozenset(
    "role content refusal reasoning_content reasoning tool_calls annotations audio function_call".split()
)
KNOWN_CALL = frozenset("index id type function".split())
KNOWN_FUNCTION = frozenset("name arguments".split())
READ_ELSEWHERE = frozenset(
    "error x_groq usage text reasoning_text thinking reasoning_details thinking_blocks temperature "
    "top_p seed metadata tools tool_choice response_format presence_penalty frequency_penalty input_user message delta "
    "choices".split()
)  # fields of which the careful path may make more than to keep them
MESSAGE_CALLS = 4  # tool calls of a stored completion that the fast path reads; a delta has one

_TEXT = "VARCHAR"
_CALL = {"index": _TEXT, "id": _TEXT, "type": _TEXT, "function": {"name": _TEXT, "arguments": _TEXT}}
_MESSAGE = {
    "role": _TEXT,
    "content": _TEXT,
    "refusal": _TEXT,
    "reasoning_content": _TEXT,
    "reasoning": _TEXT,
    "tool_calls": [_CALL],
    "annotations": "JSON",
    "audio": "JSON",
    "function_call": "JSON",
}
# Leaves are text, so that a value which does not fit its column is seen instead of lost.
STRUCTURE = json.dumps(
    {
        "id": _TEXT,
        "object": _TEXT,
        "created": _TEXT,
        "model": _TEXT,
        "system_fingerprint": _TEXT,
        "service_tier": _TEXT,
        "provider": _TEXT,
        "request_id": _TEXT,
        "usage": "JSON",
        "choices": [
            {
                "index": _TEXT,
                "finish_reason": _TEXT,
                "logprobs": "JSON",
                "delta": _MESSAGE,
                "message": _MESSAGE,
            }
        ],
    }
)

_Levels = tuple[tuple[str, frozenset[str] | None], ...]

# Levels of a shape, in order: path, known keys; None marks a level that must be absent.
_LEVELS: _Levels = (
    ("$", KNOWN_TOP),
    ("$.choices[0]", KNOWN_CHOICE),
    ("$.choices[1]", None),
    ("$.choices[0].delta", KNOWN_MESSAGE),
    ("$.choices[0].message", KNOWN_MESSAGE),
)
_TOP, _CHOICE, _SECOND, _DELTA, _MESSAGE_LEVEL = range(len(_LEVELS))
# Levels below these, asked only of records with tool calls.
_CALL_LEVELS: _Levels = (
    *(
        level
        for said, calls in (("delta", 1), ("message", MESSAGE_CALLS))
        for call in range(calls)
        for level in (
            (f"$.choices[0].{said}.tool_calls[{call}]", KNOWN_CALL),
            (f"$.choices[0].{said}.tool_calls[{call}].function", KNOWN_FUNCTION),
        )
    ),
    ("$.choices[0].delta.tool_calls[1]", None),
    (f"$.choices[0].message.tool_calls[{MESSAGE_CALLS}]", None),
)


def _paths(levels: _Levels) -> str:
    return "[" + ", ".join(f"'{path}'" for path, _ in levels) + "]"


SHAPE_PATHS = _paths(_LEVELS)
CALL_PATHS = _paths(_CALL_LEVELS)
ARGUMENT_PATHS = (
    "["
    + ", ".join(
        f"'$.choices[0].{said}.tool_calls[{call}].function.arguments'"
        for said, calls in (("delta", 1), ("message", MESSAGE_CALLS))
        for call in range(calls)
    )
    + "]"
)

CAREFUL, CHUNK, COMPLETION = "careful", "chunk", "completion"


@dataclass(frozen=True)
class Verdict:
    """What the fast path may do with records of one shape.

    lane: CHUNK or COMPLETION when it reads them without loss, else CAREFUL. body: the path of what was said.
    has_calls: there may be tool calls. said_nothing: the delta has no keys, or is no object at all.
    """

    shape: str
    lane: str
    body: str
    has_calls: bool
    said_nothing: bool


@functools.lru_cache(maxsize=4096)
def judge(shape: str) -> Verdict:
    """The verdict on a shape."""
    levels, calls = json.loads(f"[{shape}]")
    lane = CAREFUL if _has_unknown(calls, _CALL_LEVELS) else _lane(levels)
    said = levels[_DELTA if lane == CHUNK else _MESSAGE_LEVEL]
    body = "$.choices[0].delta" if lane == CHUNK else "$.choices[0].message"
    return Verdict(shape, lane, body, "tool_calls" in (said or ()), said == [])


Keys = list[list[str] | None]


def _lane(levels: Keys) -> str:
    if _has_unknown(levels, _LEVELS):
        return CAREFUL
    choice = levels[_CHOICE]
    if choice is None:
        return CHUNK if "choices" in (levels[_TOP] or ()) else CAREFUL
    if "message" in choice:
        return COMPLETION if "delta" not in choice and levels[_MESSAGE_LEVEL] else CAREFUL
    return CHUNK if "delta" in choice else CAREFUL


def _has_unknown(found: Keys | None, levels: _Levels) -> bool:
    """Whether some level has a key twice, or one that the structure does not read, or is no object."""
    for keys, (_, known) in zip(found or (), levels, strict=False):
        if keys is not None:
            twice = len(set(keys)) < len(keys)
            if known is None or twice or not known.issuperset(keys) or (levels is _CALL_LEVELS and not keys):
                return True
    return False

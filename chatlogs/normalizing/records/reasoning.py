"""What an answer says of its reasoning, under whatever name: once, for servers send the same text under several.

A plain text is taken out of the answer; what holds more than a text, such as its signature, also stays as it was sent.
"""

from __future__ import annotations

from typing import Any

from chatlogs.reading.kept import parsed
from chatlogs.values import listed

NAMES = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""Fields of a message or a delta that hold the text, as a rule."""
_DETAILS, _BLOCKS = "reasoning_details", "thinking_blocks"
_TYPES = frozenset({"thinking", "reasoning", "reasoning_text", "reasoning_content"})
_WITHIN = ("text", "thinking", "reasoning", "reasoning_content", "reasoningText", "content", "summary")
_DEEPEST = 4  # lists and objects around a text


def is_thought(part: object) -> bool:
    """Whether a part of a message's content is reasoning."""
    return isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] in _TYPES


def thoughts(value: object, level: int = 0) -> list[str]:
    """The texts of reasoning in a text, an object that holds one, or a list of these."""
    if isinstance(value, str):
        return [value]
    if level > _DEEPEST:
        return []
    if isinstance(value, list):
        return [text for item in value for text in thoughts(item, level + 1)]
    if not isinstance(value, dict):
        return []
    found = [thoughts(value[name], level + 1) for name in _WITHIN if value.get(name) is not None]
    return next((texts for texts in found if any(texts)), found[0] if found else [])


def says_nothing(details: object) -> bool:
    """Whether no text of reasoning can be in these details, whatever their fields say: signed or encrypted ones."""
    items = details if isinstance(details, list) else [details]
    return all(isinstance(item, dict) and item.keys().isdisjoint(_WITHIN) for item in items)


def take_reasoning(body: dict[str, Any], thinking: list[str], unknown: dict[str, Any]) -> str | None:
    """The reasoning of a message or delta. thinking: that of its content; unknown: gets what else its fields say."""
    named = {name: body[name] for name in NAMES if body.get(name) is not None}
    told = [thoughts(value) for value in (*named.values(), body.get(_DETAILS), _blocks(body.get(_BLOCKS)))]
    texts = ["".join(parts) for parts in (*told, thinking) if parts]
    best = next((text for text in texts if text), texts[0] if texts else None)
    unknown |= {name: value for name, value in named.items() if value not in ("", best)}
    return best


def _blocks(value: object) -> list[dict[str, Any]]:
    """The blocks of thinking: those in which LiteLLM keeps, as JSON, what Gemini signed of its answer are none."""
    blocks = [block for block in listed(value) if isinstance(block, dict)]
    return [one for one in blocks if not (one.get("signature") and isinstance(parsed(one.get("thinking")), dict))]

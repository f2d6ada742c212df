"""The API's names for those in camelCase, which SDKs of Java, Kotlin, C#, Dart and JavaScript give their own objects.

Only names that something is read from: any other field stays what it was sent as.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_OF_ANSWERS = (
    "system_fingerprint", "service_tier", "request_id", "x_groq", "finish_reason", "content_filter_results",
    "tool_calls", "function_call", "reasoning_content", "reasoning_text", "reasoning_details", "thinking_blocks",
    "top_logprobs", "expires_at",
)  # fmt: skip
_OF_USAGE = (
    "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
    "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_write_tokens", "cache_creation_tokens",
    "cache_read_input_tokens", "cache_creation_input_tokens", "reasoning_tokens", "audio_tokens",
    "accepted_prediction_tokens", "rejected_prediction_tokens",
)  # fmt: skip
_OF_REQUESTS = ("top_p", "max_tokens", "max_completion_tokens", "tool_call_id", "content_parts")
_COUNTED = frozenset({"usage", "prompt_tokens_details", "completion_tokens_details"})
_WITHIN = _COUNTED | {"choices", "message", "delta", "logprobs", "content", "refusal", "audio", "x_groq"}


def camel(name: str) -> str:
    """The name in camelCase."""
    first, *words = name.split("_")
    return first + "".join(map(str.capitalize, words))


_NAMES = {camel(name): name for name in (*_OF_ANSWERS, *_OF_USAGE, *_OF_REQUESTS)}
CAMEL = frozenset(_NAMES)
NAMES_OF_USAGE: Mapping[str, str] = {camel(name): name for name in _OF_USAGE}
"""What these names are in the API, in a usage object; any other name there is nothing that is read."""


def either(names: Iterable[str]) -> frozenset[str]:
    """The names, and what they are in camelCase."""
    return frozenset(spelling for name in names for spelling in (name, camel(name)))


def in_names_of_api(value: dict[str, Any], names: Mapping[str, str] = _NAMES) -> dict[str, Any]:
    """The answer, usage or request with the API's names; the object itself where it has no others.

    Where both names of a field say something, the API's own counts.
    """
    found, is_other = {}, False
    for name, item in value.items():
        known = names.get(name, name)
        if known != name and value.get(known) is not None:
            known = name
        inner = _inside(item, NAMES_OF_USAGE if known in _COUNTED else names) if known in _WITHIN else item
        is_other |= known != name or inner is not item
        if item is not None or known == name:
            found[known] = inner
    return found if is_other else value


def _inside(item: Any, names: Mapping[str, str]) -> Any:
    if isinstance(item, dict):
        return in_names_of_api(item, names)
    if isinstance(item, list):
        inner = [in_names_of_api(one, names) if isinstance(one, dict) else one for one in item]
        return inner if any(one is not other for one, other in zip(inner, item, strict=True)) else item
    return item

"""What a JSON object is, told by its shape: a chunk, a completion, an error, or nothing of ours.

The word in `object` is often missing, empty or wrong, so it only decides where the shape does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

CHUNK, COMPLETION, ERROR, IGNORABLE = "chunk", "completion", "error", "ignorable"

_ERROR_KEYS = frozenset({
    "error", "error_type", "error_code", "code", "type", "param", "message", "detail", "status", "status_code",
    "request_id", "user_id", "id", "object", "model", "created", "provider", "success", "event_id",
})  # fmt: skip
_CHUNK_CHOICE = frozenset({"finish_reason", "content_filter_results", "content_filter_offsets", "content_filter_raw"})
_CHUNK_KEYS = frozenset({"usage", "prompt_filter_results", "prompt_annotations", "moderation", "x_groq"})


def kind(value: object) -> str | None:
    """CHUNK, COMPLETION, ERROR, IGNORABLE, or None for any other JSON value."""
    if not isinstance(value, dict):
        return None
    if "choices" in value:
        return _kind_by_choices(value)
    named = _name(value)
    if named == "chunk" or named == "completion":
        return CHUNK if named == "chunk" else COMPLETION
    if str(value.get("object")).endswith(".deleted") or value == {"type": "ping"}:
        return IGNORABLE
    return ERROR if _is_error(value) else None


def _name(value: Mapping[str, Any]) -> str | None:
    name = value.get("object")
    if not isinstance(name, str) or not name.startswith("chat.completion") or name.endswith(".deleted"):
        return None
    return "chunk" if name.startswith("chat.completion.chunk") else "completion"


def _kind_by_choices(value: Mapping[str, Any]) -> str | None:
    choices = value["choices"]
    entries = [entry for entry in choices if isinstance(entry, dict)] if isinstance(choices, list) else []
    if any(isinstance(entry.get("delta"), dict) for entry in entries):
        return CHUNK
    if any(isinstance(entry.get("message"), dict) for entry in entries):
        return COMPLETION
    named = _name(value)
    if named is not None:
        return CHUNK if named == "chunk" else COMPLETION
    if value.get("error"):
        return ERROR
    if any("delta" in entry or (entry.keys() & _CHUNK_CHOICE and "text" not in entry) for entry in entries):
        return CHUNK
    if any("message" in entry for entry in entries):
        return COMPLETION
    if choices is None or choices == []:
        is_ours = ("id" in value and "model" in value) or value.keys() & _CHUNK_KEYS
        return None if not is_ours else CHUNK if choices == [] else COMPLETION
    return None


def _is_error(value: Mapping[str, Any]) -> bool:
    """Whether the object says that a request failed; an application's own log line with an error is none."""
    error = value.get("error")
    if isinstance(error, dict):
        return bool(error.keys() & {"message", "code", "type"}) and value.keys() <= _ERROR_KEYS
    if isinstance(error, str):
        return bool(error) and value.keys() <= _ERROR_KEYS
    if value.get("object") == "error":
        return True
    fault = value.get("fault")
    return isinstance(fault, dict) and "faultstring" in fault


def describe(value: object) -> str:
    """A few words on a value that is nothing of ours, for the detail of a reject."""
    if isinstance(value, dict):
        if not value:
            return "an empty object"
        keys = [key if len(key) <= 40 else key[:40] + "…" for key in itertools.islice(value, 6)]
        more = f" and {len(value) - 6} more" if len(value) > 6 else ""
        return f"an object with the keys {', '.join(keys)}{more}"
    if isinstance(value, list):
        return f"a list of {len(value)} values"
    return {str: "a string", bool: "a truth value", type(None): "null"}.get(type(value), "a number")

"""What a JSON object is, told by its shape: a chunk, a completion, an error, or nothing of ours.

The word in `object` is often missing, empty or wrong, so it only decides where the shape does not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from chatlogs.reading.camelcase import either
from chatlogs.values import number

CHUNK, COMPLETION, ERROR, IGNORABLE = "chunk", "completion", "error", "ignorable"

_ERROR_KEYS = frozenset({
    "error", "error_type", "error_code", "code", "type", "param", "message", "detail", "status", "status_code",
    "request_id", "user_id", "id", "object", "model", "created", "provider", "success", "event_id",
})  # fmt: skip
_CHUNK_CHOICE = either({"finish_reason", "content_filter_results", "content_filter_offsets", "content_filter_raw"})
_CHUNK_KEYS = frozenset({
    "usage", "prompt_filter_results", "prompt_annotations", "moderation", "x_groq", "x-opencode-type",
})  # fmt: skip
_OF_PRICE = frozenset({"choices", "cost"})  # what opencode sends behind [DONE], as a rule with a cost of nothing
_OF_GATEWAY = frozenset({"input_history", "output_message", "token_usage", "error_details"})
_SIGNS_OF_LIFE = ("ping", "keepalive", "keep-alive", "heartbeat")
_ACTIONS = ("index", "create", "update", "delete")
_OF_ACTIONS = frozenset({
    "_index", "_id", "_type", "_routing", "routing", "pipeline", "require_alias", "if_seq_no", "if_primary_term",
    "version", "version_type", "retry_on_conflict", "dynamic_templates", "list_executed_pipelines",
})  # fmt: skip
_TELLING = frozenset({"message", "type", "param", "code"})
_WORD = re.compile(r"(?!Success|OK)[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+)*")


def kind(value: object) -> str | None:
    """CHUNK, COMPLETION, ERROR, IGNORABLE, or None for any other JSON value."""
    if not isinstance(value, dict):
        return None
    if "choices" in value:
        return _kind_by_choices(value)
    named = _name(value)
    if named is not None and not is_note(value):
        return CHUNK if named == "chunk" else COMPLETION
    if str(value.get("object")).endswith(".deleted") or (len(value) == 1 and _says_nothing(value)):
        return IGNORABLE
    return ERROR if _is_error(value) else None


def is_note(value: Mapping[str, Any]) -> bool:
    """Whether it is what Bifrost notes of a call, under the name of a completion: one of these fields, and a status."""
    return "status" in value and "choices" not in value and not _OF_GATEWAY.isdisjoint(value)


def _says_nothing(value: Mapping[str, Any]) -> bool:
    """Whether the one field is a sign of life, or what Elasticsearch is to do with the document on the next line."""
    ((name, said),) = value.items()
    if name == "type":
        return said in _SIGNS_OF_LIFE
    return name in _ACTIONS and isinstance(said, dict) and said.keys() <= _OF_ACTIONS


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
    if choices == [] and value.keys() == _OF_PRICE and number(value["cost"]) == 0:
        return IGNORABLE
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
    if isinstance(fault, dict) and "faultstring" in fault:
        return True
    if is_failure(value.get("base_resp")):
        return value.keys() - {"base_resp", "choices", "usage"} <= _ERROR_KEYS
    return _is_bare_error(value)


def is_failure(base: object) -> bool:
    """Whether it is the `base_resp` by which MiniMax says, under HTTP 200, that a call failed."""
    return isinstance(base, dict) and base.get("status_code") not in (None, 0, "", "0")


def _is_bare_error(value: Mapping[str, Any]) -> bool:
    """Whether it is what an error body holds, without the body: of Cerebras, or of DashScope."""
    if not isinstance(value.get("message"), str) or not value.keys() <= _ERROR_KEYS:
        return False
    code, named = value.get("code"), value.get("type")
    if value.keys() >= _TELLING or (isinstance(named, str) and named.endswith("_error")):
        return isinstance(named, str) and "error" in named
    return isinstance(value.get("request_id"), str) and isinstance(code, str) and _WORD.fullmatch(code) is not None


def is_error_of_exchange(value: Mapping[str, Any]) -> bool:
    """Whether what answers a chat request has the form of an error, though none of the answer's own."""
    if is_failure(value.get("base_resp")):
        return True
    if not value.keys() <= _ERROR_KEYS | {"errors"}:
        return False
    named, code, message = value.get("type"), value.get("code"), value.get("message")
    is_named = isinstance(named, str) and "error" in named
    is_coded = isinstance(code, (str, int)) and str(code).lower() not in ("0", "200", "ok", "success", "", "false")
    return bool(value.get("detail")) or (isinstance(message, str) and (is_named or is_coded))


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

"""Why a choice ended, in common words.

Data, so that SQL and Python read the same table. The reason as sent is always kept beside its class.
"""

from __future__ import annotations

from collections.abc import Mapping

FINISH_CLASSES: Mapping[str, str] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "end_turn": "stop",
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "TOOL_CALL": "tool_calls",
    "tool_call": "tool_calls",
    "tool-calls": "tool_calls",
    "content_filter": "content_filter",
    "content-filter": "content_filter",
    "sensitive": "content_filter",
    "error": "error",
    "ERROR": "error",
    "abort": "error",
    "TIMEOUT": "error",
    "network_error": "error",
    "insufficient_system_resource": "error",
    "repetition": "error",
}
OTHER = "other"

NO_REASON = frozenset({"", "null"})
"""Values that servers send as finish_reason when there is none yet."""

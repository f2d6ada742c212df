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
    "complete": "stop",
    "end_turn": "stop",
    "normal": "stop",
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    "tool-calls": "tool_calls",
    "content_filter": "content_filter",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "sensitive": "content_filter",
    "blacklist": "content_filter",
    "blocklist": "content_filter",
    "safety": "content_filter",
    "image_safety": "content_filter",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "spii": "content_filter",
    "error": "error",
    "abort": "error",
    "timeout": "error",
    "network_error": "error",
    "malformed_function_call": "error",
    "insufficient_system_resource": "error",
    "repetition": "error",
}
"""By the reason in lower case: Gemini and Cohere write theirs in capitals."""
OTHER = "other"

NO_REASON = frozenset({"", "null"})
"""Values that servers send as finish_reason when there is none yet."""

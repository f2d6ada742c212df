"""OpenLLMetry: the stream accumulation of opentelemetry-instrumentation-openai."""

from __future__ import annotations

from typing import Any

from common import Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """The response its spans are filled from."""
    from opentelemetry.instrumentation.openai.shared.chat_wrappers import (
        _accumulate_stream_items,
    )

    state: dict[str, Any] = {"choices": [], "model": ""}
    for chunk in sdk_chunks(chunks):
        _accumulate_stream_items(chunk, state)
    without = ["refusal", "system_fingerprint", "service_tier", "function_call", "custom"]
    return from_completion(state, without=without)


if __name__ == "__main__":
    serve("opentelemetry-instrumentation-openai", merge)

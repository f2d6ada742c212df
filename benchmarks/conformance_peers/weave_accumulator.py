"""weave: the accumulator of its openai integration, and what it stores when the stream ends."""

from __future__ import annotations

import os
from typing import Any

from common import Answer, Chunks, from_completion, sdk_chunks, serve

os.environ.setdefault("WEAVE_DISABLED", "true")


def merge(chunks: Chunks) -> Answer:
    """As for a caller who asked for usage."""
    from weave.integrations.openai.openai_sdk import (
        openai_accumulator,
        openai_on_finish_post_processor,
    )

    state: Any = None
    for chunk in sdk_chunks(chunks):
        state = openai_accumulator(state, chunk)
    return from_completion(
        openai_on_finish_post_processor(state) or {}, without=["refusal", "reasoning", "service_tier"]
    )


if __name__ == "__main__":
    serve("weave", merge)

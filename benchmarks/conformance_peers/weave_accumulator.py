"""weave: the accumulator of its openai integration, and what it stores when the stream ends."""

from __future__ import annotations

import os
from typing import Any

from common import Answer, Chunks, from_completion, sdk_chunks, serve

os.environ.setdefault("WEAVE_DISABLED", "true")


def merge(chunks: Chunks) -> Answer:
    """As for a caller who left it to weave to ask for usage: then the chunk that brings it is the last one read."""
    from weave.integrations.openai.openai_sdk import (
        openai_accumulator,
        openai_on_finish_post_processor,
    )

    state: Any = None
    try:
        for chunk in sdk_chunks(chunks):
            state = openai_accumulator(state, chunk, skip_last=True)
    except StopIteration as whole:
        state = whole.value
    without = ["refusal", "reasoning", "service_tier", "custom"]
    return from_completion(openai_on_finish_post_processor(state) or {}, without=without)


if __name__ == "__main__":
    serve("weave", merge)

"""opik: the chunk aggregator of track_openai()."""

from __future__ import annotations

from common import Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """None, where the aggregator gave up, counts as a failure."""
    from opik.integrations.openai.chat_completion_chunks_aggregator import aggregate

    merged = aggregate(sdk_chunks(chunks))
    if merged is None:
        return {"error": "gives up"}
    return from_completion(merged, without=["refusal", "reasoning", "service_tier", "function_call"])


if __name__ == "__main__":
    serve("opik", merge)

"""mlflow: the reconstruction of mlflow.openai.autolog(), usage from the span attribute it sets beside."""

from __future__ import annotations

from common import Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """The completion it stores as the span's output."""
    from mlflow.openai.autolog import (
        _filter_completion_stream_chunks,
        _get_completion_stream_usage,
        _reconstruct_completion_from_stream,
    )

    seen = _filter_completion_stream_chunks(sdk_chunks(chunks))
    answer = from_completion(
        _reconstruct_completion_from_stream(seen), without=["refusal", "reasoning", "service_tier"]
    )
    usage = _get_completion_stream_usage(seen)
    answer["usage"] = usage.model_dump() if usage else None
    return answer


if __name__ == "__main__":
    serve("mlflow-skinny", merge)

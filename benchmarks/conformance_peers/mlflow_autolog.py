"""mlflow: the reconstruction of mlflow.openai.autolog(), usage from the span attribute it sets beside."""

from __future__ import annotations

from common import CALL_KINDS, Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """The completion it stores as the span's output: the text of one choice, and no tool calls."""
    from mlflow.openai.autolog import (
        _filter_completion_stream_chunks,
        _get_completion_stream_usage,
        _reconstruct_completion_from_stream,
    )

    seen = _filter_completion_stream_chunks(sdk_chunks(chunks))
    without = ["refusal", "reasoning", "service_tier", *CALL_KINDS]
    answer = from_completion(_reconstruct_completion_from_stream(seen), without=without)
    usage = _get_completion_stream_usage(seen)
    answer["usage"] = usage.model_dump() if usage else None
    return answer


if __name__ == "__main__":
    serve("mlflow-skinny", merge)

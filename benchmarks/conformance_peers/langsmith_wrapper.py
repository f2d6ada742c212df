"""langsmith: the reducer of wrap_openai()."""

from __future__ import annotations

from common import Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """Usage stands under LangSmith's own names."""
    from langsmith.wrappers._openai import _reduce_chat

    data = _reduce_chat(sdk_chunks(chunks))
    answer = from_completion(data, without=["refusal", "reasoning", "custom"])
    usage = data.get("usage_metadata")
    answer["usage"] = usage and {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
    }
    return answer


if __name__ == "__main__":
    serve("langsmith", merge)

"""litellm: stream_chunk_builder over the chunks that litellm.completion(stream=True) yields."""

from __future__ import annotations

import os

from common import Answer, Chunks, client, from_completion, serve

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def merge(chunks: Chunks) -> Answer:
    """litellm's own way: its wrapper first, then its builder; asked for the model that the first chunk names.

    An id it replaces by one of its own counts as kept, for it stands beside.
    """
    import litellm

    litellm.suppress_debug_info = True
    litellm.disable_hf_tokenizer_download = True
    messages = [{"role": "user", "content": "Hi"}]
    stream = litellm.completion(
        model="openai/" + next(chunk["model"] for chunk in chunks if chunk.get("model")),
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
        client=client(chunks),
        api_key="none",
    )
    answer = litellm.stream_chunk_builder(list(stream), messages=messages)
    kept = answer.model_dump().get("provider_specific_fields") or {}
    return {**from_completion(answer), "id": kept.get("original_response_id", answer.id)}


if __name__ == "__main__":
    serve("litellm", merge)

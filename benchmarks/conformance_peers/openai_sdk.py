"""openai: ChatCompletionStreamState, the accumulator behind client.chat.completions.stream()."""

from __future__ import annotations

from common import Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """The snapshot after the last chunk: unlike the final completion it does not raise on finish_reason length."""
    from openai.lib.streaming.chat import ChatCompletionStreamState

    state = ChatCompletionStreamState()
    for chunk in sdk_chunks(chunks):
        state.handle_chunk(chunk)
    return from_completion(state.current_completion_snapshot)


if __name__ == "__main__":
    serve("openai", merge)

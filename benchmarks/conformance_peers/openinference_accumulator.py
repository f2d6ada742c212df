"""openinference: the chat accumulator of openinference-instrumentation-openai."""

from __future__ import annotations

from common import Answer, Chunks, from_completion, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """The merged object it writes as the span's output."""
    from openai.types.chat import ChatCompletion
    from openinference.instrumentation.openai._response_accumulator import (
        _ChatCompletionAccumulator,
    )

    state = _ChatCompletionAccumulator({}, ChatCompletion)
    for chunk in sdk_chunks(chunks):
        state.process_chunk(chunk)
    return from_completion(state._result() or {})


if __name__ == "__main__":
    serve("openinference-instrumentation-openai", merge)

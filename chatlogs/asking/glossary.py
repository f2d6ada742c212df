"""What the words in answers mean, where a column's doc has no room for it; `chatlogs schema` prints it."""

from __future__ import annotations

from collections.abc import Mapping

METRICS: Mapping[str, str] = {
    "first_chunk": "From the request to the first chunk, by the logger's clock; it may hold no text yet.",
    "first_reasoning": "From the request to the first chunk with reasoning, by the logger's clock.",
    "first_content": "From the request to the first chunk with text, by the logger's clock.",
    "first_tool_call": "From the request to the first chunk of a tool call, by the logger's clock.",
    "whole": "From the request to the end of the answer.",
    "streaming": "From the first chunk to the last.",
    "longest_gap": "The longest wait between two chunks of a stream.",
    "stalls": "Waits of more than two seconds between two chunks of a stream.",
    "tokens_per_second": "completion_tokens over the whole time; by the server, over the time it says it wrote.",
    "tokens_per_second_streaming": "completion_tokens but the first, over the time from the first chunk to the last.",
    "queue": "Time in the server's queue (vLLM, Groq, Cerebras).",
    "prompt": "Time the server read the prompt (llama.cpp, Groq, Cerebras).",
    "first_token": "Time to the server's first token (vLLM, LM Studio, routers that tell).",
    "completion": "Time the server wrote the answer (vLLM, llama.cpp, Groq, Cerebras, LM Studio).",
    "between_tokens": "The server's mean time between two tokens (vLLM, llama.cpp).",
}
"""What `chatlogs latency` measures."""

RULES: Mapping[str, str] = {
    "total_is_not_the_sum": "total_tokens is not prompt_tokens + completion_tokens, nor that and reasoning_tokens.",
    "reasoning_beside_completion": "No mistake but a dialect: reasoning_tokens are not inside completion_tokens.",
    "reasoning_over_completion": "More reasoning_tokens than completion_tokens, though they should be inside.",
    "cached_over_prompt": "More cached_tokens than prompt_tokens.",
    "negative_tokens": "A number of tokens is below 0.",
    "length_without_text": "A choice stopped for length, yet holds no text and no call: hidden reasoning took it all.",
    "finished_with_broken_arguments": "A choice says it ended well, yet arguments of its tool calls are no JSON.",
    "tool_calls_without_calls": "A choice stopped for tool calls and holds none.",
    "tool_calls_at_max_tokens": "A choice stopped for tool calls just where max_tokens ends: the last one may be cut.",
    "id_collision": "Another, different response has the same id.",
    "no_id": "The response has no id, so a copy of it cannot be told from a second call.",
    "duplicates": "Equal copies were read and left out; copies and tokens_of_copies tell what they would add.",
    "truncated_stream": "A stream ended before each choice had a finish_reason.",
    "no_finish_reason": "A stored completion has a choice without finish_reason.",
    "missing_usage": "No usage was logged; its tokens are in no sum, only in the estimates here.",
    "no_time": "The response has no time, by server or logger: it is in no day and outside of --since and --until.",
}
"""What `chatlogs audit` checks."""

"""langchain-openai: the sum of the message chunks that ChatOpenAI.stream() yields."""

from __future__ import annotations

import functools
import operator
from typing import Any

from common import Answer, Chunks, serve, transport


def merge(chunks: Chunks) -> Answer:
    """One message: its shape has no place for further choices, nor for refusals and reasoning."""
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(
        model="any",
        api_key="none",
        base_url="http://offline.invalid/v1",
        http_client=transport(chunks),
        stream_usage=True,
        max_retries=0,
    )
    message: Any = functools.reduce(operator.add, model.stream("Hi"))
    info, usage = message.response_metadata, message.usage_metadata
    calls = [{"id": call["id"], "name": call["name"], "arguments": call["args"]} for call in message.tool_call_chunks]
    legacy = message.additional_kwargs.get("function_call")
    if legacy:
        calls.append({"id": None, "name": legacy.get("name"), "arguments": legacy.get("arguments")})
    return {
        "model": info.get("model_name"),
        "system_fingerprint": info.get("system_fingerprint"),
        "service_tier": info.get("service_tier"),
        "usage": usage
        and {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
        "choices": [
            {
                "index": 0,
                "role": "assistant",
                "content": message.content,
                "finish_reason": info.get("finish_reason"),
                "tool_calls": calls,
            }
        ],
    }


if __name__ == "__main__":
    serve("langchain-openai", merge)

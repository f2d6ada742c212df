"""langfuse: the stream extraction of langfuse.openai."""

from __future__ import annotations

from types import SimpleNamespace

from common import Answer, Chunks, from_message, sdk_chunks, serve


def merge(chunks: Chunks) -> Answer:
    """A generation holds one output (text or message): no id, fingerprint, refusal or reasoning."""
    from langfuse.openai import _extract_streamed_openai_response, _parse_usage

    seen = sdk_chunks(chunks)
    model, output, usage, metadata, tier = _extract_streamed_openai_response(SimpleNamespace(type="chat"), seen)
    message = output if isinstance(output, dict) else {"content": output}
    choice = from_message(message, index=0, finish_reason=(metadata or {}).get("finish_reason"))
    for key in ("role", "refusal", "reasoning"):
        del choice[key]
    return {
        "model": model,
        "service_tier": tier,
        "usage": _parse_usage(usage),
        "choices": [choice],
        "without": ["custom"],
    }


if __name__ == "__main__":
    serve("langfuse", merge)

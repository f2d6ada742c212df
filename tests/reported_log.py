"""A log in which every report has something to find, small enough to count by hand; `write` makes it.

Exchanges with requests, times and statuses; a stream whose chunks were captured with their times; answers of vLLM,
llama.cpp, Groq and Cerebras with the servers' own timings; and for each rule of the audit a response that breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START = 1_767_225_600  # 2026-01-01 00:00 UTC
HOUR = 3600


def completion(
    number: int, *, content: str | None = "four", reason: str | None = "stop", **fields: Any
) -> dict[str, Any]:
    """A completion; `usage` is (prompt, completion, total, cached, reasoning), any of them None, or None."""
    prompt, answer, total, cached, reasoning = fields.pop("usage", (10, 2, 12, 0, None)) or [None] * 5
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls := fields.pop("calls", None):
        message["tool_calls"] = [
            {"id": f"call_{number}_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for at, (name, arguments) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": fields.pop("logprobs", None)}
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": START + HOUR * number,
        "model": "gpt-4o",
        "system_fingerprint": "fp_a",
        "service_tier": "default",
        "choices": [choice],
    } | fields
    if prompt is not None:
        usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total}
        usage |= {"prompt_tokens_details": {"cached_tokens": cached}} if cached is not None else {}
        usage |= {"completion_tokens_details": {"reasoning_tokens": reasoning}} if reasoning is not None else {}
        body["usage"] = usage | body.pop("more_usage", {})
    return {name: value for name, value in body.items() if value is not None}


def exchange(number: int, seconds: float = 2.0, request: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A call with its request and times: sent on the hour, answered after so many seconds."""
    sent = START + HOUR * number
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Two and two?"}], "max_tokens": 50}
    return {
        "started_at": sent,
        "ended_at": sent + seconds,
        "request": asked | (request or {}),
        "status": fields.pop("status", 200),
        "response": fields.pop("response", None) or completion(number, **fields),
    }


def records() -> Iterator[dict[str, Any]]:
    """Everything but the captured stream."""
    # Two backends take turns: a b a, and one request with a seed is made four times.
    seeded = {"seed": 7, "temperature": 0}
    yield exchange(0, 1.0, seeded, metadata={"team": "red"})
    yield exchange(1, 3.0, seeded, system_fingerprint="fp_b", content="4")
    yield exchange(2, 2.0, seeded)
    yield exchange(3, 2.0, seeded, content="five")
    # Stopped for length: at max_tokens, and below it.
    yield exchange(4, reason="length", usage=(100, 50, 150, 64, None))
    yield exchange(5, reason="length", usage=(100, 20, 120, 96, None))
    # Tools: two calls side by side; broken arguments of a cut answer and of one that says it ended well; none.
    yield exchange(6, content=None, reason="tool_calls", calls=[("add", '{"a": 1}'), ("add", "")])
    yield exchange(7, content=None, reason="length", calls=[("add", '{"a": ')])
    yield exchange(8, content=None, reason="tool_calls", calls=[("mul", "{a: 1}")], usage=(10, 50, 60, 0, None))
    yield completion(9, reason="tool_calls", logprobs={"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}, {"token": "b", "logprob": -1.5, "bytes": None, "top_logprobs": []}]})  # fmt: skip  # noqa: E501
    # Errors.
    limited = {"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    yield exchange(10, status=429, response=limited)
    yield exchange(11, status=429, response=limited)
    yield exchange(12, status=500, response={"error": {"message": "Oops", "type": "server_error", "code": None}})
    # Numbers that contradict each other.
    o1 = {"model": "o1", "system_fingerprint": None}
    yield completion(13, **o1, usage=(10, 2, 15, None, None))
    yield completion(14, **o1, usage=(10, 2, 42, None, 30))
    yield completion(15, **o1, usage=(10, 2, 12, 20, 5))
    yield completion(16, **o1, content="", reason="length", usage=(10, 30, 40, None, 30))
    yield completion(17, usage=None, content="12345678", created=None)
    yield completion(18, id=None, reason=None, service_tier=None)
    yield completion(19)
    yield completion(19)  # a copy
    yield completion(19, content="another answer under the same id")
    # The servers' own times.
    metrics = {"time_to_first_token_ms": 85.2, "generation_time_ms": 1240.5, "queue_time_ms": 12.5, "mean_itl_ms": 10.0, "tokens_per_second": 100.0}  # fmt: skip  # noqa: E501
    yield completion(20, model="Qwen/Qwen3", system_fingerprint="vllm-0.24.0-tp4-6d31f84d", metrics=metrics)
    timings = {"prompt_n": 10, "prompt_ms": 200.0, "predicted_n": 2, "predicted_ms": 500.0, "predicted_per_second": 4.0}
    yield completion(21, model="gpt-oss", system_fingerprint="b6881-8b11deea4", timings=timings)
    groq = {"queue_time": 0.25, "prompt_time": 0.5, "completion_time": 1.0, "total_time": 1.5}
    yield completion(22, model="llama", system_fingerprint=None, service_tier="on_demand", more_usage=groq)
    yield completion(23, model="llama", system_fingerprint=None, service_tier=None, time_info=groq)


def stream() -> dict[str, Any]:
    """A stream whose chunks were captured: 0.5 s to the first, 1 s to the first text, then a stall of 3 s."""
    sent = START + HOUR * 30
    base = {"id": "chatcmpl-30", "object": "chat.completion.chunk", "created": sent, "model": "gpt-4o", "system_fingerprint": "fp_b"}  # fmt: skip  # noqa: E501
    deltas: list[tuple[float, dict[str, Any], str | None]] = [
        (0.5, {"role": "assistant", "content": ""}, None),
        (1.0, {"content": "one"}, None),
        (4.0, {"content": " two"}, None),
        (4.5, {}, "stop"),
    ]
    chunks = [
        {"arrived_at": sent + at, "chunk": base | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}}
        for at, delta, reason in deltas
    ]
    usage = {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19}
    chunks.append({"arrived_at": sent + 4.5, "chunk": base | {"choices": [], "usage": usage}})
    asked = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    return {"started_at": sent, "request": asked, "chunks": chunks}


CAPTURED = Path(__file__).parent / "conformance" / "capture-times-of-reasoning-and-calls" / "input.jsonl"
"""A captured stream that reasons, speaks and calls a tool."""

CUT = {
    "id": "chatcmpl-31",
    "object": "chat.completion.chunk",
    "created": START + HOUR * 31,
    "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "cut o"}, "finish_reason": None}],
}


def write(folder: Path) -> str:
    """The log, in a file of this folder; its last line but one is no JSON."""
    lines = [json.dumps(record) for record in [*records(), stream(), CUT]]
    path = folder / "reported.jsonl"
    path.write_text("\n".join([*lines[:-1], "no json", lines[-1]]) + "\n")
    return str(path)


ABSURD = [
    {
        "metrics": 5,
        "timings": [],
        "stats": "x",
        "sla_metrics": {"ttft_ms": -3},
        "time_info": [1, 2],
        "usage": {"prompt_tokens": 2**63 - 1, "completion_tokens": 2**63 - 1, "total_tokens": 2, "queue_time": 1e300},
    },
    {
        "metrics": {"queue_time_ms": "7"},
        "timings": None,
        "created": 253_402_300_799,
        "usage": {
            "prompt_tokens": 2**63 - 1,
            "completion_tokens": -(2**63),
            "total_tokens": 2,
            "queue_time": "soon",
            "prompt_tokens_details": {"cached_tokens": 2**63 - 1},
            "completion_tokens_details": {"reasoning_tokens": 2**63 - 1},
        },
    },
]
"""Fields of completions that no server sends and a log may hold."""

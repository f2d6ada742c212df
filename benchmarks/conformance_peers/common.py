"""What every peer's adapter shares: the cases in, one normalized answer per case out.

An adapter runs in the peer's own environment, offline: chunks go through the openai package as they would in a
program, from a transport that never leaves the process, and then through the peer's own merging. The answer holds
only keys the peer's result has a place for; a key that is absent means "keeps no such thing", null means "lost".
Which kinds of tool calls it keeps none of stands under "without".
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Chunks = list[dict[str, Any]]
Answer = dict[str, Any]

CALL_KINDS = ("function", "function_call", "custom")


def serve(package: str, merge: Callable[[Chunks], Answer]) -> None:
    """Read {"cases": {name: chunks}} from stdin, write the package's version and its answers to stdout."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cases = json.load(sys.stdin)["cases"]
    answers = {name: _attempt(merge, chunks) for name, chunks in cases.items()}
    json.dump({"version": _version(package), "answers": answers}, out)
    out.flush()
    os._exit(0)


def _version(package: str) -> str:
    """What is installed; chatlogs may also run from its checkout."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "this one"


def _attempt(merge: Callable[[Chunks], Answer], chunks: Chunks) -> Answer:
    """The peer's answer, or what it raised and whether that is an error the server sent, handed on."""
    try:
        return merge(chunks)
    except Exception as error:
        served = any(base.__name__ == "APIError" for base in type(error).__mro__)
        return {"error": type(error).__name__, "served": served}


def sse(chunks: Chunks) -> bytes:
    """The chunks as one SSE transcript."""
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def client(chunks: Chunks) -> Any:
    """An OpenAI client whose every request is answered, inside the process, with these chunks as SSE."""
    import openai

    http = transport(chunks)
    return openai.OpenAI(api_key="none", base_url="http://offline.invalid/v1", http_client=http, max_retries=0)


def transport(chunks: Chunks) -> Any:
    """The HTTP client under it: httpx, or httpx2 from openai 3 on."""
    import openai

    httpx = importlib.import_module("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")

    def answer(request: Any) -> Any:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=sse(chunks))

    return httpx.Client(transport=httpx.MockTransport(answer))


def sdk_chunks(chunks: Chunks) -> list[Any]:
    """The chunk objects that the openai package hands to a program; it stops where the stream carries an error."""
    import openai

    seen = []
    try:
        stream = client(chunks).chat.completions.create(model="any", messages=[], stream=True)
        seen.extend(iter(stream))
    except openai.APIError:
        pass
    return seen


def from_completion(completion: Any, *, without: Iterable[str] = ()) -> Answer:
    """A completion-shaped object or dict as an answer; `without` names what its shape has no place for.

    Those may be kinds of tool calls too: function, function_call (the legacy one), custom.
    """
    data: Mapping[str, Any] = completion if isinstance(completion, Mapping) else completion.model_dump()
    answer: Answer = {key: data.get(key) for key in ("id", "model", "system_fingerprint", "service_tier", "usage")}
    answer["choices"] = [
        from_message(choice.get("message") or {}, index=choice.get("index"), finish_reason=choice.get("finish_reason"))
        for choice in data.get("choices") or []
    ]
    answer["without"] = [key for key in without if key in CALL_KINDS]
    for key in without:
        answer.pop(key, None)
        for choice in answer["choices"]:
            choice.pop(key, None)
    return answer


def from_message(message: Mapping[str, Any], **more: Any) -> Answer:
    """A choice of an answer from an assistant message; the legacy function_call counts as a tool call."""
    calls = [from_call(call) for call in message.get("tool_calls") or [] if call]
    if message.get("function_call"):
        calls.append(from_call({"function": message["function_call"]}))
    return {
        "role": message.get("role"),
        "content": message.get("content"),
        "refusal": message.get("refusal"),
        "reasoning": message.get("reasoning_content") or message.get("reasoning"),
        "tool_calls": calls,
        **more,
    }


def from_call(call: Any) -> Answer:
    """Id, name and arguments of a tool call, whatever its kind; null where it has none."""
    data = call if isinstance(call, Mapping) else call.model_dump()
    body = data.get("function") or data.get("custom") or {}
    body = body if isinstance(body, Mapping) else body.model_dump()
    return {"id": data.get("id"), "name": body.get("name"), "arguments": body.get("arguments", body.get("input"))}

"""Answers in the containers that proxies, gateways and exports put around them, requests included.

Requests are as chat programs send them: a system prompt that many share, some turns of which a few are long, tools
in every fifth, now and then parts of content or a tool call. The same texts give the same bytes on any machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from seeded import START, Texts

_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Look up {what} by its number. Ask the customer for it where you do not know it.",
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}},
                "required": ["number"],
            },
        },
    }
    for name, what in (("get_order", "an order"), ("get_invoice", "an invoice"), ("get_parcel", "a parcel"))
]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


TOOLS = b',"tools":' + _json(_TOOLS) + b',"tool_choice":"auto","parallel_tool_calls":true'
FORMAT = b',"response_format":{"type":"json_object"}'
CALL = (
    b'{"role":"assistant","content":null,"tool_calls":[{"id":"call_%s","type":"function","function":'
    b'{"name":"get_order","arguments":"{\\"number\\": \\"A%d\\"}"}}]},'
    b'{"role":"tool","tool_call_id":"call_%s","content":"{\\"number\\": \\"A%d\\", \\"state\\": \\"sent\\"}"}'
)
PICTURE = (
    b'{"role":"user","content":[{"type":"text","text":"What is this?"},'
    b'{"type":"image_url","image_url":{"url":"https://example.com/%d.png","detail":"low"}}]}'
)


class Requests:
    """Seeded requests, one after the other."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.prompts = [b"".join(texts.answer(mean=150)) for _ in range(12)]

    def messages(self) -> bytes:
        """The messages of one request: a system prompt, and three to six turns."""
        rng, texts = self.texts.rng, self.texts
        found = [b'{"role":"system","content":"%s"}' % rng.choice(self.prompts)]
        for turn in range(rng.randint(2, 5)):
            role, mean = (b"assistant", 110) if turn % 2 else (b"user", 400 if rng.random() < 0.08 else 40)
            found.append(b'{"role":"%s","content":"%s"}' % (role, b"".join(texts.answer(mean=mean))))
        if rng.random() < 0.05:
            call, number = texts.letters(24), rng.randrange(10**6)
            found.append(CALL % (call, number, call, number))
        if rng.random() < 0.02:
            found.append(PICTURE % rng.randrange(10**6))
        return b"[" + b",".join(found) + b"]"

    def parameters(self, stream: bool) -> bytes:
        """What stands behind the model in a request, without messages."""
        rng = self.texts.rng
        more = TOOLS if rng.random() < 0.2 else FORMAT if rng.random() < 0.1 else b""
        user = b',"user":"user-%s"' % self.texts.letters(10) if rng.random() < 0.3 else b""
        temperature = rng.choice((b"0", b"0.2", b"0.7", b"1.0"))
        return b'"temperature":%s,"max_tokens":%d%s,"stream":%s%s' % (
            temperature, rng.choice((256, 512, 1024)), user, b"true" if stream else b"false", more,
        )  # fmt: skip

    def body(self, model: bytes, stream: bool) -> bytes:
        """A request body."""
        return b'{"model":"%s","messages":%s,%s}' % (model, self.messages(), self.parameters(stream))


def _iso(second: float) -> bytes:
    day, rest = divmod(second - START, 86_400)
    hour, rest = divmod(rest, 3600)
    minute, rest = divmod(rest, 60)
    return b"2026-10-%02dT%02d:%02d:%06.3fZ" % (1 + day % 28, hour, minute, rest)


def _exchange(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    return b'{"started_at":"%s","ended_at":"%s","request":%s,"status":200,"%s":%s}\n' % (
        _iso(at), _iso(at + took), requests.body(model, stream), b"chunks" if stream else b"response", answer,
    )  # fmt: skip


def _short(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    return (
        b'{"request":{"model":"gpt-4o-mini","temperature":0.7,"stream":%s,"messages":[{"role":"user","content":'
        b'"What is in the log?"}]},"response":%s,"status":200,"started_at":"%s","duration_ms":%d}\n'
        % (b"true" if stream else b"false", answer, _iso(at), took * 1000)
    )


def _proxy(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    return b'{"ts":%.6f,"method":"POST","path":"/v1/chat/completions","request":%s,"response":%s,"status_code":200,' % (
        at, requests.body(model, stream), answer,
    ) + b'"latency_ms":%.3f,"request_id":"req_%s"}\n' % (took * 1000, requests.texts.letters(32))  # fmt: skip


def _batch(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    request_id = requests.texts.letters(32)
    return (
        b'{"id":"batch_req_%s","custom_id":"request-%d","response":{"status_code":200,"request_id":"%s","body":%s},'
        b'"error":null}\n' % (request_id[:24], requests.texts.rng.randrange(10**9), request_id, answer)
    )


def _litellm(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    letters = requests.texts.letters
    return (
        b'{"id":"chatcmpl-%s","trace_id":"%s","litellm_call_id":"%s","call_type":"acompletion","stream":%s,'
        b'"response_cost":%.8f,"status":"success","custom_llm_provider":"openai","startTime":%.6f,"endTime":%.6f,'
        b'"completionStartTime":%.6f,"response_time":%.6f,"model":"%s","metadata":{"user_api_key_alias":"app",'
        b'"user_api_key_hash":"%s","requester_ip_address":"10.0.0.7"},"cache_hit":false,"messages":%s,"response":%s,'
        b'"error_str":null,"model_parameters":{%s},"hidden_params":{"model_id":"%s","cache_key":null},'
        b'"request_tags":[],"end_user":"","api_base":"https://api.openai.com"}\n'
        % (
            letters(24), letters(32), letters(32), b"true" if stream else b"false", took / 1000, at, at + took,
            at + took / 3, took, model, letters(64), requests.messages(), answer, requests.parameters(stream),
            letters(16),
        )
    )  # fmt: skip


def _helicone(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    return (
        b'{"request_id":"%s","response_id":"%s","request_created_at":"%s","response_created_at":"%s",'
        b'"request_body":%s,"response_body":%s,"response_status":200,"delay_ms":%d,"time_to_first_token":null,'
        b'"provider":"OPENAI","request_properties":{"team":"web"},"cost":0.0012,"country_code":"DE"}\n'
        % (
            requests.texts.letters(32), requests.texts.letters(32), _iso(at), _iso(at + took),
            requests.body(model, stream), answer, took * 1000,
        )
    )  # fmt: skip


def _portkey(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    return (
        b'{"request":{"url":"https://api.openai.com/v1/chat/completions","method":"POST","headers":'
        b'{"content-type":"application/json"},"body":%s},"response":{"status":200,"headers":{"x-request-id":"req_%s"},'
        b'"body":%s,"response_time":%d},"metadata":{"trace_id":"%s","span_id":"%s"}}\n'
        % (
            requests.body(model, stream), requests.texts.letters(32), answer, took * 1000,
            requests.texts.letters(32), requests.texts.letters(16),
        )
    )  # fmt: skip


def _openpipe(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    return b'{"input":%s,"output":%s,"tags":{"prompt":"v%d"}}\n' % (
        requests.body(model, stream), answer, requests.texts.rng.randrange(3),
    )  # fmt: skip


def _texts(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    """Both bodies as strings, as a proxy logs what it has not read: JSON, or the events of a stream."""
    body = requests.body(model, stream).decode()
    events = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in json.loads(answer)] if stream else []
    said = "".join([*events, "data: [DONE]\n\n"]) if stream else answer.decode()
    return b'{"timestamp":"%s","status":200,"request_body":%s,"response_body":%s,"duration_ms":%d}\n' % (
        _iso(at), _json(body), _json(said), took * 1000,
    )  # fmt: skip


def _captured(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    """Each chunk of a stream with the time when it came, as a program notes that measures."""
    if not stream:
        return _exchange(requests, model, answer, at, took, stream)
    chunks = json.loads(answer)
    items = (b'{"arrived_at":"%s","chunk":%s}' % (_iso(at + 0.2 + n / 50), _json(c)) for n, c in enumerate(chunks))
    return _exchange(requests, model, b"[%b]" % b",".join(items), at, took, stream)


def _lines(requests: Requests, model: bytes, answer: bytes, at: float, took: float, stream: bool) -> bytes:
    """The lines of the body, as a client read them."""
    if not stream:
        return _exchange(requests, model, answer, at, took, stream)
    events = [f"data: {json.dumps(chunk, ensure_ascii=False)}" for chunk in json.loads(answer)]
    return _exchange(requests, model, _json([*events, "data: [DONE]"]), at, took, stream)


Container = Callable[[Requests, bytes, bytes, float, float, bool], bytes]
CONTAINERS: Mapping[str, Container] = {
    "exchange": _exchange,
    "short": _short,
    "proxy": _proxy,
    "batch": _batch,
    "litellm": _litellm,
    "helicone": _helicone,
    "portkey": _portkey,
    "openpipe": _openpipe,
    "texts": _texts,
    "captured": _captured,
    "lines": _lines,
}

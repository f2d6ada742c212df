"""What a wrapper says of a call that failed: an error body out, None where it says nothing of a failed chat.

Servers and gateways name a failure in many ways, or answer with nothing but a status. An HTTP error counts only where
a chat was asked for: the same servers answer other calls, and applications log errors of their own.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.decoding import Decoded, decode_text
from chatlogs.reading.envelopes import at, first_of
from chatlogs.values import integer

_NAMES = {"error_code": "code", "error_class": "type", "error_message": "message"}
_BODIES = ("body", "json", "parsed_body", "data", "content", "text", "string")
_OF_HTTP = frozenset({
    "status", "status_code", "statusCode", "statusText", "status_text", "reason", "reason_phrase", "headers", "url",
    "ok", "redirected", "httpVersion", "http_version", "cookies", "redirectURL", "headersSize", "bodySize", "size",
    "mimeType", "encoding", "elapsed", "duration", "duration_ms", "latency_ms", "time", "timestamp",
    "response_time",
})  # fmt: skip
_PHRASES = ("statusText", "status_text", "reason_phrase", "reason", "status.message")
_MESSAGES = ("message", "detail", "error_message", "errorMessage", "error_description", "msg", "title")
_CODES = ("code", "error_code", "errorCode")
_ADDRESSES = (
    "request.url",
    "request.uri",
    "request.path",
    "req.url",
    "url",
    "uri",
    "request_uri",
    "endpoint",
    "when.path",
    "when.url",
    "path",
    "request",
)
_METHODS = ("request.method", "req.method", "method")
_REQUEST_LINE = re.compile(r"([A-Z]{3,7}) (\S+)( HTTP/[\d.]+)?")
_OF_OTHERS = frozenset({"input", "inputs", "prompt", "query", "documents", "file", "texts"})
_NESTING = 4


def asks_for_chat(value: Mapping[str, Any], request: Mapping[str, Any] | None) -> bool | None:
    """Whether the call was one for a chat completion; None where nothing tells."""
    kind = value.get("call_type")
    if isinstance(kind, str) and "completion" not in kind:
        return False
    messages = (request or {}).get("messages")
    if isinstance(messages, list) and not any(isinstance(message, str) for message in messages):
        return True
    if isinstance(messages, str) and messages != value.get("prompt"):
        return True
    for path in _ADDRESSES:
        found = at(value, path)
        line = _REQUEST_LINE.fullmatch(found) if isinstance(found, str) else None
        address = line[2] if line is not None else found if path != "request" else None
        if isinstance(address, str) and (place := _place(address)):
            method = line[1] if line is not None else first_of(value, _METHODS)
            is_post = method is None or str(method).upper() == "POST"
            return "chat" in place if is_post else "chat/completions" in place  # also of stored ones
    return False if request is not None and not _OF_OTHERS.isdisjoint(request) else None


def _place(address: str) -> str | None:
    """The path of an address."""
    try:
        return urllib.parse.urlsplit(address).path.strip("/") or None
    except ValueError:
        return None


def error_of(said: object) -> dict[str, Any] | None:
    """An error body of what a wrapper says of a failure; None when it says nothing."""
    if not said or (isinstance(said, dict) and not any(said.values())):
        return None
    if isinstance(said, dict) and "error" in said:
        return said
    if isinstance(said, dict):
        said = {_NAMES.get(name, name): value for name, value in said.items()}
    return {"error": said}


def error_of_answer(answer: object, status: object, *, is_chat: bool) -> dict[str, Any] | None:
    """An error body of what a call was answered with: of an HTTP error in any words, or of one by its form."""
    status = integer(status)
    if status is not None and (400 <= status < 600 or status == 0):  # a batch's call that was never made says 0
        return _body_of(answer, 0) or {"error": {"code": status, "message": first_of(answer, _PHRASES)}}
    body = _said(answer, 0) if is_chat else None
    return _named(body) if isinstance(body, dict) and shapes.is_error_of_exchange(body) else None


def _body_of(answer: object, level: int) -> dict[str, Any] | None:
    """The error body in what an HTTP error was answered with, without what HTTP says around it."""
    said = _said(answer, level)
    if isinstance(said, str):
        return {"error": said}
    says = isinstance(said, dict) and any(item for name, item in said.items() if name != "request_id")
    return _named(said) if isinstance(said, dict) and says else None


def _said(answer: object, level: int) -> object:
    """The text or the object that a response holds; None where it holds none."""
    if isinstance(answer, bytes):
        answer = answer.decode("utf-8", "replace")
    if isinstance(answer, str):
        text = answer.strip()
        decoded = decode_text(text) if text[:1] in ("{", "[") else None
        is_json = isinstance(decoded, Decoded) and level < _NESTING
        return _said(decoded.value, level + 1) if is_json else text or None  # type: ignore[union-attr]
    if isinstance(answer, list) and level < _NESTING:
        return next((found for item in answer if (found := _said(item, level + 1)) is not None), None)
    if not isinstance(answer, dict):
        return None
    if not _OF_HTTP.isdisjoint(answer) and level < _NESTING:
        for name in _BODIES:
            if name in answer and (found := _said(answer[name], level + 1)) is not None:
                return found
        answer = {name: value for name, value in answer.items() if name not in _OF_HTTP and name not in _BODIES}
    return answer or None


def _named(body: dict[str, Any]) -> dict[str, Any]:
    """The body in the form of an API's error body."""
    if body.get("error"):
        return body
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return {"error": errors[0]}
    if isinstance(detail := body.get("detail"), dict):
        return _named(detail) if any(detail.values()) else {"error": body}
    if isinstance(base := body.get("base_resp"), dict) and base:
        return body
    named = {"message": first_of(body, _MESSAGES), "code": first_of(body, _CODES)}
    used = {name for names in (_MESSAGES, _CODES) for name in names if body.get(name) in named.values()}
    rest = {name: value for name, value in body.items() if name not in used}
    return {"request_id": rest.pop("request_id", None), "error": rest | named}

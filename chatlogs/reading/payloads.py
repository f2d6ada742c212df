"""What a field of a wrapper holds: the records of a response, or the body of a request, however that was kept."""

from __future__ import annotations

import re
from bisect import bisect
from itertools import accumulate
from typing import Any

from chatlogs.reading import shapes, sse
from chatlogs.reading.decoding import Decoded, decode_text
from chatlogs.reading.encoded import of_bytes, opened, unbase64, unhex
from chatlogs.reading.envelopes import Part, Unread, first_time
from chatlogs.reading.exported import restored
from chatlogs.reading.kept import parsed
from chatlogs.reading.native import as_chunk
from chatlogs.reading.printed import may_be_printed
from chatlogs.reading.requests_apart import is_asking
from chatlogs.reading.unnamed import is_message
from chatlogs.reading.wrappers import ARRIVALS, CHUNK_KEYS, OWN_REQUEST

_INNER = ("body", "json", "data", "streamed_data", "chunks", "parsed_body", "completion", "response", "text", "string",
          "as_bytes", "as_string", "jsonBody", "base64Body")  # fmt: skip
_OF_ANY_USE = ("value", "content", "data")
ASKED_UNDER = ("body", "json", "body_json", "parsed_body", "postData", "text", "string", "as_bytes", "as_string", "b64",
               "raw", "bodyPatterns", "equalToJson", "Body", "BodyParts", "Matcher", "Pattern",
               *_OF_ANY_USE)  # fmt: skip
"""Where in an object the body of a request may be that the object is not itself; the last only if it has messages."""
_NO_RECORD = re.compile(r"\s*(\"?\[DONE\]\"?|:.*)?\s*", re.DOTALL)  # a blank, the end of a stream, a comment
_END = re.compile(r"\s*(?:(?:event|id):.*\n)*(?:data:\s*)?\"?\[DONE\]\"?\s*")
_WORDS = re.compile(r"[^\"'`{}]{1,500}(?=\{)")
_BODY_HOLDER = frozenset({"encoding", "string", "base64_string", "mode", "raw"})  # VCR's, of a body that is no object


def payload(value: Any) -> tuple[list[Part], bool]:
    """The records that a response is made of, and whether they are a transcript; an `item` among them is none.

    Takes an object, a list of chunks, JSON text or SSE text, and what some tools put around them.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    value = of_bytes(value)
    if isinstance(value, str):
        parts, transcript = _payload_of_text(value)
        text = None if parts else unhex(value) or unbase64(value)
        return (parts, transcript) if text is None else _payload_of_text(text)
    if isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            return _payload_of_texts(value) if (text := unhex(value)) is None else _payload_of_text(text)
        if (events := listed_events(value)) is not None:
            return events, True
        return _with_items([(item, part_of(item)) for item in value])
    if isinstance(value, dict):
        if isinstance(streamed := value.get("streamed_data"), (list, str)) and (parts := payload(streamed)[0]):
            return parts + _usage_beside(value, parts), True
        value = restored(value)
        if shapes.kind(value) is not None:
            return [Part(value)], False
        for name in _INNER:
            parts, transcript = payload(value[name]) if name in value else ([], False)
            if parts:
                return parts, transcript
    return [], False


def _usage_beside(value: dict[str, Any], parts: list[Part]) -> list[Part]:
    """The usage that Helicone counted for a stream that tells none, as the chunk that brings it elsewhere."""
    usage = value.get("usage")
    if not isinstance(usage, dict) or any(part.value.get("usage") for part in parts):
        return []
    return [Part({"object": "chat.completion.chunk", "choices": [], "usage": usage})]


def _payload_of_text(text: str) -> tuple[list[Part], bool]:
    text = text.strip()
    if sse.looks_like_sse(text):
        return sse_parts(text), True
    if text.startswith(("{", "[")) or may_be_printed(text):
        decoded = decode_text(text)
        if isinstance(decoded, Decoded) and isinstance(decoded.value, (dict, list)):
            parts, transcript = payload(decoded.value)
            if parts:
                parts[0].flags |= decoded.flags | ({"repaired"} if decoded.repaired else set())
            return parts, transcript
        return _with_items([(line, _part_of_text(line)) for line in text.split("\n")])
    return [], False


def _payload_of_texts(texts: list[str]) -> tuple[list[Part], bool]:
    """What a client noted of a stream as it came: lines of an SSE body, reads of it, or chunks as JSON texts."""
    if sse.looks_like_sse(texts[0].strip()):
        return sse_parts(("" if any("\n" in text for text in texts) else "\n\n").join(texts)), True
    return _with_items([(text, _part_of_text(text)) for text in texts])


def listed_events(values: list[Any]) -> list[Part] | None:
    """The records of a list of objects which hold the events of a stream as texts, under one name, with their times."""
    first = values[0] if values and all(isinstance(value, dict) for value in values) else {}
    names = [name for name, item in first.items() if isinstance(text := opened(item), str) and sse.looks_like_sse(text)]
    texts = [text for value in values if isinstance(text := opened(value.get(names[-1])), str)] if names else []
    if not texts or len(texts) < len(values):
        return None
    if not all(map(sse.looks_like_sse, texts)) and not sse.is_body("".join(texts)):
        return None  # texts of which one quotes a body
    between = "" if any("\n" in text for text in texts) else "\n\n"
    parts = sse_parts(between.join(texts))
    if between or all(text.endswith("\n") for text in texts):  # else reads of a body, which end where they happen to
        begins = [*accumulate((sse.count_of_line_ends(text + between) for text in texts), initial=0)]
        for part in parts:
            part.arrived_at = first_time(values[bisect(begins, part.line) - 1], ARRIVALS)
    return parts


def stream_of(values: list[Any]) -> list[Part] | None:
    """The same, where nothing says what the list is, and it is one stream: of one id, ended once, and nothing asked."""
    events = listed_events(values) if len(values) > 1 else None
    if events is None or any(part.ends or part.unread is not None for part in events[:-1]):
        return None
    ids = {name for part in events if isinstance(name := part.value.get("id"), str)}
    beside = [item for value in values for item in value.values()]
    asks = any(isinstance(item, (dict, list)) or (isinstance(item, str) and item[:1] in ("{", "[")) for item in beside)
    return None if asks or len(ids) > 1 else events


def _part_of_text(text: str) -> Part | None:
    found = decode_text(text) if text.lstrip()[:1] == "{" else None
    return Part(found.value) if isinstance(found, Decoded) and shapes.kind(found.value) else None


def _with_items(found: list[tuple[object, Part | None]]) -> tuple[list[Part], bool]:
    """The records among these values, if any, and as items what else says something; always a transcript."""
    parts: list[Part] = []
    for number, (value, part) in enumerate(found):
        if part is not None:
            parts.append(part)
        elif says_more(value) and not (isinstance(value, str) and _NO_RECORD.fullmatch(value)):
            parts.append(Part({}, item=Unread(value, f"[{number}]")))
    return (parts, True) if any(part.item is None for part in parts) else ([], False)


def says_more(value: object) -> bool:
    """Whether the item of a list says anything, and not only what was asked for an answer that stands elsewhere."""
    return bool(value) and shapes.kind(value) != shapes.IGNORABLE and not is_asking(value) and not is_end(value)


def is_end(value: object) -> bool:
    """Whether it says no more than that a stream has ended: `{"data": "[DONE]"}`, where others hold events."""
    if isinstance(value, str):
        return _END.fullmatch(value) is not None
    if not isinstance(value, dict) or any("err" in name or "exc" in name for name in value):
        return False
    said = list(value.values())
    ends = any(isinstance(item, str) and is_end(item) for item in said)
    return ends and not any(item for item in said if isinstance(item, (dict, list)))


def sse_parts(text: str) -> list[Part]:
    """The records of an SSE text in order; [DONE] stands as a Part whose `ends` is true."""
    parts: list[Part] = []
    for event in sse.events(text):
        if event.done:
            parts.append(Part({}, ends=True, line=event.line))
            continue
        value = as_chunk(restored(event.data.value)) if isinstance(event.data, Decoded) else None
        found = shapes.kind(value)
        if event.name == "error" and found is None:
            value = {"error": event.text if value is None else value}
        elif found == shapes.IGNORABLE or value == {}:
            continue
        elif found is None:
            parts.append(Part({}, unread=event.text, line=event.line))
            continue
        assert isinstance(value, dict)  # as it has a kind
        part = Part(value, line=event.line)
        if isinstance(event.data, Decoded):
            part.flags |= event.data.flags | ({"repaired"} if event.data.repaired else set())
        parts.append(part)
    return parts


def is_one_event(parts: list[Part]) -> bool:
    """Whether these are one chunk, without the end of its stream."""
    return len(parts) == 1 and shapes.kind(parts[0].value) == shapes.CHUNK


def events_of(text: str) -> list[object] | None:
    """What the events of an SSE body say, or of lines of one that say nothing; None of any other text."""
    if not _NO_RECORD.fullmatch(text) and not (sse.looks_like_sse(text) and sse.is_body(text)):
        return None
    events = list(sse.events(text))
    values = [event.data.value for event in events if isinstance(event.data, Decoded)]
    is_read = (events or _NO_RECORD.fullmatch(text)) and len(values) == sum(not event.done for event in events)
    return values if is_read else None


def part_of(value: object) -> Part | None:
    """A list's item as a record: the object itself, or the chunk in a small wrapper with its capture time."""
    if shapes.kind(value) is not None:
        assert isinstance(value, dict)
        return Part(value)
    if not isinstance(value, dict) or OWN_REQUEST in value:
        return None
    for name in CHUNK_KEYS:
        inner = parsed_line(value.get(name))
        if isinstance(inner, dict) and shapes.kind(inner) is not None:
            return Part(inner, arrived_at=first_time(value, ARRIVALS))
    return None


def parsed_line(value: object) -> object:
    """The value of JSON text, which may be the data line of an SSE body, or an answer behind a logger's words.

    The text may be in base64. Anything else is as it is.
    """
    value = opened(value)
    if not isinstance(value, str):
        return value
    for text in (value, value[5:].strip() if value.startswith("data:") else _behind_words(value)):
        if not isinstance(found := parsed(text), str):
            return found
    return value


def _behind_words(text: str) -> str:
    """The object that the text ends with, if it may be an answer; words that quote something may quote it too."""
    words = _WORDS.match(text) if '"choices"' in text else None
    return "" if words is None else text[words.end() :].rstrip()


def object_of(value: object) -> dict[str, Any] | None:
    """A request body: an object, its JSON text, or one of these under `body`; also as the one item of a list."""
    value = of_bytes(value)
    if isinstance(value, list):
        found = object_of(value[0]) if len(value) == 1 and not is_message(value[0]) else None
        return found if found is not None and "messages" in found else None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.lstrip()[:1] != "{":
        value = unbase64(value)
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        decoded = decode_text(value)
        value = decoded.value if isinstance(decoded, Decoded) else None
    if not isinstance(value, dict):
        return None
    for name in ASKED_UNDER if "messages" not in value else ():
        inner = object_of(value.get(name))
        if inner is not None and ("messages" in inner or name not in _OF_ANY_USE):
            return inner
    return None if value.keys() <= _BODY_HOLDER else value

"""What wraps records: one decoded JSON value in, the envelopes in it out.

A wrapper is told by its keys and read by paths, both rows of the table in `wrappers`; only what data cannot
say is code. A wrapper record is one transcript. Headers are never read: they hold credentials.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from typing import Any

from chatlogs.reading import shapes, sse
from chatlogs.reading.credentials import without_secrets
from chatlogs.reading.decoding import SIZE_LIMIT, Decoded, decode_text
from chatlogs.reading.envelopes import Envelope, Part, Unread, at, fill, first_of, first_time
from chatlogs.reading.failures import asks_for_chat, error_of, error_of_answer
from chatlogs.reading.hosted import HOSTED, may_be_hosted
from chatlogs.reading.kept import parsed
from chatlogs.reading.requests_apart import is_asking
from chatlogs.reading.wrappers import ARRIVALS, CHUNK_KEYS, LISTS, LOGGED, MOMENTS, WRAPPERS, Wrapper, candidates

_INNER = ("body", "json", "data", "streamed_data", "chunks", "parsed_body", "completion", "response", "text", "string")
_ONLY_LOOKING = ("GET", "HEAD", "OPTIONS")
_BODY_HOLDER = frozenset({"encoding", "string", "base64_string"})  # VCR's, of a body that is no object
_NESTING = 8  # lists in lists, wrappers in wrappers; no tool goes deeper


def unwrap(value: object, *, only: str | None = None) -> list[Envelope]:
    """The envelopes in the value, in order; none when it holds no record that is known.

    only: the name of the one wrapper to look for, in lists and objects, instead of telling it by the keys.
    """
    return unwrap_all(value, only=only)[0]


def unwrap_all(value: object, *, only: str | None = None) -> tuple[list[Envelope], list[Unread]]:
    """The same, and beside it what stands in lists of records and holds none."""
    found = list(_unwrap(value, 0) if only is None else _unwrap_only(value, only, 0))
    envelopes = [one for one in found if isinstance(one, Envelope)]
    return envelopes, [one for one in found if isinstance(one, Unread)]


def _unwrap(value: object, level: int) -> Iterator[Envelope | Unread]:
    if level > _NESTING:
        return
    if isinstance(value, list):
        yield from _unwrap_list(value, level)
    elif isinstance(value, dict):
        found = shapes.kind(value)
        if found in (shapes.CHUNK, shapes.COMPLETION):
            yield Envelope([Part(value)], transcript=False)
            return
        if found == shapes.IGNORABLE:
            return
        for hosted in HOSTED.values() if may_be_hosted(value) else ():
            envelopes = hosted(value)
            if envelopes is not None:
                yield from envelopes
                return
        for wrapper in candidates(value):
            if wrapper.fits(value):
                envelope = _read(wrapper, value)
                if envelope is not None:
                    yield envelope
                    return
        if found is not None:
            yield Envelope([Part(value)], transcript=False)
            return
        for path in LISTS:
            if isinstance(inner := at(value, path), list):
                yield from _unwrap_list(inner, level, path)
                return
        yield from _captured(value, level)


def _unwrap_only(value: object, name: str, level: int, place: str = "") -> Iterator[Envelope | Unread]:
    """What the rows of one wrapper make of the value: first those whose keys are there, then the others."""
    if level > _NESTING:
        return
    if isinstance(value, list):
        found = [list(_unwrap_only(item, name, level + 1)) for item in value]
        yield from _with_unread(value, found, place)
    elif isinstance(value, dict):
        envelopes = (HOSTED[name](value) if name in HOSTED else None) or []
        wrappers = [wrapper for wrapper in WRAPPERS if wrapper.name == name]
        for wrapper in sorted(wrappers, key=lambda wrapper: not wrapper.fits(value)):
            if not envelopes and (envelope := _read(wrapper, value)) is not None:
                envelopes = [envelope]
        if envelopes:
            yield from envelopes
            return
        for path in LISTS:
            if isinstance(inner := at(value, path), list):
                yield from _unwrap_only(inner, name, level, path)
                return


def _unwrap_list(values: list[Any], level: int, place: str = "") -> Iterator[Envelope | Unread]:
    """A list of chunks is one transcript; any other list is a list of records, lists or wrappers."""
    parts = [_part(value) for value in values]
    known = [part for part in parts if part is not None]
    kinds = {shapes.kind(part.value) for part in known}
    is_transcript = shapes.CHUNK in kinds and shapes.COMPLETION not in kinds
    is_other = [not is_transcript or part is None for part in parts]
    inner = [list(_unwrap(value, level + 1)) if other else [] for value, other in zip(values, is_other, strict=True)]
    if is_transcript and not any(inner):
        yield Envelope(known, transcript=True)
        for number, value in enumerate(values):
            if is_other[number] and _says_more(value):
                yield _unread(value, f"{place}[{number}]")
        return
    if is_transcript:
        inner = [list(_unwrap(value, level + 1)) for value in values]
    yield from _with_unread(values, inner, place)


def _with_unread(values: list[Any], inner: list[list[Envelope | Unread]], place: str) -> Iterator[Envelope | Unread]:
    """What is in the items of a list; where it holds records at all, items without one are told too."""
    holds = any(inner)
    for number, (value, found) in enumerate(zip(values, inner, strict=True)):
        yield from found
        if holds and not found and _says_more(value):
            yield _unread(value, f"{place}[{number}]")


def _says_more(value: object) -> bool:
    """Whether the item of a list says anything, and not only what was asked for an answer that stands elsewhere."""
    return bool(value) and shapes.kind(value) != shapes.IGNORABLE and not is_asking(value)


def _unread(value: object, place: str) -> Unread:
    """The item as it is set aside; captures of other traffic are only counted, and headers hold credentials."""
    if not isinstance(value, dict) or not (isinstance(value.get("request"), dict) and "response" in value):
        return Unread(value, place)
    asked = value["request"]
    url = asked.get("url") or asked.get("uri")
    other = isinstance(url, str) and ("/chat/completions" not in url or asked.get("method") in _ONLY_LOOKING)
    return Unread(without_secrets(value), place, passed=other)


def _read(wrapper: Wrapper, value: dict[str, Any]) -> Envelope | None:
    """The wrapper's envelope; None when neither its answer nor its error is of a form that is known."""
    parts: list[Part] = []
    transcript = False
    answer: object = None
    if any(isinstance(value.get(name), str) for name in wrapper.texts):
        value = {**value, **{name: parsed(value.get(name)) for name in wrapper.texts}}
    for path in wrapper.response:
        found = at(value, path)
        answer = answer or found
        parts, transcript = payload(found)
        if not parts and (text := unbase64(found)):
            parts, transcript = payload(text)
        if parts:
            break
    request = next((found for path in wrapper.request if (found := _object(at(value, path))) is not None), None)
    transcript |= wrapper.whole and any(shapes.kind(part.value) == shapes.CHUNK for part in parts)
    envelope = Envelope(parts, transcript, request)
    fill(envelope, value, wrapper.fact_paths, wrapper.request_paths)
    envelope.flags |= wrapper.flags
    envelope.error = error_of(first_of(value, wrapper.error))
    if all(shapes.kind(part.value) == shapes.ERROR for part in parts):
        is_chat = asks_for_chat(value, envelope.request)
        if is_chat is False or (is_chat is None and not parts and "model" not in (envelope.request or {"model": 0})):
            return None
        if not parts and envelope.error is None and (is_chat or wrapper.name == "batch"):
            envelope.error = error_of_answer(answer, envelope.facts.get("status_code"), is_chat=bool(is_chat))
    return envelope if parts or envelope.error is not None else None


def payload(value: object) -> tuple[list[Part], bool]:
    """The records that a response is made of, and whether they are a transcript.

    Takes an object, a list of chunks, JSON text or SSE text, and what some tools put around them.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return _payload_of_text(value)
    if isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            return _payload_of_texts(value)
        parts = [part for item in value if (part := _part(item)) is not None]
        return parts, bool(parts)
    if isinstance(value, dict):
        if isinstance(streamed := value.get("streamed_data"), (list, str)) and (parts := payload(streamed)[0]):
            return parts + _usage_beside(value, parts), True
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
    if text.startswith(("{", "[")):
        decoded = decode_text(text)
        if isinstance(decoded, Decoded) and isinstance(decoded.value, (dict, list)):
            parts, transcript = payload(decoded.value)
            if parts:
                parts[0].flags |= decoded.flags
            return parts, transcript
        lines = [decode_text(line) for line in text.split("\n") if line.strip()]
        parts = [Part(line.value) for line in lines if isinstance(line, Decoded) and shapes.kind(line.value)]
        return parts, bool(parts)
    return [], False


def _payload_of_texts(texts: list[str]) -> tuple[list[Part], bool]:
    """What a client noted of a stream as it came: lines of an SSE body, reads of it, or chunks as JSON texts."""
    if sse.looks_like_sse(texts[0].strip()):
        return sse_parts(("" if any("\n" in text for text in texts) else "\n\n").join(texts)), True
    values = [decode_text(text) for text in texts if text.lstrip()[:1] == "{"]
    parts = [Part(found.value) for found in values if isinstance(found, Decoded) and shapes.kind(found.value)]
    return parts, bool(parts)


def sse_parts(text: str) -> list[Part]:
    """The records of an SSE text in order; [DONE] stands as a Part whose `ends` is true."""
    parts: list[Part] = []
    for event in sse.events(text):
        if event.done:
            parts.append(Part({}, ends=True, line=event.line))
            continue
        value = event.data.value if isinstance(event.data, Decoded) else None
        found = shapes.kind(value)
        if event.name == "error" and found is None:
            value = {"error": event.text if value is None else value}
        elif found == shapes.IGNORABLE:
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


def _part(value: object) -> Part | None:
    """A list's item as a record: the object itself, or the chunk in a small wrapper with its capture time."""
    if shapes.kind(value) is not None:
        assert isinstance(value, dict)
        return Part(value)
    if not isinstance(value, dict):
        return None
    for name in CHUNK_KEYS:
        inner = _parsed(value.get(name))
        if isinstance(inner, dict) and shapes.kind(inner) is not None:
            return Part(inner, arrived_at=first_time(value, ARRIVALS))
    return None


def _parsed(value: object) -> object:
    """The value of JSON text, which may be the data line of an SSE body; anything else as it is."""
    if isinstance(value, str) and value.startswith("data:"):
        found = parsed(value[5:].strip())
        return value if isinstance(found, str) else found
    return parsed(value)


def _captured(value: dict[str, Any], level: int) -> Iterator[Envelope | Unread]:
    """What stands under some key of a logger's line, such as `{"time": …, "log": "{…}"}`: a record, or a wrapper."""
    for name in CHUNK_KEYS:
        inner = _parsed(value.get(name))
        if isinstance(inner, dict) and shapes.kind(inner) == shapes.CHUNK:
            yield Envelope([Part(inner, arrived_at=first_time(value, ARRIVALS))], transcript=False)
            return
        found = list(_unwrap(inner, level + 1)) if isinstance(inner, (dict, list)) else []
        if isinstance(inner, str) and sse.looks_like_sse(inner) and (parts := sse_parts(inner)):
            found = [Envelope(parts, transcript=True)] if any(part.value for part in parts) else []
        if found:
            for one in found:
                if isinstance(one, Envelope):
                    _add_logged(one, value)
            yield from found
            return


def _add_logged(envelope: Envelope, line: dict[str, Any]) -> None:
    """Take what the logger's line says beside the answer, as far as the answer's own wrapper does not say it."""
    if envelope.request is None:
        request = next((found for path in LOGGED.request if (found := _object(at(line, path)))), None)
        envelope.request = request if request is not None and asks_for_chat(line, request) else None
    beside = Envelope([], False)
    fill(beside, line, LOGGED.fact_paths, ())
    is_timed = any(name.startswith(MOMENTS) for name in envelope.facts)
    if not is_timed and not any(name.startswith(MOMENTS) for name in beside.facts):
        beside.facts["ended_at"] = first_time(line, ARRIVALS)  # a line is written when there is an answer to write
    for name, fact in beside.facts.items():
        if fact is not None and not (is_timed and name.startswith(MOMENTS)):
            envelope.facts.setdefault(name, fact)


def logged_texts(value: dict[str, Any]) -> list[str] | None:
    """The texts of a logger's line that holds nothing else; None of any other."""
    found = [value[name] for name in CHUNK_KEYS if name in value]
    is_plain = first_time(value, ARRIVALS) is not None and not any("err" in name or "exc" in name for name in value)
    return found if found and is_plain and all(isinstance(text, str) for text in found) else None


def _object(value: object) -> dict[str, Any] | None:
    """A request body: an object, its JSON text, or one of these under `body`."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.lstrip()[:1] != "{":
        value = unbase64(value)
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        decoded = decode_text(value)
        value = decoded.value if isinstance(decoded, Decoded) else None
    if not isinstance(value, dict):
        return None
    for name in ("body", "json", "parsed_body", "postData", "text", "string"):
        if "messages" not in value and (inner := _object(value.get(name))) is not None:
            return inner
    return None if value.keys() <= _BODY_HOLDER else value


def unbase64(value: object) -> str | None:
    """The text that base64 holds, over one line or many, as it is or as gzip; None when it holds none."""
    if not isinstance(value, str) or value[:1] in ("", "{", "[", "<", " "):
        return None
    try:
        data = base64.b64decode("".join(value.split()), validate=True)
        if data.startswith(b"\x1f\x8b"):
            data = zlib.decompressobj(wbits=31).decompress(data, SIZE_LIMIT)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return data.decode("utf-8", "replace")

"""What a log says around an answer, put into its piece: request parameters, messages, times, status.

Credentials are never kept: fields that hold them are left out wherever they stand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from chatlogs.normalizing.records.choices import part_texts
from chatlogs.normalizing.records.piece import COMPLETION, Piece
from chatlogs.normalizing.records.records import take_integer
from chatlogs.reading.asked import Asked
from chatlogs.reading.camelcase import in_names_of_api
from chatlogs.reading.credentials import is_secret, without_secrets
from chatlogs.reading.kept import parsed
from chatlogs.values import LAST_MICROSECOND, as_json, integer, moment, number, text

OF_REQUEST = (
    "request_model", "requested_service_tier", "stream", "temperature", "top_p", "seed", "n", "max_tokens", "metadata",
    "request",
)  # fmt: skip
PARAMETERS = frozenset({
    "model", "service_tier", "stream", "temperature", "top_p", "seed", "n", "max_completion_tokens", "max_tokens",
    "metadata",
})  # fmt: skip
"""Parameters that have a column of their own, if they are what they should be."""
_SAYING_NOTHING: tuple[object, ...] = (None, "", "None", [], {})
_BEGINS = ("first_chunk_at", "completion_start_at")
_DROPPED = frozenset({"messages", "url", "uri", "method"})


def apply_request(piece: Piece, request: Mapping[str, Any]) -> None:
    """Fill the request's columns and messages; what has no column goes to `request`. What is there stays."""
    request = in_names_of_api(dict(request))
    rest = {name: value for name, value in request.items() if value is not None and name not in _DROPPED}
    rest = without_secrets(rest)
    _keep(piece, "request_model", text(rest.get("model")) and text(rest.pop("model")))
    _keep(piece, "requested_service_tier", text(rest.get("service_tier")) and text(rest.pop("service_tier")))
    if isinstance(rest.get("stream"), bool):
        _keep(piece, "stream", rest.pop("stream"))
    for name in ("temperature", "top_p"):
        value = number(rest.get(name))
        if value is not None:
            _keep(piece, name, value)
            del rest[name]
    for name in ("seed", "n", "max_completion_tokens", "max_tokens"):
        column = "max_tokens" if name == "max_completion_tokens" else name
        if getattr(piece, column) is None:
            setattr(piece, column, take_integer(rest, name, piece.flags))
    if isinstance(rest.get("metadata"), dict):
        _keep(piece, "metadata", as_json(rest.pop("metadata")))
    _keep(piece, "request", as_json(rest) if rest else None)
    if not piece.messages:
        piece.messages = messages_of(request.get("messages"))


def add_request(piece: Piece, asked: Asked) -> None:
    """What other logs say was asked: a batch's input by custom_id, pages of messages by the completion's id."""
    if piece.custom_id and piece.custom_id in asked.requests and piece.request_model is None:
        request = asked.requests[piece.custom_id]
        if request is None:
            piece.flags.add("ambiguous_request")
        else:
            apply_request(piece, request)
    if piece.id and piece.id in asked.messages and piece.form == COMPLETION and not piece.messages:
        piece.messages = messages_of(list(asked.messages[piece.id]))


def is_kept(name: str) -> bool:
    """Whether anything that a parameter of this name says is kept."""
    return name not in _DROPPED and not is_secret(name)


def _after(moment: int, duration: int) -> int | None:
    """The moment so many microseconds later; None behind the last that a table can hold."""
    return moment + duration if moment + duration <= LAST_MICROSECOND else None


def _before(moment: int, duration: int, first: int | None) -> int | None:
    """The moment so many microseconds before; None before 1970, and where the answer had begun by then: one of the
    two was rounded."""
    begun = moment - duration
    return begun if begun > 0 and (first is None or begun <= first) else None


def apply_facts(piece: Piece, facts: Mapping[str, Any]) -> None:
    """Fill times, status, ids and metadata as a wrapper gives them; times that contradict each other are null.

    Of begin, end and duration two tell the third. A time of which no name says what it is of is that of the begin,
    unless something of the answer is older: then the line was written when there was an answer to write.
    """
    started, ended = time_of(facts.get("started_at")), time_of(facts.get("ended_at"))
    noted = time_of(facts.get("noted_at")) if started is None else None
    if noted is not None:
        others = (ended, *(time_of(facts.get(name)) for name in _BEGINS), piece.first_chunk_at)
        is_late = any(time is not None and time < noted for time in others)
        started, ended = (None, _first(ended, noted)) if is_late else (noted, ended)
    duration = _first(duration_of(facts.get("duration_ms"), 1000), duration_of(facts.get("duration_s"), 1_000_000))
    if ended is None and started is not None and duration is not None:
        ended = _after(started, duration)
    first = _first(time_of(facts.get("first_chunk_at")), _begun(facts, ended))
    if started is None and ended is not None and duration is not None:
        started = _before(ended, duration, _first(first, piece.first_chunk_at))
    wait = duration_of(facts.get("first_chunk_ms"), 1000)
    if first is None and started is not None and wait is not None:
        first = _after(started, wait)
    for name, told in (("started_at", started), ("ended_at", ended), ("first_chunk_at", first)):
        _keep(piece, name, told)
    status = status_of(facts.get("status_code"))
    if status is not None:
        piece.status_code = status
    for name in ("request_id", "custom_id", "provider"):
        if name in facts:
            _keep(piece, name, text(_only(facts[name]) if name == "request_id" else facts[name]))
    if isinstance(facts.get("stream"), bool):
        _keep(piece, "stream", facts["stream"])
    piece.metadata = with_metadata(piece.metadata, metadata_of(facts))
    _check_clock(piece)


def _begun(facts: Mapping[str, Any], ended: int | None) -> int | None:
    """When a completion began to come in; what was no stream is said to begin with its end."""
    begun = time_of(facts.get("completion_start_at"))
    return None if begun == ended or facts.get("stream") is False else begun


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _only(value: object) -> object:
    """The one value of a header that is kept as a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def status_of(value: object) -> int | None:
    """A status as HTTP has them, also before its words; what an error object calls its status may be another number."""
    if isinstance(value, str) and value[3:4] == " ":
        value = value[:3]
    status = integer(value)
    return status if status is not None and 100 <= status < 600 else None


def metadata_of(facts: Mapping[str, Any]) -> str | None:
    """The JSON of metadata that say something, without credentials, and of what tools note beside them."""
    value = parsed(facts.get("metadata"))
    more = {name.partition(".")[2]: parsed(said) for name, said in facts.items() if name.startswith("metadata.")}
    names, values = facts.get("metadata_names"), facts.get("metadata_values")
    if isinstance(names, list) and isinstance(values, list) and len(names) == len(values):
        value = dict(zip(map(str, names), values, strict=True))
    more = {name: said for name, said in more.items() if said not in _SAYING_NOTHING}
    if more and (isinstance(value, dict) or not value):
        value = _with(value if isinstance(value, dict) else {}, more)
    return as_json(without_secrets(value)) if isinstance(value, (dict, list)) and value else None


def _with(own: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return own | {name: said for name, said in more.items() if name not in own}


def with_metadata(own: str | None, more: str | None) -> str | None:
    """The metadata of a request with those of what stands around it; the request's own go before."""
    if own is None or more is None:
        return more if own is None else own
    mine, others = json.loads(own), json.loads(more)
    return as_json(_with(mine, others)) if isinstance(mine, dict) and isinstance(others, dict) else own


def _check_clock(piece: Piece) -> None:
    """Nothing of an answer happens before it was asked for."""
    for name in ("ended_at", "first_chunk_at", "last_chunk_at"):
        value = getattr(piece, name)
        if piece.started_at is not None and value is not None and value < piece.started_at:
            setattr(piece, name, None)
            piece.flags.add("clock_skew")


def _keep(piece: Piece, name: str, value: object) -> None:
    if value is not None and getattr(piece, name) is None:
        setattr(piece, name, value)


def time_of(value: object) -> int | None:
    """Microseconds of a time as tools write it, objects such as `{"seconds": …, "milliseconds": …}` included."""
    if value is None:
        return None
    if isinstance(value, str) and value.endswith(" GMT"):
        return _time_of_http(value)
    if isinstance(value, dict):
        return _time_of_parts(value)
    return moment(value)


def _time_of_parts(value: Mapping[str, Any]) -> int | None:
    """Microseconds of a time in an object: of MongoDB's exports, loguru's lines, log4j's, or of seconds and a rest."""
    for name in ("$date", "$numberLong", "timestamp"):
        if name in value:
            return None if isinstance(value[name], list) else time_of(value[name])
    of_log4j = "epochSecond" in value
    whole, rest, unit = ("epochSecond", "nanoOfSecond", 1e9) if of_log4j else ("seconds", "milliseconds", 1e3)
    seconds = number(value.get(whole))
    return None if seconds is None else moment(seconds + (number(value.get(rest)) or 0.0) / unit)


def _time_of_http(value: str) -> int | None:
    """Microseconds of a date as HTTP headers have it: `Tue, 01 Nov 2022 04:58:44 GMT`."""
    try:
        return moment(parsedate_to_datetime(value).timestamp()) if len(value) < 64 else None
    except (ValueError, OverflowError):
        return None


def duration_of(value: object, unit: int) -> int | None:
    """Microseconds of a duration in a unit of so many of them."""
    found = number(value)
    return round(found * unit) if found is not None and 0 <= found * unit < 10**15 else None


def messages_of(value: object) -> list[dict[str, Any]]:
    """The rows of the messages table for a request's messages; a string that is not their JSON is one, without role."""
    if isinstance(value, str):
        read = parsed(value)
        value = read if read == {} or _are_messages(read) else [{"content": value}]
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return [{"message_index": position, **_message(entry)} for position, entry in enumerate(entries)]


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and "role" in entry for entry in value)


def _message(entry: dict[str, Any]) -> dict[str, Any]:
    entry = in_names_of_api(entry)
    content = entry.get("content")
    parts = entry.get("content_parts") if content is None or isinstance(content, str) else content
    calls = entry.get("tool_calls") or entry.get("function_call")
    return {
        "role": text(entry.get("role")),
        "content": content if isinstance(content, str) else "".join(part_texts(parts)) if part_texts(parts) else None,
        "content_parts": None if parts is None else as_json(parts),
        "name": text(entry.get("name")),
        "tool_call_id": text(entry.get("tool_call_id")),
        "tool_calls": as_json(calls) if calls else None,
    }

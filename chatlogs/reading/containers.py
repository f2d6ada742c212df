"""What wraps records: one decoded JSON value in, the envelopes in it out.

A wrapper is told by its keys and read by paths, both rows of the table in `wrappers`; only what data cannot
say is code. A wrapper record is one transcript. Headers are never read: they hold credentials.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from chatlogs.reading import shapes, sse
from chatlogs.reading.beside import kept_apart
from chatlogs.reading.credentials import without_secrets
from chatlogs.reading.encoded import opened
from chatlogs.reading.envelopes import Envelope, Part, Unread, at, fill, first_of, first_time, reachable
from chatlogs.reading.exported import restored
from chatlogs.reading.failures import asks_for_chat, error_of, error_of_answer
from chatlogs.reading.hosted import HOSTED, may_be_hosted
from chatlogs.reading.kept import parsed
from chatlogs.reading.logged import add_logged, note_arrival, note_writing
from chatlogs.reading.payloads import (
    is_one_event,
    object_of,
    parsed_line,
    part_of,
    payload,
    says_more,
    sse_parts,
    stream_of,
)
from chatlogs.reading.unnamed import (
    are_alike,
    attributes,
    holds_answer,
    is_message,
    line_of,
    named_rows,
    names_beside,
    names_to_search,
    names_with_request,
    row_of,
    rows_of,
    without_said,
)
from chatlogs.reading.wrappers import (
    ARRIVALS,
    CHUNK_KEYS,
    LEVELS,
    LISTS,
    OWN_REQUEST,
    WRAPPERS,
    Wrapper,
    candidates,
)

_ONLY_LOOKING = ("GET", "HEAD", "OPTIONS")
_NESTING = 8  # lists in lists, wrappers in wrappers; no tool goes deeper
_TABLES = 2  # levels at which a table of columns is looked for


def unwrap(value: object, *, only: str | None = None) -> list[Envelope]:
    """The envelopes in the value, in order; none when it holds no record that is known.

    only: the name of the one wrapper to look for, in lists and objects, instead of telling it by the keys.
    """
    return unwrap_all(value, only=only)[0]


def unwrap_all(value: object, *, only: str | None = None, deep: bool = True) -> tuple[list[Envelope], list[Unread]]:
    """The same, and beside it what stands in lists of records and holds none. deep: look under any name."""
    found = list(_unwrap(value, 0, deep) if only is None else _unwrap_only(value, only, 0))
    envelopes = [one for one in found if isinstance(one, Envelope)]
    return envelopes, [more for one in found for more in ([one] if isinstance(one, Unread) else one.unread)]


def _unwrap(value: Any, level: int, deep: bool = True) -> Iterator[Envelope | Unread]:
    if level > _NESTING:
        return
    if isinstance(value, list):
        yield from _unwrap_list(value, level, deep=deep)
    elif isinstance(value, dict):
        value = restored(value)
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
        examples = value.get("response")
        if isinstance(examples, list) and any(isinstance(one, dict) and OWN_REQUEST in one for one in examples):
            yield from _unwrap_list(examples, level, "response", deep=deep)
            return
        for wrapper in candidates(value):
            if wrapper.fits(value):
                envelope = _read(wrapper, value)
                if envelope is not None:
                    yield from _with_those_beside([envelope], value, wrapper.asked, level) if deep else [envelope]
                    return
        if found is not None:
            yield Envelope([Part(value)], transcript=False)
            return
        table = named_rows(value)
        if table is not None and holds_answer(listed := list(_unwrap_list(table, level))):
            yield from listed
            return
        for path in reachable(LISTS, tuple(value)):
            inner = at(value, path)
            if isinstance(inner, list) and (listed := list(_unwrap_list(inner, level, path, deep=deep))):
                yield from listed
                return
        captured = list(_captured(value, level, deep))
        if deep:
            captured = _with_those_beside(captured, value, (), level) if captured else list(_anywhere(value, level))
        yield from captured


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


def _unwrap_list(values: list[Any], level: int, place: str = "", *, deep: bool = True) -> Iterator[Envelope | Unread]:
    """A list of chunks is one transcript; any other list is a list of records, lists or wrappers."""
    said = [without_said(value) for value in values]
    if (events := stream_of(said)) is not None:
        yield Envelope(events, transcript=True)
        return
    values = [restored(line_of(value)) for value in values]
    said = [without_said(value) for value in values]
    parts = [part_of(value) for value in said]
    known = [part for part in parts if part is not None]
    kinds = {shapes.kind(part.value) for part in known}
    is_transcript = shapes.CHUNK in kinds and shapes.COMPLETION not in kinds
    is_other = [not is_transcript or part is None for part in parts]
    others = zip(said, is_other, strict=True)
    inner = [list(_unwrap(value, level + 1, deep)) if other else [] for value, other in others]
    if is_transcript and not any(inner):
        yield Envelope(known, transcript=True)
        for number, value in enumerate(values):
            if is_other[number] and says_more(value):
                yield _unread(value, f"{place}[{number}]")
        return
    if is_transcript:
        inner = [list(_unwrap(value, level + 1, deep)) for value in said]
    yield from _with_unread(values, inner, place)


def _with_unread(values: list[Any], inner: list[list[Envelope | Unread]], place: str) -> Iterator[Envelope | Unread]:
    """What is in the items of a list; where it holds records at all, or none but other traffic, the others are told."""
    told = [
        found or [_unread(value, f"{place}[{number}]")] * says_more(value)
        for number, (value, found) in enumerate(zip(values, inner, strict=True))
    ]
    more = [one for found in told for one in found]
    if any(inner) or all(isinstance(one, Unread) and one.passed for one in more):
        yield from more


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
    unread: list[Unread] = []
    transcript = False
    answer: object = None
    place = ""
    if any(isinstance(value.get(name), str) for name in wrapper.texts):
        value = {**value, **{name: parsed(value.get(name)) for name in wrapper.texts}}
    for path in wrapper.response:
        found = at(value, path)
        answer = answer or found
        parts, transcript = payload(found)
        if parts:
            unread = [Unread(part.item.value, f"{path}{part.item.place}") for part in parts if part.item]
            parts = [part for part in parts if not part.item]
            place = path.partition(".")[0]
            break
    request = next((found for path in wrapper.request if (found := object_of(at(value, path))) is not None), None)
    if wrapper.name == "exchange" and request is None and isinstance(answer, str) and is_one_event(parts):
        transcript = False  # of a stream that was logged event by event
    transcript |= wrapper.whole and any(shapes.kind(part.value) == shapes.CHUNK for part in parts)
    envelope = Envelope(parts, transcript, request, unread=unread, place=place)
    fill(envelope, value, wrapper.fact_paths, wrapper.request_paths)
    if not note_arrival(envelope, value) and wrapper.name == "exchange" and not LEVELS.isdisjoint(value):
        note_writing(envelope)
    envelope.flags |= wrapper.flags
    envelope.error = error_of(first_of(value, wrapper.error))
    if all(shapes.kind(part.value) == shapes.ERROR for part in parts):
        is_chat = asks_for_chat(value, envelope.request)
        if is_chat is False or (is_chat is None and not parts and "model" not in (envelope.request or {"model": 0})):
            return None
        if not parts and envelope.error is None and (is_chat or wrapper.name == "batch"):
            envelope.error = error_of_answer(answer, envelope.facts.get("status_code"), is_chat=bool(is_chat))
    return envelope if parts or envelope.error is not None else None


def _captured(value: dict[str, Any], level: int, deep: bool) -> Iterator[Envelope | Unread]:
    """What stands under some key of a logger's line, such as `{"time": …, "log": "{…}"}`: a record, or a wrapper."""
    for name in reachable(CHUNK_KEYS, tuple(value)):
        inner = parsed_line(value.get(name))
        if isinstance(inner, dict) and shapes.kind(inner) == shapes.CHUNK:
            yield Envelope([Part(inner, arrived_at=first_time(value, ARRIVALS))], transcript=False)
            return
        found = list(_unwrap(inner, level + 1, deep)) if isinstance(inner, (dict, list)) else []
        if isinstance(inner, str) and sse.looks_like_sse(inner) and (parts := sse_parts(inner)):
            found = [Envelope(parts, not is_one_event(parts))] if any(part.value for part in parts) else []
        if found:
            for one in found:
                if isinstance(one, Envelope):
                    add_logged(one, value)
            yield from found
            return


def _anywhere(value: dict[str, Any], level: int) -> Iterator[Envelope | Unread]:
    """Answers under names that no row knows: a field of somebody's own, records by their ids, a table of columns."""
    found = {name: _inside(value[name], level) for name in names_to_search(value)}
    holding = [name for name, inner in found.items() if holds_answer(inner)]
    if len(holding) > 1:  # what is encoded is none beside one in the clear
        clear = names_beside(value)
        holding = [name for name in holding if name in clear] or holding
    are_records = bool(holding) and len(found) == len(value) > 2 and are_alike(value.values())  # two may be sides
    if are_records or (2 * len(holding) > len(value) and all(isinstance(item, dict) for item in value.values())):
        yield from _with_unread(list(value.values()), [found.get(name, []) for name in value], "")
        return
    rows = rows_of(value) if level < _TABLES else None
    if rows is not None and holds_answer(listed := list(_unwrap_list(rows, level))):
        yield from listed
        return
    for name in names_with_request(value) if not holding else ():
        failed = _read(row_of(name), value)
        if failed is not None and holds_answer([failed]):
            yield failed
            return
    for name in holding:
        beside = _answer_beside(value, name, found[name]) if len(holding) == 1 else None
        if beside is not None:
            yield beside
            return
        for one in found[name]:
            if isinstance(one, Envelope):
                add_logged(one, value, name)
            if isinstance(one, Envelope) or not is_message(one.value):
                yield one


def _with_those_beside(
    found: list[Envelope | Unread], value: dict[str, Any], asked: Collection[str], level: int
) -> list[Envelope | Unread]:
    """What a wrapper holds, and other answers in fields of it that say neither that nor what was asked."""
    first = found[0]
    if len(found) > 1 or not isinstance(first, Envelope):
        return found
    names = [name for name in names_beside(value) if name != first.place and name not in asked]
    return [*kept_apart(first, ((name, one) for name in names for one in _inside(value[name], level)))]


def _inside(item: object, level: int) -> list[Envelope | Unread]:
    inner = _read_field(attributes(item))
    if isinstance(inner, str) and sse.looks_like_sse(inner):
        return [Envelope(parts := sse_parts(inner), not is_one_event(parts))]
    return list(_unwrap(inner, level + 1)) if isinstance(inner, (dict, list)) else []


def _read_field(item: object) -> object:
    """The value of a field of any name; what stands behind words there is quoted, but for an event of a stream."""
    text = opened(item)
    return parsed_line(text) if isinstance(text, str) and text.startswith("data:") else parsed(text)


def _answer_beside(value: dict[str, Any], name: str, found: list[Envelope | Unread]) -> Envelope | None:
    """The answer that the field is, with what stands beside it: of a chunk its time, of others the request too."""
    one = found[0]
    if len(found) > 1 or not isinstance(one, Envelope):
        return None
    inner = _read_field(value[name])
    if shapes.kind(inner) == shapes.COMPLETION or (one.transcript and not isinstance(inner, dict)):
        return _read(row_of(name), value)
    if shapes.kind(inner) == shapes.CHUNK:
        one.parts[0].arrived_at = first_time(value, ARRIVALS)
        return one
    return None

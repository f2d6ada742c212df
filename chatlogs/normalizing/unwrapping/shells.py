"""What wrappers of one shape say: found out once, with `unwrap`, and then looked up.

A shape is which fields there are, and of what kind; `unwrap` asks nothing else of a plain wrapper. To learn where in
it things stand, a wrapper of that shape is unwrapped whose values are all different.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatlogs.normalizing.records.piece import Piece
from chatlogs.normalizing.records.requests import OF_REQUEST, apply_request, messages_of
from chatlogs.reading.containers import unwrap
from chatlogs.reading.envelopes import Envelope
from chatlogs.reading.hosted import may_be_hosted
from chatlogs.reading.wrappers import ANSWERS_UNDER, WRAPPERS

Shape = tuple[Any, ...]
Path = tuple[str, ...]
Check = Callable[[Envelope], bool]
Places = tuple[tuple[str, Path], ...]

_MOST = 1 << 12  # shapes, and requests, that are remembered
# Fields of an answer at which no wrapper looks for anything.
ANSWER_FIELDS = frozenset({
    "id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint", "obfuscation",
    "prompt_filter_results",
})  # fmt: skip
_CARRIERS = ANSWERS_UNDER | {"body"}
ERRORS = frozenset({"error", "exception", "error_information", "error_str", "errorMessage"})
REQUESTS = frozenset({
    "request", "request_body", "input", "prompt", "params", "kwargs", "proxy_server_request", "providerRequest",
})  # fmt: skip
NAMING = frozenset({"object", "choices", "fault"})  # fields by which a record names its kind
CHUNK: dict[str, Any] = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}}]}
"""A chunk in which no wrapper looks for anything: what is put in the place of chunks to unwrap them."""
JSON_TEXTS = frozenset(name for row in WRAPPERS for name in row.texts)  # fields into whose texts wrappers look
_DEEP = frozenset({"headers", "body", "parsed_body", "postData", "content", "json", "error", "error_information"})


@dataclass(frozen=True)
class Plan:
    """Where the wrappers of a shape say what. request: the place of the request; else fields: those of its parts."""

    facts: Places
    request: Path | None
    fields: Places
    flags: frozenset[str]

    def envelope(self, value: dict[str, Any]) -> Envelope:
        """The envelope of a wrapper of this shape, without the answer."""
        request: dict[str, Any] | None = None
        if self.request is not None:
            request = _at(value, self.request)
        elif self.fields:
            request = {name: _at(value, path) for name, path in self.fields}
        facts = {name: _at(value, path) for name, path in self.facts}
        return Envelope([], False, request, facts, None, set(self.flags))


@dataclass
class Shells:
    """The plans of the shapes seen so far; None for those that are unwrapped one by one."""

    plans: dict[Shape, Plan | None] = field(default_factory=dict)
    requests: dict[Shape, tuple[tuple[Any, ...], frozenset[str]]] = field(default_factory=dict)

    def plan(self, value: dict[str, Any], carried: object, is_plain: Check) -> Plan | None:
        """The plan for a wrapper that holds an answer, for which `carried` stands; is_plain judges its envelope."""
        shape = _shape(value, carried)
        if shape not in self.plans:
            if len(self.plans) >= _MOST:
                self.plans.clear()
            self.plans[shape] = _learned(value, carried, is_plain)
        return self.plans[shape]

    def ask(self, piece: Piece, request: dict[str, Any]) -> None:
        """`apply_request` for a piece of which nothing is known yet; equal parameters are read once."""
        key = tuple([(name, type(item), item) for name, item in request.items() if name != "messages"])
        try:
            found = self.requests.get(key)
        except TypeError:  # a list or an object among the parameters
            apply_request(piece, request)
            return
        if found is None:
            if len(self.requests) >= _MOST:
                self.requests.clear()
            read = Piece()
            apply_request(read, {name: item for name, item in request.items() if name != "messages"})
            found = tuple([getattr(read, name) for name in OF_REQUEST]), frozenset(read.flags)
            self.requests[key] = found
        for name, item in zip(OF_REQUEST, found[0], strict=True):
            setattr(piece, name, item)
        piece.flags |= found[1]
        piece.messages = messages_of(request.get("messages"))


def _at(value: dict[str, Any], path: Path) -> Any:
    return value[path[0]] if len(path) == 1 else value[path[0]][path[1]]


def _shape(value: dict[str, Any], carried: object, level: int = 0) -> Shape:
    found: list[Any] = []
    for name, item in value.items():
        if item is carried:
            found.append((name, "answer", tuple(item) if isinstance(item, dict) else type(item)))
        elif isinstance(item, dict) and level == 0:
            found.append((name, _shape(item, carried, 1)))
        else:
            found.append((name, type(item), bool(item)))
    return tuple(found)


def _learned(value: dict[str, Any], carried: object, is_plain: Check) -> Plan | None:
    if may_be_hosted(value) or not _is_told_by_shape(value, carried):
        return None
    places: dict[object, Path] = {}
    envelopes = unwrap({name: _marked(item, carried, (name,), places) for name, item in value.items()})
    if len(envelopes) != 1 or not is_plain(envelopes[0]):
        return None
    envelope = envelopes[0]
    facts = places_of(envelope.facts, places)
    request = None if envelope.request is None else places.get(id(envelope.request))
    fields = places_of(envelope.request or {}, places) if request is None else ()
    if facts is None or fields is None or (envelope.request is not None and not request and not fields):
        return None
    return Plan(facts, request, fields, frozenset(envelope.flags))


def _is_told_by_shape(value: dict[str, Any], carried: object) -> bool:
    """Whether only the fields' names and kinds tell what the wrapper says: no text in it may be an answer or so."""
    if isinstance(carried, dict) and not carried.keys() <= ANSWER_FIELDS:
        return False
    for name, item in value.items():
        holds = item is carried or (isinstance(item, dict) and any(inner is carried for inner in item.values()))
        if name in NAMING or (name in ERRORS and item):
            return False
        if name in _CARRIERS and not holds and isinstance(item, (str, list, dict)):
            return False
        if name in REQUESTS and isinstance(item, (str, list)):
            return False
        if name in JSON_TEXTS and item and isinstance(item, str):
            return False
        inside = item.items() if isinstance(item, dict) and item is not carried else ()
        if any(key in _DEEP and inner is not carried and inner for key, inner in inside):
            return False
    return True


def _marked(item: Any, carried: object, path: Path, places: dict[object, Path]) -> Any:
    """The value with another one in place of each scalar that says something; containers are known by identity."""
    if item is carried or not item:
        return item
    if isinstance(item, dict) and len(path) == 1:
        item = {name: _marked(inner, carried, (*path, name), places) for name, inner in item.items()}
    return marked(item, path, places)


def marked(item: Any, path: Path, places: dict[object, Path]) -> Any:
    """Something in the place of the value by which its place is known again: a container itself, or another scalar.

    A number is such that it may be a date.
    """
    if isinstance(item, (dict, list)):
        places[id(item)] = path
        return item
    number = 1_000_000_003 + len(places)
    mark = f"mark {number}" if isinstance(item, str) else number if isinstance(item, bool) else type(item)(number)
    places[mark] = path
    return mark


def places_of(found: dict[str, Any], places: dict[object, Path]) -> Places | None:
    """Where each of the values stands; None when that is not sure for all."""
    result = []
    for name, item in found.items():
        path = places.get(id(item) if isinstance(item, (dict, list)) else item)
        if path is None or isinstance(item, bool):
            return None
        result.append((name, path))
    return tuple(result)

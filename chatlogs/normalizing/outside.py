"""Wrappers that are alike, read together: what stands around an answer, and where the answer begins and ends.

Each line is decoded once, shallowly: answers and messages stay bytes. Which fields there are, and of what kind, is
its shape; what that means is learned from one line, by `unwrap`. No line is taken whose shape does not tell all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from chatlogs.normalizing.requested import OF_REQUEST, Messages, Parameters, facts_of, keys_in, messages_of
from chatlogs.normalizing.shallow import ASKING, BODIES, UNSET, Frame, Keys, raws
from chatlogs.normalizing.shells import ERRORS, REQUESTS, Path, Places, marked, places_of
from chatlogs.reading.asked import Asked
from chatlogs.reading.containers import unwrap
from chatlogs.reading.hosted import may_be_hosted
from chatlogs.reading.lines import Ints, Lines
from chatlogs.reading.wrappers import STEPS

_MOST = 1 << 12  # shapes
_AT_ONCE = 128  # lines whose messages are gathered, so that few are in memory twice
_OTHERS = frozenset({"sse", "response_text", "response_json", "result", "reply", "providerResponse"})
_NOTHING = Literal["no field of this name is expected"]
_ANSWER: dict[str, Any] = {"choices": [{"message": {}}]}
_CHUNK: dict[str, Any] = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}}]}
_CHUNKS = [_CHUNK]
_MARK = "\0"
_BODY_NAMES = frozenset({"body", "json", "parsed_body", "postData", "text", "string"})
_STEPS_OF_REQUESTS = _BODY_NAMES.union(*(STEPS.get(name, ()) for name in REQUESTS))
_STEPS_OF_ANSWERS = frozenset({"error"}).union(*(STEPS.get(name, ()) for name in BODIES))

_Answer: Any = msgspec.defstruct(
    "_Answer",
    [
        ("choices", msgspec.Raw),
        *(
            (f"f{at}", _NOTHING | None, msgspec.field(default=None, name=name))
            for at, name in enumerate(sorted(_STEPS_OF_ANSWERS))
        ),
    ],
)
_answer = msgspec.json.Decoder(_Answer).decode
_answers = msgspec.json.Decoder(list[_Answer]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True)
class Plan:
    """What the lines of a shape say where. request: the place of an object of parameters; model, messages: theirs."""

    facts: Places
    request: Path | None
    model: Path | None
    messages: Path | None
    flags: frozenset[str]


@dataclass
class Taken:
    """Lines that were read: one row of values each, in the order of the lists."""

    lines: list[int] = field(default_factory=list)
    answers: list[msgspec.Raw] = field(default_factory=list)
    chunks: list[list[msgspec.Raw] | None] = field(default_factory=list)  # of answers that are lists of these
    requests: list[tuple[Any, ...]] = field(default_factory=list)  # values of OF_REQUEST
    facts: list[tuple[Any, ...]] = field(default_factory=list)  # values of OF_FACTS
    flags: list[frozenset[str]] = field(default_factory=list)
    messages: Messages = field(default_factory=Messages)
    asked: list[Any] = field(default_factory=list)  # messages of the last lines
    keys: int = 0  # of all objects but those in the answers

    def gather(self) -> None:
        """Put the messages of the last lines into columns."""
        self.keys += self.messages.add(self.lines[len(self.lines) - len(self.asked) :], self.asked)
        self.asked = []


@dataclass
class Outside:
    """The frames, plans and parameters seen so far."""

    root: Frame = field(default_factory=Frame)
    inner: Frame = field(default_factory=Frame)
    plans: dict[Any, Plan | None] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=Parameters)

    def take(self, lines: Lines, chosen: Ints, asked: Asked) -> Taken:
        """What the lines say of which every word is sure; none of them where a key may stand twice in one."""
        keys = Keys(lines)
        chosen = chosen[keys.plain[chosen]]
        found = Taken()
        view = memoryview(lines.block.data)
        borders = zip(chosen.tolist(), lines.start[chosen].tolist(), lines.end[chosen].tolist(), strict=True)
        for line, start, end in borders:
            self._take(view[start:end], line, asked, found)
            if len(found.asked) >= _AT_ONCE:
                found.gather()
        if found.lines:
            found.gather()
            if keys.outside(found.lines, found.answers) != found.keys:
                return Taken()
        return found

    def _take(self, text: memoryview, line: int, asked: Asked, found: Taken) -> None:
        read = self._said(text)
        if read is None:
            return
        said, where, chunks = read
        shape = where, chunks is None, _shape(said, ())
        if shape not in self.plans:
            if len(self.plans) >= _MOST:
                self.plans.clear()
            self.plans[shape] = _learned(said, where, _ANSWER if chunks is None else _CHUNKS)
        plan = self.plans[shape]
        if plan is None:
            return
        try:
            request, flags, keys, messages = self._request(plan, said)
            keys += _keys_around(plan, said)
        except (ValueError, RecursionError):
            return
        facts, more = facts_of([(name, _at(said, path)) for name, path in plan.facts])
        if asked.requests and facts[1] and request[0] is None:
            return
        found.lines.append(line)
        found.answers.append(_at(said, where))
        found.chunks.append(chunks)
        found.requests.append(request)
        found.facts.append(facts)
        found.flags.append(plan.flags | flags | more)
        found.asked.append(messages)
        found.keys += keys

    def _said(self, text: memoryview) -> tuple[dict[str, Any], Path, list[msgspec.Raw] | None] | None:
        """The fields of a line, where among them its answer is, and the chunks that it is made of."""
        values = self.root.values(text)
        if values is None:
            return None
        said = {name: item for name, item in zip(self.root.names, values, strict=True) if item is not UNSET}
        bodies = [name for name in BODIES if name in said]
        if len(bodies) != 1:
            return None
        body = bodies[0]
        if _is_answer(said[body]):
            return said, (body,), None
        if chunks := _chunks(said[body]):
            return said, (body,), chunks
        values = self.inner.values(said[body])
        if values is None:
            return None
        said[body] = {name: item for name, item in zip(self.inner.names, values, strict=True) if item is not UNSET}
        bodies = [name for name in BODIES if name in said[body]]
        if len(bodies) != 1 or not _is_answer(said[body][bodies[0]]):
            return None
        return said, (body, bodies[0]), None

    def _request(self, plan: Plan, said: dict[str, Any]) -> tuple[tuple[Any, ...], frozenset[str], int, Any]:
        """The values of OF_REQUEST, flags, how many keys the parameters have, and the messages."""
        fields = {} if plan.request is None else _at(said, plan.request)
        fields = raws(fields) if isinstance(fields, msgspec.Raw) else fields
        raw = fields.get("messages")
        if raw is not None:
            fields = {name: item for name, item in fields.items() if name != "messages"}
        keys = 0 if raw is None else 1
        raw = raw if raw is not None or plan.messages is None else _at(said, plan.messages)
        request, flags, more = self.parameters.read(fields) if fields else (_NO_REQUEST, _NO_FLAGS, 0)
        if plan.model is not None and "model" not in fields:
            request = (_at(said, plan.model), *request[1:])
        return request, flags, keys + more, () if raw is None else messages_of(raw)


_NO_REQUEST: tuple[Any, ...] = (None,) * len(OF_REQUEST)
_NO_FLAGS: frozenset[str] = frozenset()


def _is_answer(raw: msgspec.Raw) -> bool:
    """Whether it is an object with choices, in which no wrapper looks for anything."""
    try:
        return b'"message"' in bytes(_answer(raw).choices)
    except (ValueError, RecursionError):
        return False


def _chunks(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """The items of a list of chunks; none where it is anything else."""
    try:
        return _items(raw) if _answers(raw) else []
    except (ValueError, RecursionError):
        return []


def _at(value: dict[str, Any], path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def _shape(value: dict[str, Any], path: Path) -> tuple[Any, ...]:
    """Which fields there are, and of what kind, as far as wrappers look at them."""
    found: list[Any] = []
    for name, item in value.items():
        kind: Any = type(item), bool(item)
        if type(item) is dict:
            if not path and name in ASKING:
                kind = "messages" in item, bool(item), tuple(sorted(_STEPS_OF_REQUESTS & item.keys()))
            elif ".".join((*path, name)) in STEPS:
                kind = _shape(item, (*path, name))
        elif name == "messages":
            kind = bytes(item)[:1] if isinstance(item, msgspec.Raw) else kind
        found.append((name, kind))
    return tuple(found)


def _keys_around(plan: Plan, said: dict[str, Any]) -> int:
    """How many keys there are outside the answer, the parameters and the messages."""
    keys = len(said)
    for name, item in said.items():
        if type(item) is dict and name in ASKING:
            keys += _keys_beside(item) if plan.request == (name, "body") else 0
        elif type(item) is dict or type(item) is list:
            keys += keys_in(item)
    return keys


def _keys_beside(request: dict[str, Any]) -> int:
    """How many keys an object that holds a request has, but for those in the request."""
    return len(request) + sum(keys_in(msgspec.json.decode(item)) for name, item in request.items() if name != "body")


def _learned(said: dict[str, Any], where: Path, carried: Any) -> Plan | None:
    asking = [name for name, item in said.items() if name in ASKING and isinstance(item, dict) and item]
    if may_be_hosted(said) or len(asking) > 1 or not _is_told_by_shape(said, where):
        return None
    places: dict[object, Path] = {}
    value = {name: _marked(item, (name,), where, carried, places) for name, item in said.items() if name not in asking}
    if asking and (probe := _probe(said[asking[0]], asking[0], places)) is None:
        return None
    if asking:
        value[asking[0]] = probe
    envelopes = unwrap(value)
    if len(envelopes) != 1:
        return None
    envelope = envelopes[0]
    parts = envelope.parts
    alike = envelope.transcript == (carried is _CHUNKS) and len(parts) == 1
    if envelope.error is not None or not alike or parts[0].value != (_CHUNK if carried is _CHUNKS else _ANSWER):
        return None
    if parts[0].arrived_at is not None or parts[0].unread is not None:
        return None
    facts = places_of(envelope.facts, places)
    request = dict(envelope.request or {})
    base = places.get(request.pop(_MARK, None))
    if facts is None or (base is None) != (not asking) or (envelope.request == {}):
        return None
    messages, model = request.pop("messages", None), request.pop("model", None)
    if request or (model is not None and not isinstance(model, str)):
        return None
    of_messages = places.get(id(messages)) if messages is not None else None
    of_model = places.get(model) if model is not None else None
    if (messages is not None and of_messages is None) or (model is not None and of_model is None):
        return None
    of_messages = None if of_messages == base else of_messages
    if of_messages is None and bytes(said.get("messages", b"null")) != b"null":
        return None
    return Plan(facts, base, of_model, of_messages, frozenset(envelope.flags))


def _is_told_by_shape(said: dict[str, Any], where: Path) -> bool:
    for name, item in said.items():
        if name in ERRORS and item:
            return False
        if "." in name or (name in _OTHERS and isinstance(item, (str, list, dict))):
            return False
        if (name in REQUESTS and isinstance(item, (str, list))) or (name == "stream" and not isinstance(item, bool)):
            return False
    inside = _at(said, where[:-1]) if len(where) > 1 else {}
    return not any(name in _STEPS_OF_ANSWERS | _BODY_NAMES and item and not _is_plain_step(name, item, where)
                   for name, item in inside.items())  # fmt: skip


def _is_plain_step(name: str, item: Any, where: Path) -> bool:
    return name == where[-1] or name == "headers" or (isinstance(item, (int, float, str)) and name not in _LOADED)


_LOADED = _BODY_NAMES | {"error", "object", "content"}


def _marked(item: Any, path: Path, where: Path, carried: Any, places: dict[object, Path]) -> Any:
    """The value with another one in place of each scalar that says something; containers are known by identity."""
    if path == where:
        return carried
    if isinstance(item, msgspec.Raw):  # messages, of which more is not asked here
        item = [{"role": "mark"}] if bytes(item)[:1] == b"[" else None
    if not item or isinstance(item, bool):
        return item
    if isinstance(item, dict) and ".".join(path) in STEPS:
        item = {name: _marked(inner, (*path, name), where, carried, places) for name, inner in item.items()}
    return marked(item, path, places)


def _probe(fields: dict[str, Any], name: str, places: dict[object, Path]) -> dict[str, Any] | None:
    """An object in the place of the parameters, by which they are known again; None where they may be elsewhere."""
    path: Path = (name,)
    steps = _STEPS_OF_REQUESTS & fields.keys()
    if steps == {"body"} and "messages" not in fields:
        try:
            inner = raws(fields["body"])
        except (ValueError, RecursionError):
            return None
        path, fields = (name, "body"), inner
        steps = _STEPS_OF_REQUESTS & inner.keys()
    if steps or not fields:
        return None
    probe: dict[str, Any] = {_MARK: f"parameters {name}"}
    places[probe[_MARK]] = path
    if "messages" in fields:
        probe["messages"] = [{"role": "mark"}]
        places[id(probe["messages"])] = path
    return {"body": probe} if len(path) > 1 else probe

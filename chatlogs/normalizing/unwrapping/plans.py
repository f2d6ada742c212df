"""What wrappers of one shape say where: learned from one of them, by `unwrap`, and then true for all.

A shape is which fields there are, as far as wrappers look at them, and of what kind; `unwrap` asks nothing else of a
plain wrapper. To learn where in it things stand, one of that shape is unwrapped whose values are all different.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from chatlogs.normalizing.unwrapping.shells import (
    CHUNK,
    ERRORS,
    JSON_TEXTS,
    NAMING,
    REQUESTS,
    Path,
    Places,
    marked,
    places_of,
)
from chatlogs.reading.containers import unwrap
from chatlogs.reading.hosted import may_be_hosted
from chatlogs.reading.payloads import ASKED_UNDER
from chatlogs.reading.sse import looks_like_sse
from chatlogs.reading.unnamed import row_of
from chatlogs.reading.wrappers import ANSWERS_UNDER, CHUNK_KEYS, LISTS, LOGGED, STEPS, WRAPPERS
from chatlogs.values import as_json

BODIES = ("response", "body", "completion", "output", "response_body", "chunks")
ASKING = REQUESTS | {"model_parameters"}
_OTHERS = ANSWERS_UNDER - set(BODIES)
_NOTHING = Literal["no field of this name is expected"]
_ANSWER: dict[str, Any] = {"object": "chat.completion", "choices": [{"message": {}}]}
EVENTS_OF_CHUNK = f"data: {as_json(CHUNK)}\n\ndata: [DONE]\n\n"
COMPLETION, CHUNKS, HELD_CHUNKS, LINES, HELD_LINES, EVENTS, TEXT = FORMS = (
    "completion", "chunks", "chunks in objects", "lines", "lines in objects", "events", "text",
)  # fmt: skip
"""What an answer is: a completion; a list of chunks, of lines of an SSE body, or of small objects each with one of
these; the text of an SSE body; or the JSON text of a completion."""
IN_LISTS = frozenset({CHUNKS, HELD_CHUNKS, LINES, HELD_LINES})
_CARRIED: dict[str, tuple[Any, dict[str, Any]]] = {
    COMPLETION: (_ANSWER, _ANSWER), CHUNKS: ([CHUNK], CHUNK), HELD_CHUNKS: ([{"chunk": CHUNK}], CHUNK),
    LINES: ([f"data: {as_json(CHUNK)}"], CHUNK), HELD_LINES: ([{"line": f"data: {as_json(CHUNK)}"}], CHUNK),
    EVENTS: (EVENTS_OF_CHUNK, CHUNK), TEXT: (as_json(_ANSWER), _ANSWER),
}  # fmt: skip
"""What is put in the place of an answer to unwrap it, and what record comes of that."""
_TEXTS = ("sse", "response_text")  # fields that hold texts, where there is none of BODIES
_NAMED = frozenset({*BODIES, *_TEXTS})
_OBJECT = re.compile(rb'"object\\*": ?\\*"chat\.completion\\*"')
_MARK = "\0"
_MARKED_MESSAGES = [{"role": "mark"}]
_BODY_NAMES = frozenset(ASKED_UNDER)
STEPS_OF_REQUESTS = _BODY_NAMES.union(*(STEPS.get(name, ()) for name in REQUESTS))
PLACE_IN_REQUESTS = {name: place for row in WRAPPERS for place, name in enumerate(row.merged_request)}
"""Where requests keep a parameter that stands in no object of parameters."""
OUTPUTS = ("stdout", "stderr")  # where a container's runtime read a line, in a field that may be an answer elsewhere
_LOADED = _BODY_NAMES | {"error", "object", "content"}
TRUTHS = ERRORS | _LOADED  # fields of which it matters whether they are zero
STEPS_OF_ANSWERS = frozenset({"error"}).union(*(STEPS.get(name, ()) for name in BODIES))

_Answer: Any = msgspec.defstruct(
    "_Answer",
    [
        ("choices", msgspec.Raw),
        *(
            (f"f{at}", _NOTHING | None, msgspec.field(default=None, name=name))
            for at, name in enumerate(sorted(STEPS_OF_ANSWERS))
        ),
    ],
)
_answer = msgspec.json.Decoder(_Answer).decode
_answers = msgspec.json.Decoder(list[_Answer]).decode
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True)
class Plan:
    """What the lines of a shape say where: the answer, which is of that form; facts.

    request: the place of an object of parameters, or of its JSON text; model, messages: theirs. beside: the places of
    parameters that stand in no such object. named: the answer is known by its name; else it is one under any name.
    """

    answer: Path
    form: str
    facts: Places
    request: Path | None
    model: Path | None
    messages: Path | None
    flags: frozenset[str]
    asks_in_text: bool = False
    beside: Places = ()
    named: bool = True


def names_that_tell(path: Path) -> frozenset[str] | None:
    """The fields of an object at this path that wrappers look at; None where they look at none of them."""
    if len(path) > 3:
        return None
    found = set(STEPS.get(".".join(path), ()))
    outer, inner = path[0], path[1:]
    if outer in ASKING and inner in ((), ("body",)):
        found |= STEPS_OF_REQUESTS | {"messages"}
    if not inner:
        found |= STEPS_OF_ANSWERS | {"choices"}
    if outer in BODIES and (not inner or (len(inner) == 1 and inner[0] in BODIES)):
        found |= STEPS_OF_ANSWERS | _BODY_NAMES | {"choices", *BODIES}
    return frozenset(found) or None


def learn(text: bytes) -> Plan | None:
    """What a line says where; None where that is not sure for all lines of its shape."""
    try:
        said = _fields(text)
        placed = None if said is None else _placed(said)
        return None if placed is None else _learned(*placed)
    except (ValueError, RecursionError):
        return None


def plan_of_list(text: bytes) -> Plan | None:
    """The plan of a line that is a list of chunks, or of objects that hold one each; None for another list."""
    form = _form(msgspec.Raw(text))
    if form not in (CHUNKS, HELD_CHUNKS):
        return None
    return Plan((), form, facts=(), request=None, model=None, messages=None, flags=frozenset())


def _fields(text: Any) -> dict[str, Any] | None:
    """The fields of an object, of which answers and messages stay bytes; None where one of them names its kind."""
    found: dict[str, Any] = {}
    for name, raw in _raws(text).items():
        if name in NAMING:
            return None
        is_object = bytes(raw)[:1] == b"{"
        if name in BODIES or name == "messages":
            found[name] = raw
        else:
            found[name] = _raws(raw) if name in ASKING and is_object else msgspec.json.decode(raw)
    return found


def _placed(said: dict[str, Any]) -> tuple[dict[str, Any], Path, str] | None:
    """The fields of a line, where among them its answer is, and of which form."""
    bodies = [name for name in BODIES if name in said]
    if not bodies:
        bodies = [name for name in _TEXTS if isinstance(said.get(name), str)]
        form = _form_of_text(said[bodies[0]]) if len(bodies) == 1 else None
        return _under_any_name(said) if form is None else (said, (bodies[0],), form)
    if len(bodies) != 1:
        return None
    body = bodies[0]
    if (form := _form(said[body])) is not None:
        return said, (body,), form
    inner = _fields(said[body])
    if inner is None:
        return None
    said[body] = inner
    bodies = [name for name in BODIES if name in inner]
    form = _form(inner[bodies[0]]) if len(bodies) == 1 else None
    return None if form is None else (said, (body, bodies[0]), form)


def _under_any_name(said: dict[str, Any]) -> tuple[dict[str, Any], Path, str] | None:
    """The same where some field is a stored completion; not in tables and lists, where others may be answers too."""
    texts = {name: item if isinstance(item, str) else as_json(item) for name, item in said.items()}
    names = [name for name, text in texts.items() if is_sure(text.encode())]
    in_lists = any(isinstance(said.get(path.partition(".")[0]), (list, dict)) for path in LISTS)
    if len(names) != 1 or in_lists or all(isinstance(item, (dict, list)) for item in said.values()):
        return None
    (name,) = names
    if any(said.get(path.partition(".")[0]) is not None for path in (*row_of(name).request, *LOGGED.request)):
        return None  # what was asked may be a text as well
    form = COMPLETION if isinstance(said[name], dict) else TEXT
    is_answer = texts[name].lstrip()[:1] == "{" and _is_answer(msgspec.Raw(texts[name].encode()))
    return (said, (name,), form) if is_answer else None


def is_sure(text: bytes) -> bool:
    """Whether there is one answer in the text at most, which says that it is one, whatever it stands under."""
    return text.count(b"choices") == 1 and _OBJECT.search(text) is not None


def _form(raw: msgspec.Raw) -> str | None:
    """Of which of FORMS it is; None when it is no answer by itself."""
    if bytes(raw)[:1] == b'"':
        return _form_of_text(msgspec.json.decode(raw))
    return COMPLETION if _is_answer(raw) else CHUNKS if _are_chunks(raw) else _form_of_items(raw)


def _form_of_text(text: str) -> str | None:
    if looks_like_sse(text):
        return EVENTS
    return TEXT if text.lstrip()[:1] == "{" and _is_answer(msgspec.Raw(text.encode())) else None


def _is_answer(raw: msgspec.Raw) -> bool:
    """Whether it is an object with choices, in which no wrapper looks for anything."""
    try:
        return b'"message"' in bytes(_answer(raw).choices)
    except (ValueError, RecursionError):
        return False


def _are_chunks(raw: msgspec.Raw) -> bool:
    """Whether it is a list of chunks."""
    try:
        return bool(_answers(raw))
    except (ValueError, RecursionError):
        return False


def _form_of_items(raw: msgspec.Raw) -> str | None:
    """Of which form a list of texts or objects is, as its first item tells."""
    try:
        first = next(iter(_items(raw)), b"")
        held = {name: bytes(item)[:1] for name, item in _raws(first).items()} if bytes(first)[:1] == b"{" else {}
    except (ValueError, RecursionError):
        return None
    if not held:
        return LINES if bytes(first)[:1] == b'"' else None
    return HELD_CHUNKS if any(held.get(name) == b"{" for name in CHUNK_KEYS) else HELD_LINES


def _learned(said: dict[str, Any], where: Path, form: str) -> Plan | None:
    carried, record = _CARRIED[form]
    asking = [name for name, item in said.items() if name in ASKING and isinstance(item, dict) and item]
    in_text = [name for name, item in said.items() if name in REQUESTS and _may_be_object(item)]
    asking += in_text
    if may_be_hosted(said) or len(asking) > 1 or not _is_told_by_shape(said, where, in_text):
        return None
    places: dict[object, Path] = {}
    value = {name: _marked(item, (name,), where, carried, places) for name, item in said.items() if name not in asking}
    for name in asking:
        probe = _probe(_raws(said[name].encode()) if in_text else said[name], name, places)
        if probe is None or (in_text and _MARK not in probe):
            return None
        value[name] = as_json(probe) if in_text else probe
    envelopes = unwrap(value)
    if len(envelopes) != 1:
        return None
    envelope = envelopes[0]
    parts = [part for part in envelope.parts if not part.ends]
    alike = envelope.transcript == (form in IN_LISTS or form == EVENTS) and len(parts) == 1
    if envelope.error is not None or not alike or parts[0].value != record:
        return None
    if parts[0].arrived_at is not None or parts[0].unread is not None:
        return None
    facts = places_of(envelope.facts, places)
    request = dict(envelope.request or {})
    base = places.get(request.pop(_MARK, None))
    if facts is None or (base is None) != (not asking) or (envelope.request == {}):
        return None
    messages, model = request.pop("messages", None), request.pop("model", None)
    beside = () if base is not None else places_of(request, places)
    if (request and not beside) or beside is None or (model is not None and not isinstance(model, str)):
        return None
    of_messages = places.get(id(messages)) if messages is not None else None
    if in_text and messages == _MARKED_MESSAGES:
        of_messages = base
    of_model = places.get(model) if model is not None else None
    if (messages is not None and of_messages is None) or (model is not None and of_model is None):
        return None
    of_messages = None if of_messages == base else of_messages
    if of_messages is None and bytes(said.get("messages", b"null")) != b"null":
        return None
    if in_text and (of_model is not None or of_messages is not None):
        return None
    return Plan(where, form, facts, base, of_model, of_messages, frozenset(envelope.flags), bool(in_text), beside,
                where[0] in _NAMED)  # fmt: skip


def _at(value: dict[str, Any], path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def _may_be_object(item: Any) -> bool:
    return isinstance(item, str) and item.lstrip()[:1] == "{"


def _is_told_by_shape(said: dict[str, Any], where: Path, in_text: Sequence[str]) -> bool:
    for name, item in said.items():
        if name == "stream" and item in OUTPUTS:
            continue
        if name in ERRORS and item:
            return False
        if "." in name or (name in _OTHERS and (name,) != where and isinstance(item, (str, list, dict))):
            return False
        if name in REQUESTS and name not in in_text and isinstance(item, (str, list)):
            return False
        if name in JSON_TEXTS and item and isinstance(item, str):
            return False
        if name == "metadata" and isinstance(item, dict) and not ERRORS.isdisjoint(k for k, v in item.items() if v):
            return False
        if name == "stream" and isinstance(item, (str, list, dict)):
            return False
    inside = _at(said, where[:-1]) if len(where) > 1 else {}
    return not any(name in STEPS_OF_ANSWERS | _BODY_NAMES and item and not _is_plain_step(name, item, where)
                   for name, item in inside.items())  # fmt: skip


def _is_plain_step(name: str, item: Any, where: Path) -> bool:
    return name == where[-1] or name == "headers" or (isinstance(item, (int, float, str)) and name not in _LOADED)


def _marked(item: Any, path: Path, where: Path, carried: Any, places: dict[object, Path]) -> Any:
    """The value with another one in place of each scalar that says something; containers are known by identity."""
    if path == where:
        return carried
    if isinstance(item, msgspec.Raw):  # messages, of which more is not asked here
        item = list(_MARKED_MESSAGES) if bytes(item)[:1] == b"[" else None
    if (isinstance(item, bool) and path[-1] in TRUTHS) or item is None or item == "":
        return item
    if isinstance(item, dict) and ".".join(path) in STEPS:
        item = {name: _marked(inner, (*path, name), where, carried, places) for name, inner in item.items()}
    return marked(item, path, places)


def _probe(fields: dict[str, Any], name: str, places: dict[object, Path]) -> dict[str, Any] | None:
    """An object in the place of the parameters, by which they are known again; None where they may be elsewhere."""
    path: Path = (name,)
    steps = STEPS_OF_REQUESTS & fields.keys()
    if steps == {"body"} and "messages" not in fields:
        try:
            inner = _raws(fields["body"])
        except (ValueError, RecursionError):
            return None
        path, fields = (name, "body"), inner
        steps = STEPS_OF_REQUESTS & inner.keys()
    if steps or not fields:
        return None
    probe: dict[str, Any] = {_MARK: f"parameters {name}"}
    places[probe[_MARK]] = path
    if "messages" in fields:
        probe["messages"] = list(_MARKED_MESSAGES)
        places[id(probe["messages"])] = path
    return {"body": probe} if len(path) > 1 else probe

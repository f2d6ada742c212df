"""A cassette of recorded calls in YAML in, each call as JSON out: as VCR.py, Ruby's vcr, go-vcr and others write it.

YAML folds and quotes texts in ways of its own, so that lines of a cassette are no lines of a log, also where they
look like JSON. The calls come one by one, and each says as JSON what its item says, within the list in which the
same cassette would hold it as JSON; so one table of wrappers knows both.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chatlogs.reading.decoding import SIZE_LIMIT
from chatlogs.reading.encoded import unbase64

CASSETTE_HEAD = 1 << 12  # bytes that tell one
_LIST = re.compile(rb"(?:http_)?interactions:[ \t]*(\[\])?")
_TOP_LEVEL = re.compile(rb"[a-z_]+:(?: |$)|[ \t]|- ")
_NAME = re.compile(rb"(?P<name>[A-Za-z_]\w*):(?: |$)|[ \t]|-(?: |$)")
_OF_CALLS = re.compile(rb"\s*(?:- )?(?:requests?|responses?|req|resp|when|then|entries):(?: |$)")
_OF_SSE = (b"data", b"event", b"retry")
_YAML = "tag:yaml.org,2002:"
_PLAIN = frozenset(_YAML + name for name in ("null", "bool", "int", "float"))
_BINARY = frozenset({_YAML + "binary", "!binary"})  # Ruby's
_LISTS = ("interactions", "http_interactions")
_PAIRED = ("requests", "responses")  # LangChain's lists, of which the items go together by their places
_BOM = b"\xef\xbb\xbf"
_DEPTH = 200
_INT_BITS = 13_000  # some 4,000 digits; Python writes no longer numbers


@dataclass(frozen=True, slots=True)
class Call:
    """A recorded call: its first line (from 0), where it begins, how it stands there, and what it says as JSON.

    problem: why there is no JSON of it; then the text is all that is left of the cassette.
    """

    line: int
    begin: int
    text: bytes
    json: bytes = b""
    problem: str = ""


def is_cassette(head: bytes) -> bool:
    """Whether a text that begins so is a cassette in YAML."""
    head = head[:CASSETTE_HEAD].removeprefix(_BOM)
    lines = [line for line in head.splitlines() if line.strip() and not line.startswith((b"#", b"%"))]
    lines = lines[1:] if lines and lines[0].startswith(b"---") else lines
    for line, following in itertools.pairwise([*lines, b""]):
        if found := _LIST.fullmatch(line):
            return found[1] is not None or following.lstrip().startswith(b"-")
        if not _TOP_LEVEL.match(line):
            return False
    return False


def may_be_recorded(head: bytes) -> bool:
    """Whether a text that begins so may be YAML of calls in another form: it is, if it can be read and holds one."""
    cut = head[:CASSETTE_HEAD].removeprefix(_BOM)
    whole = cut if len(head) <= CASSETTE_HEAD else cut[: cut.rfind(b"\n") + 1]
    lines = [line for line in whole.splitlines() if line.strip() and not line.startswith(b"#")]
    lines = lines[1:] if lines and lines[0].startswith(b"---") else lines
    lines = list(itertools.takewhile(lambda line: not line.startswith(b"---"), lines))  # a document may follow
    found = [_NAME.match(line) for line in lines]
    names = [match["name"] for match in found if match and match["name"]]
    if not lines or lines[0][:1].isspace() or None in found or len(set(names)) < len(names):
        return False
    return any(map(_OF_CALLS.match, lines)) and not any(name in _OF_SSE for name in names)


def read_cassette(data: bytes) -> Iterator[Call]:
    """The calls of a cassette, or of several that follow each other.

    Where the text is no YAML any more, the rest of it, from the call that breaks on, is one with a problem.
    """
    bom = len(data) - len(data.removeprefix(_BOM))
    places = _Places(data, bom)
    try:
        for name, item in _Items(data[bom:].decode()):
            line, begin = places.line_of(item.begin)
            end = places.byte_of(item.end)
            said = {name: [item.value]} if name else item.value
            yield Call(line, begin, data[begin:end].rstrip(), json.dumps(said, ensure_ascii=False).encode())
            places.taken = end
    except UnicodeDecodeError as error:
        yield _rest(data, 0, f"byte {error.start + bom:,} is no UTF-8")
    except _Broken as problem:
        yield _rest(data, places.taken, str(problem))


def _rest(data: bytes, begin: int, problem: str) -> Call:
    begin += len(data[begin:]) - len(data[begin:].lstrip())
    return Call(data.count(b"\n", 0, begin), begin, data[begin:].rstrip(), problem=problem)


class _Places:
    """Where in the bytes the characters of a text stand that are asked for in order. taken: the bytes that are read."""

    def __init__(self, data: bytes, bom: int) -> None:
        self._data, self._text = data, data[bom:].decode(errors="replace")
        self._characters, self._bytes = 0, bom
        self._line, self._counted = 0, 0
        self.taken = bom

    def byte_of(self, character: int) -> int:
        self._bytes += len(self._text[self._characters : character].encode())
        self._characters = character
        return self._bytes

    def line_of(self, character: int) -> tuple[int, int]:
        """The number of the line with this character, and where it begins."""
        begin = self._data.rfind(b"\n", 0, self.byte_of(character)) + 1
        self._line += self._data.count(b"\n", self._counted, begin)
        self._counted = begin
        return self._line, begin


class _Broken(Exception):
    """Why a text is no YAML, or none that says anything in JSON."""


def _at(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark else ""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a list of calls, and the characters from where it begins to where it ends."""

    begin: int
    end: int
    value: object


class _Items:
    """The items of the lists of calls, each with the list's name; what else a document is, without one. Raises _Broken.

    Goes through the events of the parser, as a tree of all calls would take many times the memory of the text.
    """

    def __init__(self, text: str) -> None:
        import yaml

        self._yaml = yaml
        self._loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        self._events = self._parsed()
        self._anchors: dict[str, tuple[Any, int]] = {}  # the value, and how much it adds to a size
        self._size = 0  # values of the item and characters in them, those told again counted again
        self._end = 0

    def __iter__(self) -> Iterator[tuple[str, _Item]]:
        for event in self._events:
            if isinstance(event, self._yaml.MappingStartEvent):
                yield from self._calls(self._place(event))
            elif isinstance(event, self._yaml.SequenceStartEvent):
                yield from (("", item) for item in self._items())
            elif isinstance(event, self._yaml.NodeEvent):
                raise _Broken(f"{_at(event.start_mark)}a cassette is a mapping, which does not begin here")

    def _calls(self, begin: int) -> Iterator[tuple[str, _Item]]:
        beside: dict[str, Any] = {}
        listed: dict[str, list[_Item]] = {}
        is_list = False
        for key in self._until(self._yaml.MappingEndEvent):
            self._size = 0 if is_list else self._size
            name, event = self._name(key, 0), next(self._events)
            if name not in (*_LISTS, *_PAIRED) or not isinstance(event, self._yaml.SequenceStartEvent):
                beside[name] = self._value(event, 0)
            elif name in _PAIRED:
                listed[name] = list(self._items())
            else:
                is_list = True
                yield from ((name, item) for item in self._items())
        if listed.keys() == set(_PAIRED):
            for asked, answered in zip(*listed.values(), strict=False):
                pair = {"request": asked.value, "response": answered.value}
                yield "", _Item(answered.begin, answered.end, pair)
        elif not is_list:
            yield "", _Item(begin, self._end, beside | {name: [item.value for item in listed[name]] for name in listed})

    def _items(self) -> Iterator[_Item]:
        for event in self._until(self._yaml.SequenceEndEvent):
            self._size = 0
            value = self._value(event, 0)
            yield _Item(self._place(event), self._end, value)

    def _place(self, event: Any) -> int:
        """The character that the event begins with."""
        return int(event.start_mark.index)

    def _parsed(self) -> Iterator[Any]:
        try:
            while self._loader.check_event():
                yield self._loader.get_event()
        except self._yaml.MarkedYAMLError as error:
            raise _Broken(f"{_at(error.problem_mark)}{error.problem or error.context}") from None
        except self._yaml.YAMLError as error:
            raise _Broken(getattr(error, "reason", str(error))) from None

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            self._end = event.end_mark.index
            if isinstance(event, end):
                return
            yield event

    def _value(self, event: Any, depth: int) -> Any:
        """The value that begins with the event."""
        if isinstance(event, self._yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _Broken(f"{_at(event.start_mark)}nothing has the name *{event.anchor} yet")
            value, size = self._anchors[event.anchor]
            self._grow(size)
            return value
        if depth > _DEPTH:
            raise _Broken(f"{_at(event.start_mark)}a value nests deeper than {_DEPTH} levels")
        before = self._size
        self._grow(1 + len(getattr(event, "value", "")))
        if isinstance(event, self._yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, self._yaml.SequenceStartEvent):
            value = [self._value(item, depth + 1) for item in self._until(self._yaml.SequenceEndEvent)]
        else:
            value = {}
            for key in self._until(self._yaml.MappingEndEvent):
                name = self._name(key, depth + 1)
                value[name] = self._value(next(self._events), depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._size - before
        return value

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > SIZE_LIMIT:
            raise _Broken(f"a call says more than {SIZE_LIMIT:,} characters, which is the limit for one record")

    def _name(self, event: Any, depth: int) -> str:
        """A field's name, as it is written: `on` is no truth there. Of an object of Python's it is the text in it."""
        if isinstance(event, self._yaml.ScalarEvent):
            return str(event.value)
        value = self._value(event, depth)
        while isinstance(value, list) and len(value) == 1:
            (value,) = value
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def _scalar(self, event: Any) -> object:
        """Null, truth and numbers where YAML says so; all else is text, also what might be a date."""
        text: str = event.value
        plain, _ = event.implicit
        tag = event.tag or (self._loader.resolve(self._yaml.ScalarNode, text, (True, False)) if plain else "")
        if tag in _BINARY:
            return text if (found := unbase64("".join(text.split()))) is None else found
        if tag not in _PLAIN:
            return text
        try:
            value = self._loader.yaml_constructors[tag](self._loader, self._yaml.ScalarNode(tag, text))
        except (ValueError, LookupError, self._yaml.YAMLError):  # a tag that its text denies: `!!bool maybe`
            return text
        return text if isinstance(value, int) and value.bit_length() > _INT_BITS else value

"""One line of a log in, the template of the lines like it out.

Only plain records have a template: a chunk, or a stored completion, of which every field has a column. All else is
read by SQL or line by line.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from chatlogs.normalizing.folding.projection import (
    CHUNK,
    COMPLETION,
    KNOWN_CALL,
    KNOWN_CHOICE,
    KNOWN_FUNCTION,
    KNOWN_MESSAGE,
    KNOWN_TOP,
    READ_ELSEWHERE,
)
from chatlogs.normalizing.folding.templates import (
    CHOICE,
    DECIMAL,
    DECIMALS,
    FILTER,
    LINE_END,
    NUMBER,
    SAID,
    TEXT,
    TEXT_FIELDS,
    TOP,
    Border,
    Hole,
    Template,
    Unknown,
    of_choice,
)
from chatlogs.normalizing.folding.unknown import says_no_more
from chatlogs.normalizing.records.reasoning import says_nothing
from chatlogs.normalizing.records.tokens import are_plain
from chatlogs.reading.camelcase import NAMES_OF_USAGE, in_names_of_api
from chatlogs.reading.exported import TYPED

Path = tuple[str | int, ...]

_TOKEN = re.compile(rb'[ \t\r]*("(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|true|false|null|[{}\[\]:,])')
_WHOLE_NUMBER = re.compile(rb"0|[1-9][0-9]{0,15}")
_ANY_NUMBER = re.compile(DECIMALS.encode())
_LONGEST = 1 << 16  # a longer line is read alone
_MOST_CHOICES = 16
_DEEPEST = 8
_TOP_TEXTS = ("id", "object", "model", "system_fingerprint", "service_tier", "provider", "request_id", "obfuscation")
_TOP_FIELDS = frozenset({*_TOP_TEXTS, "created"})
_FILTERED = "content_filter_results"
_REASONING = ("reasoning_content", "reasoning")
_SAID_TEXTS = ("role", "content", "refusal", *_REASONING)
_DETAILS = "reasoning_details"
_REPEATED = "text"  # Together's, of what the delta says
_VERDICTS = ("base_resp",)  # no hole is in these, for what they say decides whether a call failed


class _Unfit(Exception):
    """The line is no plain record."""


@dataclass
class _Value:
    """A scalar or an object of the line, at its path."""

    path: Path
    start: int
    end: int
    kind: str


def learn(line: bytes, quotes: int) -> Template | None:
    """The template of a line that has so many quotes; None when no plain record can be read by one."""
    if len(line) > _LONGEST or TYPED in line:
        return None
    try:
        record = msgspec.json.decode(line)
        _check(record)
        values = list(_values(line))  # much dearer
    except (_Unfit, ValueError, RecursionError):
        return None
    template = _template(line, quotes, record, values)
    if template is not None and template.unknown and not says_no_more(line, template.lane, unknown_of(record)):
        return None
    return template


def _values(line: bytes) -> Iterator[_Value]:
    """All values of the line, in order; _Unfit where an object has a key twice."""
    tokens = [(match[1], match.start(1)) for match in _TOKEN.finditer(line)]
    yield from _walk(tokens, [0], ())


def _walk(tokens: Sequence[tuple[bytes, int]], at: list[int], path: Path) -> Iterator[_Value]:
    if len(path) > _DEEPEST:
        raise _Unfit
    token, start = tokens[at[0]]
    at[0] += 1
    if token not in (b"{", b"["):
        kind = TEXT if token[:1] == b'"' else NUMBER if token[:1] in b"-0123456789" else "constant"
        yield _Value(path, start, start + len(token), kind)
        return
    seen: set[str] = set()
    close = b"}" if token == b"{" else b"]"
    while tokens[at[0]][0] != close:
        if tokens[at[0]][0] == b",":
            at[0] += 1
        key: str | int = len(seen)
        if token == b"{":
            key = msgspec.json.decode(tokens[at[0]][0])
            at[0] += 2
            if key in seen:
                raise _Unfit
        seen.add(str(key))
        yield from _walk(tokens, at, (*path, key))
    end = tokens[at[0]][1] + 1
    at[0] += 1
    yield _Value(path, start, end, "object" if token == b"{" else "list")


def _check(record: Any) -> None:
    """Raise _Unfit unless all that the record says has a column."""
    choices = record.get("choices") if isinstance(record, dict) else None
    is_one = isinstance(choices, list) and len(choices) == 1
    _only(record, KNOWN_TOP, more=is_one, kept=("x_groq",) if _is_only_kept(record.get("x_groq")) else ())
    _texts(record, _TOP_TEXTS)
    _whole(record.get("created"))
    usage = record.get("usage")
    if usage is not None and (not isinstance(usage, dict) or not are_plain(usage)):
        raise _Unfit
    if usage is not None and in_names_of_api(usage, NAMES_OF_USAGE) is not usage:
        raise _Unfit
    if not isinstance(choices, list) or len(choices) > _MOST_CHOICES:
        raise _Unfit
    for choice in choices:
        _only(choice, KNOWN_CHOICE, more=is_one, kept=(_REPEATED,) if _is_repeated(choice) else ())
        _texts(choice, ("finish_reason",))
        _whole(choice.get("index"), absent=False)
        said = choice.get("delta", choice.get("message"))
        if ("delta" in choice and "message" in choice) or choice.get("logprobs") is not None:
            raise _Unfit
        if "message" not in choice and not is_one:
            raise _Unfit
        if "message" in choice or "delta" in choice:
            _check_said(said, "delta" in choice, more=is_one)


def _check_said(said: Any, streamed: bool, *, more: bool) -> None:
    _only(said, KNOWN_MESSAGE, more=more, kept=(_DETAILS,) if _are_only_kept(said) else ())
    _texts(said, _SAID_TEXTS)
    reasons = said.get("reasoning_content"), said.get("reasoning")
    is_odd = said.get("audio") is not None or said.get("function_call") is not None or None not in reasons
    if is_odd or said.get("annotations") not in (None, []) or (not streamed and not said):
        raise _Unfit
    calls = said.get("tool_calls")
    if calls is None or calls == []:
        return
    call: Any = calls[0] if more and isinstance(calls, list) and len(calls) == 1 else None
    _only(call, KNOWN_CALL)
    _only(call.get("function"), KNOWN_FUNCTION)
    _whole(call.get("index"), absent=not streamed)
    _texts(call, ("id", "type"))
    _texts(call["function"], ("name", "arguments"))
    if not streamed and not call["function"].get("name"):
        raise _Unfit


def _is_repeated(choice: Any) -> bool:
    """Whether the choice repeats its content in a field of its own."""
    said = choice.get("delta", choice.get("message")) if isinstance(choice, dict) else None
    text = choice.get(_REPEATED) if isinstance(choice, dict) else None
    return isinstance(text, str) and isinstance(said, dict) and text == said.get("content")


def _is_only_kept(groq: Any) -> bool:
    """Whether Groq's own object says neither usage nor an error."""
    return isinstance(groq, dict) and groq.keys().isdisjoint(("usage", "error"))


def _are_only_kept(said: Any) -> bool:
    """Whether details of reasoning add nothing to it: they hold no text, or the text that is told beside them."""
    return isinstance(said, dict) and (_tells_reasoning(said) or says_nothing(said.get(_DETAILS)))


def _tells_reasoning(said: Mapping[str, Any]) -> bool:
    return any(isinstance(said.get(name), str) and said[name] for name in _REASONING)


def _only(value: Any, known: frozenset[str], *, more: bool = False, kept: Sequence[str] = ()) -> None:
    """Only these fields, or more that have no column either. kept: those of which no more is made here."""
    if not isinstance(value, dict):
        raise _Unfit
    names = {name for name, item in value.items() if name not in known and item is not None}
    if names and (not more or names & READ_ELSEWHERE.difference(kept)):
        raise _Unfit


def unknown_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that have no column, by level; a content filter's results have one."""
    (choice,) = record["choices"] or [{}]
    part = "delta" if "delta" in choice else "message"
    levels = {TOP: (record, KNOWN_TOP), CHOICE: (choice, KNOWN_CHOICE), SAID: (choice.get(part) or {}, KNOWN_MESSAGE)}
    found = {
        level: {name: value for name, value in said.items() if name not in names and value is not None}
        for level, (said, names) in levels.items()
    }
    if _is_repeated(choice):
        del found[CHOICE][_REPEATED]
    return found | {FILTER: found[CHOICE].pop(_FILTERED, None)}


def _texts(value: dict[str, Any], names: Sequence[str]) -> None:
    if not all(value.get(name) is None or isinstance(value[name], str) for name in names):
        raise _Unfit


def _whole(value: Any, *, absent: bool = True) -> None:
    if not (value is None and absent) and (isinstance(value, bool) or not isinstance(value, int)):
        raise _Unfit


def _template(line: bytes, count: int, record: dict[str, Any], values: Sequence[_Value]) -> Template | None:
    quotes = [border for match in _TOKEN.finditer(line) if match[1][:1] == b'"' for border in _quotes_of(match)]
    if len(quotes) != count:
        return None
    scalars = [value for value in values if value.kind in (TEXT, NUMBER) and value.path[0] not in _VERDICTS]
    choice = record["choices"][0] if record["choices"] else {}
    said = "message" if "message" in choice else "delta"
    holes: list[Hole] = []
    pieces, before = [], 0
    for value in scalars:
        start, end = (value.start + 1, value.end - 1) if value.kind == TEXT else (value.start, value.end)
        kind = value.kind
        if kind == NUMBER and not _WHOLE_NUMBER.fullmatch(line[start:end]):
            kind, is_whole = DECIMAL, _field(value.path, said) or str(value.path[-1]).endswith("_tokens")
            if is_whole or not _ANY_NUMBER.fullmatch(line[start:end]):
                return None
        hole = Hole(kind, _behind(quotes, start), _before(quotes, line, end))
        if kind != TEXT and holes and holes[-1].kind != TEXT and holes[-1].start[0] == hole.start[0]:
            return None  # two numbers without a quote between them
        holes.append(hole)
        pieces.append(line[before:start])
        before = end
    pieces.append(line[before:])
    fields = {name: place for place, value in enumerate(scalars) if (name := _field(value.path, said))}
    paths = [value.path for value in scalars]
    repeated, content = ("choices", 0, _REPEATED), ("choices", 0, said, "content")
    is_repeated = _is_repeated(choice)
    kept = {value.path for value in values if any(_unknown(value, line, said))}
    usage = next((value for value in values if value.path == ("usage",) and value.kind == "object"), None)
    of_usage = [place for place, value in enumerate(scalars) if value.path[0] == "usage"]
    return Template(
        count,
        tuple(pieces),
        tuple(holes),
        CHUNK if said == "delta" else COMPLETION,
        fields,
        _text_field(scalars, fields) if "delta" in choice else None,
        len(record["choices"]),
        (_behind(quotes, usage.start), _before(quotes, line, usage.end)) if usage else None,
        usage is None or len(msgspec.json.encode(record["usage"])) == usage.end - usage.start,
        tuple(place for place in of_usage if holes[place].kind == NUMBER),
        tuple(
            Unknown(level, name, _behind(quotes, value.start), _before(quotes, line, value.end))
            for value in values
            for level, name in _unknown(value, line, said)
            if not (is_repeated and value.path == repeated)
        ),
        decimal=any(holes[place].kind == DECIMAL for place in of_usage),
        full=("reasoning",) if _has_details(choice.get(said)) else (),
        same=(paths.index(repeated), paths.index(content)) if is_repeated else None,
        silent=not choice.keys() & {"delta", "message"},
        kept=frozenset(at for at, path in enumerate(paths) if any(path[:n] in kept for n in range(len(path) + 1))),
    )


def _has_details(said: dict[str, Any] | None) -> bool:
    """Whether there are details of reasoning that is told beside them."""
    return said is not None and bool(said.get(_DETAILS)) and _tells_reasoning(said)


def _unknown(value: _Value, line: bytes, said: str) -> Iterator[tuple[str, str]]:
    """The level and the name of a field that has no column; nulls say nothing."""
    if line[value.start : value.end] == b"null":
        return
    match value.path:
        case (str(name),) if name not in KNOWN_TOP:
            yield TOP, name
        case ("choices", 0, str(name)) if name == _FILTERED:
            yield FILTER, name
        case ("choices", 0, str(name)) if name not in KNOWN_CHOICE:
            yield CHOICE, name
        case ("choices", 0, part, str(name)) if part == said and name not in KNOWN_MESSAGE:
            yield SAID, name  # of several choices none has such a field


def _quotes_of(match: re.Match[bytes]) -> tuple[int, int]:
    return match.start(1), match.end(1) - 1


def _behind(quotes: Sequence[int], place: int) -> Border:
    """The place by the last quote before it."""
    number = bisect_left(quotes, place) - 1
    return number, place - quotes[number]


def _before(quotes: Sequence[int], line: bytes, place: int) -> Border:
    """The place by the first quote at or behind it, or by the line's end."""
    number = bisect_left(quotes, place)
    return (number, place - quotes[number]) if number < len(quotes) else (LINE_END, place - len(line))


def _field(path: Path, said: str) -> str | None:
    """The name of the column that a value fills; a tool call's begin with call_."""
    match path:
        case (str(name),) if name in _TOP_FIELDS:
            return name
        case ("choices", 0, "index"):
            return "choice_index"
        case ("choices", 0, "finish_reason"):
            return "finish_reason"
        case ("choices", 0, part, "reasoning_content" | "reasoning") if part == said:
            return "reasoning"
        case ("choices", 0, part, str(name)) if part == said and name in _SAID_TEXTS:
            return name
        case ("choices", 0, part, "tool_calls", 0, "index" | "id" | "type" as name) if part == said:
            return f"call_{name}"
        case ("choices", 0, part, "tool_calls", 0, "function", "name" | "arguments" as name) if part == said:
            return f"call_{name}"
        case ("choices", int(place), *rest) if place:
            field = _field(("choices", 0, *rest), said)
            return field and of_choice(field, place)
    return None


def _text_field(scalars: Sequence[_Value], fields: Mapping[str, int]) -> str | None:
    """The text that a line adds: one that is not empty, if there is any."""
    present = [name for name in TEXT_FIELDS if name in fields]
    lengths = {name: scalars[fields[name]].end - scalars[fields[name]].start for name in present}
    return max(present, key=lambda name: lengths[name], default=None)

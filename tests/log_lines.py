"""Logs that hypothesis makes up: streams and completions as servers send them, mixed, framed and damaged.

Objects are kept as lists of pairs, so that a key may stand twice and the order of keys may change; `dumps` writes
them in each manner that was seen: tight or spaced, as ASCII or as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

MARK = "\ue0fd\ue0fe\ue0fd"  # what stands for a text in a skeleton: a log may hold even that


@dataclass
class Obj:
    """A JSON object as it is written: pairs in order, repeats included."""

    pairs: list[tuple[str, Any]]

    def put(self, key: str, value: Any) -> None:
        """Set the first pair of the key, or append one."""
        for place, (name, _) in enumerate(self.pairs):
            if name == key:
                self.pairs[place] = (key, value)
                return
        self.pairs.append((key, value))

    def get(self, key: str) -> Any:
        return next((value for name, value in self.pairs if name == key), None)


def obj(**fields: Any) -> Obj:
    return Obj(list(fields.items()))


def dumps(value: Any, *, spaced: bool = False, ascii_only: bool = False) -> bytes:
    """The value as a line of JSON; half surrogate pairs are always escaped."""
    return _text(value, (", ", ": ") if spaced else (",", ":"), ascii_only).encode()


def _text(value: Any, separators: tuple[str, str], ascii_only: bool) -> str:
    comma, colon = separators
    if isinstance(value, Obj):
        pairs = (
            _text(key, separators, ascii_only) + colon + _text(item, separators, ascii_only)
            for key, item in value.pairs
        )
        return "{" + comma.join(pairs) + "}"
    if isinstance(value, dict):
        return _text(Obj(list(value.items())), separators, ascii_only)
    if isinstance(value, list):
        return "[" + comma.join(_text(item, separators, ascii_only) for item in value) + "]"
    if isinstance(value, str) and not ascii_only:
        try:
            value.encode()
        except UnicodeEncodeError:
            return json.dumps(value)
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


fragments = st.lists(
    st.sampled_from(
        [
            "Hel",
            "lo",
            "!",
            " ",
            "a",
            "ab",
            "abc",
            '"',
            "\\",
            "\n",
            "é",
            "您好",
            "😊",
            "\ud83d",
            "\ude0a",
            '{"a":',
            "[1]",
            "[",
            "{",
            "}",
            MARK,
            '"content":"x',
            "null",
            "\x00",
            "data: x",
            "[DONE]",
            ",}",
            "NaN",
            "",
            "\u2028",
        ]
    ),
    min_size=1,
    max_size=6,
)
odd_values = st.sampled_from(
    [
        None,
        "",
        0,
        1,
        -1,
        1.5,
        1e300,
        10**20,
        True,
        False,
        "x",
        "1",
        "null",
        [],
        {},
        [1],
        {"a": 1},
        [[]],
        [None],
        ["x"],
        [{}],
    ]
)
ids = st.sampled_from(["c1", "c1", "c2", "c3", None, ""])
models = st.sampled_from(["m", "m", "m", "n", None])
times = st.sampled_from([1700000000, 1700000000, 1700000000, 1700000001, 1700000000123, 0, None])
prints = st.sampled_from(["fp", "fp", "fq", None, ""])
usages = st.sampled_from(
    [
        obj(prompt_tokens=3, completion_tokens=2, total_tokens=5),
        obj(prompt_tokens=0, completion_tokens=0, total_tokens=0),
        obj(prompt_tokens=3, completion_tokens=4, total_tokens=7, prompt_tokens_details=obj(cached_tokens=1)),
        obj(),
        None,
    ]
)
reasons = st.sampled_from(["stop", "stop", "length", "tool_calls", None, "", "null"])

_KEYS = ("content", "content", "content", "reasoning_content", "reasoning", "refusal", "tool_calls")


@st.composite
def streams(draw: st.DrawFn) -> list[Obj]:
    """The chunks of one stream."""
    top = {"id": draw(ids), "created": draw(times), "model": draw(models), "system_fingerprint": draw(prints)}
    style = draw(st.integers(0, 2**10 - 1))
    indexes = [0, 1] if style & 3 == 0 else [0]
    steps: list[tuple[int, Obj, str | None]] = []
    for index in indexes:
        if style & 12:
            steps.append((index, obj(role="assistant", content="") if style & 16 else obj(role="assistant"), None))
        for key in draw(st.lists(st.sampled_from(_KEYS), min_size=1, max_size=2, unique=True)):
            texts = draw(fragments)
            steps += [
                (index, delta, None)
                for delta in (_calls(texts, style) if key == "tool_calls" else [Obj([(key, text)]) for text in texts])
            ]
        reason = draw(reasons)
        if reason is not None:
            steps.append((index, obj(), reason))
    if len(indexes) > 1 and style & 32:
        steps = [step for pair in zip(steps[::2], steps[1::2], strict=False) for step in reversed(pair)]
    chunks = [_chunk(top, [_entry(index, delta, reason, style)], style) for index, delta, reason in steps]
    usage = draw(usages)
    if style & 192 and usage is not None:
        if style & 64:
            chunks.append(_chunk(top, [], style))
        chunks[-1].put("usage", usage)
    if style & 256 and style & 512:
        for number, chunk in enumerate(chunks):
            chunk.put("obfuscation", f"pad{number}x{style}")
    return chunks


def _calls(texts: list[str], style: int) -> list[Obj]:
    """The deltas of one tool call, or of two."""
    name = obj(index=0, id="call_1", type="function", function=obj(name="f", arguments=""))
    later = [obj(index=0, function=obj(arguments=text)) for text in texts]
    if style & 64:
        other = obj(index=1, id="call_2", type="function", function=obj(name="g", arguments="{}"))
        if style & 512:
            return [obj(tool_calls=[call]) for call in [other, name, *later]]
        later.append(other)
    return [obj(tool_calls=[call]) for call in [name, *later]]


def _entry(index: int, delta: Obj, reason: str | None, style: int) -> Obj:
    entry = obj(index=index, delta=delta)
    if style & 128:
        entry.put("logprobs", None)
    if reason is not None or style & 256:
        entry.put("finish_reason", reason)
    return entry


def _chunk(top: dict[str, Any], entries: list[Obj], style: int) -> Obj:
    chunk = obj(
        **{"object": "chat.completion.chunk"}
        | {key: value for key, value in top.items() if value is not None or style & 8}
    )
    chunk.put("choices", entries)
    if style & 128:
        chunk.put("usage", None)
    return chunk


@st.composite
def completions(draw: st.DrawFn) -> list[Obj]:
    """One stored completion."""
    style = draw(st.integers(0, 63))
    entries = []
    for index in [0, 1] if style & 3 == 0 else [0]:
        message = obj(role="assistant", content="".join(draw(fragments)) if style & 4 else None)
        if style & 8:
            message.put(
                "tool_calls",
                [obj(id="call_1", type="function", function=obj(name="f", arguments="".join(draw(fragments))))],
            )
        if style & 16:
            message.put("refusal", draw(st.sampled_from([None, "no"])))
        entries.append(obj(index=index, message=message, logprobs=None, finish_reason=draw(reasons)))
    fields = {"id": draw(ids), "object": "chat.completion", "created": draw(times), "model": draw(models)}
    return [obj(**fields, choices=entries, usage=draw(usages), system_fingerprint=draw(prints))]


_PLACES = (
    (),
    (),
    (),
    ("usage",),
    ("choices", 0),
    ("choices", 0),
    ("choices", 0, "delta"),
    ("choices", 0, "delta"),
    ("choices", 0, "message"),
    ("choices", 0, "delta", "tool_calls", 0),
    ("choices", 0, "delta", "tool_calls", 0, "function"),
    ("choices", 0, "message", "tool_calls", 0),
    ("choices", 0, "message", "tool_calls", 0, "function"),
)
_NAMES = (
    "id object created model choices usage system_fingerprint service_tier obfuscation index delta "
    "message finish_reason logprobs role content refusal reasoning_content reasoning tool_calls "
    "annotations audio function_call type function name arguments unknown x_groq error provider "
    "reasoning_text thinking thinking_blocks"
).split()


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, tuple[str | int, ...], str, str, Any]:
    """One change to one record: which record, where in it, how, and with what."""
    how = draw(st.sampled_from(["put", "put", "repeat", "drop", "rename", "reverse", "append"]))
    return (
        draw(st.integers(0, 50)),
        draw(st.sampled_from(_PLACES)),
        how,
        draw(st.sampled_from(_NAMES)),
        draw(odd_values),
    )


def edited(record: Obj, place: tuple[str | int, ...], how: str, name: str, value: Any) -> None:
    """Make the change, if the record has such a place."""
    target: Any = record
    for step in place:
        if isinstance(step, int):
            target = target[step] if isinstance(target, list) and len(target) > step else None
        else:
            target = target.get(step) if isinstance(target, Obj) else None
    if not isinstance(target, Obj):
        return
    if how == "put":
        target.put(name, value)
    elif how == "repeat":
        target.pairs.append((name, value))
    elif how == "drop":
        target.pairs = [pair for pair in target.pairs if pair[0] != name]
    elif how == "rename" and target.pairs:
        target.pairs[0] = ("unknown", target.pairs[0][1])
    elif how == "reverse":
        target.pairs.reverse()
    elif how == "append" and isinstance(target.get("choices"), list):
        target.get("choices").append(value)


@st.composite
def records(draw: st.DrawFn, *, most_edits: int = 3, apart: str | None = None) -> list[Obj]:
    """The records of a log: several responses, mixed, some of them changed.

    apart: each response gets an id of its own that begins so, as servers that keep to the documentation send them.
    """
    responses = draw(st.lists(st.one_of(streams(), streams(), completions()), min_size=1, max_size=4))
    if apart is not None:
        for number, response in enumerate(responses):
            for record in response:
                record.put("id", f"{apart}{number}")
    order = draw(st.lists(st.integers(0, len(responses) - 1), max_size=12))
    mixed: list[Obj] = []
    for number in [*order, *range(len(responses))]:
        mixed += responses[number][:1]
        del responses[number][:1]
    mixed += [record for response in responses for record in response]
    for which, place, how, name, value in draw(st.lists(edits(), max_size=most_edits)):
        edited(mixed[which % len(mixed)], place, how, name, value)
    return mixed


BETWEEN = (
    b"",
    b" ",
    b"\r",
    b": ping",
    b"event: message",
    b"....",
    b"data: [DONE]",
    b"data:",
    b"[DONE]",
    b"{",
    b"null",
    b"[]",
    b'{"a":1}',
    b"\xff",
)


@st.composite
def logs(draw: st.DrawFn, *, most_edits: int = 3, lines_between: bool = True, apart: bool = False) -> bytes:
    """A whole log: bare lines or SSE bodies, with lines between that say nothing, repeats, CRLF, perhaps no line end.

    apart: no id stands for two responses, each SSE body holds one response, and no line is repeated.
    """
    style = draw(st.integers(0, 255))
    spaced, ascii_only, crlf = bool(style & 1), bool(style & 2), style & 12 == 12
    parts: list[list[bytes]] = []
    for number, body in enumerate(draw(st.lists(st.booleans(), min_size=1, max_size=2))):
        found = draw(records(most_edits=most_edits, apart=f"c{number}." if apart else None))
        if apart and body:
            found = [record for record in found if record.get("id") == f"c{number}.0"]
        lines = [dumps(record, spaced=spaced, ascii_only=ascii_only) for record in found]
        if body:
            lines = [line for record in lines for line in (b"data: " + record, b"")]
            lines += [b"data: [DONE]", b""] if style & 48 or apart else []
        parts.append(lines)
    lines = [line for part in parts for line in part]
    if lines_between:
        for place, line in draw(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([*BETWEEN, None])), max_size=3)):
            at = place % (len(lines) + 1)
            lines.insert(at, lines[at - 1] if line is None and lines and not apart else line or b"")
    end = b"\r\n" if crlf else b"\n"
    return end.join(lines) + (b"" if style & 192 == 192 else end)

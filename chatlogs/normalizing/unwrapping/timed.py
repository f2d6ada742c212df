"""Lines with a capture time before their text: `2026-01-01T00:00:00.25Z data: {...}`, or before bare JSON.

What `ts`, `gawk`, container runtimes and loggers write. The time is taken off and kept, and a logger's words are taken
off, if an answer follows; the line is read as if it had stood there alone. Some loggers write words only, `INFO:root:`,
or a clock, `May 31 16:08:20` and `22:30:25`, that does not tell when that was.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from chatlogs.normalizing.scanning.heads import kinds
from chatlogs.normalizing.scanning.words import Words
from chatlogs.reading.decoding import without_colours
from chatlogs.reading.lines import DONE, IGNORABLE, NO_TRANSCRIPT, OBJECT, ODD, Ints, Lines
from chatlogs.reading.printed import ANSWER as PRINTED

_NOTHING, _FIELD, _EVENT, _VALUE = range(4)
_NEAR = 256  # bytes in which lines that are looked at together have their first brace
_DATA, _SPACE = b"data:", 0x20

_COLOURS = rb"(?:\x1b\[[\d;]{0,20}m)*"  # of a terminal
_GAP = _COLOURS + rb"[ \t]+" + _COLOURS
_WORD = rb"[^\s\"'`{}]{1,200}"
_WORDS = rb"(?:" + _WORD + rb"[ \t]+){0,12}"
_ANSWER = rb"\{|" + PRINTED
_TIME = (
    rb"\d{4}(?P<dash>[-/])\d\d(?P=dash)\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?"
    rb"|\d{10}(?:\.\d+)?|\d{13}|\d{16}|\d{19}"
)
_DAY = rb"(?:[^\s\d\"'`{}]{3,9} {1,2}\d{1,2}|\d\d[-/]\d\d|[DIWEF]\d{4})[ T]"  # of a year that is not told
_CLOCK = rb"(?:" + _DAY + rb")?\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AP]M)?"
_RUNNING = rb"\d{1,6}\.\d\d\.\d{3}\.\d{3}(?: [DIWE])?"  # for how long llama.cpp's server does
_LEVEL = rb"\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|DBG|INF|WRN|ERR)\]?:?"
_POD = rb"\[pod/[\w./-]{1,300}\]"  # as kubectl logs --prefix has it
_SERVICE = rb"[\w.-]{1,200}[ \t]+\||" + _POD  # or as Docker Compose has it
_BEFORE_TIME = rb"(?:\[?[A-Z]{4,8}\]?:?" + _GAP + rb"|[A-Z], |<\d{1,3}>(?:\d ?)?)?[\[(<]?"
_BEHIND_TIME = rb"(?: [\w#.:-]{1,40}(?=\]))?[\])>]?"  # the process, or the part of a server, that wrote the line
_WHEN = (
    _BEFORE_TIME + rb"(?:(?P<time>" + _TIME + rb")|" + _CLOCK + rb"|" + _RUNNING + rb")"
    + _BEHIND_TIME + _COLOURS + rb"[,;:|]?[ \t]+"
)  # fmt: skip
_TAG = rb"\[(?!(?:null|true|false)\])[A-Za-z][\w.:/-]{0,60}\]:?[ \t]+"  # a name that a program gives its lines
_OF_LLAMA_CPP = rb"(?:[DIWE] )?srv +"
_LOGGER = (
    rb"[A-Z]{4,8}:[\w.-]{1,200}:[ \t]*|" + _LEVEL + _COLOURS + rb":?[ \t]+|" + _TAG + rb"|" + _OF_LLAMA_CPP
)  # fmt: skip
_HEAD = re.compile(
    _COLOURS
    + rb"(?:(?P<service>" + _SERVICE + rb")" + _COLOURS + rb"[ \t]*" + _COLOURS + rb")?"
    + rb"(?:(?P<when>" + _WHEN + rb")|" + _LOGGER + rb"|(?(service)|(?!)))"
    + rb"(?:std(?:out|err) F )?"
)  # fmt: skip
_VALUE_BEHIND = re.compile(rb"(?P<words>" + _WORDS + rb"(?:[\w.-]+[=:]){0,3}" + _COLOURS + rb")(?=" + _ANSWER + rb")")
_FIELD_BEHIND = re.compile(rb"(?:event:|id:|retry:|:)[^\"{]*\Z")
_DONE_BEHIND = re.compile(_WORDS + rb"(?:b?['\"])?data:[ \t]*\[DONE\](?:(?:\\n)*['\"])?[ \t\r]*\Z")
_WRITER = rb"[\w.-]{1,200}[-_]\d+[ \t]+\||" + _POD + rb"|" + _TAG
_SILENT = re.compile(_COLOURS + rb"(?:" + _WRITER + rb")" + _COLOURS + rb"[ \t\r]*\Z")  # it printed a blank line
_EMPTY_BEHIND = re.compile(rb"(?<=\})(?: \[\]){1,2}[ \t\r]*\Z")  # Monolog's context and extra, with nothing in them
_SEPARATOR = re.compile(rb"\x1e(?=[{\[])")  # before each text of a JSON sequence, as RFC 7464 has them
_CHOICES = re.compile(rb"['\"]choices\\*['\"]|\bchoices=")  # also in a text
_BLANK = re.compile(rb"[\[(<]?[\d:.,TZ/ +-]+[\])>]?(?: std(?:out|err) F)?[ \t\r]*")


class _Head(NamedTuple):
    """What stands before the text of a line, each place counted from the line's first byte.

    form: what the text begins with. time: where a capture time stands. worded: whether there are a logger's words, so
    that it may say anything.
    """

    form: int
    text: int
    time: tuple[int, int] = (0, 0)
    worded: bool = False


def mark(lines: Lines, arrivals: dict[int, str]) -> list[int]:
    """Note the times, and let the texts behind them begin where they do; SSE bodies are told apart again.

    Returns the lines that begin behind words alone.
    """
    odd = np.flatnonzero((lines.kind == ODD) & (lines.transcript == NO_TRANSCRIPT))
    if not len(odd):
        return []
    words = Words(lines.block)
    heads, of = _heads(lines, words, odd)
    form = np.array([head.form for head in heads])[of]
    text = np.array([head.text for head in heads])[of] + lines.begin[odd]
    for number in np.flatnonzero(np.array([head.worded for head in heads])[of]).tolist():
        said = lines.block.data[text[number] : lines.end[odd[number]]]
        if empty := _EMPTY_BEHIND.search(said, max(0, len(said) - _NEAR)):
            said = said[: empty.start()]
        if not _is_answer(said):
            form[number] = _NOTHING
        elif empty:
            lines.end[odd[number]] = text[number] + empty.start()
    span = np.array([head.time for head in heads])[of]
    is_timed = (form != _NOTHING) & (span[:, 1] > 0)
    timed, begin = odd[is_timed], lines.begin[odd[is_timed]]
    written = words.views(begin + span[is_timed, 0], begin + span[is_timed, 1]).to_pylist()
    arrivals.update(zip(timed.tolist(), (time.replace(",", ".").replace("/", "-") for time in written), strict=True))
    lines.kind[odd[form == _FIELD]] = IGNORABLE
    lines.start[odd[form == _VALUE]] = text[form == _VALUE]
    in_body = form == _EVENT
    if in_body.any():
        _put_into_bodies(lines, odd[in_body], text[in_body] + len(_DATA), odd[form == _NOTHING])
    worded: list[int] = odd[(form == _VALUE) & ~is_timed].tolist()
    return worded


def _heads(lines: Lines, words: Words, odd: Ints) -> tuple[list[_Head], Ints]:
    """What stands before the texts of these lines, and which of it before each."""
    begin, end = lines.begin[odd], lines.end[odd]
    until = np.minimum(end, begin + _NEAR)
    brace = words.first(begin, until, ord("{"))
    near = brace < until
    of, first = np.empty(len(odd), np.int64), np.flatnonzero(near)
    # All that is looked for stands before the first brace.
    of[near], some = kinds(words, begin[near], brace[near] + 1)
    far = np.flatnonzero(~near)
    of[far] = len(some) + np.arange(len(far))
    asked = odd[np.concatenate([first[some], far])]
    return [_head(lines, line) for line in asked.tolist()], of


def _head(lines: Lines, line: int) -> _Head:
    begin, end, data = int(lines.begin[line]), int(lines.end[line]), lines.block.data
    head = _HEAD.match(data, begin, end)
    if head is None:
        return _Head(_VALUE, 1) if _SEPARATOR.match(data, begin, end) else _Head(_NOTHING, 0)
    time = (0, 0) if head["time"] is None else (head.start("time") - begin, head.end("time") - begin)
    is_apart = head["when"] is not None and head["service"] is None  # no one of several services, nor some words
    if is_apart and data[head.end() : head.end() + len(_DATA)] == _DATA:
        return _Head(_EVENT, head.end() - begin, time)
    has_value = any(data.find(bracket, head.end(), end) >= 0 for bracket in (b"{", b"("))
    if has_value and (value := _VALUE_BEHIND.match(data, head.end(), end)):
        return _Head(_VALUE, value.end() - begin, time, worded=bool(value["words"]) or head["time"] is None)
    if (
        (is_apart and _FIELD_BEHIND.match(data, head.end(), end))
        or (data[end - 1 : end] in b"]'\" \r" and _DONE_BEHIND.match(data, head.end(), end))
        or _SILENT.match(data, begin, end)
    ):
        return _Head(_FIELD, 0, time)
    return _Head(_NOTHING, 0)


def _is_answer(text: bytes | bytearray) -> bool:
    """Whether it may be one, and not something else that a logger writes behind its words."""
    ends = (b"}", b")") if text[:1] == b"{" else (b")", b"'", b'"')
    return _CHOICES.search(text) is not None and without_colours(text).endswith(ends)


def show(lines: Lines, behind: Collection[int]) -> None:
    """Let the lines with a time, or words, be records like those without, wherever an object begins behind it."""
    timed = np.fromiter(behind, np.int64)
    if lines.broken:
        timed = timed[~np.isin(timed, lines.broken)]
    data = np.frombuffer(lines.block.data, np.uint8)
    is_object = (lines.kind[timed] == ODD) & (data[lines.start[timed]] == ord("{"))
    lines.kind[timed[is_object]] = OBJECT


def _put_into_bodies(lines: Lines, numbers: Ints, start: Ints, others: Ints) -> None:
    """Count the bodies of the block anew, with the events that begin there in these lines; others may be blank."""
    for line in others.tolist():  # the blank line behind an event
        if _BLANK.fullmatch(lines.text(line)):
            lines.kind[line] = IGNORABLE
    data = np.frombuffer(lines.block.data, np.uint8)
    in_body = lines.transcript != NO_TRANSCRIPT
    done = in_body & (lines.kind == IGNORABLE)
    lines.start[numbers] = start + (data[start] == _SPACE)
    for line in numbers[data[lines.start[numbers]] != ord("{")].tolist():
        text = lines.text(line)
        lines.start[line] += len(text) - len(text.lstrip())
        if text.strip() in DONE:
            lines.kind[line] = IGNORABLE
            done[line] = True
    in_body[numbers] = True
    for line in np.flatnonzero(done).tolist():
        done[line] = lines.text(line).strip() in DONE  # no `data:` line that is blank
    closed = done.astype(np.int32)
    before = np.cumsum(closed, dtype=np.int32) - closed
    lines.transcript[:] = np.where(in_body, before, NO_TRANSCRIPT)
    lines.bodies_closed = int(closed.sum())

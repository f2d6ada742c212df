"""Lines with a capture time before their text: `2026-01-01T00:00:00.25Z data: {...}`, or before bare JSON.

What `ts`, `gawk`, container runtimes and loggers write. The time is taken off and kept, and so are a logger's words, if
an answer follows; the line is read as if it had stood there alone. Python's logger writes words only: `INFO:root:`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from chatlogs.reading.lines import IGNORABLE, NO_TRANSCRIPT, OBJECT, ODD, Lines

_WORD = rb"[^\s\"'`{}]{1,200}"
_VALUE = rb"\{|(?:ChatCompletion|ModelResponse)\w{0,20}\(\w+="
_TIME = re.compile(
    rb"(?:\[?[A-Z]{4,8}\]?:?[ \t]+|<\d{1,3}>\d ?)?[\[(<]?"
    rb"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?"
    rb"|\d{10}(?:\.\d+)?|\d{13}|\d{16}|\d{19})[\])>]?[,;:|]?[ \t]+"
    rb"(?:std(?:out|err) F |(?P<words>(?!data:)(?:" + _WORD + rb"[ \t]+){0,12}(?:[\w.-]+[=:])?(?=" + _VALUE + rb")))?"
    rb"(?=(?P<data>data:)|(?P<json>" + _VALUE + rb")|(?P<field>event:|id:|retry:|:))"
)
_LOGGER = re.compile(rb"[A-Z]{4,8}:[\w.-]{1,200}:[ \t]*(?=" + _VALUE + rb")")
_CHOICES = re.compile(rb"['\"]choices['\"]|\bchoices=")
_BLANK = re.compile(rb"[\[(<]?[\d:.,TZ +-]+[\])>]?(?: std(?:out|err) F)?[ \t\r]*")


def mark(lines: Lines, arrivals: dict[int, str]) -> list[int]:
    """Note the times, and let the texts behind them begin where they do; SSE bodies are told apart again.

    Returns the lines that begin behind words alone.
    """
    texts: dict[int, int] = {}
    worded: list[int] = []
    odd = np.flatnonzero((lines.kind == ODD) & (lines.transcript == NO_TRANSCRIPT)).tolist()
    data = lines.block.data
    blank = []
    for line in odd:
        match = _TIME.match(data, int(lines.begin[line]), int(lines.end[line]))
        if match is None or (match["words"] and not _is_answer(data[match.end() : lines.end[line]])):
            words = _LOGGER.match(data, int(lines.begin[line]), int(lines.end[line]))
            if words is not None and _is_answer(data[words.end() : lines.end[line]]):
                lines.start[line] = words.end()
                worded.append(line)
            else:
                blank.append(line)
            continue
        arrivals[line] = match["time"].decode().replace(",", ".")
        if match["field"]:
            lines.kind[line] = IGNORABLE
        elif match["data"]:
            texts[line] = match.end() + len(b"data:")
        else:
            lines.start[line] = match.end()
    if texts:
        _put_into_bodies(lines, texts, blank)
    return worded


def _is_answer(text: bytes | bytearray) -> bool:
    """Whether it may be one, and not something else that a logger writes behind its words."""
    return _CHOICES.search(text) is not None and text.rstrip(b" \t\r").endswith((b"}", b")"))


def show(lines: Lines, behind: Collection[int]) -> None:
    """Let the lines with a time, or words, be records like those without, wherever an object begins behind it."""
    timed = np.fromiter(behind, np.int64)
    if lines.broken:
        timed = timed[~np.isin(timed, lines.broken)]
    data = np.frombuffer(lines.block.data, np.uint8)
    is_object = (lines.kind[timed] == ODD) & (data[lines.start[timed]] == ord("{"))
    lines.kind[timed[is_object]] = OBJECT


def _put_into_bodies(lines: Lines, texts: dict[int, int], others: Collection[int]) -> None:
    """Count the bodies of the block anew, with the timed lines among their events; others: they may be blank."""
    for line in others:  # the blank line behind an event
        if _BLANK.fullmatch(lines.text(line)):
            lines.kind[line] = IGNORABLE
    in_body = lines.transcript != NO_TRANSCRIPT
    done = in_body & (lines.kind == IGNORABLE)
    for line, start in texts.items():
        text = bytes(lines.block.data[start : lines.end[line]])
        lines.start[line] = start + len(text) - len(text.lstrip())
        in_body[line] = True
        if text.strip() == b"[DONE]":
            lines.kind[line] = IGNORABLE
            done[line] = True
    for line in np.flatnonzero(done).tolist():
        done[line] = lines.text(line).strip() == b"[DONE]"  # no `data:` line that is blank
    closed = done.astype(np.int32)
    before = np.cumsum(closed, dtype=np.int32) - closed
    lines.transcript[:] = np.where(in_body, before, NO_TRANSCRIPT)
    lines.bodies_closed = int(closed.sum())

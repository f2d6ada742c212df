"""Chunks as servers send them that have fields of their own: the lines of `generate.py`, changed one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_TEXT = re.compile(rb'"delta":\{"content":"((?:[^"\\]|\\.)*)"\}')
_REASON = re.compile(rb'"finish_reason":(null|"\w+")')
_USAGE = b'"usage":{"prompt_tokens":31,"completion_tokens":%d,"total_tokens":%d}'

Change = Callable[[bytes, int], bytes]
"""A line, and its number, in; the same in another dialect out."""


def _openrouter(line: bytes, number: int) -> bytes:
    line = _TEXT.sub(rb'"delta":{"role":"assistant","content":"\1"}', line, count=1)
    line = _REASON.sub(rb'"finish_reason":\1,"native_finish_reason":\1', line, count=1)
    return line.replace(b'"object":', b'"provider":"DeepInfra","object":', 1)


def _reasoning(line: bytes, number: int) -> bytes:
    """OpenRouter's, of a model that tells its reasoning."""
    told = (
        rb'"delta":{"role":"assistant","content":"","reasoning":"\1","reasoning_details":'
        rb'[{"type":"reasoning.text","text":"\1","format":"unknown","index":0}]}'
    )
    return _openrouter(_TEXT.sub(told, line, count=1), number)


def _groq(line: bytes, number: int) -> bytes:
    """An object of its own in the first chunk of a stream, and times in the usage of the last."""
    if b'"role":"assistant"' in line:
        return line[:-2] + b',"x_groq":{"id":"req_%026d"}}\n' % number
    return line.replace(
        b'"usage":{', b'"usage":{"queue_time":0.0%d,"total_time":1.5e-0%d,' % (number, 1 + number % 9), 1
    )


def _together(line: bytes, number: int) -> bytes:
    told = rb'"text":"\1","seed":null,"delta":{"token_id":%d,"role":"assistant","content":"\1","tool_calls":null}'
    return _TEXT.sub(told % (number % 100_000), line, count=1)


def _xai(line: bytes, number: int) -> bytes:
    """Usage so far in each chunk."""
    return line.replace(b'"usage":null', _USAGE % (number, number + 31), 1)


DIALECTS: Mapping[str, Change] = {
    "openrouter": _openrouter,
    "reasoning": _reasoning,
    "groq": _groq,
    "together": _together,
    "xai": _xai,
}


def with_dialect(lines: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The same lines in this dialect."""
    change = DIALECTS[name]
    for number, line in enumerate(lines):
        yield change(line, number)

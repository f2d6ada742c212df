"""Logs as they are, with a few bytes changed: nothing fails, every line is accounted for, and both paths agree.

Lines that are all alike are read together; here some of them are nearly so.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import assembled, shown
from test_laws import WORKING
from test_normalize import agree

from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

WORDS = ("Hello", " the", "é", "\n", '"', "\\", " 😀", "1", "{", " a", " data: ", "}")
BITS = (
    b"\\q", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b"1e400", b".5", b"null", b"\\ud800", b"\xff",
    b"\x00", b"\t", b"\r", b" ", b'""', b"{}", b"99999999999999999999", b"\\u0000", b"data: ", b"'", b'"object":"x",',
    b'"choices":[],', b'"id":"",', b'"usage":null,', b'"index":1,', b"\xe2\x80\xa8", b"-Infinity", b'"\\q"', b"[1]",
)  # fmt: skip
_SCALAR = re.compile(rb'(?<=:)("(?:[^"\\]|\\.)*"|-?\d[\d.]*|null|true)')


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def tokens(text: str) -> dict[str, Any]:
    other = {"token": "b", "logprob": -2.5, "bytes": [98], "top_logprobs": []}
    said = {"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": [other]}
    return {"content": [said], "refusal": None}


def stored(number: int, choices: int = 1, **more: Any) -> dict[str, Any]:
    said = [
        {"index": at, "message": {"role": "assistant", "content": WORDS[number % len(WORDS)] * at}, **more}
        | {"finish_reason": "stop"}
        for at in range(choices)
    ]
    usage = {"prompt_tokens": number, "completion_tokens": 2, "total_tokens": number + 2}
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1790000000 + number, "model": "m-1"}
    return head | {"choices": said, "usage": usage, "system_fingerprint": "fp_1"}


def chunks(stream: int, *, logprobs: bool = False) -> list[dict[str, Any]]:
    head = {"id": f"chatcmpl-s{stream}", "object": "chat.completion.chunk", "created": 1790000000, "model": "m-1"}
    found = []
    for delta in ({"role": "assistant", "content": ""}, *({"content": word} for word in WORDS), {}):
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        if logprobs:
            choice["logprobs"] = tokens(delta["content"]) if delta.get("content") else None
        found.append(head | {"choices": [choice]})
    return found


def body(stream: int) -> list[bytes]:
    return [line for text in [*map(dumped, chunks(stream)), b"[DONE]"] for line in (b"data: " + text, b"")]


def interleaved(**options: Any) -> list[dict[str, Any]]:
    return [chunk for row in zip(*(chunks(stream, **options) for stream in range(4)), strict=True) for chunk in row]


def exchange(answer: dict[str, Any]) -> dict[str, Any]:
    request = {"model": "m", "messages": [{"role": "user", "content": "Why?"}], "temperature": 0.5}
    return {"started_at": "2026-01-01T00:00:00Z", "request": request, "response": answer, "status_code": 200}


def printed(text: bytes, at: int) -> bytes:
    """The line that Docker writes of it."""
    return dumped(
        {"log": f"{text.decode()}\n", "stream": "stdout", "time": f"2026-01-01T00:00:{at % 60:02}.123456789Z"}
    )


LOGS: Mapping[str, list[bytes]] = {
    "completions": [dumped(stored(number)) for number in range(50)],
    "completions with choices": [dumped(stored(number, 2)) for number in range(50)],
    "completions with log probabilities": [dumped(stored(number, logprobs=tokens("a"))) for number in range(50)],
    "completions wrapped": [dumped(exchange(stored(number))) for number in range(50)],
    "completions in texts": [dumped({"request": "{}", "response": dumped(stored(n)).decode()}) for n in range(50)],
    "chunks": [dumped(chunk) for chunk in interleaved()],
    "chunks with log probabilities": [dumped(chunk) for chunk in interleaved(logprobs=True)],
    "chunks behind times": [b"2026-01-01T00:00:%02dZ " % at + dumped(chunk) for at, chunk in enumerate(interleaved())],
    "chunks beside times": [dumped({"ts": 1790000000 + at, "chunk": chunk}) for at, chunk in enumerate(interleaved())],
    "chunks beside times and ids": [
        dumped({"pod": {"name": "a", "n": at}, "chunk": chunk, "request_id": f"r-{at}", "ts": 1790000000 + at})
        for at, chunk in enumerate(interleaved())
    ],
    "chunks that were printed": [printed(dumped(chunk), at) for at, chunk in enumerate(interleaved())],
    "completions that were printed": [printed(dumped(stored(number)), number) for number in range(50)],
    "SSE that was printed": [printed(line, at) for at, line in enumerate([*body(1), *body(2)])],
    "chunks in messages": [
        dumped({"timestamp": 1790000000 + at, "level": "INFO", "message": dumped(chunk).decode(), "n": 1})
        for at, chunk in enumerate(interleaved())
    ],
    "SSE": [line for stream in range(3) for line in body(stream)],
    "a runtime's lines": [b"2026-01-01T00:00:00.5Z stdout F " + dumped(stored(number)) for number in range(50)],
}


def inserted(line: bytes, at: int, end: int, bit: bytes, other: bytes) -> bytes:
    return line[:at] + bit + line[at:]


def replaced(line: bytes, at: int, end: int, bit: bytes, other: bytes) -> bytes:
    return line[:at] + bit + line[end:]


def repeated(line: bytes, at: int, end: int, bit: bytes, other: bytes) -> bytes:
    return line[:end] + line[at:]


def spliced(line: bytes, at: int, end: int, bit: bytes, other: bytes) -> bytes:
    return line[:at] + other[min(at, len(other)) :]


def another_value(line: bytes, at: int, end: int, bit: bytes, other: bytes) -> bytes:
    found = _SCALAR.search(line, at)
    return line if found is None else line[: found.start()] + bit + line[found.end() :]


CHANGES: tuple[Callable[[bytes, int, int, bytes, bytes], bytes], ...] = (
    inserted, replaced, repeated, spliced, another_value,
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, lines: list[bytes]) -> bytes:
    """The lines, of which some were changed."""
    lines = list(lines)
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        at = draw(st.integers(0, max(0, len(line) - 1)))
        end = at + draw(st.sampled_from([0, 1, 2, 10, 100]))
        change = draw(st.sampled_from(CHANGES))
        lines[number] = change(line, at, end, draw(st.sampled_from(BITS)), draw(st.sampled_from(lines)))
    return b"\n".join(lines) + draw(st.sampled_from([b"", b"\n"]))


@pytest.mark.parametrize("name", LOGS)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_both_paths_agree_on_a_log_with_a_few_other_bytes(name: str, data: st.DataObject) -> None:
    assert agree(data.draw(changed(LOGS[name]))).counts.lines > 0


@pytest.mark.parametrize("name", LOGS)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data(), size=st.sampled_from([2000, 7000]), logprobs=st.booleans())
def test_blocks_of_any_size_say_the_same_of_it(name: str, data: st.DataObject, size: int, logprobs: bool) -> None:
    log = data.draw(changed(LOGS[name]))
    with_ = partial(normalize, asked=Asked(logprobs=logprobs))
    whole, *told = assembled(log, with_=with_, logprobs=logprobs)
    cut, *cut_told = assembled(log, with_=with_, logprobs=logprobs, block_bytes=size)
    assert cut_told == told
    assert shown(cut, without=WORKING) == shown(whole, without=WORKING)


TANGLED = [dumped(chunk) for chunk in chunks(0, logprobs=True)]


@pytest.mark.parametrize(
    "data",
    [
        b"\n".join([*TANGLED[:3], TANGLED[3].replace(b"completion.chunk", b"completion.chunks"), *TANGLED[4:]]),
        b"\n".join(line.replace(b"chatcmpl-s1", b"chatcmpl-\xff") for line in LOGS["chunks behind times"]),
        b"\n".join([*LOGS["a runtime's lines"], LOGS["a runtime's lines"][7].replace(b"-7", b"-\xff")]),
        LOGS["completions"][0].replace(b'"fp_1"', b"1e400") + b"\n" + b"\n".join(LOGS["completions"]),
    ],
    ids=["another chunk among log probabilities", "bytes behind times", "bytes in a runtime's line", "no number"],
)
def test_both_paths_agree_on_these(data: bytes) -> None:
    assert agree(data).counts.rejects == 0


def test_tokens_of_a_stream_are_counted_once_where_another_chunk_stands_in_it() -> None:
    """Runs that are cut there have fewer lines than the run that begins where they do."""
    lines = [*TANGLED[:5], TANGLED[5].replace(b'"model"', b'"service_tier":"","model"'), *TANGLED[6:]]
    for between in itertools.combinations(range(1, 8), 2):
        some = [
            line.replace(b"chat.completion.chunk", b"x") if at in between else line for at, line in enumerate(lines)
        ]
        tables = normalize(Block.of(b"\n".join(some))).tables
        assert tables["choices"]["token_count"].to_pylist() == [len(WORDS)]

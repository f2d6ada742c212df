"""Lines that hold chunks as texts, and what else is printed beside them, say the same read together and with care."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_captured import NAMES, VALUES, chunk
from test_normalize import agree

from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.lines import OBJECT, Block, scan

WORDS = ("Hello", " the", "é", "\n", '"', "\\", " 😀", "1", "{", "}", "\t", "</a>", "data: ", "\ud83d", "\\\\n")
PRINTED = (
    "", "data: [DONE]", "[DONE]", ": ping", "event: message", "retry: 3000", "data:", "server started", "{}", "[]",
    '{"level":"info"}', "12", '{"id":"c1","choices":[', "data: {", '{"error":{"message":"no","type":"t"}}', "a\nb",
    '{"id":"s","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    '"content":"x"},"finish_reason":"stop"}]}',
)  # fmt: skip
BESIDE = (
    [("stream", "stdout"), ("time", "2026-01-01T00:00:00.DZ")],
    [("time", "2026-01-01T00:00:00.DZ"), ("level", "info"), ("n", 5)],
    [("ts", 1767225600.5)],
    [("stream", "stdout"), ("attrs", {"tag": "a", "n": 1}), ("time", "2026-01-01T00:00:00.DZ")],
    [("level", "info")],
    [("time", "12"), ("level", "error")],
)


def line(holder: str, text: str, beside: list[tuple[str, Any]], place: int, *, ascii_: bool, number: int) -> str:
    members = [*beside[:place], (holder, text), *beside[place:]]
    parts = [
        json.dumps(name) + ":" + json.dumps(value, ensure_ascii=ascii_, separators=(",", ":"))
        for name, value in members
    ]
    return ("{" + ",".join(parts) + "}").replace(".DZ", f".{number:03}Z")


def printed(random: Random, number: int, *, odd: float) -> str:
    if random.random() < odd:
        return random.choice(PRINTED)
    text = json.dumps(chunk({"content": random.choice(WORDS)}, id=f"c{number % 3}"), ensure_ascii=number % 5 == 0)
    return random.choice((text, text, f"data: {text}", f" {text} "))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_both_paths_agree_on_chunks_in_texts(data: st.DataObject) -> None:
    random = Random(data.draw(st.integers(0, 1 << 30)))
    holder = data.draw(st.sampled_from(["log", "message", "MESSAGE", "textPayload", "data", "answer"]))
    beside = data.draw(st.sampled_from(BESIDE)) + data.draw(
        st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=1)
    )
    place, odd = data.draw(st.integers(0, len(beside))), data.draw(st.sampled_from([0.0, 0.1, 0.5]))
    end = data.draw(st.sampled_from(["\n", "", "\r\n"]))
    lines = [
        line(holder, printed(random, n, odd=odd) + end, beside, place, ascii_=random.random() < 0.7, number=n)
        for n in range(60)
    ]
    found = agree("\n".join(lines).encode("utf-8", "surrogatepass"))
    assert found.counts.lines == 60


@pytest.mark.parametrize("beside", BESIDE[:5])
def test_streams_in_texts_are_whole(beside: list[tuple[str, Any]]) -> None:
    chunks = [chunk({"content": f'{n} "é\n'}, id=f"c{n % 7}") for n in range(300)]
    texts = [
        line("log", json.dumps(one) + "\n", beside, 0, ascii_=n % 2 == 0, number=n) for n, one in enumerate(chunks)
    ]
    bare, held = (normalize(Block.of("\n".join(log).encode())) for log in (map(json.dumps, chunks), texts))
    assert held.counts == bare.counts
    said = [sorted(found.tables["choices"]["content"].to_pylist()) for found in (bare, held)]
    assert said[0] == said[1] and len(said[0]) == 7
    assert len(held.tables["chunks"]) == (300 if any(name in ("time", "ts") for name, _ in beside) else 0)


def test_a_frame_that_misleads_is_none() -> None:
    """Where the same names stand twice, what is between the first and the last is no single text."""
    good = [
        line("log", json.dumps(chunk({"content": "a"})) + "\n", BESIDE[0], 0, ascii_=True, number=n) for n in range(60)
    ]
    bad = good[7].replace('\\n","stream"', '\\n","x":"{\\"y\\":1}\\n","stream"')
    assert scan(Block.of(bad.encode())).kind.tolist() == [OBJECT]
    agree("\n".join([*good[:9], bad, *good[9:]]).encode())

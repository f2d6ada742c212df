"""Events of several streams that stand between each other in one SSE log are parted by ids, as bare chunks are."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import assembled, final_rows
from log_lines import Obj, dumps, obj

from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.asked import Asked
from chatlogs.reading.sse import holds_mixed_streams

ROLE = obj(role="assistant", content="")
END = obj()
_PLACES = {"completion_key", "line_number", "byte_offset"}


def chunk(id: str, delta: Obj) -> bytes:
    choice = obj(index=0, delta=delta, finish_reason="stop" if delta is END else None)
    return dumps(obj(id=id, object="chat.completion.chunk", created=1790000000, model="m", choices=[choice]))


def answer(id: str, words: list[str]) -> list[bytes]:
    usage = obj(prompt_tokens=5, completion_tokens=len(words), total_tokens=5 + len(words))
    last = obj(id=id, object="chat.completion.chunk", created=1790000000, model="m", choices=[], usage=usage)
    return [chunk(id, delta) for delta in [ROLE, *(obj(content=word) for word in words), END]] + [
        dumps(last),
        b"[DONE]",
    ]


def sse(events: list[bytes]) -> bytes:
    return b"".join(b"data: " + event + b"\n\n" for event in events)


def say(*ids: str) -> list[bytes]:
    return [chunk(id, obj(content="x")) for id in ids]


ONE_AT_A_TIME = {
    "one answer": say("a", "a", "a"),
    "one answer after another": [*say("a", "a"), b"[DONE]", *say("b", "b"), b"[DONE]", *say("a", "a")],
    "an id a chunk": say("a", "b", "c", "d"),
    "an id that opens and ends": [chunk("a", ROLE), *say("b", "b"), chunk("a", END)],
    "chunks without an id": say("a", "", "a", ""),
    "no chunks": [
        b"{}",
        b'{"id":"a","choices":[7]}',
        b'{"id":"a","choices":[{"delta":null}]}',
        b'{"id":"a"',
        b"{" * 9999,
    ],
}
SEVERAL = {
    "two answers": say("a", "b", "a", "b"),
    "one answer within another": say("a", "b", "b", "a"),
    "behind one that is whole": [*say("a", "a"), b'"[DONE]"', *say("b", "c", "b")],
}


@pytest.mark.parametrize("name", [*ONE_AT_A_TIME, *SEVERAL])
def test_an_id_that_comes_back_to_go_on_tells_of_several_streams(name: str) -> None:
    assert holds_mixed_streams(sse((ONE_AT_A_TIME | SEVERAL)[name])) == (name in SEVERAL)


@st.composite
def mixed(draw: st.DrawFn) -> list[bytes]:
    """Answers of different ids, each in its own order."""
    words = st.lists(st.sampled_from(["The ", "fjord", " is", '"deep"', "é\n"]), min_size=1, max_size=4)
    left = [answer(f"c{number}", draw(words)) for number in range(draw(st.integers(2, 4)))]
    events = []
    while left:
        one = draw(st.sampled_from(left))
        events.append(one.pop(0))
        left = [events_left for events_left in left if events_left]
    return events


def read(data: bytes, block_bytes: int, asked: Asked) -> dict[str, Any]:
    found, counts, rejects = assembled(data, block_bytes=block_bytes, with_=partial(normalize, asked=asked))
    tables = final_rows(found)
    rows = {
        name: sorted(repr({key: value for key, value in row.items() if key not in _PLACES}) for row in tables[name])
        for name in ("completions", "choices")
    }
    return rows | {"records": counts.records, "rejects": rejects}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(mixed(), st.sampled_from([600, 1500, 1 << 20]))
def test_mixed_streams_are_read_as_bare_chunks_are(events: list[bytes], block_bytes: int) -> None:
    bare = b"".join(event + b"\n" for event in events if event != b"[DONE]")
    assert read(sse(events), block_bytes, Asked(mixed=True)) == read(bare, 1 << 20, Asked())

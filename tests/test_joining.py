"""Parts of streams merged in columns are what merging them in Python gives."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import shown
from log_lines import dumps, logs, obj

from chatlogs.moving.assemble import Tables, plus, take
from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.records.pieces import finished, fold
from chatlogs.normalizing.tables import columns
from chatlogs.normalizing.tables.joining import join
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
BEHIND = 1 << 20  # more pieces than any block of these tests has


def halves(lines: list[bytes], at: int, *, fast: bool, asked: Asked = PLAINLY) -> tuple[Tables, Tables, set[int]]:
    """The bare streams before and behind the line, and the numbers of those that columns do not hold."""
    head = b"".join(line + b"\n" for line in lines[:at])
    before = normalize(Block.of(head, last=False), fast=fast, asked=asked)
    behind = normalize(Block.of(b"\n".join(lines[at:]), offset=len(head)), fast=fast, asked=asked)
    moved = {name: plus(table, "piece", BEHIND) for name, table in behind.tables.items()}
    odd = {*before.exact, *(number + BEHIND for number in behind.exact)}
    return streams(before.tables), streams(moved), odd


def streams(tables: Tables) -> Tables:
    found = tables["completions"]
    loose = pc.and_(
        pc.equal(found["form"], "stream"), pc.and_(pc.is_null(found["transcript"]), pc.is_valid(found["id"]))
    )
    return take(tables, loose)


def joined_alike(lines: list[bytes], at: int, *, fast: bool) -> int:
    """How many streams were merged in columns, each of which Python merges to the same; with chunks or without."""
    of_each = [_joined_alike(lines, at, fast=fast, asked=asked) for asked in (PLAINLY, Asked(chunks=True))]
    assert of_each[0] == of_each[1]
    return of_each[0]


def _joined_alike(lines: list[bytes], at: int, *, fast: bool, asked: Asked) -> int:
    old, new, odd = halves(lines, at, fast=fast, asked=asked)
    found = join(old, new, odd)
    if found is None:
        return 0
    one = columns.pieces(take(old, pc.is_in(old["completions"]["piece"], found.old)))
    other = columns.pieces(take(new, pc.is_in(new["completions"]["piece"], found.new)))
    merged = [finished(piece) for piece in fold([*one, *other], transcript=False)]
    assert len(merged) == len(found.old) == len(found.new)
    assert shown(found.tables) == shown(columns.tables(merged, first=0))
    return len(merged)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(logs(most_edits=2), min_size=1, max_size=4), st.integers(0, 10**6), st.booleans())
def test_parts_are_merged_alike_in_columns_and_in_python(parts: list[bytes], where: int, fast: bool) -> None:
    data = b"\n".join(part.replace(b'"c', b'"%d-c' % number) for number, part in enumerate(parts))
    lines = data.split(b"\n")
    joined_alike(lines, where % len(lines), fast=fast)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_most_streams_of_a_log_are_merged_in_columns(share: float) -> None:
    lines = gzip.decompress((SAMPLES / "chunks-2026-w42.jsonl.gz").read_bytes()).splitlines()
    at = int(len(lines) * share)
    old, new, _ = halves(lines, at, fast=True)
    cut = len(set(old["completions"]["id"].to_pylist()) & set(new["completions"]["id"].to_pylist()))
    assert joined_alike(lines, at, fast=True) >= 0.7 * cut > 0


def chunk(delta: Any, *, index: int = 0, finish: str | None = None, **top: Any) -> bytes:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"} | top
    return dumps(obj(**fields, choices=[obj(index=index, delta=delta, finish_reason=finish)]))


def call(index: int = 0, **fields: Any) -> Any:
    return obj(tool_calls=[obj(index=index, **fields)])


CALL = call(id="t", function=obj(name="f", arguments="{"))
USAGE = dumps(obj(id="c1", object="chat.completion.chunk", created=1700000000, model="m", choices=[], usage=obj(n=1)))
PLAIN = {
    "a text that goes on": [chunk(obj(content="a")), chunk(obj(content="b"))],
    "a text after a role": [chunk(obj(role="assistant")), chunk(obj(content="b"))],
    "an empty text": [chunk(obj(content="")), chunk(obj())],
    "an end": [chunk(obj(content="a")), chunk(obj(), finish="stop")],
    "usage behind the end": [chunk(obj(content="a"), finish="stop"), USAGE],
    "another choice": [chunk(obj(content="a")), chunk(obj(content="b"), index=1)],
    "a role said again": [chunk(obj(role="assistant", content="a")), chunk(obj(role="assistant", content="b"))],
    "a model that comes late": [chunk(obj(content="a"), model=None), chunk(obj(content="b"))],
    "arguments that go on": [chunk(CALL), chunk(call(function=obj(arguments="}")))],
    "a filter result again": [
        dumps(obj(id="c1", created=1700000000, model="m", choices=[obj(index=0, delta=obj(content=text), **of)]))
        for text, of in (("a", {"content_filter_results": {"n": 1}}), ("b", {"content_filter_results": {"n": 2}}))
    ],
    "a call after a text": [chunk(obj(content="a")), chunk(CALL)],
}
ODD = {
    "text behind the end": [chunk(obj(content="a"), finish="stop"), chunk(obj(content="b"))],
    "another model": [chunk(obj(content="a")), chunk(obj(content="b"), model="n")],
    "another backend": [chunk(obj(content="a"), system_fingerprint="x"), chunk(obj(), system_fingerprint="y")],
    "another time": [chunk(obj(content="a")), chunk(obj(content="b"), created=1700000001)],
    "a role that comes late": [chunk(obj(content="a")), chunk(obj(role="assistant", content="b"))],
    "a call at one": [chunk(CALL), chunk(call(1, id="u", function=obj(name="g", arguments="{")))],
    "another call": [chunk(CALL), chunk(call(id="u", function=obj(name="g", arguments="{")))],
    "an unknown field on both sides": [chunk(obj(content="a"), x=1), chunk(obj(content="b"), x=2)],
    "half a pair of surrogates": [chunk(obj(content="a\ud83d")), chunk(obj(content="\ude0a"))],
}


@pytest.mark.parametrize("lines", PLAIN.values(), ids=PLAIN.keys())
def test_plain_parts_are_merged_in_columns(lines: list[bytes]) -> None:
    assert joined_alike(lines, 1, fast=True) == 1


@pytest.mark.parametrize("lines", ODD.values(), ids=ODD.keys())
def test_parts_that_need_judgement_are_left_alone(lines: list[bytes]) -> None:
    assert joined_alike(lines, 1, fast=True) == 0

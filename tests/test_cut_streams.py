"""A log of streams, copies of them and other answers of their id, is the same however it is cut into files and runs.

What cannot be told is left out here: a copy that is a log of its own is known by the ledger, and is no duplicate; and
a stream that was cut begins anew with the same id and time as one that only repeats its role.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import assembled, shown, stored
from log_lines import Obj, dumps, obj

from chatlogs.moving.identity import Response
from chatlogs.moving.identity import continues as rows_continue
from chatlogs.moving.ingest import ingest
from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.pieces import continues, fold, piece_of_chunk

NewStore = Callable[[], Path]
MODES = ["together", "one after the other", "grown"]


def chunk(delta: Obj | None, *, finish: str | None = None, created: int = 1790000000, **top: Any) -> Obj:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": created, "model": "m"} | top
    choices = [] if delta is None else [obj(index=0, delta=delta, finish_reason=finish)]
    return obj(**fields, choices=choices)


def usage(total: int) -> Obj:
    return obj(prompt_tokens=5, completion_tokens=total - 5, total_tokens=total)


def stream(text: str = "Hel", total: int = 7, created: int = 1790000000) -> list[bytes]:
    deltas = [(obj(role="assistant", content=""), None), (obj(content=text), None), (obj(content="lo"), None)]
    chunks = [chunk(delta, finish=finish, created=created) for delta, finish in [*deltas, (obj(), "stop")]]
    return [dumps(each) for each in [*chunks, chunk(None, created=created, usage=usage(total))]]


def completion(text: str = "Hel", total: int = 7) -> list[bytes]:
    choice = obj(index=0, message=obj(role="assistant", content=text + "lo"), finish_reason="stop")
    fields = {"id": "c1", "object": "chat.completion", "created": 1790000000, "model": "m"}
    return [dumps(obj(**fields, choices=[choice], usage=usage(total)))]


def padded(text: str = "Hel") -> list[bytes]:
    """As OpenAI pads its chunks: with one to six random characters."""
    paddings = ["PuDjq4", "xY", "a8Kq2z", "Zk3oP", "qqqqq"]
    return [
        line[:-1] + b',"obfuscation":"%b"}' % padding.encode()
        for line, padding in zip(stream(text), paddings, strict=True)
    ]


PARTS = {
    "stream": stream(),
    "twin": completion(),
    "other": stream("Wor", 9, created=1790000500),
    "padded": padded(),
}


def seen(store: Path) -> list[tuple[Any, ...]]:
    """What is counted of a store's answers, which the ledger's counts add up to."""
    rows = stored(store)
    content = {row["completion_key"]: row["content"] for row in rows["choices"]}
    assert sum(row["responses"] - row["duplicates"] for row in rows["sources"]) == len(rows["completions"])
    return sorted(
        (row["created"], row["form"], content.get(row["completion_key"]), row["chunk_count"], row["total_tokens"])
        + (row["duplicates"], row["flags"])
        for row in rows["completions"]
    )


def read(store: Path, folder: Path, parts: list[list[bytes]], mode: str) -> list[tuple[Any, ...]]:
    paths = []
    for number, lines in enumerate(parts):
        if mode == "grown":
            lines = [line for part in parts[: number + 1] for line in part]
        path = folder / ("log.jsonl" if mode == "grown" else f"{number}.jsonl")
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        paths.append(path)
        if mode != "together":
            assert ingest(path, store).balanced
    if mode == "together":
        assert ingest(paths, store).balanced
    return seen(store)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(["stream", "twin", "other"]), min_size=1, max_size=3),
    st.sets(st.integers(1, 14), min_size=1, max_size=2),
    st.sampled_from(MODES),
)
def test_a_log_of_copies_is_the_same_however_it_is_cut(
    new_store: NewStore, tmp_path_factory: pytest.TempPathFactory, names: list[str], where: set[int], mode: str
) -> None:
    lines = [line for name in names for line in PARTS[name]]
    borders = [0, *sorted(at for at in where if at < len(lines)), len(lines)]
    parts = [lines[one:other] for one, other in pairwise(borders)]
    if any(one == other[: len(one)] or other == one[: len(other)] for one, other in pairwise(parts)):
        return  # the ledger knows that log already, or takes it for one that grew
    whole = read(new_store(), tmp_path_factory.mktemp("whole"), [lines], "together")
    assert read(new_store(), tmp_path_factory.mktemp("cut"), parts, mode) == whole


CUTS = {
    "a stream that grows beside its stored twin": [completion(), stream()[:2], stream()[2:]],
    "usage that comes after its stream was found to be a twin": [completion(), stream()[:4], stream()[4:]],
    "a stream that begins before its stored twin": [stream()[:2], completion(), stream()[2:]],
    "a stream that is logged again in two files": [PARTS["other"] + stream(), stream()[:3], stream()[3:]],
    "usage at the head of a file, before a copy": [stream()[:4], stream()[4:] + stream()],
    "usage at the head of a file, before another answer": [stream()[:4], stream()[4:] + PARTS["other"]],
}


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("parts", CUTS.values(), ids=CUTS.keys())
def test_a_stream_is_compared_once_it_is_put_together(
    new_store: NewStore, tmp_path: Path, parts: list[list[bytes]], mode: str
) -> None:
    (tmp_path / "whole").mkdir()
    lines = [line for part in parts for line in part]
    if parts[1] == completion():
        lines = stream() + completion()
    whole = read(new_store(), tmp_path / "whole", [lines], "together")
    assert read(new_store(), tmp_path, parts, mode) == whole


def answers(data: bytes, **options: Any) -> list[tuple[Any, ...]]:
    rows = shown(assembled(data, **options)[0])
    contents = {row["place"]: row["content"] for row in rows["choices"]}
    return [(contents.get(r["place"]), r["chunk_count"], r["usage"], r["flags"]) for r in rows["completions"]]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", [("stream", "stream"), ("stream", "other"), ("stream", "other", "stream")])
def test_a_log_of_copies_is_the_same_in_any_blocks(name: tuple[str, ...], fast: bool) -> None:
    data = b"".join(line + b"\n" for part in name for line in PARTS[part])

    def with_(block: Any) -> Any:
        return normalize(block, fast=fast)

    whole = answers(data, with_=with_)
    assert [count for _, count, *_ in whole] == [5] * len(name)
    for size in range(100, len(data), 61):
        assert answers(data, with_=with_, block_bytes=size) == whole, size


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("times", [1, 400])
def test_a_padded_stream_that_is_logged_again_is_a_copy(fast: bool, times: int) -> None:
    """Each of its lines is padded, the long paddings are not left out, nor is a line that is logged twice at once."""
    lines = padded()
    twice = [*lines[:3], lines[2], *lines[3:]]  # a long padding, at once again
    names = [b'"c%d"' % number for number in range(times)]
    data = b"".join(line.replace(b'"c1"', name) + b"\n" for name in names for line in [*lines, *twice])
    found = answers(data, with_=lambda block: normalize(block, fast=fast))
    assert found == [("Hello", 5, {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, [])] * 2 * times


@pytest.mark.parametrize("at", [2, 4, 5])
def test_fragments_of_parallel_calls_go_to_their_own_calls(new_store: NewStore, tmp_path: Path, at: int) -> None:
    def call(index: int, arguments: str, **head: Any) -> Obj:
        function = obj(arguments=arguments) if not head else obj(name=f"f{index}", arguments=arguments)
        return chunk(obj(tool_calls=[obj(index=index, **head, function=function)]))

    said = [call(0, "", id="x"), call(1, "", id="y"), call(0, '{"a":'), call(1, '{"b":'), call(0, "1}"), call(1, "2}")]
    lines = [dumps(each) for each in [*said, chunk(obj(), finish="tool_calls")]]
    store = new_store()
    read(store, tmp_path, [lines[:at], lines[at:]], "one after the other")
    calls = [(row["call_id"], row["arguments"]) for row in stored(store)["tool_calls"]]
    assert sorted(calls) == [("x", '{"a":1}'), ("y", '{"b":2}')]


def test_a_stream_with_logprobs_is_measured_across_runs(new_store: NewStore, tmp_path: Path) -> None:
    """Also without rows for its tokens; and a copy of it is one."""
    lines = stream()
    for place, logprob in ((1, -0.5), (2, -1.5)):
        lines[place] = lines[place][:-3] + b',"logprobs":{"content":[{"token":"a","logprob":%f}]}}]}' % logprob
    store = new_store()
    read(store, tmp_path, [lines[:2], [*lines[2:], *lines]], "one after the other")
    (choice,) = stored(store)["choices"]
    assert (choice["token_count"], choice["mean_logprob"]) == (2, -1.0)


# --- one rule, of pieces and of rows --------------------------------------------------------------------------------

heads = st.lists(
    st.tuples(st.sampled_from([obj(content="a"), obj()]), st.sampled_from([None, None, "stop"])), max_size=2
)


def as_response(piece: Any, number: int) -> Response:
    """What resolve.py would know of a response that consists of the piece."""
    choices = piece.choices.values()
    return Response(
        id="c1", completion_key=number, is_new=True, source_key=1, line_number=1, byte_offset=number, form="stream",
        status="complete", model="m", created=piece.created, system_fingerprint=None, usage=piece.usage,
        prompt_tokens=None, completion_tokens=None, total_tokens=None, metadata=None, custom_id=None, request_id=None,
        started_at=None, flags=sorted(piece.flags), duplicates=0, body="", beside="", content="keep",
        folded=None,
        ended=[choice.index for choice in choices if choice.finish_reason],
        speaking=[choice.index for choice in choices if choice.says], indexes=[choice.index for choice in choices],
        has_role=any(choice.role for choice in choices), asked=None, told=0, in_body=False,
    )  # fmt: skip


def part(role: bool, steps: list[Any], with_usage: bool, created: int) -> list[Obj]:
    chunks = [chunk(obj(role="assistant", content=""), created=created)] if role else []
    chunks += [chunk(delta, finish=finish, created=created) for delta, finish in steps]
    return chunks + ([chunk(None, created=created, usage=usage(7))] if with_usage or not chunks else [])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(*[st.builds(part, st.booleans(), heads, st.booleans(), st.sampled_from([1, 2])) for _ in "ab"])
def test_parts_of_a_stream_go_on_with_each_other_as_pieces_and_as_rows(one: list[Obj], other: list[Obj]) -> None:
    """The rule stands in two places; rows do not hold all that pieces do, but of plain streams both say the same."""
    pieces = []
    for chunks in (one, other):
        folded = fold([piece_of_chunk(_dict(each)) for each in chunks], transcript=False)
        if len(folded) != 1:
            return
        pieces += folded
    rows = [as_response(piece, number) for number, piece in enumerate(pieces)]
    assert rows_continue(rows[:1], rows[1]) == continues(*pieces, transcript=False)


def _dict(value: Any) -> Any:
    if isinstance(value, Obj):
        return {name: _dict(item) for name, item in value.pairs}
    return [_dict(item) for item in value] if isinstance(value, list) else value

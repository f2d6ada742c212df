"""An id is no key: equal answers are one row, different ones two, and a stream left open goes on, once."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingested import stored
from log_lines import Obj, dumps, obj

from chatlogs.moving import identity, writer
from chatlogs.moving.identity import Response, compared, continues, decide
from chatlogs.moving.ingest import ingest

NewStore = Callable[[], Path]

USAGE = obj(prompt_tokens=1, completion_tokens=2, total_tokens=3)
PLAIN = Response(
    id="c1", completion_key=1, is_new=True, source_key=1, line_number=1, byte_offset=0, form="stream",
    status="complete", model="m", created=1, system_fingerprint="fp", usage=None, prompt_tokens=None,
    completion_tokens=None, total_tokens=None, metadata=None, custom_id=None, request_id=None,
    started_at=None, flags=[], duplicates=0, body="b", beside="", content="keep",
    folded="f", ended=[0], speaking=[0], indexes=[0], has_role=True, asked=None, told=0, in_body=False,
)  # fmt: skip


def completion(text: str = "hi", **top: Any) -> Obj:
    choice = obj(index=0, message=obj(role="assistant", content=text), finish_reason="stop")
    fields = {"id": "c1", "object": "chat.completion", "created": 1700000000, "model": "m", "system_fingerprint": "fp"}
    return obj(**fields | {"choices": [choice], "usage": USAGE} | top)


def stream(text: str = "hi", **top: Any) -> list[Obj]:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"} | top
    steps = [(obj(role="assistant"), None), *[(obj(content=letter), None) for letter in text], (obj(), "stop")]
    fields["system_fingerprint"] = top.get("system_fingerprint", "fp")
    return [obj(**fields, choices=[obj(index=0, delta=delta, finish_reason=end)]) for delta, end in steps]


def rows_of(new_store: NewStore, folder: Path, *logs: list[Obj], one_run: bool = False) -> list[dict[str, Any]]:
    """The completions of these logs, read one after the other."""
    store, paths = new_store(), []
    for number, records in enumerate(logs):
        paths.append(folder / f"{number}.jsonl")
        # Each log begins with an answer of its own: two logs of the same bytes would be one log.
        own = completion(f"log {number}", id=f"own-{number}")
        paths[-1].write_bytes(b"".join(dumps(record) + b"\n" for record in [own, *records]))
        if not one_run:
            assert ingest(paths[-1], store).balanced
    if one_run:
        assert ingest(paths, store).balanced
    return [row for row in stored(store)["completions"] if not (row["id"] or "").startswith("own-")]


both = pytest.mark.parametrize("one_run", [True, False], ids=["one run", "two runs"])


@both
def test_an_equal_answer_is_counted_not_stored(new_store: NewStore, tmp_path: Path, one_run: bool) -> None:
    (row,) = rows_of(new_store, tmp_path, [completion()], [completion()], [completion()], one_run=one_run)
    assert row["duplicates"] == 2 and row["flags"] == []


@pytest.mark.parametrize("most", [0, 1, 3])
def test_an_equal_answer_is_found_however_few_ids_are_known_in_memory(
    new_store: NewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(writer, "_MOST_IDS", most)
    (row,) = rows_of(new_store, tmp_path, [completion()], [completion()], one_run=True)
    assert row["duplicates"] == 1 and row["flags"] == []


@both
@pytest.mark.parametrize(
    "other",
    [
        completion("other"),
        completion(created=1700000009),
        completion(model="n"),
        completion(system_fingerprint="fq"),
        completion(usage=obj(prompt_tokens=1, completion_tokens=2, total_tokens=4)),
        completion(unknown=1),
        completion(service_tier="flex"),
    ],
    ids=["content", "created", "model", "fingerprint", "usage", "unknown field", "tier"],
)
def test_an_answer_that_differs_in_anything_is_a_row(
    new_store: NewStore, tmp_path: Path, other: Obj, one_run: bool
) -> None:
    rows = rows_of(new_store, tmp_path, [completion()], [other], one_run=one_run)
    assert [row["flags"] for row in rows] == [["id_collision"], ["id_collision"]]


def test_only_metadata_may_differ_and_the_newer_wins(new_store: NewStore, tmp_path: Path) -> None:
    old, new = completion(metadata=obj(user="a")), completion(metadata=obj(user="b"))
    (row,) = rows_of(new_store, tmp_path, [old], [new])
    assert row["metadata"] == '{"user":"b"}' and row["duplicates"] == 1


@both
@pytest.mark.parametrize("swapped", [False, True], ids=["stream first", "completion first"])
def test_a_stream_and_its_stored_twin_are_one_row(
    new_store: NewStore, tmp_path: Path, swapped: bool, one_run: bool
) -> None:
    """The fuller one stays: that with usage."""
    logs = [stream(), [completion()]]
    (row,) = rows_of(new_store, tmp_path, *(reversed(logs) if swapped else logs), one_run=one_run)
    assert (row["form"], row["total_tokens"], row["duplicates"]) == ("completion", 3, 1)


EXCHANGE = obj(
    request=obj(model="m", max_tokens=16, messages=[obj(role="user", content="q")]), response=completion(),
    started_at=1790000000, ended_at=1790000002,
)  # fmt: skip
BATCH = obj(
    id="b1", custom_id="r1", response=obj(status_code=200, request_id="q1", body=completion()), error=None
)  # fmt: skip


@both
@pytest.mark.parametrize("swapped", [False, True], ids=["bare first", "bare last"])
@pytest.mark.parametrize("fuller", [EXCHANGE, BATCH], ids=["exchange", "batch"])
def test_of_equal_answers_the_one_that_tells_its_request_stays(
    new_store: NewStore, tmp_path: Path, fuller: Obj, swapped: bool, one_run: bool
) -> None:
    logs = [[completion()], [fuller]]
    (row,) = rows_of(new_store, tmp_path, *(reversed(logs) if swapped else logs), one_run=one_run)
    assert (row["max_tokens"], row["custom_id"]) == ((16, None) if fuller is EXCHANGE else (None, "r1"))
    assert (row["started_at"] is not None, row["duplicates"]) == (fuller is EXCHANGE, 1)


def test_one_answer_to_two_questions_is_two_calls(new_store: NewStore, tmp_path: Path) -> None:
    """As a cache that goes by meaning answers."""
    asked = [obj(request=obj(model="m", messages=[obj(role="user", content=q)]), response=completion()) for q in "pq"]
    rows = rows_of(new_store, tmp_path, asked[:1], asked[1:])
    assert [row["flags"] for row in rows] == [["id_collision"]] * 2


def test_twins_that_contradict_each_other_are_two_rows(new_store: NewStore, tmp_path: Path) -> None:
    rows = rows_of(new_store, tmp_path, stream("hi"), [completion("ho")])
    assert [row["flags"] for row in rows] == [["id_collision", "twin_differs"]] * 2


@both
def test_answers_without_an_id_are_never_merged(new_store: NewStore, tmp_path: Path, one_run: bool) -> None:
    rows = rows_of(new_store, tmp_path, [completion(id=""), completion(id=None)], [completion(id="")], one_run=one_run)
    assert [row["flags"] for row in rows] == [["no_id"]] * 3


@both
def test_an_id_used_again_begins_another_answer(new_store: NewStore, tmp_path: Path, one_run: bool) -> None:
    rows = rows_of(new_store, tmp_path, stream("one"), stream("two", created=1700000009), one_run=one_run)
    assert sorted(row["chunk_count"] for row in rows) == [5, 5]
    assert all(row["flags"] == ["id_collision"] for row in rows)


@both
def test_a_stream_that_was_left_open_is_completed_not_doubled(
    new_store: NewStore, tmp_path: Path, one_run: bool
) -> None:
    whole = stream("hello")
    for at in range(1, len(whole)):
        folder = tmp_path / str(at)
        folder.mkdir()
        (row,) = rows_of(new_store, folder, whole[:at], whole[at:], one_run=one_run)
        assert (row["chunk_count"], row["status"], row["flags"], row["duplicates"]) == (7, "complete", [], 0)


def test_usage_that_comes_in_the_next_file_is_added(new_store: NewStore, tmp_path: Path) -> None:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    late = obj(**fields, choices=[], usage=USAGE)
    (row,) = rows_of(new_store, tmp_path, stream(), [late])
    assert (row["total_tokens"], row["chunk_count"], row["duplicates"]) == (3, 5, 0)


def sse(*bodies: list[Obj]) -> bytes:
    """SSE bodies, each closed by [DONE]."""
    return b"".join(b"data: " + data + b"\n\n" for body in bodies for data in [*map(dumps, body), b"[DONE]"])


def test_what_a_recorder_redacts_does_not_join_bodies(new_store: NewStore, tmp_path: Path) -> None:
    """One id, created 0, and no role: each SSE body stays one answer, however its log is read again."""
    bodies = [stream(text, created=0)[1:] for text in ("red", "blue", "green")]
    store, log = new_store(), tmp_path / "redacted.sse"

    def contents() -> list[str]:
        assert all(row["duplicates"] == 0 and row["status"] == "complete" for row in stored(store)["completions"])
        return sorted(row["content"] for row in stored(store)["choices"])

    log.write_bytes(sse(*bodies[:2]))
    ingest(log, store)
    assert contents() == ["blue", "red"]
    log.write_bytes(sse(*bodies))
    assert ingest(log, store).responses == 1  # it has grown
    copies = {"other-name.sse": log.read_bytes(), "redacted.sse.gz": gzip.compress(log.read_bytes())}
    for name, data in copies.items():
        (tmp_path / name).write_bytes(data)
    assert ingest([log, *(tmp_path / name for name in copies)], store).responses == 0
    assert contents() == ["blue", "green", "red"]
    (tmp_path / "next.sse").write_bytes(sse(stream("gray", created=0)[1:]))
    ingest(tmp_path / "next.sse", store)
    assert contents() == ["blue", "gray", "green", "red"]


@both
def test_a_wrapped_stream_is_whole_whatever_a_recorder_redacts(
    new_store: NewStore, tmp_path: Path, one_run: bool
) -> None:
    """One record, one answer: also when the next one has the same id, no time and no role."""
    logs = [
        [obj(request=obj(model="m", messages=[]), sse=sse(stream(text, created=0)[1:]).decode())]
        for text in ("red", "blue")
    ]
    rows = rows_of(new_store, tmp_path, *logs, one_run=one_run)
    assert sorted(row["chunk_count"] for row in rows) == [4, 5]


# --- the decision ------------------------------------------------------------------------------------------------

responses = st.builds(
    replace,
    st.just(PLAIN),
    form=st.sampled_from(["stream", "completion"]),
    model=st.sampled_from(["m", "n"]),
    created=st.sampled_from([1, 2, None]),
    usage=st.sampled_from([None, "{}"]),
    body=st.sampled_from(["b", "c"]),
    folded=st.sampled_from(["f", "g", None]),
    ended=st.sampled_from([[], [0]]),
    speaking=st.sampled_from([[], [0]]),
    has_role=st.booleans(),
    metadata=st.sampled_from([None, "{}"]),
    duplicates=st.sampled_from([0, 1]),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(responses, min_size=1, max_size=6))
def test_each_response_ends_in_one_place(drawn: list[Response]) -> None:
    """Dropped, merged or kept: never two of these, and each that is dropped is counted somewhere."""
    given_ = [replace(response, completion_key=number, flags=[]) for number, response in enumerate(drawn)]
    before = sum(response.duplicates for response in given_)
    outcome = compared(decide(given_), {})
    dropped = [response.completion_key for response in outcome.dropped]
    merged = [response.completion_key for chain in outcome.merged for response in chain]
    touched = [response.completion_key for response in outcome.touched]
    assert len({*dropped, *merged, *touched}) == len(dropped) + len(merged) + len(touched)
    assert all(len(chain) > 1 for chain in outcome.merged)
    kept = [response for response in given_ if response.completion_key not in dropped]
    assert sum(response.duplicates for response in kept) == before + len(dropped)


calls = st.builds(
    replace,
    responses,
    model=st.just("m"),
    created=st.just(0),
    body=st.sampled_from(list("abcde")),
    folded=st.sampled_from(["f", "f", "g", None]),
    started_at=st.sampled_from([None, None, None, 1, 2]),
    asked=st.sampled_from([None, None, None, "p", "q"]),
    has_role=st.just(True),
    prompt_tokens=st.sampled_from([None, 1, 2]),
    total_tokens=st.sampled_from([None, 3]),
    indexes=st.sampled_from([[], [0]]),
    told=st.sampled_from([0, 1]),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(calls, min_size=2, max_size=12))
def test_the_first_equal_answer_is_found_as_by_asking_each(drawn: list[Response]) -> None:
    """Whatever else is told of either, and whichever of them stays."""

    def asking_each(chains: Any, response: Response) -> int | None:
        kept = chains._outcome.kept
        return next((place for place in range(len(kept)) if chains._is_same(place, response)), None)

    def outcome() -> tuple[list[list[Response]], list[Response], set[int]]:
        given_ = [replace(response, completion_key=number, flags=[]) for number, response in enumerate(drawn)]
        result = compared(decide(given_), {})
        return result.kept, result.dropped, result.changed

    found = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity._Chains, "_first_alike", asking_each)
        assert found == outcome()


def of_other_times(form: str, n: int) -> Response:
    return replace(PLAIN, form=form, created=n // 2, body=str(n))


def of_other_texts(form: str, n: int) -> Response:
    """As recorders redact ids, where servers tell no time."""
    return replace(PLAIN, form=form, created=0, body=str(n), folded=str(n))


def of_other_calls(form: str, n: int) -> Response:
    """As a mock server gives one answer to all."""
    return replace(PLAIN, form=form, created=0, started_at=n, asked=None if n % 2 else "q")


def of_other_usage(form: str, n: int) -> Response:
    """Streams and stored answers with one text, of which each counts other tokens."""
    form = ("completion", "stream")[n % 2] if form == "stream" else form
    return replace(PLAIN, form=form, created=0, body=str(n), total_tokens=n)


@pytest.mark.parametrize("form", ["completion", "stream"])
@pytest.mark.parametrize("answer", [of_other_times, of_other_texts, of_other_calls, of_other_usage])
def test_answers_of_one_id_are_not_all_compared(
    answer: Callable[[str, int], Response], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers that draw ids from a thousand numbers give each to many answers: few of them are asked for one."""
    asked: list[int] = []
    for name in ("_same", "continues"):
        rule = getattr(identity, name)
        monkeypatch.setattr(identity, name, lambda *given_, rule=rule: asked.append(1) or rule(*given_))
    drawn = [replace(answer(form, n), completion_key=n, flags=[]) for n in range(400)]
    outcome = compared(decide([*drawn, replace(drawn[-1], completion_key=400)]), {})
    assert len(outcome.kept) == 400 and 0 < len(asked) <= 2 * 400


def test_the_order_of_equal_answers_does_not_matter() -> None:
    """Whichever of three copies and a twin comes first, one row is left."""
    copies = [replace(PLAIN, completion_key=n) for n in range(3)]
    twin = replace(PLAIN, completion_key=3, form="completion", usage="{}")
    for order in permutations([*copies, twin]):
        outcome = compared(decide([replace(response, duplicates=0, flags=[]) for response in order]), {})
        assert len(outcome.dropped) == 3 and not outcome.merged
        assert [row.duplicates for row in outcome.touched] == [3]


def test_what_continues_an_open_stream_and_what_does_not() -> None:
    opened = replace(PLAIN, ended=[])
    more = replace(PLAIN, has_role=False)
    assert continues([opened], more)
    assert not continues([PLAIN], replace(more, has_role=True))  # its choice has ended, and this begins again
    assert not continues([PLAIN], replace(more, created=2))
    assert continues([PLAIN], more)  # as Together ends each of several tool calls with a reason
    assert not continues([replace(opened, flags=["closed_early"])], more)
    assert continues([PLAIN], replace(more, speaking=[], indexes=[]))  # usage alone
    assert not continues([replace(PLAIN, in_body=True)], more)  # that body is whole
    assert continues([replace(PLAIN, in_body=True)], replace(more, speaking=[], indexes=[]))
    assert not continues([opened], replace(more, model="n"))
    assert not continues([opened], replace(PLAIN, created=2))  # a fresh start
    assert not continues([replace(opened, form="completion")], more)

"""What the caller may ask of a reading: a container by name, texts hashed or left out, a row for each chunk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from ingested import Rows, stored

import chatlogs
from chatlogs.errors import OptionError
from chatlogs.moving.ingest import ingest
from chatlogs.reading.asked import CONTAINERS, WRAPPED
from chatlogs.reading.hosted import HOSTED
from chatlogs.reading.wrappers import WRAPPERS

NewStore = Callable[[], Path]
SECRET = "a text that nobody may keep"
REQUEST = {
    "model": "m",
    "temperature": 0.5,
    "messages": [{"role": "user", "content": [{"type": "text", "text": SECRET}]}, {"role": "user", "content": SECRET}],
    "tools": [{"type": "function", "function": {"name": "f", "description": SECRET}}],
    "metadata": {"project": "p"},
}


def answer(text: str = SECRET, **top: Any) -> dict[str, Any]:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"q": text})}}
    message = {"role": "assistant", "content": text, "refusal": text, "reasoning": text, "tool_calls": [call]}
    message |= {"annotations": [{"type": "url_citation", "url_citation": {"title": text, "start_index": 3}}]}
    logprobs = {"content": [{"token": text, "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": logprobs, "x": {"said": text}}
    fields = {"id": "c1", "object": "chat.completion", "created": 1767225600, "model": "m", "choices": [choice]}
    return {**fields, "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, "echo": text, **top}


def chunks(text: str = SECRET, **top: Any) -> list[dict[str, Any]]:
    fields = {"id": "c2", "object": "chat.completion.chunk", "created": 1767225600, "model": "m", **top}
    steps = [({"role": "assistant"}, None), *(({"content": part}, None) for part in text.split("|")), ({}, "stop")]
    return [{**fields, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in steps]


def log(path: Path, *records: Any) -> Path:
    path.write_text("".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records))
    return path


def texts(rows: Rows) -> Iterator[str]:
    for table in rows.values():
        for row in table:
            yield from (str(value) for value in row.values())


# --- content -----------------------------------------------------------------------------------------------------


@pytest.fixture
def wrapped(tmp_path: Path) -> Path:
    """Exchanges that say the same secret in every place there is, and a broken line that holds it."""
    exchange = {"request": REQUEST, "response": answer()}
    stream = {"request": REQUEST, "response": chunks(f"{SECRET}|{SECRET}")}
    return log(tmp_path / "log.jsonl", exchange, stream, f'{{"broken": "{SECRET}\n')


@pytest.mark.parametrize("content", ["hash", "none"])
def test_no_text_is_kept_anywhere(new_store: NewStore, wrapped: Path, content: str) -> None:
    store = new_store()
    assert ingest(wrapped, store, content=content, logprobs=True, chunks=True).balanced
    rows = stored(store)
    assert len(rows["completions"]) == 2 and len(rows["rejects"]) == 1
    assert not [text for text in texts(rows) if SECRET in text]
    for file in store.rglob("*.parquet"):
        assert SECRET.encode() not in file.read_bytes()


@pytest.mark.parametrize("content", ["hash", "none"])
def test_what_is_derived_from_texts_stays(new_store: NewStore, wrapped: Path, content: str) -> None:
    """All columns but the texts are those of a store that keeps them."""
    found = []
    for kept in ("keep", content):
        store = new_store()
        ingest(wrapped, store, content=kept, logprobs=True, chunks=True)
        found.append(stored(store))
    hidden = {
        "content", "reasoning", "refusal", "annotations", "extra", "arguments", "request", "content_parts",
        "tool_calls", "token", "bytes", "top_logprobs", "raw", "text_digest", "audio",
    }  # fmt: skip
    for table in found[0]:
        plain, other = ([{k: v for k, v in row.items() if k not in hidden} for row in rows[table]] for rows in found)
        assert sorted(plain, key=str) == sorted(other, key=str), table
    (call,) = found[1]["tool_calls"]
    assert call["arguments_valid"] is True and call["name"] == "f"
    assert {row["content_length"] for row in found[1]["chunks"]} == {0, len(SECRET)}
    assert [json.loads(row["metadata"]) for row in found[1]["completions"]] == [{"project": "p"}] * 2


def test_names_and_numbers_of_unknown_fields_stay(new_store: NewStore, wrapped: Path) -> None:
    store = new_store()
    ingest(wrapped, store, content="none")
    choice = next(row for row in stored(store)["choices"] if row["annotations"])
    assert json.loads(choice["annotations"]) == [{"type": None, "url_citation": {"title": None, "start_index": 3}}]
    assert json.loads(choice["extra"]) == {"x": {"said": None}}


def test_a_hash_is_that_of_the_text_alone(new_store: NewStore, tmp_path: Path) -> None:
    """Equal texts have equal hashes: in any log, store and column."""
    import hashlib

    store = new_store()
    ingest(log(tmp_path / "a.jsonl", *chunks("Hel|lo"), answer("Hello")), store, content="hash")
    expected = "sha256:" + hashlib.sha256(b"Hello").hexdigest()
    rows = stored(store)
    assert {row["content"] for row in rows["choices"]} == {expected}


@pytest.mark.parametrize("content", ["keep", "hash", "none"])
def test_equal_answers_are_told_without_their_texts(new_store: NewStore, tmp_path: Path, content: str) -> None:
    """A repeat is left out, and what differs in its text alone is another answer; read again, nothing changes."""
    one, other = answer("one"), answer("two")
    first = log(tmp_path / "a.jsonl", one, one, other)
    second = log(tmp_path / "b.jsonl", other, *chunks("a|b"))
    store = new_store()
    assert ingest(first, store, content=content).duplicates == 1
    assert ingest(second, store, content=content).duplicates == 1
    rows = stored(store)
    assert sorted(row["duplicates"] for row in rows["completions"]) == [0, 1, 1]
    assert sum("id_collision" in row["flags"] for row in rows["completions"]) == 2
    assert ingest([first, second], store, content=content).ingest_id is None
    assert stored(store) == rows


@pytest.mark.parametrize(("first", "second"), list(permutations(["keep", "hash", "none"], 2)))
def test_answers_are_told_however_their_texts_are_kept(
    new_store: NewStore, tmp_path: Path, first: str, second: str
) -> None:
    """A store may hold both: the same answer, once with its texts and once without, is one row; another text is not."""
    store = new_store()
    ingest(log(tmp_path / "a.jsonl", answer("one"), *chunks("a|b")), store, content=first)
    again = log(tmp_path / "b.jsonl", answer("two"), answer("one"), *chunks("a|b"), answer("one", id="c9"))
    assert ingest(again, store, content=second).duplicates == 2
    assert sorted(row["id"] for row in stored(store)["completions"]) == ["c1", "c1", "c2", "c9"]


@pytest.mark.parametrize("content", ["hash", "none"])
def test_a_stream_goes_on_without_its_text(new_store: NewStore, tmp_path: Path, content: str) -> None:
    """The parts' hashes stand one after the other, as nobody can join the texts any more."""
    said = chunks("one|two")
    store = new_store()
    ingest(log(tmp_path / "a.jsonl", *said[:2]), store, content=content)
    ingest(log(tmp_path / "b.jsonl", *said[2:]), store, content=content)
    rows = stored(store)
    (row,), (choice,) = rows["completions"], rows["choices"]
    assert (row["status"], row["chunk_count"], choice["finish_reason"]) == ("complete", 4, "stop")
    assert (choice["content"] or "").count("sha256:") == (2 if content == "hash" else 0)
    assert len(choice["text_digest"] or "") == (128 if content == "none" else 0)


@pytest.mark.parametrize(("first", "second"), list(permutations(["keep", "hash", "none"], 2)))
def test_a_stream_is_kept_by_the_least_of_its_parts(
    new_store: NewStore, tmp_path: Path, first: str, second: str
) -> None:
    """Half a text beside the hash of the other half would be taken for one."""
    said = chunks("one|two")
    rows = []
    for contents in ((first, second), (max(first, second, key=["keep", "hash", "none"].index),) * 2):
        store = new_store()
        ingest(log(tmp_path / "a.jsonl", *said[:2]), store, content=contents[0])
        ingest(log(tmp_path / "b.jsonl", *said[2:]), store, content=contents[1])
        rows.append(stored(store)["choices"])
    assert rows[0] == rows[1]


# --- containers --------------------------------------------------------------------------------------------------


def test_a_container_is_told_by_its_name(new_store: NewStore, tmp_path: Path) -> None:
    """A record whose keys say one thing is read as another when that is asked for."""
    path = log(tmp_path / "a.jsonl", {"response": answer("one"), "input": REQUEST, "timestamp": 1767225600})
    for name, messages in ((None, 2), ("exchange", 2), ("helicone", 0)):
        store = new_store()
        report = ingest(path, store, container=name)
        rows = stored(store)
        assert len(rows["messages"]) == messages and len(rows["rejects"]) == (name == "helicone"), name
        assert report.sources[0].container == ("exchange" if name == "exchange" else "jsonl")


def test_jsonl_is_never_laid_out(new_store: NewStore, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{\n" + json.dumps(answer())[1:] + "\n" + json.dumps(answer(id="c9")) + "\n")
    assert ingest(path, new_store(), container="json").responses == 2
    assert ingest(path, new_store(), container="jsonl").sources[0].container == "jsonl"


def test_every_container_that_is_read_is_described() -> None:
    assert set(WRAPPED) == {*HOSTED, *(row.name for row in WRAPPERS)}


@pytest.mark.parametrize("name", CONTAINERS)
def test_any_container_may_be_asked_of_any_log(new_store: NewStore, tmp_path: Path, name: str) -> None:
    path = log(
        tmp_path / "a.jsonl", answer(), *chunks(), {"request": REQUEST, "response": answer(id="c9")}, "{broken\n"
    )
    assert ingest(path, new_store(), container=name).balanced


def test_an_unknown_container_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = log(tmp_path / "a.jsonl", answer())
    with pytest.raises(OptionError, match=r"there is no container 'helicon'. Did you mean 'helicone'"):
        chatlogs.read(path, container="helicon")
    with pytest.raises(OptionError, match=r"there is no content 'hashed'. Did you mean 'hash'"):
        ingest(path, tmp_path / "store", content="hashed")
    assert not (tmp_path / "store").exists()


# --- chunks ------------------------------------------------------------------------------------------------------


def test_chunks_have_rows_when_asked_for(new_store: NewStore, tmp_path: Path) -> None:
    path = log(tmp_path / "a.jsonl", *chunks("one|two"), answer())
    store = new_store()
    ingest(path, store)
    assert stored(store)["chunks"] == []
    asked = new_store()
    ingest(path, asked, chunks=True)
    rows = stored(asked)
    found = sorted((row["chunk_index"], row["content_length"], row["finish_reason"]) for row in rows["chunks"])
    assert found == [(0, 0, None), (1, 3, None), (2, 3, None), (3, 0, "stop")]
    assert {row["arrived_at"] for row in rows["chunks"]} == {None}
    assert {k: v for k, v in rows.items() if k != "chunks"} == {k: v for k, v in stored(store).items() if k != "chunks"}


TIMES = {
    "iso": "2026-01-01T00:00:0{}.250Z data: {}\n2026-01-01T00:00:0{}.250Z \n",
    "seconds": "176722560{}.25 data: {}\n\n",
    "brackets": "[2026-01-01 00:00:0{}.250] data: {}\n",
    "bare JSON": "2026-01-01T00:00:0{}.250+00:00 {}\n",
    "a field": None,
}


@pytest.mark.parametrize("name", TIMES)
def test_capture_times_fill_the_times_of_the_answer(new_store: NewStore, tmp_path: Path, name: str) -> None:
    """Beside the chunk or before its line; a body still ends with [DONE]."""
    form = TIMES[name]
    path = tmp_path / "a.log"
    with path.open("w") as file:
        for id in ("c2", "c3"):
            for number, chunk in enumerate(chunks("Hel|lo", id=id)):
                if form is None:
                    file.write(json.dumps({"received_at": f"2026-01-01T00:00:0{number}.25Z", "chunk": chunk}) + "\n")
                else:
                    file.write(form.format(number, json.dumps(chunk), number))
            file.write(form.format(5, "[DONE]", 5) if form and "data:" in form else "")
    store = new_store()
    report = ingest(path, store)
    assert report.balanced and report.rejects == 0
    rows = stored(store)
    assert [choice["content"] for choice in rows["choices"]] == ["Hello", "Hello"]
    for row in rows["completions"]:
        assert row["first_chunk_at"].isoformat() == "2026-01-01T00:00:00.250000+00:00"
        assert row["last_chunk_at"].isoformat() == "2026-01-01T00:00:03.250000+00:00"
    assert len(rows["chunks"]) == 8


# --- what was asked stands in another log -----------------------------------------------------------------------


def batch(number: int, **more: Any) -> dict[str, Any]:
    return {"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST | more}


def result(number: int) -> dict[str, Any]:
    body = answer(f"answer {number}", id=f"c{number}")
    return {
        "id": f"b{number}",
        "custom_id": f"r{number}",
        "response": {"status_code": 200, "body": body},
        "error": None,
    }


@pytest.mark.parametrize("order", list(permutations(["input", "output", "errors"])), ids="-".join)
def test_a_batch_is_joined_with_its_input(new_store: NewStore, tmp_path: Path, order: tuple[str, ...]) -> None:
    log(tmp_path / "input.jsonl", *(batch(number, seed=number) for number in range(4)))
    log(tmp_path / "output.jsonl", result(2), result(0))
    log(
        tmp_path / "errors.jsonl", {"id": "b1", "custom_id": "r1", "response": None, "error": {"code": "batch_expired"}}
    )
    store = new_store()
    report = ingest([tmp_path / f"{name}.jsonl" for name in order], store)
    assert report.balanced and report.rejects == 0 and report.responses == 3
    rows = stored(store)
    assert {row["custom_id"]: row["seed"] for row in rows["completions"]} == {"r0": 0, "r1": 1, "r2": 2}
    assert all(row["request_model"] == "m" and row["temperature"] == 0.5 for row in rows["completions"])
    assert len(rows["messages"]) == 6


def test_two_batches_with_one_custom_id_give_no_request(new_store: NewStore, tmp_path: Path) -> None:
    one, two = log(tmp_path / "a.jsonl", batch(0, seed=1)), log(tmp_path / "b.jsonl", batch(0, seed=2))
    store = new_store()
    ingest([one, two, log(tmp_path / "output.jsonl", result(0))], store)
    (row,) = stored(store)["completions"]
    assert row["seed"] is None and "ambiguous_request" in row["flags"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("apart", [True, False])
def test_stored_completions_get_their_messages(
    new_store: NewStore, tmp_path: Path, indent: int | None, apart: bool
) -> None:
    """Pages of answers and pages of messages, in files of their own or in one; what follows is told."""

    def page(data: list[Any], *, more: bool = False) -> str:
        return json.dumps({"object": "list", "data": data, "has_more": more}, indent=indent) + "\n"

    def message(number: int) -> dict[str, Any]:
        return {"id": f"c1-{number}", "role": "user", "content": f"m{number}", "content_parts": None, "name": None}

    pages = [page([message(2)]), page([answer(), answer(id="c9")], more=True), page([message(1), message(0)]), page([])]
    if apart:
        paths = [log(tmp_path / f"{number}.json", text) for number, text in enumerate(pages)]
    else:
        paths = [log(tmp_path / "all.json", *pages)]
    store = new_store()
    report = ingest(paths, store)
    assert report.balanced and report.rejects == 0 and report.responses == 2
    rows = stored(store)
    key = next(row["completion_key"] for row in rows["completions"] if row["id"] == "c1")
    found = sorted((row["message_index"], row["content"]) for row in rows["messages"])
    assert found == [(0, "m0"), (1, "m1"), (2, "m2")]
    assert {row["completion_key"] for row in rows["messages"]} == {key}
    assert [note.endswith("fetch them too") for note in report.notes] == ([True] if apart else [])

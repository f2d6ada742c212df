"""A log is read from where it is known to, and what is known of it then is true of the bytes that were read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ingested import stored
from log_lines import dumps, obj

from chatlogs.errors import SourceError
from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems
from chatlogs.moving import ledger
from chatlogs.moving.ingest import ingest

NewStore = Callable[[], Path]


def answer(number: int) -> bytes:
    message = obj(role="assistant", content=f"answer {number}")
    choice = obj(index=0, message=message, finish_reason="stop")
    return dumps(obj(id=f"c{number}", object="chat.completion", created=1, model="m", choices=[choice])) + b"\n"


def answers(*numbers: int) -> bytes:
    return b"".join(map(answer, numbers))


def event(content: str, finish: str | None = None) -> bytes:
    choice = obj(index=0, delta=obj(content=content), finish_reason=finish)
    return b"data: %b\n\n" % dumps(obj(id="c1", object="chat.completion.chunk", created=1, model="m", choices=[choice]))


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Lets something happen when all logs were looked up, before any is read."""

    def when(happens: Callable[[], Any]) -> None:
        look_up = ledger.look_up

        def then(*args: Any) -> Any:
            found = look_up(*args)
            happens()
            return found

        monkeypatch.setattr("chatlogs.moving.ledger.look_up", then)

    yield when
    monkeypatch.undo()


@pytest.mark.parametrize("cut", [0, 30], ids=["whole lines", "the last line cut"])
@pytest.mark.parametrize(
    "other",
    [answers(11, 12, 13, 14), answers(11), b"", answers(1, 12, 3, 4)],
    ids=["longer", "short", "empty", "mixed"],
)
def test_a_log_exchanged_after_it_was_looked_up_is_read_as_it_is_now(
    new_store: NewStore, tmp_path: Path, meanwhile: Callable[[Callable[[], Any]], None], cut: int, other: bytes
) -> None:
    """As by a rotation that copies a log and truncates it: what came in its place is a log of its own."""
    path, store = tmp_path / "app.log", new_store()
    data = answers(1, 2, 3)
    path.write_bytes(data[: len(data) - cut])
    ingest(path, store)
    path.write_bytes(answers(1, 2, 3, 4))
    meanwhile(lambda: path.write_bytes(other))
    ingest(path, store, block_bytes=100)
    numbers = {1, 2, *([] if cut else [3]), *(n for n in (11, 12, 13, 14, 1, 3, 4) if answer(n) in other)}
    assert {row["id"] for row in stored(store)["completions"]} == {f"c{number}" for number in numbers}
    assert problems(Store.open(store)) == []


def test_a_log_exchanged_again_and_again_is_refused(
    new_store: NewStore, tmp_path: Path, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    path, store, numbers = tmp_path / "app.log", new_store(), count(11)
    path.write_bytes(answers(1, 2, 3))
    ingest(path, store)
    before = stored(store)
    path.write_bytes(answers(1, 2, 3, 4))
    meanwhile(lambda: path.write_bytes(answer(next(numbers))))
    with pytest.raises(SourceError, match="changed while it was read; ingest it again"):
        ingest(path, store)
    assert stored(store) == before and problems(Store.open(store)) == []


def test_a_log_that_grew_after_it_was_looked_up_is_known(
    new_store: NewStore, tmp_path: Path, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    """By its first bytes, of which there were few then."""
    path, store = tmp_path / "app.log", new_store()
    path.write_bytes(answer(1)[:20])
    meanwhile(lambda: path.write_bytes(answers(1, 2, 3)))
    ingest(path, store)
    assert len(stored(store)["completions"]) == 3
    assert [source.known for source in ingest(path, store).sources] == [True]


@pytest.mark.parametrize("events", [2, 1200])
def test_what_a_log_left_open_is_read_again_only_where_that_is_little(
    new_store: NewStore, tmp_path: Path, events: int
) -> None:
    """A body of more than a megabyte goes on with its stored part, as a stream of bare lines does."""
    path, store = tmp_path / "app.sse", new_store()
    begun = b"".join(event("x" * 1000) for _ in range(events))
    path.write_bytes(begun)
    ingest(path, store)
    (row,) = stored(store)["sources"]
    assert row["resume_offset"] == (0 if events == 2 else row["size"])
    path.write_bytes(begun + event("y", finish="stop") + b"data: [DONE]\n\n")
    ingest(path, store)
    rows = stored(store)
    assert [(row["status"], row["chunk_count"]) for row in rows["completions"]] == [("complete", events + 1)]
    assert [len(row["content"]) for row in rows["choices"]] == [events * 1000 + 1]

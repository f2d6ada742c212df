"""Logs are told apart by what they hold, never by their names: rotated ones, and those of one name in two folders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import Rows, stored
from log_lines import dumps, obj

from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems
from chatlogs.moving.ingest import ingest
from chatlogs.tally import IngestReport

NewStore = Callable[[], Path]
NAMED = ("completion_key", "source", "source_key")  # what may hang on a log's name, and on how long it was at first
COUNTED = ("content_hash", "size", "lines", "blank", "ignorable", "records", "rejects", "duplicates", "responses")


def stream(id_: str, texts: Sequence[str], **top: Any) -> list[bytes]:
    """The chunks of a stream, a text each; the last one ends it."""
    fields = {"id": id_, "object": "chat.completion.chunk", "created": 1700000000, "model": "m"} | top
    deltas = [obj(role="assistant", content=texts[0]), *(obj(content=text) for text in texts[1:])]
    ends = [None] * (len(texts) - 1) + ["stop"]
    choices = [[obj(index=0, delta=delta, finish_reason=end)] for delta, end in zip(deltas, ends, strict=True)]
    return [dumps(obj(**fields, choices=choice)) + b"\n" for choice in choices]


def answer(id_: str) -> bytes:
    choice = obj(index=0, message=obj(role="assistant", content=id_), finish_reason="stop")
    return dumps(obj(id=id_, object="chat.completion", created=1, model="m", choices=[choice])) + b"\n"


def read(store: Path, *paths: Path | str) -> IngestReport:
    report = ingest(list(paths), store)
    assert report.balanced
    return report


def contents(store: Path) -> list[str]:
    assert problems(Store.open(store)) == []
    return sorted(row["content"] for row in stored(store)["choices"])


class Log:
    """A log that is written and rotated by renaming: app.log, before it app.log.1, app.log.2, ..."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.rotations = folder, 0

    def write(self, data: bytes) -> None:
        with (self.folder / "app.log").open("ab") as log:
            log.write(data)

    def rotate(self) -> None:
        for number in range(self.rotations, -1, -1):
            name = f"app.log.{number}" if number else "app.log"
            (self.folder / name).rename(self.folder / f"app.log.{number + 1}")
        self.rotations += 1

    def read(self, store: Path) -> None:
        """Read from within the folder: the logs of two folders go by the same names."""
        with contextlib.chdir(self.folder):
            read(store, ".")


def told(store: Path) -> Rows:
    """All that a store tells of the logs, but for their names."""
    assert problems(Store.open(store)) == []
    rows = stored(store, without=NAMED)
    rows["sources"] = [{name: row[name] for name in COUNTED} for row in rows["sources"]]
    return {table: sorted(found, key=str) for table, found in rows.items()}


# --- streams over rotated logs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [b"", stream("late", ["a", "b"])[0]], ids=["as it was", "and grown by another stream"])
def test_a_rotated_log_goes_before_the_new_one_of_its_name(new_store: NewStore, tmp_path: Path, late: bytes) -> None:
    """What is added to a log just before it is rotated comes before what the next one begins with."""
    one, two, three = stream("c1", ["one ", "two ", "three "])
    log, store = Log(tmp_path / "logs"), new_store()
    log.write(one)
    log.read(store)
    log.write(two)
    log.rotate()
    log.write(late + three)
    log.read(store)
    assert "one two three " in contents(store)
    fresh = new_store()
    log.read(fresh)
    assert told(store) == told(fresh)


def test_each_log_counts_what_stands_in_it(new_store: NewStore, tmp_path: Path) -> None:
    """Duplicates and streams that go on are counted to the log they stand in, not to one that had its name."""
    lines = stream("c1", ["one ", "two ", "three "])
    log, store = Log(tmp_path / "logs"), new_store()
    log.write(answer("c2") + lines[0])
    log.read(store)
    log.write(lines[1])
    log.rotate()
    log.write(lines[2] + answer("c2") + answer("c2") + answer("c3"))
    with contextlib.chdir(log.folder):
        older, newer = read(store, ".").sources
    assert [(count.responses, count.duplicates) for count in (older, newer)] == [(0, 0), (3, 2)]
    ledger = sorted((row["log_number"], row["responses"], row["duplicates"]) for row in stored(store)["sources"])
    assert ledger == [(1, 2, 0), (2, 3, 2)]


def test_a_log_read_with_its_own_beginning_counts_each_part_by_itself(new_store: NewStore, tmp_path: Path) -> None:
    """A copy that was made earlier goes on with one stream of another log, what came after it with two more."""
    streams = [stream(f"c{n}", ["a", "b"]) for n in range(3)]
    (tmp_path / "first").write_bytes(b"".join(lines[0] for lines in streams))
    store = new_store()
    read(store, tmp_path / "first")
    (tmp_path / "copy").write_bytes(streams[0][1])
    (tmp_path / "whole").write_bytes(b"".join(lines[1] for lines in streams) + answer("own"))
    copy, whole = read(store, tmp_path / "copy", tmp_path / "whole").sources
    assert (copy.responses, whole.responses) == (0, 1)
    assert contents(store) == ["ab", "ab", "ab", "own"]


def written(folder: str, first: Sequence[int]) -> bytes:
    """Two streams, of which `first` tells whose chunk is next; then a blank line, a bad one and an answer."""
    streams = [stream(f"{folder}{n}", [f"{folder}{n}-{step} " for step in range(4)]) for n in range(2)]
    return b"".join(streams[n].pop(0) for n in first) + b"\n....\n" + answer(f"{folder}-last")


PARTS = st.lists(st.tuples(st.integers(1, 1800), st.booleans()), min_size=1, max_size=3)  # where to cut, and to rotate


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(*[st.permutations([0] * 4 + [1] * 4), PARTS] * 2)
def test_logs_read_after_each_step_are_as_if_read_at_the_end(
    new_store: NewStore,
    tmp_path_factory: pytest.TempPathFactory,
    order_a: list[int],
    cuts_a: list[tuple[int, bool]],
    order_b: list[int],
    cuts_b: list[tuple[int, bool]],
) -> None:
    """Written, cut anywhere, rotated, written on, in two folders at once: when they are read changes nothing."""
    root, store, fresh = tmp_path_factory.mktemp("logs"), new_store(), new_store()
    steps = []
    for folder, order, cuts in (("a", order_a, cuts_a), ("b", order_b, cuts_b)):
        log, data, begin = Log(root / folder), written(folder, order), 0
        for end, rotates in [*sorted(cuts), (len(data), False)]:
            steps.append((end, log, data[begin:end], rotates))
            begin = end
    for _, log, part, rotates in sorted(steps, key=lambda step: step[0]):
        log.write(part)
        if rotates:
            log.rotate()
            log.write(b"")
        log.read(store)
    for log in {id(log): log for _, log, _, _ in steps}.values():
        log.read(fresh)
    assert told(store) == told(fresh)


# --- rejects that a longer log makes void ------------------------------------------------------------------------


def test_the_reject_of_another_log_of_the_same_name_stays(new_store: NewStore, tmp_path: Path) -> None:
    """Two logs, cut at the same offset: when one of them is complete, the other is not."""
    lines, store = {folder: stream(folder * 2, ["x", "y"]) for folder in "ab"}, new_store()
    logs = {folder: Log(tmp_path / folder) for folder in lines}
    for folder, log in logs.items():
        log.write(lines[folder][0] + lines[folder][1][:40])
        log.read(store)
    logs["a"].write(lines["a"][1][40:])
    logs["a"].read(store)
    (reject,) = stored(store)["rejects"]
    assert reject["raw"] == lines["b"][1][:40].decode()
    logs["b"].write(lines["b"][1][40:])
    logs["b"].read(store)
    assert stored(store)["rejects"] == [] and contents(store) == ["xy", "xy"]


def test_a_log_whose_answer_another_holds_in_full_keeps_its_reject(new_store: NewStore, tmp_path: Path) -> None:
    """Its count of duplicates changes, but it was not read again."""
    store = new_store()
    (tmp_path / "cut").write_bytes(b"".join(stream("c1", ["x", "y"])) + stream("c2", ["z"])[0][:40])
    read(store, tmp_path / "cut")
    choice = obj(index=0, message=obj(role="assistant", content="xy"), finish_reason="stop")
    whole = obj(id="c1", object="chat.completion", created=1700000000, model="m", choices=[choice])
    (tmp_path / "whole").write_bytes(dumps(whole) + b"\n")
    read(store, tmp_path / "whole")
    assert contents(store) == ["xy"]
    ledger = sorted((row["log_number"], row["rejects"], row["duplicates"]) for row in stored(store)["sources"])
    assert ledger == [(1, 1, 1), (2, 0, 0)]
    assert [row["reason"] for row in stored(store)["rejects"]] == ["truncated_line"]


@pytest.mark.parametrize("one_run", [True, False], ids=["rejects in one file", "in files of their own"])
def test_logs_completed_together_leave_no_reject(new_store: NewStore, tmp_path: Path, one_run: bool) -> None:
    """Three grow and a fourth stays as it is: its reject and those of whole lines stay with it."""
    paths, store = [tmp_path / f"{n}.jsonl" for n in range(4)], new_store()
    data = [b"....\n" + answer(f"c{n}") * 2 for n in range(4)]
    for path, text in zip(paths, data, strict=True):
        path.write_bytes(text[:-30])
    for part in [paths] if one_run else [[path] for path in paths]:
        read(store, *part)
    for path, text in list(zip(paths, data, strict=True))[:3]:
        path.write_bytes(text)
    read(store, *paths)
    assert sorted(row["reason"] for row in stored(store)["rejects"]) == ["not_json"] * 4 + ["truncated_line"]

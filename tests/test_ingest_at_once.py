"""Ingests at once into one store: each is in it as if they had come one after the other; none gives up for nothing."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest
from ingested import stored

from chatlogs.keeping import staging
from chatlogs.keeping.staging import Staging
from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems
from chatlogs.moving.ingest import ingest


def line(id: str) -> bytes:
    """So short that some of them are less than what logs are told apart by."""
    return b'{"id":"%s","model":"m","choices":[{"index":0,"message":{"content":"x"}}]}\n' % id.encode()


def test_small_logs_that_others_read_meanwhile_are_no_reason_to_begin_again(tmp_path: Path) -> None:
    """Each time this ingest is about to commit, another has read one more log that is nothing of its own."""
    (tmp_path / "own.jsonl").write_bytes(line("own"))
    numbers = itertools.count()

    def meanwhile(_: int, __: int | None) -> None:
        other = tmp_path / f"other-{next(numbers)}.jsonl"
        other.write_bytes(line(other.stem))
        ingest(other, tmp_path / "store")

    ingest(tmp_path / "own.jsonl", tmp_path / "store", progress=meanwhile)
    assert next(numbers) == 1
    rows = stored(tmp_path / "store")
    assert {row["id"] for row in rows["completions"]} == {"own", "other-0"}
    assert problems(Store.open(tmp_path / "store")) == []


LOGS = {"short": line("a"), "long": line("a") + line("b"), "whole": b"".join(map(line, "abcdef")), "other": line("b")}
LOGS["empty"] = b""


@pytest.mark.parametrize(("own", "other"), [(own, other) for own in LOGS for other in LOGS])
def test_a_log_that_another_ingest_reads_meanwhile_is_read_once(tmp_path: Path, own: str, other: str) -> None:
    """Whichever of the two begins with the other."""
    paths = {side: tmp_path / f"{side}.jsonl" for side in ("own", "other")}
    paths["own"].write_bytes(LOGS[own])
    paths["other"].write_bytes(LOGS[other])
    for side in ("other", "own"):
        ingest(paths[side], tmp_path / "apart")
    begun: list[int] = []

    def meanwhile(_: int, __: int | None) -> None:
        begun.append(1)
        ingest(paths["other"], tmp_path / "store")

    ingest(paths["own"], tmp_path / "store", progress=meanwhile)
    if begun:
        assert stored(tmp_path / "store") == stored(tmp_path / "apart")


def test_a_folder_whose_owner_is_just_leaving_is_swept_without_a_word(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "store").path
    done = threading.Event()

    def come_and_go() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            with Staging(store, f"ingest-{number}"):
                pass

    owner = threading.Thread(target=come_and_go)
    owner.start()
    try:
        for _ in range(1500):
            staging.sweep(store)
    finally:
        done.set()
        owner.join()
    staging.sweep(store)
    assert not staging.leftovers(store)


def nameless(number: int) -> bytes:
    """An answer without an id, which is never taken for another: read twice, it would be there twice."""
    return b'{"model":"m","choices":[{"index":0,"message":{"content":"%d"}}]}\n' % number


@pytest.mark.parametrize("way", ["renamed", "copied and truncated"])
@pytest.mark.parametrize("known", [True, False])
def test_logs_that_are_rotated_while_others_are_read_are_read_once(tmp_path: Path, way: str, known: bool) -> None:
    """Between the look at all logs and the reading of the last one, each is under the name of the next."""
    (folder := tmp_path / "logs").mkdir()
    store, log, older, oldest = tmp_path / "store", folder / "app.log", folder / "app.log.1", folder / "app.log.2"
    older.write_bytes(b"".join(map(nameless, range(100))))
    log.write_bytes(b"".join(map(nameless, range(100, 200))))
    if known:
        ingest(folder, store)
        log.write_bytes(log.read_bytes() + nameless(200))
    (folder / "a.log").write_bytes(b"".join(map(nameless, range(1000, 3000))))  # is read first
    rotated: list[int] = []

    def meanwhile(done: int, _: int | None) -> None:
        if done and not rotated:
            rotated.append(done)
            older.rename(oldest)
            if way == "renamed":
                log.rename(older)
            else:
                older.write_bytes(log.read_bytes())
            log.write_bytes(nameless(300))

    ingest(folder, store, progress=meanwhile, threads=1, block_bytes=10_000)
    assert rotated
    ingest(folder, store)
    texts = sorted(int(row["content"]) for row in stored(store)["choices"])
    assert texts == [*range(201 if known else 200), 300, *range(1000, 3000)]
    assert problems(Store.open(store)) == []

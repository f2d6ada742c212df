"""A store outlives its writers: killed at any step, at any moment, several at once, on a full disk.

Children are forked from a server that has everything imported but has never run it, so a child starts
in milliseconds; a kill is a real SIGKILL of a real process.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from store_rows import ingest, state, tables_of, torn

from chatlogs.errors import StoreError
from chatlogs.keeping.store import Store
from chatlogs.keeping.upkeep import compact
from chatlogs.keeping.verify import problems
from chatlogs.schema import TABLES

KILLS = 30
STEPS = {"rename", "unlink", "fsync", "create_write_transaction", "mkdir"}


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["deltalake.transaction", "pyarrow.parquet", "pyarrow.compute", "chatlogs.keeping.upkeep", __name__]
    )
    yield context


@pytest.fixture
def path(tmp_path: Path) -> str:
    return Store.create(tmp_path / "store").path


def run(context: ForkServerContext, target: Callable[..., None], *args: Any) -> int | None:
    """The exit code of a child; minus the signal when it was killed."""
    child = context.Process(target=target, args=args)
    child.start()
    child.join(30)
    return child.exitcode


def kill_at(step: int) -> Callable[[], int]:
    """Let this process be killed on the way into its n-th step that touches the disk; tells how many it made."""
    seen = 0

    def watch(frame: FrameType, event: str, called: Any) -> None:
        nonlocal seen
        if event == "c_call" and called.__name__ in STEPS:
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    sys.setprofile(watch)
    return lambda: seen


def ingest_killed_at(path: str, step: int, log: int, times: int) -> None:
    store = Store.open(path)
    kill_at(step)
    ingest(store, f"killed-{log}-{times}", log, times)


def open_killed_at(path: str, step: int) -> None:
    kill_at(step)
    Store.open(path)


def create_killed_at(path: str, step: int) -> None:
    kill_at(step)
    Store.create(path)


def commit_forever(path: str, seed: int, told: Connection) -> None:
    """Read logs again and again, tell what is surely in, now and then compact."""
    rng = random.Random(seed)
    store = Store.open(path)
    told.send((0, 0))
    for n in range(1_000):
        if rng.random() < 0.1:
            compact(store)
        log = rng.randrange(1, 5)
        with store.lock():
            times = state(store).get(log, 0) + 1
            ingest(store, f"s{seed}-{n}", log, times)
        told.send((log, times))


def commit_some(path: str, worker: int, count: int) -> None:
    store = Store.open(path)
    for n in range(count):
        ingest(store, f"w{worker}-{n}", worker * 100 + n)
        with store.lock():
            ingest(store, f"w{worker}-{n}-shared", 0, state(store)[0] + 1)


def fill_the_disk(path: str, limit: int, told: Connection) -> None:
    """Ingest where no file may be larger than `limit` bytes; tells the error."""
    store = Store.open(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        ingest(store, "full", 1, times=2)
    except StoreError as error:
        told.send(str(error))


def test_a_kill_at_any_step_leaves_all_or_nothing(processes: ForkServerContext, path: str) -> None:
    """Step by step through a commit that replaces rows; whoever opens next sees the old or the new, whole."""
    ingest(Store.open(path), "first", 1)
    outcomes: set[int] = set()
    before = 1
    # The first steps write to staging and are all alike: a few of them will do.
    for step in (*range(0, 15, 5), *range(15, 200)):
        code = run(processes, ingest_killed_at, path, step, 1, before + 1)
        store = Store.open(path)
        now = state(store)[1]
        assert now in (before, before + 1), step
        assert torn(store, verify=step % 10 == 0) == [], step
        assert os.listdir(f"{path}/.staging") == ["gate"], step
        outcomes.add(now - before)
        before = now
        if code == 0:
            break
        assert code == -signal.SIGKILL, step
    else:
        pytest.fail("the commit never came to its end")
    assert problems(store) == []
    assert outcomes == {0, 1}
    assert step > 25


@pytest.mark.parametrize("step", [3, 25, 33])
def test_recovery_may_itself_be_killed_at_any_step(processes: ForkServerContext, path: str, step: int) -> None:
    ingest(Store.open(path), "first", 1)
    assert run(processes, ingest_killed_at, path, step, 1, 2) == -signal.SIGKILL
    for again in range(60):
        if run(processes, open_killed_at, path, again) == 0:
            break
    store = Store.open(path)
    assert state(store)[1] in (1, 2)
    assert torn(store) == []


def test_a_kill_while_the_store_is_made_is_no_harm(processes: ForkServerContext, tmp_path: Path) -> None:
    for step in range(0, 200, 9):
        path = str(tmp_path / f"store-{step}")
        code = run(processes, create_killed_at, path, step)
        store = Store.create(path)
        if step % 27 == 0 or code == 0:
            ingest(store, "one", 1)
            assert torn(store) == [], step
        if code == 0:
            return
    pytest.fail("the store was never made")


def test_kills_at_random_moments_lose_nothing_that_was_acknowledged(processes: ForkServerContext, path: str) -> None:
    rng = random.Random(20260102)
    acknowledged: dict[int, int] = {}
    for seed in range(KILLS):
        told, tell = processes.Pipe(duplex=False)
        child = processes.Process(target=commit_forever, args=(path, seed, tell))
        child.start()
        tell.close()
        told.recv()
        for _ in range(seed % 3):  # however slow the machine is, some commits are in
            log, times = told.recv()
            acknowledged[log] = times
        time.sleep(0.35 * rng.random())
        child.kill()
        child.join()
        try:
            while told.poll():
                log, times = told.recv()
                acknowledged[log] = times
        except EOFError:
            pass
        store = Store.open(path)
        found = state(store)
        assert torn(store, verify=seed % 3 == 0) == [], seed
        # One commit more than acknowledged may be in: it was killed between the commit and the telling.
        ahead = [found[log] - acknowledged.get(log, 0) for log in found]
        assert all(more in (0, 1) for more in ahead) and sum(ahead) <= 1, (seed, found, acknowledged)
        assert acknowledged.keys() <= found.keys()
        acknowledged = dict(found)
    assert sum(acknowledged.values()) > 3


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_that_commit_at_once_lose_nothing(processes: ForkServerContext, path: str, workers: int) -> None:
    ingest(Store.open(path), "shared", 0)
    count = 4
    children = [processes.Process(target=commit_some, args=(path, worker + 1, count)) for worker in range(workers)]
    for child in children:
        child.start()
    while any(child.is_alive() for child in children):
        # A reader beside them never sees half a commit, and never has to wait for one.
        assert set(Store.open(path).read(lambda snapshot: [len(snapshot.files(t)) > 0 for t in TABLES])) == {True}
        time.sleep(0.05)
    assert [child.exitcode for child in children] == [0] * workers
    store = Store.open(path)
    expected = {worker * 100 + n: 1 for worker in range(1, workers + 1) for n in range(count)}
    assert state(store) == {0: 1 + workers * count, **expected}
    assert torn(store) == []


@pytest.mark.parametrize("limit", [100, 3_000, 9_000])
def test_a_full_disk_leaves_the_store_as_it_was(processes: ForkServerContext, path: str, limit: int) -> None:
    ingest(Store.open(path), "first", 1)
    told, tell = processes.Pipe(duplex=False)
    assert run(processes, fill_the_disk, path, limit, tell) == 0
    sentence = told.recv()
    assert sentence.startswith("cannot ") and "File too large; the store is as it was." in sentence
    assert "\n" not in sentence
    store = Store.open(path)
    assert state(store) == {1: 1}
    assert torn(store) == []


def test_a_commit_that_fails_halfway_is_finished_later(path: str) -> None:
    """One table committed, the next cannot: readers see the old state, and the next to open finishes."""
    store = Store.open(path)
    ingest(store, "first", 1)
    obstacle = Path(path, "rejects", "_delta_log", f"{store.snapshot().version_of('rejects') + 1:020d}.json")
    obstacle.mkdir()
    with pytest.raises(StoreError, match="the commit will be finished when the store is opened next"):
        ingest(store, "second", 2)
    assert state(Store.open(path)) == {1: 1}
    assert len(problems(store)) == 1 and "cannot be finished" in problems(store)[0]
    obstacle.rmdir()
    store = Store.open(path)
    assert state(store) == {1: 1, 2: 1}
    assert torn(store) == []


def test_a_damaged_intent_says_how_to_go_on(path: str) -> None:
    store = Store.open(path)
    ingest(store, "first", 1)
    intent = Path(path, ".intent.json")
    intent.write_bytes(b"{")
    with pytest.raises(StoreError, match=r"\.intent\.json is damaged.*: remove it, and `chatlogs verify .*` tells"):
        ingest(store, "second", 2)
    assert state(Store.open(path)) == {1: 1} and "remove it" in problems(store)[0]
    intent.unlink()
    assert problems(store) == []
    ingest(store, "second", 2)
    assert state(store) == {1: 1, 2: 1}


def test_a_staged_file_that_vanished_undoes_the_commit(path: str) -> None:
    store = Store.open(path)
    ingest(store, "first", 1)
    with store.staging("second") as staging:
        add = {table: [staging.write(table, data)] for table, data in tables_of(2).items()}
        os.unlink(add["rejects"][0].path)
        with pytest.raises(StoreError, match="the store is as it was"):
            store.commit("second", add)
    assert state(store) == {1: 1}
    assert torn(store) == []

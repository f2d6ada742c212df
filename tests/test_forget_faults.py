"""A forgetting that is killed, disturbed or refused leaves the store as it was, or without what was to go."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from forgotten_log import LOG, SECRET, answer, holding, ingested, plain
from ingested import stored
from test_store_faults import kill_at
from test_store_faults import run as run_child

import chatlogs
from chatlogs.errors import StoreError
from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return ingested(tmp_path, "store", LOG)


@pytest.fixture
def log(store: Path) -> Path:
    return store.parent / "logs" / "app.jsonl"


@pytest.mark.parametrize("table", ["completions", "choices", "rejects", "sources"])
def test_a_damaged_store_is_told_by_its_file(store: Path, table: str) -> None:
    for path in (store / table).glob("2*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    before = {path: path.read_bytes() for path in store.rglob("*.parquet")}
    with pytest.raises(StoreError, match=f"{table}.* is missing or unreadable|cannot be read"):
        chatlogs.forget(store, "gone-1")
    assert {path: path.read_bytes() for path in store.rglob("*.parquet")} == before


def forget_killed_at(path: str, step: int) -> None:
    kill_at(step)
    chatlogs.forget(path, ["gone-1", "gone-2"])


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["deltalake.transaction", "pyarrow.parquet", "chatlogs.asking.forget", __name__])
    yield context


def test_a_kill_at_any_step_forgets_all_or_nothing(processes: ForkServerContext, store: Path, tmp_path: Path) -> None:
    """Step by step, each on a copy of the store; whoever opens it next finds the old rows or the new ones."""
    before = stored(store)
    after_path = Path(shutil.copytree(store, tmp_path / "after"))
    chatlogs.forget(after_path, ["gone-1", "gone-2"])
    after, outcomes = stored(after_path), []
    for step in range(0, 300, 8):
        path = Path(shutil.copytree(store, tmp_path / f"killed-{step}"))
        code = run_child(processes, forget_killed_at, str(path), step)
        opened = Store.open(path)
        now = stored(path)
        assert now in (before, after), step
        assert plain(path) == now, step
        assert os.listdir(path / ".staging") == ["gate"], step
        outcomes.append(now == after)
        if outcomes[-1]:
            assert holding(path, SECRET, "gone-2") == set(), step
        if step % 24 == 0:
            assert problems(opened) == [], step
        shutil.rmtree(path)
        if code == 0:
            break
        assert code == -signal.SIGKILL, step
    else:
        pytest.fail("it never came to its end")
    assert outcomes == sorted(outcomes) and False in outcomes and outcomes.count(True) > 3


def test_ingests_and_readers_beside_it_are_exact(store: Path, log: Path, tmp_path: Path) -> None:
    """Others read logs into the store, one of them the log that shrinks here and grows there, and ask it meanwhile."""
    number, failed = 6, []
    for n in range(number):
        (tmp_path / f"new-{n}.jsonl").write_bytes(answer(f"new-{n}", f"Grete {n}"))

    def read() -> None:
        try:
            for n in range(number):
                with log.open("ab") as file:
                    file.write(answer(f"more-{n}", f"Liese {n}"))
                chatlogs.ingest([tmp_path / f"new-{n}.jsonl", log], store, chunks=True, logprobs=True)
        except BaseException as error:
            failed.append(error)

    def ask() -> None:
        try:
            with chatlogs.open(store) as logs:
                while reader.is_alive():
                    seen = logs.sql("select count(*), count(distinct completion_key) from completions").row(0)
                    choices = logs.sql("select count(*) from choices anti join completions using (completion_key)")
                    assert seen[0] == seen[1] and choices.item() == 0
        except BaseException as error:
            failed.append(error)

    reader = threading.Thread(target=read)
    asker = threading.Thread(target=ask)
    reader.start()
    asker.start()
    forgotten = sum(chatlogs.forget(store, name).responses for name in ("gone-1", "gone-2", "other-1"))
    some = "id in ('new-1', 'more-2', 'new-5')"
    while reader.is_alive():
        forgotten += chatlogs.forget(store, where=some).responses
    reader.join()
    forgotten += chatlogs.forget(store, where=some).responses
    asker.join()
    assert failed == []
    assert forgotten == 6
    expected = {f"{kind}-{n}" for kind in ("new", "more") for n in range(number)} - {"new-1", "more-2", "new-5"}
    assert sorted(row["id"] for row in stored(store)["completions"]) == sorted({"kept-1", "kept-2", *expected})
    assert holding(store, SECRET) == set()
    assert problems(Store.open(store)) == []

"""An ingest that is killed, stopped or out of disk leaves the store as it was, or whole; running it again mends all."""

from __future__ import annotations

import gzip
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from ingested import Rows, stored
from log_lines import dumps, obj

import chatlogs
from chatlogs.errors import SourceError, StoreError
from chatlogs.keeping.store import Store
from chatlogs.keeping.verify import problems
from chatlogs.moving.ingest import ingest

KILLS = 30
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def chunk(number: int, text: str | None) -> bytes:
    delta, finish = (obj(), "stop") if text is None else (obj(content=text), None)
    entry = obj(index=0, delta=delta, finish_reason=finish)
    fields = {"object": "chat.completion.chunk", "created": 1700000000 + number, "model": f"m{number % 3}"}
    return dumps(obj(id=f"c{number}", **fields, choices=[entry])) + b"\n"


def completion(number: int) -> bytes:
    entry = obj(index=0, message=obj(role="assistant", content=f"answer {number}"), finish_reason="stop")
    fields = {"object": "chat.completion", "created": 1700000000 + number, "model": f"m{number % 3}"}
    return dumps(obj(id=f"c{number}", **fields, choices=[entry], usage=obj(total_tokens=number))) + b"\n"


class Scene:
    """A store that holds one log, and a second log that adds to it, repeats it and goes on with its streams."""

    def __init__(self, folder: Path) -> None:
        first, self.log = folder / "first.jsonl", folder / "second.jsonl"
        words = [chunk(n, text) for text in "abcdefghij" for n in range(1000)]
        first.write_bytes(b"".join(words[:4000]) + b"".join(map(completion, range(2000, 2500))) + b"....\n")
        later = [completion(n) for n in range(2400, 5000)] + [chunk(n, None) for n in range(1000)]
        self.log.write_bytes(b"".join(words[4000:] + later) + b"....\n")
        self.base, self.folder = folder / "base", folder
        ingest(first, self.base)
        self.before = counts(self.base)
        whole = self.copy("whole")
        started = time.monotonic()
        assert self.start(whole).wait() == 0
        self.seconds = time.monotonic() - started
        self.whole, self.rows = counts(whole), stored(whole)

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.base, self.folder / name))

    def start(self, store: Path, **options: object) -> subprocess.Popen[str]:
        """The second log's ingest, in a process of its own."""
        command = [sys.executable, "-m", "chatlogs", "ingest", str(self.log), "-o", str(store)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=ENVIRONMENT, text=True, **pipes, **options)  # type: ignore[call-overload, no-any-return]

    def is_whole(self, store: Path) -> bool:
        """Whether the second log is in; anything between before and after is an error. Every reader must work."""
        asked = chatlogs.open(store)
        found = asked.sql("select count(*) as n, sum(total_tokens) as t, sum(chunk_count) as c from completions").row(0)
        plain = counts(store)
        assert found == plain[:3]
        assert plain in (self.before, self.whole)
        return plain == self.whole


def counts(store: Path) -> tuple[int, ...]:
    """What plain DuckDB counts over the globs of the tables."""
    (answer,) = duckdb.sql(f"""
        select count(*), sum(total_tokens), sum(chunk_count), count(*) filter (status = 'complete'), sum(duplicates),
            (select count(*) from read_parquet('{store}/choices/*.parquet')),
            (select sum(len(content)) from read_parquet('{store}/choices/*.parquet')),
            (select count(*) from read_parquet('{store}/rejects/*.parquet')),
            (select sum(lines) from read_parquet('{store}/sources/*.parquet'))
        from read_parquet('{store}/completions/*.parquet')
    """).fetchall()
    return tuple(map(int, answer))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield Scene(tmp_path_factory.mktemp("faults"))


def check_rerun(scene: Scene, store: Path) -> None:
    """Running it again ends where an undisturbed run ends."""
    ingest(scene.log, store)
    rows: Rows = stored(store)
    assert rows == scene.rows
    assert problems(Store.open(store)) == []


def test_kills_at_random_moments_leave_whole_ingests_only(scene: Scene) -> None:
    """Thirty times kill -9, mostly while the ingest writes and commits; leftovers of one are there for the next."""
    rng = random.Random(20261122)
    store, outcomes = scene.copy("killed"), []
    for number in range(KILLS):
        child = scene.start(store)
        time.sleep(scene.seconds * rng.uniform(0.05, 1.0))
        child.kill()
        child.communicate()
        outcomes.append(scene.is_whole(store))
        if outcomes[-1] or number == KILLS // 2:
            check_rerun(scene, store)
            shutil.rmtree(store)
            store = scene.copy(f"killed-{number}")
    check_rerun(scene, store)
    assert not all(outcomes)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_ctrl_c_leaves_the_store_as_it_was_or_whole(scene: Scene, share: float) -> None:
    store = scene.copy(f"stopped-{share}")
    child = scene.start(store)
    time.sleep(scene.seconds * share)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    whole = scene.is_whole(store)
    # Python may exit by the signal itself, when that came while it imported: a shell shows both as 130.
    assert child.returncode in (130, -signal.SIGINT) or (whole and child.returncode == 0), said
    assert "Traceback" not in said
    check_rerun(scene, store)


@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_a_full_disk_is_one_sentence(scene: Scene, limit: int) -> None:
    """No file may grow past the limit: nothing half-written, and exit 1."""
    store = scene.copy(f"full-{limit}")

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    child = scene.start(store, preexec_fn=no_room)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 1, said
    sentences = [line for line in said.splitlines() if line.strip()]
    assert len(sentences) == 1 and "File too large" in sentences[0], said
    assert not scene.is_whole(store)
    check_rerun(scene, store)


@pytest.mark.parametrize(("name", "told"), [("cut.gz", "is damaged"), ("missing.jsonl", "does not exist")])
def test_a_log_that_cannot_be_read_leaves_nothing_behind(scene: Scene, name: str, told: str) -> None:
    """The good log beside it is not read either: an ingest is whole or not at all."""
    path = scene.folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(scene.log.read_bytes())[:-1000])
    store = scene.copy(f"bad-{name}")
    command = [sys.executable, "-m", "chatlogs", "ingest", str(scene.log), str(path), "-o", str(store)]
    done = subprocess.run(command, env=ENVIRONMENT, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert told in done.stderr and name in done.stderr and "Traceback" not in done.stderr
    assert not scene.is_whole(store)
    assert os.listdir(store / ".staging") in ([], ["gate"])


def test_a_first_ingest_that_fails_leaves_no_store(tmp_path: Path) -> None:
    """A store that was there before stays as it was."""
    broken, good, store = tmp_path / "broken.gz", tmp_path / "good.jsonl", tmp_path / "store"
    broken.write_bytes(gzip.compress(completion(1) * 1000)[:-20])
    good.write_bytes(completion(1))
    for logs in ([good, broken], [broken]):  # the store is made only when the first block is read
        with pytest.raises(SourceError, match="ends too early"):
            ingest(logs, store)
        assert not store.exists()
    ingest(good, store)
    before = stored(store)
    with pytest.raises(SourceError, match="ends too early"):
        ingest(broken, store)
    assert stored(store) == before


def test_a_store_that_cannot_be_made_takes_nothing(tmp_path: Path) -> None:
    """It is made while the first blocks are read; what fails there ends the ingest."""
    log, store = tmp_path / "log.jsonl", tmp_path / "store"
    log.write_bytes(completion(1))
    store.mkdir()
    (store / "completions").touch()
    with pytest.raises(StoreError, match="cannot make a store at"):
        ingest(log, store)
    (store / "completions").unlink()
    assert ingest(log, store).responses == 1
    assert problems(Store.open(store)) == []


def test_a_store_that_is_deleted_meanwhile_is_told_as_gone(tmp_path: Path) -> None:
    log, store = tmp_path / "log.jsonl", tmp_path / "store"
    log.write_bytes(completion(1))
    ingest(log, store)
    log.write_bytes(b"".join(map(completion, range(2, 100))))
    with pytest.raises(StoreError, match=r"there is no store at|is not a chatlogs store|cannot write|cannot be read"):
        ingest(log, store, progress=lambda *_: shutil.rmtree(store, ignore_errors=True))

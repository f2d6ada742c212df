"""What several test modules share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Run, runner
from hypothesis import settings

from chatlogs.keeping.store import Store

# A test that fails fails again, and none because the machine was busy.
settings.register_profile("chatlogs", deadline=None, derandomize=True)
settings.load_profile("chatlogs")


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Gives an empty store at each call: a copy, as making one takes a third of a second."""
    template = Store.create(tmp_path_factory.mktemp("template") / "store").path
    place = tmp_path_factory.mktemp("stores")
    count = 0

    def make() -> Path:
        nonlocal count
        count += 1
        return Path(shutil.copytree(template, place / str(count)))

    return make


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command: run("usage", "store", "--json") gives its exit code, stdout and stderr."""
    monkeypatch.delenv("CHATLOGS_DEBUG", raising=False)
    return runner(capfd)

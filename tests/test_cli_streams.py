"""Whatever the caller did to streams, disk or files: one sentence, no traceback, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import asked_store
import pytest

CHATLOGS = f"{sys.executable} -m chatlogs"
NO_RIGHTS = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search "


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return asked_store.make(tmp_path_factory.mktemp("streams") / "store")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(store: str, closed: str) -> None:
    done = shell(f"{CHATLOGS} usage {store} --csv {closed}")
    assert (done.returncode, "Error" in done.stderr) == (0, False)
    assert done.stdout.startswith("model,") or ">&-" in closed.split()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_named(store: str) -> None:
    done = shell(f"{CHATLOGS} sql 'from range(100000)' {store} --csv > /dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device.\n")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("{}\n")
    log.chmod(0)
    may_all = os.access(log, os.R_OK)
    if may_all and shell(f"{NO_RIGHTS} true").returncode:
        pytest.skip("this user may read everything")
    done = shell(f"{NO_RIGHTS if may_all else ''}{CHATLOGS} usage {log}")
    assert (done.returncode, done.stderr) == (1, f"Error: {log} cannot be read: Permission denied\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("usage --by modl", "unknown column 'modl'"),
        ("usage --since tomorow", "cannot read --since"),
        ("finish --sort nope", "unknown column 'nope'"),
        ("sql 'selec 1'", "syntax error"),
        ("sql 'drop table completions'", "only queries that read"),
    ],
)
def test_a_question_that_cannot_be_is_refused_before_logs_are_read(words: str, said: str) -> None:
    """A missing log would be told first if it was looked for."""
    done = shell(f"{CHATLOGS} {words} no-such-log.jsonl")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("Error: ") and said in done.stderr and "no-such-log" not in done.stderr

"""Whatever the caller did to streams, disk or files: one sentence, no traceback, the right exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(("words", "code"), [("ingest LOG -o NEW", 0), ("usage STORE", 0), ("usage STORE --no", 2)])
def test_words_that_cannot_be_said_change_no_code(store: str, tmp_path: Path, words: str, code: int) -> None:
    log, new = tmp_path / "log.jsonl", tmp_path / "new"
    log.write_text("{}\n")
    command = words.replace("LOG", str(log)).replace("NEW", str(new)).replace("STORE", store)
    assert shell(f"{CHATLOGS} {command} 2> /dev/full").returncode == code
    assert shell(f"{CHATLOGS} {command} 2>&1 > /dev/null | true; exit $PIPESTATUS").returncode == code


def test_a_reader_of_the_help_may_leave() -> None:
    for words in ("--help", "--version", "usage --help"):
        done = shell(f"{CHATLOGS} {words} | true; exit $PIPESTATUS")
        assert (done.returncode in (0, 141), done.stderr) == (True, "")  # 0 where it was written before it left


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_process_that_is_told_to_go_leaves_no_logs_behind(tmp_path: Path, number: signal.Signals) -> None:
    """What raw logs are read into lies in a folder for temporary files, and they are private."""
    log = tmp_path / "log"
    os.mkfifo(log)
    (places := tmp_path / "places").mkdir()
    command = [sys.executable, "-m", "chatlogs", "usage", str(log)]
    environment = os.environ | {"TMPDIR": str(places)}
    child = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # whoever runs these tests may ignore it
    )
    with open(log, "wb") as writer:  # from here on it reads
        writer.write(b"{}\n")
        writer.flush()
        deadline = time.monotonic() + 30
        while not list(places.glob("*/store/.staging/*/pipe-0")) and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
    assert child.returncode == 128 + number and len(said.strip().splitlines()) == 1, said
    assert list(places.iterdir()) == []


def test_a_signal_that_the_caller_ignores_is_ignored(store: str) -> None:
    """As nohup has it."""
    script = "import os, signal, sys\nfrom chatlogs import cli\nfrom chatlogs.asking import logs\n"
    script += "found = logs.Logs.open"
    script += "\ndef hung_up(path):\n    os.kill(os.getpid(), signal.SIGHUP)\n    return found(path)"
    script += f"\nlogs.Logs.open = hung_up\nsys.argv = ['chatlogs', 'usage', {store!r}, '--csv']\ncli.main()"
    done = subprocess.run(["nohup", sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:6]) == (0, "model,"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process so")
def test_too_little_memory_is_one_sentence(store: str) -> None:
    done = shell(f"ulimit -v 300000; {CHATLOGS} usage {store}")
    assert (done.returncode, done.stderr) == (1, "Error: there is not enough memory for this.\n")


def test_an_engine_that_panics_is_one_sentence(store: str) -> None:
    """Engines written in Rust say what happened themselves, and raise what is no Exception."""
    done = shell(f"POLARS_MAX_THREADS=0 {CHATLOGS} usage {store}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: chatlogs failed unexpectedly (PanicException: ")


HAS_NAMESPACES = sys.platform == "linux" and not shell("unshare -m mount --make-rprivate /").returncode


@pytest.mark.parametrize("part", ["completions", "completions/_delta_log", "sources", "."])
def test_a_part_of_a_store_that_may_not_be_read_is_told_as_such(tmp_path: Path, part: str) -> None:
    """And not as one that is not there, or is damaged."""
    store = asked_store.make(tmp_path / "store")
    (place := tmp_path / "store" / part).chmod(0)
    may_all = os.access(place, os.R_OK)
    if may_all and shell(f"{NO_RIGHTS} true").returncode:
        pytest.skip("this user may read everything")
    done = [
        shell(f"{NO_RIGHTS if may_all else ''}{CHATLOGS} {words} {store}") for words in ("usage", "verify", "compact")
    ]
    place.chmod(0o755)
    for one in done:
        assert one.returncode == 1 and "Permission denied" in one.stdout + one.stderr, one
        assert "not a chatlogs store" not in one.stdout + one.stderr
    assert shell(f"{CHATLOGS} verify {store}").returncode == 0


READ_ONLY = "mount -o remount,ro,bind / && ! touch /tmp/any /var/tmp/any 2>&-"


@pytest.mark.skipif(
    not HAS_NAMESPACES or shell(f"unshare -m sh -c '{READ_ONLY}'").returncode != 0,
    reason="the whole disk can be made read-only by root on Linux only",
)
def test_a_store_on_a_read_only_disk_is_asked_as_any(store: str, tmp_path: Path) -> None:
    """As in a container whose root is read-only, with no folder for temporary files."""
    (log := tmp_path / "log.jsonl").write_text("{}\n")

    def told(words: str) -> subprocess.CompletedProcess[str]:
        return shell(f"unshare -m sh -c '{READ_ONLY} && {words}'")

    for words in ("usage", "verify", "audit"):
        expected = shell(f"{CHATLOGS} {words} {store}")
        done = told(f"{CHATLOGS} {words} {store}")
        assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, expected.stderr)
    done = told(f"{CHATLOGS} usage {log}")
    assert done.returncode == 1 and done.stderr.startswith("Error: no folder for temporary files can be written to")
    done = told(f"{CHATLOGS} ingest {log} -o {store}")
    assert done.returncode == 1 and "Read-only file system" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not HAS_NAMESPACES, reason="disks can be made small by root on Linux only")
@pytest.mark.parametrize("path", ["LOG", "- < LOG"])
def test_a_full_folder_for_temporary_files_is_named(tmp_path: Path, path: str) -> None:
    log, full = tmp_path / "log.jsonl", tmp_path / "full"
    log.write_bytes(b"....\n" * 100_000)
    full.mkdir()
    command = f"mount -t tmpfs -o size=64k none {full} && {CHATLOGS} usage {path.replace('LOG', str(log))}"
    done = shell(f"export TMPDIR={full}; unshare -m sh -c '{command}'")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert f"{full}/chatlogs-" in done.stderr and "No space left on device" in done.stderr


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

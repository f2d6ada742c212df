"""One process, measured from outside: wall time, CPU time, peak memory.

CPU and memory are what the kernel says of the whole process (wait4). The measuring process itself must stay
small: Linux counts the memory of whoever starts a process towards that process's peak.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSIONS = """
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        print(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pass
"""


@dataclass(frozen=True)
class Measurement:
    """`wall` and `cpu` in seconds (CPU of all its threads), `memory` in bytes at its peak."""

    wall: float
    cpu: float
    memory: float


class Failed(Exception):
    """A contender did not finish; says what it said last."""


def measure(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, exit_code: int = 0
) -> Measurement:
    """Run `command` to its end; raises Failed when its exit code is another one."""
    os.sync()  # what others wrote before is not to be written while this one runs, which may wait for its own
    began = time.perf_counter()
    # As installed programs run, which keep their modules compiled.
    surroundings = {name: value for name, value in (env or os.environ).items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        command, cwd=cwd, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != exit_code:
        raise Failed((said.strip().splitlines() or [f"exit code {process.returncode}"])[-1][:100])
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes there, KiB elsewhere
    return Measurement(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def median(runs: Sequence[Measurement]) -> Measurement:
    """Each figure's median; the runs it comes from may differ."""
    return Measurement(
        statistics.median(run.wall for run in runs),
        statistics.median(run.cpu for run in runs),
        statistics.median(run.memory for run in runs),
    )


def scaled(sample: Measurement, empty: Measurement, factor: float) -> Measurement:
    """What `factor` times the sample would take: the cost of starting, counted once, plus the rest times `factor`.

    Memory is not scaled, it stays the sample's.
    """
    return Measurement(
        empty.wall + (sample.wall - empty.wall) * factor,
        empty.cpu + (sample.cpu - empty.cpu) * factor,
        sample.memory,
    )


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def machine() -> str:
    """The processor, cores, memory and system that everything ran on, in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {memory:.0f} GiB RAM, {_system()}, Python {platform.python_version()}"


def busy() -> str:
    """A warning when other programs kept this machine busy in the last minute; "" when it was quiet."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"Other programs kept {load:.1f} cores busy before the start, so times are too long. " if load > 0.5 else ""


def versions(python: str, names: Sequence[str]) -> dict[str, str]:
    """Which of the packages `names` that interpreter has, and in which version."""
    told = subprocess.run([python, "-c", VERSIONS, *names], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in told.splitlines())


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"] + f" (Linux {platform.release().split('-')[0]})"
    except OSError:
        return platform.platform(terse=True)

"""The process around a command: its streams, the signals that end it, and its end.

The rule: what the caller does to the process costs no answer and leaves nothing behind.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import signal
import sys
import types
from typing import NoReturn

# What asks a process to go; it cleans up and says so. `kill -9` cannot be heard.
_TOLD = {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Terminated.", signal.SIGHUP: "Hung up."}
_heard: list[int] = []


class _Unheard(io.FileIO):
    """Standard error, where what cannot be written is left: a full disk or a reader that has gone costs no answer."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return len(memoryview(data))  # type: ignore[arg-type]


def open_streams(*, own: bool) -> None:
    """Standard streams that can be used, whatever the caller closed; text that cannot be encoded is escaped.

    own: whether the process is ours, and its standard error with it.
    """
    if own and sys.stderr is not None:
        raw = io.BufferedWriter(_Unheard(sys.stderr.fileno(), "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, line_buffering=True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def hear_signals() -> None:
    """Let each signal that asks the process to go end it as Ctrl-C does; those that the caller ignores stay ignored."""
    for number in _TOLD:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _hear)


def _hear(number: int, _: types.FrameType | None) -> None:
    """What Python does on Ctrl-C, and a note of it: an engine that calls back may make an error of its own of it."""
    _heard.append(number)
    raise KeyboardInterrupt


def was_told_to_go() -> bool:
    """Whether such a signal came."""
    return bool(_heard)


def farewell() -> tuple[str, int]:
    """What to say of the signal that ended us, and the exit code, as shells give it."""
    number = _heard[0] if _heard else signal.SIGINT
    return _TOLD[signal.Signals(number)], 128 + number


def leave(code: int) -> NoReturn:
    """End the process without taking the engines down piece by piece, which takes longer than many an answer."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

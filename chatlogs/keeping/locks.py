"""Files that a living process holds, so that its absence can be told.

The rule: a lock is held by the kernel for a process (flock), never by the file being there, so whoever
is killed lets go at once and nothing has to be cleaned up by hand.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chatlogs.errors import StoreError

try:
    import fcntl
except ImportError:
    raise StoreError(
        "a store is held by locks that Windows does not have: run chatlogs under Linux, macOS or WSL."
    ) from None

_PAUSE = 0.02


class FileLock:
    """An exclusive lock on a file, for one process and one thread at a time.

    A thread that holds it may enter again; the file itself stays when the lock is let go.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._handle: int | None = None

    def acquire(self, timeout: float) -> bool:
        """Whether the lock was taken within `timeout` seconds; 0 tries once.

        Raises OSError when the file cannot be opened, for instance on a read-only disk.
        """
        deadline = time.monotonic() + timeout
        if not self._threads.acquire(timeout=max(timeout, 0.0)):
            return False
        try:
            taken = self._depth > 0 or self._take(deadline)
        except BaseException:
            self._threads.release()
            raise
        if taken:
            self._depth += 1
        else:
            self._threads.release()
        return taken

    def release(self) -> None:
        """Let go once; the kernel lock goes with the last of nested holds."""
        self._depth -= 1
        if self._depth == 0 and self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self._threads.release()

    def holder(self) -> str:
        """The process id that took the lock last, as text; empty when unknown."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                return file.read(20).strip()
        except OSError:
            return ""

    def _take(self, deadline: float) -> bool:
        while (handle := claim(self.path)) is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        self._handle = handle
        try:
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass  # the id is only for the message that others see; a full disk must not cost the lock
        return True


def claim(path: str) -> int | None:
    """An open handle that holds the lock on `path` until it is closed; None when another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def gate(path: str) -> Iterator[None]:
    """A lock for a moment's work: waits for as long as it takes."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

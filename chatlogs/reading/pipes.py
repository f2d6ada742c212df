"""Standard input and pipes in, files out: what can be read once only is copied before it is looked at."""

from __future__ import annotations

import os
import select
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from chatlogs.errors import SourceError
from chatlogs.reading.sources import Source

_PIPE_BYTES = 1 << 20
_PATIENCE = 0.5  # seconds between two looks at a pipe in which nothing comes


def spooled(sources: Sequence[Source], folder: str) -> list[Source]:
    """The sources with those that can be read only once copied to files in the folder."""
    result = []
    for number, source in enumerate(sources):
        if source.is_read_once:
            _let_ctrl_c_interrupt()
            path = os.path.join(folder, f"pipe-{number}")
            try:
                with open(path, "wb") as copy, _stream(source) as stream:
                    _copy(stream, copy)
            except OSError as error:
                raise SourceError(f"{source.name} cannot be copied to {folder}: {error.strerror}") from error
            source = Source(source.name, path)
        result.append(source)
    return result


def _copy(stream: IO[bytes], copy: IO[bytes]) -> None:
    """Copy all of it. No read waits: a signal that comes just before one would be heard when the pipe ends only."""
    try:
        handle = stream.fileno()
    except OSError:  # no file of the system, as where another program stands in for standard input
        shutil.copyfileobj(stream, copy, _PIPE_BYTES)
        return
    while True:
        while not select.select([handle], [], [], _PATIENCE)[0]:
            pass
        data = os.read(handle, _PIPE_BYTES)
        if not data:
            return
        copy.write(data)


def _let_ctrl_c_interrupt() -> None:
    """Let Ctrl-C end the wait for a writer as a pipe is opened: polars takes SIGINT so that such calls go on."""
    if hasattr(signal, "siginterrupt"):  # not on Windows
        signal.siginterrupt(signal.SIGINT, True)


@contextmanager
def _stream(source: Source) -> Iterator[IO[bytes]]:
    """What the source gives; standard input stays open."""
    try:
        stream = source.open()
    except OSError as error:
        raise SourceError(f"{source.name} cannot be read: {error.strerror}") from None
    if source.path is None:
        yield stream
    else:
        with stream:
            yield stream

"""DuckDB, started: where it puts what does not fit in memory.

The rule: nothing is spilled beside the caller's files, nor under a name that others can foresee; each engine has a
place of its own, and it goes when the engine or the process ends.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import threading
from typing import TYPE_CHECKING

from chatlogs import temporary

if TYPE_CHECKING:
    import duckdb

_numbers = itertools.count()
_folders: dict[int, str] = {}
_making = threading.Lock()


def connect(folder: str | None = None) -> duckdb.DuckDBPyConnection:
    """An engine that spills into the folder, which others cannot write to; into a temporary one when none is given.

    Where none can be made, it does with the memory there is.
    """
    import duckdb

    try:
        # Engines name their files alike, so that no two may share a folder.
        spill = os.path.join(folder or _private(os.getpid()), f"spill-{next(_numbers)}")
    except temporary.NoPlaceError:
        spill = ""
    return duckdb.connect(config={"temp_directory": spill})


def _private(process: int) -> str:
    """The process's own temporary folder; DuckDB makes those in it when it has something to spill."""
    with _making:
        if process not in _folders:
            _folders[process] = temporary.folder()
            atexit.register(_remove, process)
        return _folders[process]


def _remove(process: int) -> None:
    if process == os.getpid():
        shutil.rmtree(_folders.pop(process), ignore_errors=True)

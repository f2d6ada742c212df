"""The SQL of chatlogs, one statement a file; `text` reads one by name."""

from __future__ import annotations

import functools
from importlib import resources

TIME = "coalesce(created, started_at, first_chunk_at, ended_at)"
"""When a response was: as its server says, else by the logger's clock; days, filters and prices all go by it."""

HASHED = "'(sha256:[0-9a-f]{64})+'"
"""The pattern of a text that is kept by its hash; that of a stream which was read in parts has several."""


@functools.cache
def text(name: str, /, **parts: str) -> str:
    """The SQL of `name.sql`, with each {part} replaced by the text given for it, {time} by TIME, {hashed} by HASHED."""
    query = resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for part, replacement in {"time": TIME, "hashed": HASHED, **parts}.items():
        query = query.replace("{" + part + "}", replacement)
    return query

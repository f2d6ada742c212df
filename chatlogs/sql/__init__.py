"""The SQL of chatlogs, one statement a file; `text` reads one by name."""

from __future__ import annotations

import functools
from importlib import resources

TIME = "coalesce(created, started_at, first_chunk_at, ended_at)"
"""When a response was: as its server says, else by the logger's clock; days, filters and prices all go by it."""


@functools.cache
def text(name: str, /, **parts: str) -> str:
    """The SQL of `name.sql`, with each {part} replaced by the text given for it, and {time} by TIME."""
    query = resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8").replace("{time}", TIME)
    for part, replacement in parts.items():
        query = query.replace("{" + part + "}", replacement)
    return query

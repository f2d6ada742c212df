"""The SQL of chatlogs, one statement a file; `text` reads one by name."""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def text(name: str, /, **parts: str) -> str:
    """The SQL of `name.sql`, with each {part} replaced by the text given for it."""
    query = resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for part, replacement in parts.items():
        query = query.replace("{" + part + "}", replacement)
    return query

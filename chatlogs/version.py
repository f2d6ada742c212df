"""Which chatlogs this is."""

from __future__ import annotations

import functools


@functools.cache
def version() -> str:
    """The installed version; '0+source' when it runs from a source tree that nobody installed."""
    from importlib import metadata

    try:
        return metadata.version("chatlogs")
    except metadata.PackageNotFoundError:
        return "0+source"

"""Log analytics for OpenAI-compatible chat APIs: raw logs in, Parquet tables and answers out, offline.

    report = chatlogs.ingest("logs/*.jsonl.gz", "store")
    logs = chatlogs.open("store")            # or chatlogs.read("logs/*.jsonl") without a store
    logs.usage(by=["day", "model"])

Names are loaded when first used, so that `import chatlogs` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatlogs.asking.forget import forget
    from chatlogs.asking.logs import Logs
    from chatlogs.errors import ChatlogsError, OptionError, QueryError, SourceError, StoreError
    from chatlogs.moving.erase import Forgotten
    from chatlogs.moving.ingest import ingest
    from chatlogs.normalizing.records.pieces import merge_chunks
    from chatlogs.tally import IngestReport
    from chatlogs.telling.export import ExportReport, export
    from chatlogs.telling.page import report
    from chatlogs.telling.validate import Validation, validate

    open = Logs.open
    read = Logs.read
    __version__: str

__all__ = [
    "ChatlogsError",
    "ExportReport",
    "Forgotten",
    "IngestReport",
    "Logs",
    "OptionError",
    "QueryError",
    "SourceError",
    "StoreError",
    "Validation",
    "__version__",
    "export",
    "forget",
    "ingest",
    "merge_chunks",
    "open",
    "read",
    "report",
    "validate",
]

_HOMES = {
    "ChatlogsError": "errors",
    "ExportReport": "telling.export",
    "Forgotten": "moving.erase",
    "IngestReport": "tally",
    "Logs": "asking.logs",
    "OptionError": "errors",
    "QueryError": "errors",
    "SourceError": "errors",
    "StoreError": "errors",
    "Validation": "telling.validate",
    "export": "telling.export",
    "forget": "asking.forget",
    "ingest": "moving.ingest",
    "merge_chunks": "normalizing.records.pieces",
    "report": "telling.page",
    "validate": "telling.validate",
}


def __getattr__(name: str) -> Any:
    value: Any
    if name == "__version__":
        value = importlib.import_module("chatlogs.version").version()
    elif name in ("open", "read"):
        value = getattr(importlib.import_module("chatlogs.asking.logs").Logs, name)
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"chatlogs.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'chatlogs' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

"""chatlogs: the chunks as one SSE transcript, ingested into a store and read back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from common import Answer, Chunks, serve, sse


def merge(chunks: Chunks) -> Answer:
    """Read with plain DuckDB, as any user would."""
    import duckdb

    from chatlogs.moving.ingest import ingest

    with tempfile.TemporaryDirectory() as folder:
        log, store = Path(folder, "stream.sse"), Path(folder, "store")
        log.write_bytes(sse(chunks))
        ingest(log, store)

        def rows(table: str, order: str) -> list[dict[str, Any]]:
            files = [str(path) for path in store.joinpath(table).glob("*.parquet")]
            query = "from read_parquet($files) order by " + order
            return duckdb.execute(query, {"files": files}).to_arrow_table().to_pylist() if files else []

        (answer,) = rows("completions", "line_number")
        calls = rows("tool_calls", "choice_index, tool_call_index")
        answer["choices"] = [
            {**choice, "index": choice["choice_index"], "tool_calls": calls_of(calls, choice["choice_index"])}
            for choice in rows("choices", "choice_index")
        ]
    reported = answer["usage_source"] == "reported"
    answer["usage"] = {key: answer[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    answer["usage"] = answer["usage"] if reported else None
    keys = ("id", "model", "system_fingerprint", "service_tier", "usage", "choices")
    return {key: answer[key] for key in keys}


def calls_of(calls: list[dict[str, Any]], choice_index: int) -> list[Answer]:
    """The calls of one choice under the names all adapters use."""
    return [
        {"id": call["call_id"], "name": call["name"], "arguments": call["arguments"]}
        for call in calls
        if call["choice_index"] == choice_index
    ]


if __name__ == "__main__":
    serve("chatlogs", merge)

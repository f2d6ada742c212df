"""Peer: the loop a good Python programmer writes in an afternoon: orjson, a dict per open stream, pyarrow.

It folds single-choice text, keeps the last usage and finish_reason, and writes a response once its usage
chunk is there, so that memory stays bounded. Tool calls, several choices, odd lines, repeats: not dealt with.

    python benchmarks/peers/orjson_loop.py chunks|completions LOG OUT
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 20_000
TEXTS = ("id", "model", "system_fingerprint", "service_tier", "role", "content", "refusal", "finish_reason")
NUMBERS = (
    "created", "chunk_count", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens",
)  # fmt: skip
SCHEMA = pa.schema([(name, pa.string()) for name in TEXTS] + [(name, pa.int64()) for name in NUMBERS])


def folded(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """One row per stream: when its usage chunk comes, or at the end of the log."""
    loads = orjson.loads
    streams: dict[str, dict[str, Any]] = {}
    for line in lines:
        chunk = loads(line)
        row = streams.get(chunk["id"])
        if row is None:
            row = streams[chunk["id"]] = head(chunk)
            row.update(role=None, finish_reason=None, parts=[], refusals=[], chunk_count=0)
        row["chunk_count"] += 1
        if chunk["choices"]:
            choice = chunk["choices"][0]
            delta = choice["delta"]
            if text := delta.get("content"):
                row["parts"].append(text)
            if text := delta.get("refusal"):
                row["refusals"].append(text)
            if role := delta.get("role"):
                row["role"] = role
            if reason := choice.get("finish_reason"):
                row["finish_reason"] = reason
        if usage := chunk.get("usage"):
            add_usage(row, usage)
            yield finished(streams.pop(chunk["id"]))
    yield from map(finished, streams.values())


def stored(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """One row per stored completion."""
    for line in lines:
        completion = orjson.loads(line)
        row = head(completion)
        choice = completion["choices"][0]
        message = choice["message"]
        row.update(
            role=message["role"], content=message["content"], refusal=message.get("refusal"),
            finish_reason=choice["finish_reason"],
        )  # fmt: skip
        if usage := completion.get("usage"):
            add_usage(row, usage)
        yield row


def head(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": record["id"],
        "model": record["model"],
        "created": record["created"],
        "system_fingerprint": record.get("system_fingerprint"),
        "service_tier": record.get("service_tier"),
    }


def add_usage(row: dict[str, Any], usage: dict[str, Any]) -> None:
    row["prompt_tokens"] = usage["prompt_tokens"]
    row["completion_tokens"] = usage["completion_tokens"]
    row["total_tokens"] = usage["total_tokens"]
    row["cached_tokens"] = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    row["reasoning_tokens"] = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")


def finished(row: dict[str, Any]) -> dict[str, Any]:
    row["content"] = "".join(row.pop("parts"))
    row["refusal"] = "".join(row.pop("refusals")) or None
    return row


def main() -> None:
    kind, log, out = sys.argv[1:]
    batch: list[dict[str, Any]] = []
    with open(log, "rb", buffering=1 << 20) as lines, pq.ParquetWriter(out, SCHEMA) as writer:
        for row in folded(lines) if kind == "chunks" else stored(lines):
            batch.append(row)
            if len(batch) == ROWS:
                writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, SCHEMA))


if __name__ == "__main__":
    main()

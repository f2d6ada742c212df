"""Peer: DuckDB's own way from JSON lines to Parquet, with the columns a chat log needs and nothing folded.

A floor to stand on: one `copy` over one typed read, default settings, all threads. A stream stays as many
rows as it had chunks; unknown fields, bad lines and repeats are not dealt with.

    python benchmarks/peers/duckdb_copy.py chunks|completions LOG OUT
"""

from __future__ import annotations

import sys

import duckdb

MESSAGE = "struct(role varchar, content varchar, refusal varchar, tool_calls json)"
USAGE = """struct(
    prompt_tokens bigint, completion_tokens bigint, total_tokens bigint,
    prompt_tokens_details struct(cached_tokens bigint, audio_tokens bigint),
    completion_tokens_details struct(reasoning_tokens bigint, audio_tokens bigint,
                                     accepted_prediction_tokens bigint, rejected_prediction_tokens bigint))"""
QUERY = """
copy (
    from read_ndjson($log, columns = {{
        id: 'varchar', object: 'varchar', created: 'bigint', model: 'varchar', system_fingerprint: 'varchar',
        service_tier: 'varchar',
        choices: 'struct(index bigint, {part} {message}, finish_reason varchar, logprobs json)[]',
        usage: '{usage}'
    }})
) to '{out}' (format parquet)
"""


def main() -> None:
    kind, log, out = sys.argv[1:]
    part = "delta" if kind == "chunks" else "message"
    duckdb.execute(QUERY.format(part=part, message=MESSAGE, usage=USAGE, out=out.replace("'", "''")), {"log": log})


if __name__ == "__main__":
    main()

"""What a contender's output holds: responses, completion tokens, characters of answer.

Contenders that read the same log must agree here, or their times say nothing. Not part of any measured time.

    python benchmarks/counts.py "copied chunks"|"copied completions"|rows|objects|store OUTPUT
"""

from __future__ import annotations

import json
import sys

import duckdb

QUERIES = {
    # duckdb_copy.py: one row per line, a chunk or a completion
    "copied chunks": """
        select count(distinct id), sum(usage.completion_tokens), sum(length(choices[1].delta.content))
        from read_parquet($output)""",
    "copied completions": """
        select count(*), sum(usage.completion_tokens), sum(length(choices[1].message.content))
        from read_parquet($output)""",
    # orjson_loop.py: one row per response
    "rows": "select count(*), sum(completion_tokens), sum(length(content)) from read_parquet($output)",
    # openai_state.py, litellm_builder.py: one completion object a line
    "objects": """
        select count(*), sum(usage.completion_tokens), sum(length(choices[1].message.content))
        from read_ndjson($output, columns = {
            usage: 'struct(completion_tokens bigint)', choices: 'struct(message struct(content varchar))[]'})""",
    # chatlogs: a store
    "store": """
        select (select count(*) from read_parquet($output || '/completions/*.parquet')),
               (select sum(completion_tokens) from read_parquet($output || '/completions/*.parquet')),
               (select sum(length(content)) from read_parquet($output || '/choices/*.parquet'))""",
}


def main() -> None:
    kind, output = sys.argv[1:]
    row = duckdb.execute(QUERIES[kind], {"output": output}).fetchone() or ()
    print(json.dumps([int(value or 0) for value in row]))


if __name__ == "__main__":
    main()

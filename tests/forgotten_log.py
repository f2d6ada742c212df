"""A log of which some is to be forgotten, the store it makes, and where in it a text still lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ingested import Rows

import chatlogs
from chatlogs.schema import TABLES

SECRET = "Rumpelstilzchen"
WITH_KEYS = [name for name, table in TABLES.items() if "completion_key" in table.names]


def answer(id: str, text: str, *, created: int = 1_700_000_000) -> bytes:
    """An exchange with something in every table but chunks, in all of which the text stands."""
    tokens = [{"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": text, "logprob": -0.5}]}]
    call = {"id": "call_1", "type": "function", "function": {"name": "spin", "arguments": json.dumps({"of": text})}}
    message = {"role": "assistant", "content": f"Call me {text}.", "tool_calls": [call]}
    other = {"role": "assistant", "content": None, "refusal": f"I may not say {text}."}
    choices = [
        {"index": 0, "message": message, "logprobs": {"content": tokens}, "finish_reason": "tool_calls"},
        {"index": 1, "message": other, "finish_reason": "stop"},
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    said = [{"role": "system", "content": "Guess."}, {"role": "user", "content": f"Is it {text}?"}]
    request = {"model": "m", "messages": said, "metadata": {"user": text}, "stop": text}
    response = {"id": id, "object": "chat.completion", "created": created, "model": "m", "choices": choices}
    return line({"request": request, "response": response | {"usage": usage}})


def chunk(id: str, text: str, *, last: bool = False) -> bytes:
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": "stop" if last else None}
    fields = {"object": "chat.completion.chunk", "created": 1_700_000_100, "model": "m"}
    return line({"id": id, **fields, "choices": [delta]})


def batched(id: str, text: str, number: int) -> bytes:
    """A line of a batch's output, which has names of its own for the answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": id, "object": "chat.completion", "created": 1_700_000_000, "model": "m", "choices": [choice]}
    response = {"status_code": 200, "request_id": f"req-{number}", "body": body}
    return line({"id": f"batch_req_{number}", "custom_id": f"task-{number}", "response": response, "error": None})


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


KEPT = [answer("kept-1", "Hinz"), chunk("kept-2", "Kunz "), chunk("kept-2", "it is.", last=True)]
GONE = [
    answer("gone-1", SECRET),
    chunk("gone-2", f"{SECRET} "),
    chunk("gone-2", f"is {SECRET}.", last=True),
]
BROKEN = b'{"id":"gone-1","choices":[{"message":{"content":"%s\n' % SECRET.encode()
LONGER = b'{"id":"gone-10","choices":[{"message":{"content":"Hinz\n'
LOG = [KEPT[0], GONE[0], KEPT[1], GONE[1], BROKEN, KEPT[2], LONGER, GONE[2], b"WARNING: retrying\n"]


def blanked(lines: list[bytes]) -> list[bytes]:
    """The same log with blanks where something is to be forgotten: all else stays where it is."""
    return [b" " * (len(one) - 1) + b"\n" if one in GONE else one for one in lines]


def ingested(folder: Path, name: str, lines: list[bytes]) -> Path:
    """A store with one log, which lies beside it; in two files a table, of which one holds nothing to forget."""
    (folder / "logs").mkdir(exist_ok=True)
    other = folder / "logs" / "other.jsonl"
    other.write_bytes(answer("other-1", "Marie") + b"ERROR: gone\n")
    log = folder / "logs" / "app.jsonl"
    log.write_bytes(b"".join(lines))
    for path in (other, log):
        chatlogs.ingest(path, folder / name, chunks=True, logprobs=True)
    return folder / name


def holding(store: Path, *texts: str) -> set[str]:
    """The folders of a store in which a file holds one of the texts: as it lies on disk, or in a value of Parquet."""
    found = set()
    for path in (path for path in store.rglob("*") if path.is_file()):
        values = json.dumps(pq.read_table(path).to_pylist(), default=str) if path.suffix == ".parquet" else ""
        told = values + path.read_bytes().decode("latin-1")
        if any(text in told for text in texts):
            found.add(path.relative_to(store).parts[0])
    return found


def plain(store: Path) -> Rows:
    """The rows as chatlogs shows them, in the order of `stored`."""
    with chatlogs.open(store) as logs:
        found = {}
        for name, table in TABLES.items():
            columns = [column for column in table.names if column not in ("ingested_at", "ingest_id")]
            found[name] = logs.sql(f"select {', '.join(columns)} from {name} order by all", as_="arrow").to_pylist()
        return found

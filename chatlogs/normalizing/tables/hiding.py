"""Final rows in, the same rows with their texts hashed or left out.

What is derived from texts is derived before, so counts, lengths and verdicts stay right. Names, roles, ids, numbers
and the caller's metadata are no texts; whatever is of unknown meaning is one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from chatlogs.values import as_json

PREFIX = "sha256:"
TEXTS: Mapping[str, tuple[str, ...]] = {
    "choices": ("content", "reasoning", "refusal"),
    "tool_calls": ("arguments",),
    "messages": ("content",),
    "rejects": ("raw",),
}
VALUES: Mapping[str, tuple[str, ...]] = {  # JSON, of which names and numbers are kept
    "completions": ("request", "extra"),
    "choices": ("annotations", "audio", "extra"),
    "messages": ("content_parts", "tool_calls"),
}
TOKENS = ("token", "bytes", "top_logprobs")  # so short that a hash would tell them

Hide = Callable[[str], str | None]


def hidden(tables: Mapping[str, pa.Table], content: str) -> dict[str, pa.Table]:
    """The final rows as `content` wants them: "keep" as they are, "hash" or "none"."""
    if content == "keep":
        return dict(tables)
    digests = _digests(tables) if content == "none" and "choices" in tables else None
    result = {name: hidden_table(name, table, content) for name, table in tables.items()}
    if digests is not None:
        result["choices"] = _put(result["choices"], "text_digest", digests)
    return result


def hidden_table(name: str, table: pa.Table, content: str) -> pa.Table:
    """One table with its texts hidden, but for the digest of a choice."""
    hide = _hashed if content == "hash" else _left_out
    for column in TEXTS.get(name, ()):
        table = _put(table, column, [text and hide(text) for text in table[column].to_pylist()])
    for column in VALUES.get(name, ()):
        table = _put(table, column, [text and _hidden_json(text, hide) for text in table[column].to_pylist()])
    if name == "logprobs":
        for column in TOKENS:
            table = _put(table, column, [None] * len(table))
    return table


def _hashed(text: str) -> str:
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()


def _hash_of(text: str) -> str:
    """The hash of a text that may be kept by it already: the macro of this name in resolve.py says the same."""
    return text if not text or text.startswith(PREFIX) else _hashed(text)


def _left_out(_: str) -> None:
    return None


def _hidden_json(text: str, hide: Hide) -> str | None:
    try:
        value = msgspec.json.decode(text)
    except ValueError:
        return hide(text)
    return as_json(_hidden(value, hide))


def _hidden(value: Any, hide: Hide) -> Any:
    if isinstance(value, str):
        return hide(value) if value else value
    if isinstance(value, dict):
        return {name: _hidden(item, hide) for name, item in value.items()}
    return [_hidden(item, hide) for item in value] if isinstance(value, list) else value


def _digests(tables: Mapping[str, pa.Table]) -> list[str | None]:
    """One digest a choice, of the hashes of all that it says, by which it is the same as one that is kept by these.

    None where it says nothing.
    """
    calls: dict[tuple[int, int], list[str | None]] = defaultdict(list)
    if "tool_calls" in tables:
        for row in tables["tool_calls"].sort_by("tool_call_index").to_pylist():
            calls[row["completion_key"], row["choice_index"]] += [row["name"], row["arguments"]]
    columns = ("completion_key", "choice_index", *TEXTS["choices"])
    found: list[str | None] = []
    for key, index, *texts in zip(*(tables["choices"][name].to_pylist() for name in columns), strict=True):
        called = calls.get((key, index), [])
        hashes = ("null" if text is None else _hash_of(text) for text in (*texts, *called))
        said = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
        found.append(said if called or any(texts) else None)
    return found


def _put(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))

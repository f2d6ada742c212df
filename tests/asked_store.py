"""A small store with a response for every case a report must tell apart; `make` writes it.

Two models on three backends over two days (and one response without a time), one stream that was cut off,
one error, one id used twice, one text that would like to command a terminal.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from store_rows import rows

from chatlogs.keeping.store import Store

EVIL = "\x1b[31mred\x1b[0m\x9b2J\u202eback \x07 =1+1 [bold]x[/bold]"
NEW_YEAR = datetime.datetime(2026, 1, 1, 23, 30, tzinfo=datetime.UTC)  # In Berlin it is the 2nd already.

# id, model, fingerprint, form, status, hours after NEW_YEAR, prompt, cached, completion, reasoning, reason, flags
RESPONSES: list[tuple[Any, ...]] = [
    ("chatcmpl-1", "gpt-4o", "fp_a", "completion", "complete", 0, 100, 50, 10, None, "stop", []),
    ("chatcmpl-2", "gpt-4o", "fp_b", "stream", "complete", 1, 200, None, 20, None, "length", ["fingerprint_changed"]),
    ("chatcmpl-3", "gpt-4o", "fp_b", "stream", "truncated", 2, None, None, None, None, None, []),
    ("chatcmpl-4", "o1", None, "completion", "complete", 3, 10, 0, 1000, 900, "stop", ["id_collision"]),
    ("chatcmpl-4", "o1", None, "completion", "complete", 4, 10, 0, 3000, 2100, "tool_calls", ["id_collision"]),
    (None, None, None, "completion", "error", None, None, None, None, None, None, ["no_id"]),
]
KEYS = list(range(1001, 1001 + len(RESPONSES)))


def tables() -> dict[str, Any]:
    """The rows, by table."""
    columns = list(zip(*RESPONSES, strict=True))
    ids, models, prints, forms, statuses, hours = map(list, columns[:6])
    prompt, cached, completion, reasoning, reasons, flags = map(list, columns[6:])
    total = [p + c if p is not None else None for p, c in zip(prompt, completion, strict=True)]
    keys = {"id": ids, "model": models, "system_fingerprint": prints, "completion_key": KEYS}
    answered = [index for index, status in enumerate(statuses) if status != "error"]
    return {
        "completions": rows(
            "completions",
            **keys,
            form=forms,
            status=statuses,
            created=[NEW_YEAR + datetime.timedelta(hours=h) if h is not None else None for h in hours],
            choice_count=[int(status != "error") for status in statuses],
            chunk_count=[7 if form == "stream" else None for form in forms],
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=completion,
            reasoning_tokens=reasoning,
            total_tokens=total,
            usage_source=["none" if p is None else "reported" for p in prompt],
            request_id=[f"req_{n}" for n in range(len(keys["id"]))],
            metadata=['{"team": "red", "a b": "x"}', '{"team": "blue"}', None, None, None, None],
            error_message=[None] * 5 + ["overloaded"],
            flags=flags,
            duplicates=[2] + [0] * 5,
            source=["logs/a.jsonl"] * 6,
            source_key=[1] * 6,
            line_number=list(range(1, 7)),
            byte_offset=[100 * n for n in range(6)],
        ),
        "choices": rows(
            "choices",
            **{name: [values[index] for index in answered] for name, values in keys.items()},
            choice_index=[0] * 5,
            role=["assistant"] * 5,
            content=[EVIL, "two", "cut of", "four", None],
            finish_reason=[reasons[index] for index in answered],
            finish_class=[reasons[index] for index in answered],
            tool_call_count=[0, 0, 0, 0, 1],
        ),
        "tool_calls": rows(
            "tool_calls",
            **{name: [values[4]] for name, values in keys.items()},
            choice_index=[0],
            tool_call_index=[0],
            call_id=["call_1"],
            kind=["function"],
            name=["weather"],
            arguments=['{"city":"Köln"}'],
            arguments_valid=[True],
        ),
        "messages": rows(
            "messages",
            **{name: [values[0]] * 2 for name, values in keys.items()},
            message_index=[0, 1],
            role=["system", "user"],
            content=["Be brief.", "What is red?"],
        ),
        "rejects": rows(
            "rejects",
            source=["logs/a.jsonl"] * 2,
            source_key=[1] * 2,
            line_number=[7, 8],
            byte_offset=[600, 700],
            reason=["not_json", "unknown_shape"],
            detail=["it stops after 3 characters", "no choices"],
            raw=["{\x1b[2J", '{"a": 1}'],
        ),
        "sources": rows(
            "sources",
            source=["logs/a.jsonl"],
            source_key=[1],
            lines=[9],
            blank=[1],
            ignorable=[0],
            records=[6],
            rejects=[2],
            repaired=[1],
            duplicates=[2],
            responses=[8],
        ),
    }


def make(path: Path) -> str:
    """A store with these rows, at `path`."""
    store = Store.create(path)
    with store.staging("asked") as staging:
        store.commit("asked", {name: [staging.write(name, table)] for name, table in tables().items()})
    return str(path)

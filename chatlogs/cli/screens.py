"""What people read that is no single table: the summary, and one exchange.

The rule: nothing is computed here; every number comes from a report or a table.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from chatlogs.asking import measures
from chatlogs.cli.inputs import command
from chatlogs.reading.decoding import too_deep
from chatlogs.schema import FLAGS
from chatlogs.tally import counted
from chatlogs.telling import report, tables

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters
    from chatlogs.cli.options import Output

_TOP = 8
_LABELS = {
    "provider": "provider",
    "service_tier": "tier",
    "request_id": "request id",
    "custom_id": "custom id",
    "status_code": "HTTP status",
    "metadata": "metadata",
}
_ASKED_WITH = ("max_tokens", "n", "temperature", "top_p", "seed", "stream", "requested_service_tier")


def summary(logs: Logs, filters: Filters, output: Output, color: str) -> None:
    """What is in these logs: facts, then models, then flags."""
    import polars as pl

    facts = logs.ask("summary", filters).row(0, named=True)
    frame = pl.DataFrame(
        list(_facts(facts, narrowed=bool(_options(filters)))), schema={"what": pl.String, "is": pl.String}, orient="row"
    )
    output.write(frame, tables.Look(color=color, bare=True, folded=frozenset({"is"})))
    if not output.to_stdout or not facts["responses"]:
        return
    top = dataclasses.replace(filters, by=["model"], sort=("responses",), limit=_TOP)
    models = logs.ask("usage", top).select("model", "responses", "prompt_tokens", "completion_tokens", "total_tokens")
    sys.stdout.write("\n")
    units = dict.fromkeys(models.columns[1:], measures.COUNT)
    output.write(models, tables.Look(units=units, nulls={"model": "(none)"}, color=color))
    flagged = logs.ask("flags", dataclasses.replace(filters, by=[]))
    if flagged.height:
        docs = pl.Series("meaning", [FLAGS.get(flag, "") for flag in flagged["flag"]], dtype=pl.String)
        sys.stdout.write("\n")
        look = tables.Look(units={"responses": measures.COUNT}, folded=frozenset({"meaning"}), color=color)
        output.write(flagged.with_columns(docs), look)


def _facts(row: Mapping[str, Any], *, narrowed: bool) -> Iterator[tuple[str, str]]:
    """Names and what they are; `narrowed` by filters, what was read is not told: that was all of it."""

    def count(name: str, noun: str = "") -> str:
        return counted(row[name], noun).rstrip()

    def some(*names: tuple[str, str]) -> str:
        return ", ".join(count(name, noun) for name, noun in names if row[name])

    def whole(total: str, parts: str) -> str:
        return f"{total}: {parts}" if parts else total

    first, last = (row[name].isoformat(sep=" ")[:16] if row[name] else None for name in ("first_seen", "last_seen"))
    timeless = f" · {count('no_time', 'responses')} without a time" if row["no_time"] and first else ""
    nothing = "none: no response matches the filter" if narrowed else "none: there is no response"
    without = "unknown: no response carries a time" if row["responses"] else nothing
    yield "period", f"{first} to {last} UTC{timeless}" if first else without
    yield "responses", whole(count("responses"), some(("completions", "stored"), ("streams", "streamed")))
    yield "status", some(("complete", "complete"), ("truncated", "truncated"), ("errors", "errors")) or "none"
    yield "backends", f"{count('models', 'models')}, {count('fingerprints', 'fingerprints')}"
    if row["total_tokens"] is not None or row["prompt_tokens"] is not None:
        tokens = [("prompt_tokens", "prompt"), ("cached_tokens", "of it cached"), ("completion_tokens", "completion")]
        yield "tokens", some(*tokens, ("reasoning_tokens", "of it reasoning"), ("total_tokens", "total"))
    if row["no_usage"]:
        yield "no usage", f"{count('no_usage', 'responses')} without usage: the tokens leave them out"
    if row["part_usage"]:
        yield (
            "part usage",
            f"{count('part_usage', 'responses')} without some of these: their sums leave them out",
        )
    if narrowed:
        return
    read = some(("lines", "lines"), ("records", "records"), ("repaired", "repaired"), ("rejects", "rejected"))
    yield "read", whole(count("sources", "sources"), read)
    if row["duplicates"]:
        yield "duplicates", f"{count('duplicates')} equal copies, counted once"
    if row["unsure_duplicates"]:
        yield "", f"{count('unsure_duplicates')} of them may be calls: without a time, under an id that others have too"


def next_steps(logs: Logs, paths: Sequence[str], filters: Filters) -> str:
    """Commands that would tell more of the same, as one types them."""
    row = logs.summary().row(0, named=True)
    same = _options(filters)
    steps = [command("usage", *paths, "--by", "day,model", *same), command("finish", *paths, *same)]
    steps = steps if row["responses"] else []
    if row["rejects"]:
        steps.append(command("rejects", *paths))
    return "\n".join(["next:", *(f"  {step}" for step in steps)]) if steps else ""


def _options(filters: Filters) -> list[str]:
    """The filters as one types them; none when nothing is left out."""
    models = [filters.model] if isinstance(filters.model, str) else filters.model
    given = [("--since", filters.since), ("--until", filters.until), *(("-m", model) for model in models)]
    words = [word for name, value in [*given, ("--where", filters.where)] if value for word in (name, str(value))]
    return [*words, *(("--tz", filters.tz) if filters.tz.upper() != "UTC" and words else ())]


def exchange(rows: Mapping[str, pl.DataFrame], out: IO[str], color: str) -> None:
    """Each response with its messages and choices, in reading order."""
    from rich.text import Text

    screen = tables.console(out, color)
    width = min(screen.width, 100) if out.isatty() else None
    for number, row in enumerate(rows["completions"].iter_rows(named=True)):
        key = row["completion_key"]
        if number:
            screen.print()
        for name, value in _header(row):
            screen.print(Text.assemble((f"{name:12}", "dim"), tables.inert(value)), soft_wrap=True)
        for title, body in _parts(rows, key):
            screen.print(Text.assemble("\n", (tables.inert(title), "bold")))
            screen.print(Text(tables.inert(body, lines=True)), soft_wrap=width is None, width=width)


def exchange_json(parts: Mapping[str, pl.DataFrame], out: IO[str]) -> None:
    """A flat array of rows, each with the name of its table first."""
    rows = [
        {"table": name} | {column: report.plain(value) for column, value in row.items()}
        for name, frame in parts.items()
        for row in frame.iter_rows(named=True)
    ]
    out.write("[\n " + ",\n ".join(report.dump(row) for row in rows) + "\n]\n")


def _header(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "id", row["id"] or f"none (completion_key {row['completion_key']})"
    asked = f" (asked for {row['request_model']})" if row["request_model"] not in (None, row["model"]) else ""
    yield "model", f"{row['model'] or 'unknown'}{asked}"
    if row["system_fingerprint"]:
        yield "fingerprint", row["system_fingerprint"]
    if asked_with := ", ".join(f"{name} {row[name]}" for name in _ASKED_WITH if row[name] is not None):
        yield "asked with", asked_with
    yield "created", str(report.plain(row["created"]) or "unknown")
    if times := ", ".join(_times(row)):
        yield "times", times
    chunks = f" of {row['chunk_count']:,} chunks" if row["chunk_count"] else ""
    yield "status", f"{row['status']} {row['form']}{chunks}"
    names = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "total_tokens")
    tokens = ", ".join(f"{row[name]:,} {name.removesuffix('_tokens')}" for name in names if row[name] is not None)
    yield "tokens", tokens or "none reported"
    if row["error_message"] or row["error_code"] or row["error_type"]:
        yield "error", " ".join(row[name] for name in ("error_type", "error_code", "error_message") if row[name])
    for name, label in _LABELS.items():
        if row[name] is not None:
            yield label, str(row[name])
    when = f", on {row['ingested_at']:%Y-%m-%d %H:%M} UTC" if row["ingested_at"] else ""
    yield "read from", f"{row['source']}, line {row['line_number']} (byte {row['byte_offset']}){when}"
    if row["duplicates"]:
        yield "duplicates", f"{row['duplicates']:,} equal copies were left out"
    for flag in row["flags"] or []:
        yield "flag", f"{flag}: {FLAGS.get(flag, '')}"


def _times(row: Mapping[str, Any]) -> Iterator[str]:
    """When it was sent, and how long after that the rest came, by the logger's clock."""
    sent = row["started_at"]
    if sent is not None:
        yield f"sent {report.plain(sent)}"
    for name in ("first_chunk_at", "last_chunk_at", "ended_at"):
        if row[name] is not None:
            label = name.removesuffix("_at").replace("_", " ")
            yield (
                f"{label} after {(row[name] - sent).total_seconds():.3f} s"
                if sent
                else f"{label} {report.plain(row[name])}"
            )


def _parts(rows: Mapping[str, pl.DataFrame], key: int) -> Iterator[tuple[str, str]]:
    import polars as pl

    def of(table: str, order: str) -> Iterator[dict[str, Any]]:
        return rows[table].filter(pl.col("completion_key") == key).sort(order).iter_rows(named=True)

    for message in of("messages", "message_index"):
        body = [message["content"], _indented(message["tool_calls"])]
        yield f"{message['role'] or 'message'}", "\n".join(text for text in body if text)
    calls = list(of("tool_calls", "tool_call_index"))
    for choice in of("choices", "choice_index"):
        reason = choice["finish_reason"] or "no finish_reason"
        yield f"{choice['role'] or 'assistant'} [choice {choice['choice_index']}, {reason}]", choice["content"] or ""
        for name in ("reasoning", "refusal"):
            if choice[name]:
                yield name, choice[name]
        for call in calls:
            if call["choice_index"] == choice["choice_index"]:
                yield (
                    f"{call['kind']} {call['name'] or ''} {call['call_id'] or ''}".rstrip(),
                    _indented(call["arguments"]),
                )


def _indented(text: str | None) -> str:
    """JSON laid out for reading; any other text, or what nests too deep for that, as it is."""
    if not text or too_deep(text.encode()):
        return text or ""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text

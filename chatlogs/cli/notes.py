"""What a report's table does not show, a sentence each, for stderr: what was left out, and where to look next."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chatlogs.cli import pricenotes

if TYPE_CHECKING:
    import polars as pl

    from chatlogs.asking.logs import Logs
    from chatlogs.asking.queries import Filters

Notes = Callable[["Logs", "pl.DataFrame", "Filters"], list[str]]

_TIMES_WANTED = (
    "a logger must add started_at (when the request was sent) and, to each chunk, arrived_at; or started_at, "
    "first_chunk_at and ended_at to each answer"
)


def of_report(name: str, logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    """The notes below an answer."""
    told = NOTES[name](logs, frame, filters) if name in NOTES else []
    return told + _filters(logs, frame, filters, explained=bool(told))


def _usage(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    """What the sums leave out."""
    if not filters.limit and not frame["no_usage"].sum():
        return []
    asked = dataclasses.replace(filters, by=[], sort=(), limit=0)
    rows = logs.ask("unreported", asked).rows()
    missing = sum(count for _, count in rows)
    if not missing:
        return []
    total = int((logs.ask("usage", asked) if filters.limit else frame)["responses"].sum())
    known = ", ".join(f"{count:,} {status}" for status, count in rows if status != "complete")
    why = f" ({known})" if known else ""
    return [f"{missing:,} of {_counted(total, 'responses')} without usage{why}: the sums leave them out"]


def _finish(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    unseen = int(frame.filter(frame["finish_reason"].is_null())["choices"].sum())
    stopped = int(frame.filter(frame["finish_class"] == "length")["choices"].sum())
    return [
        *[f"{_counted(unseen, 'choices')} never got a finish_reason: the stream was cut off, or it failed"]
        * bool(unseen),
        *[f"{_counted(stopped, 'choices')} stopped for length; chatlogs limits holds that against max_tokens"]
        * bool(stopped),
    ]


def _backends(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    notes = []
    standing_in = int(
        frame.filter((frame["told_by"] != "fingerprint") & frame["backend"].is_not_null())["responses"].sum()
    )
    if standing_in:
        notes.append(
            f"{_counted(standing_in, 'responses')} without system_fingerprint: model and service tier stand in"
        )
    seeded = int(logs.sql("select count(*) as n from completions where seed is not null").item())
    if seeded:
        notes.append(
            f"{_counted(seeded, 'responses')} to requests with a seed; "
            "chatlogs repeats tells whether equal requests got equal answers"
        )
    return notes


def _repeats(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    if frame.height:
        return []
    return ["no request with a seed was made twice, or the logs hold no requests"]


def _latency(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    if (frame["clock"] == "logger").any():
        return []
    known = "only servers tell of times here" if frame.height else "these logs carry no times"
    return [f"{known}: {_TIMES_WANTED}"]


def _errors(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    return [] if frame.height else ["no response failed"]


def _tools(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    return [] if frame.height else ["no tool was called"]


def _logprobs(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    if not frame["with_logprobs"].sum():
        return ["no answer carries log probabilities: ask the API for them with logprobs=true"]
    if not frame["kept_tokens"].sum():
        return ["unlikely_share needs every token: ingest with --logprobs"]
    return []


def _audit(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    missing = frame.filter(frame["rule"] == "missing_usage")
    found, estimate = int(missing["found"].sum()), missing["estimated_completion_tokens"].sum()
    if not estimate:
        return []
    notes = [
        f"{_counted(found, 'responses')} without usage: their answers have some {estimate:,} tokens, "
        "by the characters a token has in the other responses"
    ]
    if "counted_completion_tokens" not in frame.columns:
        notes.append("--count-tokens counts them by a tokenizer (pip install 'chatlogs[tokens]')")
    return notes


def _rejects(logs: Logs, frame: pl.DataFrame, filters: Filters) -> list[str]:
    total = int(logs.sql("select count(*) as n from rejects").item())
    if not total:
        return ["no line was rejected"]
    cut = filters.limit and frame.height == filters.limit and total > filters.limit
    return [f"{frame.height:,} of {total:,} rejected lines shown; -n 0 shows all"] if cut else []


NOTES: Mapping[str, Notes] = {
    **pricenotes.NOTES,
    "usage": _usage,
    "finish": _finish,
    "backends": _backends,
    "repeats": _repeats,
    "latency": _latency,
    "errors": _errors,
    "tools": _tools,
    "logprobs": _logprobs,
    "audit": _audit,
    "rejects": _rejects,
}


def _filters(logs: Logs, frame: pl.DataFrame, filters: Filters, *, explained: bool) -> list[str]:
    """Why an answer may be smaller than expected."""
    notes = []
    if filters.since is not None or filters.until is not None:
        timeless = int(logs.sql("select count(*) as n from completions where created is null").item())
        if timeless:
            notes.append(f"{_counted(timeless, 'responses')} without a time: --since and --until leave them out")
    if frame.height:
        return notes
    if filters.model and not logs.usage(by=[], model=filters.model)["responses"].sum():
        models = logs.sql("select model from completions group by all order by count(*) desc, model limit 8")
        notes.append(f"no model matches; these logs hold: {', '.join(map(str, models['model'].to_list()))}")
    elif not explained:
        notes.append("nothing matches")
    return notes


def _counted(count: int, noun: str) -> str:
    from chatlogs.telling.tables import counted

    return counted(count, noun)

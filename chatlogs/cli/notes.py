"""What a report's table does not show, a sentence each, for stderr: what was left out, and where to look next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chatlogs.cli import pricenotes
from chatlogs.cli.pricenotes import Asked
from chatlogs.sql import TIME

Notes = Callable[[Asked], list[str]]

_TIMES_WANTED = (
    "a logger must add started_at (when the request was sent) and, to each chunk, arrived_at; or started_at, "
    "first_chunk_at and ended_at to each answer"
)


def of_report(name: str, asked: Asked) -> list[str]:
    """The notes below an answer."""
    told = NOTES[name](asked) if name in NOTES else []
    return told + _filters(asked, explained=bool(told))


def _usage(asked: Asked) -> list[str]:
    """What the sums leave out."""
    if not asked.filters.limit and not asked.frame["no_usage"].sum():
        return []
    rows = asked.again("unreported", by=[]).rows()
    missing = sum(count for _, count in rows)
    if not missing:
        return []
    total = int((asked.again("usage", by=[]) if asked.filters.limit else asked.frame)["responses"].sum())
    named = ((count, "errors" if status == "error" else str(status)) for status, count in rows if status != "complete")
    known = ", ".join(_counted(count, status) for count, status in named)
    why = f" ({known})" if known else ""
    return [f"{missing:,} of {_counted(total, 'responses')} without usage{why}: the sums leave them out"]


def _finish(asked: Asked) -> list[str]:
    unseen = int(asked.frame.filter(asked.frame["finish_reason"].is_null())["choices"].sum())
    stopped = int(asked.frame.filter(asked.frame["finish_class"] == "length")["choices"].sum())
    return [
        *[f"{_counted(unseen, 'choices')} never got a finish_reason: the stream was cut off, or it failed"]
        * bool(unseen),
        *[f"{_counted(stopped, 'choices')} stopped for length; chatlogs limits holds that against max_tokens"]
        * bool(stopped),
    ]


def _backends(asked: Asked) -> list[str]:
    notes, frame = [], asked.frame
    stands_in = (frame["told_by"] != "fingerprint") & frame["backend"].is_not_null()
    standing_in = int(frame.filter(stands_in)["responses"].sum())
    if standing_in:
        notes.append(
            f"{_counted(standing_in, 'responses')} without system_fingerprint: model and service tier stand in"
        )
    seeded = int(asked.logs.sql("select count(*) as n from completions where seed is not null").item())
    if seeded:
        notes.append(
            f"{_counted(seeded, 'responses')} to requests with a seed; "
            "chatlogs repeats tells whether equal requests got equal answers"
        )
    return notes


def _repeats(asked: Asked) -> list[str]:
    unkept = int(asked.again("unkept", by=[])["seeded"].sum())
    who = _counted(unkept, "responses")
    notes = [f"{who} without texts (--content none): nobody can tell whether their requests were equal"]
    if unkept or asked.frame.height:
        return notes * bool(unkept)
    return ["no request with a seed was made twice, or the logs hold no requests"]


def _latency(asked: Asked) -> list[str]:
    if (asked.frame["clock"] == "logger").any():
        return []
    known = "only servers tell of times here" if asked.frame.height else "these logs carry no times"
    return [f"{known}: {_TIMES_WANTED}"]


def _errors(asked: Asked) -> list[str]:
    return [] if asked.frame.height else ["no response failed"]


def _tools(asked: Asked) -> list[str]:
    return [] if asked.frame.height else ["no tool was called"]


def _logprobs(asked: Asked) -> list[str]:
    if not asked.frame["with_logprobs"].sum():
        return ["no answer carries log probabilities: ask the API for them with logprobs=true"]
    if not asked.frame["kept_tokens"].sum():
        return ["unlikely_share needs every token: ingest with --logprobs"]
    return []


def _audit(asked: Asked) -> list[str]:
    missing = asked.frame.filter(asked.frame["rule"] == "missing_usage")
    found, estimate = int(missing["found"].sum()), missing["estimated_completion_tokens"].sum()
    unkept = int(asked.again("unkept", by=[])["unmetered"].sum()) if found else 0
    left_out = [f"{_counted(unkept, 'responses')} without usage and without texts (--content): no estimate has them"]
    if not estimate:
        return left_out * bool(unkept)
    notes = [
        f"{_counted(found, 'responses')} without usage: their answers have some {estimate:,} tokens, "
        "by the characters a token has in the other responses"
    ]
    if "counted_completion_tokens" not in asked.frame.columns:
        notes.append("--count-tokens counts them by a tokenizer (pip install 'chatlogs[tokens]')")
    return notes + left_out * bool(unkept)


def _rejects(asked: Asked) -> list[str]:
    total = int(asked.logs.sql("select count(*) as n from rejects").item())
    if not total:
        return ["no line was rejected"]
    cut = asked.filters.limit and asked.frame.height == asked.filters.limit and total > asked.filters.limit
    return [f"{asked.frame.height:,} of {total:,} rejected lines shown; -n 0 shows all"] if cut else []


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


def _filters(asked: Asked, *, explained: bool) -> list[str]:
    """Why an answer may be smaller than expected."""
    notes = []
    if asked.filters.since is not None or asked.filters.until is not None:
        timeless = int(asked.logs.sql(f"select count(*) as n from completions where {TIME} is null").item())
        if timeless:
            notes.append(f"{_counted(timeless, 'responses')} without a time: --since and --until leave them out")
    if asked.frame.height:
        return notes
    if asked.filters.model and not asked.logs.usage(by=[], model=asked.filters.model)["responses"].sum():
        models = asked.logs.sql("select model from completions group by all order by count(*) desc, model limit 8")
        notes.append(f"no model matches; these logs hold: {', '.join(map(str, models['model'].to_list()))}")
    elif not explained:
        notes.append("nothing matches")
    return notes


def _counted(count: int, noun: str) -> str:
    from chatlogs.telling.tables import counted

    return counted(count, noun)

"""What a report's table does not show, a sentence each, for stderr: what was left out, and where to look next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chatlogs.asking.measures import COUNT
from chatlogs.asking.queries import Filters
from chatlogs.asking.reports import ALL
from chatlogs.sql import TIME
from chatlogs.tally import counted
from chatlogs.telling import pricenotes
from chatlogs.telling.asked import Asked

if TYPE_CHECKING:
    from chatlogs.asking.logs import Logs

_MODELS = 8  # Named where none fits.
_NOTHING = "nothing is there"

Notes = Callable[[Asked], list[str]]

_TIMES_WANTED = (
    "a logger must add started_at (when the request was sent) and, to each chunk, arrived_at; or started_at, "
    "first_chunk_at and ended_at to each answer"
)


def of_report(asked: Asked) -> list[str]:
    """The notes below an answer."""
    if asked.name != "rejects" and not _has_counted(asked) and (nothing := of_nothing(asked.logs)):
        return nothing
    told = NOTES[asked.name](asked) if asked.name in NOTES else []
    return told + of_filters(asked, explained=bool(told) and asked.name not in pricenotes.NOTES)


def of_nothing(logs: Logs) -> list[str]:
    """The one note on logs that hold no response."""
    return [] if logs.sql("select count(*) from completions").item() else [_NOTHING]


def _has_counted(asked: Asked) -> bool:
    """Whether the answer counts anything."""
    counts = [measure.name for measure in ALL[asked.name].measures if measure.unit == COUNT]
    return any(asked.frame[name].sum() for name in counts if name in asked.frame.columns)


def _usage(asked: Asked) -> list[str]:
    """What the sums leave out."""
    return [*_missing_usage(asked), *_lacking(asked)]


def _missing_usage(asked: Asked) -> list[str]:
    """How many responses have none."""
    if not asked.filters.limit and not asked.frame["no_usage"].sum():
        return []
    rows = asked.again("unreported", by=[]).rows()
    missing = sum(count for _, count in rows)
    if not missing:
        return []
    total = int((asked.again("usage", by=[]) if asked.filters.limit else asked.frame)["responses"].sum())
    named = ((count, "errors" if status == "error" else str(status)) for status, count in rows if status != "complete")
    known = ", ".join(counted(count, status) for count, status in named)
    why = f" ({known})" if known else ""
    return [f"{missing:,} of {counted(total, 'responses')} without usage{why}: the sums leave them out"]


def _lacking(asked: Asked) -> list[str]:
    """How many responses report usage, but without one of its counts."""
    if not asked.filters.limit and not asked.frame["part_usage"].sum():
        return []
    row = asked.again("lacking", by=[]).row(0, named=True)
    told = [f"{counted(count, 'responses')} with usage but without {name}" for name, count in row.items() if count]
    return [f"{', '.join(told)}: that sum leaves them out"] if told else []


def _finish(asked: Asked) -> list[str]:
    frame = asked.again("finish", by=[]) if asked.filters.limit else asked.frame
    unseen = int(frame.filter(frame["finish_reason"].is_null())["choices"].sum())
    stopped = int(frame.filter(frame["finish_class"] == "length")["choices"].sum())
    return [
        *[f"{counted(unseen, 'choices')} never got a finish_reason: the stream was cut off, or it failed"]
        * bool(unseen),
        *[f"{counted(stopped, 'choices')} stopped for length; chatlogs limits holds that against max_tokens"]
        * bool(stopped),
    ]


def _backends(asked: Asked) -> list[str]:
    notes, frame = [], asked.again("backends", by=["model"]) if asked.filters.limit else asked.frame
    stands_in = (frame["told_by"] != "fingerprint") & frame["backend"].is_not_null()
    standing_in = int(frame.filter(stands_in)["responses"].sum())
    if standing_in:
        notes.append(f"{counted(standing_in, 'responses')} without system_fingerprint: model and service tier stand in")
    seeded = asked.count("responses", "seed is not null", report="usage")
    if seeded:
        notes.append(
            f"{counted(seeded, 'responses')} to requests with a seed; "
            "chatlogs repeats tells whether equal requests got equal answers"
        )
    return notes


def _repeats(asked: Asked) -> list[str]:
    unkept = int(asked.again("unkept", by=[])["seeded"].sum())
    who = counted(unkept, "responses")
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
    return _nothing(asked, "no response failed", "no failed response")


def _tools(asked: Asked) -> list[str]:
    return _nothing(asked, "no tool was called", "no tool call")


def _nothing(asked: Asked, without: str, none: str) -> list[str]:
    """What an empty answer means: there is nothing of the kind, or a filter leaves it out."""
    if asked.frame.height or _no_model(asked):
        return []
    elsewhere = asked.narrowed and asked.logs.ask(asked.name, Filters(by=[])).height
    return [f"{none} matches the filter" if elsewhere else without]


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
    left_out = [f"{counted(unkept, 'responses')} without usage and without texts (--content): no estimate has them"]
    if not estimate:
        return left_out * bool(unkept)
    notes = [
        f"{counted(found, 'responses')} without usage: their answers have some {estimate:,} tokens, "
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


def of_filters(asked: Asked, *, explained: bool = False) -> list[str]:
    """Why an answer may be smaller than expected."""
    notes = []
    if asked.filters.since is not None or asked.filters.until is not None:
        own = ALL[asked.name].tables[1:]  # What is narrowed by columns of other tables is counted in its own terms.
        noun = (
            next(measure.name for measure in ALL[asked.name].measures if measure.unit == COUNT) if own else "responses"
        )
        priced = "cost" if ALL[asked.name].added else "usage"
        timeless = asked.count(noun, f"{TIME} is null", report=asked.name if own else priced, ever=True)
        if timeless:
            notes.append(f"{counted(timeless, noun)} without a time: --since and --until leave them out")
    if asked.frame.height:
        return notes
    if unknown := _no_model(asked):
        notes.append(unknown)
    elif not explained:
        notes.append("nothing matches the filter" if asked.narrowed else _NOTHING)
    return notes


def _no_model(asked: Asked) -> str:
    """What models there are, where none fits the names that were asked for."""
    if not asked.filters.model or asked.logs.usage(by=[], model=asked.filters.model)["responses"].sum():
        return ""
    models = [str(model) for model in asked.logs.usage(sort="responses")["model"].to_list() if model is not None]
    asked_for = [asked.filters.model] if isinstance(asked.filters.model, str) else asked.filters.model
    near = next((f"{name}*" for name in asked_for for model in models if model.startswith(name)), None)
    more = f" and {len(models) - _MODELS} more" if len(models) > _MODELS else ""
    hint = f"; did you mean '{near}'?" if near else ""
    return f"no model matches; these logs hold: {', '.join(models[:_MODELS]) or 'none'}{more}{hint}"

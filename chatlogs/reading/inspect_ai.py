"""Eval logs of inspect_ai: each call to a model once, though events, samples and their outputs tell it again.

An event holds the call as the provider's client made it, and inspect's own reading of its answer. The former counts,
where it is one of a chat completion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.envelopes import Envelope, Part, Unread, at, of_rows
from chatlogs.reading.kept import request, tokens, tool_calls
from chatlogs.values import listed

_ANSWERS = (shapes.CHUNK, shapes.COMPLETION)
_USAGE = {"input_tokens_cache_read": "input_cache_read", "input_tokens_cache_write": "input_cache_write"}
_NESTING = 8  # events of tools and agents within events


def is_of_inspect(row: Mapping[str, Any]) -> bool:
    """Whether it may be an event or a sample, of which only the choices of the answer tell."""
    return "output" in row and (row.get("event") == "model" or "epoch" in row)


def inspect_ai(row: dict[str, Any]) -> Sequence[Envelope | Unread] | None:
    """A log, a sample of it, or an event of a call; None of anything else."""
    if isinstance(row.get("samples"), list) and isinstance(row.get("eval"), dict):
        return of_rows(row["samples"], "samples", inspect_ai)
    if not _is_output(row.get("output")):
        return None
    if row.get("event") == "model":
        envelope = _called(row)
        return [] if envelope is None else [envelope]
    if "epoch" not in row:
        return None
    calls = [call for event in _events(row, 0) if (call := _called(event)) is not None]
    if calls or not row["output"].get("choices"):
        return calls
    answer, asked = _answer(row["output"]), listed(row.get("messages"))[:-1]
    return [Envelope([Part(answer)], False, request(asked, None, None) if asked else None)]


def _is_output(output: object) -> bool:
    """Whether it is inspect's own object of an answer, which says of each choice why the model stopped."""
    if not isinstance(output, dict) or "object" in output or not isinstance(output.get("choices"), list):
        return False
    return all(isinstance(choice, dict) and "stop_reason" in choice for choice in output["choices"])


def _events(row: dict[str, Any], level: int) -> Iterator[dict[str, Any]]:
    """The events of calls, in order."""
    for event in listed(row.get("events")) if level < _NESTING else ():
        if isinstance(event, dict):
            if event.get("event") == "model":
                yield event
            yield from _events(event, level + 1)


def _called(event: dict[str, Any]) -> Envelope | None:
    output = event["output"] if _is_output(event.get("output")) else {}
    sent = at(event, "call.response")
    own = _answer(output) if output.get("choices") else None
    value = sent if isinstance(sent, dict) and shapes.kind(sent) in _ANSWERS else own
    error = event.get("error") or output.get("error")
    if value is None and not error:
        return None
    if value is not None and own is not None and not value.get("usage"):
        value = value | {"usage": own["usage"]}
    asked = at(event, "call.request")
    if not isinstance(asked, dict) or "messages" not in asked:
        asked = request(event.get("input"), event.get("config"), event.get("model"))
    facts = {
        "started_at": event.get("timestamp"),
        "ended_at": event.get("completed"),
        "duration_s": output.get("time"),
    }
    told = {name: fact for name, fact in facts.items() if fact is not None}
    return Envelope([] if value is None else [Part(value)], False, asked, told, {"error": error} if error else None)


def _answer(output: dict[str, Any]) -> dict[str, Any]:
    """The completion that inspect's own object of an answer is."""
    usage = output.get("usage")
    counts = {_USAGE.get(name, name): count for name, count in usage.items()} if isinstance(usage, dict) else None
    choices = [_choice(place, choice) for place, choice in enumerate(output["choices"])]
    return {"object": "chat.completion", "model": output.get("model"), "choices": choices, "usage": tokens(counts)}


def _choice(place: int, choice: dict[str, Any]) -> dict[str, Any]:
    said = choice["message"] if isinstance(choice.get("message"), dict) else {}
    calls = [
        {"name": call.get("function"), "args": call.get("arguments"), "id": call.get("id")}
        for call in listed(said.get("tool_calls"))
        if isinstance(call, dict)
    ]
    message = {"role": said.get("role"), "content": said.get("content"), "tool_calls": tool_calls(calls) or None}
    return {"index": place, "message": message, "finish_reason": choice.get("stop_reason")}

"""Calls as a client's recorder writes them down: the request, and every chunk with the time it arrived.

The new backend is quicker than the old ones; it is planted, as is one request that is made every morning.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from records import Answer, Choice, chunks, response_id
from traffic import BACKEND_CHANGE, BACKENDS, CODER, MINI, NEW_BACKEND, Traffic

# Seconds to the first chunk, and between two chunks: the middle of what is usual.
FIRST_CHUNK = {MINI: 0.48, NEW_BACKEND: 0.30, CODER: 0.72}
GAP = {MINI: 0.021, NEW_BACKEND: 0.013, CODER: 0.028}
STALL_SHARE = 0.05  # Of the calls: once, nothing comes for some seconds.
MORNING = "Name the three pick-up points of our shop that are open on Sundays."
MORNING_ANSWERS = {
    False: "Lisbon, Gdańsk and Kyoto are open on Sundays.",
    True: "On Sundays these pick-up points are open:\n1. Lisbon\n2. Gdańsk\n3. Kyoto",
}


def recorded_calls(traffic: Traffic, first: date, days: int) -> Iterator[dict[str, Any]]:
    """One record a call, in order of time."""
    calls = [(second, None) for second in traffic.times(first, days, 14)]
    mornings = [first + timedelta(days=n) for n in range(days)]
    calls += [(int(datetime(d.year, d.month, d.day, 6, tzinfo=UTC).timestamp()), d) for d in mornings]
    for second, morning in sorted(calls, key=lambda call: call[0]):
        if morning is None:
            answer = traffic.answer(CODER if traffic.rng.random() < 0.4 else MINI, second)
            request = traffic.request(answer) | {"model": answer.model, "stream": True}
        else:
            answer, request = _morning(traffic, second, morning)
        yield _record(answer, request, traffic.rng, stalls=traffic.turn("stall", STALL_SHARE))


def _morning(traffic: Traffic, second: int, day: date) -> tuple[Answer, dict[str, Any]]:
    """The request that is the same every day, with a seed; its answer changes with the backend."""
    new = day >= BACKEND_CHANGE
    fingerprint = NEW_BACKEND if new else BACKENDS[MINI][0]
    choice = Choice(MORNING_ANSWERS[new], "stop")
    answer = Answer(response_id(second, traffic.letters(24)), second, MINI, fingerprint, [choice], prompt=61)
    traffic.made.append(answer)
    messages = [{"role": "user", "content": MORNING}]
    return answer, {"model": MINI, "messages": messages, "temperature": 0, "seed": 7, "stream": True}


def _record(answer: Answer, request: dict[str, Any], rng: random.Random, *, stalls: bool) -> dict[str, Any]:
    backend = NEW_BACKEND if answer.fingerprint == NEW_BACKEND else answer.model
    started = answer.created + rng.uniform(0.02, 0.3)
    # A prompt that comes from the cache is read sooner.
    now = started + FIRST_CHUNK[backend] * rng.lognormvariate(0, 0.25) * (0.8 if answer.cached else 1.0)
    sent = list(chunks(answer))
    stalled_at = rng.randrange(2, len(sent)) if stalls else 0
    arrived = []
    for at, chunk in enumerate(sent):
        if at:
            now += GAP[backend] * rng.lognormvariate(0, 0.5) + (rng.uniform(2.5, 6.0) if at == stalled_at else 0.0)
        arrived.append({"arrived_at": iso(now), "chunk": chunk})
    return {"started_at": iso(started), "ended_at": iso(now + 0.002), "request": request, "chunks": arrived}


def iso(second: float) -> str:
    """The time as ISO 8601 with milliseconds, UTC."""
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

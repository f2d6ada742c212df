"""Four weeks of calls to four models, with what is planted in them.

Everything is drawn from one seeded generator and no clock is read: the same seed gives the same answers. The
planted dates and shares stand at the top.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import answers
from records import DIGITS, Answer, Choice, response_id

FIRST_DAY = date(2026, 9, 28)
DAYS = 28
BACKEND_CHANGE = date(2026, 10, 18)
CACHE_MISSES = date(2026, 10, 8)
OUTAGE = date(2026, 10, 13)

MINI, BIG, CODER, THINKER = "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "gpt-4.1-2025-04-14", "gpt-5-mini-2025-08-07"
NEW_BACKEND = "fp_7fcd609668"
NEW_SHARE = 0.9
LENGTH_SHARE, NEW_LENGTH_SHARE = 0.04, 0.14
BACKENDS: dict[str, list[str | None]] = {
    MINI: ["fp_560af6e559", "fp_560af6e559", "fp_34a54ae93c"],
    BIG: ["fp_cbf1785567", "fp_f33640a400"],
    CODER: ["fp_8b22347a3e"],
    THINKER: [None],  # the gpt-5 family sends null
}
PER_WEEKDAY = {"stored": 140, "streamed": 16}
WEEKEND = 0.35
HOURS = [1, 1, 1, 1, 1, 2, 4, 8, 13, 16, 17, 16, 12, 15, 17, 16, 13, 9, 6, 5, 4, 3, 2, 1]


class Traffic:
    """Draws answers; every method moves the generator on."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.due: dict[str, float] = {}
        self.made: list[Answer] = []

    def stored(self, first: date = FIRST_DAY, days: int = DAYS, busy: float = 1.0) -> list[Answer]:
        """The calls that were not streamed, in order of time."""
        mix = [MINI] * 55 + [BIG] * 25 + [THINKER] * 20
        times = self.times(first, days, PER_WEEKDAY["stored"] * busy)
        return [self.answer(self.rng.choice(mix), time) for time in times]

    def streamed(self, first: date = FIRST_DAY, days: int = DAYS, busy: float = 1.0) -> list[Answer]:
        """The streamed calls, in order of time; some begin together, as an agent's calls do."""
        mix, made = [CODER] * 65 + [MINI] * 35, []
        for time in self.times(first, days, PER_WEEKDAY["streamed"] * busy / 2):
            burst = self.rng.choice([1, 1, 2, 4])
            made += [self.answer(self.rng.choice(mix), time) for _ in range(burst)]
        return made

    def times(self, first: date, days: int, per_weekday: float) -> list[int]:
        """Unix seconds with the shape of working days, in order."""
        times = []
        for day in (first + timedelta(days=n) for n in range(days)):
            midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            usual = per_weekday * (WEEKEND if day.weekday() >= 5 else 1.0)
            for _ in range(math.floor(usual * (0.9 + 0.2 * self.rng.random()) + self.rng.random())):
                hour = self.rng.choices(range(24), HOURS)[0]
                times.append(midnight + hour * 3600 + self.rng.randrange(3600))
        return sorted(times)

    def answer(self, model: str, created: int) -> Answer:
        """One answer, good or cut or refused, as that model gave them on that day."""
        day = datetime.fromtimestamp(created, UTC).date()
        fingerprint = self.rng.choice(BACKENDS[model])
        if model == MINI and day >= BACKEND_CHANGE and self.turn(NEW_BACKEND, NEW_SHARE):
            fingerprint = NEW_BACKEND
        cut = NEW_LENGTH_SHARE if fingerprint == NEW_BACKEND else LENGTH_SHARE
        several = model in (BIG, CODER) and self.rng.random() < 0.05
        made = Answer(
            response_id(created, self.letters(24)), created, model, fingerprint,
            [self.choice(model, f"{model} {fingerprint == NEW_BACKEND}", cut) for _ in range(2 if several else 1)],
            prompt=self.rng.randint(1_380, 1_900) if model == MINI else self.rng.randint(80, 900),
        )  # fmt: skip
        if model == MINI and self.rng.random() < 0.82 and day != CACHE_MISSES:
            made.cached = 1_280  # the part of the prompt that is always the same
        if model == THINKER:
            made.reasoning = 64 * self.rng.randint(0, 10)
        self.made.append(made)
        return made

    def turn(self, what: str, share: float) -> bool:
        """Whether it is the turn of `what`: true for just that share of all calls, whatever the dice say."""
        if what not in self.due:
            self.due[what] = self.rng.random()
        due = self.due[what] + share
        self.due[what] = due - (due >= 1)
        return due >= 1

    def choice(self, model: str, backend: str, cut: float) -> Choice:
        write = {MINI: answers.support, BIG: answers.summary, CODER: answers.code, THINKER: answers.plan}[model]
        text = write(self.rng)
        if self.turn(f"length {backend}", cut):
            return Choice(text[: len(text) * 2 // 3], "length")
        roll = self.rng.random()
        if model in (MINI, CODER) and roll < 0.08:
            return Choice(None, "tool_calls", calls=[self.call() for _ in range(self.rng.choice([1, 1, 1, 2]))])
        if roll > 0.99:
            return Choice(None, "stop", refusal=self.rng.choice(answers.REFUSALS))
        if roll > 0.985:
            return Choice("", "content_filter")
        return Choice(text, "stop")

    def call(self) -> tuple[str, str, str]:
        name, arguments = answers.arguments(self.rng)
        return f"call_{self.letters(24)}", name, arguments

    def label(self, created: int) -> Answer:
        """A review's label, one token with its log probability: what a batch is asked for."""
        label = self.rng.choice(answers.LABELS)
        sure = -self.rng.randint(1, 900_000) / 1_000_000
        other = {"token": "neutral" if label != "neutral" else "negative", "logprob": sure - 3.125, "bytes": None}
        entry = {"token": label, "logprob": sure, "bytes": list(label.encode()), "top_logprobs": [other]}
        choice = Choice(label, "stop", logprobs={"content": [entry], "refusal": None})
        fingerprint = self.rng.choice(BACKENDS[MINI])
        made = Answer(
            response_id(created, self.letters(24)),
            created,
            MINI,
            fingerprint,
            [choice],
            prompt=self.rng.randint(90, 240),
        )
        self.made.append(made)
        return made

    def request(self, answer: Answer) -> dict[str, Any]:
        """What the caller may have asked to get that answer."""
        messages = [
            {"role": "system", "content": answers.SYSTEM},
            {"role": "user", "content": answers.question(self.rng)},
        ]
        if self.rng.random() < 0.25:
            earlier = [{"role": "assistant", "content": answers.support(self.rng)}]
            messages += [*earlier, {"role": "user", "content": answers.question(self.rng)}]
        return {
            "model": "gpt-4o-mini",
            "messages": messages,
            "temperature": self.rng.choice([0, 0.2, 0.7]),
            "max_completion_tokens": 400,
            "metadata": {"team": self.rng.choice(["web", "app", "phone"])},
        }

    def letters(self, count: int) -> str:
        return "".join(self.rng.choices(DIGITS, k=count))

"""The random things of made logs, all from one seed: texts, ids, backends and usage."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass

from vocabulary import json_bytes, tokens, weighted

START = 1_790_553_600  # 2026-09-28 00:00 UTC
STREAMS_PER_SECOND = 6
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LETTER_BYTES = LETTERS.encode() * 4 + LETTERS.encode()[:8]  # 256 of them, to translate random bytes
MODELS = {  # model: (how often, its backends)
    "gpt-4o-mini-2024-07-18": (50, ["fp_560af6e559", "fp_34a54ae93c", "fp_a7d06e42a7"]),
    "gpt-4o-2024-08-06": (25, ["fp_cbf1785567", "fp_f33640a400"]),
    "gpt-4.1-2025-04-14": (15, ["fp_8b22347a3e", "fp_daf5fcc80a"]),
    "gpt-5-mini-2025-08-07": (10, ["fp_2c1a60d8f1"]),
}


@dataclass
class Texts:
    """A seeded source of everything random in a log."""

    seed: int
    rng: random.Random
    raw: list[bytes]
    escaped: list[bytes]

    @classmethod
    def seeded(cls, seed: int) -> Texts:
        table = weighted(tokens())
        return cls(seed, random.Random(seed), json_bytes(table, ascii_only=False), json_bytes(table, ascii_only=True))

    def answer(self, *, mean: float, spread: float = 0.55) -> list[bytes]:
        """The tokens of one answer, ready for a JSON string; one in twenty is written with \\u escapes."""
        count = max(4, min(4000, int(self.rng.lognormvariate(0.0, spread) * mean * 0.86)))
        table = self.escaped if self.rng.random() < 0.05 else self.raw
        return list(map(table.__getitem__, array("H", self.rng.randbytes(2 * count))))

    def letters(self, count: int) -> bytes:
        return self.rng.randbytes(count).translate(LETTER_BYTES)

    def response_id(self, created: int) -> bytes:
        """An id as OpenAI makes it: five base-62 digits that tell the second, then 24 random ones."""
        left, digits = created - 1_576_800_000, ""
        for _ in range(5):
            left, digit = divmod(left, 62)
            digits = LETTERS[digit] + digits
        return b"chatcmpl-" + digits.encode() + self.letters(24)

    def backend(self) -> tuple[bytes, bytes]:
        """A model and one of its fingerprints."""
        model = self.rng.choices(list(MODELS), [often for often, _ in MODELS.values()])[0]
        return model.encode(), self.rng.choice(MODELS[model][1]).encode()

    def usage(self, completion_tokens: int) -> bytes:
        prompt = 40 + int(self.rng.expovariate(1 / 600))
        cached = prompt // 128 * 128 if prompt > 1024 and self.rng.random() < 0.5 else 0
        return (
            b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
            b'"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":0},'
            b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
            b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
            % (prompt, completion_tokens, prompt + completion_tokens, cached)
        )

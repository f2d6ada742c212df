"""Tokens for made-up answers: real frequent words, a long tail of invented ones, code, scripts and emoji.

The same seed gives the same words on any machine; only the standard library is used.
"""

from __future__ import annotations

import json
import random

COMMON = """
the of and to a in is that for it as with on be are this you can by or from an at your will not which use if
we have has one more when but all their they its data each these also how time first then value function name
may about using would other into such some two set only than any file new used user model so no list where
what example do should between system number must error return there need text type code after make key over
case line string order result table most way work same add call self test request response server token cost
because different following many very out up get just like through while both before now through every again
small large change point line long high low part step start end world day week month year people language
service customer account price rate total average report query column row field object index message memory
"""

# fmt: off
ONSETS = ["b", "br", "c", "cl", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r", "s",
          "st", "str", "t", "tr", "v", "w", "z"]
NUCLEI = ["a", "e", "i", "o", "u", "ai", "ea", "io", "ou", "y"]
CODAS = ["", "", "l", "n", "r", "s", "t", "nd", "rt", "ck", "st", "ng"]

# What an answer holds beside English words. Quotes, line ends and backslashes are there for their JSON escapes.
MARKS = [".", ",", ",", ".", "\n", "\n\n", ":", "(", ")", "'s", '"', " \"", "\",", "-", "`", " **", "**", "```", "\t",
         "\\n", "();\n", " =", " {", "}\n", "    ", "#", " |", "/", "%", "!", "?"]
OTHER_SCRIPTS = ["é", " naïve", " café", "ü", " façade", " señor", "你好", "世界", "数据", "の", "です", "あり",
                 " привет", " мир", "안녕", " γειά", " مرحبا", " €", "…", " —", " “", "”", "’s", "°", "²",
                 "😀", " 🚀", "🎉", " 👩‍💻", " ✅"]
# fmt: on
ENDINGS = ["ing", "ed", "s", "ly", "er", "ation", "ment", "al", "ize", "1", "2", "0", "20", "500", "3.5"]


def tokens(seed: int = 7, *, tail: int = 6000) -> list[str]:
    """Distinct token texts, most frequent first; `tail` is how many invented words follow the real ones."""
    rng = random.Random(seed)
    words = COMMON.split()
    head = [" " + word for word in words]
    for other in (MARKS, OTHER_SCRIPTS, ENDINGS):
        for place, text in enumerate(other):  # spread over the head, so that each kind is met often
            head.insert(min(len(head), 2 + place * (len(words) // len(other))), text)
    return list(dict.fromkeys(head + [_invented(rng) for _ in range(tail)]))


def weighted(texts: list[str], *, size: int = 1 << 16) -> list[str]:
    """`size` tokens in which each stands as often as Zipf's law says: a random position is a weighted draw."""
    weights = [1 / (rank + 3) for rank in range(len(texts))]
    scale = size / sum(weights)
    table: list[str] = []
    due = 0.0
    for text, weight in zip(texts, weights, strict=True):
        due += weight * scale
        table.extend([text] * (round(due) - len(table)))
    return table


def json_bytes(table: list[str], *, ascii_only: bool) -> list[bytes]:
    """Each token as it stands between the quotes of a JSON string; equal tokens share one object."""
    known = {text: json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode() for text in set(table)}
    return [known[text] for text in table]


def _invented(rng: random.Random) -> str:
    syllables = rng.choice((1, 2, 2, 3))
    word = "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS) for _ in range(syllables))
    return rng.choice((" ", " ", " ", "")) + (word.capitalize() if rng.random() < 0.1 else word)

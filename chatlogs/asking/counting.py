"""Tokens of answers that report no usage, counted by a tokenizer that carries its vocabulary and needs no network.

The rule: a count is an estimate and has columns of its own. Only visible text is counted, so it is a lower bound;
a model whose encoding nobody told us is not counted at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from chatlogs.errors import QueryError

if TYPE_CHECKING:
    import polars as pl

# Beginning of a model's name, without its vendor -> encoding; the first that fits.
ENCODINGS: Mapping[str, str] = {
    r"gpt-oss": "o200k_harmony",
    r"(ft:)?(gpt-4o|chatgpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|o1|o3|o4)": "o200k_base",
    r"(ft:)?(gpt-4|gpt-3\.5|gpt-35)": "cl100k_base",
    r"(?i:qwen3\.5)": "qwen3.5",
}


def encoding_of(model: str | None) -> str | None:
    """The encoding a model's tokens are counted in; None when unknown."""
    name = (model or "").rpartition("/")[2]
    return next((encoding for pattern, encoding in ENCODINGS.items() if re.match(pattern, name)), None)


def count(texts: Iterable[str], encoding: str) -> list[int]:
    """How many tokens each text has; QueryError where the tokenizer is not installed."""
    try:
        import toktok
    except ImportError:
        raise QueryError("counting tokens needs a tokenizer: pip install 'chatlogs[tokens]'.") from None
    counts: list[int] = toktok.batch_count(list(texts), encoding)
    return counts


def counted(texts: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The keys, and the tokens of prompt and answer, of each response whose encoding is known.

    `texts` has the keys, answered_by, prompt and answer, a response a row.
    """
    import polars as pl

    found = [texts.select(*keys, *(pl.lit(None, pl.Int64).alias(name) for name in _COUNTED)).clear()]
    for (model,), rows in texts.group_by("answered_by", maintain_order=True):
        encoding = encoding_of(None if model is None else str(model))
        if encoding is not None:
            counts = [pl.Series(name, _counts(rows[name.removeprefix("counted_")], encoding)) for name in _COUNTED]
            found.append(rows.with_columns(count.cast(pl.Int64) for count in counts).select(*keys, *_COUNTED))
    return pl.concat(found)


def summed(counts: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """COLUMNS per group: how many responses were counted, and the tokens of their prompts and answers."""
    import polars as pl

    sums = [
        pl.col("counted_answer").count().cast(pl.UInt32).alias("counted_responses"),
        _sum("counted_prompt"),
        _sum("counted_answer"),
    ]
    summed = counts.group_by(keys).agg(sums) if keys else counts.select(sums)
    return summed.rename({"counted_prompt": "counted_prompt_tokens", "counted_answer": "counted_completion_tokens"})


COLUMNS = ("counted_responses", "counted_prompt_tokens", "counted_completion_tokens")
_COUNTED = ("counted_prompt", "counted_answer")


def _counts(texts: pl.Series, encoding: str) -> list[int | None]:
    """Tokens of each text, None of none."""
    there = iter(count(texts.drop_nulls(), encoding))
    return [None if text is None else next(there) for text in texts]


def _sum(name: str) -> pl.Expr:
    """A sum that is null, not 0, where there is nothing to add up."""
    import polars as pl

    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum())

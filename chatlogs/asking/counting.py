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
    """Per group: responses whose encoding is known, and the tokens of their prompts and answers.

    `texts` has the keys, answered_by, prompt and answer, a response a row.
    """
    import polars as pl

    parts = []
    for (model,), rows in texts.group_by("answered_by", maintain_order=True):
        encoding = encoding_of(str(model) if model is not None else None)
        if encoding is None:
            continue
        counts = {part: _counts(rows[part], encoding) for part in ("prompt", "answer")}
        tokens = [pl.Series(f"counted_{part}", values, pl.Int64) for part, values in counts.items()]
        parts.append(rows.with_columns(tokens).select(*keys, "counted_prompt", "counted_answer"))
    if not parts:
        return texts.select(keys).clear().with_columns(pl.lit(0).alias(name) for name in COLUMNS)
    rows = pl.concat(parts)
    sums = [
        pl.len().alias("counted_responses"),
        _sum("counted_prompt").alias("counted_prompt_tokens"),
        _sum("counted_answer").alias("counted_completion_tokens"),
    ]
    return rows.group_by(keys).agg(sums) if keys else rows.select(sums)


COLUMNS = ("counted_responses", "counted_prompt_tokens", "counted_completion_tokens")


def _counts(texts: pl.Series, encoding: str) -> list[int | None]:
    """Tokens of each text, None of none."""
    there = iter(count(texts.drop_nulls(), encoding))
    return [None if text is None else next(there) for text in texts]


def _sum(name: str) -> pl.Expr:
    """A sum that is null, not 0, where there is nothing to add up."""
    import polars as pl

    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum())

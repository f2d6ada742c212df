"""Every report: a new one is a file sql/NAME.sql, a row here, and a method in answers.py."""

from __future__ import annotations

from collections.abc import Mapping

from chatlogs.asking.costs import MONEY
from chatlogs.asking.measures import COUNT, SHARE, TOKENS, Measure, Report
from chatlogs.schema import REJECTS, TEXT

USAGE = Report(
    "usage",
    "Tokens used, by model or any other key.",
    ("completions",),
    (
        Measure("responses", COUNT, "Responses in the group."),
        Measure("with_usage", COUNT, "Responses that report usage.", shown=False),
        Measure("no_usage", COUNT, "Responses that report none; the sums leave them out."),
        Measure("prompt_tokens", TOKENS, "Tokens in prompts, cached ones included."),
        Measure("cached_tokens", TOKENS, "Prompt tokens served from cache."),
        Measure("completion_tokens", TOKENS, "Tokens in answers, as reported."),
        Measure("reasoning_tokens", TOKENS, "Hidden reasoning tokens; inside completion_tokens at most providers."),
        Measure("total_tokens", TOKENS, "Totals as reported, never recomputed."),
        Measure("cached_share", SHARE, "Cached part of the prompts, over responses that report cached tokens."),
        Measure("reasoning_share", SHARE, "Reasoning per completion token, over responses that report it."),
    ),
    by=("model",),
    sort=("total_tokens", "responses"),
    help="""
    \b
      chatlogs usage store --by day,model --since 7d
      chatlogs usage logs/*.jsonl --by metadata.project --json
    """,
    twin="usage(by=['day', 'model'])",
    total=True,
    spare=("reasoning_share", "cached_share", "no_usage", "reasoning_tokens", "cached_tokens"),
)

FINISH = Report(
    "finish",
    "Why answers stopped: finish_reason, with shares.",
    ("choices", "completions"),
    (
        Measure("finish_reason", TEXT, "Why generation stopped, as sent; null when no reason was seen."),
        Measure("finish_class", TEXT, "The reason in common words.", shown=False),
        Measure("choices", COUNT, "Choices that stopped so."),
        Measure("share", SHARE, "Their part of the group's choices."),
    ),
    by=("model",),
    sort=("by", "choices"),
    help="""
    \b
      chatlogs finish store --by model,system_fingerprint
      chatlogs finish store --by week -m 'gpt-4o*' --where "finish_class = 'length'"
    """,
    twin="finish_reasons(by='model')",
    bar="share",
    nulls=(("finish_reason", "(none seen)"),),
)

FLAGS = Report(
    "flags",
    "What a careful reader should know: flags, counted.",
    ("completions",),
    (
        Measure("flag", TEXT, "What a careful reader should know; `chatlogs schema flags` explains each."),
        Measure("responses", COUNT, "Responses that carry it."),
    ),
    sort=("by", "responses"),
    help="""
    `chatlogs schema flags` says what each of them means.
    """,
    twin="flags()",
)

REJECTED = Report(
    "rejects",
    "Lines that could not be read, each with its reason.",
    ("rejects",),
    tuple(Measure(c.name, c.type, c.doc) for c in REJECTS.columns if c.name != "byte_offset"),
    sort=("source:asc", "line_number:asc"),
)

SUMMARY = Report("summary", "What is in these logs, on one screen.", ("completions",), (), twin="summary()")

REPORTS: Mapping[str, Report] = {report.name: report for report in (USAGE, FINISH, FLAGS, REJECTED, SUMMARY, *MONEY)}

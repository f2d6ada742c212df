"""The reports on what can be trusted: what contradicts itself, what is flagged, what could not be read."""

from __future__ import annotations

from chatlogs.asking.measures import COUNT, SHARE, TOKENS, Measure, Report
from chatlogs.schema import REJECTS, TEXT

AUDIT = Report(
    "audit",
    "The numbers' own lint: what contradicts itself, and what hangs on it.",
    ("completions",),
    (
        Measure("rule", TEXT, "What was checked; `chatlogs schema rules` explains each."),
        Measure("found", COUNT, "Responses that fail."),
        Measure("checked", COUNT, "Responses that could be checked."),
        Measure("share", SHARE, "Part of the checked ones that fails."),
        Measure("tokens", TOKENS, "total_tokens of those that fail; null where none reports any."),
        Measure("copies", COUNT, "Equal copies that were left out.", shown=False),
        Measure("tokens_of_copies", TOKENS, "What they would add to the total if each were counted."),
        Measure(
            "estimated_prompt_tokens",
            TOKENS,
            "Of missing usage: the logged prompts, by characters a token.",
            shown=False,
        ),
        Measure("estimated_completion_tokens", TOKENS, "Of missing usage: the answers, by characters a token."),
        Measure("example", TEXT, "One that fails, for `chatlogs show`."),
    ),
    sort=("by", "found", "checked"),
    help="""
    \b
      chatlogs audit store
      chatlogs audit store --by model --where "form = 'stream'"
    """,
    twin="audit(by='model')",
    spare=("tokens_of_copies", "estimated_completion_tokens", "tokens"),
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
    tuple(Measure(c.name, c.type, c.doc) for c in REJECTS.columns if c.name not in ("source_key", "byte_offset")),
    sort=("source:asc", "line_number:asc"),
)

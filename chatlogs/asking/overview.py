"""The report that says what is there at all: one row, shown on one screen."""

from __future__ import annotations

from chatlogs.asking.measures import COUNT, TOKENS, Measure, Report
from chatlogs.schema import TIME

SUMMARY = Report(
    "summary",
    "What is in these logs, on one screen.",
    ("completions",),
    (
        Measure("responses", COUNT, "All responses."),
        Measure("completions", COUNT, "Those that were logged whole."),
        Measure("streams", COUNT, "Those that were logged as chunks."),
        Measure("complete", COUNT, "Those that ended well."),
        Measure("truncated", COUNT, "Those that were cut off."),
        Measure("errors", COUNT, "Those that failed."),
        Measure("first_created", TIME, "The first created."),
        Measure("last_created", TIME, "The last."),
        Measure("no_created", COUNT, "Responses without created."),
        Measure("first_seen", TIME, "The first of them, by created, else by the logger's clock."),
        Measure("last_seen", TIME, "The last of them."),
        Measure("no_time", COUNT, "Responses without a time of either kind."),
        Measure("models", COUNT, "Different models."),
        Measure("fingerprints", COUNT, "Different system_fingerprints."),
        Measure("choices", COUNT, "Choices of all responses."),
        Measure("no_usage", COUNT, "Responses that report no usage; the sums leave them out."),
        Measure("part_usage", COUNT, "Responses whose usage lacks one of the counts that the sums here are of."),
        Measure("prompt_tokens", TOKENS, "Tokens in prompts, cached ones included."),
        Measure("cached_tokens", TOKENS, "Prompt tokens served from cache."),
        Measure("completion_tokens", TOKENS, "Tokens in answers, as reported."),
        Measure("reasoning_tokens", TOKENS, "Hidden reasoning tokens."),
        Measure("total_tokens", TOKENS, "Totals as reported, never recomputed."),
        Measure("flagged", COUNT, "Responses that carry a flag."),
        Measure("unsure_duplicates", COUNT, "Copies of responses without created under an id that others have too."),
        Measure("sources", COUNT, "Logs that were read; this and what follows is of all, whatever the filters."),
        Measure("lines", COUNT, "Their lines."),
        Measure("records", COUNT, "Their records."),
        Measure("duplicates", COUNT, "Equal copies that were left out."),
        Measure("repaired", COUNT, "Records that were read after a harmless repair."),
        Measure("rejects", COUNT, "Lines that could not be read."),
    ),
    twin="summary()",
)

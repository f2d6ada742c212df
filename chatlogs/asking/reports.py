"""Every report, and the ones on use: a new one is a file sql/NAME.sql, a row here, and a method in answers.py."""

from __future__ import annotations

from collections.abc import Mapping

from chatlogs.asking.costs import COST, RECONCILE, WHAT_IF
from chatlogs.asking.differences import DIFF
from chatlogs.asking.examples import EXAMPLES
from chatlogs.asking.measures import COUNT, REAL, SHARE, TOKENS, Measure, Report
from chatlogs.asking.overview import SUMMARY
from chatlogs.asking.trust import AUDIT, FLAGS, REJECTED
from chatlogs.schema import INT, TEXT, TIME

USAGE = Report(
    "usage",
    "Tokens used, by model or any other key.",
    ("completions",),
    (
        Measure("responses", COUNT, "Responses in the group."),
        Measure("with_usage", COUNT, "Responses that report usage.", shown=False),
        Measure("no_usage", COUNT, "Responses that report none; the sums leave them out."),
        Measure(
            "part_usage",
            COUNT,
            "Responses whose usage lacks prompt_tokens, completion_tokens or total_tokens; that sum leaves them out.",
            shown=False,
        ),
        Measure("prompt_tokens", TOKENS, "Tokens in prompts, cached ones included."),
        Measure("cached_tokens", TOKENS, "Prompt tokens served from cache."),
        Measure("completion_tokens", TOKENS, "Tokens in answers, as reported."),
        Measure("reasoning_tokens", TOKENS, "Hidden reasoning tokens; inside completion_tokens at most providers."),
        Measure("total_tokens", TOKENS, "Totals as reported, never recomputed."),
        Measure("cached_share", SHARE, "Cached part of the prompts, over responses that report both."),
        Measure("reasoning_share", SHARE, "Reasoning per completion token, over responses that report both."),
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
      chatlogs finish store --by week -m 'gpt-4o*' --where "form = 'stream'"
    """,
    twin="finish_reasons(by='model')",
    bar="share",
    nulls=(("finish_reason", "(none seen)"),),
)

LIMITS = Report(
    "limits",
    "Answers that stopped for length, held against max_tokens.",
    ("choices", "completions"),
    (
        Measure("max_tokens", INT, "The limit that was asked for; null where the log tells of none."),
        Measure("choices", COUNT, "Choices that were asked for with it."),
        Measure("stopped_for_length", COUNT, "Those whose finish_reason says length."),
        Measure("length_share", SHARE, "Their part of the choices."),
        Measure("at_max_tokens", COUNT, "Those whose completion_tokens reach max_tokens."),
        Measure("below_max_tokens", COUNT, "Those that stopped earlier: by another limit, such as the context window."),
        Measure("not_known", COUNT, "Those without usage, or of several choices."),
        Measure("most_tokens", TOKENS, "The longest answer, of any reason.", shown=False),
    ),
    by=("model",),
    sort=("by", "max_tokens:asc"),
    help="""
    \b
      chatlogs limits store --by model,request_model
      chatlogs limits store --by day -m 'gpt-4o*' --since 7d
    """,
    twin="limits()",
    bar="length_share",
    nulls=(("max_tokens", "(not logged)"),),
)

BACKENDS = Report(
    "backends",
    "What answered: fingerprints over time, their overlaps and returns.",
    ("completions",),
    (
        Measure("backend", TEXT, "The system_fingerprint; where that is null, the answering model and its tier."),
        Measure("told_by", TEXT, "'fingerprint' or 'model and tier'.", shown=False),
        Measure("engine", TEXT, "vllm, llama.cpp, tgi or ollama, where the fingerprint tells."),
        Measure("version", TEXT, "Its version, read from the fingerprint."),
        Measure("parallelism", TEXT, "How vLLM is spread over devices: tp4, tp4-pp2."),
        Measure("build", TEXT, "The hash at the fingerprint's end.", shown=False),
        Measure("responses", COUNT, "Responses it gave."),
        Measure("share", SHARE, "Their part of the group's responses; with --by day,model, the share of the day."),
        Measure("first_seen", TIME, "The first of them, by created, else by the logger's clock."),
        Measure("last_seen", TIME, "The last of them."),
        Measure("hours", COUNT, "Hours in which it answered."),
        Measure("hours_shared", COUNT, "Those in which another backend of the group answered too."),
        Measure("returns", COUNT, "How often it came back after hours in which only others answered."),
    ),
    by=("model",),
    sort=("by", "first_seen:asc", "responses"),
    help="""
    \b
      chatlogs backends store
      chatlogs backends store --by day,model -m 'gpt-4o*'

    A vLLM or llama.cpp fingerprint is read: engine, version, parallelism, build. `chatlogs repeats` tells
    whether equal requests with a seed got equal answers.
    """,
    twin="backends(by=['day', 'model'])",
    bar="share",
    nulls=(("backend", "(unknown)"),),
    spare=("version", "parallelism", "engine", "hours_shared", "returns", "responses"),
)

REPEATS = Report(
    "repeats",
    "Equal requests with a seed, and whether their answers are equal too.",
    ("completions",),
    (
        Measure("requests", COUNT, "Different requests that were made more than once, with the same seed."),
        Measure("responses", COUNT, "Responses to them."),
        Measure("within_pairs", COUNT, "Pairs of responses to one request from one backend."),
        Measure("within_share", SHARE, "Pairs of those that are equal in text and tool calls."),
        Measure("across_pairs", COUNT, "Pairs of responses to one request from two backends."),
        Measure("across_share", SHARE, "Pairs of those that are equal."),
    ),
    by=("model",),
    sort=("responses",),
    help="""
    Needs logs that hold requests: their messages, parameters and seed.
    """,
    twin="repeats()",
)

LATENCY = Report(
    "latency",
    "How long answers take: to begin, to arrive, to end.",
    ("completions",),
    (
        Measure("clock", TEXT, "'logger': times the logger took. 'server': what vLLM, llama.cpp, Groq and others say."),
        Measure("step", INT, "The metric's place on the way of an answer.", shown=False),
        Measure("metric", TEXT, "What was measured; `chatlogs schema metrics` explains each."),
        Measure("unit", TEXT, "s, tokens/s or stalls."),
        Measure("responses", COUNT, "Responses it could be measured of."),
        Measure("mean", REAL, "The mean.", shown=False),
        Measure("least", REAL, "The smallest value.", shown=False),
        Measure("p50", REAL, "Half of the responses have less."),
        Measure("p90", REAL, "Nine in ten have less."),
        Measure("p99", REAL, "99 in a hundred have less."),
        Measure("most", REAL, "The largest value."),
    ),
    by=("model",),
    sort=("by", "step:asc"),
    help="""
    \b
      chatlogs latency store --by model,service_tier
      chatlogs latency store --by system_fingerprint --where "form = 'stream'"
    """,
    twin="latency(by='model')",
    spare=("unit", "clock", "responses", "most"),
)

ERRORS = Report(
    "errors",
    "What went wrong: errors by status, type and code.",
    ("completions",),
    (
        Measure("http_status", INT, "The HTTP status; null where none was logged."),
        Measure("type", TEXT, "The error's type."),
        Measure("code", TEXT, "The error's code."),
        Measure("responses", COUNT, "Responses that failed so."),
        Measure("share", SHARE, "Their part of all responses of the group."),
        Measure("first_seen", TIME, "The first of them, by created, else by the logger's clock."),
        Measure("last_seen", TIME, "The last of them."),
        Measure("message", TEXT, "One of their messages."),
    ),
    sort=("by", "responses"),
    same=(("status_code", "http_status"), ("error_type", "type"), ("error_code", "code")),
    help="""
    \b
      chatlogs errors store --by day
      chatlogs errors store --where "status_code = 429" --json
    """,
    twin="errors(by='day')",
    spare=("last_seen", "first_seen"),
)

TOOLS = Report(
    "tools",
    "Tool calls: which, how many side by side, with valid arguments or not.",
    ("tool_calls", "choices", "completions"),
    (
        Measure("tool", TEXT, "The tool's name."),
        Measure("call_kind", TEXT, "'function', 'custom' or the legacy 'function_call'.", shown=False),
        Measure("calls", COUNT, "Calls of it."),
        Measure("no_arguments", COUNT, "Those without arguments, or with empty ones."),
        Measure("broken", COUNT, "Those whose arguments are no JSON."),
        Measure("cut", COUNT, "The broken ones whose answer stopped for length or was cut off."),
        Measure("valid_share", SHARE, "Valid ones of those that have arguments in JSON."),
        Measure("parallel_share", SHARE, "Calls made beside others in one choice."),
        Measure("widest", COUNT, "The most calls in one choice that has it."),
    ),
    by=("model",),
    sort=("by", "calls"),
    same=(("name", "tool"), ("kind", "call_kind")),
    help="""
    \b
      chatlogs tools store --by tool,model
      chatlogs tools store --where "arguments_valid = false"
    """,
    twin="tools(by=[])",
    spare=("widest", "parallel_share", "no_arguments", "cut"),
)

LOGPROBS = Report(
    "logprobs",
    "How sure answers were, where log probabilities were logged.",
    ("choices", "completions"),
    (
        Measure("choices", COUNT, "Choices in the group."),
        Measure("with_logprobs", COUNT, "Those that carry log probabilities."),
        Measure("tokens", TOKENS, "Tokens that carry one."),
        Measure("mean_logprob", REAL, "Mean log probability of a token; sentinels left out."),
        Measure("perplexity", REAL, "exp of minus that mean: 1 is certain."),
        Measure("p10_of_answers", REAL, "The mean that one answer in ten is below.", shown=False),
        Measure("p50_of_answers", REAL, "The mean that half of the answers are below."),
        Measure("kept_tokens", TOKENS, "Tokens kept one by one, by ingest --logprobs."),
        Measure("unlikely_share", SHARE, "Those of the kept tokens with a probability below one half."),
    ),
    by=("model",),
    sort=("tokens",),
    twin="confidence(by='model')",
)

CACHE = Report(
    "cache",
    "Prompt caching: how much, how evenly, how concentrated.",
    ("completions",),
    (
        Measure("responses", COUNT, "Responses in the group."),
        Measure("with_cached", COUNT, "Those that report cached tokens, 0 included; all that follows is over them."),
        Measure("prompt_tokens", TOKENS, "Their tokens in prompts."),
        Measure("cached_tokens", TOKENS, "Those served from cache."),
        Measure("cache_write_tokens", TOKENS, "Tokens written to the cache.", shown=False),
        Measure("cached_share", SHARE, "Cached part of the prompt tokens."),
        Measure("hit_share", SHARE, "Responses with any cached token."),
        Measure("under_half_share", SHARE, "Responses with some, but less than half of the prompt cached."),
        Measure("over_half_share", SHARE, "Responses with half to nine tenths of the prompt cached."),
        Measure("nearly_all_share", SHARE, "Responses with nine tenths of the prompt or more cached."),
        Measure("median_hit", SHARE, "Cached part of the prompt in the middle one of the hits."),
        Measure("top_tenth_share", SHARE, "Part of the cached tokens that went to the tenth of responses with most."),
    ),
    by=("model",),
    sort=("cached_tokens", "responses"),
    help="""
    \b
      chatlogs cache store --by day,model
      chatlogs cache store --by metadata.project
    """,
    twin="cache(by=['day', 'model'])",
    total=True,
    spare=("median_hit", "over_half_share", "under_half_share", "prompt_tokens"),
)

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (
        USAGE,
        COST,
        FINISH,
        LIMITS,
        BACKENDS,
        REPEATS,
        LATENCY,
        ERRORS,
        TOOLS,
        LOGPROBS,
        CACHE,
        AUDIT,
        FLAGS,
        REJECTED,
        SUMMARY,
    )
}

_PLAIN = tuple(Report(name, "", ("completions",), ()) for name in ("unmetered", "unreported", "lacking", "unkept"))
HELPERS: Mapping[str, Report] = {report.name: report for report in (*_PLAIN, WHAT_IF, RECONCILE, DIFF, EXAMPLES)}
"""Questions that Python or a command goes on working with; they are no commands of their own."""

ALL: Mapping[str, Report] = {**REPORTS, **HELPERS}

"""What the caller asks of a reading: plain values that go with each block."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatlogs.errors import OptionError, did_you_mean

FRAMES: Mapping[str, str] = {
    "jsonl": "one record a line, never a text laid out over lines",
    "json": "JSON laid out over lines: one value or several",
    "sse": "SSE bodies, never JSON laid out over lines",
}
WRAPPED: Mapping[str, str] = {
    "batch": "output and error files of the Batch API; read with their input file, they have the requests too",
    "bifrost": "Bifrost: its log of requests",
    "braintrust": "Braintrust: exported spans of calls",
    "exchange": "a request and its response, however they are called; the response is an object, chunks, or SSE text",
    "har": "HAR files of browsers and proxies",
    "helicone": "Helicone: exports, queries, and its asynchronous log",
    "inspect_ai": "inspect_ai: eval logs in JSON, and the samples in its .eval archives",
    "langfuse": "Langfuse: exported generations, as far as they hold an answer or its message",
    "langsmith": "LangSmith: exported runs of models, LangChain's own messages too; results that LangChain logs",
    "litellm": "LiteLLM: its standard logging payload, and its table of spend logs",
    "llm": "`llm logs --json`",
    "opik": "Opik: exported spans of calls",
    "otel": "OpenTelemetry: spans of calls to models, in OTLP's JSON or as an SDK prints them, by its conventions or"
    " the names of OpenInference, Logfire and Vercel's AI SDK",
    "openpipe": "OpenPipe: exports",
    "posthog": "PostHog: exported events of calls",
    "portkey": "Portkey: exports with dotted or nested names, and its logs API",
    "respan": "Respan (Keywords AI): exported logs",
    "vcr": "cassettes of VCR.py, Ruby's vcr, go-vcr and others, in YAML or JSON",
    "weave": "Weave: exported calls",
}
CONTAINERS: Mapping[str, str] = {**FRAMES, **WRAPPED}
CONTENTS: Mapping[str, str] = {
    "keep": "texts as they are",
    "hash": "the SHA-256 of each text in its place",
    "none": "no text, and one digest a choice, which tells equal answers",
}


@dataclass(frozen=True)
class Asked:
    """How to read. container: its name, None to tell it by shape. chunks, logprobs: keep a row for each chunk, and for
    each token with its log probability. mixed: events of several streams stand between each other, so ids part them.

    requests: bodies of batch inputs by custom_id, None where two of them differ. messages: what was asked of stored
    completions, by their id.
    """

    container: str | None = None
    chunks: bool = False
    logprobs: bool = False
    mixed: bool = False
    requests: Mapping[str, dict[str, Any] | None] = field(default_factory=dict)
    messages: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)

    @property
    def wrapper(self) -> str | None:
        """The one wrapper to look for."""
        return None if self.container in FRAMES else self.container

    @property
    def each_record(self) -> bool:
        """Whether each record has to be looked at by itself."""
        return self.wrapper is not None or bool(self.messages)


def check(option: str, value: str, known: Collection[str]) -> str:
    """The value; OptionError when it is none of those known."""
    if value in known:
        return value
    raise OptionError(f"there is no {option} '{value}'.{did_you_mean(value, known)} Known are: {', '.join(known)}.")

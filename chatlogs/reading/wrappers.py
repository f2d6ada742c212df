"""The wrappers that tools write, as data: by which keys to know one, and where in it things stand.

Order matters: the first row whose keys are there and whose answer can be read wins, the broadest is last. Rows of
one name are spellings of one tool.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from chatlogs.reading.envelopes import at, reachable
from chatlogs.reading.hosted import OF_HELICONE
from chatlogs.reading.native import STEPS_OF_RESULTS

Paths = tuple[str, ...]


@dataclass(frozen=True)
class Wrapper:
    """One row: `when` lists keys of which all must be there; `response` and `request` are tried in order.

    texts: fields that may be the JSON text of an object. whole: an answer is all of its response, also one that looks
    like a chunk.
    """

    name: str
    when: Paths
    response: Paths
    request: Paths = ()
    error: Paths = ()
    facts: Mapping[str, Paths] = field(default_factory=dict)
    merged_request: Mapping[str, Paths] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    texts: Paths = ()
    whole: bool = False
    fact_paths: tuple[tuple[str, Paths], ...] = field(init=False)
    request_paths: tuple[tuple[str, Paths], ...] = field(init=False)
    asked: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fact_paths", tuple(self.facts.items()))
        object.__setattr__(self, "request_paths", tuple(self.merged_request.items()))
        merged = (path for paths in self.merged_request.values() for path in paths)
        asked = frozenset(path.partition(".")[0] for path in (*self.request, *self.error, *merged))
        object.__setattr__(self, "asked", asked)

    def fits(self, value: dict[str, object]) -> bool:
        """Whether all the keys are there."""
        return all(path in value or at(value, path) is not None for path in self.when)


def candidates(value: dict[str, object]) -> tuple[Wrapper, ...]:
    """The rows that may fit a value with these keys, in order."""
    return _candidates(tuple(value))


@functools.lru_cache(maxsize=1 << 12)
def _candidates(keys: tuple[str, ...]) -> tuple[Wrapper, ...]:
    return tuple(row for row in WRAPPERS if len(reachable(row.when, keys)) == len(row.when))


_TIMES: Mapping[str, Paths] = {
    "started_at": (
        "started_at", "start_time", "startTime", "request_time", "requested_at", "request_timestamp",
        "request.timestamp", "request.timestamp_start", "request_created_at", "startedDateTime", "startTimeUnixNano",
        "req.timestamp", "times.start", "startedAt",
    ),
    "noted_at": (
        "timestamp", "@timestamp", "ts", "time", "created_at", "datetime_utc", "timestamp_ms", "at", "createdAt",
        "Timestamp", "@t", "asctime", "TimeGenerated", "datetime",
    ),
    "ended_at": (
        "ended_at", "end_time", "endTime", "response_time_utc", "completed_at", "responded_at", "response_timestamp",
        "response.timestamp", "response.timestamp_end", "response_created_at", "endTimeUnixNano", "resp.timestamp",
        "times.end", "finished_at", "endedAt", "finishedAt", "completedAt",
    ),
    "first_chunk_at": ("first_chunk_at", "first_token_at", "first_token_time"),
    "completion_start_at": ("completionStartTime", "completion_start_time"),
    "duration_ms": ("duration_ms", "latency_ms", "elapsed_ms", "response_time_ms", "delay_ms", "response.response_time",
                    "response_time(ms)", "total_ms", "execution_duration_ms", "execution_time_ms", "durationMs",
                    "latencyMs", "elapsedMs", "responseTime", "responseTimeMs", "ElapsedMs", "ElapsedMilliseconds"),
    "duration_s": ("duration_s", "duration_seconds", "latency_s", "elapsed_s", "elapsed_seconds"),
    "first_chunk_ms": ("time_to_first_token_ms", "ttft_ms"),
}  # fmt: skip
_CALL: Mapping[str, Paths] = {
    "status_code": (
        "response.status_code", "response.status.code", "response.statusCode", "response.status",
        "response_status_code", "response_status", "status_code", "statusCode", "http_status", "status",
        "responseCode", "response_code", "StatusCode",
    ),
    "request_id": (
        "response.request_id", "request_id", "requestId", "headers.x-request-id", "response.headers.x-request-id",
        "response.headers.X-Request-Id", "response.headers.X-Request-ID", "x_request_id",
    ),
    "custom_id": ("custom_id",),
    "provider": ("provider", "custom_llm_provider", "ai_org"),
    "metadata": ("metadata",),
}  # fmt: skip
FACTS: Mapping[str, Paths] = {**_TIMES, **_CALL}
_PARAMETERS = (
    "model", "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "stream", "stream_options",
    "tools", "tool_choice", "parallel_tool_calls", "functions", "response_format", "presence_penalty",
    "frequency_penalty", "logit_bias", "top_logprobs", "reasoning_effort",
)  # fmt: skip
FLAT: Mapping[str, Paths] = {"messages": ("messages", "prompt"), **{name: (name,) for name in _PARAMETERS}}
"""What home-made logs write of a request beside the answer, without an object around."""


def _noted(*names: str) -> Mapping[str, Paths]:
    """What a tool notes of a call beside its metadata, as facts that go there."""
    return {f"metadata.{name}": (name,) for name in names}


_LITELLM: Mapping[str, Paths] = {
    **_TIMES, **_CALL, "status_code": ("error_information.error_code", "metadata.error_information.error_code"),
    "request_id": ("request_id", "id"), "stream": ("stream",),
    **_noted("cache_hit", "response_cost", "spend", "end_user", "request_tags"),
}  # fmt: skip
_LITELLM_ERRORS = ("error_information", "metadata.error_information", "error_str")
_PORTKEY: Mapping[str, Paths] = {
    **FACTS, "metadata_names": ("metadata.key",), "metadata_values": ("metadata.value",),
    **_noted("cost", "cost_currency", "cache_status"),
}  # fmt: skip
_HAR: Mapping[str, Paths] = {
    "started_at": ("startedDateTime",), "duration_ms": ("time",), "status_code": ("response.status",),
}  # fmt: skip
_KONG = ("ai.proxy", "ai.ai-proxy", "ai.ai-proxy-advanced", "ai.ai-request-transformer", "ai.ai-response-transformer")
"""Where Kong's gateway logs the calls that its plugins make."""

OWN_REQUEST = "originalRequest"
"""What each of the answers has that Postman keeps beside a request, which is not what they answered."""
WRAPPERS: tuple[Wrapper, ...] = (
    *(
        Wrapper("batch", ("custom_id", answered), ("response.body", "response"), ("request.body", "request", "body"),
                error=("error",), facts={**_CALL, "metadata": ()}, merged_request={"messages": ("messages",)})
        for answered in ("response", "error")
    ),
    *(
        Wrapper(
            "litellm", when, ("response",), request, _LITELLM_ERRORS, facts=_LITELLM,
            merged_request={"": ("model_parameters",), "messages": ("messages",), "model": ("model",)},
            flags=frozenset({"assembled_by_proxy"}), texts=("metadata",),
        )
        for when, request in (
            (("response", "proxy_server_request"), ("proxy_server_request",)),
            (("litellm_call_id", "response"), ()),
            (("call_type", "response", "startTime"), ()),
        )
    ),
    Wrapper(
        "helicone", ("request_body", "response_body"), ("response_body",), ("request_body",), whole=True,
        facts={**FACTS, "first_chunk_ms": ("time_to_first_token",),
               "duration_ms": (*_TIMES["duration_ms"], "metadata.latencyMs"),
               "metadata": ("properties", "request_properties", "metadata"), **_noted(*OF_HELICONE)},
    ),
    Wrapper(
        "helicone", ("providerRequest", "providerResponse"), ("providerResponse.json", "providerResponse.body"),
        ("providerRequest.json",), whole=True,
        facts={"started_at": ("timing.startTime",), "ended_at": ("timing.endTime",),
               "status_code": ("providerResponse.status",)},
    ),
    Wrapper(
        "weave", ("op_name", "inputs.messages", "output"), ("output",), ("inputs",), error=("exception",),
        facts={**_TIMES, "metadata": ("attributes",), "request_id": ("id",)},
    ),
    Wrapper("exchange", ("input.inputBodyJson", "output.outputBodyJson"), ("output.outputBodyJson",),  # Bedrock's
            ("input.inputBodyJson",), facts=FACTS),
    Wrapper("openpipe", ("input", "output"), ("output",), ("input",), error=("errorMessage",),
            facts={**FACTS, "metadata": ("tags", "metadata")}),
    Wrapper(
        "har", ("request", "response.content"), ("response.content.text",), ("request.postData.text",),
        facts=_HAR,
    ),
    Wrapper("har", ("request", "_eventSourceMessages"), ("_eventSourceMessages",), ("request.postData.text",),
            facts=_HAR),
    *(
        Wrapper("portkey", ("request.body", "response.body", told), ("response.body",), ("request.body",),
                facts={**_PORTKEY, "duration_ms": ("response_time", *_TIMES["duration_ms"])})
        for told in ("ai_org", "ai_model", "is_success", "cache_status", "total_units", "metadata.key")
    ),
    *(
        Wrapper(
            "vcr", ("request", body),
            ("response.parsed_body", "response.body.string", "response.body.base64_string", "response.content"),
            ("request.parsed_body", "request.body.string", "request.body.base64_string", "request.body",
             "request.content"),
            facts={**FACTS, "ended_at": ("recorded_at", *_TIMES["ended_at"])},
        )
        for body in ("response.body.string", "response.body.base64_string", "response.parsed_body", "response.content")
    ),
    Wrapper("portkey", ("request.body", "response.body"), ("response.body",), ("request.body",), facts=_PORTKEY),
    *(
        Wrapper("exchange", (f"{ai}.payload.response",), (f"{ai}.payload.response",), (f"{ai}.payload.request",),
                facts={"started_at": ("started_at",), "duration_ms": ("latencies.request", f"{ai}.meta.llm_latency"),
                       "status_code": ("response.status",), "provider": (f"{ai}.meta.provider_name",),
                       "metadata.cost": (f"{ai}.usage.cost",)})
        for ai in _KONG
    ),
    *(
        Wrapper("exchange", (result, steps), (result,), facts={"request_id": ("request_id",)},
                merged_request={"messages": (f"{steps}.templating",)})
        for result, steps in STEPS_OF_RESULTS.items()
    ),
    Wrapper("exchange", (OWN_REQUEST, "body"), ("body",), (f"{OWN_REQUEST}.body",),  # Postman's
            facts={"status_code": ("code",), "duration_ms": ("responseTime",)}),
    Wrapper("exchange", ("request", "response.stream.data"), ("response.stream",), ("request.body",),  # Newman's
            facts={**FACTS, "status_code": ("response.code",), "duration_ms": ("response.responseTime",)}),
    Wrapper("exchange", ("config.data", "data"), ("data",), ("config.data",), facts=FACTS),  # axios's
    Wrapper(
        "exchange", ("request",),
        ("response", "sse", "response_text", "response_body", "response_json", "completion", "chunks", "stream",
         "output", "result", "reply", "raw_response", "responseBody"),
        ("request.body", "request"), error=("error", "exception", "response.error"), facts=FACTS,
    ),
    Wrapper("exchange", ("then.body",), ("then.body",), ("when.body",),
            facts={**FACTS, "status_code": ("then.status",)}),
    Wrapper("exchange", ("scope", "path", "body", "response"), ("response",), ("body",), facts=FACTS),
    Wrapper("exchange", ("response",), ("response", "response.body"),
            ("request", "request_body", "input", "prompt", "params", "kwargs",
             "init.body", "options.body", "config.data"),
            error=("error", "exception"), facts=FACTS, merged_request=FLAT),
    Wrapper("exchange", ("completion",), ("completion",), ("request", "params", "kwargs", "input"), facts=FACTS,
            merged_request=FLAT),
    Wrapper("exchange", ("chunks",), ("chunks",), ("request", "params", "kwargs", "input"), error=("error",),
            facts=FACTS, merged_request=FLAT),
    Wrapper("exchange", ("sse",), ("sse",), ("request",), facts=FACTS, merged_request=FLAT),
    *(
        Wrapper("exchange", (asked,), (*answered, "response"), (f"{asked}.body", asked), error=("error", "exception"),
                facts=FACTS)
        for asked, *answered in (("request_body", "response_body"),
                                 ("requestBody", "responseBody", "backendResponseBody"),  # the latter Azure's gateway's
                                 ("backendRequestBody", "backendResponseBody"),
                                 ("raw_request", "raw_response"), ("inputs", "outputs"),
                                 ("api_request", "api_response"), ("llm_request", "llm_response"))
    ),
    Wrapper("exchange", ("req",), ("res", "response", "resp", "responseBody"), ("req.body", "req"),
            error=("error", "exception", "err"),
            facts={**FACTS, "status_code": ("res.statusCode", "res.status", "resp.status_code",
                                            *_CALL["status_code"])}),
)  # fmt: skip

CHUNK_KEYS: Paths = (
    "chunk",
    "data",
    "Data",
    "event",
    "payload",
    "__data__",
    "log",
    "message",
    "msg",
    "body",
    "record",
    "line",
    "completion",
    "value",
    "json",
    "textPayload",
    "jsonPayload",
    "MESSAGE",
    "_source",
    "_raw",
    "raw",
    "result",
    "Message",
    "RenderedMessage",
    "MessageTemplate",
    "@m",
    "@mt",
)
ARRIVALS: Paths = (
    "arrived_at", "received_at", "captured_at", "chunk_time", "timestamp", "@timestamp", "ts", "time", "t", "at",
    "logged_at", "created_at", "_time", "__REALTIME_TIMESTAMP", "createdAt", "Timestamp", "@t", "asctime",
    "TimeGenerated", "instant", "timeUnixNano", "publishTime", "publish_time", "approximateArrivalTimestamp",
    "ApproximateArrivalTimestamp", "attributes.SentTimestamp", "datetime",
)  # fmt: skip

LOGGED = Wrapper(
    "logged", (), (), ("request.body", "request", "request_body"),
    facts={
        "started_at": _TIMES["started_at"],
        "noted_at": tuple(path for path in _TIMES["noted_at"] if path not in ARRIVALS),
        "ended_at": _TIMES["ended_at"], "duration_ms": _TIMES["duration_ms"], "duration_s": _TIMES["duration_s"],
        "status_code": _CALL["status_code"], "request_id": _CALL["request_id"],
    },
)  # fmt: skip
"""What the line of a logger says beside the answer, or the wrapper, that it holds."""
LEVELS = frozenset({
    "level", "severity", "levelname", "level_name", "lvl", "log_level", "loglevel", "log.level", "severityText",
    "severity_text", "Level", "LogLevel", "@l", "@m", "@mt",
})  # fmt: skip
"""Fields by which a line is known for a logger's, which writes it when there is an answer to write."""
DURATIONS = ("duration", "first_chunk_ms")
"""What facts of how long something took begin with."""
MOMENTS = ("started", "noted", "ended", "first_chunk", *DURATIONS)
"""What facts of when something happened, or how long it took, begin with."""

LISTS: Paths = (
    "data", "responses", "completions", "log.entries", "interactions", "http_interactions", "runs", "records", "items",
    "entries", "results", "streams", "rows", "run.executions",
)  # fmt: skip


def _steps() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in WRAPPERS:
        named = [*row.facts.values(), *row.merged_request.values()]
        for path in (*row.when, *row.response, *row.request, *row.error, *(path for paths in named for path in paths)):
            steps = path.split(".")
            for at_ in range(1, len(steps)):
                found.setdefault(".".join(steps[:at_]), set()).update((steps[at_], ".".join(steps[at_:])))
    return {head: frozenset(steps) for head, steps in found.items()}


STEPS = _steps()
"""What is looked for within an object that stands at a path."""

ANSWERS_UNDER = frozenset(path.partition(".")[0] for row in WRAPPERS for path in row.response)
"""Fields of a wrapper in which any row looks for an answer."""

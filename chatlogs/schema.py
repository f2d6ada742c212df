"""Every table and every column, declared once.

The Arrow schemas, `chatlogs schema` and the reference in the docs are read from here, and nothing else repeats a type
or a doc. What fills a column or asks for it, in Python or in chatlogs/sql, names it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 2

TEXT, JSON, INT, FLOAT, BOOL, TIME, TEXTS = "text", "json", "int", "float", "bool", "time", "texts"

SQL_TYPES: Mapping[str, str] = {
    TEXT: "varchar",
    JSON: "varchar",
    INT: "bigint",
    FLOAT: "double",
    BOOL: "boolean",
    TIME: "timestamptz",
    TEXTS: "varchar[]",
}
"""What the reference in the docs calls the types in SQL."""


@dataclass(frozen=True)
class Column:
    """One column: `type` is one of TEXT, JSON (text that holds JSON), INT, FLOAT, BOOL, TIME, TEXTS."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True)
class Table:
    """One table: one folder of Parquet files in a store, one name in SQL."""

    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def arrow(self) -> pa.Schema:
        """The Arrow schema of this table's files; docs travel as field metadata."""
        return arrow_schema(self.columns)


@functools.cache
def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of any declared columns, in order."""
    import pyarrow as pa

    types = _arrow_types()
    return pa.schema([pa.field(c.name, types[c.type], metadata={"doc": c.doc}) for c in columns])


@functools.cache
def _arrow_types() -> Mapping[str, pa.DataType]:
    import pyarrow as pa

    return {
        TEXT: pa.string(),
        JSON: pa.string(),
        INT: pa.int64(),
        FLOAT: pa.float64(),
        BOOL: pa.bool_(),
        TIME: pa.timestamp("us", tz="UTC"),
        TEXTS: pa.list_(pa.string()),
    }


KEYS = (
    Column(
        "id",
        TEXT,
        "The response's id as the server sent it; not unique (servers reuse ids), null when absent or empty.",
    ),
    Column("model", TEXT, "The model that answered, as the server named it; null when absent or empty."),
    Column(
        "system_fingerprint",
        TEXT,
        "The backend's fingerprint: the last non-empty value seen; null when absent or empty.",
    ),
    Column(
        "completion_key",
        INT,
        "Surrogate key of the response; joins the tables. Made from the log's content and position, not its name.",
    ),
)

SOURCE_KEY = Column(
    "source_key", INT, "That log's identity, as in `sources`; two logs may have had one name, as rotated ones do."
)

TOKEN_COUNTS = (
    Column("prompt_tokens", INT, "Tokens in the prompt, as reported; null when no usage was logged."),
    Column("completion_tokens", INT, "Tokens in the answer, as reported; some providers leave reasoning out."),
    Column("total_tokens", INT, "Total tokens as reported; never recomputed."),
    Column("cached_tokens", INT, "Prompt tokens served from cache; already counted in prompt_tokens."),
    Column("cache_write_tokens", INT, "Prompt tokens written to the cache; already counted in prompt_tokens."),
    Column("reasoning_tokens", INT, "Tokens spent on hidden reasoning; inside completion_tokens at most providers."),
    Column("prompt_audio_tokens", INT, "Audio tokens in the prompt."),
    Column("completion_audio_tokens", INT, "Audio tokens in the answer."),
    Column("accepted_prediction_tokens", INT, "Predicted-output tokens that were used."),
    Column("rejected_prediction_tokens", INT, "Predicted-output tokens that were not used, yet billed."),
)
"""What sql/rows/usage.sql reads from a usage object."""

COMPLETIONS = Table(
    "completions",
    "One row per response: a stored completion, or a stream folded back into one.",
    (
        *KEYS,
        Column("form", TEXT, "How it was logged: 'completion' (one object) or 'stream' (chunks)."),
        Column("status", TEXT, "'complete', 'truncated' (a choice never got a finish_reason) or 'error'."),
        Column("created", TIME, "When the server says it created the response; the earliest valid value of a stream."),
        Column("service_tier", TEXT, "The service tier that served the request: the last non-empty value."),
        Column("choice_count", INT, "Choices in the response (rows in `choices`)."),
        Column("chunk_count", INT, "Chunks the stream was folded from; null for a stored completion."),
        *TOKEN_COUNTS,
        Column("usage_source", TEXT, "'reported' when the log held usage, 'none' when it did not."),
        Column("usage", JSON, "The usage object as logged: the last non-null one of a stream, never a sum."),
        Column("provider", TEXT, "Who served the request, where the log tells."),
        Column("error_code", TEXT, "The error's code, where the response failed."),
        Column("error_type", TEXT, "The error's type."),
        Column("error_message", TEXT, "The error's message."),
        Column("request_id", TEXT, "The server's request id, where logged."),
        Column("custom_id", TEXT, "The caller's id of a batch request."),
        Column("request_model", TEXT, "The model that was asked for; `model` is the one that answered."),
        Column("requested_service_tier", TEXT, "The service tier that was asked for."),
        Column("stream", BOOL, "Whether the request asked for a stream."),
        Column("temperature", FLOAT, "The request's temperature."),
        Column("top_p", FLOAT, "The request's top_p."),
        Column("seed", INT, "The request's seed."),
        Column("max_tokens", INT, "The request's max_completion_tokens or max_tokens."),
        Column("n", INT, "How many choices the request asked for."),
        Column(
            "metadata", JSON, "The metadata the caller attached, and what a gateway noted beside it (cache_hit, costs)."
        ),
        Column("request", JSON, "The other request parameters."),
        Column("started_at", TIME, "When the request was sent, by the logger's clock, or by end and duration."),
        Column("first_chunk_at", TIME, "When the first chunk arrived, by the logger's clock."),
        Column("last_chunk_at", TIME, "When the last chunk arrived, by the logger's clock."),
        Column("ended_at", TIME, "When the response ended, by the logger's clock, or by start and duration."),
        Column("status_code", INT, "The HTTP status."),
        Column("flags", TEXTS, "What a careful reader should know of this row; see `chatlogs schema` for each flag."),
        Column("duplicates", INT, "How many equal copies of this response were read and left out."),
        Column(
            "extra", JSON, "Unknown top-level fields; in a stream each is the list of its values, a repeat kept once."
        ),
        Column("source", TEXT, "The log the response was first read from."),
        SOURCE_KEY,
        Column("line_number", INT, "Line of its first record, counted from 1."),
        Column("byte_offset", INT, "Offset of its first record in the decompressed bytes, counted from 0."),
        Column("ingested_at", TIME, "When chatlogs read it."),
    ),
)

CHOICES = Table(
    "choices",
    "One row per choice of a response.",
    (
        *KEYS,
        Column("choice_index", INT, "The choice's index as sent."),
        Column("role", TEXT, "The role as sent, null when none was."),
        Column("content", TEXT, "The answer's text; the fragments of a stream joined in order."),
        Column("reasoning", TEXT, "The reasoning text, where the provider shows it."),
        Column("refusal", TEXT, "The refusal text."),
        Column("finish_reason", TEXT, "Why generation stopped, as sent; null when no reason was seen."),
        Column(
            "finish_class",
            TEXT,
            "finish_reason in common words: stop, length, tool_calls, content_filter, error, other, or null.",
        ),
        Column("tool_call_count", INT, "Tool calls in this choice (rows in `tool_calls`)."),
        Column("token_count", INT, "Tokens that carried log probabilities; null when none did."),
        Column(
            "mean_logprob", FLOAT, "Mean log probability of those tokens; sentinels and non-finite values left out."
        ),
        Column(
            "content_filter",
            JSON,
            "Content filter results of this choice; in a stream, the worst verdict of each kind.",
        ),
        Column("annotations", JSON, "Annotations such as URL citations."),
        Column("audio", JSON, "Audio answer: id, expires_at, transcript, and the data by hash and size."),
        Column("extra", JSON, "Unknown fields of the choice; those of its message or delta stand under that name."),
        Column(
            "text_digest",
            TEXT,
            "SHA-256 of the choice's texts where none of them is kept (--content none), so that equal answers are still told.",
        ),
    ),
)

TOOL_CALLS = Table(
    "tool_calls",
    "One row per tool call of a choice.",
    (
        *KEYS,
        Column("choice_index", INT, "The choice that made the call."),
        Column("tool_call_index", INT, "Position of the call in its choice, counted from 0 in order of arrival."),
        Column("call_id", TEXT, "The call's id."),
        Column("kind", TEXT, "'function', 'custom' or the legacy 'function_call'."),
        Column("name", TEXT, "The tool's name."),
        Column("arguments", TEXT, "The arguments, byte-exact when sent as text."),
        Column("arguments_valid", BOOL, "Whether the arguments are valid JSON; null for a custom tool's free text."),
    ),
)

MESSAGES = Table(
    "messages",
    "One row per message of a request, when the log holds requests.",
    (
        *KEYS,
        Column("message_index", INT, "Position in the conversation, counted from 0."),
        Column("role", TEXT, "system, developer, user, assistant, tool or function."),
        Column("content", TEXT, "The text; parts joined."),
        Column("content_parts", JSON, "The parts as sent, when the content was a list."),
        Column("name", TEXT, "The participant's or function's name."),
        Column("tool_call_id", TEXT, "The call that a tool message answers."),
        Column("tool_calls", JSON, "The calls of an earlier assistant message."),
    ),
)

LOGPROBS = Table(
    "logprobs",
    "One row per token with a log probability (kept on request).",
    (
        *KEYS,
        Column("choice_index", INT, "The choice the token belongs to."),
        Column("position", INT, "Position of the token, counted from 0."),
        Column("token", TEXT, "The token's text; may be part of a character."),
        Column("logprob", FLOAT, "Its log probability as sent, sentinels included."),
        Column("bytes", JSON, "The token's bytes; the only exact way to join tokens."),
        Column("top_logprobs", JSON, "The alternatives."),
    ),
)

CHUNKS = Table(
    "chunks",
    "One row per chunk (where chunks carry a capture time).",
    (
        *KEYS,
        Column("chunk_index", INT, "Position of the chunk in its stream, counted from 0."),
        Column("choice_index", INT, "The choice it adds to; null for a chunk without choices."),
        Column("arrived_at", TIME, "When it arrived, by the logger's clock."),
        Column("content_length", INT, "Characters of content it adds."),
        Column("reasoning_length", INT, "Characters of reasoning it adds."),
        Column("arguments_length", INT, "Characters of tool call arguments it adds; null for a chunk without calls."),
        Column("finish_reason", TEXT, "The finish_reason it carries, as sent."),
    ),
)

REJECTS = Table(
    "rejects",
    "One row per line that could not be read, kept whole; also per text beside others on a line, and per item of a list.",
    (
        Column("source", TEXT, "The log the line stands in."),
        SOURCE_KEY,
        Column("line_number", INT, "Its number, counted from 1."),
        Column("byte_offset", INT, "Its offset in the decompressed bytes, counted from 0."),
        Column("reason", TEXT, "Why, in one word for grouping."),
        Column("detail", TEXT, "Why, in a sentence for reading."),
        Column(
            "raw",
            TEXT,
            "The line, whole: credentials that it holds too. Bytes that are not UTF-8 stand as \\xNN. Null when it named a response that was forgotten.",
        ),
    ),
)

SOURCES = Table(
    "sources",
    "One row per log that was read: the ledger. records + blank + ignorable + rejects = lines.",
    (
        Column("source", TEXT, "The log's name when it was first read."),
        Column("source_key", INT, "The log's identity: from its first bytes, the same under any name or compression."),
        Column(
            "log_number", INT, "Its number in the store: logs are counted from 1 as they are first read, oldest first."
        ),
        Column("size", INT, "Decompressed bytes read so far."),
        Column("resume_offset", INT, "Where reading goes on when the log has grown: before a body or line left open."),
        Column("content_hash", TEXT, "xxh3-128 of the decompressed bytes read so far."),
        Column("stored_hash", TEXT, "xxh3-128 of the bytes as stored (compressed or not)."),
        Column("head_hash", TEXT, "xxh3-128 of the first 256 decompressed bytes."),
        Column("compression", TEXT, "'none', 'gzip', 'zstd', 'bzip2' or 'xz', judged by the bytes."),
        Column("container", TEXT, "How records were framed: jsonl, sse, json, yaml (a cassette), ..."),
        Column(
            "lines",
            INT,
            "Lines read; a JSON text laid out over several lines, an event of several, or what a container's runtime cut into several, counts once, each of several "
            "texts on a line too, and so does each item that is left out of a list of records.",
        ),
        Column("blank", INT, "Blank lines."),
        Column(
            "ignorable",
            INT,
            "Lines that carry no record by design: SSE comments, event names, [DONE]; other calls in a HAR file or a cassette.",
        ),
        Column("records", INT, "Lines that gave at least one record."),
        Column("rejects", INT, "Lines kept in `rejects`."),
        Column("repaired", INT, "Records read only after a harmless repair, such as a trailing comma."),
        Column("duplicates", INT, "Responses of this log that were equal to one already kept."),
        Column("responses", INT, "Responses found in this log, duplicates included, less those that were forgotten."),
        Column("ingest_id", TEXT, "The ingest that read it last."),
        Column("ingested_at", TIME, "When it was read last."),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table for table in (COMPLETIONS, CHOICES, TOOL_CALLS, MESSAGES, LOGPROBS, CHUNKS, REJECTS, SOURCES)
}

FLAGS: Mapping[str, str] = {
    "no_id": "The response has no id; such responses are never merged with each other.",
    "id_varies": "The chunks of this one transcript carry different ids; the first is kept.",
    "id_collision": "Another, different response has the same id.",
    "ambiguous_grouping": "Chunks without an id were grouped by their place in the log.",
    "model_varies": "The chunks name different models; the first is kept.",
    "created_varies": "The chunks carry different created values; the earliest is kept.",
    "fingerprint_changed": "The system_fingerprint changed within the stream; the last is kept.",
    "service_tier_changed": "The service_tier changed within the stream; the last is kept.",
    "finish_changed": "Different finish_reasons were sent for one choice; the last is kept.",
    "usage_changed": "Different usage objects were sent; the last is kept.",
    "ambiguous_request": "Several batch inputs hold different requests of this custom_id; none was taken for this answer.",
    "closed_early": "The stream was closed, by [DONE] or as its wrapper ends, before every choice had a finish_reason; nothing continues it.",
    "order_suspect": "Content follows the end of its choice, or the stream starts in the middle.",
    "repaired": "The record was read only after a harmless repair.",
    "invalid_unicode": "Text holds half a surrogate pair or bytes that are not UTF-8, kept escaped, or a character that Docker cut in two.",
    "non_finite_number": "A number is NaN, infinite or out of range; it is kept as null.",
    "integer_out_of_range": "An integer does not fit 64 bits; it is kept as null, its digits in extra, or in usage.",
    "count_unread": "A token count is no whole number; it is kept as null, and in usage as it was sent.",
    "content_parts": "The content was a list of parts; their text is joined, the parts are in extra.",
    "arguments_object": "Tool arguments were an object instead of text; kept as canonical JSON.",
    "cumulative_content": "Each chunk repeats all text so far; the fragments are kept as sent.",
    "twin_differs": "Logged as a stream and as a stored completion that do not agree.",
    "assembled_by_proxy": "Folded by a proxy before it was logged; finish_reason and usage may be the proxy's guess.",
    "clock_skew": "The logged times contradict each other; the impossible ones are null.",
}

"""The same answer comes out of every wrapper, with what the wrapper knows beside it, and no credentials."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlogs.normalizing.records.oddlines import Decoded, Record, records, sse_pieces
from chatlogs.normalizing.records.piece import ChunkRow
from chatlogs.normalizing.records.pieces import Piece, finished
from chatlogs.reading.asked import Asked
from chatlogs.reading.documents import read_documents
from chatlogs.reading.sse import events

ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 0.5,
    "stream": False,
    "max_tokens": 9,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"password": {}}}}}],
}
CHUNKS: list[dict[str, Any]] = [
    {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m-1", "choices": choices}
    for choices in (
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "lo"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    )
]
CHUNKS.append(CHUNKS[0] | {"choices": [], "usage": ANSWER["usage"]})
SSE = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n"
STARTED, ENDED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z"
STARTED_US = 1767225600_000000


def pieces_of(value: object) -> list[Piece]:
    found = records(Decoded(value))
    assert isinstance(found, Record), found
    return [finished(piece) for piece in found.pieces]


WRAPPED: dict[str, Any] = {
    "bare": ANSWER,
    "list page": {"object": "list", "data": [ANSWER], "first_id": "a", "last_id": "a", "has_more": True},
    "array": [ANSWER],
    "array of chunks": CHUNKS,
    "array of arrays": [CHUNKS],
    "chunks": {"chunks": CHUNKS},
    "responses": {"responses": [ANSWER]},
    "batch": {
        "id": "batch_req_1",
        "custom_id": "c-1",
        "error": None,
        "response": {"status_code": 200, "request_id": "req-1", "body": ANSWER},
    },
    "exchange": {"request": REQUEST, "response": ANSWER, "status": 200},
    "exchange of chunks": {"request": REQUEST, "response": CHUNKS, "status": 200},
    "exchange of sse": {"request": REQUEST, "sse": SSE, "status": 200},
    "exchange of text": {"request": json.dumps(REQUEST), "response_text": json.dumps(ANSWER)},
    "exchange with bodies": {
        "request": {"headers": {"Authorization": "Bearer sk-SECRET"}, "body": REQUEST},
        "response": {"status": 200, "headers": {"set-cookie": "SECRET"}, "body": ANSWER},
    },
    "litellm": {
        "litellm_call_id": "x",
        "call_type": "acompletion",
        "response": ANSWER,
        "messages": REQUEST["messages"],
        "model": "m",
        "model_parameters": {"temperature": 0.5, "api_key": "SECRET"},
        "startTime": 1767225600.0,
        "endTime": 1767225602.0,
        "error_information": {"error_code": "", "error_message": ""},
    },
    "helicone": {
        "request_body": REQUEST,
        "response_body": ANSWER,
        "request_created_at": STARTED,
        "delay_ms": 2000,
        "response_status": 200.0,
    },
    "helicone stream": {"request_body": REQUEST, "response_body": {"streamed_data": SSE}},
    "helicone async": {
        "providerRequest": {"url": "u", "json": REQUEST, "meta": {"Helicone-Auth": "SECRET"}},
        "providerResponse": {"json": ANSWER, "status": 200, "headers": {}},
        "timing": {
            "startTime": {"seconds": 1767225600, "milliseconds": 0},
            "endTime": {"seconds": 1767225602, "milliseconds": 0},
        },
    },
    "portkey": {
        "request": {"url": "u", "headers": {"x": "SECRET"}, "body": REQUEST},
        "response": {"status": 200, "body": ANSWER, "response_time": 2000},
        "metadata": {"trace_id": "t"},
    },
    "portkey dotted": {
        "created_at": STARTED,
        "request.body": REQUEST,
        "response.body": ANSWER,
        "is_success": 1,
        "response_status_code": 200,
    },
    "openpipe": {"input": REQUEST, "output": ANSWER, "tags": {"a": "b"}},
    "har": {
        "log": {
            "entries": [
                {
                    "startedDateTime": STARTED,
                    "time": 2000,
                    "request": {
                        "postData": {"text": json.dumps(REQUEST)},
                        "headers": [{"name": "Authorization", "value": "SECRET"}],
                    },
                    "response": {
                        "status": 200,
                        "content": {"text": base64.b64encode(SSE.encode()).decode(), "encoding": "base64"},
                    },
                },
                {"startedDateTime": STARTED, "request": {}, "response": {"status": 404, "content": {"text": "<html>"}}},
            ]
        }
    },
    "vcr": {
        "interactions": [
            {
                "request": {"method": "POST", "body": json.dumps(REQUEST), "headers": {"a": ["SECRET"]}},
                "response": {"status": {"code": 200}, "body": {"string": json.dumps(ANSWER)}},
            }
        ]
    },
    "vcr stream": {
        "interactions": [
            {"request": {"body": json.dumps(REQUEST)}, "response": {"status": {"code": 200}, "body": {"string": SSE}}}
        ]
    },
    "vcr parsed": {
        "interactions": [
            {
                "request": {"parsed_body": REQUEST},
                "response": {"parsed_body": ANSWER, "status": {"code": 200}, "headers": {}},
            }
        ]
    },
    "ruby vcr": {
        "http_interactions": [
            {
                "request": {"body": {"string": json.dumps(REQUEST)}},
                "recorded_at": ENDED,
                "response": {"status": {"code": 200}, "body": {"string": json.dumps(ANSWER)}},
            }
        ]
    },
    "llama stack": {
        "request": {"url": "u", "body": REQUEST},
        "response": {"body": [{"__type__": "ChatCompletionChunk", "__data__": chunk} for chunk in CHUNKS]},
    },
    "docker": {"log": json.dumps(ANSWER) + "\n", "stream": "stdout", "time": STARTED},
    "langfuse": {
        "id": "o",
        "traceId": "t",
        "type": "GENERATION",
        "startTime": STARTED,
        "endTime": ENDED,
        "model": "m-1",
        "input": REQUEST["messages"],
        "output": ANSWER,
        "modelParameters": {"temperature": 0.5},
    },
    "langsmith": {
        "id": "r",
        "run_type": "llm",
        "inputs": REQUEST,
        "outputs": ANSWER,
        "start_time": STARTED,
        "end_time": ENDED,
        "error": None,
    },
    "llm": {
        "id": "l",
        "model": "m",
        "prompt": "Hi",
        "response": "Hello",
        "response_json": ANSWER,
        "duration_ms": 2000,
        "datetime_utc": STARTED,
    },
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_same_answer_comes_out_of_every_wrapper(name: str) -> None:
    (piece,) = pieces_of(WRAPPED[name])
    assert (piece.id, piece.model, piece.choices[0].content) == ("chatcmpl-1", "m-1", "Hello")
    assert piece.choices[0].finish_reason == "stop"
    assert json.loads(piece.usage or "") == ANSWER["usage"]


@pytest.mark.parametrize("name", WRAPPED)
def test_credentials_are_never_kept(name: str) -> None:
    assert "SECRET" not in repr(pieces_of(WRAPPED[name]))


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "x-goog-api-key",
        "openaiApiKey",
        "azure_ad_token",
        "aws_secret_access_key",
        "auth",
        "Set-Cookie",
        "vertex_credentials",
        "connectionString",
        "api_keys",
    ],
)
def test_a_credential_is_told_by_how_its_name_ends(name: str) -> None:
    """Wherever it stands; and what only sounds like one is kept."""
    kept = {"pad_token": 7, "prompt_cache_key": "k", "max_token": 1, "tokens": 2, "session_tokens": 3, "key": "k"}
    answer = ANSWER | {name: "SECRET", "_hidden": {name: "SECRET", **kept}}
    (piece,) = pieces_of({"request": {"messages": [], "model": "m", name: "SECRET"}, "response": answer})
    assert "SECRET" not in repr(piece) and piece.extra["_hidden"] == kept


def test_a_key_is_a_credential_where_it_opens_a_source() -> None:
    """What is called no more than key is one where a source of data is opened, and a name anywhere else."""
    source = {"key": "name", "parameters": {"key": "SECRET", "embeddingKey": "SECRET", "filter": [{"key": "name"}]}}
    said = {"dataSources": [source], "parameters": {"key": "name"}, "authentication": {"key_id": 1, "key": "SECRET"}}
    (piece,) = pieces_of({"request": {"messages": [], "model": "m", **said}, "response": ANSWER})
    assert json.loads(piece.request or "") == {
        "dataSources": [{"key": "name", "parameters": {"filter": [{"key": "name"}]}}],
        "parameters": {"key": "name"},
        "authentication": {"key_id": 1},
    }


@pytest.mark.parametrize(
    "name", [name for name in WRAPPED if '"Hi"' in json.dumps(WRAPPED[name]) or "postData" in str(WRAPPED[name])]
)
def test_the_messages_asked_come_along(name: str) -> None:
    (piece,) = pieces_of(WRAPPED[name])
    assert [(message["role"], message["content"]) for message in piece.messages] == [("user", "Hi")]
    assert piece.request_model in ("m", "m-1")


@pytest.mark.parametrize("name", ["litellm", "helicone async", "langfuse", "langsmith", "helicone", "har", "llm"])
def test_times_and_durations(name: str) -> None:
    (piece,) = pieces_of(WRAPPED[name])
    assert (piece.started_at, piece.ended_at) == (STARTED_US, STARTED_US + 2_000_000)


def test_request_parameters_have_their_columns() -> None:
    (piece,) = pieces_of(WRAPPED["exchange"])
    assert (piece.temperature, piece.stream, piece.max_tokens, piece.status_code) == (0.5, False, 9, 200)
    assert json.loads(piece.request or "") == {"tools": REQUEST["tools"]}


def test_times_that_contradict_each_other_are_null() -> None:
    (piece,) = pieces_of({"request": REQUEST, "response": ANSWER, "started_at": ENDED, "ended_at": STARTED})
    assert (piece.ended_at, piece.flags) == (None, {"clock_skew"})


def test_a_failed_batch_line_is_an_error_row() -> None:
    (expired,) = pieces_of({"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "late"}})
    assert (expired.custom_id, expired.error_code, expired.error_message) == ("c", "batch_expired", "late")
    (refused,) = pieces_of(
        {
            "custom_id": "d",
            "error": None,
            "response": {"status_code": 400, "body": {"error": {"message": "bad", "code": None}}},
        }
    )
    assert (refused.custom_id, refused.status_code, refused.error_message) == ("d", 400, "bad")


def test_a_failed_exchange_keeps_the_servers_words() -> None:
    (piece,) = pieces_of({"request": REQUEST, "response_text": "<html>404</html>", "status": 404})
    assert (piece.status_code, piece.error_message) == (404, "<html>404</html>")


def test_an_error_beside_an_answer_stays_one_response() -> None:
    (piece,) = pieces_of({"request": REQUEST, "response": CHUNKS[:2], "error": "connection reset"})
    assert (piece.choices[0].content, piece.error_message) == ("Hel", "connection reset")


def test_proxies_that_fold_are_named() -> None:
    (piece,) = pieces_of(WRAPPED["litellm"])
    assert "assembled_by_proxy" in piece.flags


def test_messages_without_a_completion() -> None:
    row = {
        "traceId": "t",
        "type": "GENERATION",
        "startTime": STARTED,
        "model": "m",
        "output": {"role": "assistant", "content": "x"},
        "usageDetails": {"input": 3, "output": 4},
        "level": "ERROR",
        "statusMessage": "cut",
    }
    (piece,) = pieces_of(row)
    assert (piece.choices[0].content, piece.choices[0].finish_reason, piece.error_message) == ("x", None, "cut")
    assert json.loads(piece.usage or "") == {"prompt_tokens": 3, "completion_tokens": 4}
    kwargs = {"content": "y", "response_metadata": {"model_name": "m", "finish_reason": "stop"}}
    (piece,) = pieces_of({"run_type": "llm", "outputs": {"generations": [[{"message": {"kwargs": kwargs}}]]}})
    assert (piece.model, piece.choices[0].content, piece.choices[0].finish_reason) == ("m", "y", "stop")


def test_a_list_of_completions_is_many_responses() -> None:
    other = ANSWER | {"id": "chatcmpl-2"}
    assert [(piece.id, piece.part) for piece in pieces_of([ANSWER, other])] == [("chatcmpl-1", 0), ("chatcmpl-2", 1)]


def test_an_array_may_mix_streams() -> None:
    other = [chunk | {"id": "chatcmpl-2"} for chunk in CHUNKS]
    mixed = [chunk for pair in zip(CHUNKS, other, strict=True) for chunk in pair]
    assert [piece.choices[0].content for piece in pieces_of(mixed)] == ["Hello", "Hello"]
    assert len(pieces_of([CHUNKS, other])) == 2


def test_a_capture_time_makes_a_chunk_row() -> None:
    found = records(Decoded({"ts": 1767225600.25, "chunk": CHUNKS[1]}))
    assert isinstance(found, Record) and found.loose
    (piece,) = found.pieces
    assert piece.chunks == [ChunkRow(0, STARTED_US + 250_000, 3, 0, None, None)]
    assert piece.first_chunk_at == piece.last_chunk_at == STARTED_US + 250_000


# --- SSE ---------------------------------------------------------------------------------------------------------

SPELLINGS: dict[str, str] = {
    "as sent": SSE,
    "CRLF": SSE.replace("\n", "\r\n"),
    "lone CR": SSE.replace("\n", "\r"),
    "no blank after data:": SSE.replace("data: ", "data:"),
    "no blank lines": SSE.replace("\n\n", "\n"),
    "comments and fields": ": ping\n\n" + SSE.replace("data: {", "id: 1\nevent: message\nretry: 5\n: x\ndata: {"),
    "headers before": "HTTP/2 200\ncontent-type: text/event-stream\n\n" + SSE,
    "byte order mark": "\ufeff" + SSE,
    "no [DONE]": SSE.replace("data: [DONE]\n\n", ""),
    "one event on several lines": SSE.replace('"choices"', '\ndata: "choices"'),
    "hard wrap": SSE.replace('"choices"', '\n"choices"', 1),
    "pings": 'event: ping\ndata: {"type": "ping"}\n\n' + SSE,
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_sse_in_all_its_spellings(name: str) -> None:
    (piece,) = sse_pieces(SPELLINGS[name])
    assert finished(piece).choices[0].content == "Hello"
    assert piece.chunk_count == len(CHUNKS)
    assert json.loads(piece.usage or "") == ANSWER["usage"]


def test_appended_transcripts_are_told_apart_by_their_border() -> None:
    assert [piece.line_number for piece in sse_pieces(SSE + SSE)] == [1, 13]


def test_sse_words_inside_a_text_are_text() -> None:
    said = {"choices": [{"index": 0, "delta": {"content": "data: [DONE]\n\ndata: x"}}]}
    (piece,) = sse_pieces(f"data: {json.dumps(said)}\n\n")
    assert finished(piece).choices[0].content == "data: [DONE]\n\ndata: x"


@pytest.mark.parametrize(
    "data", ['{"error":{"message":"tool failed","code":"tool_use_failed"}}', '{"message":"tool failed"}']
)
def test_an_error_event_breaks_a_stream_off(data: str) -> None:
    (piece,) = sse_pieces(
        SSE.partition('data: {"id": "chatcmpl-1"')[0]
        + f"data: {json.dumps(CHUNKS[1])}\n\nevent: error\ndata: {data}\n\n"
    )
    assert (finished(piece).choices[0].content, piece.error_message) == ("Hel", "tool failed")


def test_an_event_that_is_no_record_is_kept() -> None:
    (piece,) = sse_pieces("data: {broken\n\n" + SSE)
    assert piece.extra["unread_events"] == ["{broken"]


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["data: ", "data:", "{", "}", '{"choices":[]}', "\n", "\r", "event: error", ":", "[DONE]", "x"])
    )
)
def test_any_text_gives_events(bits: list[str]) -> None:
    text = "".join(bits)
    bare = sum(line.startswith("{") for line in re.split("[\r\n]", text))  # an error may stand without `data:`
    assert len(list(events(text))) <= text.count("data:") + bare
    assert len(sse_pieces(text)) <= text.count("data:") + bare


# --- documents ---------------------------------------------------------------------------------------------------

value_texts = st.recursive(
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=6), max_size=3),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.lists(value_texts, max_size=4), st.sampled_from(["", "\n", ",\n", "\n\n", " "]), st.sampled_from([None, 2]))
def test_documents_are_found_in_any_layout(values: list[Any], between: str, indent: int | None) -> None:
    """However values are laid out, each comes out with its place; nothing else does."""
    data = between.join(json.dumps(value, indent=indent, ensure_ascii=False) for value in values).encode()
    found = list(read_documents(data))
    assert [json.loads(text) for _, _, text in found] == values
    for line, offset, text in found:
        assert data[offset : offset + len(text)] == text
        assert line == data.count(b"\n", 0, offset) + 1


def in_list(*items: Any) -> dict[str, Any]:
    """A line that lists the items, by the name of its form."""
    return {
        "array": list(items),
        "page": {"object": "list", "data": list(items)},
        "array of arrays": [list(items)],
        "HAR": {"log": {"entries": list(items)}},
    }


@pytest.mark.parametrize("only", [None, "exchange"])
@pytest.mark.parametrize("form", in_list())
def test_items_of_a_list_that_hold_nothing_are_rejects_of_their_own(form: str, only: str | None) -> None:
    """As lines they would be; what says nothing is none."""
    wrapped = {"request": REQUEST, "response": ANSWER}
    found = read(in_list(wrapped, {"x": 1}, None, {}, [], "text")[form], only)
    assert [piece.id for piece in found.pieces] == ["chatcmpl-1"]
    assert [text for text, _ in found.left] == ['{"x":1}', '"text"']
    assert [reject.reason for _, reject in found.left] == ["unknown_shape", "not_an_object"]
    assert "[1]" in found.left[0][1].detail or "Item 1" in found.left[0][1].detail
    assert found.passed == 0


def test_a_stream_in_an_array_is_whole_whatever_stands_between_its_chunks() -> None:
    found = read([*CHUNKS[:2], {"note": 1}, *CHUNKS[2:]])
    assert [piece.chunk_count for piece in found.pieces] == [len(CHUNKS)]
    assert [text for text, _ in found.left] == ['{"note":1}']


def test_captures_of_other_calls_are_counted_and_of_chat_calls_kept_without_headers() -> None:
    def entry(url: str, method: str, text: str) -> dict[str, Any]:
        asked = {"url": url, "method": method, "headers": [{"name": "Authorization", "value": "Bearer sk-1"}]}
        return {
            "request": asked,
            "response": {"status": 200, "content": {"text": text}, "cookies": [{"value": "sk-2"}]},
        }

    chat = "https://x/v1/chat/completions"
    entries = [
        entry(chat, "POST", json.dumps(ANSWER)),
        entry(chat, "OPTIONS", ""),
        entry("https://x/a.png", "GET", "P"),
    ]
    found = read({"log": {"entries": [*entries, entry(chat, "POST", "<html>")]}})
    assert [piece.id for piece in found.pieces] == ["chatcmpl-1"]
    assert found.passed == 2
    ((text, reject),) = found.left
    assert "<html>" in text and "sk-" not in text
    assert "log.entries[3]" in reject.detail


def read(value: Any, only: str | None = None) -> Record:
    found = records(Decoded(value), asked=Asked(only))
    assert isinstance(found, Record)
    return found


def test_text_between_values_comes_out_too() -> None:
    data = b'{"a": 1,}\n....\n{"b":\n 2}\nfoo bar\n[{"c": 3}]'
    assert [(line, text) for line, _, text in read_documents(data)] == [
        (1, b'{"a": 1,}'),
        (2, b"...."),
        (3, b'{"b":\n 2}'),
        (5, b"foo bar"),
        (6, b'[{"c": 3}]'),
    ]


def test_a_value_that_never_ends_is_one_text() -> None:
    assert [text for _, _, text in read_documents(b'{"a": 1}\n{"b": [\n')] == [b'{"a": 1}', b'{"b": [']


def test_a_long_array_is_read_element_by_element(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatlogs.reading.documents.SIZE_LIMIT", 10)
    data = b'[\n{"a": 1},\n{"b": [2]}\n]\n'
    assert list(read_documents(data)) == [(2, 2, b'{"a": 1}'), (3, 12, b'{"b": [2]}')]

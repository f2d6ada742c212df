"""The reference fold gives what recorded servers said: every stream of the corpora, every stored completion.

The recordings lie beside the project and are not part of it; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from recordings import CORPORA, SOURCES

from chatlogs.normalizing.records.oddlines import Record, read_line, records, sse_pieces
from chatlogs.normalizing.records.pieces import Piece, finished, piece_of_completion
from chatlogs.normalizing.records.toolcalls import FUNCTION_CALL
from chatlogs.reading.decoding import Decoded

pytestmark = pytest.mark.skipif(not SOURCES, reason="the recorded corpora are not beside the project")


def lines(source: str, name: str) -> Iterator[Any]:
    path = CORPORA / source / name
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def answer(piece: Piece) -> dict[str, Any]:
    """The finished piece as the corpora tell what a stream adds up to."""
    choices = [
        {
            "index": choice.index,
            "content": choice.content or None,
            "refusal": choice.refusal or None,
            "finish_reason": choice.finish_reason,
            "tool_calls": [
                (call.call_id, call.name, call.arguments or "")
                for call in choice.tool_calls
                if call.kind != FUNCTION_CALL
            ],
        }
        for _, choice in sorted(piece.choices.items())
    ]
    return {
        "model": piece.model,
        "system_fingerprint": piece.system_fingerprint,
        "usage": None if piece.usage is None else json.loads(piece.usage),
        "choices": choices,
        "chunks": piece.chunk_count,
    }


def wanted(row: dict[str, Any]) -> dict[str, Any]:
    said = row.get("simple") or row
    choices = [
        {
            "index": choice["index"],
            "content": choice["content"] or None,
            "refusal": choice["refusal"] or None,
            "finish_reason": choice["finish_reason"] or None,
            "tool_calls": [
                (call.get("id") or None, call.get("name") or None, call.get("arguments") or "")
                for call in choice["tool_calls"]
            ],
        }
        for choice in sorted(said["choices"], key=lambda choice: choice["index"])
    ]
    return {
        "model": said["model"] or None,
        "system_fingerprint": said["system_fingerprint"] or None,
        "usage": row["last_usage"] or None,  # what stands elsewhere, at Groq, is not counted there
        "choices": choices,
        "chunks": row["chunks"],
    }


@pytest.mark.parametrize("source", SOURCES)
def test_each_recorded_stream_is_one_response(source: str) -> None:
    """One SSE body is one response: its text, tool calls, finish_reason, usage and fingerprint as recorded."""
    body = (CORPORA / source / "streams.sse").read_bytes() if (CORPORA / source / "streams.sse").exists() else b""
    for row in lines(source, "expected.jsonl"):
        text = body[row["sse_offset"] : row["sse_offset"] + row["sse_bytes"]].decode()
        pieces = sse_pieces(text)
        assert len(pieces) == 1, row["path"]
        got, expected = answer(finished(pieces[0])), wanted(row)
        if expected["model"] is None:  # the official accumulator takes the empty one of the first chunk
            expected["model"] = got["model"]
        if expected["usage"] is None and "x_groq" in text:
            expected["usage"] = got["usage"]
        assert got == expected, row["path"]


@pytest.mark.parametrize("source", SOURCES)
def test_streams_appended_to_one_file_are_told_apart(source: str) -> None:
    """As many responses as streams, whether a stream ends in [DONE] or not."""
    path = CORPORA / source / "streams.sse"
    if path.exists():
        assert len(sse_pieces(path.read_bytes().decode())) == len(list(lines(source, "expected.jsonl")))


@pytest.mark.parametrize("source", SOURCES)
def test_stored_completions_are_read_as_recorded(source: str) -> None:
    """Keys, text and finish_reason of a stored completion stand in its piece as they stand in the log."""
    for obj in lines(source, "completions.jsonl"):
        piece = finished(piece_of_completion(obj))
        assert piece.id == (obj.get("id") or None)
        assert piece.model == (obj.get("model") or None)
        assert piece.system_fingerprint == (obj.get("system_fingerprint") or None)
        assert len(piece.choices) == len(obj.get("choices") or [])
        for position, entry in enumerate(obj.get("choices") or []):
            choice = piece.choices[entry.get("index", position)]
            message = entry["message"]
            assert choice.finish_reason == (entry.get("finish_reason") or None)
            if not isinstance(message.get("content"), list):
                assert choice.content == message.get("content")
            assert [call.call_id for call in choice.tool_calls if call.kind != FUNCTION_CALL] == [
                call.get("id") or None for call in message.get("tool_calls") or []
            ]


@pytest.mark.parametrize("source", SOURCES)
def test_exchanges_are_unwrapped(source: str) -> None:
    """A request with its answer gives the answer and the messages that were asked."""
    for row in lines(source, "exchanges.jsonl"):
        decoded = read_line(json.dumps(row).encode())
        assert isinstance(decoded, Decoded)
        found = records(decoded)
        assert isinstance(found, Record), (row["path"], found)
        assert len(found.pieces) == 1, row["path"]
        piece = found.pieces[0]
        assert piece.status_code == row["status"]
        request = row.get("request")
        if isinstance(request, dict):
            assert piece.request_model == request.get("model")
            assert len(piece.messages) == len(request.get("messages") or [])

"""What a stream brings first is told apart: a chunk, reasoning, text, a tool call."""

from __future__ import annotations

import reported_log

import chatlogs

LOG = reported_log.CAPTURED


def test_first_reasoning_first_content_and_first_tool_call_are_told_apart() -> None:
    """Each is the chunk that holds some; a call begins with its name, before any argument."""
    with chatlogs.read(LOG) as logs:
        found = logs.latency().select("metric", "p50").rows()
    assert found[:4] == [("first_chunk", 1), ("first_reasoning", 2), ("first_content", 3), ("first_tool_call", 4)]


def test_what_never_came_has_no_time() -> None:
    """A stream without reasoning and calls has no such rows, instead of rows of 0."""
    plain = LOG.parent.parent / "capture-times-beside-chunks" / "input.jsonl"
    with chatlogs.read(plain) as logs:
        assert set(logs.chunks.collect()["reasoning_length"]) == {0}
        assert set(logs.chunks.collect()["arguments_length"]) == {None}
        assert not {"first_reasoning", "first_tool_call"} & set(logs.latency()["metric"])

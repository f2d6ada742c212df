"""Log probabilities are counted and summed where they stand, as the careful path does that decodes them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import assembled, shown, stored

import chatlogs
from chatlogs.normalizing.folding import probabilities
from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block, scan

NUMBERS = ("-0.5", "-1.25e-05", "0", "-0.0", "-7", "-9999.0", "-9999", "-10000.5", "-1e400", "-1E3", "-3.4e38", "null",
           '"-1"', "true", "{}", "-0.12345678901234567", "-123456789012345678901234")  # fmt: skip
WORDS = ('" a"', '"\\"logprobs\\":{"', '"\\u0041"', '"\\ud83d"', '"\\ud83d\\ude00"', '"é"', "null", "5", '"}]"')
RESTS = ('"bytes":[32,97]', '"bytes":null', '"top_logprobs":[]', '"top_logprobs":[{"token":"b","logprob":-1e400}]',
         '"top_logprobs":[{"token":"b","logprob":-2.5,"bytes":[98]}]', '"x":{"logprobs":{}}', '"logprob":-4',
         '"bytes" : []', '"bytes":[1E+400]')  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> str:
    parts = [f'"token":{draw(st.sampled_from(WORDS))}', f'"logprob":{draw(st.sampled_from(NUMBERS))}']
    parts += draw(st.lists(st.sampled_from(RESTS), max_size=2, unique=True))
    return "{" + ",".join(draw(st.permutations(parts))[: draw(st.integers(1, 4))]) + "}"


@st.composite
def plain_entries(draw: st.DrawFn) -> str:
    logprob = draw(st.sampled_from(("-0.5", "-1.25e-05", "0", "-0.12345678901234567", "-9999.0", "null")))
    other = draw(st.sampled_from(("-2.5", "-2.5", "-1e400", "1E+400", "-1e-400", "-Infinity")))
    return f'{{"token":" a","logprob":{logprob},"bytes":[32,97],"top_logprobs":[{{"token":"b","logprob":{other}}}]}}'


@st.composite
def objects(draw: st.DrawFn) -> str:
    """What stands under `logprobs`."""
    if draw(st.integers(0, 2)):
        listed = ",".join(draw(st.lists(plain_entries(), min_size=1, max_size=4)))
        return f'{{"content":[{listed}],"refusal":null}}'
    some = ",".join(draw(st.lists(entries(), max_size=3)))
    return draw(
        st.sampled_from(
            (
                '{"content":[%s]}', '{"content": [%s]}', '{"refusal":null,"content":[%s]}', '{"content":[%s, 5]}',
                '{"refusal":[%s],"content":null}', '{"content":[%s],"refusal":[{"logprob":-1}]}', '{"content":[[%s]]}',
                '{"content":[%s],"content":[]}', '{"content":[%s],"x":1}', '{"content":null,"refusal":null,"y":[%s]}',
                '{"tokens":["a"],"token_logprobs":[-1.0],"z":[%s]}',
            )
        )
    ) % some  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A chunk or a completion with log probabilities, now and then in another place than theirs."""
    logprobs, number = draw(objects()), draw(st.integers(0, 2))
    text = json.dumps(draw(st.sampled_from(("Hi", "", "\n é", '"logprobs":{'))))
    finish = draw(st.sampled_from(("null", "null", '"stop"')))
    index = draw(st.sampled_from((0, 0, 0, 1)))
    head = '"id":"c%d","object":"chat.completion%s","created":1700000000,"model":"m","choices":'
    said = f'"{draw(st.sampled_from(("delta", "delta", "message")))}":{{"content":{text}}}'
    choice = draw(
        st.sampled_from(
            (
                f'"index":{index},{said},"logprobs":{logprobs},"finish_reason":{finish}',
                f'"index":{index},{said},"logprobs":{logprobs},"finish_reason":{finish}',
                f'"index":{index},"logprobs": {logprobs},{said},"finish_reason":{finish}',
                f'"index":{index},{said[:-1]},"logprobs":{logprobs}}},"finish_reason":{finish}',
                f'"index":{index},{said},"x":{{"logprobs":{logprobs}}},"finish_reason":{finish}',
                f'"index":{index},{said},"logprobs":{logprobs},"logprobs":null,"finish_reason":{finish}',
            )
        )
    )
    choices = draw(st.sampled_from(("[{%s}]", "[{%s}]", "[{%s}]", "[ {%s} ]", '[{%s},{"index":5,"delta":{}}]')))
    is_chunk = '"delta"' in said
    number = number if is_chunk else draw(st.integers(10, 99))
    more = draw(st.sampled_from(("", "", "", ',"obfuscation":"abcdef"', ',"usage":{"prompt_tokens":1}')))
    body = "{" + head % (number, ".chunk" if is_chunk else "") + choices % choice + more + "}"
    return draw(st.sampled_from(("%s", "%s", "%s", "data: %s", '{"request":{"model":"m"},"response":%s}'))) % body


def agree(data: bytes) -> None:
    """Both paths say the same, with rows for each token and without."""
    for asked in (Asked(), Asked(logprobs=True), Asked(chunks=True)):
        fast, careful = (normalize(Block.of(data), fast=fast, asked=asked) for fast in (True, False))
        assert fast.counts == careful.counts and fast.counts.balanced
        assert fast.rejects.to_pylist() == careful.rejects.to_pylist()
        assert shown(fast.tables) == shown(careful.tables)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(lines(), min_size=1, max_size=12))
def test_both_paths_agree_on_log_probabilities(log: list[str]) -> None:
    agree("\n".join(log).encode())


def chunk(stream: int, content: str, *logprobs: float | None, finish: str | None = None) -> dict[str, Any]:
    said = [{"token": content, "logprob": p, "bytes": [97], "top_logprobs": []} for p in logprobs]
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    choice["logprobs"] = {"content": said, "refusal": None} if said else None
    return {
        "id": f"c{stream}",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "m",
        "choices": [choice],
    }


def log_of(chunks: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in chunks)


def test_what_is_counted_of_streams_that_are_read_together() -> None:
    """Sentinels and nulls are tokens, though they are in no mean; nothing is left to the careful path."""
    said = [(-0.5,), (-1.5, -9999.0), (None,), (-2.5,)]
    chunks = [chunk(stream, f"{number}", *logprobs) for number, logprobs in enumerate(said) for stream in range(20)]
    log = log_of([*chunks, *(chunk(stream, "", finish="stop") for stream in range(20))])
    without, measured = probabilities.apart(scan(Block.of(log)))
    assert measured is not None
    assert len(measured.line) == 80
    assert [json.loads(without.text(line))["choices"][0]["logprobs"] for line in range(100)] == [None] * 100
    choices = normalize(Block.of(log)).tables["choices"].to_pylist()
    assert [(row["token_count"], row["logprob_count"], row["logprob_sum"]) for row in choices] == [(5, 3, -4.5)] * 20
    assert [row["content"] for row in choices] == ["0123"] * 20
    agree(log)


@pytest.mark.parametrize("odd", ["[DONE]", "[1,", '{"id":"c3","choices":[{"index":0,"delta":{"content":5}}]}'])
def test_a_stream_with_an_odd_line_keeps_all_its_tokens(odd: str) -> None:
    log = log_of([chunk(stream, "x", -0.5 - stream) for _ in range(4) for stream in range(5)])
    agree(log + odd.encode() + b"\n" + log)


def test_white_space_behind_a_number_is_none_of_it() -> None:
    log = log_of([chunk(stream, "x", -0.5) for _ in range(4) for stream in range(5)])
    agree(log.replace(b"-0.5,", b"-0.5 ,", 1) + log)


@pytest.mark.parametrize("size", [300, 2_000, 10_000])
@pytest.mark.parametrize("fast", [True, False])
def test_blocks_of_any_size_measure_the_same(fast: bool, size: int) -> None:
    """Streams that a border cuts are joined in columns: their tokens are added, the sentinels too."""
    log = log_of([chunk(stream, "x", -0.5, -9999.0, None) for _ in range(40) for stream in range(5)])
    tables, counts, _ = assembled(log, block_bytes=size, with_=partial(normalize, fast=fast))
    assert counts.records == 200 and counts.balanced
    choices = tables["choices"].to_pylist()
    assert [(row["token_count"], row["logprob_count"], row["logprob_sum"]) for row in choices] == [(120, 40, -20.0)] * 5


def test_the_mean_is_of_the_tokens_that_count(new_store: Callable[[], Path], tmp_path: Path) -> None:
    """With rows for tokens and without, in one run and in two."""
    lines = log_of([chunk(1, "x", -0.5, -9999.0), chunk(1, "y", -1.5), chunk(1, "", finish="stop")]).splitlines(True)
    for kept in (True, False):
        store = new_store()
        path = tmp_path / f"{kept}.jsonl"
        path.write_bytes(b"".join(lines))
        chatlogs.ingest(path, store, logprobs=kept)
        (choice,) = stored(store)["choices"]
        assert (choice["token_count"], choice["mean_logprob"]) == (3, -1.0)

"""Wrappers read together: whatever stands in some of them, all say what they say one by one."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import shown

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.unwrapping.outside import Outside
from chatlogs.normalizing.unwrapping.places import MAY_BE_CHOICES
from chatlogs.reading.lines import OBJECT, Block, scan

carefully = partial(normalize, fast=False)

ANSWER = (
    '{"id":"c%d","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"total_tokens":2}}'
)
CHUNKS = [
    '{"id":"c%d","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":'
    f'{delta},"finish_reason":{finish}}}]}}'
    for delta, finish in (('{"role":"assistant","content":"He"}', "null"), ('{"content":"llo"}', '"stop"'))
]
MESSAGES = (
    '[{"role":"user","content":"Hi"}]',
    '[{"role":"system","content":""},{"role":"user","content":"\\u00e9 \\"a\\":1 \\ud83d\\ude00","name":"n"}]',
    '[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"u"}}]}]',
    '[{"role":"assistant","content":null,"tool_calls":[{"id":"t","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},'
    '{"role":"tool","tool_call_id":"t","content":"x"}]',
    '[{"role":"assistant","function_call":{"name":"f","arguments":""},"refusal":"no","audio":{"id":"a"}}]',
    '[{"role":1,"content":2,"name":"","tool_calls":[]},"text",null,{"content":{"text":"a"}},{}]',
    '[{"role":"user","role":"system","content":"twice"}]',
    '[{"role":"user","content":[{"text":"a","text":"b"}]}]',
    '[{"content":"a","content_parts":[{"text":"b"}]}]',
    '[{"role":"user","content":"\\ud800"}]',
    '[{"role":"user","content":1e400}]',
    '[]', '"text"', 'null', '{"role":"user"}', '7',
)  # fmt: skip
VALUES = (
    "0", "1", "-1", "1.0", "0.7", "1e400", "NaN", "123456789012345678901234567890", "9223372036854775808", "true",
    "false", "null", '""', '"0.5"', '"1"', '"text"', '"\\ud800"', "{}", "[]", '{"a":1}', '{"a":1,"a":2}', '[{"b":{}}]',
    '{"api_key":"s","b":[{"password":"s","c":1}]}', '{"x-request-id":"r","authorization":"s"}', '{"code":"x"}',
    '{"seconds":1700000000,"milliseconds":5}', "1700000000", "1700000000.25", '"2026-01-01T00:00:00Z"',
    '"2026-01-01T00:00:00+02:00"', "[" * 600 + "]" * 600, '{"content":"a","error":{"message":"no"}}', "1E5", "-0",
    '{"status_code":0}', '{"status_code":1004,"status_msg":"no"}', '"POST /v1/chat/completions HTTP/1.1"', "500",
    '"2.500"', "2.5", '"1700000000.5"',
)  # fmt: skip
PARAMETERS = (
    "model", "temperature", "top_p", "seed", "n", "max_tokens", "max_completion_tokens", "stream", "service_tier",
    "metadata", "tools", "user", "api_key", "url", "timestamp", "json", "tem\\u0070erature", "MESSAGES", "",
)  # fmt: skip
AROUND = (
    "status", "status_code", "started_at", "ended_at", "duration_ms", "latency_s", "ttft_ms", "request_id", "provider",
    "custom_id", "metadata", "headers", "error", "exception", "note", "object", "choices", "completion", "output",
    "trace_id", "run_type", "prompt", "input", "messages", "model_parameters", "model", "litellm_call_id", "call_type",
    "timing", "error_information", "request.body", "chunks", "sse", "stream", "data", "st\\u0061tus", "timestamp",
    "request_time", "time", "temperature", "raw_response", "res", "message", "log", "t", "outputs", "url", "",
    "cache_hit", "request_tags", "properties", "completionStartTime", "endTime",
)  # fmt: skip
INSIDE = ("status_code", "request_id", "status", "headers", "timestamp", "response_time", "error", "text", "x", "body")
ANSWER_FIELDS = (
    "provider",
    "x_groq",
    "error",
    "status",
    "request_id",
    "headers",
    "timestamp",
    "object",
    "id",
    "usage",
    "base_resp",
)


TIMES = ("time", "timestamp", "request_time", "logged_at", "created_at", "t", "started_at", "duration_ms", "ended_at")


@st.composite
def fields(draw: st.DrawFn, names: tuple[str, ...], most: int) -> list[str]:
    found = []
    for _ in range(draw(st.integers(0, most))):
        name = draw(st.sampled_from(names))
        value = draw(st.sampled_from(MESSAGES if name == "messages" else VALUES))
        colon = draw(st.sampled_from((":",) * 8 + (": ", " :")))
        found.append(f'"{name}"{colon}{value}')
    return found


def joined(draw: st.DrawFn, parts: list[str]) -> str:
    return "{" + draw(st.sampled_from((",",) * 4 + (", ", " ,"))).join(draw(st.permutations(parts))) + "}"


def maybe_as_text(draw: st.DrawFn, value: str) -> str:
    """The value, or a string that is its JSON, perhaps laid out over lines or with something around it."""
    looks = ("{}",) * 4 + (" {}\n", "\n\t{}", "{}\r\n", "{}{}", "{}\u00a0", "\ufeff{}", "x{}", "{},", "{}\n{}")
    if draw(st.integers(0, 2)):
        return value
    laid_out = value.replace("{", draw(st.sampled_from(("{", "{", "{\n  ", "{\r\n"))))
    return json.dumps(draw(st.sampled_from(looks)).replace("{}", laid_out))


@st.composite
def wrappers(draw: st.DrawFn) -> str:
    more = draw(fields(ANSWER_FIELDS, 1)) if draw(st.integers(0, 5)) == 0 else []
    answer = ANSWER[:-1] + "".join(f",{one}" for one in more) + "}"
    answer = maybe_as_text(draw, answer)
    form = draw(st.sampled_from(("chunks", "exchange", "nested", "litellm", "batch", "openpipe", "logged", "flat")))
    asks = draw(fields(PARAMETERS, 3))
    if form != "litellm" or draw(st.integers(0, 8)) == 0:
        asks.append(f'"messages":{draw(st.sampled_from(MESSAGES))}')
    request = joined(draw, asks)
    request = maybe_as_text(draw, request)
    if draw(st.integers(0, 8)) == 0:
        request = draw(st.sampled_from(("null", '"text"', json.dumps(request), "[]", "{}", '"{}"', '"[]"', '"{"')))
    if form in ("nested", "batch"):
        answer = joined(draw, [f'"body":{answer}', *draw(fields(INSIDE, 2))])
    if form == "nested" and draw(st.booleans()):
        request = joined(draw, [f'"body":{request}', '"method":"POST"', *draw(fields(INSIDE, 1))])
    parts = {
        "chunks": [f'"request":{request}', f'"{draw(st.sampled_from(("chunks", "response")))}":[{",".join(CHUNKS)}]'],
        "exchange": [f'"request":{request}', f'"response":{answer}'],
        "nested": [f'"request":{request}', f'"response":{answer}'],
        "litellm": ['"litellm_call_id":"x"', f'"model_parameters":{request}', f'"response":{answer}', '"model":"g"',
                    f'"messages":{draw(st.sampled_from(MESSAGES))}'],
        "batch": ['"custom_id":"r"', f'"response":{answer}'],
        "openpipe": [f'"input":{request}', f'"output":{answer}'],
        "logged": [f'"{draw(st.sampled_from(("body", "log", "completion")))}":{answer}', *draw(fields(TIMES, 2))],
        "flat": [f'"{draw(st.sampled_from(("messages", "prompt")))}":{draw(st.sampled_from(MESSAGES))}', *asks[:2],
                 f'"{draw(st.sampled_from(("response", "completion")))}":{answer}'],
    }[form]  # fmt: skip
    return joined(draw, parts + draw(fields(AROUND, 3)))


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(wrappers(), min_size=1, max_size=6))
def test_odd_wrappers_among_plain_ones_are_read_as_one_by_one(odd: list[str]) -> None:
    plain = f'{{"request":{{"model":"g","messages":{MESSAGES[0]}}},"response":{ANSWER},"status":200}}'
    asked = f'{{"model":"g","messages":{MESSAGES[0]},"seed":1}}'
    texts = f'{{"request":{json.dumps(asked)},"response":{json.dumps(ANSWER)},"status":200}}'
    lines = [line.replace("c%d", f"c{number}") for number, line in enumerate([plain, texts, *odd, texts, plain])]
    block = Block.of("\n".join(lines).encode())
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts and fast.counts.balanced
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)


REQUEST: dict[str, Any] = {"model": "g", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.2}
CONTAINERS: dict[str, dict[str, Any]] = {
    "exchange": {"started_at": "2026-01-01T00:00:00Z", "request": REQUEST, "status": 200, "response": ...},
    "batch": {"id": "b", "custom_id": "r", "response": {"status_code": 200, "request_id": "q", "body": ...},
              "error": None},
    "litellm": {"litellm_call_id": "x", "trace_id": "t", "model": "g", "messages": REQUEST["messages"],
                "response": ..., "model_parameters": {"seed": 1}, "metadata": {"a": {"b": 1}}, "error_str": None},
    "litellm with notes": {"litellm_call_id": "x", "model": "g", "messages": REQUEST["messages"], "response": ...,
                           "model_parameters": {"metadata": {"u": 1}}, "stream": True, "cache_hit": True,
                           "response_cost": 0.5, "metadata": {"a": 1}, "endTime": 1700000002.5, "request_tags": ["a"],
                           "completionStartTime": 1700000001.5},
    "litellm without a stream": {"litellm_call_id": "x", "messages": REQUEST["messages"], "response": ...,
                                 "model_parameters": {"seed": 1}, "stream": False, "cache_hit": False,
                                 "response_cost": 0.0, "endTime": 1700000002.5, "completionStartTime": 1700000002.5},
    "litellm with empty notes": {"litellm_call_id": "x", "messages": REQUEST["messages"], "response": ...,
                                 "model_parameters": {"seed": 1}, "request_tags": [], "end_user": "", "metadata": {}},
    "parameters in no object": {"ts": 1700000000.5, **REQUEST, "top_p": 0.5, "response": ..., "max_tokens": 5,
                                "tools": [{"type": "function"}], "stop": "\n", "stream": False, "latency_ms": 7},
    "a field of one's own": {"level": "info", "ts": 1700000000.5, "llm_answer": ..., "took": {"ms": 5}, "msg": "done"},
    "what a container said": {"log": "TEXT", "pod": "p", "time": "2026-01-01T00:00:00.5Z"},
    "an index's document": {"_index": "logs", "_id": "7", "_source": ..., "sort": [1]},
    "helicone": {"request_body": REQUEST, "response_body": ..., "delay_ms": 5, "provider": "OPENAI"},
    "helicone with properties": {"request_body": REQUEST, "response_body": ..., "properties": {"e": 1}, "costUSD": 0.5},
    "portkey": {"request": {"url": "u", "headers": {"authorization": "s"}, "body": REQUEST},
                "response": {"status": 200, "headers": {"x-request-id": "q"}, "body": ..., "response_time": 5}},
    "openpipe": {"input": REQUEST, "output": ..., "tags": {"a": "b"}},
    "texts": {"request": json.dumps(REQUEST), "response": "TEXT", "status": 200, "started_at": 1700000000.5},
    "texts over lines": {"request_body": json.dumps(REQUEST, indent=2), "response_body": "LAID OUT", "latency_ms": 7},
    "an answer as text in a body": {"request": {"body": REQUEST}, "response": {"status": 200, "body": "TEXT"}},
}  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_containers_that_tools_write_are_read_together(container: dict[str, Any]) -> None:
    """None of their lines is left to be read alone, and none says anything else than alone."""
    text = json.dumps(container, default=lambda _: "ANSWER").replace("Ellipsis", "ANSWER").replace('"ANSWER"', ANSWER)
    text = text.replace('"TEXT"', json.dumps(ANSWER))
    text = text.replace('"LAID OUT"', json.dumps(json.dumps(json.loads(ANSWER), indent=2)))
    lines = [text.replace("c%d", f"c{number}") for number in range(5)]
    block = Block.of("\n".join(lines).encode())
    scanned = scan(block)
    taken = Outside().take(scanned, np.flatnonzero(scanned.kind == OBJECT), PLAINLY)
    assert [part.lines for part in taken] == [list(range(5))]
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts
    assert shown(fast.tables) == shown(slow.tables)
    assert "authorization" not in str(shown(fast.tables))


def test_a_line_with_a_key_twice_is_read_alone() -> None:
    plain = f'{{"request":{{"model":"g"}},"response":{ANSWER},"status":200}}'
    twice = plain.replace('"status":200', '"status":200,"status":500')
    block = Block.of(f"{plain}\n{twice}".encode())
    scanned = scan(block)
    assert [part.lines for part in Outside().take(scanned, np.arange(2), PLAINLY)] == [[0]]
    assert normalize(block).tables["completions"]["status_code"].to_pylist() == [200, 200]


def test_a_time_behind_the_last_that_tables_hold_is_null() -> None:
    """A duration may lead there from a time that is none yet: a server's 'never'."""
    last = "9999-12-31T23:59:59.999999Z"
    wrapper = f'{{"request":{{"model":"g"}},"response":{ANSWER},"started_at":"{last}","duration_ms":1000}}'
    block = Block.of(f"{wrapper}\n".encode() * 20)
    for fast in (True, False):
        completions = normalize(block, fast=fast).tables["completions"]
        assert completions["ended_at"].null_count == 20
        assert str(completions["started_at"][0].as_py()) == "9999-12-31 23:59:59.999999+00:00"


ODD = {
    "half a pair in a request as text": {"request": json.dumps({"messages": [{"role": "user", "content": "\ud800"}]})},
    "half a pair for a model in a request as text": {"request": json.dumps({"model": "\ud800"})},
}


@pytest.mark.parametrize("wrapper", ODD.values(), ids=ODD.keys())
def test_a_text_that_cannot_be_stored_is_left_to_the_careful_path(wrapper: dict[str, Any]) -> None:
    block = Block.of(json.dumps({**wrapper, "response": json.loads(ANSWER % 1)}).encode())
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts
    assert shown(fast.tables) == shown(slow.tables)
    assert "\\\\ud800" in str(shown(fast.tables))


@pytest.mark.parametrize("twice", ['"headers":1e400,"headers" :1', '"status" :500,"status":200', '"status"\t:500'])
def test_lines_whose_keys_stand_apart_from_their_colons(twice: str) -> None:
    block = Block.of(f'{{"request":{{"model":"g"}},{twice},"response":{ANSWER % 1}}}\n'.encode())
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts and fast.counts.records == 1
    assert shown(fast.tables) == shown(slow.tables)


@pytest.mark.parametrize(
    "other",
    [
        '"note":{"deep":{"er":ANSWER}}', '"note":{"deep":"ANSWER"}', '"note":{"deep":[ANSWER]}', '"note":{}',
        '"note":{"error":"no"}', '"note":{"deep":{"choices":[]}}', '"note":{"deep":{"error":{"message":"no"}}}',
    ],
)  # fmt: skip
def test_an_answer_under_any_name_is_the_only_one_in_its_line(other: str) -> None:
    """Lines that look alike, some of which hold a second answer, or one that does not say what it is."""
    plain = f'{{"level":"info","mine":{ANSWER},"note":{{"deep":{{"er":1}}}}}}'
    more = f'{{"level":"info","mine":{ANSWER},{other}}}'.replace('"ANSWER"', json.dumps(ANSWER)).replace(
        "ANSWER", ANSWER
    )
    unsure = plain.replace('"object":"chat.completion"', '"object":"x"')
    lines = [line.replace("c%d", f"c{number}") for number, line in enumerate([plain, plain, more, unsure, plain] * 4)]
    block = Block.of("\n".join(lines).encode())
    fast, slow = normalize(block), carefully(block)
    assert fast.counts == slow.counts and fast.counts.balanced
    assert fast.rejects.to_pylist() == slow.rejects.to_pylist()
    assert shown(fast.tables) == shown(slow.tables)


@pytest.mark.parametrize("item", [*VALUES, "[DONE]", CHUNKS[0] % 0, f"[{CHUNKS[0] % 0}]", '"{\\"a\\":"'])
@pytest.mark.parametrize("wrapper", ['{"chunks":[%s]}', '{"request":{"model":"m","messages":[]},"response":[%s]}'])
def test_what_stands_among_chunks_is_told_alike(wrapper: str, item: str) -> None:
    """Every fourth list has an item that is no chunk: both paths set it aside, or leave it out as it says nothing."""
    lines = []
    for number in range(80):
        first, last = (chunk % number for chunk in CHUNKS)
        lines.append((wrapper % ",".join((first, *[item] * (number % 4 == 0), last))).encode())
    block = Block.of(b"\n".join(lines) + b"\n")
    fast, careful = normalize(block), carefully(block)
    assert fast.counts == careful.counts
    assert fast.counts.balanced
    assert fast.rejects.to_pylist() == careful.rejects.to_pylist()
    assert shown(fast.tables) == shown(careful.tables)


@pytest.mark.parametrize(
    "typed", ['"temperature":{"$numberDouble":"0.5"}', '"temperature":0.5,"seed":{"$numberInt":"7"}']
)
def test_numbers_that_a_database_wrote_as_objects_are_read_alike_in_any_line(typed: str) -> None:
    """Also where one line among many has them, which no sample of the lines shows."""
    plain = f'{{"_id":"a","request":{{"model":"g","temperature":0.5}},"response":{ANSWER},"status":200}}'
    lines = [plain.replace("c%d", f"c{number}") for number in range(40)]
    lines[3] = lines[3].replace('"temperature":0.5', typed)
    block = Block.of("\n".join(lines).encode())
    fast, slow = normalize(block), carefully(block)
    assert shown(fast.tables) == shown(slow.tables)
    assert fast.tables["completions"]["temperature"].to_pylist() == [0.5] * 40


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ('"choices":[{"index":0}]', True),
        ('"choices": [\\n {"index":0}]', True),
        (r'"said":"{\"choices\":[{\"index\":0}]}"', True),
        (r'"said":"{\n  \"choices\": [\n {"', True),
        (r'"said":"{\\\"choices\\\":[{"', True),
        (r'"said":"\u0022choices\u0022:[{"', True),
        ('"said":"ChatCompletion(choices=[Choice("', True),
        ("\"said\":\"{'choices': [{'index'\"", True),
        ('"choices":null', True),
        ('"choices":["A","B"]', False),
        (r'"doc":"{\"choices\": [\"A\", \"B\"]}"', False),
        ('"choices": [ 1, 2]', False),
        ('"choices":[]', False),
        ('"question":"Which of the choices?"', False),
    ],
)
def test_choices_of_a_quiz_are_not_those_of_an_answer(text: str, may_be: bool) -> None:
    assert (MAY_BE_CHOICES.search(text.encode()) is not None) == may_be

"""Any line has exactly one answer, in linear time: a record, nothing by design, or a reason why not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlogs.errors import REJECT_REASONS
from chatlogs.normalizing.records.oddlines import Decoded, Ignorable, Record, Reject, read_line, records
from chatlogs.normalizing.records.pieces import Piece, finished
from chatlogs.reading.decoding import DEPTH_LIMIT

FEW = settings(max_examples=200)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "response",
                    "request",
                    "body",
                    "error",
                    "object",
                    "id",
                    "data",
                    "chunks",
                    "log",
                    "output",
                    "input",
                    "traceId",
                    "run_type",
                    "custom_id",
                    "status",
                    "content",
                    "tool_calls",
                    "entries",
                    "sse",
                ]
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


def value_of(raw: bytes) -> Any:
    decoded = read_line(raw)
    assert isinstance(decoded, Decoded), decoded
    return decoded.value


def pieces_of(value: object) -> list[Piece]:
    found = records(Decoded(value))
    assert isinstance(found, Record), found
    return [finished(piece) for piece in found.pieces]


@FEW
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_have_an_answer(raw: bytes) -> None:
    answer = read_line(raw)
    assert isinstance(answer, (Decoded, Ignorable)) or answer.reason in REJECT_REASONS


@FEW
@given(json_values)
def test_any_json_value_has_an_answer(value: object) -> None:
    answer = read_line(json.dumps(value).encode())
    if isinstance(answer, Decoded):
        found = records(answer, line_number=7)
        if isinstance(found, Record):
            assert found.pieces and all(piece.line_number == 7 for piece in map(finished, found.pieces))
        else:
            assert isinstance(found, Ignorable) or found.reason in REJECT_REASONS


@FEW
@given(json_values)
def test_what_is_plain_json_is_read_exactly(value: object) -> None:
    raw = json.dumps({"v": value}).encode()
    if b"NaN" not in raw and b"Infinity" not in raw:
        assert read_line(raw) == Decoded({"v": value})


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":[1,2,],}', {"a": [1, 2]}),
        (b'{"a":1},', {"a": 1}),
        (b'{"a":",]",}', {"a": ",]"}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        ('{"a":"é中"}'.encode("utf-16"), {"a": "é中"}),
        (b"\x00" + '{"a":"é中"}'.encode("utf-16-le"), {"a": "é中"}),
        (b'{"a":"x\ty\x01"}', {"a": "x\ty\x01"}),
        (b'\x00\x00\x00{"a":1}\x00', {"a": 1}),
        (b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', {"a": "\ud83d\ude00"}),
        (b'{"a":"caf\xe9"}', {"a": "caf\\xe9"}),
    ],
)
def test_harmless_damage_is_repaired_and_counted(raw: bytes, value: object) -> None:
    decoded = read_line(raw)
    assert isinstance(decoded, Decoded)
    assert (decoded.value, decoded.repaired) == (value, True)


def test_bytes_that_are_not_utf8_are_flagged() -> None:
    assert read_line(b'{"a":"\xff"}') == Decoded({"a": "\\xff"}, True, frozenset({"invalid_unicode"}))


def test_numbers_that_are_not_finite_are_null_and_flagged() -> None:
    assert read_line(b'{"a":[NaN,-Infinity,1e400,-9999.0]}') == Decoded(
        {"a": [None, None, None, -9999.0]}, False, frozenset({"non_finite_number"})
    )


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**300])
def test_integers_are_exact(number: int) -> None:
    assert value_of(b'{"a":%d}' % number) == {"a": number}


def test_integers_past_any_limit_keep_their_digits() -> None:
    assert value_of(b'{"a":' + b"7" * 5000 + b"}") == {"a": "7" * 5000}


def test_the_first_of_duplicate_keys_wins() -> None:
    assert value_of(b'{"a":1,"b":{"c":1,"c":2},"a":2}') == {"a": 1, "b": {"c": 1}}


def test_line_separators_inside_a_text_are_text() -> None:
    assert value_of('{"a":"x\u2028y\u0085z"}'.encode()) == {"a": "x\u2028y\u0085z"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"....", "not_json"),
        (b'{"a":', "not_json"),
        (b"\x00" * 100, "not_json"),
        (b"\xff\xfe\xff\xff", "not_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000 + b"}" * 100_000, "too_deep"),
    ],
)
def test_what_cannot_be_read_says_why(raw: bytes, reason: str) -> None:
    answer = read_line(raw)
    assert isinstance(answer, Reject)
    assert answer.reason == reason and answer.detail.endswith(".")


def test_depth_is_limited_whatever_the_stack() -> None:
    fits, beyond = b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT, b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1)
    assert isinstance(read_line(fits), Decoded)
    assert isinstance(read_line(beyond), Reject)
    assert value_of(json.dumps({"a": "[" * 5000}).encode()) == {"a": "[" * 5000}


@pytest.mark.parametrize("unit", [b"[", b'"', b'"\\', b",]", b', "', b'{"a":"\\"'])
def test_bad_lines_take_linear_time(unit: bytes) -> None:
    start = time.perf_counter()
    assert isinstance(read_line(unit * 300_000), Reject)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    "raw", [b"", b"  ", b"data: [DONE]", b"[DONE]", b": ping", b":", b"event: error", b"id: 1", b"retry: 5", b"data:"]
)
def test_lines_without_a_record_by_design(raw: bytes) -> None:
    assert read_line(raw) == Ignorable()


def test_a_data_line_is_read() -> None:
    assert value_of(b'data: {"a":1}') == value_of(b'data:{"a":1}\r') == {"a": 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1, "not_an_object"),
        (None, "not_an_object"),
        ("x", "not_an_object"),
        ([], "not_an_object"),
        ([1], "not_an_object"),
        ({}, "unknown_shape"),
        ({"level": "info", "error": "x"}, "unknown_shape"),
        ({"choices": [{"text": "old"}], "object": "text_completion"}, "unknown_shape"),
    ],
)
def test_json_that_holds_no_record_is_set_aside(value: object, reason: str) -> None:
    answer = records(Decoded(value))
    assert isinstance(answer, Reject) and answer.reason == reason


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"call_type": "acompletion", "startTime": 1, "messages": {}, "response": {}},
         "its container is litellm, but response is an empty object: no answer"),
        ({"custom_id": "1", "response": {"body": {}}}, "its container is batch, but response.body is an empty object"),
        ({"request": {"url": "u"}, "response": "text"}, "its container is exchange, but response is a string"),
        ({"a": 1}, "no known wrapper of these"),
    ],
)  # fmt: skip
def test_the_detail_of_a_wrapper_without_an_answer_names_it(value: dict[str, Any], why: str) -> None:
    answer = records(Decoded(value))
    assert isinstance(answer, Reject) and why in answer.detail


def test_the_detail_of_an_unknown_shape_names_its_keys() -> None:
    answer = records(Decoded({"level": "info", "msg": "started"}))
    assert isinstance(answer, Reject) and "level, msg" in answer.detail


def test_deleted_completions_are_ignorable() -> None:
    assert records(Decoded({"id": "c", "object": "chat.completion.deleted", "deleted": True})) == Ignorable()


@pytest.mark.parametrize("name", [None, "", "text_completion", "chat.completion.done", "x"])
def test_records_are_told_by_shape(name: str | None) -> None:
    (stored,) = pieces_of({"object": name, "choices": [{"message": {"content": "a"}}]})
    (chunk,) = pieces_of({"object": name, "choices": [{"delta": {"content": "a"}}]})
    assert (stored.form, chunk.form) == ("completion", "stream")


@pytest.mark.parametrize(
    "value",
    [
        {"id": "x", "object": "chat.completion", "choices": None},
        {"object": "chat.completion.chunk", "choices": [{"delta": None}]},
        {"id": "x", "model": "m", "choices": [{"message": None, "index": 0}]},
        {"object": "chat.completion.chunk"},
    ],
)
def test_null_where_an_object_belongs(value: object) -> None:
    assert len(pieces_of(value)) == 1


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"message": "no", "type": "t", "param": None, "code": "bad"}}, "bad", "no"),
        ({"object": "error", "message": "no", "type": "t", "param": None, "code": 400}, "400", "no"),
        ({"error": "no", "error_type": "validation"}, None, "no"),
        ({"fault": {"faultstring": "no", "detail": {"errorcode": "x"}}}, None, "no"),
    ],
)
def test_error_bodies(body: dict[str, Any], code: str | None, message: str) -> None:
    (piece,) = pieces_of(body)
    assert (piece.error_code, piece.error_message, piece.choices) == (code, message, {})


def test_an_error_beside_choices() -> None:
    (piece,) = pieces_of(
        {"id": "g", "error": {"code": 502, "message": "down"}, "choices": [{"delta": {"content": "a"}}]}
    )
    assert (piece.error_code, piece.choices[0].content) == ("502", "a")


def test_a_repaired_record_says_so() -> None:
    decoded = read_line(b'{"choices":[{"message":{"content":"x",},}],}')
    assert isinstance(decoded, Decoded)
    found = records(decoded, line_number=3, byte_offset=40)
    assert isinstance(found, Record)
    assert (found.pieces[0].flags, found.pieces[0].line_number, found.pieces[0].byte_offset) == ({"repaired"}, 3, 40)
    assert not found.loose


def test_a_bare_chunk_is_loose() -> None:
    found = records(Decoded({"id": "a", "choices": [{"delta": {"content": "x"}}]}))
    assert isinstance(found, Record) and found.loose

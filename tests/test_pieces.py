"""What folding must always hold: formats in any grouping, every fragment once, never an exception."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlogs.normalizing.records.filters import worst_of
from chatlogs.normalizing.records.pieces import (
    Piece,
    continues,
    finished,
    fold,
    merge,
    merge_chunks,
    piece_of_chunk,
    piece_of_completion,
    piece_of_error,
)

FEW = settings(max_examples=150)


def shown(piece: Piece) -> str:
    """All of the piece, in which NaN is what it is."""
    return repr(dataclasses.replace(piece, flags=sorted(piece.flags)))  # type: ignore[arg-type]


def chunk(
    delta: dict[str, Any] | None = None, *, index: int = 0, finish: str | None = None, **top: Any
) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "m",
        "choices": choices,
    } | top


def folded(*chunks: dict[str, Any], transcript: bool = True) -> list[Piece]:
    pieces = [piece_of_chunk(obj, line_number=number) for number, obj in enumerate(chunks, start=1)]
    return [finished(piece) for piece in fold(pieces, transcript=transcript)]


def one(*chunks: dict[str, Any]) -> Piece:
    (piece,) = folded(*chunks)
    return piece


def calls(piece: Piece) -> list[tuple[str | None, str | None, Any]]:
    return [(call.call_id, call.name, call.arguments) for call in piece.choices[0].tool_calls]


def tool(**entry: Any) -> dict[str, Any]:
    function = {name: entry.pop(name) for name in ("name", "arguments") if name in entry}
    return chunk({"tool_calls": [entry | {"function": function}]})


# --- strategies: objects as servers send them, and worse ---------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
texts = st.sampled_from(["a", "ab", "abc", "", " ", "\ud83d", "\ude00"])
tool_entries = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 1, None, "1"]),
        "id": st.sampled_from(["x", "y", "", None]),
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["f", "g", ""]),
                "arguments": st.sampled_from(["{", "}", {"a": 1}, None]),
            },
        ),
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", "", None]),
        "content": texts | st.just([{"type": "text", "text": "p"}]),
        "reasoning": texts,
        "refusal": st.sampled_from(["no", None]),
        "tool_calls": st.lists(tool_entries, max_size=2),
        "function_call": st.fixed_dictionaries({}, optional={"name": st.just("f"), "arguments": st.just("x")}),
        "audio": st.fixed_dictionaries({}, optional={"id": st.just("a"), "data": st.just("QUJD")}),
        "unknown": st.sampled_from([1, True, 1.0, None, [1]]),
    },
)
entries = st.fixed_dictionaries(
    {"index": st.sampled_from([0, 0, 1])},
    optional={
        "delta": deltas,
        "message": deltas,
        "finish_reason": st.sampled_from([None, "stop", "length"]),
        "seen": st.sampled_from([1, 2, None]),
    },
)
objects = st.fixed_dictionaries(
    {"choices": st.lists(entries, max_size=2)},
    optional={
        "id": st.sampled_from(["i", "j", "", None]),
        "model": st.sampled_from(["m", "n", None]),
        "created": st.sampled_from([1, 2, 0, None]),
        "system_fingerprint": st.sampled_from(["f", "g", "", None]),
        "usage": st.sampled_from([None, {}, {"total_tokens": 0}, {"total_tokens": 3}, {"total_tokens": 4}]),
        "error": st.just({"message": "broken", "code": 500, "more": 1}),
        "unknown": st.sampled_from([1, True, None]),
    },
)
readers = st.sampled_from([piece_of_chunk, piece_of_chunk, piece_of_chunk, piece_of_completion, piece_of_error])


# --- laws ------------------------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.tuples(readers, objects), min_size=3, max_size=3))
def test_merging_is_associative(records: list[Any]) -> None:
    """(a + b) + c is a + (b + c): a log may be folded in any grouping of its parts."""

    def pieces() -> list[Piece]:
        return [read(copy.deepcopy(obj), line_number=number) for number, (read, obj) in enumerate(records)]

    a, b, c = pieces()
    left = merge(merge(a, b), c)
    a, b, c = pieces()
    right = merge(a, merge(b, c))
    assert left == right
    assert finished(left) == finished(right)


@FEW
@given(st.lists(objects, max_size=6), st.booleans())
def test_finishing_twice_changes_nothing(chunks: list[dict[str, Any]], transcript: bool) -> None:
    for piece in folded(*chunks, transcript=transcript):
        assert finished(copy.deepcopy(piece)) == piece


@FEW
@given(
    st.dictionaries(
        st.sampled_from(["id", "choices", "created", "model", "usage", "error", "x_groq", "a"]), json_values
    )
)
def test_any_object_gives_a_piece(obj: dict[str, Any]) -> None:
    for read in (piece_of_chunk, piece_of_completion, piece_of_error):
        piece = finished(merge(read(copy.deepcopy(obj)), read(copy.deepcopy(obj))))
        assert shown(finished(copy.deepcopy(piece))) == shown(piece)
    assert len(merge_chunks([obj])) <= 1


@FEW
@given(
    st.dictionaries(
        st.sampled_from(["index", "delta", "message", "finish_reason", "logprobs", "usage", "content_filter_results"]),
        json_values,
    ),
    st.sampled_from(
        [
            "role",
            "content",
            "reasoning",
            "reasoning_text",
            "thinking",
            "reasoning_details",
            "thinking_blocks",
            "tool_calls",
            "function_call",
            "audio",
            "annotations",
            "refusal",
        ]
    ),
    json_values,
)
def test_any_choice_gives_a_piece(entry: dict[str, Any], name: str, value: Any) -> None:
    for body in ("delta", "message"):
        odd = {
            "choices": [
                entry | {body: {name: value}},
                {body: {"tool_calls": [value, {"function": value, "id": value}]}},
            ]
        }
        piece = finished(merge(piece_of_chunk(copy.deepcopy(odd)), piece_of_completion(copy.deepcopy(odd))))
        assert shown(finished(copy.deepcopy(piece))) == shown(piece)


@FEW
@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning", "refusal"]), texts), max_size=12))
def test_each_fragment_is_there_once(fragments: list[tuple[str, str]]) -> None:
    """Every fragment of a text is in the result, in order, once."""
    pieces = folded(*(chunk({name: value}) for name, value in fragments))
    for name in ("content", "reasoning", "refusal"):
        sent = "".join(value for field, value in fragments if field == name)
        got = getattr(pieces[0].choices[0], name) if fragments and 0 in pieces[0].choices else None
        expected = sent.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        assert (got or "").replace("\\ud83d", "\ufffd").replace("\\ude00", "\ufffd") == expected


@FEW
@given(st.text(max_size=20), st.text(max_size=20), st.lists(st.integers(0, 20), max_size=4))
def test_cutting_fragments_elsewhere_changes_nothing(content: str, arguments: str, cuts: list[int]) -> None:
    def pieces(borders: list[int]) -> list[dict[str, Any]]:
        spans = list(zip([0, *borders], [*borders, 20], strict=True))
        said = [chunk({"role": "assistant"}), tool(index=0, id="x", name="f")]
        said += [chunk({"content": content[a:b]}) for a, b in spans]
        return said + [tool(index=0, arguments=arguments[a:b]) for a, b in spans]

    whole, cut = one(*pieces([])), one(*pieces(sorted(cuts)))
    assert whole.choices[0].content == cut.choices[0].content
    assert calls(whole) == calls(cut)


@FEW
@given(st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=6), st.integers(0, 6))
def test_empty_chunks_change_nothing(contents: list[str], at: int) -> None:
    said = [chunk({"content": content}) for content in contents]
    more = [*said[:at], chunk(None), chunk({}), chunk(None, usage=None), *said[at:]]
    assert one(*said).choices[0].content == one(*more).choices[0].content


def test_a_million_fragments_are_linear() -> None:
    """Ten times the chunks take about ten times the time."""
    took = []
    for count in (2_000, 20_000):
        start = time.perf_counter()
        piece = one(*(chunk({"content": "abcdefgh"}) for _ in range(count)))
        took.append(time.perf_counter() - start)
        assert piece.choices[0].content == "abcdefgh" * count
    assert took[1] < 40 * took[0]


# --- cases -----------------------------------------------------------------------------------------------------


def test_choices_are_keyed_by_index() -> None:
    piece = one(chunk({"content": "c"}, index=2), chunk({"content": "a"}, index=0), chunk({"content": "C"}, index=2))
    assert {index: choice.content for index, choice in piece.choices.items()} == {2: "cC", 0: "a"}


def test_nothing_is_invented() -> None:
    piece = one(chunk({"content": "cut"}))
    assert (piece.choices[0].finish_reason, piece.choices[0].role, piece.usage) == (None, None, None)


@pytest.mark.parametrize("reason", ["", "null", None])
def test_no_reason_is_none(reason: str | None) -> None:
    assert one(chunk({"content": "x"}, finish=reason)).choices[0].finish_reason is None


def test_usage_is_the_last_real_one() -> None:
    said = [
        chunk(None, usage=usage) for usage in ({"total_tokens": 0}, {"total_tokens": 4}, {"total_tokens": 0}, {}, None)
    ]
    assert one(*said).usage == '{"total_tokens":4}'


def test_usage_in_two_places_counts_once() -> None:
    assert one(chunk(None, usage={"a": 1}, x_groq={"id": "r", "usage": {"a": 1}})).usage == '{"a":1}'
    assert one(chunk(None, x_groq={"usage": {"a": 2}})).usage == '{"a":2}'
    assert one({"choices": [{"index": 0, "delta": {}, "usage": {"a": 3}}]}).usage == '{"a":3}'


def test_azure_begins_without_an_id() -> None:
    piece = one(
        {
            "id": "",
            "object": "",
            "created": 0,
            "model": "",
            "choices": [],
            "prompt_filter_results": [{"prompt_index": 0}],
        },
        chunk({"role": "assistant", "content": "x"}),
    )
    assert (piece.id, piece.model, piece.created) == ("c1", "m", 1700000000_000000)
    assert piece.extra["prompt_filter_results"] == [[{"prompt_index": 0}]]
    assert "id_varies" not in piece.flags


def test_a_new_id_on_a_taken_index_is_a_new_call() -> None:
    piece = one(
        tool(index=0, id="x", name="f", arguments="{"),
        tool(index=0, arguments="}"),
        tool(index=0, id="y", name="g", arguments="{}"),
        tool(index=0, id="x", arguments=" "),
    )
    assert calls(piece) == [("x", "f", "{} "), ("y", "g", "{}")]


def test_calls_without_index_or_id_are_kept_apart() -> None:
    assert calls(one(tool(name="f", arguments="{"), tool(arguments="}"), tool(name="f", arguments="{}"))) == [
        (None, "f", "{}"),
        (None, "f", "{}"),
    ]
    assert calls(one(tool(id="x", name="f", arguments="1"), tool(id="y", name="g"), tool(arguments="2"))) == [
        ("x", "f", "1"),
        ("y", "g", "2"),
    ]


def test_names_and_ids_that_repeat_are_not_doubled() -> None:
    again = [tool(index="0", id="x", name="f", arguments=part) for part in ('{"a"', ":1}")]
    assert calls(one(*again, tool(index=0, id="", name="", arguments=""))) == [("x", "f", '{"a":1}')]


def test_a_name_that_comes_again_without_its_id_begins_no_call_and_another_name_does() -> None:
    first = tool(index=0, id="x", name="f", arguments="{")
    assert calls(one(first, tool(index=0, name="f", arguments="}"))) == [("x", "f", "{}")]
    assert calls(one(first, tool(index=0, name="g", arguments="}"))) == [("x", "f", "{"), (None, "g", "}")]


def test_an_id_may_come_late() -> None:
    assert calls(one(tool(index=0, name="f", arguments="{"), tool(index=0, id="x", arguments="}"))) == [
        ("x", "f", "{}")
    ]


def test_stored_calls_are_never_joined() -> None:
    message = {"tool_calls": [{"id": "0", "function": {"name": "f", "arguments": {"a": 1}}}] * 2}
    piece = finished(piece_of_completion({"choices": [{"message": message}]}))
    assert calls(piece) == [("0", "f", '{"a":1}')] * 2
    assert "arguments_object" in piece.flags


def test_custom_and_legacy_calls() -> None:
    custom = {"id": "x", "type": "custom", "custom": {"name": "grep", "input": "a.*"}}
    piece = one(
        chunk({"tool_calls": [custom]}),
        chunk({"function_call": {"name": "f", "arguments": "{"}}),
        chunk({"function_call": {"arguments": "}"}}),
        chunk({"function_call": {"name": "", "arguments": ""}}),
    )
    assert [(c.kind, c.name, c.arguments) for c in piece.choices[0].tool_calls] == [
        ("custom", "grep", "a.*"),
        ("function_call", "f", "{}"),
    ]


def test_reasoning_is_told_once() -> None:
    details = [{"type": "reasoning.text", "text": "hm"}]
    piece = one(
        chunk({"reasoning": "hm", "reasoning_content": None, "reasoning_details": details}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "!"}]}),
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "?"}]}, {"text": "so"}]}),
    )
    assert (piece.choices[0].reasoning, piece.choices[0].content) == ("hm!?", "so")
    assert piece.choices[0].extra["delta"]["reasoning_details"][0] == details
    assert "content_parts" in piece.flags


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning_text": "hm"},
        {"thinking": "hm"},
        {"reasoning_content": {"text": "hm"}},
        {"reasoning_content": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoning_content": [{"content": "h", "signature": ""}, {"content": "m", "signature": "s"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
        {"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]},
        {"content": [{"type": "reasoning", "text": "hm"}]},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]},
        {"content": [{"type": "thinking", "thinking": "hm"}], "thinking_blocks": [{"type": "redacted_thinking"}]},
    ],
)
def test_reasoning_is_told_under_any_name(said: dict[str, Any]) -> None:
    for piece in (one(chunk(said)), finished(piece_of_completion({"choices": [{"index": 0, "message": said}]}))):
        assert (piece.choices[0].reasoning, piece.choices[0].content) == ("hm", None)


def test_what_is_signed_of_an_answer_is_no_reasoning() -> None:
    """LiteLLM puts it among the blocks of thinking."""
    blocks = [{"type": "thinking", "thinking": '{"text": "so"}', "signature": "s"}]
    piece = one(chunk({"content": "so", "thinking_blocks": blocks}))
    assert (piece.choices[0].reasoning, piece.choices[0].content) == (None, "so")
    assert piece.choices[0].extra["delta"]["thinking_blocks"] == [blocks]


def test_halves_of_a_character_are_joined() -> None:
    joined = one(chunk({"content": "\ud83d"}), chunk({"content": "\ude00"}))
    assert (joined.choices[0].content, joined.flags) == ("😀", set())
    cut = one(chunk({"content": "x\ud83d"}))
    assert (cut.choices[0].content, cut.flags) == ("x\\ud83d", {"invalid_unicode"})


def test_text_that_repeats_itself_is_flagged() -> None:
    grown = [chunk({"content": text}) for text in ("a", "ab", "", "abc")]
    assert "cumulative_content" in one(*grown).flags
    assert "cumulative_content" not in one(*grown[:2]).flags


def test_audio_is_kept_by_hash() -> None:
    piece = one(chunk({"audio": {"id": "a", "data": "QU"}}), chunk({"audio": {"data": "JD", "transcript": "hi"}}))
    audio = piece.choices[0].audio
    assert audio is not None and audio["data"]["bytes"] == 3 and audio["transcript"] == "hi"


def test_changes_are_flagged() -> None:
    piece = one(
        chunk({"content": "x"}, finish="stop", system_fingerprint="f"),
        chunk({}, finish="length", system_fingerprint="g", created=5, service_tier="a"),
        chunk({}, id="c2", service_tier="b"),
    )
    assert piece.choices[0].finish_reason == "length"
    assert (piece.system_fingerprint, piece.service_tier, piece.created) == ("g", "b", 5_000_000)
    assert piece.flags == {
        "finish_changed",
        "fingerprint_changed",
        "created_varies",
        "id_varies",
        "service_tier_changed",
    }


def test_a_full_object_at_the_end_supersedes() -> None:
    full = {
        "id": "c1",
        "object": "chat.completion",
        "usage": {"total_tokens": 2},
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}],
    }
    (result,) = merge_chunks(
        [chunk({"role": "assistant", "content": "a"}), chunk({"content": "b"}, finish="stop"), full]
    )
    assert result["choices"][0]["message"]["content"] == "ab"
    assert result["usage"] == {"total_tokens": 2}


def test_unknown_fields_are_kept_as_lists() -> None:
    piece = one(chunk(None, a=1), chunk(None, a=1), chunk(None, a=True, b=None, obfuscation="xx"), chunk({"z": 1}))
    assert piece.extra == {"a": [1, True]}
    assert piece.choices[0].extra == {"delta": {"z": [1]}}


@pytest.mark.parametrize(
    ("sent", "micros"),
    [
        (1700000000, 1700000000_000000),
        (1700000000123, 1700000000_123000),
        (1700000000123456, 1700000000_123456),
        (1700000000123456789, 1700000000_123456),
        (1700000000.5, 1700000000_500000),
        ("1700000000", 1700000000_000000),
        ("2023-11-14T22:13:20Z", 1700000000_000000),
        (0, None),
        (-1, None),
        ("soon", None),
        (True, None),
        (None, None),
    ],
)
def test_created_is_read_in_any_unit(sent: Any, micros: int | None) -> None:
    assert piece_of_chunk(chunk(None, created=sent)).created == micros


def test_an_integer_too_long_is_kept_as_digits() -> None:
    piece = piece_of_completion({"seed": 2**63, "choices": []})
    assert (piece.seed, piece.extra, piece.flags) == (None, {"seed": str(2**63)}, {"integer_out_of_range"})
    assert piece_of_completion({"seed": 2**63 - 1}).seed == 2**63 - 1


# --- which pieces belong together ------------------------------------------------------------------------------


def lines(*chunks: dict[str, Any]) -> list[str | None]:
    return [piece.choices[0].content if piece.choices else None for piece in folded(*chunks, transcript=False)]


ROLE = {"role": "assistant", "content": ""}


def test_interleaved_streams_are_told_apart() -> None:
    assert lines(chunk({"content": "a"}), chunk({"content": "b"}, id="c2"), chunk({"content": "A"})) == ["aA", "b"]


def test_an_id_used_again_is_another_response() -> None:
    end = chunk({}, finish="stop")
    assert lines(
        chunk(ROLE), chunk({"content": "a"}), end, chunk(None, usage={"a": 1}), chunk(ROLE), chunk({"content": "b"})
    ) == [
        "a",
        "b",
    ]
    assert lines(chunk(ROLE), chunk({"content": "a"}), chunk(ROLE, created=9), chunk({"content": "b"}, created=9)) == [
        "a",
        "b",
    ]
    assert lines(chunk(ROLE), chunk({"content": "a"}), chunk(ROLE), chunk({"content": "b"})) == ["ab"]


def test_the_same_id_from_two_models_is_two_responses() -> None:
    assert lines(chunk({"content": "a"}), chunk({"content": "b"}, model="other")) == ["a", "b"]
    assert lines(chunk({"content": "a"}), chunk({"content": "b"}, model=None)) == ["ab"]


def test_a_later_choice_goes_on() -> None:
    found = folded(chunk({"content": "a"}, finish="stop"), chunk({"content": "b"}, index=1), transcript=False)
    assert len(found) == 1


def test_chunks_without_an_id_group_by_place() -> None:
    (piece,) = folded(chunk({"content": "a"}, id=""), chunk({"content": "b"}, id=""), transcript=False)
    assert piece.flags >= {"ambiguous_grouping", "no_id"}
    assert lines(chunk({"content": "a"}, id=""), chunk({"content": "x"}), chunk({"content": "b"}, id="")) == [
        "a",
        "x",
        "b",
    ]


def test_a_transcript_may_change_its_id() -> None:
    found = folded(*(chunk({"content": "x"}, id=f"c{number}") for number in range(5)))
    assert len(found) == 1 and found[0].id == "c0" and "id_varies" in found[0].flags


def test_a_choice_that_begins_under_another_id_is_of_the_same_transcript() -> None:
    """As it is no choice that the answer has already; nor does a first chunk without choices make an answer."""
    role = {"role": "assistant"}
    found = folded(
        chunk(role, id="c0"), chunk({"content": "a"}, id="c1"), chunk(role, id="c2", index=1), chunk({}, id="c3")
    )
    assert len(found) == 1 and "id_varies" in found[0].flags
    assert len(folded({**chunk({}), "choices": []}, chunk(role, id="c1"), chunk({"content": "a"}, id="c2"))) == 1


def test_transcripts_without_a_border_are_told_apart() -> None:
    end = chunk({}, finish="stop")
    other, text = chunk(ROLE, id="c2", created=2), chunk({"content": "b"}, id="c2", created=2)
    assert len(folded(chunk(ROLE), chunk({"content": "a"}), end, other, text)) == 2
    assert len(folded(chunk(ROLE), chunk({"content": "a"}), other, text)) == 2


def test_a_body_that_answers_twice_at_once_is_one_response() -> None:
    """Until [DONE] all chunks belong together, whatever their ids say."""
    end = chunk({}, finish="stop")
    other, text = chunk(ROLE, id="c2"), chunk({"content": "b"}, id="c2")
    assert len(folded(chunk(ROLE), chunk({"content": "a"}), end, other, text)) == 1


def test_of_two_verdicts_the_worse_counts_and_of_two_as_bad_the_later() -> None:
    def verdict(severity: str, number: int, *, filtered: bool = False) -> dict[str, Any]:
        return {"hate": {"filtered": filtered, "severity": severity, "number": number}}

    verdicts = [verdict("safe", 1), verdict("low", 2), verdict("low", 3), verdict("safe", 4)]
    assert json.loads(worst_of(tuple(map(json.dumps, verdicts))) or "") == verdict("low", 3)
    verdicts = [verdict("safe", 1, filtered=True), verdict("high", 2), {"violence": {"filtered": False}}]
    assert json.loads(worst_of(tuple(map(json.dumps, verdicts))) or "") == verdicts[0] | verdicts[2]


@pytest.mark.parametrize("error", [{"message": "overloaded"}, {"code": 503}])
def test_an_answer_ends_with_its_error_and_the_next_role_is_of_another(error: dict[str, Any]) -> None:
    failed = [chunk({"role": "assistant"}), chunk({"content": "a"}, error=error)]
    assert [piece.chunk_count for piece in folded(*failed, chunk({"role": "assistant"}))] == [2, 1]
    assert [piece.chunk_count for piece in folded(*failed, chunk(None, usage={"total_tokens": 1}))] == [3]


def test_an_error_keeps_the_text_before_it() -> None:
    error = piece_of_error({"error": {"message": "overloaded", "code": 503, "type": "server"}})
    (piece,) = fold([piece_of_chunk(chunk({"content": "a"})), error], transcript=True)
    assert (piece.error_code, piece.error_type, piece.error_message) == ("503", "server", "overloaded")
    assert finished(piece).choices[0].content == "a"


def test_stored_completions_stand_alone() -> None:
    stored = {"id": "c1", "model": "m", "choices": [{"message": {"content": "a"}}]}
    assert not continues(piece_of_completion(stored), piece_of_completion(stored), transcript=True)
    assert not continues(piece_of_completion(stored), piece_of_chunk(chunk({"content": "a"})), transcript=False)


def test_merge_chunks_gives_completions() -> None:
    said = [
        chunk(ROLE),
        chunk({"content": "Hi"}, id="c2"),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}, finish="stop"),
    ]
    results = merge_chunks(json.loads(json.dumps(said)))
    assert [result["id"] for result in results] == ["c1", "c2"]
    assert results[0] == {
        "id": "c1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    }
    assert "finish_reason" not in results[1]["choices"][0]

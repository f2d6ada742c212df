"""Cassettes in YAML: every call comes out as the JSON that it says, in its place, and what is broken is told."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chatlogs.normalizing.layout import is_document
from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.cassettes import CASSETTE_HEAD, is_cassette, may_be_recorded, read_cassette
from chatlogs.reading.lines import Block

# Without U+0085, which PyYAML writes bare and libyaml reads as a line end.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85"), max_size=40) | st.sampled_from(
    [
        "yes",
        "on",
        "~",
        "12:30",
        "2026-01-02",
        "0x1F",
        "1e3",
        "null",
        "- a",
        "a: b",
        "it's",
        '"',
        "#",
        "\u2028",
        " ",
    ]
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"interactions:\n- request:\n", True),
        (b"---\nversion: 2\ninteractions:\n    - id: 0\n", True),
        (b"# recorded\n---\nhttp_interactions:\r\n- request:\r\n", True),
        (b"version: 1\nrecorded:\n  by: vcr\ninteractions:\n- request:\n", True),
        (b"interactions: []\nversion: 1\n", True),
        (b"\xef\xbb\xbfinteractions:\n- request:\n", True),
        (b"interactions: none today\n- request\n", False),
        (b'data: {"interactions":\n- request', False),
        (b"2026 interactions:\n- a\n", False),
        (b'{"interactions": [', False),
        (b"", False),
    ],
)
def test_cassettes_are_known_by_how_they_begin(head: bytes, expected: bool) -> None:
    assert is_cassette(head) is expected


def said(data: bytes) -> list[Any]:
    """What the calls of a cassette say; all of them can be read."""
    calls = list(read_cassette(data))
    assert [call.problem for call in calls] == [""] * len(calls)
    return [item for call in calls for items in json.loads(call.json).values() for item in items]


@given(
    calls=st.lists(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3), max_size=4),
    unicode=st.booleans(),
    flow=st.sampled_from([None, False, True]),
    width=st.sampled_from([20, 80, 4096]),
    style=st.sampled_from([None, '"', "'", "|", ">"]),
    indent=st.sampled_from([2, 4]),
)
def test_what_was_dumped_is_read(calls: list[Any], unicode: bool, flow: bool | None, **layout: Any) -> None:
    """Whatever the layout, a call says what it said before it was written as YAML."""
    style = layout.pop("style")
    dumped = yaml.safe_dump(
        {"interactions": calls}, allow_unicode=unicode, default_flow_style=flow, default_style=style, **layout
    )
    assert said(dumped.encode()) == calls


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_calls_stand_where_they_stand(line_end: str, bom: bytes) -> None:
    lines = [
        "interactions:",
        "- a: 'é\u2028ü'",
        "  b: 1",
        "# ö",
        "-",
        "  a: 😀",
        "version: 1",
        "---",
        "interactions:",
        "- c: 2",
    ]
    data = bom + (line_end.join(lines) + line_end).encode()
    calls = list(read_cassette(data))
    assert [call.line for call in calls] == [1, 5, 9]
    assert [data[call.begin :].startswith(call.text) for call in calls] == [True] * 3
    assert [call.text.split()[0] for call in calls] == [b"-", b"a:", b"-"]
    assert said(data) == [{"a": "é\u2028ü", "b": 1}, {"a": "😀"}, {"c": 2}]


def test_bodies_in_base64_are_the_text_that_they_hold() -> None:
    def dumped(body: bytes) -> bytes:
        return yaml.safe_dump({"interactions": [{"string": body}]}).encode()

    assert said(dumped(gzip.compress("é".encode()))) == [{"string": "é"}]
    assert said(dumped(b"plain")) == [{"string": "plain"}]
    ruby = b"http_interactions:\n- string: !binary |-\n    " + base64.b64encode("ü".encode())
    assert said(ruby) == [{"string": "ü"}]
    assert said(b"interactions:\n- string: !!binary no base64 at all\n") == [{"string": "no base64 at all"}]


def test_tags_that_nobody_knows_change_nothing() -> None:
    data = b"interactions:\n- a: !ruby/object:Time {b: 1}\n  c: !mine 2\n  d: !!str 3\n  e: !!int x\n  f: &y [1]\n"
    data += b"  g: *y\n"
    assert said(data) == [{"a": {"b": 1}, "c": "2", "d": "3", "e": "x", "f": [1], "g": [1]}]


@pytest.mark.parametrize(
    "text", ["!!bool maybe", "!!int ''", "!!float ''", "!!float x", "9" * 5_000, "0x" + "f" * 9_000, "1:" * 3_000 + "1"]
)
def test_a_value_that_is_none_of_its_kind_is_its_text(text: str) -> None:
    (call,) = said(b"interactions:\n- a: " + text.encode() + b"\n")
    assert call == {"a": text.split()[-1].strip("'")}


WHOLE = b"interactions:\n- a: 1\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"request:\n  url: x\nresponse:\n  body: y\n", True),
        (b"# recorded\n---\nwhen:\n  path: x\nthen:\n  body: y\n---\nwhen:\n  path: z\n", True),
        (b"-\n    request:\n        method: POST\n", True),
        (b"requests:\n- body: x\nresponses:\n- body: y\n", True),
        (b"log:\n  entries:\n  - request:\n", True),
        (b"response: 'data: {}\n\n\n  data: [DONE]\n\n  '\n", True),
        (b"response:\n  body: " + b"x" * CASSETTE_HEAD + b"\n{", True),
        (b"name: x\nvalue: y\n", False),
        (b"event: response\ndata: {}\n", False),
        (b'request: {"a": 1}\n{"id": "c"}\n', False),
        (b"request: a\nresponse: b\nrequest: c\n", False),
        (b"  response:\n  - a\n", False),
        (b"INFO response: a\n", False),
        (b"", False),
    ],
)
def test_other_recordings_may_be_yaml(head: bytes, expected: bool) -> None:
    assert may_be_recorded(head) == expected


def test_a_long_log_is_not_held_for_a_recording() -> None:
    """Whatever its first lines look like, it is read block by block, and never refused for its length."""
    text = b"request:\n  a: 1\nresponse:\n"
    assert is_document(text) and not is_document(text + b"  {}\n" * (1 << 20))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"when: {a: 1}\nthen: {b: 2}\n---\nwhen: {}\n", [{"when": {"a": 1}, "then": {"b": 2}}, {"when": {}}]),
        (b"- request: q\n  response: a\n- request: r\n", [{"request": "q", "response": "a"}, {"request": "r"}]),
        (b"requests: [1, 2]\nresponses: [3, 4]\n", [{"request": 1, "response": 3}, {"request": 2, "response": 4}]),
        (b"responses: [a]\n", [{"responses": ["a"]}]),
    ],
)
def test_what_is_in_other_recordings(text: bytes, said: list[Any]) -> None:
    """A document, an item of a list, or the items of two lists that stand in the same places, are a call each."""
    assert [json.loads(call.json) for call in read_cassette(text)] == said


def test_what_only_looks_like_yaml_is_read_by_lines() -> None:
    """Nothing of it is lost: what cannot be read as YAML, or holds no call there, is a log like any other."""
    answer = '{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"Hi"}}]}'
    text = f"request: POST /v1/chat/completions: now\n  {answer}\n"
    assert may_be_recorded(text.encode())
    partials = normalize(Block.of(text.encode()))
    assert partials.tables["completions"]["id"].to_pylist() == ["c"]
    assert partials.counts.rejects == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Accept", "Accept"),
        ("!!python/object/apply:multidict._multidict.istr [Accept]", "Accept"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_names_that_are_objects_are_the_texts_in_them(name: str, said: str) -> None:
    """VCR.py writes headers of aiohttp with keys that are objects of Python's."""
    (call,) = read_cassette(f"interactions:\n- headers:\n    ? {name}\n    : '*/*'\n".encode())
    assert json.loads(call.json) == {"interactions": [{"headers": {said: "*/*"}}]}


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b"- b: 'open\n", "line 4: found unexpected end of stream"),
        (b"- b: *nowhere\n", "line 3: nothing has the name *nowhere yet"),
        (b"- b: &self [*self]\n", "line 3: nothing has the name *self yet"),
        (b"- b: " + b"[" * 300 + b"]" * 300, "line 3: a value nests deeper than 200 levels"),
        (b"- b: " + b"[" * 100_000, "line 3: exceeded maximum nesting depth"),
        (b"- b: \x00\n", "control characters are not allowed"),
        (b"x\n", "could not find expected ':'"),
        (b"---\nb\n", "a cassette is a mapping"),
    ],
    ids=["open", "alias", "itself", "deep", "very-deep", "nul", "no-yaml", "list"],
)
def test_what_is_broken_is_told_once_behind_what_is_whole(rest: bytes, problem: str) -> None:
    *whole, last = read_cassette(WHOLE + rest)
    assert problem in last.problem
    assert (WHOLE + rest).rstrip().endswith(last.text)
    assert [json.loads(call.json)["interactions"] for call in whole] in ([[{"a": 1}]], [])


def test_bytes_that_are_no_text_are_told() -> None:
    (call,) = read_cassette(WHOLE + b"- b: \xff\n")
    assert call.problem == "byte 26 is no UTF-8"
    assert call.line == 0


def test_names_for_values_are_no_bomb() -> None:
    """Each level names the one before nine times: ten lines would say some billion words."""
    levels = ["- &l0 [word]", *(f"- &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))]
    *whole, last = read_cassette(("interactions:\n" + "\n".join(levels) + "\n").encode())
    assert "is the limit for one record" in last.problem
    assert len(whole) < len(levels)


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_call_are_accounted_for(rest: bytes) -> None:
    counts = normalize(Block.of(WHOLE + rest)).counts
    assert counts.records + counts.blank + counts.ignorable + counts.rejects == counts.lines > 0

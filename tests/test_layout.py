"""Texts that share lines or lie over several: each ends in one place, whatever stands beside it."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import assembled, shown

from chatlogs.normalizing.layout import is_document
from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.lines import Block

carefully = partial(normalize, fast=False)
_NAME = re.compile(r"<\d+>")


def answer(name: str) -> dict[str, Any]:
    return {"id": name, "model": "m", "choices": [{"index": 0, "message": {"content": f"to {name} [}} {{"}}]}


LAYOUTS: dict[str, Any] = {"compact": {}, "indented": {"indent": 1}, "wide": {"indent": "\t"}}
WORDS = ("{0}", "=== {0} ===", "[2025-04-25 17:15:09][INFO] Generated packet {0}: ", "note {{{0}}}", "data {0}=")


def written(kind: str, name: str) -> str:
    """A text of this kind that holds the name once, or more often in an answer."""
    if kind in LAYOUTS:
        return json.dumps(answer(name), **LAYOUTS[kind])
    if kind == "keys":
        return json.dumps(answer(name)).replace(', "', ',\n"')
    if kind == "other":
        return json.dumps({"note": name, "list": [1, {}]})
    if kind == "other, indented":
        return json.dumps({"note": name, "list": [1, {}]}, indent=2)
    return kind.format(name)


ANSWERS = (*LAYOUTS, "keys")


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[bytes, set[str], set[str]]:
    """A log of answers, other JSON and words in any layout; the names of the answers, and of all else."""
    kinds = draw(st.lists(st.sampled_from([*ANSWERS, *ANSWERS, "other", "other, indented", *WORDS]), max_size=7))
    between = st.sampled_from(["\n", "\n", "\n", "", " ", "\n\n", "\r\n"])
    text = ""
    for number, kind in enumerate(kinds):
        text += written(kind, f"<{number}>") + draw(between)
    answers = {f"<{number}>" for number, kind in enumerate(kinds) if kind in ANSWERS}
    return (text + "\n").encode(), answers, {f"<{number}>" for number in range(len(kinds))} - answers


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mixtures())
def test_each_text_ends_in_one_place(mixture: tuple[bytes, set[str], set[str]]) -> None:
    """An answer is a record, all else is in one reject, and the counts say so."""
    data, answers, others = mixture
    tables, counts, rejects = assembled(data, with_=carefully)
    assert sorted(tables["completions"]["id"].to_pylist()) == sorted(answers)
    assert sorted(name for _, _, _, raw in rejects for name in _NAME.findall(raw)) == sorted(others)
    assert counts.records == len(answers)
    assert counts.rejects == len(rejects)
    assert counts.balanced
    for _, offset, _, raw in rejects:
        assert data[offset:].startswith(raw.encode())


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mixtures())
def test_the_fast_path_tells_texts_apart_alike(mixture: tuple[bytes, set[str], set[str]]) -> None:
    data, _, _ = mixture
    fast, slow = assembled(data, with_=normalize), assembled(data, with_=carefully)
    assert fast[1:] == slow[1:]
    assert shown(fast[0]) == shown(slow[0])


@pytest.mark.parametrize(
    "line",
    [
        b"""body: '{"choices":[{"message":{"content":"it\\'s"}}]}'""",
        b""""response": {"choices":[{"message":{"content":"cut"}}]},""",
        b"""failed: {"error":{"message":"no","type":"bad"}}""",
    ],
    ids=["quoted", "a member of what is cut", "an error in some words"],
)
def test_what_stands_in_other_text_is_not_taken_for_an_answer(line: bytes) -> None:
    tables, counts, rejects = assembled(line + b"\n", with_=carefully)
    assert not len(tables["completions"])
    assert counts.rejects == 1 and rejects[0][3] == line.decode()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"{\n", True),
        (b"[\n {\n", True),
        (b'[{"a": {}}\n,{"b": 1}]\n', True),
        (b"[[{}]\n,[{}]]\n", True),
        (b'{"a": 1}\n', False),
        (b'{"a": 1}{\n', True),
        (b'{"a": 1', False),
        (b"[2025-04-25 17:15:09][INFO] Generated packet: {\n", False),
        (b'[main] {"a": 1}\n', False),
        (b"some text {\n", False),
    ],
)
def test_json_laid_out_over_lines_is_known_by_how_it_begins(head: bytes, expected: bool) -> None:
    """Only such a log is read whole, however long it is."""
    assert is_document(head) is expected


def test_json_of_an_unknown_kind_is_one_reject_that_names_its_keys() -> None:
    """Also without a line end, and over lines; nothing of it is broken."""
    for data in (b'{"foo": 1, "bar": [{"a": 2}]}', b'{\n "foo": 1,\n "bar": [\n  {"a": 2}\n ]\n}\n'):
        partials = normalize(Block.of(data), fast=False)
        (reject,) = partials.rejects.to_pylist()
        assert reject["reason"] == "unknown_shape" and "foo, bar" in reject["detail"]
        assert partials.unfinished is None and reject["raw"] == data.decode().strip()

"""Plain lines are read together by templates: all else costs more and says the same, so that no law would tell."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from test_mutations import LOGS, dumped, stored

from chatlogs.normalizing import careful
from chatlogs.normalizing.folding import fold, learning, matching
from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.unwrapping import wrapped
from chatlogs.reading.lines import Block

# In these each text is told twice, or each line is joined with those behind it before it is read.
OTHERWISE = {"completions in texts", "a runtime's lines"}
MANY = {name: lines for name, lines in LOGS.items() if name not in OTHERWISE} | {
    "choices of which one is broken": [
        dumped(stored(number, 3)).replace(b'"content":""', b'"content":"\\q"' if number == 7 else b'"content":""')
        for number in range(50)
    ],
}


@pytest.mark.parametrize("name", MANY)
def test_plain_lines_are_read_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that a few tell from the others are parsed, or read with care, and no more."""
    alone: list[int] = []
    read_one, parsed = careful.read_one, fold._parsed

    def read(lines: Any, line: int, found: Any) -> None:
        alone.append(line)
        read_one(lines, line, found)

    def parse(con: Any, matcher: Any, line: Any, facts: Any) -> Any:
        alone.extend(line.tolist())
        return parsed(con, matcher, line, facts)

    # What was learned of other logs, on other paths, must not tell.
    matching._known().clear()
    monkeypatch.setattr(wrapped, "_worker", threading.local())
    monkeypatch.setattr(careful, "read_one", read)
    monkeypatch.setattr(fold, "_parsed", parse)
    lines = [line.replace(b"chatcmpl-", b"chatcmpl-%d-" % number) for number in range(20) for line in MANY[name]]
    assert normalize(Block.of(b"\n".join(lines) + b"\n")).counts.balanced
    assert len(set(alone)) <= len(lines) // 20


class Counted(list[int]):
    """A list that counts how often one of it was looked at."""

    looked = 0

    def __getitem__(self, place: Any) -> Any:
        self.looked += 1
        return super().__getitem__(place)

    def __iter__(self) -> Any:
        for place in range(len(self)):
            yield self[place]


def test_a_line_of_many_fields_is_learned_without_looking_at_all_quotes_for_each() -> None:
    """As each metric that a server adds is a field of its own."""
    quotes = Counted(range(0, 20_000, 5))
    line = bytes(20_000)
    assert [learning._behind(quotes, place) for place in (1, 5, 6, 19_999)] == [(0, 1), (0, 5), (1, 1), (3999, 4)]
    ends = [learning._before(quotes, line, place) for place in (0, 1, 5, 19_995, 19_999)]
    assert ends == [(0, 0), (1, -4), (1, 0), (3999, 0), (learning.LINE_END, -1)]
    assert 0 < quotes.looked <= 9 * 16


def test_chunks_of_another_form_have_templates_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they have as many quotes, and the same around their texts: a blank more is another form."""
    parsed: list[int] = []
    parse = fold._parsed

    def counting(con: Any, matcher: Any, line: Any, facts: Any) -> Any:
        parsed.extend(line.tolist())
        return parse(con, matcher, line, facts)

    matching._known().clear()
    monkeypatch.setattr(fold, "_parsed", counting)
    lines = [line.replace(b"chatcmpl-", b"chatcmpl-%d-" % number) for number in range(20) for line in LOGS["chunks"]]
    for before, after in ((b"m-1", b"m-1"), (b'"finish_reason":', b'"finish_reason": '), (b'"model":', b'"model": ')):
        normalize(Block.of(b"".join(line.replace(before, after) + b"\n" for line in lines)))
        assert len(parsed) <= len(lines) // 20

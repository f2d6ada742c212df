"""Plain lines are read together by templates: all else costs more and says the same, so that no law would tell."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from test_mutations import LOGS, dumped, stored

from chatlogs.normalizing import careful
from chatlogs.normalizing.folding import fold, matching
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

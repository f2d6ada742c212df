"""Answers that a container's runtime cut into lines are those that were printed, however and wherever they were cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingested import assembled, final_rows, stored

from chatlogs.moving.ingest import ingest
from chatlogs.normalizing import parted
from chatlogs.normalizing.careful import Found
from chatlogs.normalizing.normalize import normalize
from chatlogs.reading.lines import Block, scan
from chatlogs.reading.parts import PART_BYTES, Part, part_of

TIME = "2026-11-20T10:00:00.5Z"
Cut = Callable[[str, int], list[bytes]]


def dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def answer(number: int, text: str, times: int = 1) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": text * times}, "finish_reason": "stop"}
    return dumps({"id": f"c-{number}", "object": "chat.completion", "model": "m", "choices": [choice]})


def chunk(number: int, text: str) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
    return dumps({"id": f"s-{number}", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def in_docker(text: str, size: int) -> list[bytes]:
    """As Docker's json-file driver logs it; it cuts at 16 KiB only, whatever size is asked for."""
    printed = (text + "\n").encode()
    parts = [printed[at : at + PART_BYTES] for at in range(0, len(printed), PART_BYTES)]
    return [logged(part.decode("utf-8", "replace")) for part in parts]


def logged(text: str) -> bytes:
    return dumps({"log": text, "stream": "stdout", "time": TIME}).encode()


def in_kubernetes(text: str, size: int, stream: str = "stdout") -> list[bytes]:
    """As containerd and CRI-O log it."""
    printed = text.encode()
    parts = [printed[at : at + size] for at in range(0, len(printed), size)] or [b""]
    tags = ["P"] * (len(parts) - 1) + ["F"]
    return [f"{TIME} {stream} {tag} ".encode() + part for tag, part in zip(tags, parts, strict=True)]


def whole(text: str, cut: Cut) -> bytes:
    """The same line as the runtime writes it where it cuts nothing."""
    if cut is in_docker:
        return logged(text + "\n")
    return in_kubernetes(text, 1 << 30)[0]


def log_of(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


TEXTS = st.one_of(
    st.builds(answer, st.integers(0, 3), st.text("ab{\"\\\n'", max_size=60)),
    st.builds(answer, st.integers(0, 3), st.just("long "), st.integers(3_000, 9_000)),
    st.builds(chunk, st.integers(0, 1), st.text("ab", max_size=3)),
    st.sampled_from(["INFO ready", "", "{}", "{'a': 1", 'no answer {"id": 1}', "INFO " + "x" * 40_000]),
)


def said(data: bytes, block_bytes: int = 1 << 24) -> tuple[list[dict[str, Any]], int]:
    """The responses of a log in order, but for their places in it, and how many records it has."""
    tables, counts, _ = assembled(data, block_bytes=block_bytes)
    assert counts.balanced
    rows = final_rows(tables)
    place = {"completion_key", "line_number", "byte_offset", "last_line", "response_digest"}
    choices = {row["completion_key"]: row for row in rows.get("choices", [])}
    found = []
    for row in sorted(rows.get("completions", []), key=lambda row: row["byte_offset"]):
        all_ = row | {f"choice {name}": value for name, value in choices[row["completion_key"]].items()}
        found.append({name: value for name, value in all_.items() if name.removeprefix("choice ") not in place})
    return found, counts.records


@pytest.mark.parametrize("cut", [in_docker, in_kubernetes])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, max_size=5), share=st.integers(2, 30), block=st.integers(50, 20_000))
def test_cut_or_not_they_say_the_same(cut: Cut, texts: list[str], share: int, block: int) -> None:
    """Also in blocks of any size; only where they stand tells the logs apart."""
    parted = [line for text in texts for line in cut(text, len(text.encode()) // share + 1)]
    assert said(log_of(parted), block) == said(log_of([whole(text, cut) for text in texts]))


@pytest.mark.parametrize("cut", [in_docker, in_kubernetes])
def test_a_log_that_ends_among_parts_is_read_when_it_has_grown(cut: Cut, tmp_path: Path) -> None:
    """Between two of them, or within one, be it in the text or in what the runtime writes around it."""
    parts = cut(answer(1, "long ", 9_000), PART_BYTES)
    data, whole_part = log_of([*cut("INFO ready", 100), *parts]), len(parts[0])
    begin = len(data) - len(log_of(parts))
    expected = "not_json" if cut is in_kubernetes else "unknown_shape"
    for sizes in ([whole_part + 1, 2 * whole_part + 2], [whole_part + 9], [whole_part + 300], [9], [300], []):
        name = "-".join(map(str, sizes))
        log, store = tmp_path / f"log{name}", tmp_path / f"store{name}"
        for size in [*sizes, len(data) - begin]:
            log.write_bytes(data[: begin + size])
            assert ingest([log], store).balanced
            reasons = [row["reason"] for row in stored(store)["rejects"]]
            assert reasons == [expected] + ["truncated_line"] * (begin + size < len(data))
        assert [row["id"] for row in stored(store)["completions"]] == ["c-1"]
        (source,) = stored(store)["sources"]
        assert (source["lines"], source["records"], source["rejects"]) == (2, 1, 1)


def test_a_character_that_docker_cut_is_told() -> None:
    texts = [answer(1, "é", 9_000), answer(12, "é", 9_000)]  # of which one has the border in a character
    found = [normalize(Block.of(log_of(in_docker(text, 0)))).tables for text in texts]
    flags = [tables["completions"]["flags"][0].as_py() or [] for tables in found]
    damaged = ["\ufffd" in tables["choices"]["content"][0].as_py() for tables in found]
    assert sorted(damaged) == [False, True]
    assert ["invalid_unicode" in names for names in flags] == damaged


def test_parts_of_two_outputs_are_not_put_together() -> None:
    text = answer(1, "a" * 100)
    lines = [in_kubernetes(text, 50)[0], *in_kubernetes(text, 50, "stderr")[1:]]
    partials = normalize(Block.of(log_of(lines)))
    assert partials.counts.records == 0 and partials.counts.rejects == len(lines)


def test_parts_that_never_end_cost_time_in_proportion() -> None:
    """Each of them may begin an answer, and none does: a line of another output stands behind all."""
    log = log_of([*[f"{TIME} stdout P {{".encode()] * 20_000, f"{TIME} stderr F x".encode()])
    looked_at = 0

    def counting(line: bytes) -> Part | None:
        nonlocal looked_at
        looked_at += 1
        return part_of(line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parted, "part_of", counting)
        assert parted.read(scan(Block.of(log)), Found()) == []
    assert looked_at < 50_000

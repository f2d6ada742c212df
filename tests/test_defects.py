"""Where chatlogs itself fails on some lines, these are set aside and told, and everything else is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Run

import chatlogs
from chatlogs.errors import UnexpectedWarning
from chatlogs.normalizing import defects
from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.tables.partials import Partials
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

BAD = b"poison"
TOLD = "ignore::chatlogs.errors.UnexpectedWarning"


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A chatlogs with a defect: it fails wherever one of these words stands; `fast:` before it, on the fast path."""
    words = [BAD]

    def defective(block: Block, *, fast: bool = True, asked: Asked = PLAINLY) -> Partials:
        data = bytes(memoryview(block.data)[: block.size])
        for word in words:
            if (fast or not word.startswith(b"fast:")) and word.removeprefix(b"fast:") in data:
                raise IndexError("list index out of range")
        return normalize(block, fast=fast, asked=asked)

    monkeypatch.setattr(defects, "normalize", defective)
    return words


def completion(number: int, content: str) -> str:
    message = {"role": "assistant", "content": content}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1790000000 + number}
    return json.dumps(head | {"model": "gpt-4o", "choices": choices})


def chunk(number: int, content: str) -> str:
    choices = [{"index": 0, "delta": {"content": content}, "finish_reason": "stop" if content == "." else None}]
    head = {"id": f"chatcmpl-s{number}", "object": "chat.completion.chunk", "created": 1790000000}
    return json.dumps(head | {"model": "gpt-4o", "choices": choices})


def log(bad: list[int]) -> list[str]:
    """Completions, and chunks of interleaved streams; in these lines the word that fails."""
    lines = []
    for number in range(400):
        lines.append(completion(number, f"answer {number} " * 60))
        lines += [chunk(stream, f"{number} ") for stream in range(3)]
    lines += [chunk(stream, ".") for stream in range(3)]
    for line in bad:
        lines[line] = completion(9000 + line, "poison")
    return lines


def rows(store: Path) -> list[tuple[object, ...]]:
    question = "SELECT c.id, content, chunk_count FROM completions c JOIN choices USING (completion_key) ORDER BY ALL"
    return chatlogs.open(store).sql(question).rows()


@pytest.mark.filterwarnings(TOLD)
@pytest.mark.parametrize("bad", [[7], [0, 5, 6], [1602]], ids=["one", "several", "last"])
def test_other_lines_are_read(fails: list[bytes], tmp_path: Path, bad: list[int]) -> None:
    lines = log(bad)
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "without.jsonl").write_text("\n".join("" if i in bad else line for i, line in enumerate(lines)) + "\n")
    report = chatlogs.ingest(tmp_path / "log.jsonl", tmp_path / "store")
    chatlogs.ingest(tmp_path / "without.jsonl", tmp_path / "clean")
    assert report.balanced
    assert (report.lines, report.rejects) == (len(lines), len(bad))
    assert rows(tmp_path / "store") == rows(tmp_path / "clean")
    rejects = chatlogs.open(tmp_path / "store").sql("SELECT * FROM rejects ORDER BY line_number")
    assert rejects["line_number"].to_list() == [line + 1 for line in bad]
    assert rejects["raw"].to_list() == [lines[line] for line in bad]
    assert set(rejects["reason"]) == {"unexpected"}
    assert set(rejects["detail"]) == {"IndexError: list index out of range"}
    assert chatlogs.ingest(tmp_path / "log.jsonl", tmp_path / "store").ingest_id is None


@pytest.mark.filterwarnings(TOLD)
def test_a_block_is_read_line_by_line_where_only_the_fast_path_fails(fails: list[bytes], tmp_path: Path) -> None:
    fails[:] = [b"fast:poison"]
    lines = log([7, 800]) * 3
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    report = chatlogs.ingest(tmp_path / "log.jsonl", tmp_path / "store")
    assert (report.rejects, report.records) == (0, len(lines))
    (note,) = report.notes
    assert "IndexError: list index out of range" in note
    assert "nothing is missing" in note


def test_a_warning_says_so_in_python(fails: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join(log([3])))
    with pytest.warns(UnexpectedWarning, match="log.jsonl: chatlogs failed unexpectedly"):
        chatlogs.ingest(tmp_path / "log.jsonl", tmp_path / "store")


@pytest.mark.filterwarnings(TOLD)
def test_the_command_line_tells_it_once(fails: list[bytes], tmp_path: Path, run: Run) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join(log([3, 4])))
    ended = run("ingest", f"{tmp_path}/log.jsonl", "-o", f"{tmp_path}/store")
    assert ended.code == 0
    assert ended.err.count("IndexError") == 1
    assert "2 lines set aside as rejects" in ended.err
    assert run("ingest", f"{tmp_path}/log.jsonl", "-o", f"{tmp_path}/other", "--strict").code == 3


def test_debug_shows_where(fails: list[bytes], tmp_path: Path, run: Run) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join(log([3])))
    ended = run("ingest", f"{tmp_path}/log.jsonl", "-o", f"{tmp_path}/store", "--debug")
    assert ended.code == 1
    assert "in defective" in ended.err
    told = f"{tmp_path}/log.jsonl: chatlogs failed unexpectedly (IndexError: list index out of range)"
    assert ended.err.splitlines()[-1] == f"Error: {told}. Please report it."
    assert not (tmp_path / "store").exists()


@pytest.mark.filterwarnings(TOLD)
def test_where_all_lines_fail_it_is_not_the_lines(fails: list[bytes], tmp_path: Path) -> None:
    fails[:] = [b"chat.completion"]
    (tmp_path / "log.jsonl").write_text("\n".join(log([])))
    with pytest.raises(IndexError):
        chatlogs.ingest(tmp_path / "log.jsonl", tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("error", [MemoryError(), OSError("disk"), chatlogs.ChatlogsError("no")], ids=repr)
def test_what_is_no_defect_is_raised(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object, **__: object) -> Partials:
        raise error

    monkeypatch.setattr(defects, "normalize", broken)
    with pytest.raises(type(error)):
        defects.read(Block.of(b"{}\n{}\n"))


@pytest.mark.filterwarnings(TOLD)
def test_a_last_line_that_fails_is_read_again_when_it_has_grown(fails: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{completion(1, 'a')}\n{completion(2, 'poison')}")
    assert chatlogs.ingest(path, tmp_path / "store").rejects == 1
    assert chatlogs.open(tmp_path / "store").sql("SELECT reason FROM rejects").rows() == [("unexpected",)]
    fails.clear()
    path.write_text(f"{completion(1, 'a')}\n{completion(2, 'poison')}\n{completion(3, 'b')}\n")
    report = chatlogs.ingest(path, tmp_path / "store")
    assert (report.records, report.rejects) == (2, 0)
    assert [row[1] for row in rows(tmp_path / "store")] == ["a", "poison", "b"]
    assert chatlogs.open(tmp_path / "store").sql("SELECT count(*) FROM rejects").rows() == [(0,)]

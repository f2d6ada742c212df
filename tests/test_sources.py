"""Which files a path names, and which bytes are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from chatlogs.errors import SourceError
from chatlogs.sources import Reader, Source, find, open_source


def names(paths: list[Source]) -> list[str]:
    return [Path(source.name).name for source in paths]


def test_rotated_logs_of_a_folder_come_oldest_first(tmp_path: Path) -> None:
    for name in ("app.log", "app.log.1", "app.log.2.gz", "app.log.10"):
        (tmp_path / name).touch()
    assert names(find(tmp_path)) == ["app.log.10", "app.log.2.gz", "app.log.1", "app.log"]


def test_a_store_and_hidden_files_in_a_folder_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "export.parquet").touch()
    log = tmp_path / "store" / "sources" / "_delta_log"
    log.mkdir(parents=True)
    (log / "0.json").touch()
    (tmp_path / "store" / "completions").mkdir()
    (tmp_path / "store" / "completions" / "part.json").touch()
    assert names(find(tmp_path)) == ["a.jsonl"]


@pytest.mark.parametrize("given", ["no-such-file", "no-*.jsonl", "."])
def test_a_path_that_names_nothing_is_refused(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError):
        find(given)


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress])
def test_other_compressions_are_named_not_read_as_text(pack: object, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(pack(b'{"id":"x"}\n'))  # type: ignore[operator]
    with pytest.raises(SourceError, match="unpack it first"):
        open_source(find(path)[0])


@pytest.mark.parametrize("block_bytes", [16, 100, 1 << 20])
def test_blocks_end_at_line_ends_and_lose_no_byte(block_bytes: int, tmp_path: Path) -> None:
    """Plain or of several gzip members, whatever the size of a block."""
    data = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, b"x" * (n % 60)) for n in range(500)) + b"no line end"
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]))
    for path in (plain, packed):
        opened = open_source(find(path)[0])
        parts = [bytes(block.data[: block.size]) for block in Reader(opened, block_bytes=block_bytes).blocks()]
        opened.close()
        assert b"".join(parts) == data
        assert all(part.endswith(b"\n") for part in parts[:-1])


def test_a_cut_gzip_says_which_and_where(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b'{"id":"x"}\n' * 5000)[:-20])
    opened = open_source(find(path)[0])
    with pytest.raises(SourceError, match=r"cut\.gz is damaged"):
        list(Reader(opened).blocks())

"""Whatever holds a log, its bytes come out once, whole lines to a block, in the order of time."""

from __future__ import annotations

import bz2
import gc
import gzip
import json
import lzma
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingested import blocks, opened

from chatlogs.errors import SourceError
from chatlogs.moving.knownlogs import Known, KnownLogs
from chatlogs.moving.ledger import head_hash, is_begin_of, look_up
from chatlogs.reading.blocks import Reader
from chatlogs.reading.lines import PADDING
from chatlogs.reading.opening import open_source
from chatlogs.reading.sources import HEAD_BYTES, Source, find

DATA = b"".join(b'{"number":%d,"text":"%s"}\n' % (n, b"x" * (n % 90)) for n in range(20_000))
ROOT = Path(__file__).resolve().parents[1]


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


FORMS = {
    "plain": DATA,
    "gzip": gzip.compress(DATA),
    "gzip, several members": gzip.compress(DATA[:1000]) + gzip.compress(b"") + gzip.compress(DATA[1000:]),
    "gzip, padded with NULs": gzip.compress(DATA) + bytes(512),
    "zstd": zstd(DATA),
    "zstd, several frames": zstd(DATA[:1000]) + zstd(DATA[1000:]),
    "bzip2": bz2.compress(DATA),
    "bzip2, several members": bz2.compress(DATA[:1000]) + bz2.compress(b"") + bz2.compress(DATA[1000:]),
    "xz": lzma.compress(DATA),
    "xz, several members": lzma.compress(DATA[:1000]) + lzma.compress(DATA[1000:]) + bytes(8),
    "zstd behind a skippable frame": b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstd(DATA),
}


def source_of(path: Path, data: bytes) -> Source:
    path.write_bytes(data)
    return Source(str(path), str(path))


def read(source: Source, block_bytes: int = 1 << 16) -> bytes:
    return b"".join(bytes(b.data[: b.size]) for b in Reader(open_source(source), block_bytes=block_bytes).blocks())


# --- blocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_each_compression_gives_the_same_bytes_and_hash(tmp_path: Path, form: bytes) -> None:
    """Judged by the bytes, never by the name."""
    source = source_of(tmp_path / "log.txt", form)
    reading = open_source(source)
    parts = list(Reader(reading, block_bytes=100_000).blocks())
    assert b"".join(bytes(b.data[: b.size]) for b in parts) == DATA
    whole = opened(DATA)
    list(Reader(whole, block_bytes=1 << 20).blocks())
    assert reading.digests.content.hexdigest() == whole.digests.content.hexdigest()
    reading.close()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=40), max_size=12).map(b"\n".join), st.integers(1, 60))
def test_blocks_hold_whole_lines_and_cover_the_log(data: bytes, block_bytes: int) -> None:
    """Each ends at a line end but the last, begins where the one before ended, and has room behind it."""
    found = blocks(data, block_bytes=block_bytes)
    assert b"".join(bytes(block.data[: block.size]) for block in found) == data or data[:1] in (b"{", b"[")
    assert [block.last for block in found] == [False] * (len(found) - 1) + [True]
    position = 0
    for block in found:
        assert block.offset == position
        assert len(block.data) >= block.size + PADDING
        assert block.last or block.data[block.size - 1 : block.size] == b"\n"
        position += block.size
    assert position == len(data)


def test_a_buffer_given_back_is_used_again() -> None:
    buffers: list[bytearray] = []
    reader = Reader(opened(DATA), block_bytes=50_000, buffers=buffers)
    seen, parts = set(), []
    for block in reader.blocks():
        seen.add(id(block.data))
        parts.append(bytes(block.data[: block.size]))
        reader.release(block)
    assert b"".join(parts) == DATA
    assert len(parts) > 10 > len(seen)


def test_skipping_counts_lines() -> None:
    reader = Reader(opened(DATA))
    at = DATA.index(b"\n", 5_000) + 1
    assert reader.skip(at) and reader.lines_skipped == DATA[:at].count(b"\n")
    (block,) = reader.blocks()
    assert block.offset == at and bytes(block.data[: block.size]) == DATA[at:]
    assert not Reader(opened(DATA)).skip(len(DATA) + 1)


@pytest.mark.parametrize("form", ["gzip", "zstd", "bzip2", "xz"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "followed"])
def test_damaged_compression_is_one_sentence(tmp_path: Path, form: str, damage: str) -> None:
    packed = bytearray(FORMS[form])
    if damage == "cut":
        del packed[-1_000:]
    elif damage == "followed":  # a library may pass over that in silence
        packed += b"and more"
    else:
        packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(SourceError, match=r"log\.bin is damaged"):
        read(source_of(tmp_path / "log.bin", bytes(packed)))


@pytest.mark.parametrize("magic", [b"7z\xbc\xaf", b"\x1f\x9d", b"PK\x03\x04", b"\x04\x22\x4d\x18", b"PAR1"])
def test_a_log_that_is_refused_is_closed(tmp_path: Path, magic: bytes) -> None:
    source = source_of(tmp_path / "log", magic)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(SourceError, match=r"unpack it first|is Parquet"):
            open_source(source)
        gc.collect()
    assert [str(warning.message) for warning in warned] == []


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(Source("gone", str(tmp_path / "gone")))


# --- finding -----------------------------------------------------------------------------------------------------


def names(paths: str | list[str]) -> list[str]:
    return [os.path.basename(source.name) for source in find(paths)]


def test_rotated_logs_come_oldest_first(tmp_path: Path) -> None:
    for name in ("app.log", "app.log.1", "app.log.2.gz", "app.log.10.gz", "b.jsonl", ".hidden", "_skipped"):
        (tmp_path / name).write_bytes(b"{}")
    expected = ["app.log.10.gz", "app.log.2.gz", "app.log.1", "app.log", "b.jsonl"]
    assert names(str(tmp_path)) == expected
    assert names(str(tmp_path / "app*")) == expected[:4]


@pytest.mark.parametrize(
    "expected",
    [
        "big.jsonl.00 big.jsonl.01 big.jsonl.09 big.jsonl.10 big.jsonl.89 big.jsonl.9000 big.jsonl.990000",
        "app.log.2024 app.log.2025.gz app.log.2026 app.log",
        "app.log-20261030.gz app.log-20261031.gz app.log-20261101 app.log",
        "app.log.2026-10-31 app.log.2026-11-01 app.log.2026-11-01_14 app.log",
        "app.log.1793400000 app.log.1793486400 app.log",
        "app.log.2.gz app.log.1.gz app.log.0 app.log",
        "a.log.2 a.log.1 a.log b.log.00 b.log.01 b.log.02",
        "2026-10-31 2026-11-01",
        "app-2026-10-31.jsonl app-2026-11-01.jsonl",
    ],
)
def test_dates_and_the_numbers_of_a_split_log_count_up(tmp_path: Path, expected: str) -> None:
    for name in expected.split():
        (tmp_path / name).write_bytes(b"{}")
    assert names(str(tmp_path)) == names(str(tmp_path / "*")) == expected.split()


def test_what_lies_beside_logs_in_a_folder_is_read_when_it_is_named(tmp_path: Path) -> None:
    for name in ("app.jsonl", "notes.md", "read.py", "costs.csv", "shot.PNG"):
        (tmp_path / name).write_bytes(b"{}")
    assert names(str(tmp_path)) == ["app.jsonl"]
    assert names(str(tmp_path / "notes.md")) == ["notes.md"]
    assert names(str(tmp_path / "*.py")) == ["read.py"]


def test_yaml_in_a_folder_is_a_log_where_it_is_a_cassette(tmp_path: Path) -> None:
    (tmp_path / "calls.yaml").write_bytes(b"interactions:\n- request: {}\n")
    (tmp_path / "config.yml").write_bytes(b"model_list:\n- model_name: m\n")
    (tmp_path / "empty.yaml").write_bytes(b"")
    assert names(str(tmp_path)) == ["calls.yaml"]
    assert names(str(tmp_path / "config.yml")) == ["config.yml"]


def test_explicit_paths_keep_their_order_and_come_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    given = [str(tmp_path / name) for name in ("c", "a", "link", "c", "b")]
    assert names(given) == ["c", "a", "b"]


def test_a_link_to_nothing_in_a_folder_is_no_log(tmp_path: Path) -> None:
    """As rotation and cleaning leave them; one that is named is missed."""
    (tmp_path / "app.jsonl").write_bytes(LINE)
    for name, target in (("current.log", "gone.log"), ("one.log", "two.log"), ("two.log", "one.log")):
        (tmp_path / name).symlink_to(target)
    assert names(str(tmp_path)) == names(str(tmp_path / "*")) == ["app.jsonl"]
    with pytest.raises(SourceError, match=r"current\.log does not exist"):
        find(str(tmp_path / "current.log"))


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_names_that_are_no_utf_8_are_told_escaped(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.jsonl"), "wb") as log:
        log.write(LINE)
    for path in (str(tmp_path), str(tmp_path / "*"), log.name):
        (source,) = find(os.fsdecode(path))
        assert os.path.basename(source.name) == "caf\\xe9.jsonl"
        told = [chatlogs(f"ingest {tmp_path} -o {tmp_path / 'store'} --json") for _ in "12"]
        assert [(one["lines"], one["sources"][0]["known"]) for one in told][-1] == (0, True)
    assert chatlogs(f"sql 'select source from completions' {tmp_path / 'store'} --json") == [{"source": source.name}]


def test_a_path_that_is_empty_or_a_store_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "store" / "sources" / "_delta_log").mkdir(parents=True)
    with pytest.raises(SourceError, match="is a store: name logs"):
        find(str(tmp_path / "store"))
    (tmp_path / "made" / ".staging").mkdir(parents=True)
    (tmp_path / "made" / "completions.tmp").touch()
    with pytest.raises(SourceError, match="is a store that nothing was read into yet"):
        find(str(tmp_path / "made"))
    with pytest.raises(SourceError, match="a path is empty"):
        find("")


@pytest.mark.parametrize("path", ["missing.jsonl", "*.nothing", "empty"])
def test_what_names_no_log_is_one_sentence(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"does not exist|no file matches|holds no logs"):
        find(str(tmp_path / path))
    with pytest.raises(SourceError, match="no log was named"):
        find([])


LINE = b'{"id":"c1","object":"chat.completion","choices":[]}\n'


@pytest.mark.parametrize("data", [LINE, gzip.compress(LINE)], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "paths", ["- < {log}", "- < <(cat {log})", "<(cat {log})", "/dev/stdin < <(cat {log})", "{log} <(cat {other})"]
)
def test_what_can_be_read_only_once_is_a_log(tmp_path: Path, data: bytes, paths: str) -> None:
    """Standard input, and the pipes that a shell makes of commands, alone and beside files."""
    log, other = tmp_path / "log", tmp_path / "other"
    log.write_bytes(data)
    other.write_bytes(LINE.replace(b"c1", b"c2"))
    count = 2 if "other" in paths else 1
    told = chatlogs(f"ingest {paths.format(log=log, other=other)} -o {tmp_path / 'store'} --json")
    assert (told["records"], told["responses"], told["lines"]) == (count, count, count)
    told = chatlogs(f"usage {paths.format(log=log, other=other)} --json")
    assert [row["responses"] for row in told] == [count]


def chatlogs(words: str) -> Any:
    """What the command answers, as bash runs it."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m chatlogs {words}"],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return json.loads(done.stdout)


def test_a_pipe_in_a_folder_is_no_log(tmp_path: Path) -> None:
    """It would be waited for without end; one that is named is read."""
    (tmp_path / "app.jsonl").write_bytes(LINE)
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert names(str(tmp_path)) == ["app.jsonl"]
    assert names(str(tmp_path / "*")) == ["app.jsonl"]
    assert names(str(tmp_path / "pipe.jsonl")) == ["pipe.jsonl"]


# --- the ledger --------------------------------------------------------------------------------------------------


def known(source: Source, key: int = 1) -> Known:
    """The ledger's entry of a source that was read to its end."""
    reading = open_source(source)
    reader = Reader(reading)
    reader.skip(1 << 40)
    reading.close()
    size, digest = reader.position, reading.digests.content.hexdigest()
    return Known(source.name, key, size, size, digest, head_hash(source))


@pytest.mark.parametrize("size", [1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 5_000])
def test_a_log_is_known_by_the_bytes_it_begins_with(tmp_path: Path, size: int) -> None:
    short, whole = source_of(tmp_path / "short", DATA[:size]), source_of(tmp_path / "whole.gz", gzip.compress(DATA))
    other = source_of(tmp_path / "other", DATA[: size - 1] + b"~" + DATA[size:])
    entry = known(short)
    assert look_up(short, head_hash(short), KnownLogs([entry])) == (entry, True)
    assert look_up(whole, head_hash(whole), KnownLogs([entry])) == (entry, False)
    assert look_up(other, head_hash(other), KnownLogs([entry])) == (None, False)
    full = known(whole, key=2)
    assert look_up(whole, head_hash(whole), KnownLogs([entry, full])) == (full, True)
    assert is_begin_of(short, head_hash(short), KnownLogs([full]), {}) == full
    assert is_begin_of(other, head_hash(other), KnownLogs([full]), {}) is None
    Path(whole.name).write_bytes(gzip.compress(DATA[: size + 1] + b"changed"))
    assert is_begin_of(short, head_hash(short), KnownLogs([full]), {}) is None


def test_two_logs_that_begin_alike_have_keys_of_their_own() -> None:
    logs = KnownLogs()
    first = logs.new_key("head")
    logs.keys.add(first)
    second = logs.new_key("head")
    assert first != second and -(2**63) <= min(first, second) <= max(first, second) < 2**63
    assert KnownLogs().new_key("head") == first


def test_a_line_without_end_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decompression bomb costs no more memory than the longest line that is read."""
    monkeypatch.setattr("chatlogs.reading.blocks.LONGEST_BYTES", 1 << 20)
    bomb = source_of(tmp_path / "bomb.gz", gzip.compress(b"[" * (8 << 20)))
    with pytest.raises(SourceError, match="holds a line of more than"):
        read(bomb)
    whole = source_of(tmp_path / "long.gz", gzip.compress(b"[" * (1 << 19) + b"\n" + b"]" * (1 << 19)))
    assert len(read(whole)) == (1 << 20) + 1

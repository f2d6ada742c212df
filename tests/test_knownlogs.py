"""A log is told among many that begin as it does, and what it costs does not grow with how many they are."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatlogs.moving import begins
from chatlogs.moving.begins import Begin, common
from chatlogs.moving.knownlogs import Known, KnownLogs, hash_of
from chatlogs.moving.ledger import head_hash, is_begin_of, look_up
from chatlogs.reading.sources import HEAD_BYTES, Source


def source_of(path: Path, data: bytes) -> Source:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return Source(str(path), str(path))


def known(name: str, key: int, data: bytes) -> Known:
    return Known(name, key, len(data), len(data), hash_of(data), hash_of(data[:HEAD_BYTES]))


def longer(data: bytes, logs: Sequence[Known], texts: Sequence[bytes], there: Sequence[bool]) -> Known | None:
    """What is_begin_of is to find, by asking every log."""
    found = zip(logs, texts, there, strict=True)
    return next((log for log, text, is_there in found if is_there and text != data and text.startswith(data)), None)


def longest(data: bytes, logs: Sequence[Known], texts: Sequence[bytes]) -> Known | None:
    """What look_up is to find: of equal logs the last."""
    found = [(len(text), n) for n, text in enumerate(texts) if text and data.startswith(text)]
    return logs[max(found)[1]] if found else None


# Logs that have much in common, differ anywhere, and end at and about the borders of heads and steps.
TEXTS = st.builds(
    lambda parts, size: b"".join(parts)[:size],
    st.lists(st.sampled_from([b"a" * 100, b"a" * 255, b"a" * 300, b"b", b"c" * 64, b"{}\n"]), min_size=1, max_size=6),
    st.sampled_from([1, 3, 100, 255, 256, 257, 300, 400, 512, 513, 700, 5000]),
)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(TEXTS, st.sampled_from([".log", ".gz"]), st.booleans()), min_size=1, max_size=12),
    st.lists(st.tuples(TEXTS, st.sampled_from([".log", ".gz"])), min_size=1, max_size=6),
    st.sampled_from([256, 300, 64 << 10]),
)
def test_the_same_logs_are_found_as_by_asking_each(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: list[tuple[bytes, str, bool]],
    asked: list[tuple[bytes, str]],
    step: int,
) -> None:
    """Whatever they have in common, compressed or not, and where some are gone."""
    monkeypatch.setattr(begins, "_STEP", step)
    asked = [*asked, *((text[: len(text) * 3 // 4] or text, form) for text, form, _ in kept[:3])]
    kept = [*kept, *kept[-2:]]
    texts, there = [text for text, _, _ in kept], [is_there for *_, is_there in kept]
    logs = []
    for number, (text, form, is_there) in enumerate(kept):
        path = tmp_path / f"known-{number}{form}"
        path.unlink(missing_ok=True)
        if is_there:
            source_of(path, text)
        logs.append(known(str(path), number, text))
    found = KnownLogs(logs)
    for number, (text, form) in enumerate(asked):
        source = source_of(tmp_path / f"asked-{number}{form}", text)
        expected = longest(text, logs, texts)
        is_all = expected is not None and expected.size == len(text)
        assert look_up(source, head_hash(source), found) == (expected, is_all)
        assert is_begin_of(source, head_hash(source), found, {}) == longer(text, logs, texts, there)


@pytest.mark.parametrize("steps", [(b"", b""), (b"ab", b"ab"), (b"ab", b"ac"), (b"abcd", b"ab"), (b"abcd", b"abce")])
def test_where_two_logs_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: tuple[bytes, bytes]) -> None:
    monkeypatch.setattr(begins, "_STEP", 2)
    one, other = steps
    size = next((n for n, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), min(map(len, steps)))
    ends = [text[size] if size < len(text) else -1 for text in steps]
    sources = [source_of(tmp_path / str(n), text) for n, text in enumerate(steps)]
    assert common(Begin(sources[0]), Begin(sources[1])) == (size, *ends)


def exchange(number: int) -> bytes:
    """As a program logs one request a file, all with one prompt."""
    return b"x" * 9000 + b"%05d" % number + b"y" * (number * 37 % 101)


def turns(number: int) -> bytes:
    """As a program logs a conversation, whole each time."""
    return b"x" * 300 + b"turn," * number + b"]"


def small(number: int) -> bytes:
    """As short answers are, one a file."""
    return b'{"id":"c%d"}' % number + b" " * (number * 37 % 101)


@pytest.mark.parametrize("text", [exchange, turns, small])
def test_logs_that_begin_alike_are_not_all_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: Callable[[int], bytes]
) -> None:
    """A folder of a file a request costs a few looks a file, not one at each other; so does an older copy of each."""
    texts = [text(number) for number in range(120)]
    sources = [source_of(tmp_path / f"{number}.log", data) for number, data in enumerate(texts)]
    opened: list[str] = []
    open_ = Source.open
    monkeypatch.setattr(Source, "open", lambda source: opened.append(source.name) or open_(source))
    logs = KnownLogs()
    for number, (source, data) in enumerate(zip(sources, texts, strict=True)):
        head = hash_of(data[:HEAD_BYTES])
        assert look_up(source, head, logs) == (None, False)
        assert is_begin_of(source, head, logs, {}) is None
        logs.add(known(source.name, number, data))
    assert len(sources) < len(opened) <= 8 * len(sources)
    opened.clear()
    for number, data in enumerate(texts):
        older = source_of(tmp_path / "older" / f"{number}.log", data[:-1])
        found = is_begin_of(older, hash_of(data[: len(data) - 1][:HEAD_BYTES]), logs, {})
        assert found is not None and texts[found.source_key].startswith(data[:-1])
    assert len(opened) <= 8 * len(sources)

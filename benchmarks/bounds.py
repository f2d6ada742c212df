"""What logs at the edge of what is read take, each beside one twice as large: one command, one Markdown table.

    python benchmarks/bounds.py              some minutes, 1 GB of disk
    python benchmarks/bounds.py --runs 1

Seconds are CPU time of all threads of a whole `chatlogs ingest`, its start included, which the first row shows; memory
is its peak, as the kernel tells. What is read in linear time takes at most twice the seconds when it is twice as large.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import Measurement, busy, machine, measure, median

HERE = Path(__file__).resolve().parent
MB = 1_000_000
FRAGMENTS = 4  # of each open stream's text


def chunk(stream: int, delta: bytes, finish: bytes = b"null") -> bytes:
    """A line of a stream."""
    return (
        b'{"id":"chatcmpl-%d","object":"chat.completion.chunk","created":1790000000,"model":"gpt-4o-2024-08-06",'
        b'"system_fingerprint":"fp_5a0c1d77e2","choices":[{"index":0,"delta":{%b},"finish_reason":%b}]}\n'
    ) % (stream, delta, finish)


def completion(megabytes: int) -> Iterator[bytes]:
    """One stored completion with a text of so many MB."""
    yield b'{"id":"chatcmpl-0","object":"chat.completion","created":1790000000,"model":"gpt-4o-2024-08-06",'
    yield b'"choices":[{"index":0,"message":{"role":"assistant","content":"'
    yield from (b"lorem ipsum dolor - " * (MB // 20) for _ in range(megabytes))
    yield b'"},"finish_reason":"stop"}]}\n'


def one_stream(chunks: int) -> Iterator[bytes]:
    """A stream of so many chunks."""
    yield chunk(0, b'"role":"assistant","content":""')
    yield from (chunk(0, b'"content":" %d"' % number) for number in range(chunks - 2))
    yield chunk(0, b"", b'"stop"')


def open_streams(streams: int) -> Iterator[bytes]:
    """So many streams that are all open before the first one ends."""
    yield from (chunk(stream, b'"role":"assistant","content":""') for stream in range(streams))
    for number in range(FRAGMENTS):
        yield from (chunk(stream, b'"content":" %d-%d"' % (number, stream)) for stream in range(streams))
    yield from (chunk(stream, b"", b'"stop"') for stream in range(streams))


def brackets(megabytes: int) -> Iterator[bytes]:
    """One line of so many MB that only opens lists."""
    yield from (b"[" * MB for _ in range(megabytes))


def deep_lines(depth: int) -> Iterator[bytes]:
    """A hundred lines that each open so many lists, and close none."""
    yield from (b"[" * depth + b"\n" for _ in range(100))


@dataclass(frozen=True)
class Bound:
    """A kind of log. `parts` gives one of a size, piece by piece; `exit_code` is how its ingest ends."""

    told: str
    size: int
    parts: Callable[[int], Iterator[bytes]]
    exit_code: int = 0
    packed: bool = False


BOUNDS = (
    Bound("an empty line", 0, lambda _: iter((b"\n",))),
    Bound("one line of {:,} MB", 25, completion),
    Bound("one stream of {:,} chunks", MB, one_stream),
    Bound("{:,} streams open at once, 6 chunks each", 50_000, open_streams),
    Bound("{:,} streams open at once, 6 chunks each", 200_000, open_streams),
    Bound("100 lines that open {:,} lists each (rejects)", 100_000, deep_lines),
    Bound("one line of {:,} MB in gzip (the log is refused)", 1000, brackets, exit_code=1, packed=True),
)


def ingested(folder: Path, bound: Bound, size: int, runs: int) -> tuple[float, Measurement]:
    """MB of the log as it lies on the disk, and what its ingest took; the log and the stores are removed."""
    log = folder / f"log.jsonl{'.gz' * bound.packed}"
    with gzip.open(log, "wb", 6) if bound.packed else log.open("wb") as file:
        for part in bound.parts(size):  # all at once it would count as the memory of those that start here
            file.write(part)
    seen = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=folder) as store:
            command = [sys.executable, "-m", "chatlogs", "ingest", str(log), "-o", f"{store}/store", "-q"]
            seen.append(measure(command, cwd=HERE.parent, exit_code=bound.exit_code))
    megabytes = log.stat().st_size / MB
    log.unlink()
    return megabytes, median(seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="medians of so many")
    options = parser.parse_args()
    print(f"{busy()}{machine()}. Medians of {options.runs}.\n")
    print("| log | MB | CPU s | peak MB | twice as large: MB | CPU s | peak MB |\n|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="chatlogs-bounds-") as folder:
        for bound in BOUNDS:
            cells = []
            for size in (bound.size, 2 * bound.size) if bound.size else (0,):
                megabytes, took = ingested(Path(folder), bound, size, options.runs)
                cells += [f"{megabytes:,.1f}", f"{took.cpu:.1f}", f"{took.memory / MB:,.0f}"]
            print(
                "| " + " | ".join([bound.told.format(bound.size), *cells, *[""] * (6 - len(cells))]) + " |", flush=True
            )


if __name__ == "__main__":
    main()

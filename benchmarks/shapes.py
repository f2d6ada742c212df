"""What odd lines, wrappers and times cost beside the same log without them: one command, four Markdown tables.

    python benchmarks/shapes.py                some minutes, 3 GB of disk
    python benchmarks/shapes.py --scale 0.1    a tenth of it
    python benchmarks/shapes.py --runs 1

Each log is a whole `chatlogs ingest`, its start included; the logs of a table take turns, forth and back, and medians
are shown. Bytes stand beside seconds, for what a wrapper says of the request is read and kept as well.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from containers import CONTAINERS
from dialects import DIALECTS
from generate import ODD_KINDS, TIMES, write
from measure import Measurement, busy, machine, measure, median

HERE = Path(__file__).resolve().parent
CHUNKS, COMPLETIONS, STREAMS = 600_000, 60_000, 6_000
SHARE = 0.01  # of lines made odd
ODD_TITLES = {
    "unknown": "an unknown field",
    "null": "an unknown field in a choice",
    "event": "an SSE event",
    "batch": "wrapped as a batch result",
    "comma": "a comma too many",
    "cut": "cut off",
    "bytes": "a byte that is no UTF-8",
    "output": "another program's line",
}
TIME_TITLES = {
    "before": "a time before each line",
    "beside": "a time beside each line",
    "docker": "each line a text, as Docker keeps it",
}


@dataclass(frozen=True)
class Shape:
    """A log: how it is called, how it is made, and the options of its ingest."""

    title: str
    made: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


PLAIN = Shape("chunks, interleaved")
ODD = (
    PLAIN,
    *(Shape(f"1 % {ODD_TITLES[kind]}", {"odd": SHARE, "odd_kinds": [kind]}) for kind in ODD_KINDS),
    Shape("1 % of all these kinds", {"odd": SHARE}),
    *(Shape(TIME_TITLES[where], {"times": where}) for where in TIMES),
    Shape("log probabilities in each line", {"logprobs": True}),
    Shape("`--chunks`: a row for each", options=("--chunks",)),
)
ROUTED = (PLAIN, *(Shape(f"in the dialect `{name}`", {"dialect": name}) for name in DIALECTS))
_OF_STREAMS = ("captured", "lines")
WRAPPED = (
    Shape("bare completions"),
    *(Shape(f"each in `{name}`", {"container": name}) for name in CONTAINERS if name not in _OF_STREAMS),
)
LISTED = (
    Shape("streams, each in `exchange`", {"container": "exchange"}),
    *(Shape(f"each in `{name}`", {"container": name}) for name in ("texts", *_OF_STREAMS)),
)


def table(folder: Path, shapes: Sequence[Shape], kind: str, lines: int, runs: int) -> None:
    """Print what the ingest of each log takes, beside that of the first."""
    logs = [folder / f"{kind}-{number}.jsonl" for number in range(len(shapes))]
    for shape, log in zip(shapes, logs, strict=True):
        write(kind, log, lines=lines, **shape.made)
    seen: list[list[Measurement]] = [[] for _ in shapes]
    _ingested(folder, shapes[0], logs[0])  # what was written before has its time to settle
    for turn in range(runs):
        order = list(zip(shapes, logs, seen, strict=True))
        for shape, log, taken in order[:: -1 if turn % 2 else 1]:
            taken.append(_ingested(folder, shape, log))
    print(f"| {lines:,} lines | MB | wall s | CPU s | beside the first: MB | wall | CPU |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    first, size = median(seen[0]), logs[0].stat().st_size
    for shape, log, taken in zip(shapes, logs, seen, strict=True):
        took, bytes_ = median(taken), log.stat().st_size
        print(
            f"| {shape.title} | {bytes_ / 1e6:,.0f} | {took.wall:.2f} | {took.cpu:.2f} | {bytes_ / size:.1f} |"
            f" {took.wall / first.wall:.2f} | {took.cpu / first.cpu:.2f} |"
        )
        log.unlink()
    print()


def _ingested(folder: Path, shape: Shape, log: Path) -> Measurement:
    with tempfile.TemporaryDirectory(dir=folder) as store:
        command = [sys.executable, "-m", "chatlogs", "ingest", str(log), "-o", f"{store}/store", "-q"]
        return measure([*command, *shape.options], cwd=HERE.parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="medians of so many")
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 = 600,000 chunks, 60,000 completions")
    options = parser.parse_args()
    print(f"{busy()}{machine()}. Medians of {options.runs} runs, taking turns.\n")
    with tempfile.TemporaryDirectory(prefix="chatlogs-shapes-") as folder:
        table(Path(folder), ODD, "chunks", round(CHUNKS * options.scale), options.runs)
        table(Path(folder), ROUTED, "chunks", round(CHUNKS * options.scale), options.runs)
        table(Path(folder), WRAPPED, "completions", round(COMPLETIONS * options.scale), options.runs)
        table(Path(folder), LISTED, "chunks", round(STREAMS * options.scale), options.runs)


if __name__ == "__main__":
    main()

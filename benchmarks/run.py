"""chatlogs against its peers: one command, one Markdown table.

    python benchmarks/run.py                      2 million chunk lines and 400,000 completions, some minutes
    python benchmarks/run.py --scale 0.1          a tenth of it
    python benchmarks/run.py --peer-python /path/to/other/venv/bin/python    where openai and litellm are

Each contender is a process of its own, from start to exit; they take turns (A B C A B C), and the table shows
medians. All read the same warm file. The openai and litellm packages are too slow for the whole log: they run on
its first lines and on an empty log, and the rest is computed (start-up counted once). Their memory is the sample's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from measure import Failed, Measurement, busy, machine, measure, median, scaled, size_on_disk, versions

HERE = Path(__file__).resolve().parent
LINES = {"chunks": 2_000_000, "completions": 400_000}
TITLES = {"chunks": "interleaved chunk lines", "completions": "stored completions"}


@dataclass(frozen=True)
class Contender:
    """`needs` are the packages it must be able to import; `sample` is how many lines it reads at most."""

    name: str
    title: str
    needs: tuple[str, ...]
    holds: str
    kinds: tuple[str, ...] = ("chunks", "completions")
    sample: int | None = None

    def command(self, python: str, kind: str, log: Path, out: Path) -> list[str]:
        if self.name == "chatlogs":
            return [python, "-m", "chatlogs", "ingest", str(log), "-o", str(out), "-q"]
        return [python, str(HERE / "peers" / f"{self.name}.py"), kind, str(log), str(out)]


CHATLOGS = Contender("chatlogs", "**chatlogs ingest**", ("duckdb", "polars", "deltalake"), "store")
PEERS = (
    Contender("duckdb_copy", "DuckDB `copy` to Parquet, nothing folded", ("duckdb",), "copied"),
    Contender("orjson_loop", "orjson loop that folds, pyarrow", ("orjson", "pyarrow"), "rows"),
    Contender("openai_state", "openai `ChatCompletionStreamState`", ("openai",), "objects", sample=20_000),
    Contender(
        "litellm_builder", "litellm `stream_chunk_builder`", ("litellm", "orjson"), "objects", ("chunks",), 20_000
    ),
)


@dataclass
class Result:
    """What became of one contender on one log."""

    runs: list[Measurement] = field(default_factory=list)
    empty: list[Measurement] = field(default_factory=list)
    output: int = 0
    counts: list[int] = field(default_factory=list)
    trouble: str = ""


@dataclass(frozen=True)
class Bench:
    """Where things are and how often they run."""

    folder: Path
    pythons: dict[str, str]  # by contender
    runs: int
    scale: float

    def log(self, kind: str, scale: float) -> Path:
        """A made log, made now if it is not there yet."""
        path = self.folder / f"{kind}-{scale:g}.jsonl"
        if not path.exists():
            note(f"making {path.name}")
            making = path.with_suffix(".making")
            lines = str(round(LINES[kind] * scale))
            command = [sys.executable, str(HERE / "generate.py"), kind, "--lines", lines, "-o", str(making)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            making.rename(path)
        return path

    def out(self, name: str) -> Path:
        path = self.folder / "out" / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        return path

    def once(self, contender: Contender, kind: str, log: Path, out: Path) -> Measurement:
        """One run from nothing; leaves the output in `out`."""
        return measure(contender.command(self.pythons[contender.name], kind, log, out), cwd=HERE.parent)


def compare(bench: Bench, contenders: Sequence[Contender], kind: str) -> dict[str, Result]:
    """All contenders on one kind of log, taking turns."""
    whole = bench.log(kind, bench.scale)
    results = {contender.name: Result() for contender in contenders if kind in contender.kinds}
    for turn in range(bench.runs):
        for contender in contenders:
            result = results.get(contender.name)
            if result is None or result.trouble:
                continue
            if not bench.pythons[contender.name]:
                result.trouble = f"missing here ({', '.join(contender.needs)})"
                continue
            note(f"{kind}: {contender.name}, run {turn + 1} of {bench.runs}")
            try:
                run(bench, contender, kind, whole, result)
            except Failed as failure:
                result.trouble = f"failed: {failure}"
    return results


def run(bench: Bench, contender: Contender, kind: str, whole: Path, result: Result) -> None:
    """Adds one turn to `result`; a contender with a sample also reads an empty log."""
    out = bench.out(contender.name)
    if contender.sample is None:
        result.runs.append(bench.once(contender, kind, whole, out))
    else:
        empty = first_lines(whole, 0, bench.folder / "empty.jsonl")
        result.empty.append(bench.once(contender, kind, empty, bench.out(contender.name)))
        sample = first_lines(whole, contender.sample, bench.folder / f"{kind}-sample.jsonl")
        result.runs.append(bench.once(contender, kind, sample, out))
    result.output = size_on_disk(out)
    if not result.counts:
        result.counts = counted(f"copied {kind}" if contender.holds == "copied" else contender.holds, out)


def first_lines(log: Path, lines: int, path: Path) -> Path:
    with log.open("rb") as whole, path.open("wb") as part:
        part.writelines(islice(whole, lines))
    return path


def counted(kind: str, output: Path) -> list[int]:
    """See counts.py; empty when the output cannot be read."""
    command = [sys.executable, str(HERE / "counts.py"), kind, str(output)]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    return list(json.loads(told.stdout)) if told.returncode == 0 else []


def table(results: dict[str, Result], contenders: Sequence[Contender], kind: str, bench: Bench) -> list[str]:
    """The Markdown table of one kind of log, with ratios to chatlogs and a line for each contradiction."""
    size, lines = bench.log(kind, bench.scale).stat().st_size, round(LINES[kind] * bench.scale)
    rows = [
        f"{lines:,} {TITLES[kind]}, {size / 1e6:,.0f} MB",
        "",
        "| | wall s | CPU s | peak MiB | output MB | of the log | responses | chatlogs / this |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    own = results.get("chatlogs")
    own_wall = median(own.runs).wall if own and own.runs else None
    for contender in contenders:
        if contender.name not in results:
            continue
        result = results[contender.name]
        if result.trouble:
            rows.append(f"| {contender.title} | {result.trouble} | | | | | | |")
            continue
        factor = lines / min(lines, contender.sample or lines)
        middle = median(result.runs)
        if contender.sample is not None:
            middle = scaled(middle, median(result.empty), factor)
        about = "~" if factor > 1 else ""
        responses = f"{result.counts[0]:,}" if result.counts else "?"
        rows.append(
            f"| {contender.title} | {about}{middle.wall:.2f} | {about}{middle.cpu:.2f} | {middle.memory / 2**20:,.0f} "
            f"| {about}{result.output * factor / 1e6:.1f} | {about}{result.output * factor / size:.1%} "
            f"| {responses}{' in the sample' if about else ''} | {ratio(own_wall, middle.wall, contender)} |"
        )
    return [*rows, "", *contradictions(results, contenders)]


def ratio(own: float | None, other: float, contender: Contender) -> str:
    if own is None or contender is CHATLOGS:
        return ""
    return f"{own / other:.2f}" if own > other / 10 else f"{own / other:.3f} ({other / own:.0f}x faster)"


def contradictions(results: dict[str, Result], contenders: Sequence[Contender]) -> list[str]:
    """Contenders that read the whole log and still found other numbers than the first of them."""
    whole = [c for c in contenders if c.sample is None and c.name in results and results[c.name].counts]
    names = "responses, completion tokens, characters"
    return [
        f"**Attention:** {whole[0].name} found {results[whole[0].name].counts} {names}, "
        f"{other.name} {results[other.name].counts}.\n"
        for other in whole[1:]
        if results[other.name].counts != results[whole[0].name].counts
    ]


def again(bench: Bench, kinds: Sequence[str]) -> list[str]:
    """The same log into the same store a second time."""
    rows = ["| the same log again, into the same store | wall s | CPU s | peak MiB |", "|---|---:|---:|---:|"]
    for kind in kinds:
        log, out = bench.log(kind, bench.scale), bench.out("again")
        try:
            bench.once(CHATLOGS, kind, log, out)
            second = median([bench.once(CHATLOGS, kind, log, out) for _ in range(bench.runs)])
        except Failed as failure:
            rows.append(f"| {TITLES[kind]} | failed: {failure} | | |")
            continue
        rows.append(f"| {TITLES[kind]} | {second.wall:.2f} | {second.cpu:.2f} | {second.memory / 2**20:,.0f} |")
    return [*rows, ""]


def memory(bench: Bench, kinds: Sequence[str]) -> list[str]:
    """Peak memory of one ingest, on the log and on one four times as long."""
    rows = ["| memory | log MB | wall s | peak MiB | against 1x |", "|---|---:|---:|---:|---:|"]
    for kind in kinds:
        first: float | None = None
        for times in (1, 4):
            log = bench.log(kind, bench.scale * times)
            note(f"memory: {kind}, {times}x")
            try:
                used = bench.once(CHATLOGS, kind, log, bench.out("memory"))
            except Failed as failure:
                rows.append(f"| {TITLES[kind]}, {times}x | failed: {failure} | | | |")
                break
            first = first or used.memory
            rows.append(
                f"| {TITLES[kind]}, {times}x | {log.stat().st_size / 1e6:,.0f} | {used.wall:.2f} "
                f"| {used.memory / 2**20:,.0f} | {used.memory / first - 1:+.0%} |"
            )
    return [*rows, ""]


def find_pythons(contenders: Sequence[Contender], other: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Which interpreter runs which contender ("" where none can), and the versions of what they use."""
    names = sorted({name for contender in contenders for name in contender.needs})
    known = {python: versions(python, names) for python in ([sys.executable, other] if other else [sys.executable])}
    pythons: dict[str, str] = {}
    used: dict[str, str] = {}
    for contender in contenders:
        able = [python for python, found in known.items() if set(contender.needs) <= set(found)]
        pythons[contender.name] = able[0] if able else ""
        used |= {name: known[able[0]][name] for name in contender.needs if able and name not in used}
    return pythons, used


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 = 2,000,000 chunk lines, 400,000 completions")
    parser.add_argument("--runs", type=int, default=3, help="turns; the table shows medians")
    parser.add_argument(
        "--peers", nargs="*", choices=[c.name for c in (CHATLOGS, *PEERS)], help="only these contenders"
    )
    parser.add_argument("--kinds", nargs="*", choices=list(LINES), default=list(LINES), help="only these logs")
    parser.add_argument("--peer-python", metavar="PATH", help="interpreter for peers that this one does not have")
    parser.add_argument("--data", type=Path, help="folder for logs and outputs, kept and used again")
    parser.add_argument("--no-memory", action="store_true", help="leave out the rows with a log four times as long")
    options = parser.parse_args()
    warning = busy()
    contenders = [c for c in (CHATLOGS, *PEERS) if options.peers is None or c.name in options.peers]
    pythons, used = find_pythons(contenders, options.peer_python)
    folder = options.data or Path(tempfile.mkdtemp(prefix="chatlogs-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, pythons, options.runs, options.scale)
    try:
        print(f"{machine()}; {', '.join(f'{name} {version}' for name, version in sorted(used.items()))}.")
        print(f"{warning}Medians of {options.runs} runs, taking turns.\n", flush=True)
        for kind in options.kinds:
            print(*table(compare(bench, contenders, kind), contenders, kind, bench), sep="\n", flush=True)
        if pythons.get("chatlogs"):
            print(*again(bench, options.kinds), sep="\n", flush=True)
        if pythons.get("chatlogs") and not options.no_memory:
            print(*memory(bench, options.kinds), sep="\n", flush=True)
    finally:
        if options.data is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    main()

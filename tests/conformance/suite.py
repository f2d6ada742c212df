"""Read the suite's cases and compare tables with them.

Standard library only, and nothing of the program under test: copy this file with the folders and it works elsewhere.
The format it reads is described in README.md beside it.
"""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import lzma
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TABLES = ("completions", "choices", "tool_calls", "messages", "logprobs", "chunks", "rejects", "sources")
COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One folder of the suite; `about` is its case.toml, `expected` its expected.json."""

    path: Path
    about: Mapping[str, Any]
    expected: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def edges(self) -> list[str]:
        return list(self.about["edge"])

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.about.get("options", {}))

    @property
    def runs(self) -> list[list[tuple[str, str]]]:
        """The runs in order, each a list of (file of the case, name it is read under)."""
        declared = self.about.get("run")
        if declared is None:
            made = {part["file"] for recipe in self.recipes.values() for part in recipe["parts"] if "file" in part}
            stored = {path.name for path in self.path.glob("input*")} - made
            return [[(file, file) for file in sorted(stored | set(self.recipes))]]
        return [list(zip(run["files"], run.get("names", run["files"]), strict=True)) for run in declared]

    @property
    def recipes(self) -> dict[str, Mapping[str, Any]]:
        return {recipe["file"]: recipe for recipe in self.about.get("make", [])}

    def read(self, file: str) -> bytes:
        """The bytes of an input: as stored, or made by its recipe."""
        recipe = self.recipes.get(file)
        if recipe is None:
            return (self.path / file).read_bytes()
        data = b"".join(self._part(part) for part in recipe["parts"])
        return COMPRESS[recipe["compress"]](data) if "compress" in recipe else data

    def _part(self, part: Mapping[str, Any]) -> bytes:
        data = (self.path / part["file"]).read_bytes() if "file" in part else part["text"].encode()
        if "compress" in part:
            data = COMPRESS[part["compress"]](data)
        times = part.get("repeat", 1)
        if b"<n>" not in data:
            return bytes(data * times)
        return b"".join(data.replace(b"<n>", str(number).encode()) for number in range(times))

    def write_inputs(self, run: Sequence[tuple[str, str]], folder: Path) -> list[Path]:
        """The inputs of one run as files in `folder`, in order; a name seen in an earlier run is overwritten."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for _, name in run]
        for (file, _), path in zip(run, paths, strict=True):
            path.write_bytes(self.read(file))
        return paths

    def chunks(self) -> list[dict[str, Any]]:
        """The chunk objects of a case of kind "stream", in order, for programs that merge one stream."""
        text = self.read(self.runs[0][0][0]).decode("utf-8")
        lines = [line.removeprefix("data:").strip() for line in text.split("\n")]
        return [json.loads(line) for line in lines if line.startswith("{")]


def load_cases(folder: Path = HERE) -> list[Case]:
    """Every case of the suite, in order of name."""
    return [
        Case(
            path.parent,
            tomllib.loads(path.read_text("utf-8")),
            json.loads((path.parent / "expected.json").read_text("utf-8")),
        )
        for path in sorted(folder.glob("*/case.toml"))
    ]


def differences(expected: Mapping[str, Any], tables: Mapping[str, Sequence[Row]]) -> list[str]:
    """What is not as expected, a sentence each; empty when all is well.

    `tables` holds every table's rows, sorted as README.md says. A table that `expected` does not name may hold
    anything; of a row only the columns named are compared.
    """
    found: list[str] = []
    for table in (name for name in TABLES if name in expected):
        wanted, rows = expected[table], tables[table]
        if len(wanted) != len(rows):
            found.append(f"{table}: {len(wanted)} rows expected, {len(rows)} found")
        for number, (want, row) in enumerate(zip(wanted, rows, strict=False)):
            found += [f"{table}[{number}].{text}" for text in row_differences(want, row)]
    for table, count in expected.get("counts", {}).items():
        if len(tables[table]) != count:
            found.append(f"{table}: {count} rows expected, {len(tables[table])} found")
    for table, want in expected.get("every", {}).items():
        found += [f"{table}[{n}].{text}" for n, row in enumerate(tables[table]) for text in row_differences(want, row)][
            :10
        ]
    for text in expected.get("nowhere", []):
        found += [f"{table} holds {text!r}" for table in TABLES for row in tables[table] if _holds(row, text)]
    return found


def row_differences(want: Row, row: Row) -> list[str]:
    """Where one row differs from the columns and matchers named in `want`."""
    found = []
    for key, value in want.items():
        column, matcher = (key, "") if key in row else (key.rpartition("_")[0], key.rpartition("_")[2])
        if column not in row or (matcher and matcher not in MATCHERS):
            found.append(f"{key}: no such column")
        elif not (MATCHERS[matcher](row[column], value) if matcher else equal(row[column], value)):
            found.append(f"{key}: {value!r} expected, {row[column]!r} found")
    return found


def equal(have: Any, want: Any) -> bool:
    """Whether a cell holds the value; times, floats and JSON texts are compared by what they mean."""
    if isinstance(have, dt.datetime) and isinstance(want, str):
        return have == dt.datetime.fromisoformat(want)
    if isinstance(have, str) and isinstance(want, (dict, list)):
        have = _decoded(have)
    if isinstance(have, bool) or isinstance(want, bool) or have is None or want is None:
        return have is want
    if isinstance(have, float) or isinstance(want, float):
        return isinstance(have, (int, float)) and math.isclose(have, want, rel_tol=1e-9)
    if isinstance(have, Mapping) and isinstance(want, Mapping):
        return have.keys() == want.keys() and all(equal(have[key], want[key]) for key in want)
    if isinstance(have, (list, tuple)) and isinstance(want, list):
        return len(have) == len(want) and all(map(equal, have, want))
    return bool(have == want)


def _includes(have: Any, want: Any) -> bool:
    """Lists and texts hold each member of `want`; objects hold at least its keys, at any depth."""
    if isinstance(have, str) and isinstance(want, dict):
        have = _decoded(have)
    if isinstance(want, dict):
        return isinstance(have, Mapping) and all(
            key in have and (_includes(have[key], value) if isinstance(value, dict) else equal(have[key], value))
            for key, value in want.items()
        )
    return have is not None and all(member in have for member in want)


MATCHERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "include": _includes,
    "exclude": lambda have, want: have is None or not any(member in have for member in want),
    "length": lambda have, want: have is not None and len(have) == want,
    "json": lambda have, want: isinstance(have, str) and equal(_decoded(have), want),
}


def _decoded(text: str) -> Any:
    """The JSON value of a cell; integers stay exact, absurdly long ones stay text."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else digits)
    except ValueError:
        return text


def _holds(row: Row, text: str) -> bool:
    return any(text in str(value) for value in row.values())

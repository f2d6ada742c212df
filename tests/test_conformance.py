"""The conformance suite: what chatlogs makes of each case is what the case expects.

The cases are data (tests/conformance/); this file reads them with chatlogs and the stored tables with plain DuckDB.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conformance.suite import HERE, TABLES, Case, differences, load_cases, row_differences

from chatlogs.moving.ingest import ingest

CASES = load_cases()
EDGES = [f"5.{number}" for number in range(1, 41)] + [f"B{number}" for number in range(1, 17)]
OWN_EDGES = ["C1", "C2", "C3", "C4"]
ORDER = {
    "completions": "source_order(source), line_number, byte_offset, created",
    "rejects": "source_order(source), line_number, byte_offset",
    "sources": "source_order(source)",
}
OWN_ORDER = {
    "choices": "choice_index",
    "tool_calls": "choice_index, tool_call_index",
    "messages": "message_index",
    "logprobs": "choice_index, position",
    "chunks": "chunk_index, choice_index",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path) -> None:
    """A case's inputs, ingested run by run, give the rows it expects, and every line is accounted for."""
    store = tmp_path / "store"
    for run in case.runs:
        paths = case.write_inputs(run, tmp_path / "logs")
        ingest(paths, store, **case.options)
    tables = read_tables(store, [name for run in case.runs for _, name in run])
    for row in tables["sources"]:
        assert row["records"] + row["blank"] + row["ignorable"] + row["rejects"] == row["lines"], row
    found = differences(case.expected, tables)
    assert not found, "\n".join([f"{case.name}: {case.about['title']}", *found])


BODIES = [c for c in CASES if [name[-4:] for run in c.runs for _, name in run] == [".sse"]]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_a_log_that_grows_within_a_body_gives_the_same(case: Case, tmp_path: Path) -> None:
    """What only its place in a body tells of a chunk is told, too, when the log was read while the body came in."""
    store = tmp_path / "store"
    log = Path(*case.write_inputs(case.runs[0], tmp_path / "logs"))
    whole = log.read_bytes()
    for size in (whole.find(b"\n", len(whole) // 2) + 1, len(whole)):
        log.write_bytes(whole[:size])
        ingest(log, store, **case.options)
    of_answers = {name: rows for name, rows in case.expected.items() if name != "counts"}
    assert differences(of_answers, read_tables(store, [log.name])) == []


def read_tables(store: Path, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Every table of the store as rows in the suite's order; a table without files is empty."""
    import duckdb

    con = duckdb.connect()
    order = " ".join(f"when '{name}' then {number}" for number, name in enumerate(dict.fromkeys(names)))
    con.execute(f"create macro source_order(source) as case parse_filename(source) {order} else {len(names)} end")
    con.execute("set timezone = 'UTC'")
    for table in TABLES:
        if any((store / table).glob("*.parquet")):
            con.execute(f"create view {table} as from read_parquet('{store}/{table}/*.parquet')")
    present = {name for (name,) in con.execute("select view_name from duckdb_views() where not internal").fetchall()}
    return {table: con.sql(ordered(table)).to_arrow_table().to_pylist() if table in present else [] for table in TABLES}


def ordered(table: str) -> str:
    """The query that gives a table's rows in the suite's order."""
    if table in ORDER:
        return f"from {table} order by {ORDER[table]}"
    return (
        f"select t.* from {table} t join completions c using (completion_key)"
        f" order by source_order(c.source), c.line_number, c.byte_offset, c.created, {OWN_ORDER[table]}"
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_is_well_formed(case: Case) -> None:
    """A case says what it shows, why, which edge it covers and where it was seen, in columns that exist."""
    from chatlogs.schema import FLAGS
    from chatlogs.schema import TABLES as DECLARED

    assert re.fullmatch(r"[a-z0-9-]+", case.name)
    assert all(case.about[key].strip() for key in ("title", "why", "seen"))
    assert case.about["kind"] in ("stream", "log")
    assert case.edges and set(case.edges) <= {*EDGES, *OWN_EDGES}
    assert set(case.expected) <= {*TABLES, "counts", "every", "nowhere"}
    for table in TABLES:
        empty = dict.fromkeys(DECLARED[table].names)
        for row in [*case.expected.get(table, []), case.expected.get("every", {}).get(table, {})]:
            assert not [text for text in row_differences(row, empty) if text.endswith("no such column")]
            assert {*row.get("flags", []), *row.get("flags_include", []), *row.get("flags_exclude", [])} <= set(FLAGS)
    for run in case.runs:
        assert all(case.read(file) for file, _ in run)


@pytest.mark.parametrize("case", [case for case in CASES if case.about["kind"] == "stream"], ids=lambda case: case.name)
def test_stream_case_is_one_stream(case: Case) -> None:
    """A case of kind "stream" can be put to any merger: one file, only chunks, one answer, nothing unreadable."""
    assert len(case.runs) == 1 and len(case.runs[0]) == 1
    assert len(case.chunks()) > 1
    assert len(case.expected["completions"]) == 1
    assert case.expected.get("rejects", []) == []


def test_every_edge_has_a_case() -> None:
    """All 40 edges and B1 to B16 are covered."""
    assert set(EDGES) - {edge for case in CASES for edge in case.edges} == set()


def test_readme_lists_every_case() -> None:
    """The README ends in a table of one row for each edge, which names the cases of that edge in order."""
    _, _, index = (HERE / "README.md").read_text("utf-8").partition("\n|---|---|---|\n| 5.1 ")
    rows = [line.strip("| ").split(" | ") for line in f"| 5.1 {index}".splitlines()]
    listed = {edge: re.findall(r"\[([a-z0-9-]+)\]\(\1\)", names) for edge, _, names in rows}
    assert len(listed) == len(rows)
    names_of = {edge: sorted(case.name for case in CASES if edge in case.edges) for edge in listed}
    assert listed == names_of
    assert {edge for case in CASES for edge in case.edges} <= listed.keys()


@pytest.mark.parametrize("path", sorted(HERE.glob("*/")), ids=lambda path: path.name)
def test_folder_is_a_case(path: Path) -> None:
    """No folder lacks its three parts: such a case would never run."""
    if not path.name.startswith("__"):
        assert (path / "case.toml").is_file() and (path / "expected.json").is_file()

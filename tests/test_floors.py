"""The house has floors: a module imports from the floors below it, or from its own without going in circles.

Imports inside a function count too. Those under `if TYPE_CHECKING` do not: nothing runs there.
"""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "chatlogs"

# From the ground up; a new module is written down here on the lowest floor that can carry it.
FLOORS = {
    "ground": "errors schema sql tally values texts finish",
    "reading": "lines sources decoding documents envelopes shapes wrappers hosted sse containers",
    "normalizing": """
        toolcalls piece choices records requests finishing pieces oddlines
        projection skeleton fold partials columns careful layout normalize rows""",
    "keeping": "parquet locks staging deltas recovery verify upkeep store",
    "resolving": "assemble identity ledger writer resolve",
    "moving": "ingest",
    "asking": "periods queries session logs",
    "telling": "tables report",
    "doors": """
        __init__ __main__ cli cli.formats cli.options cli.inputs cli.screens
        cli.ask cli.reports cli.stores cli.reference cli.demo""",
}
FLOOR_OF = {module: height for height, names in enumerate(FLOORS.values()) for module in names.split()}
HEAVY = ("duckdb", "polars", "pyarrow", "deltalake", "numpy", "rich")


def modules() -> dict[str, Path]:
    """Every module of the package by its name in it: cli.ask, and cli for a package's own file."""
    names = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module of ours, line) for each import that runs, at the top of the file or in a function."""
    tree = ast.parse(path.read_text("utf-8"))
    typing = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in typing:
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.startswith("chatlogs"))
        elif isinstance(node, ast.ImportFrom) and node not in typing and (node.module or "").startswith("chatlogs"):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def module_of(name: str) -> str:
    """The module that has this name: chatlogs.cli.options.tell is in cli.options, chatlogs.open in __init__."""
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in FLOOR_OF:
        parts.pop()
    return ".".join(parts) or "__init__"


def test_every_module_is_on_exactly_one_floor() -> None:
    named = [module for names in FLOORS.values() for module in names.split()]
    assert sorted(named) == sorted(modules())


@pytest.mark.parametrize(("module", "path"), modules().items(), ids=modules())
def test_a_module_imports_from_its_own_floor_or_below(module: str, path: Path) -> None:
    above = [
        f"{path.name}:{line} imports {imported} from a floor above"
        for imported, line in imports(path)
        if FLOOR_OF[module_of(imported)] > FLOOR_OF[module]
    ]
    assert not above


def test_no_module_imports_itself_by_way_of_others() -> None:
    """The doors may: the main group imports a command when it is asked for, and that imports what all share."""
    rooms = {name: path for name, path in modules().items() if FLOOR_OF[name] < FLOOR_OF["cli"]}
    graph = {name: {module_of(imported) for imported, _ in imports(path)} - {name} for name, path in rooms.items()}
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the circle


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import chatlogs", (*HEAVY, "click", "msgspec", "xxhash")),
        ("import chatlogs.cli", HEAVY),
        ("from chatlogs.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass", HEAVY),
        ("from chatlogs.cli import main\ntry: main(['usage', '--help'])\nexcept SystemExit: pass", HEAVY),
    ],
    ids=["import chatlogs", "import chatlogs.cli", "chatlogs --help", "chatlogs usage --help"],
)
def test_what_needs_no_engine_loads_none(code: str, absent: tuple[str, ...]) -> None:
    """Help and completion answer at once; half a second of imports belongs to those who ask of logs."""
    tell = f"import json, sys; sys.stderr.write(json.dumps([n for n in {absent!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert json.loads(done.stderr) == []

"""The house has floors and rooms: a module imports from those below, or from its own without going in circles.

Every import counts: inside a function, and for types alone (`if TYPE_CHECKING`).
"""

from __future__ import annotations

import ast
import functools
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "chatlogs"

# From the ground up: each is a folder of the package, but for the modules that lie in the package itself.
FLOORS = ("ground", "reading", "normalizing", "keeping", "moving", "asking", "telling", "doors")
# A floor may have rooms, each a folder of it; what lies in the floor itself is above them.
ROOMS = {"normalizing": ("records", "scanning", "tables", "folding", "unwrapping")}
DOORS = ("__init__", "__main__", "cli")
HEAVY = ("duckdb", "polars", "pyarrow", "deltalake", "numpy", "rich", "genai_prices", "yaml")


def floor_of(module: str) -> tuple[int, int]:
    """The numbers of the floor that a module is on, and of its room there."""
    first, second, *_ = [*module.split("."), ""]
    rooms = ROOMS.get(first, ())
    floor = "doors" if first in DOORS else first if first in FLOORS else "ground"
    return FLOORS.index(floor), rooms.index(second) if second in rooms else len(rooms)


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name in it: cli.ask, and cli for a package's own file."""
    names = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module of ours, line) for each import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.startswith("chatlogs"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chatlogs"):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def module_of(name: str) -> str:
    """The module that has this name: chatlogs.cli.options.tell is in cli.options, chatlogs.open in __init__."""
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in modules():
        parts.pop()
    return ".".join(parts) or "__init__"


def test_every_folder_is_a_floor() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == {*FLOORS, "cli", "sql"} - {"ground", "doors"}
    rooms = {(path.parent.parent.name, path.parent.name) for path in PACKAGE.glob("*/*/__init__.py")}
    assert rooms == {(floor, room) for floor, rooms in ROOMS.items() for room in rooms}


@pytest.mark.parametrize(("module", "path"), modules().items(), ids=modules())
def test_a_module_imports_from_its_own_floor_or_below(module: str, path: Path) -> None:
    above = [
        f"{path.name}:{line} imports {imported} from a floor above"
        for imported, line in imports(path)
        if floor_of(module_of(imported)) > floor_of(module)
    ]
    assert not above


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: {module_of(imported) for imported, _ in imports(path)} - {name} for name, path in modules().items()}
    try:
        circle = []
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1]
    assert not circle


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import chatlogs", (*HEAVY, "click", "msgspec", "xxhash")),
        ("import chatlogs.cli", HEAVY),
        ("from chatlogs.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass", HEAVY),
        ("from chatlogs.cli import main\ntry: main(['usage', '--help'])\nexcept SystemExit: pass", HEAVY),
        ("from chatlogs.cli import main\ntry: main(['cost', '--help'])\nexcept SystemExit: pass", HEAVY),
        ("import chatlogs.asking.logs", ("genai_prices", "altair", "rich")),
    ],
    ids=[
        "import chatlogs",
        "import chatlogs.cli",
        "chatlogs --help",
        "chatlogs usage --help",
        "chatlogs cost --help",
        "a question without prices",
    ],
)
def test_what_needs_no_engine_loads_none(code: str, absent: tuple[str, ...]) -> None:
    """Help and completion answer at once; half a second of imports belongs to those who ask of logs."""
    tell = f"import json, sys; sys.stderr.write(json.dumps([n for n in {absent!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert json.loads(done.stderr) == []

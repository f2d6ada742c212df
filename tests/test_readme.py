"""What the README shows is what happens: its commands and its Python run, and their output is the one it prints."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def blocks() -> Iterator[tuple[str, str, str]]:
    """(language, text, the output shown) of each block; a ```text block is the output of the ```python before it."""
    found = [(match[1], match[2]) for match in BLOCK.finditer(README)]
    for (language, text), (after, output) in zip(found, [*found[1:], ("", "")], strict=True):
        if language == "console":
            command, _, output = text.removeprefix("$ ").partition("\n")
            yield language, command, output
        elif language != "text":
            yield language, text, output if after == "text" else ""


def run_command(command: str, folder: Path) -> str:
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_python(code: str, names: dict[str, object]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(code, "README.md", "exec"), names)
    return output.getvalue()


def test_its_commands_and_its_python_print_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "chatlogs" / "data" / "demo", tmp_path / "logs")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "chatlogs").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatlogs "$@"\n')
    (tmp_path / "bin" / "chatlogs").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, text, shown in blocks():
        if language == "sh":
            continue
        printed = run_command(text, tmp_path) if language == "console" else run_python(text, names)
        if shown:
            assert [line.rstrip() for line in printed.strip().splitlines()] == shown.strip().splitlines(), text


def test_what_installs_is_what_ci_runs() -> None:
    """The ```sh blocks install packages, so they are run by .ci/run and not here."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    commands = [text.strip() for language, text, _ in blocks() if language == "sh"]
    assert len(commands) == 2
    assert all(f'run "{command}"' in script for command in commands)


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall((ROOT / page).read_text("utf-8")):
        assert (ROOT / link).exists(), link

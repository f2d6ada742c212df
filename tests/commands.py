"""chatlogs as a command: what one types in, what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from chatlogs import cli


class Result(NamedTuple):
    """What a command exits with, and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def runner(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs commands within this process: run("usage", "store", "--json")."""

    def run(*words: str) -> Result:
        with pytest.raises(SystemExit) as caught:
            cli.main(list(words))
        out, err = capfd.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    return run

"""Programs get everything, exactly; people get what fits; no text commands a terminal."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from asked_store import EVIL
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatlogs.errors import ChatlogsError, QueryError
from chatlogs.tally import counted
from chatlogs.telling import report, tables
from chatlogs.telling.tables import Look

FRAME = pl.DataFrame(
    {
        "model": ["gpt-4o", None],
        "total_tokens": [1234567, None],
        "share": [0.25, None],
        "created": [dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC), None],
        "day": [dt.date(2026, 1, 2), None],
        "flags": [["a", "b"], None],
    }
)
LOOK = Look(units={"total_tokens": "tokens", "share": "share"})
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def rendered(frame: pl.DataFrame, format: str, look: Look | None = None, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    report.render(frame, format, out, look)
    return out.getvalue()


def test_json_is_a_flat_array_with_exact_values() -> None:
    rows = json.loads(rendered(FRAME, "json"))
    assert rows[0] == {
        "model": "gpt-4o",
        "total_tokens": 1234567,
        "share": 0.25,
        "created": "2026-01-02T03:04:05.678901Z",
        "day": "2026-01-02",
        "flags": ["a", "b"],
    }
    assert rows[1] == dict.fromkeys(FRAME.columns)
    assert json.loads(rendered(FRAME.clear(), "json")) == []
    assert [json.loads(line) for line in rendered(FRAME, "jsonl").splitlines()] == rows


def test_times_in_any_zone_are_written_in_utc() -> None:
    frame = pl.DataFrame({"hour": [dt.datetime(2026, 1, 1, 23, tzinfo=dt.UTC)]})
    berlin = frame.with_columns(pl.col("hour").dt.convert_time_zone("Europe/Berlin"))
    assert json.loads(rendered(berlin, "json")) == [{"hour": "2026-01-01T23:00:00Z"}]
    assert "2026-01-02 00:00" in rendered(berlin, "table", Look(units={"hour": "hour"}))


def test_what_json_cannot_say() -> None:
    assert report.plain(float("nan")) is None
    assert report.plain(float("-inf")) is None
    assert report.plain(b"\x00\xff") == "00ff"
    assert report.plain({"a": [dt.time(1, 2)]}) == {"a": ["01:02:00"]}


def test_decimals_keep_their_digits() -> None:
    digits = ["1234567890.1234567891", "-0.0000000001", "1.1000000000"]
    values = pl.Series(digits).str.to_decimal(scale=10)
    frame = pl.DataFrame({"a": values, "b": [[value] for value in values], "c": [{"x": value} for value in values]})
    wide = pl.DataFrame({"a": pl.Series([2**127 - 1, None], dtype=pl.Int128)})
    for format in ("json", "jsonl", "csv", "tsv"):
        assert all(rendered(frame, format).count(text) == 3 for text in digits)
        assert str(2**127 - 1) in rendered(wide, format)
    rows = json.loads(rendered(frame, "json"), parse_float=Decimal)
    assert rows == frame.to_dicts()


@given(st.lists(st.fixed_dictionaries({"a": st.none() | TEXTS, "b": st.none() | TEXTS}), min_size=1))
def test_text_survives_every_format(rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String})
    assert json.loads(rendered(frame, "json")) == rows
    assert [json.loads(line) for line in rendered(frame, "jsonl").split("\n")[:-1]] == rows
    for format, separator in (("csv", ","), ("tsv", "\t")):
        text = io.StringIO(rendered(frame, format), newline="")
        told = list(csv.DictReader(text, delimiter=separator))
        assert told == [{name: value or "" for name, value in row.items()} for row in rows]


def test_csv_tells_null_from_empty() -> None:
    assert rendered(pl.DataFrame({"a": [None, "", "x"], "b": [1, 2, 3]}), "csv") == 'a,b\n,1\n"",2\nx,3\n'


@pytest.mark.parametrize("format", ["table", "markdown", "json", "jsonl", "csv", "tsv"])
def test_no_text_commands_a_terminal(format: str) -> None:
    frame = pl.DataFrame({"content": [EVIL], "more": [[EVIL]]})
    shown = rendered(frame, format, Look(color="never"), Screen())
    controls = [char for char in shown if char != "\n" and char != "\t" and (ord(char) < 32 or 127 <= ord(char) < 160)]
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert [char for char in controls if char != "\x1b"] == []
    assert "[bold" in shown or format == "markdown"


def test_csv_files_keep_the_bytes() -> None:
    assert EVIL in rendered(pl.DataFrame({"content": [EVIL]}), "csv")


@given(TEXTS)
def test_inert_text_has_no_controls(text: str) -> None:
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in tables.inert(text))


def test_a_piped_table_is_whole_and_plain() -> None:
    frame = pl.DataFrame({"text": ["x" * 3000], "count": [1]})
    shown = rendered(frame, "table")
    assert "x" * 3000 in shown
    assert "\x1b" not in shown
    assert "…" not in shown
    assert shown.splitlines()[0].split() == ["text", "count"]


def test_numbers_are_for_reading() -> None:
    shown = rendered(FRAME, "table", LOOK)
    assert "1,234,567" in shown
    assert "25.0 %" in shown
    assert "a, b" in shown
    assert "None" not in shown and "null" not in shown


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 160])
def test_nothing_is_wider_than_the_screen(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """And what there is no room for is named, never cut in silence; numbers are whole or not there."""
    monkeypatch.setenv("COLUMNS", str(width))
    names = [f"number_{n}" for n in range(12)]
    frame = pl.DataFrame({"model": ["a-model-with-a-rather-long-name-2026"]} | {name: [1234567890] for name in names})
    look = Look(units=dict.fromkeys(names, "count"), spare=["number_3"], total=frame.drop("model"), color="never")
    shown = rendered(frame, "table", look, Screen())
    assert max(cell_len(line) for line in _without_style(shown).splitlines()) <= width
    body = next(line for line in _without_style(shown).splitlines() if line.strip().startswith("a-"))
    assert all(word == "1,234,567,890" for word in body.split()[1:])
    if width < 160:
        assert "no room for" in shown and "number_3" in shown


def test_what_answers_stays_on_a_narrow_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns without a value go first, then those to spare, then texts shrink; ids go on in the next line."""
    monkeypatch.setenv("COLUMNS", "50")
    id = "chatcmpl-0123456789abcdefghijklmnopq"
    frame = pl.DataFrame(
        {"id": [id], "nothing": [None], "unit": ["seconds"], "metric": ["m" * 40], "p50": [1.5], "p99": [2.5]}
    )
    told = _without_style(rendered(frame, "table", Look(spare=["unit"], color="never"), Screen()))
    assert "1.5" in told and "2.5" in told and "seconds" not in told
    assert "no room for nothing, unit:" in " ".join(told.split())
    assert "".join(line[1:].split("  ")[0].strip() for line in told.splitlines()[2:-2]) == id


@pytest.mark.parametrize("width", range(34, 60))
def test_the_first_number_stays_beside_its_keys(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Names get narrower for it: a table of names alone answers nothing."""
    monkeypatch.setenv("COLUMNS", str(width))
    names = {"model": ["a-model-with-a-rather-long-name"], "metric": ["time_to_the_first_chunk"]}
    frame = pl.DataFrame(names | {"responses": [12], "p50": [0.749], "p90": [1.25]})
    told = rendered(frame, "table", Look(units={"p50": "real"}, spare=["responses"], color="never"), Screen())
    body = next(line for line in _without_style(told).splitlines() if line.strip().startswith("a-"))
    assert body.split()[1].startswith("time_") and "0.749" in body
    assert max(cell_len(line) for line in _without_style(told).splitlines()) <= width


def test_a_bar_without_room_takes_none_from_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"model": ["a-rather-long-name"], "share": [1.0]})
    for width in range(26, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        look = Look(units={"share": "share"}, bar="share", color="never")
        assert "100.0 %" in rendered(frame, "table", look, Screen())


def test_groups_are_told_once_on_a_screen_and_always_in_a_pipe() -> None:
    frame = pl.DataFrame({"model": ["a1", "a1", "b1"], "reason": ["x", "y", "x"]})
    look = Look(grouped=["model"], color="never")
    assert rendered(frame, "table", look, Screen()).count("a1") == 1
    assert rendered(frame, "table", look).count("a1") == 2


def test_bars_grow_with_shares_and_nothing_is_invisible() -> None:
    lengths = [len(tables.bar(share / 100)) for share in range(101)]
    assert lengths == sorted(lengths)
    assert (tables.bar(0), tables.bar(None)) == ("", "")
    assert tables.bar(1e-9) == "▏"
    assert tables.bar(1) == tables.bar(7) == "█" * 20


def test_totals_stand_below_tables_only() -> None:
    look = Look(total=pl.DataFrame({"total_tokens": [99]}), units=LOOK.units)
    assert rendered(FRAME, "table", look).splitlines()[-1].split() == ["total", "99"]
    assert "**total**" in rendered(FRAME, "markdown", look)
    assert len(json.loads(rendered(FRAME, "json", look))) == 2


def test_markdown_escapes_what_would_be_markup() -> None:
    shown = rendered(pl.DataFrame({"a": ["x|y", "<b>", "*z*", "`c`", "gpt_4o"]}), "markdown")
    assert [line.count("|") - line.count("\\|") for line in shown.splitlines()] == [2] * 7
    assert "\\<b\\>" in shown and "\\*z\\*" in shown and "gpt_4o" in shown


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    """Half an answer never takes the place of a whole one; rights and links stay."""
    good, link = tmp_path / "good.csv", tmp_path / "link.csv"
    good.write_text("good")
    good.chmod(0o640)
    link.symlink_to(good)
    with pytest.raises(QueryError, match="cannot print nothing"):
        report.save(FRAME, str(good), "nothing")
    assert good.read_text() == "good" and sorted(os.listdir(tmp_path)) == ["good.csv", "link.csv"]
    report.save(FRAME, str(link), "csv")
    assert link.is_symlink() and good.read_text().startswith(FRAME.columns[0])
    assert stat.S_IMODE(good.stat().st_mode) == 0o640 and sorted(os.listdir(tmp_path)) == ["good.csv", "link.csv"]


def test_an_answer_goes_into_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with ThreadPoolExecutor(1) as beside:
        said = beside.submit((tmp_path / "pipe.csv").read_text)
        report.save(FRAME, str(tmp_path / "pipe.csv"), "csv")
        assert said.result(10).startswith(FRAME.columns[0])


def test_files_of_every_format(tmp_path: Path) -> None:
    for format in ("table", "json", "jsonl", "csv", "tsv", "markdown"):
        report.save(FRAME, str(tmp_path / format), format)
        assert (tmp_path / format).read_text("utf-8") == rendered(FRAME, format)
    report.save(FRAME, str(tmp_path / "x.parquet"), "parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(FRAME)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChatlogsError, match="cannot write"):
        report.save(FRAME, str(tmp_path / "no" / "where.json"), "json")
    with pytest.raises(QueryError, match="-o FILE"):
        rendered(FRAME, "parquet")


def test_counted() -> None:
    assert [counted(n, "choices") for n in (0, 1, 1200)] == ["0 choices", "1 choice", "1,200 choices"]


def _without_style(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)

"""The page says what the reports say, quotes no text, loads nothing, and takes whatever a log holds."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import asked_log
import duckdb
import polars as pl
import pytest
import reported_log
from asked_log import exchange
from commands import Run

import chatlogs
from chatlogs.asking.logs import Logs
from chatlogs.asking.measures import COUNT, SHARE, USD
from chatlogs.asking.queries import Filters
from chatlogs.errors import ChatlogsError
from chatlogs.telling import asked, charts, overtime, page
from chatlogs.telling.page import SECTIONS
from chatlogs.telling.tables import cells

ROOT = Path(__file__).parent.parent
VOID = ("meta", "rect", "line")


class Page(HTMLParser):
    """Headings, tables as rows of texts, queries; and that every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.tables: list[list[list[str]]] = []
        self.queries: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID or (tag == "rect" and self.get_starttag_text()[-2:] != "/>"):  # type: ignore[index]
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "pre":
            self.queries.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif self.open and self.open[-1] == "pre":
            self.queries[-1] += data


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("it's [paged]")
    chatlogs.ingest(reported_log.write(folder), folder / "store")
    return str(folder / "store")


@pytest.fixture(scope="module")
def logs(store: str) -> Iterator[Logs]:
    with chatlogs.open(store) as logs:
        yield logs


def test_each_table_is_the_answer_of_its_report(logs: Logs) -> None:
    found = Page(page.page(logs, Filters()))
    tables = iter(found.tables)
    for section in SECTIONS:
        answer = asked.ask(section.report, logs, Filters(by=section.by), total=True)
        frame = answer.shown if section.report != "audit" else answer.frame.filter(answer.frame["found"] > 0)
        heads, *rows = next(tables)
        heads = [head for head in heads if head]
        assert heads and set(heads) <= set(frame.columns)
        expected = cells(frame.select(heads), answer.look())
        assert [row[: len(heads)] for row in rows[: len(expected)]] == expected[: page.ROWS]
        assert len(rows) - len(expected) == (answer.total is not None)
    assert not list(tables)


def test_each_query_runs_on_the_store_that_is_named(logs: Logs, store: str) -> None:
    text = page.page(logs, Filters())
    queries = Page(text).queries
    assert len(queries) == len(SECTIONS) and store not in html.unescape(text)
    for query in queries:
        assert duckdb.sql(query.replace("'STORE/", "'" + store.replace("'", "''").replace("[", "[[]") + "/")).columns


def test_it_loads_nothing_and_runs_nothing(logs: Logs) -> None:
    text = page.page(logs, Filters())
    found = Page(text)
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not found.tags & {"script", "link", "img", "iframe", "object", "form", "a", "base"}
    assert not {name for name in found.attributes if name.startswith("on") or name in ("href", "src", "action")}
    assert "url(" not in text and "@import" not in text and "http:" not in text and "https:" not in text


def test_the_same_logs_give_the_same_page(logs: Logs, store: str, tmp_path: Path) -> None:
    chatlogs.report(logs, tmp_path / "one.html", title="A & B")
    with chatlogs.read([str(path) for path in Path(store).parent.glob("*.jsonl")]) as raw:
        chatlogs.report(raw, tmp_path / "two.html", title="A & B")
    one, two = ((tmp_path / name).read_text("utf-8") for name in ("one.html", "two.html"))
    assert one == two and "<title>A &amp; B</title>" in one


def test_no_text_of_a_log_is_quoted(tmp_path: Path) -> None:
    with chatlogs.read(asked_log.write(tmp_path)) as logs:
        text = page.page(logs, Filters())
    for said in ("rain", "Answer 1", "I cannot.", "Köln", "server_error: no", ">no<"):
        assert said not in text


def test_what_a_log_names_is_only_ever_text(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\u202e\x1b[31m$title"
    records = [exchange(n) for n in range(3)]
    for record in records:
        record["response"] |= {"model": evil, "system_fingerprint": f"{evil}&{record['response']['id']}"}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    with chatlogs.read(tmp_path / "log.jsonl") as logs:
        text = page.page(logs, Filters(), title=evil)
    found = Page(text)
    assert "script" not in found.tags and "\u202e" not in text and "\x1b" not in text
    assert any("<script>alert('x')</script>" in cell for row in found.tables[0] for cell in row)


def test_a_time_too_long_for_pictures_and_names_too_long_for_a_line_are_not_in_the_way(tmp_path: Path) -> None:
    records = [exchange(n) for n in range(3)]
    records[0]["response"] |= {"model": "m" * 300}
    for name, times in (("short", []), ("long", [1])):
        for created in times:  # 1970: a clock that was wrong.
            records.append({"response": records[1]["response"] | {"id": name, "created": created}})
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        with chatlogs.read(tmp_path / f"{name}.jsonl") as logs:
            text = page.page(logs, Filters())
        assert ("some clock may be wrong" in text) == ("<h3>" not in text and "<svg" not in text) == bool(times)
    assert f'<td class="long">{"m" * 300}</td>' in text


def test_what_changed_with_a_backend_is_told(tmp_path: Path) -> None:
    """In the sample logs one begins on 18 October and cuts answers short; diff says so."""
    with chatlogs.read([str(ROOT / "sample_data" / "completions-*")]) as logs:
        text = html.unescape(page.page(logs, Filters()))
        (sentence,) = logs.diff("..2026-10-17", "2026-10-18..").filter(
            (pl.col("measure") == "finish_reason") & (pl.col("value") == "length") & pl.col("changed")
        )["sentence"]
        early = html.unescape(page.page(logs, Filters(until="2026-10-17")))
    assert "On 2026-10-18, fp_7fcd609668 began to answer as gpt-4o-mini-2024-07-18" in text
    assert sentence.partition(" (")[0] in text
    assert "chatlogs diff STORE --before ..2026-10-17 --after 2026-10-18.. -m gpt-4o-mini-2024-07-18<" in text
    assert "No backend began to answer within this time" in early


def test_filters_narrow_it_and_are_told(logs: Logs) -> None:
    text = page.page(logs, Filters(model="o1", where="created is not null"))
    assert "only model o1, where created is not null" in text
    assert {row[0] for row in Page(text).tables[0][1:]} == {"o1", "total"}


def test_without_any_response_it_says_so(run: Run, store: str, tmp_path: Path) -> None:
    assert run("report", store, "-m", "gpt-9", "-o", str(tmp_path / "r.html")).code == 0
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "no model matches; these logs hold: gpt-4o, o1" in text and not Page(text).tables
    (tmp_path / "empty.jsonl").write_text("")
    assert "no times were logged" in run("report", str(tmp_path / "empty.jsonl")).out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["-o", ""], 2, "-o has no name"),
        (["-o", "/nowhere/r.html"], 1, "cannot write /nowhere/r.html: No such file or directory."),
        (["--where", "nothing = 1"], 2, "unknown column 'nothing' for --where"),
        (["--prices", "/nowhere"], 1, "/nowhere"),
        (["--since", "gestern"], 2, "gestern"),
    ],
)
def test_a_wrong_word_is_one_sentence(run: Run, store: str, words: list[str], code: int, told: str) -> None:
    result = run("report", store, *words)
    assert result.code == code and told in result.err and "Traceback" not in result.err


def test_on_the_command_line(run: Run, store: str, logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    result = run("report", store, "-o", str(path), "--title", "T")
    assert result == (0, "", f"{path}: open it in a browser\n")
    assert path.read_text("utf-8") == run("report", store, "--title", "T").out == page.page(logs, Filters(), title="T")
    with pytest.raises(ChatlogsError, match="Is a directory"):
        chatlogs.report(logs, tmp_path)


def frame(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, ("day", "model", "value"), orient="row")


def test_bars_leave_no_period_and_no_name_out() -> None:
    first = dt.date(2026, 1, 30)
    many = [(first, f"m{n}", 10.0 + n) for n in range(9)]
    rows = [*many, (first + dt.timedelta(days=3), None, 5.0), (None, "m1", 7.0), (first, "m0", None)]
    found = overtime.bars("t", frame(*rows), ("day", "model", "value"), COUNT)
    assert found is not None
    assert list(found.periods) == ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"]
    assert list(found.series) == ["m8", "m7", "m6", "m5", "m4", "m3", charts.OTHERS]
    drawn = sum(value or 0 for values in found.series.values() for value in values)
    assert drawn == sum(10.0 + n for n in range(9)) + 5.0
    assert overtime.bars("t", frame((first, "m", None)), ("day", "model", "value"), COUNT) is None


def test_the_last_day_there_is_and_a_wrong_clock_stop_nothing() -> None:
    columns, last = ("day", "model", "value"), dt.date(9999, 12, 31)
    found = overtime.bars("t", frame((last, "m", 1.0), (last - dt.timedelta(days=1), "m", -5.0)), columns, COUNT)
    assert found is not None and list(found.periods) == ["9999-12-31"]
    assert overtime.bars("t", frame((dt.date(1970, 1, 1), "m", 1.0), (last, "m", 1.0)), columns, COUNT) is None


def test_shares_of_a_period_fill_it() -> None:
    day = dt.date(2026, 1, 1)
    found = overtime.bars("t", frame((day, "a", 0.3), (day, None, 0.3)), ("day", "model", "value"), SHARE, null="(x)")
    assert found is not None and found.series == {"(x)": [0.5], "a": [0.5]}


@pytest.mark.parametrize(
    ("days", "period", "last"), [(2, "hour", 49), (90, "day", 91), (700, "week", 101), (4000, "month", 132)]
)
def test_the_period_is_such_that_bars_can_be_seen(days: int, period: str, last: int) -> None:
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    end = start + dt.timedelta(days=days)
    assert overtime.period_of(start, end) == period
    at = {"hour": lambda t: t, "month": lambda t: t.date().replace(day=1)}.get(period, lambda t: t.date())
    rows = frame((at(start), "m", 1.0), (at(end), "m", 2.0)).rename({"day": period})
    found = overtime.bars("t", rows, (period, "model", "value"), COUNT)
    assert found is not None and len(found.periods) == last


def test_a_picture_is_as_high_as_its_numbers() -> None:
    bars = charts.Bars("t", ["1", "2"], {"a": [10, None], "b": [30, 20]}, COUNT, {"b": "#123456"})
    drawn = charts.draw(bars)
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" fill=', drawn)]
    assert heights[0] * 3 == pytest.approx(heights[1], abs=0.3) and heights[1] * 2 == pytest.approx(
        heights[2] * 3, abs=0.5
    )
    assert "<title>2 · b: 20</title>" in drawn and drawn.count("#123456") == 3 and charts.COLORS[0] in drawn
    assert re.findall(r'text-anchor="end">([^<]*)<', drawn) == ["0", "10", "20", "30", "40"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, SHARE, "25 %"),
        (1_250_000, COUNT, "1.25 M"),
        (0.5, USD, "$ 0.50"),
        (1500, USD, "$ 1.5 k"),
        (7, COUNT, "7"),
    ],
)
def test_an_axis_is_short(value: float, unit: str, text: str) -> None:
    assert charts.short(value, unit) == text

"""A bill is read as exported; what the logs and the bill agree on stands in one row, what only one knows in its own."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_pricing import CHAT, logs_of

from chatlogs.asking import bills
from chatlogs.asking.bills import BillLine
from chatlogs.asking.logs import Logs
from chatlogs.errors import QueryError

FIRST, SECOND = dt.date(2026, 11, 1), dt.date(2026, 11, 2)
START = 1_793_491_200  # FIRST, as Unix seconds.


def bucket(start: int, *results: dict[str, Any]) -> dict[str, Any]:
    return {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": list(results)}


def cost(value: float, line_item: str | None, currency: str = "usd") -> dict[str, Any]:
    amount = {"value": value, "currency": currency}
    return {"object": "organization.costs.result", "amount": amount, "line_item": line_item, "project_id": None}


def usage(model: str | None, requests: int, tokens: tuple[int, int]) -> dict[str, Any]:
    counts = {"input_tokens": tokens[0], "output_tokens": tokens[1], "num_model_requests": requests}
    return {"object": "organization.usage.completions.result", **counts, "model": model, "batch": None}


PAGE = {"object": "page", "data": [bucket(START, cost(0.06, None)), bucket(START + 86_400)], "has_more": False}
COSTS = [bucket(START, cost(1.5, "gpt-4o-2024-08-06, input"), cost(0.25, "gpt-4o-2024-08-06, output"))]
USED = {"data": [bucket(START + 3_600, usage("gpt-4o-2024-08-06", 3, (1_000, 20)))]}
COSTS_CSV = """start_time,end_time,start_time_iso,amount_value,amount_currency,line_item,organization_name
1793491200,1793577600,2026-11-01T00:00:00+00:00,0.1000000000000000001,usd,"gpt-4o, cached input",Personal
1793577600,1793664000,2026-11-02T00:00:00+00:00,,,,
"""
USAGE_TSV = "start_time_iso\tnum_model_requests\tmodel\tinput_tokens\toutput_tokens\n"
USAGE_TSV += "2026-11-02T01:00:00+02:00\t7\tgpt-4o\t10\t5\n"

READ: list[tuple[str, list[BillLine]]] = [
    (json.dumps(PAGE), [BillLine(FIRST, None, Decimal("0.06"), None, None)]),
    (json.dumps([PAGE, PAGE]), [BillLine(FIRST, None, Decimal("0.06"), None, None)] * 2),
    (
        "\n".join(json.dumps(item) for item in COSTS),
        [
            BillLine(FIRST, "gpt-4o-2024-08-06", Decimal("1.5"), None, None),
            BillLine(FIRST, "gpt-4o-2024-08-06", Decimal("0.25"), None, None),
        ],
    ),
    (json.dumps(USED), [BillLine(FIRST, "gpt-4o-2024-08-06", None, 3, 1_020)]),
    (COSTS_CSV, [BillLine(FIRST, "gpt-4o", Decimal("0.1000000000000000001"), None, None)]),
    ("\ufeff" + USAGE_TSV, [BillLine(FIRST, "gpt-4o", None, 7, 15)]),
    ("date;model;cost\n2026-11-02;o3;$1,200.50\n", [BillLine(SECOND, "o3", Decimal("1200.50"), None, None)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), READ)
def test_a_bill_is_read_as_exported(tmp_path: Path, text: str, lines: list[BillLine]) -> None:
    path = tmp_path / "bill"
    path.write_text(text, encoding="utf-8")
    assert bills.read(str(path)) == lines
    assert bills.keys(str(path)) == (["day", "model"] if lines[0].model else ["day"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no bill"),
        ("hello", "holds no bill"),
        ("{not json", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("date,model,cost\n2026-11-01," + "x" * 200_000 + ",1\n", "cannot be read"),
        ("date;model;cost\n2026-11-01;o3;1,5\n", "'1,5' is no amount"),
        ("date;model;cost\n2026-11-01;o3;1,234\n", "'1,234' is no amount"),
        ("date,input_tokens\n2026-11-01,1.5\n", "'1.5' is no number"),
        ("date,input_tokens\n2026-11-01,1e30\n", "'1e30' is no number"),
        (json.dumps([bucket(START, cost(1, None, "eur"))]), "amount is in eur"),
        ("date,cost\nsoon,1\n", "'soon' is no day"),
        ("date,cost\n2026-11-01,much\n", "'much' is no amount"),
        ("date,input_tokens\n2026-11-01,many\n", "'many' is no number"),
    ],
)
def test_what_is_no_bill_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bill"
    path.write_text(text)
    with pytest.raises(QueryError, match=told) as caught:
        bills.read(str(path))
    assert "\n" not in str(caught.value)


def test_the_lines_of_a_day_and_a_model_are_one_row() -> None:
    lines = [BillLine(FIRST, "o3", usd, requests, None) for usd, requests in ((Decimal("0.1"), 1), (None, 2))]
    rows = bills.values([*lines, *lines, BillLine(FIRST, None, Decimal(1), None, None)]).split("\n")
    assert len(rows) == 2
    assert "'o3'::varchar, 0.2::decimal(28, 12), 6::bigint, null::bigint" in rows[0]


RESPONSES: list[dict[str, Any]] = [
    {},
    {"created": dt.datetime(2026, 11, 1, 23, 30, tzinfo=dt.UTC)},
    {"created": dt.datetime(2026, 11, 2, 1, tzinfo=dt.UTC)},
    {"model": None},
    {"model": "llama", "provider": "home"},
    {"created": dt.datetime(2026, 10, 1, tzinfo=dt.UTC)},
    {"created": None},
]
ANSWER = 0.0035  # What each costs that has a price.


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    responses = [CHAT | {"total_tokens": 1_100} | response for response in RESPONSES]
    with logs_of(tmp_path_factory.mktemp("billed") / "store", responses) as logs:
        yield logs


@pytest.fixture
def bill(tmp_path: Path) -> str:
    path = tmp_path / "bill.json"
    lines = [
        bucket(START, cost(0.005, "gpt-4o-2024-08-06, input"), cost(0.003, "gpt-4o-2024-08-06, output")),
        bucket(START + 86_400, cost(1.0, "text-embedding-3-small")),
    ]
    path.write_text(json.dumps({"data": lines}))
    return str(path)


def test_both_sides_stand_side_by_side(logs: Logs, bill: str) -> None:
    rows = logs.reconcile(bill).select(
        "day", "model", "found_in", "responses", "cost_usd", "bill_usd", "difference_usd"
    ).rows()  # fmt: skip
    assert rows == [
        (FIRST, "gpt-4o-2024-08-06", "both", 2, 2 * ANSWER, 0.008, pytest.approx(0.008 - 2 * ANSWER)),
        (FIRST, "llama", "logs", 1, None, None, 0.0),
        (FIRST, None, "logs", 1, None, None, 0.0),
        (SECOND, "gpt-4o-2024-08-06", "logs", 1, ANSWER, None, -ANSWER),
        (SECOND, "text-embedding-3-small", "bill", None, None, 1.0, 1.0),
    ]


def test_nothing_is_lost_by_grouping(logs: Logs, bill: str) -> None:
    """A month, a day or nothing at all: the same sums."""
    for by in ([], "day", "model", "week", "month"):
        answer = logs.reconcile(bill, by=by)
        assert answer["responses"].sum() == 5
        assert answer["cost_usd"].sum() == pytest.approx(3 * ANSWER)
        assert answer["bill_usd"].sum() == pytest.approx(1.008)
        assert answer["difference_usd"].sum() == pytest.approx(1.008 - 3 * ANSWER)
    assert logs.reconcile(bill, by=[])["found_in"].to_list() == ["both"]


def test_filters_hold_for_both_sides(logs: Logs, bill: str) -> None:
    answer = logs.reconcile(bill, by="model", model="gpt*", until="2026-11-01")
    assert answer.select("model", "responses", "bill_usd").rows() == [("gpt-4o-2024-08-06", 2, 0.008)]
    assert logs.reconcile(bill, by=[], where="provider = 'home'")["responses"].to_list() == [1]


def test_usage_is_compared_by_tokens(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "usage.json"
    path.write_text(json.dumps(USED))
    row = logs.reconcile(str(path), model="gpt-4o*").row(0, named=True)
    assert (row["responses"], row["bill_requests"], row["total_tokens"], row["bill_tokens"]) == (2, 3, 2_200, 1_020)
    assert row["bill_usd"] is None and row["difference_usd"] is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"tz": "America/New_York"}, "the days of a bill are those of UTC"),
        ({"by": "hour"}, "a bill has days and no hours"),
        ({"by": ["created", "model"]}, "a bill has days and no hours"),
    ],
)
def test_a_bill_is_compared_by_its_own_days(logs: Logs, bill: str, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(QueryError, match=told):
        logs.reconcile(bill, **asked)
    assert logs.reconcile(bill, tz="utc").equals(logs.reconcile(bill))


def test_totals_are_those_of_usage(tmp_path: Path) -> None:
    """As reported: a response that tells no total_tokens has none, whatever else it tells."""
    counts = [(100, 10, 110), (900, 90, None), (500, None, 500)]
    told = [dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), each, strict=True)) for each in counts]
    (tmp_path / "usage.json").write_text(json.dumps(USED))
    with logs_of(tmp_path / "store", [CHAT | {"usage_source": "reported"} | usage for usage in told]) as logs:
        billed = logs.reconcile(str(tmp_path / "usage.json"), by=[])["total_tokens"].to_list()
        assert billed == logs.usage(by=[])["total_tokens"].to_list() == [610]


def test_only_what_a_bill_tells_can_be_a_key(logs: Logs, bill: str) -> None:
    with pytest.raises(QueryError, match="unknown column 'system_fingerprint' for --by"):
        logs.reconcile(bill, by="system_fingerprint")

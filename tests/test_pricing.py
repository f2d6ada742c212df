"""Every price is genai-prices' own or the user's; what has none says why, and no sum hides it."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import genai_prices
import pytest
from genai_prices import data_snapshot
from store_rows import rows

from chatlogs.asking.logs import Logs
from chatlogs.asking.queries import Filters
from chatlogs.asking.tariffs import PRICE_STATUS
from chatlogs.errors import FileError, QueryError
from chatlogs.keeping.store import Store

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
PRICED = ("exact", "tier_fallback", "without_extras")
TOKENS = {
    "prompt_tokens": "input_tokens",
    "cached_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "prompt_audio_tokens": "input_audio_tokens",
    "completion_tokens": "output_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "completion_audio_tokens": "output_audio_tokens",
}


def logs_of(path: Path, responses: list[dict[str, Any]]) -> Logs:
    """A store with these responses; what they do not say is null, and each has its place as its key."""
    names = {name for response in responses for name in response} | {"completion_key", "status", "usage_source"}
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for number, response in enumerate(responses):
        used = "reported" if response.get("prompt_tokens") is not None else "none"
        full = {"completion_key": number, "status": "complete", "usage_source": used} | response
        for name in names:
            columns[name].append(full.get(name))
    store = Store.create(path)
    with store.staging("priced") as staging:
        source = rows("sources", source=["a.jsonl"], source_key=[1], records=[len(responses)])
        tables = {"completions": rows("completions", **columns), "sources": source}
        store.commit("priced", {name: [staging.write(name, table)] for name, table in tables.items()})
    return Logs.open(path)


def prices(logs: Logs, **asked: Any) -> list[dict[str, Any]]:
    """Each response's status, price and the model it was priced as, in order of its key."""
    keys = ["completion_key", "price_status", "price_model", "price_source"]
    return logs.cost(by=keys, sort="completion_key", **asked).rows(named=True)


# --- the law: what genai-prices charges ------------------------------------------------------------------------


def drawn(rng: random.Random) -> dict[str, Any]:
    """A response of any model in the list, on any day, at any tier and length; its usage may contradict itself."""
    providers = [p for p in data_snapshot.get_snapshot().providers if p.models]
    hard = {"openai": None, "deepseek": None, "x-ai": None, "google": None, "groq": None, "azure": "gpt-4.1"}
    provider = rng.choice(providers if rng.random() < 0.4 else [p for p in providers if p.id in hard])
    model = hard.get(provider.id) or rng.choice(provider.models).id
    prompt = rng.choice([rng.randint(0, 2_000), rng.randint(100_000, 600_000), 128_000, 200_000, 200_001, 272_000])
    completion = rng.randint(0, 5_000)
    often = rng.random() < 0.5
    return {
        "model": model,
        "provider": provider.id,
        "created": dt.datetime(2024, 6, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=rng.randrange(80_000_000)),
        "service_tier": rng.choice([None, None, "default", "flex", "priority", "fast", "scale"]),
        "custom_id": "a" if rng.random() < 0.2 else None,
        "prompt_tokens": prompt,
        "cached_tokens": rng.choice([None, 0, rng.randint(0, prompt)]),
        "cache_write_tokens": rng.choice([None, 0, rng.randint(0, prompt // 3)]) if often else None,
        "prompt_audio_tokens": rng.randint(0, prompt // 3) if rng.random() < 0.1 else None,
        "completion_tokens": completion,
        "reasoning_tokens": rng.choice([None, 0, rng.randint(0, 2_000)]),
        "completion_audio_tokens": rng.randint(0, completion // 3) if rng.random() < 0.1 else None,
    }


def charged(response: Mapping[str, Any]) -> Any:
    """The library's own calculation; ValueError when it finds the usage contradictory."""
    usage = {theirs: response[ours] or 0 for ours, theirs in TOKENS.items()}
    if response["provider"] in ("x-ai", "perplexity"):  # The library's own reading of their usage.
        usage["output_tokens"] += usage["output_reasoning_tokens"]
    context = {"service_tier": response["service_tier"]} if response["service_tier"] else {}
    context |= {"processing": "batch"} if response["custom_id"] else {}
    return genai_prices.calc_price(
        genai_prices.Usage(**usage),
        response["model"],
        provider_id=response["provider"],
        genai_request_timestamp=response["created"],
        price_context=context,
    )


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[dict[str, Any]], Logs]]:
    rng = random.Random(20_261_125)
    responses = [drawn(rng) for _ in range(2_500)]
    with logs_of(tmp_path_factory.mktemp("priced") / "store", responses) as logs:
        yield responses, logs


def test_a_price_is_what_genai_prices_charges(sample: tuple[list[dict[str, Any]], Logs]) -> None:
    """Tiers, batches, long prompts, cached, audio, dates, hours of the day and providers, drawn at random."""
    responses, logs = sample
    seen: Counter[str] = Counter()
    for response, row in zip(responses, prices(logs), strict=True):
        status = row["price_status"]
        seen[status] += 1
        assert (row["cost_usd"] is not None) == (status in PRICED)
        try:
            charge = charged(response)
        except ValueError:
            assert status in ("unclear_usage", "no_audio_rate", "unknown_model"), response
            continue
        except LookupError:
            assert status in ("unknown_model", "unknown_provider"), response
            continue
        if status in PRICED:
            assert row["cost_usd"] == pytest.approx(float(charge.total_price), rel=1e-9, abs=1e-12), response
            assert row["price_model"].endswith(charge.model.id)
        elif status == "unknown_model":  # Embeddings, images, speech: no rate for a prompt or none for an answer.
            assert None in (charge.model_price.input_mtok, charge.model_price.output_mtok)
        elif status == "no_audio_rate":
            missing = [charge.model_price.input_audio_mtok, charge.model_price.output_audio_mtok]
            assert None in missing
        else:
            assert status == "unclear_usage", response
    assert seen["exact"] > 500 and seen["tier_fallback"] > 500, seen
    assert min(seen["no_audio_rate"], seen["unknown_model"], seen["unclear_usage"]) > 10, seen


def test_the_sample_holds_what_makes_prices_hard(sample: tuple[list[dict[str, Any]], Logs]) -> None:
    """Models with more than one step, date and hour are among what was priced."""
    _, logs = sample
    sql = logs.show_sql("cost")
    plain = duckdb.connect()
    rates = sql[: sql.index("counted as (")].rstrip().rstrip(",") + "\nselect "
    told = "count(*) filter (where prompt_over > 0), count(*) filter (where second_from > 0), "
    told += "count(*) filter (where valid_from > timestamptz '2024-01-01'), count(*) filter (where reasoning_beside), "
    told += "count(*) filter (where cached_rate < prompt_rate), count(*) filter (where prompt_audio_rate > 0)"
    assert all(count >= 10 for count in plain.sql(f"{rates}{told} from rates").fetchall()[0])


# --- what cannot be priced says why ----------------------------------------------------------------------------

CHAT = {"model": "gpt-4o-2024-08-06", "created": NOON, "prompt_tokens": 1_000, "completion_tokens": 100}
STATUSES: list[tuple[str, dict[str, Any]]] = [
    ("exact", {}),
    ("exact", {"model": "openai/gpt-4o"}),
    ("exact", {"model": "ft:gpt-4o-2024-08-06:acme::x1"}),
    ("exact", {"model": "gpt-4o", "provider": "azure_openai"}),
    ("exact", {"model": None, "request_model": "gpt-4o"}),
    ("exact", {"service_tier": "priority"}),
    ("exact", {"custom_id": "a"}),
    ("exact", {"created": None, "started_at": NOON}),
    ("exact", {"status": "error"}),
    ("tier_fallback", {"service_tier": "flex"}),
    ("tier_fallback", {"service_tier": "priority", "created": dt.datetime(2026, 10, 1, tzinfo=dt.UTC)}),
    ("tier_fallback", {"custom_id": "a", "created": dt.datetime(2026, 10, 1, tzinfo=dt.UTC)}),
    ("without_extras", {"model": "sonar-deep-research", "provider": "perplexity"}),
    ("no_audio_rate", {"model": "gpt-4o", "prompt_audio_tokens": 10}),
    ("no_audio_rate", {"model": "gpt-4o", "completion_audio_tokens": 10}),
    ("unclear_usage", {"cached_tokens": 1_001}),
    ("unclear_usage", {"cached_tokens": 600, "cache_write_tokens": 600}),
    ("unclear_usage", {"prompt_tokens": -5}),
    ("no_usage", {"prompt_tokens": None, "completion_tokens": None}),
    ("no_usage", {"completion_tokens": None}),
    ("no_time", {"model": "o3", "created": None}),
    ("exact", {"created": None}),
    ("unknown_model", {"model": "llama-at-home"}),
    ("unknown_model", {"model": "text-embedding-3-small"}),
    ("unknown_model", {"model": "{where} '{by}"}),
    ("unknown_provider", {"provider": "our vllm"}),
    ("no_model", {"model": None}),
    ("failed", {"prompt_tokens": None, "completion_tokens": None, "status": "error"}),
]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    path = tmp_path_factory.mktemp("statuses") / "store"
    with logs_of(path, [CHAT | {"id": f"r{n}"} | response for n, (_, response) in enumerate(STATUSES)]) as logs:
        yield logs


def test_every_status_is_told_where_it_belongs(logs: Logs) -> None:
    assert [row["price_status"] for row in prices(logs)] == [status for status, _ in STATUSES]
    assert {status for status, _ in STATUSES} == PRICE_STATUS.keys()


def test_what_has_no_price_is_null_and_counted(logs: Logs) -> None:
    """Unpriced, priced and failed responses are all there are."""
    by_status = {row["price_status"]: row for row in logs.cost(by="price_status").rows(named=True)}
    for status, row in by_status.items():
        priced, failed = status in PRICED, status == "failed"
        assert row["unpriced"] == (0 if priced or failed else row["responses"])
        assert (row["cost_usd"] is None) is not priced
        assert row["priced_share"] == (None if failed else float(priced))
    total = logs.cost(by=[]).row(0, named=True)
    counts = Counter(status for status, _ in STATUSES)
    priced = sum(counts[status] for status in PRICED)
    assert total["responses"] == len(STATUSES)
    assert total["unpriced"] == len(STATUSES) - priced - 1
    assert total["approximate"] == counts["tier_fallback"] + counts["without_extras"]
    assert total["priced_share"] == pytest.approx(priced / (len(STATUSES) - 1))


@pytest.mark.parametrize("by", ["model", "day", "provider,service_tier", "price_model", "price_source", "id", "hour"])
def test_grouping_loses_no_cent(logs: Logs, by: str) -> None:
    total = logs.cost(by=[]).row(0, named=True)
    answer = logs.cost(by=by)
    assert answer["cost_usd"].sum() == pytest.approx(total["cost_usd"], abs=1e-12)
    assert answer["responses"].sum() == total["responses"]
    parts = answer["prompt_usd"].sum() + answer["completion_usd"].sum()
    assert parts == pytest.approx(total["cost_usd"], abs=1e-12)


@pytest.mark.parametrize("name", ["cost", "what_if", "reconcile"])
@pytest.mark.parametrize("asked", [{}, {"by": ["day", "model"], "tz": "Asia/Tokyo"}, {"by": [], "model": "gpt*"}])
def test_the_printed_query_runs_in_plain_duckdb(logs: Logs, tmp_path: Path, name: str, asked: dict[str, Any]) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text("date,model,cost\n2026-11-01,gpt-4o-2024-08-06,1.5\n2026-11-02,other,2\n")
    asked = asked | ({"tz": "UTC"} if name == "reconcile" else {})  # A bill has no other days.
    filters = Filters(**asked, what_if="o3" if name == "what_if" else None, bill=str(bill))
    plain = duckdb.connect()
    plain.execute("set TimeZone = 'UTC'")
    assert plain.sql(logs.show_sql(name, filters)).pl().equals(logs.ask(name, filters), null_equal=True)


def test_where_sees_prices(logs: Logs) -> None:
    assert logs.cost(by=[], where="price_status = 'exact' and cost_usd > 0.003")["unpriced"][0] == 0


def test_what_if_is_the_price_of_that_model(logs: Logs, tmp_path: Path) -> None:
    """Asking what if is the same as having asked that model; only what has both prices is compared."""
    asked = logs.cost(by="id", what_if="gpt-4.1-mini")
    swapped = [{**CHAT, "id": f"r{n}", **response, "model": "gpt-4.1-mini", "provider": None}
               for n, (_, response) in enumerate(STATUSES)]  # fmt: skip
    with logs_of(tmp_path / "store", swapped) as others:
        theirs = {row["id"]: row["cost_usd"] for row in others.cost(by="id").rows(named=True)}
    mine = {row["id"]: row["cost_usd"] for row in logs.cost(by="id").rows(named=True)}
    for row in asked.rows(named=True):
        both = mine[row["id"]] is not None and theirs[row["id"]] is not None
        assert row["compared"] == int(both)
        assert row["what_if_usd"] == (theirs[row["id"]] if both else None)
        assert row["cost_usd"] == (mine[row["id"]] if both else None)


@pytest.mark.parametrize("model", ["gpt-9", ""])
def test_an_unknown_model_is_no_answer_to_what_if(logs: Logs, model: str) -> None:
    with pytest.raises(QueryError, match=f"no price is known for --what-if '{model}'"):
        logs.cost(what_if=model)


@pytest.mark.parametrize("asked", ["cost", "reconcile"])
def test_a_file_without_a_name_is_not_the_same_as_none(logs: Logs, asked: str) -> None:
    with pytest.raises(FileError):
        logs.cost(prices="") if asked == "cost" else logs.reconcile("")


def test_an_empty_store_costs_nothing_known(tmp_path: Path) -> None:
    Store.create(tmp_path / "store")
    with Logs.open(tmp_path / "store") as empty:
        assert empty.cost().is_empty()
        assert empty.cost(by=[]).row(0, named=True)["cost_usd"] is None


# --- one's own prices ------------------------------------------------------------------------------------------

FILE = """
[[price]]
model = "llama*"
prompt = 0.2
completion = 0.4
cached = 0.05

[[price]]
model = "gpt-4o*"
tier = "standard"
prompt = 1
completion = 2

[[price]]
model = "gpt-4o*"
tier = "standard"
since = 2026-11-10
prompt = 3
completion = 2

[[price]]
model = "gpt-4o*"
tier = "standard"
since = 2026-11-10
prompt_over = 500
prompt = 10
completion = 20

[[price]]
model = "flat"
provider = "home"
request = 5.0

[[price]]
model = "Opus[1m]"
prompt = 3
completion = 6
"""
OWN: list[tuple[dict[str, Any], str, float | None]] = [
    ({"model": "llama-at-home"}, "exact", 0.00024),
    ({"model": "LLAMA-AT-HOME", "cached_tokens": 1_000}, "exact", 0.00009),
    ({"model": "llama-at-home", "service_tier": "flex"}, "tier_fallback", 0.00024),
    ({}, "exact", 0.0012),
    ({"service_tier": "priority"}, "exact", 0.00595),  # the list's, for the file has only the standard tier
    ({"created": dt.datetime(2026, 11, 10, tzinfo=dt.UTC)}, "exact", 0.012),
    ({"created": dt.datetime(2026, 11, 10, tzinfo=dt.UTC), "prompt_tokens": 500}, "exact", 0.0017),
    ({"model": "flat", "provider": "home"}, "exact", 0.005),
    ({"model": "flat"}, "unknown_model", None),
    ({"model": "opus[1m]", "prompt_tokens": 1_000, "completion_tokens": 0}, "exact", 0.003),
]


def test_own_prices_win(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(FILE)
    with logs_of(tmp_path / "store", [CHAT | response for response, _, _ in OWN]) as logs:
        for row, (_, status, cost) in zip(prices(logs, prices=str(path)), OWN, strict=True):
            assert row["price_status"] == status
            assert row["cost_usd"] == (None if cost is None else pytest.approx(cost, abs=1e-12)), row
        sources = set(logs.cost(by="price_source", prices=str(path))["price_source"])
        assert sources == {"prices.toml", f"genai-prices {genai_prices.__version__}", None}
        assert logs.cost(by=[], what_if="llama-x", prices=str(path))["compared"][0] == len(OWN) - 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no \\[\\[price\\]\\]"),
        ("price = 3", "holds no \\[\\[price\\]\\]"),
        ("[[price", "is not TOML"),
        ("[[price]]\nprompt = 1\ncompletion = 1", "price 1: it names no model"),
        ('[[price]]\nmodel = "a"', "price 1: it has no rates"),
        ('[[price]]\nmodel = "a"\nprompt = 1', "come together"),
        ('[[price]]\nmodel = "a"\nprompt = "much"\ncompletion = 1', "price 1, prompt: 'much' is no price"),
        ('[[price]]\nmodel = "a"\nprompt = -1\ncompletion = 1', "'-1' is no price"),
        ('[[price]]\nmodel = "a"\nprompt = nan\ncompletion = 1', "is no price"),
        ('[[price]]\nmodel = "a"\ninput = 1\ncompletion = 1', "unknown 'input'"),
        ('[[price]]\nmodel = "a"\nprompt = 1\ncompletion = 1\nsince = "soon"', "since is a day"),
        ('[[price]]\nmodel = "a"\nprompt = 1\ncompletion = 1\nprompt_over = 1.5', "prompt_over is a number"),
        ('[[price]]\nmodel = "a"\nprompt = 1\ncompletion = 1\nprompt_over = 9', "no price for shorter prompts"),
    ],
)
def test_a_mistake_in_a_price_file_is_told(logs: Logs, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(QueryError, match=told) as caught:
        logs.cost(prices=str(path))
    assert "\n" not in str(caught.value)


def test_a_price_file_may_be_json(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('[{"model": "llama*", "prompt": 0.2, "completion": 0.4}]')
    assert logs.cost(by=[], model="llama*", prices=str(path))["cost_usd"][0] == pytest.approx(0.00024)
    with pytest.raises(QueryError, match="cannot read --prices"):
        logs.cost(prices=str(tmp_path / "none.toml"))


def test_the_price_file_of_the_reference_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "commands" / "cost.md").read_text("utf-8")
    path = tmp_path / "prices.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    azure = CHAT | {"model": "gpt-4.1", "provider": "azure", "prompt_tokens": 1_000_000, "completion_tokens": 0}
    with logs_of(tmp_path / "store", [azure, azure | {"prompt_tokens": 100_000}]) as logs:
        assert [row["cost_usd"] for row in prices(logs, prices=str(path))] == [3.6, 0.18]


def test_the_last_day_there_is_has_a_price_and_a_day_on_every_clock(tmp_path: Path) -> None:
    """Some loggers write it for `never`; east of Greenwich its evening is in a year no program can hold."""
    last = [dt.datetime(9999, 12, 31, hour, 59, 59, tzinfo=dt.UTC) for hour in (0, 23)]
    with logs_of(tmp_path / "store", [CHAT | {"created": created} for created in last]) as logs:
        assert [row["price_status"] for row in prices(logs)] == ["exact", "exact"]
        assert logs.cost(by=[], what_if="gpt-4.1")["compared"].to_list() == [2]
        for by in ("hour", "day", "week", "month"):
            for tz in ("Pacific/Kiritimati", "America/New_York", "UTC"):
                answer = logs.usage(by=by, tz=tz)
                assert answer["responses"].sum() == 2
                assert {when.year for when in answer[by].to_list()} == {9999}

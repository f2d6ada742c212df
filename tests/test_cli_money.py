"""cost, reconcile and diff as commands: what stands on stdout, what is told on stderr, and what they exit with."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from commands import Run
from test_bills import RESPONSES
from test_pricing import CHAT, logs_of

SAMPLES = Path(__file__).parent.parent / "sample_data"
CHANGE = ("--before", "2026-10-09..2026-10-17", "--after", "2026-10-18..")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("priced") / "store"
    with logs_of(path, [CHAT | response for response in RESPONSES]) as logs:
        return logs.path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The stored completions of the sample logs: the ones with the backend change."""
    from chatlogs import ingest

    path = tmp_path_factory.mktemp("sample") / "store"
    ingest(str(SAMPLES / "completions-*"), path)
    return str(path)


def test_a_sum_of_money_tells_what_it_leaves_out(run: Run, store: str) -> None:
    result = run("cost", store)
    assert result.code == 0
    assert result.out.splitlines()[-1].split()[:3] == ["total", "7", "2"]
    assert "1 response (llama): not priced: the log names a provider without a price list." in result.err
    assert "1 response: not priced: the log does not name its model." in result.err
    assert "US dollars by genai-prices" in result.err
    assert run("cost", store, "-q").err == ""


def test_a_sum_that_is_whole_says_only_whose_prices_they_are(run: Run, store: str) -> None:
    assert len(run("cost", store, "-m", "gpt*").err.splitlines()) == 1
    assert "not priced" in run("cost", store, "-n", "1").err  # what is cut from the table is in the total


def test_prices_of_ones_own(run: Run, store: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "llama"\nprompt = 1\ncompletion = 10\n')
    result = run("cost", store, "--prices", str(path), "-m", "llama", "--json")
    assert json.loads(result.out)[0]["cost_usd"] == 0.002
    assert f"US dollars by {path}, then genai-prices" in run("cost", store, "--prices", str(path)).err


def test_what_if(run: Run, store: str) -> None:
    result = run("cost", store, "--what-if", "gpt-4.1-mini", "--json", "--by", "")
    row = json.loads(result.out)[0]
    assert row["compared"] == 5
    assert row["difference_usd"] == pytest.approx(row["what_if_usd"] - row["cost_usd"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["cost", "--what-if", "gpt-9"], "no price is known for --what-if 'gpt-9'"),
        (["cost", "--what-if", ""], "no price is known for --what-if ''"),
        (["cost", "--by", "price"], "Did you mean"),
        (["cost", "--sort", "usd"], "unknown column 'usd' for --sort"),
        (["reconcile", "--bill", str(SAMPLES / "costs.csv"), "--by", "id"], "unknown column 'id' for --by"),
        (["diff", *CHANGE, "--fail-on", "refusals"], "Did you mean 'refusal'?"),
        (["diff", *CHANGE, "--fail-on", ","], "--fail-on names no measure"),
        (["diff", "--before", "2026-10-02..2026-10-01", "--after", "o1"], "ends before it begins"),
        (["diff", "--before", "gpt*", "--after", "gpt-4o*"], "both before and after"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence(run: Run, store: str, words: list[str], told: str) -> None:
    result = run(words[0], store, *words[1:])
    assert result.code == 2
    assert result.out == ""
    assert told in result.err
    assert len(result.err.splitlines()) == 1


def test_prices_that_fit_nothing_are_told(run: Run, store: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    entry = '[[price]]\nmodel = "{}"\nprompt = 1\ncompletion = 2\n'
    path.write_text(entry.format("gpt-9*") + entry.format("gpt-4o*") + 'tier = "bacth"\n')
    err = run("cost", store, "--prices", str(path)).err
    assert "2 of 2 prices fit no response: gpt-9*, gpt-4o* (tier bacth; did you mean 'batch'?)" in err
    assert "US dollars by genai-prices" in err
    path.write_text(entry.format("gpt-9*") + entry.format("gpt-4o*"))
    err = run("cost", store, "--prices", str(path)).err
    assert "1 of 2 prices fit no response: gpt-9*\n" in err and f"US dollars by {path}, then genai" in err
    path.write_text(entry.format("gpt-4o*").replace("model", "modle"))
    assert "unknown 'modle'. Did you mean 'model'?" in run("cost", store, "--prices", str(path)).err


@pytest.mark.parametrize("words", [["cost", "--prices"], ["reconcile", "--bill"]])
def test_a_file_that_is_not_there_is_told_as_a_missing_log_is(run: Run, store: str, words: list[str]) -> None:
    result = run(words[0], store, words[1], "nowhere.toml")
    assert (result.code, result.out) == (run("usage", "nowhere.jsonl").code, "") == (1, "")
    assert "nowhere.toml: No such file or directory." in result.err
    assert run(words[0], store, words[1], "").code == 1  # A variable that is not set names no file.


def test_a_mistake_in_a_file_is_told_before_logs_are_read(run: Run, tmp_path: Path) -> None:
    for words in (["--prices", "nowhere.toml"], ["--what-if", "gpt-9"], ["--by", "price"]):
        assert "cannot find" not in run("cost", str(tmp_path / "no-logs"), *words).err
    assert "cannot read --prices" in run("cost", str(tmp_path / "no-logs"), "--prices", "nowhere.toml").err


def test_the_sample_bill_agrees_but_for_what_is_planted(run: Run, stored: str) -> None:
    words = ("reconcile", stored, "--bill", str(SAMPLES / "costs.csv"), "--where", "model like 'gpt-4o-2%'")
    rows = json.loads(run(*words, "-m", "gpt-4o-2*", "--json").out)
    off = [row["day"] for row in rows if abs(row["difference_usd"]) > 1e-9]
    assert len(rows) == 28
    assert off == ["2026-10-21"]
    told = run(*words, "-m", "gpt-4o-2*")
    assert "the bill is for 2026-09-28 to 2026-10-25" in told.err


def test_diff_tells_what_changed_and_a_gate_exits_with_4(run: Run, stored: str) -> None:
    result = run("diff", stored, *CHANGE)
    assert result.code == 0
    sentences, table = result.out.split("\n\n")
    assert "gpt-4o-mini-2024-07-18: finish_reason length went from" in sentences
    assert "length" in table and "<0.001" in table
    assert "of" in result.err and "comparisons changed (p < 0.01" in result.err
    assert run("diff", stored, *CHANGE, "--fail-on", "finish_reason,refusal").code == 4
    assert run("diff", stored, *CHANGE, "--fail-on", "any").code == 4
    assert run("diff", stored, *CHANGE, "--fail-on", "refusal").code == 0


def test_a_gate_judges_first_and_cuts_rows_then(run: Run, stored: str) -> None:
    """-n is about what is shown: neither the count nor the exit code hangs on it."""
    whole, cut = (run("diff", stored, *CHANGE, "--fail-on", "finish_reason", *more) for more in ([], ["-n", "2"]))
    assert (whole.code, cut.code) == (4, 4)
    assert cut.err == whole.err
    sentences, table = cut.out.split("\n\n")
    assert len(sentences.splitlines()) == 2 and len(table.splitlines()) == 3
    assert len(json.loads(run("diff", stored, *CHANGE, "-n", "2", "--json").out)) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--fail-on", "any", "--by", "day"], "nothing could be compared"),
        (["--fail-on", "finish_reason", "--by", "day"], "finish_reason could not be compared"),
        (["--fail-on", "refusal,whole_seconds"], "whole_seconds could not be compared"),
    ],
)
def test_a_gate_that_could_not_judge_does_not_pass(run: Run, stored: str, words: list[str], told: str) -> None:
    result = run("diff", stored, *CHANGE, *words)
    assert result.code == 1
    assert f"Error: --fail-on: {told}" in result.err


def test_diff_is_quiet_where_nothing_changed(run: Run, stored: str) -> None:
    result = run("diff", stored, "--before", "2026-09-28..2026-10-02", "--after", "2026-10-12..2026-10-16")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("0 of ")
    everything = run("diff", stored, "--before", "2026-09-28..2026-10-02", "--after", "2026-10-12..2026-10-16", "--all")
    assert everything.out.count("finish_reason") > 8


def test_programs_get_every_comparison(run: Run, stored: str, tmp_path: Path) -> None:
    rows = json.loads(run("diff", stored, *CHANGE, "--json").out)
    assert {row["changed"] for row in rows} == {True, False}
    assert list(rows[0])[:3] == ["model", "measure", "value"]
    assert run("diff", stored, *CHANGE, "-o", str(tmp_path / "diff.parquet")).out == ""
    assert duckdb.sql(f"select count(*) from '{tmp_path}/diff.parquet'").fetchall() == [(len(rows),)]


@pytest.mark.parametrize(
    "words",
    [["cost"], ["cost", "--what-if", "o3"], ["reconcile", "--bill", str(SAMPLES / "costs.csv")], ["diff", *CHANGE]],
)
def test_show_sql_prints_what_runs(run: Run, stored: str, words: list[str]) -> None:
    told = run(words[0], stored, *words[1:], "--show-sql")
    assert told.out.startswith("-- ")
    assert duckdb.sql(told.out.rstrip().rstrip(";")).fetchall()

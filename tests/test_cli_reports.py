"""What commands of reports say besides their tables: notes, hints, completion; and SQL that may read a little more."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import polars as pl
import pytest
import reported_log
from commands import Run

import chatlogs
from chatlogs import cli
from chatlogs.asking import counting
from chatlogs.asking.differences import MEASURES
from chatlogs.asking.reports import REPORTS
from chatlogs.errors import QueryError
from chatlogs.telling import report

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("told")
    chatlogs.ingest(reported_log.write(folder), folder / "store")
    return str(folder / "store")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    log = tmp_path_factory.mktemp("empty") / "log.jsonl"
    log.write_text("no json\n")
    chatlogs.ingest(log, log.parent / "store")
    return str(log.parent / "store")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sample") / "store"
    chatlogs.ingest([str(ROOT / "sample_data" / "*.jsonl*"), str(ROOT / "sample_data" / "transcripts.sse")], path)
    return str(path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["usage"], "5 of 27 responses without usage (3 errors, 1 truncated)"),
        (["finish"], "2 choices never got a finish_reason"),
        (["finish"], "4 choices stopped for length; chatlogs limits"),
        (["backends"], "7 responses without system_fingerprint: model and service tier stand in"),
        (["backends"], "4 responses to requests with a seed; chatlogs repeats"),
        (["repeats", "-m", "o1"], "no request with a seed was made twice"),
        (["latency", "-m", "llama"], "only servers tell of times here: a logger must add started_at"),
        (["latency", "-m", "o1"], "these logs carry no times: a logger must add started_at"),
        (["errors", "-m", "gpt*"], "no failed response matches the filter"),
        (["errors", "--where", "status_code = 418"], "no failed response matches the filter"),
        (["errors", "-m", "gpt-9"], "no model matches; these logs hold: gpt-4o, o1"),
        (["tools", "-m", "o1"], "no tool call matches the filter"),
        (["finish", "-n", "1"], "4 choices stopped for length"),
        (["backends", "-m", "o1", "--where", "seed = 7"], "nothing matches the filter"),
        (["usage", "--since", "2026-01-01"], "1 response without a time"),
        (["tools", "--since", "2027-01-01"], "no tool call matches the filter"),
        (
            ["usage", "-m", "gpt-4"],
            "no model matches; these logs hold: gpt-4o, o1, llama, Qwen/Qwen3, gpt-oss; did you mean 'gpt-4*'?",
        ),
        (["logprobs"], "ingest with --logprobs"),
        (["logprobs", "-m", "o1"], "ask the API for them with logprobs=true"),
        (["audit"], "2 responses without usage: their answers have some"),
        (["audit"], "--count-tokens"),
        (["audit", "--by", "model"], "rows with nothing to tell left out of the table; --json has all"),
        (["logprobs"], "4 rows with nothing to tell left out"),
        (["cache", "--where", "false"], "nothing matches"),
    ],
)
def test_what_a_table_does_not_show_is_told(run: Run, store: str, words: list[str], told: str) -> None:
    result = run(words[0], store, *words[1:])
    assert result.code == 0
    assert told in result.err
    assert run(words[0], store, *words[1:], "-q").err == ""


def test_what_usage_lacks_of_its_counts_is_told(run: Run, tmp_path: Path) -> None:
    """A sum is of what is reported, and nobody makes up the rest."""
    counts = [(100, 10, 110), (900, 90, None), (500, None, 500)]
    records = [
        reported_log.completion(number)
        | {"usage": dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), told, strict=True))}
        for number, told in enumerate(counts)
    ]
    log, bill = tmp_path / "log.jsonl", tmp_path / "bill.csv"
    log.write_text("\n".join(map(json.dumps, records)))
    bill.write_text("date,model,input_tokens,output_tokens\n2026-01-01,gpt-4o,1500,100\n")
    usage = run("usage", str(log), "--json")
    row = json.loads(usage.out)[0]
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (1500, 100, 610)
    assert (row["no_usage"], row["part_usage"]) == (0, 2)
    assert "1 response with usage but without completion_tokens" in usage.err
    assert "1 response with usage but without total_tokens: that sum leaves them out" in usage.err
    assert "2 responses without some of these" in " ".join(run("summary", str(log)).out.split())
    billed = run("reconcile", str(log), "--bill", str(bill), "--json")
    assert json.loads(billed.out)[0]["total_tokens"] == 610
    assert "1 response with usage but without total_tokens" in billed.err


@pytest.mark.parametrize("name", [*(name for name in REPORTS if name != "rejects"), "report", "export"])
def test_logs_without_responses_are_told_in_the_same_words(run: Run, empty: str, name: str) -> None:
    """And what would be asked for, had there been any, is not."""
    result = run(name, empty)
    assert result.code == 0
    assert "nothing is there" in result.err.splitlines()
    assert "logprobs=true" not in result.err and "must add started_at" not in result.err


def test_a_filter_that_nothing_matches_is_told_below_money_too(run: Run, store: str) -> None:
    assert "nothing matches the filter" in run("cost", store, "--where", "false").err


def test_notes_that_have_nothing_to_say_are_silent(run: Run, store: str) -> None:
    assert run("usage", store, "--where", "usage_source = 'reported'").err == ""
    assert run("latency", store, "-m", "gpt-4o").err == ""
    assert "count-tokens" not in run("audit", store, "--count-tokens").err


def test_notes_heed_the_filters(run: Run, store: str) -> None:
    """What the filters leave out anyway is no news."""
    assert "seed" not in run("backends", store, "-m", "llama").err
    assert "without a time" not in run("usage", store, "-m", "llama", "--since", "2026-01-01").err
    assert "without a time" not in run("finish", store, "-m", "llama", "--since", "2026-01-01").err


def test_a_summary_by_filters_tells_nothing_of_the_rest(run: Run, store: str) -> None:
    words = ["-m", "gpt*", "--since", "2026-01-01", "--where", "form = 'completion'"]
    result = run("summary", store, *words)
    assert "sources:" not in result.out and "equal copies" not in result.out
    assert f"chatlogs finish {store} --since 2026-01-01 -m 'gpt*' --where 'form = '\"'\"'completion" in result.err
    assert "none: no response matches the filter" in run("summary", store, "--since", "2027-01-01").out
    assert (
        "sources:" not in run("summary", store, "--since", "2027-01-01").out
        and "1 source:" in run("summary", store).out
    )


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["tools", "--by", "tool,model"], ["tools", "--by", "model"]),
        (["errors", "--by", "http_status"], ["errors", "--by", ""]),
        (["backends", "--by", "backend"], ["backends", "--by", ""]),
        (["tools", "--by", "name,kind"], ["tools", "--by", ""]),
    ],
)
def test_what_always_tells_rows_apart_may_be_named_as_a_key(
    run: Run, store: str, words: list[str], same: list[str]
) -> None:
    """And stands there once, for people."""
    one, other = (run(command[0], store, *command[1:]) for command in (words, same))
    assert one.code == 0
    assert one.out.splitlines()[0] == other.out.splitlines()[0]
    assert sorted(one.out.splitlines()) == sorted(other.out.splitlines())


def _examples() -> list[str]:
    """Every line of every help that asks something of a store."""
    lines = []
    for section in cli.SECTIONS.values():
        for name in section:
            command = cli.cli.get_command(click.Context(cli.cli), name)
            assert command is not None
            told = inspect.cleandoc(command.help or "")
            found = re.findall(rf"^ +(chatlogs {name} .*?store\b.*?)(?:   .*)?$", told, re.MULTILINE)
            lines += [line for line in found if name not in ("ingest", "demo", "reconcile", "forget")]
    return lines


@pytest.mark.parametrize("example", _examples())
def test_the_examples_of_the_help_do_what_they_say(sample: str, tmp_path: Path, example: str) -> None:
    """Asked of the sample logs: each runs, and names nothing that is not there."""
    (tmp_path / "store").symlink_to(sample)
    (tmp_path / "query.sql").write_text("select 1 as one")
    (tmp_path / "t.csv").write_text("model,team\no1,red\n")
    (tmp_path / "contract.toml").write_text('[[price]]\nmodel = "gpt*"\nprompt = 1\ncompletion = 2\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "chatlogs").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatlogs "$@"\n')
    (tmp_path / "bin" / "chatlogs").chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode in ((0, 4) if "--fail-on" in example else (0,)), done.stderr
    assert "unknown" not in done.stderr and "no model matches" not in done.stderr


def test_an_audit_by_key_shows_people_what_was_found_and_programs_everything(run: Run, store: str) -> None:
    assert "negative_tokens" in run("audit", store).out
    assert "negative_tokens" not in run("audit", store, "--by", "model").out
    assert "negative_tokens" in run("audit", store, "--by", "model", "--csv").out


def test_tokens_are_counted_only_by_who_can(run: Run, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(
        r for r in json.loads(run("audit", store, "--count-tokens", "--json").out) if r["rule"] == "missing_usage"
    )
    assert row["counted_completion_tokens"] > 0
    monkeypatch.setitem(sys.modules, "toktok", None)
    with pytest.raises(QueryError, match=r"chatlogs\[tokens\]"):
        counting.count(["x"], "o200k_base")
    result = run("audit", store, "--count-tokens")
    assert result.code == 2 and "pip install" in result.err


@pytest.mark.parametrize("suffix", ["json", "jsonl", "ndjson", "csv", "tsv", "md", "txt", "parquet"])
def test_every_format_takes_every_report(store: str, tmp_path: Path, suffix: str) -> None:
    with chatlogs.open(store) as logs:
        frames = {name: logs.ask(name) for name in REPORTS}
    for name, frame in frames.items():
        path = tmp_path / f"{name}.{suffix}"
        report.save(frame, str(path), report.SUFFIXES[path.suffix])
        if suffix == "parquet":
            assert pl.read_parquet(path).equals(frame)
        elif suffix == "json":
            assert [list(row) for row in json.loads(path.read_text())] == [frame.columns] * frame.height
        else:
            lines = path.read_text().splitlines()
            assert len(lines) >= frame.height and "…" not in path.read_text()


class TestSql:
    def test_f_is_a_file_and_a_format_gets_a_hint(self, run: Run, store: str, tmp_path: Path) -> None:
        (tmp_path / "q.sql").write_text("select 7 as x")
        for flag in ("-f", "-F", "--file"):
            assert run("sql", flag, str(tmp_path / "q.sql"), store, "--csv").out == "x\n7\n"
        result = run("sql", "-f", "csv", store)
        assert result.code == 2 and "--format csv" in result.err

    def test_reports_stand_there_by_name(self, run: Run, store: str) -> None:
        out = run("sql", "select backend from backends where engine = 'vllm'", store, "--csv").out
        assert out == "backend\nvllm-0.24.0-tp4-6d31f84d\n"
        assert "sql: " not in run("sql", "select count(*) as n from usage join finish using (model)", store).err

    def test_other_files_are_read_only_when_allowed(self, run: Run, store: str, tmp_path: Path) -> None:
        teams, secret = tmp_path / "teams.csv", tmp_path / "secret.csv"
        teams.write_text("model,team\no1,red\n")
        secret.write_text("model,team\no1,blue\n")
        query = "select team, responses from usage join '{}' using (model)"
        assert run("sql", query.format(teams), store, "--allow", str(teams), "--csv").out == "team,responses\nred,4\n"
        assert (
            run("sql", query.format(secret), store, "--allow", str(tmp_path), "--csv").out == "team,responses\nblue,4\n"
        )
        for allowed in ([], ["--allow", str(teams)]):
            result = run("sql", query.format(secret), store, *allowed)
            assert result.code == 1 and "--allow" in result.err and not result.out
        with chatlogs.open(store) as logs:
            assert logs.sql(f"from '{teams}'", allow=teams)["team"].item() == "red"

    def test_what_is_allowed_is_allowed_to_be_read_and_nothing_more(self, run: Run, store: str, tmp_path: Path) -> None:
        query = f"copy (select 1 as x) to '{tmp_path / 'out.csv'}'"
        assert run("sql", query, store, "--allow", str(tmp_path)).code == 2
        assert not list(tmp_path.iterdir())


def test_a_negative_key_is_no_option(run: Run, store: str) -> None:
    with chatlogs.open(store) as logs:
        key = logs.sql("select min(completion_key) as k from completions").item()
    assert key < 0
    assert run("show", str(key), store).code == 0
    assert run("show", "99999999999999999999", store).code == 1


def test_the_schema_explains_reports(run: Run) -> None:
    assert "returns" in run("schema", "backends").out
    assert all(name in run("schema", "reports").out for name in REPORTS)
    assert "longest_gap" in run("schema", "metrics").out
    assert "duplicates" in run("schema", "rules").out
    assert "p_adjusted" in run("schema", "diff").out and "bill_usd" in run("schema", "reconcile").out
    assert "first_seen" in run("schema", "summary").out
    assert run("schema", "flags").out.split("\n")[0].split() == ["name", "doc"]
    assert set(re.findall(r"^\w+", run("schema", "measures").out, re.MULTILINE)) == {"name", *MEASURES}
    assert "Did you mean 'backends'" in run("schema", "backend").err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("chatlogs back", "plain,backends"),
        ("chatlogs usage x --by model,system_f", "plain,model,system_fingerprint"),
        ("chatlogs latency x --sort p9", "plain,p90"),
        ("chatlogs tools x --by na", "plain,name"),
        ("chatlogs schema met", "plain,metrics"),
        ("chatlogs usage x --form", "plain,--format"),
        ("chatlogs usage x --format j", "plain,jsonl"),
        ("chatlogs diff x --fail-on status,ref", "plain,status,refusal"),
        ("chatlogs usage x --container lit", "plain,litellm"),
        ("chatlogs ingest x --content h", "plain,hash"),
        *(
            (f"chatlogs {words} log", "file,log")
            for words in (
                "usage",
                "sql x",
                "show x",
                "verify",
                "forget",
                "ingest",
                "ingest x -o",
                "usage x -o",
                "cost x --prices",
                "reconcile x --bill",
                "sql -f",
            )
        ),
    ],
)
def test_the_shell_completes(typed: str, offered: str) -> None:
    words = typed.split()
    environment = os.environ | {
        "_CHATLOGS_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)
    }  # fmt: skip
    told = subprocess.run([sys.executable, "-m", "chatlogs"], env=environment, capture_output=True, text=True)
    assert offered in told.stdout.splitlines(), told


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1", "COLUMNS": "20"}])
def test_pipes_get_whole_lines_without_colour(store: str, more: dict[str, str]) -> None:
    command = [sys.executable, "-m", "chatlogs", "backends", store]
    out = subprocess.run(command, capture_output=True, text=True, env=os.environ | more, check=True).stdout
    assert "\x1b" not in out and "…" not in out and "█" in out
    assert len(out.splitlines()) == 10


def test_names_from_logs_reach_no_terminal_as_they_are(run: Run, tmp_path: Path) -> None:
    """What a terminal would obey is shown in notes and errors too."""
    evil = "gpt\x1b]0;pwned\x07\x9b"
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    answer = {"id": f"c{evil}", "object": "chat.completion", "created": 1, "model": evil, "choices": [choice]}
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(answer | {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}))
    shown = "gpt\\x1b]0;pwned\\x07\\x9b"
    for words in (["usage", str(path), "-m", "x"], ["cost", str(path)], ["show", "cgpt", str(path)]):
        told = run(*words)
        assert shown in told.err
        assert not any(mark in told.err + told.out for mark in evil if mark < " " or mark > "~")

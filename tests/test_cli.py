"""stdout is data, stderr is for people, exit codes mean something, and help is quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asked_store
import polars as pl
import pytest
from commands import Result, Run

import chatlogs
from chatlogs import cli
from chatlogs.keeping import upkeep
from chatlogs.schema import FLAGS, TABLES

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1767310200,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return asked_store.make(tmp_path_factory.mktemp("cli") / "store")


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(COMPLETION) + "\n\nno json\n")
    return str(path)


COMMANDS = [name for section in cli.SECTIONS.values() for name in section]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run: Run, name: str) -> None:
    for flag in ("-h", "--help"):
        result = run(name, flag)
        assert result.code == 0
        assert result.out.startswith(f"Usage: chatlogs {name}")


def test_the_first_screen_has_examples(run: Run) -> None:
    out = run("--help").out
    assert out.count("  chatlogs ") >= 3
    assert all(f"  {name} " in out for name in COMMANDS)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, chatlogs.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'duckdb', 'pyarrow', 'rich', 'deltalake', 'numpy', 'msgspec', 'importlib.metadata'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stderr.strip() == "[]"


def test_versions_for_a_bug_report(run: Run) -> None:
    out = run("--version").out
    assert all(name in out for name in ("chatlogs", "Python", "duckdb", "polars", "pyarrow", "deltalake"))


@pytest.mark.parametrize("name", ["usage", "finish", "flags", "rejects", "summary"])
def test_json_is_what_python_answers(run: Run, store: str, name: str) -> None:
    result = run(name, store, "--json", "-q")
    assert result.code == 0
    assert result.err == ""
    rows = json.loads(result.out)
    with chatlogs.open(store) as logs:
        frame = logs.ask(name)
    assert [list(row) for row in rows] == [frame.columns] * frame.height
    assert [json.loads(line) for line in run(name, store, "--jsonl").out.splitlines()] == rows


def test_tables_have_totals_and_say_what_they_leave_out(run: Run, store: str) -> None:
    result = run("usage", store)
    assert result.out.splitlines()[-1].split()[:2] == ["total", "6"]
    assert "2 of 6 responses without usage (1 error, 1 truncated)" in result.err
    assert run("usage", store, "-q").err == ""
    assert "(none seen)" in run("finish", store).out


def test_notes_speak_of_all_rows_not_only_of_those_shown(run: Run, store: str) -> None:
    assert "2 of 6 responses without usage" in run("usage", store, "-n", "1").err


def test_options_reach_the_question(run: Run, store: str) -> None:
    words = ("usage", store, "--by", "day", "--tz", "Europe/Berlin", "-m", "gpt*", "-m", "o1", "--since", "2026-01-01")
    rows = json.loads(run(*words, "--until", "2026-01-02", "--where", "prompt_tokens > 10", "--json").out)
    assert [(row["day"], row["responses"]) for row in rows] == [("2026-01-02", 2)]
    assert json.loads(run("usage", store, "--by", "", "--json").out)[0]["responses"] == 6
    assert [
        row["model"] for row in json.loads(run("usage", store, "--sort", "model:desc", "-n", "1", "--json").out)
    ] == ["o1"]


def test_an_empty_answer_says_why(run: Run, store: str) -> None:
    assert "these logs hold: gpt-4o, o1" in run("usage", store, "-m", "gpt-5*").err
    assert "nothing matches" in run("usage", store, "--where", "false").err
    assert "1 response without a time" in run("usage", store, "--since", "2026-01-01").err


def test_files_take_their_format_from_the_suffix(run: Run, store: str, tmp_path: Path) -> None:
    for suffix in ("json", "csv", "md", "parquet", "txt"):
        result = run("finish", store, "-o", str(tmp_path / f"x.{suffix}"))
        assert (result.code, result.out) == (0, "")
    assert pl.read_parquet(tmp_path / "x.parquet").height == 5
    assert run("finish", store, "-o", "-", "--csv").out == (tmp_path / "x.csv").read_text()
    assert run("finish", store, "-o", str(tmp_path / "x.data")).code == 2
    assert run("finish", store, "-o", str(tmp_path / "x.data"), "-f", "tsv").code == 0


def test_parquet_can_be_piped(store: str, tmp_path: Path) -> None:
    with open(tmp_path / "piped.parquet", "wb") as file:
        subprocess.run([sys.executable, "-m", "chatlogs", "usage", store, "-f", "parquet"], stdout=file, check=True)
    assert pl.read_parquet(tmp_path / "piped.parquet").height == 3


def test_shown_sql_is_what_python_shows(run: Run, store: str) -> None:
    with chatlogs.open(store) as logs:
        assert run("usage", store, "--show-sql").out == logs.show_sql("usage") + ";\n"


class TestSql:
    def test_answers(self, run: Run, store: str) -> None:
        query = "select count(*) as n from completions where model = $m and prompt_tokens >= $p"
        assert run("sql", query, store, "-p", "m=gpt-4o", "-p", "p=100", "--csv").out == "n\n2\n"

    def test_queries_come_from_files_and_stdin(self, run: Run, store: str, tmp_path: Path) -> None:
        file = tmp_path / "q.sql"
        file.write_text("select 7 as x")
        assert run("sql", "--file", str(file), store, "--csv").out == "x\n7\n"
        piped = subprocess.run(
            [sys.executable, "-m", "chatlogs", "sql", "-", store, "--csv"],
            input="select 8 as x", capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert piped.stdout == "x\n8\n"
        missing = run("sql", "--file", str(tmp_path / "none.sql"), store)
        assert missing.code == 1 and missing.err.endswith("none.sql: No such file or directory.\n")

    @pytest.mark.parametrize(
        ("value", "kind"), [("1", "int"), ("true", "bool"), ('"1"', "str"), ("x", "str"), ("[1]", "str")]
    )
    def test_values_are_json_scalars_or_text(self, run: Run, store: str, value: str, kind: str) -> None:
        told = json.loads(run("sql", "select $v as v", store, "-p", f"v={value}", "--json").out)
        assert type(told[0]["v"]).__name__ == kind

    @pytest.mark.parametrize("value", ["date 'infinity'", "timestamptz '0044-01-01 (BC)'"])
    def test_times_that_are_none_are_told_in_a_sentence(self, run: Run, store: str, value: str) -> None:
        result = run("sql", f"select {value} as v", store)
        assert (result.code, result.out, len(result.err.splitlines())) == (1, "", 1)
        assert "cast it to varchar" in result.err
        assert run("sql", f"select ({value})::varchar as v", store).code == 0

    def test_integers_of_any_width_keep_their_digits_in_lists(self, run: Run, store: str) -> None:
        wide = 2**127 - 1
        query = f"select [{wide}::hugeint] as a, {{'b': {wide}::hugeint}} as c, time '24:00:00' as d"
        (row,) = json.loads(run("sql", query, store, "--json").out)
        assert row == {"a": [wide], "c": {"b": wide}, "d": "24:00:00"}
        assert run("sql", query, store, "--csv").out.count(str(wide)) == 2

    def test_errors(self, run: Run, store: str) -> None:
        assert run("sql", "selec 1", store).code == run("sql", "select wek from completions", store).code == 2
        assert run("sql", "select model::int as n from completions", store).code == 1
        assert run("sql", "select 1").code == 2
        assert run("sql", "select 1", store, "-p", "x").code == 2
        for query, told in (("$m", "has no value for $m: give it with -p m=VALUE"), ("1", "no $n in the query")):
            result = run("sql", f"select {query}", store, "-p", "n=1")
            assert result.code == 2 and told in result.err
        result = run("sql", "copy (select 1) to 'x'", store)
        assert result.code == 2 and "only queries that read" in result.err
        slow = "select sum(hash(a.range * b.range)) from range(10000000) a, range(100000) b"
        assert "time limit" in run("sql", slow, store, "--timeout", "0.2").err

    @pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
    def test_a_time_limit_is_a_number_of_seconds(self, run: Run, store: str, seconds: str) -> None:
        for logs in (store, "no-logs.jsonl"):  # Before hours of reading, too.
            result = run("sql", "select 1", logs, "--timeout", seconds)
            assert (result.code, result.out) == (2, "") and "a time limit is a number of seconds" in result.err


class TestShow:
    def test_one_exchange_is_readable_and_inert(self, run: Run, store: str) -> None:
        out = run("show", "chatcmpl-1", store).out
        assert "What is red?" in out and "\\x1b[31mred" in out and "\x1b" not in out
        assert "logs/a.jsonl, line 1" in out
        result = run("show", "chatcmpl-4", store)
        assert FLAGS["id_collision"] in result.out and '"city": "Köln"' in result.out
        assert "2 responses" in result.err

    def test_json_has_the_rows(self, run: Run, store: str) -> None:
        rows = json.loads(run("show", "chatcmpl-4", store, "--json").out)
        assert [row["table"] for row in rows] == ["completions"] * 2 + ["choices"] * 2 + ["tool_calls"]
        assert list(rows[0]) == ["table", *TABLES["completions"].names]

    def test_calls_are_shown_beside_texts_and_however_deep_they_nest(self, run: Run, tmp_path: Path) -> None:
        deep = '{"a":' + "[" * 3_000 + "]" * 3_000 + "}"
        call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": deep}}
        said = {"role": "assistant", "content": "Let me see.", "tool_calls": [call]}
        choices = [{"index": 0, "message": said, "finish_reason": "tool_calls"}]
        response = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
        log = tmp_path / "log.jsonl"
        log.write_text(json.dumps({"request": {"messages": [said]}, "response": response}))
        result = run("show", "chatcmpl-1", str(log))
        assert result.code == 0
        assert result.out.count("Let me see.") == result.out.count("look_up") == 2
        assert result.out.count("[" * 3_000) == 2

    def test_unknown_ids(self, run: Run, store: str) -> None:
        result = run("show", "nope", store)
        assert (result.code, result.out) == (1, "")
        assert "no response goes by 'nope'" in result.err


def test_the_schema_is_all_declared(run: Run) -> None:
    rows = json.loads(run("schema", "--json").out)
    assert {row["table"] for row in rows if row["kind"] == "table"} == set(TABLES)
    assert [row["name"] for row in rows if (row["kind"], row["table"]) == ("column", "choices")] == TABLES[
        "choices"
    ].names
    assert {row["name"] for row in rows if row["kind"] == "flag"} == set(FLAGS)
    assert "choice_index" in run("schema", "choices").out
    assert all(table in run("schema").out for table in TABLES)
    result = run("schema", "choises")
    assert result.code == 2 and "Did you mean 'choices'" in result.err


def test_a_whole_store_verifies_and_a_broken_one_does_not(run: Run, tmp_path: Path) -> None:
    path = asked_store.make(tmp_path / "store")
    assert run("verify", path) == Result(0, "", f"{path} is whole\n")
    assert run("compact", path).code == 0
    assert run("verify", path).code == 0
    (tmp_path / "store" / "choices" / "stray.parquet").write_bytes(b"")
    result = run("verify", path)
    assert result.code == 1 and "stray.parquet" in result.out
    assert result.err == "1 problem\n"


@pytest.mark.parametrize("damage", ["missing", "cut"])
@pytest.mark.parametrize("question", [["finish"], ["sql", "from choices"], ["show", "chatcmpl-1"]])
def test_a_damaged_store_is_told_by_its_file(run: Run, tmp_path: Path, damage: str, question: list[str]) -> None:
    """In one sentence, and only to who asks for what is damaged."""
    path = asked_store.make(tmp_path / "store")
    for file in (tmp_path / "store" / "choices").glob("*.parquet"):
        if not file.name.startswith("00000"):
            file.unlink() if damage == "missing" else file.write_bytes(file.read_bytes()[:200])
    result = run(*question, path)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Error: the store {path} is damaged: choices/")
    assert result.err.endswith(f"is missing or unreadable; `chatlogs verify {path}` lists all.\n")
    assert len(result.err.splitlines()) == 1
    assert run("usage", path).code == 0


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "garbage", "flipped"])
@pytest.mark.parametrize("name", ["completions/2*", "choices/2*", "completions/0*", "sources/2*", "sources/0*"])
def test_a_damaged_store_takes_no_log_and_says_why(run: Run, log: str, tmp_path: Path, name: str, damage: str) -> None:
    """An ingest that meets what it cannot read leaves the store as it is; one that need not read it may go on."""
    store = tmp_path / "store"
    assert run("ingest", log, "-o", str(store)).code == 0
    more = tmp_path / "more.jsonl"
    more.write_bytes(Path(log).read_bytes().replace(b"Hello", b"Good day"))
    file = next(iter(sorted(store.glob(f"{name}.parquet"))))
    data = file.read_bytes()
    forms = {"cut": data[: len(data) // 2], "empty": b"", "garbage": bytes(range(256)) * 20}
    forms["flipped"] = data[:-200] + bytes(byte ^ 255 for byte in data[-200:-100]) + data[-100:]
    file.unlink() if damage == "missing" else file.write_bytes(forms[damage])
    for words in (["ingest", str(more), "-o", str(store)], ["sql", f"from {file.parent.name}", str(store)]):
        told = run(*words)
        if told.code:
            place = f"{file.parent.name}/{file.name}"
            assert told.code == 1 and len(told.err.splitlines()) == 1, told
            assert f"the store {store} is damaged: {place} is missing or unreadable" in told.err, told
        else:
            assert damage == "flipped" or file.name.startswith("0"), told
    told = run("verify", str(store))
    assert (told.code == 1 and file.name in told.out) or damage == "flipped"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["usage"], 2, "Missing argument 'PATH...'"),
        (["usag", "x"], 2, "Did you mean 'usage'"),
        (["."], 2, "chatlogs summary ."),
        (["usage", "STORE", "--bi", "model"], 2, "Did you mean '--by'"),
        (["usage", "STORE", "--by", "wek"], 2, "Did you mean 'week'"),
        (["usage", "STORE", "-o", "x.what"], 2, "--format"),
        (["usage", "STORE", "-o", "", "--csv"], 2, "-o has no name"),
        (["ingest", "x", "-o", "-"], 2, "write ./- if it is meant"),
        (["ingest", "x", "-o", "--json"], 2, "-o takes the store's folder"),
        (["usage", "STORE", "STORE"], 1, "one store at a time"),
        (["verify", "/nowhere"], 1, "there is no store at /nowhere: it does not exist."),
        (["compact", "/nowhere"], 1, "there is no store at /nowhere: it does not exist."),
        (["forget", "/nowhere", "--id", "x"], 1, "there is no store at /nowhere: it does not exist."),
        (["verify", __file__], 1, f"{__file__} is a file, and a store is a folder: name another."),
        (["usage", "/nowhere.jsonl"], 1, "/nowhere.jsonl"),
        (["completion", "tcsh"], 2, "tcsh"),
    ],
)
def test_what_is_wrong_is_told_without_a_traceback(
    run: Run, store: str, words: list[str], code: int, told: str
) -> None:
    result = run(*(word.replace("STORE", store) for word in words))
    assert result.code == code, result
    assert told in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_debug_shows_the_traceback_and_changes_no_code(store: str) -> None:
    command = [sys.executable, "-m", "chatlogs", "usage", store, "--by", "wek"]
    debugged = subprocess.run([*command, "--debug"], capture_output=True, text=True)
    assert debugged.returncode == 2 and "Traceback" in debugged.stderr
    assert debugged.stderr.splitlines()[-1].startswith("Error: unknown column 'wek'")
    told = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"CHATLOGS_DEBUG": "1"})
    assert "Traceback" in told.stderr


def test_a_reader_that_leaves_ends_us_quietly(store: str) -> None:
    command = f'"{sys.executable}" -m chatlogs sql "select range from range(200000)" {store} --jsonl'
    script = f"{command} | head -1; exit $PIPESTATUS"
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert told.stdout == '{"range": 0}\n'
    assert (told.stderr, told.returncode) == ("", 141)


def test_ctrl_c_exits_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chatlogs.asking.logs.Logs.open", interrupted)
    monkeypatch.setattr("chatlogs.cli.inputs.is_store", lambda _: True)
    result = run("usage", "x")
    assert (result.code, result.err.strip()) == (130, "Interrupted.")


def test_ctrl_c_stops_a_query_at_once(store: str) -> None:
    slow = "select sum(hash(a.range * b.range)) from range(10000000) a, range(100000) b"
    script = (
        "import os, signal, sys, threading\n"
        "from chatlogs import cli\nfrom chatlogs.asking import session\n"
        "run = session.run\n"
        "def later(*args):\n"
        "    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return run(*args)\n"
        "session.run = later\n"
        f"cli.main(['sql', {slow!r}, {store!r}])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (told.returncode, told.stdout, told.stderr.strip()) == (130, "", "Interrupted.")


def test_ctrl_c_that_an_engine_took_for_its_own_error_stops_too() -> None:
    script = (
        "import os, signal, sys\n"
        "from chatlogs import cli\n"
        "from chatlogs.moving import ingest\n"
        "def turned(*args, **options):\n"
        "    try: os.kill(os.getpid(), signal.SIGINT)\n"
        "    except KeyboardInterrupt: raise ValueError('counting the rows failed')\n"
        "ingest.ingest = turned\n"
        "sys.argv = ['chatlogs', 'ingest', 'log', '-o', 'store']\n"
        "cli.main()"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (told.returncode, told.stdout, told.stderr.strip()) == (130, "", "Interrupted.")


def test_completion_scripts(run: Run) -> None:
    for shell in ("bash", "zsh", "fish", "powershell"):
        assert "_CHATLOGS_COMPLETE" in run("completion", shell).out


class TestIngest:
    def test_lines_are_accounted_for(self, run: Run, log: str, tmp_path: Path) -> None:
        store = str(tmp_path / "store")
        result = run("ingest", log, "-o", store, "--json")
        told = json.loads(result.out)
        assert (told["lines"], told["records"], told["blank"], told["rejects"], told["balanced"]) == (3, 1, 1, 1, True)
        assert told["sources"][0]["source"] == log
        assert "chatlogs rejects" in result.err and "chatlogs summary" in result.err
        assert "chatlogs summary" in run("ingest", log, "-o", store).err

    def test_strict_exits_with_3_and_writes_the_store(self, run: Run, log: str, tmp_path: Path) -> None:
        store = str(tmp_path / "store")
        assert run("ingest", log, "-o", store, "--strict", "-q") == Result(3, "", "")
        assert json.loads(run("summary", store, "--json").out)[0]["responses"] == 1
        assert run("ingest", log, "-o", store, "--strict", "-q") == Result(3, "", ""), "the log holds it still"

    def test_what_is_asked_of_a_known_log_and_not_done_is_said(self, run: Run, log: str, tmp_path: Path) -> None:
        store = str(tmp_path / "store")
        run("ingest", log, "-o", store)
        assert "stays as it was" not in run("ingest", log, "-o", store).err
        told = run("ingest", log, "-o", store, "--content", "none", "--chunks").err
        assert "for --content none and --chunks, read them into a new store" in told

    def test_json_has_the_notes(self, run: Run, log: str, tmp_path: Path) -> None:
        store = str(tmp_path / "store")
        assert json.loads(run("ingest", log, "-o", store, "--json").out)["notes"] == []
        told = run("ingest", log, "-o", store, "--chunks", "--json")
        (note,) = json.loads(told.out)["notes"]
        assert "for --chunks, read them into a new store" in note and note in told.err

    def test_raw_logs_answer_as_a_store_does(self, run: Run, log: str, tmp_path: Path) -> None:
        store = str(tmp_path / "store")
        run("ingest", log, "-o", store)
        for name in ("usage", "finish", "flags", "rejects"):
            assert run(name, log, "--json").out == run(name, store, "--json").out
        result = run("usage", log)
        assert "1 line could not be read" in result.err

    def test_stdin_is_a_log(self, log: str) -> None:
        command = [sys.executable, "-m", "chatlogs", "usage", "-", "--json", "-q"]
        with open(log, "rb") as file:
            told = subprocess.run(command, stdin=file, capture_output=True, text=True, check=True)
        assert json.loads(told.stdout)[0]["total_tokens"] == 10

    def test_nothing_is_left_behind(self, log: str, tmp_path: Path) -> None:
        place = tmp_path / "tmp"
        place.mkdir()
        command = [sys.executable, "-m", "chatlogs", "summary", log]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"TMPDIR": str(place)})
        assert list(place.iterdir()) == []


def test_a_store_of_many_small_files_is_said_to_need_folding(
    run: Run, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_MANY_FILES", 3)
    store = str(tmp_path / "many")
    told = []
    for number in range(4):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(b'{"number":%d}\n' % number + Path(log).read_bytes())
        if number == 3:
            assert run("compact", store).code == 0
        told.append(f"next: chatlogs compact {store}" in run("ingest", str(path), "-o", store).err)
    assert told == [False, False, True, False]


def test_the_demo_needs_nothing_and_keeps_what_it_is_told_to(run: Run, tmp_path: Path) -> None:
    result = run("demo")
    assert result.code == 0
    assert "gpt-4o-mini" in result.out and "finish_reason" in result.out
    assert "next:" in result.err
    place = tmp_path / "kept"
    assert run("demo", "--write", str(place)).code == 0
    assert run("summary", str(place / "store")).code == 0
    assert run("demo", "--write", str(place)).code == 0


@pytest.mark.parametrize(("created", "unsure"), [(0, 1), (1767310200, 0)], ids=["no time", "with a time"])
def test_the_summary_tells_which_copies_may_be_calls(run: Run, tmp_path: Path, created: int, unsure: int) -> None:
    """Equal answers are copies; without a time, under an id that another answer has too, nobody knows."""
    answer = COMPLETION | {"created": created}
    other = COMPLETION | {"model": "gpt-4.1", "created": created}
    log = tmp_path / "redacted.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in (answer, other, answer)))
    shown = run("summary", str(log)).out
    assert "duplicates  1 equal copies, counted once" in shown
    assert ("1 of them may be calls: without a time, under an id that others have too" in shown) == bool(unsure)
    (told,) = json.loads(run("summary", str(log), "--json").out)
    assert (told["duplicates"], told["unsure_duplicates"]) == (1, unsure)

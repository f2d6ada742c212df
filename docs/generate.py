"""Writes logs.md, tables.md, commands.md and a page for each command, from what the program declares.

    python docs/generate.py

A test compares them with what this would write, so they are never out of date.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path

import click

from chatlogs import cli
from chatlogs.asking import bills, comparing, pricing, queries
from chatlogs.asking.differences import COLUMNS, DIFF, MEASURES
from chatlogs.asking.glossary import METRICS, RULES
from chatlogs.asking.pricefile import Entry, PriceFile
from chatlogs.asking.pricing import Span
from chatlogs.asking.reports import ALL
from chatlogs.asking.tariffs import PRICE_STATUS, RATES, Asked
from chatlogs.errors import REJECT_REASONS
from chatlogs.reading.asked import FRAMES, WRAPPED
from chatlogs.schema import FLAGS, SQL_TYPES, TABLES

HERE = Path(__file__).parent

QUERY = """select model, count(*) as responses, sum(total_tokens) as tokens
from read_parquet('store/completions/*.parquet')
group by all
order by tokens desc nulls last"""

CHOICES = """select finish_reason, count(*) as choices
from read_parquet('store/choices/*.parquet')
join read_parquet('store/completions/*.parquet') as completions using (completion_key)
where completions.created >= timestamptz '2026-10-18 00:00:00+00'
group by all
order by choices desc"""


HABITS = """Answers go to stdout, everything for people to stderr. Exit codes: 0 done, 1 failed, such as when
a file is not there, 2 used wrongly, 3 rejected lines under `--strict`, 4 a gate failed.

`--json` prints a flat array with a row a line: every column, under the names it has everywhere, and exact; null is
null, times are ISO 8601 in UTC. Columns are only ever added. `-o FILE` takes the format from the suffix: json, jsonl,
ndjson, csv, tsv, md, parquet, txt.

A response is on the day of its `created`; where it has none, of `started_at`, `first_chunk_at` or `ended_at`, by the
logger's clock. `--since` and `--until` go by the same.

Tables are cut by a terminal's width alone, never in a pipe or a file. `NO_COLOR`, `FORCE_COLOR` and `TERM` are heeded.
An option can be set by its variable, such as `CHATLOGS_USAGE_TZ`. `chatlogs completion bash` prints a script that
completes commands, options, keys of `--by` and columns of `--sort`."""


def tables() -> Iterator[str]:
    """The reference of tables, flags and reject reasons."""
    yield "# Tables\n"
    yield "A store is a folder with one folder of Parquet files for each table. No chatlogs is needed to read it:\n"
    yield f"```sql\n{QUERY}\n```\n"
    yield "`completion_key` joins the tables; `id` does not, as servers reuse ids:\n"
    yield f"```sql\n{CHOICES}\n```\n"
    yield "This is exact whenever no ingest is running. null means that the log does not say; it is never written as 0."
    yield "Times are UTC. `json` is text that holds JSON. `chatlogs schema TABLE` prints its columns.\n"
    for table in TABLES.values():
        yield f"## {table.name}\n"
        yield f"{table.doc}\n"
        yield "| column | type | in SQL | what it is |\n| --- | --- | --- | --- |"
        for column in table.columns:
            yield f"| `{column.name}` | {column.type} | `{SQL_TYPES[column.type]}` | {_escaped(column.doc)} |"
        yield ""
    yield from _pairs("Flags", "What `completions.flags` may hold. A row without flags is as plain as it looks.", FLAGS)
    yield from _pairs("Reject reasons", "What `rejects.reason` may be.", REJECT_REASONS)
    yield "The answers of the reports have columns of their own: [commands.md](commands.md) leads to each."


READ = """A log is told by its shape and its first bytes, never by its name. `--container NAME` says how one is to be
read whose shape does not tell.

Plain, gzip, zstd, bzip2 or xz, of several members too; files, folders, globs, these in `s3://` too, or `-` for
standard input. Fields of an answer that have no column ([tables.md](tables.md)) are kept in `extra`, at the level
where they stood, but for `obfuscation`, which is random."""
BARE = """- Completions and chunks, one a line, mixed and interleaved; stored completions as the API lists them,
  page by page, and the pages of their messages.
- SSE bodies: one or several in a file, with comments, events and CRLF. Where the events of several streams stand
  between each other in the first megabyte of a log, ids part them, as they part bare chunks, also behind times.
- JSON laid out over lines, joined without line ends, in arrays, in arrays of arrays (a stream each), and in
  `{"chunks": [...]}`.
- Errors: the bodies of failed calls, in the middle of streams too.
- Bodies behind the headers that curl and HTTPie print, of which nothing is kept but the status of an error."""
AROUND = """- A time before each line, or beside it; the words of a logger (`INFO:root:`), with colours or without,
  syslog, Docker Compose, kubectl, CRI and Docker, which cut long lines into parts; the fields of journald, Datadog,
  Elasticsearch, CloudWatch, Loki, Fluent Bit, OpenTelemetry and logfmt.
- Answers that are texts within JSON, or encoded twice; bodies in base64, in hexadecimal digits or as lists of bytes,
  compressed by gzip, zstd or Brotli too; under any name, as long as they say that they are answers.
- Tables: rows of a warehouse with JSON in text columns, lists of columns as pandas writes them, MongoDB's typed
  numbers.
- Names in camelCase, as SDKs of other languages write them: `finishReason`, `totalTokens`.
- What Python prints of an answer: `ChatCompletion(id=...)`, a dict, or bytes: `b'data: {...}'`.
- Harmless damage, which is repaired and counted: trailing commas, byte order marks, UTF-16, NULs, control
  characters, bytes that are no UTF-8."""
NOT_READ = """Text completions, embeddings and the Responses API; OpenTelemetry's log events, which stand beside the
spans and would count their calls again; CSV, Parquet, SQLite and mitmproxy's own files: export them as JSON
Lines or HAR. Such lines are rejects, or the log is refused, with a sentence on what to do."""


def logs() -> Iterator[str]:
    """What is read."""
    yield f"# Logs\n\n{READ}\n"
    yield f"## Records\n\n{BARE}\n"
    yield from _pairs("Containers", "What tools put around an answer, with its request, times and status.", WRAPPED)
    yield f"## What may stand around all of these\n\n{AROUND}\n"
    yield from _pairs("Frames", "For `--container`, where lines alone do not tell how a log is laid out.", FRAMES)
    yield f"## What is not read\n\n{NOT_READ}"


def commands() -> Iterator[str]:
    """The program's help, and a line for each command."""
    root = _root()
    yield "# Commands\n"
    yield "What `chatlogs --help` prints; each command has a page of its own, below.\n"
    yield f"```\n{cli.cli.get_help(root)}\n```\n"
    yield "| command | what for |\n| --- | --- |"
    for name in COMMANDS:
        yield f"| [chatlogs {name}](commands/{name}.md) | {_escaped(_command(name).get_short_help_str(100))} |"
    yield f"\n{HABITS}"


def page(name: str) -> Iterator[str]:
    """One command: its help, and for a report its answer's columns, its twin in Python and the query behind it."""
    command = _command(name)
    context = click.Context(command, info_name=name, parent=_root())
    yield f"# chatlogs {name}\n"
    yield f"```\n{command.get_help(context)}\n```\n"
    report = ALL.get(name)
    if report is None:
        return
    measures = COLUMNS if report is DIFF else report.measures
    if measures:
        yield "## Columns\n"
        if any(param.name == "by" for param in command.params):
            yield "The keys of `--by` come first, then:\n"
        yield "| column | unit | what it is |\n| --- | --- | --- |"
        yield from (f"| `{m.name}` | {m.unit} | {_escaped(m.doc)} |" for m in measures)
        yield ""
    yield from GLOSSARIES.get(name, list)()
    yield "## The query\n"
    yield "As `--show-sql` prints it for a store in the folder `store`; it runs as it is in DuckDB, without chatlogs:\n"
    relations = {table: f"read_parquet('store/{table}/*.parquet')" for table in TABLES}
    query = queries.build(name, queries.Filters(), PARTS.get(name)).plain
    yield f"```sql\n{queries.standalone(query, relations)}\n```\n"


PRICE_FILE = """[[price]]
model = "our-llama-*"      # of two that fit, the later one wins
prompt = 0.20
completion = 0.60

[[price]]
model = "gpt-4.1*"
provider = "azure"         # left out: any
tier = "standard"          # or flex, priority, batch, ...; left out: any
since = 2026-11-01
prompt = 1.80
cached = 0.45              # left out: as prompt
completion = 7.20

[[price]]
model = "gpt-4.1*"
provider = "azure"
tier = "standard"
since = 2026-11-01
prompt_over = 200_000      # for longer prompts, all tokens of the request
prompt = 3.60
completion = 10.80"""
GLOSSARIES = {
    "diff": lambda: _pairs("Measures", "What is compared.", MEASURES),
    "cost": lambda: chain(
        _pairs("Price status", "What `price_status` may be.", PRICE_STATUS),
        _pairs("Rates", "US dollars for a million tokens, or a thousand requests, in a file for `--prices`.", RATES),
        [f"```toml\n{PRICE_FILE}\n```\n"],
    ),
    "latency": lambda: _pairs("Metrics", "What `metric` may be.", METRICS),
    "audit": lambda: _pairs("Rules", "What `rule` may be.", RULES),
    "flags": lambda: _pairs("Flags", "What `flag` may be.", FLAGS),
}
PRICES = PriceFile(
    "prices.toml", (Entry("a-model", None, None, None, -1, {"prompt": Decimal(2), "completion": Decimal(8)}),)
)
DAY = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
SPANS = [Span(Asked("a-model", None, "default", False), DAY, DAY, timeless=False, longest=1_000)]
PRICED = {"priced": pricing.priced(pricing.rates(SPANS, [PRICES]))}
SIDES = comparing.parts(queries.Filters(before="2026-10-01..2026-10-17", after="2026-10-18.."))
BILLED = {"bill": bills.values([bills.BillLine(DAY.date(), "a-model", Decimal("1.25"), None, None)])}
PARTS = {"cost": PRICED, "reconcile": PRICED | BILLED, "diff": PRICED | SIDES}
COMMANDS = [name for section in cli.SECTIONS.values() for name in section]
PAGES = {
    "logs.md": logs,
    "tables.md": tables,
    "commands.md": commands,
    **{f"commands/{name}.md": functools.partial(page, name) for name in COMMANDS},
}


def _root() -> click.Context:
    root = cli.cli.make_context("chatlogs", [], resilient_parsing=True)
    root.terminal_width = 100
    return root


def _command(name: str) -> click.Command:
    command = cli.cli.get_command(_root(), name)
    assert command is not None
    return command


def text(name: str) -> str:
    """What a page has to hold."""
    return "\n".join(PAGES[name]()).rstrip("\n") + "\n"


def _pairs(title: str, intro: str, docs: object) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{intro}\n"
    yield "| name | what it means |\n| --- | --- |"
    yield from (f"| `{name}` | {_escaped(doc)} |" for name, doc in dict(docs).items())  # type: ignore[call-overload]
    yield ""


def _escaped(doc: str) -> str:
    return doc.replace("|", "\\|")


if __name__ == "__main__":
    os.environ.pop("COLUMNS", None)
    (HERE / "commands").mkdir(exist_ok=True)
    for name in PAGES:
        (HERE / name).write_text(text(name), encoding="utf-8")

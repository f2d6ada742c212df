"""Writes the sample logs, the demo's logs, and what a right reader must count in them.

The same bytes every time, on any machine (gzip files: the same once unpacked). Run it after a change here and
commit what it wrote:

    python sample_data/generate.py
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from billing import bill
from recorded import iso, recorded_calls
from records import Answer, batch_line, chunks, completion, error, line
from traffic import BACKEND_CHANGE, BIG, CODER, DAYS, FIRST_DAY, MINI, OUTAGE, Traffic

SEED = 20_260_928
CHUNK_SECONDS = 0.06
WEEKS = [FIRST_DAY + timedelta(weeks=n) for n in range(DAYS // 7)]
REPEATED = (520, 302, 301, 300, 41, 40)  # from the end, so that earlier numbers stay true
TWINS = 5
HUNG_UP = 0.03
UNLOGGED = date(2026, 10, 21)
COUNTED = ("lines", "blank", "ignorable", "records", "rejects", "repaired", "responses")


class Log:
    """Lines of one file, each counted as what it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.counts = Counter(dict.fromkeys(COUNTED, 0))

    def add(self, text: str, kind: str, *, responses: int = 0, repaired: int = 0, at: int | None = None) -> None:
        """One line of a kind ("records", "blank", "ignorable", "rejects"), at the end or before line `at`."""
        self.lines.insert(len(self.lines) if at is None else at, text)
        self.counts.update({"lines": 1, kind: 1, "responses": responses, "repaired": repaired})

    def spoil(self, at: int) -> None:
        """Gives line `at` a comma too many: a right reader repairs that and says so."""
        self.lines[at] = self.lines[at][:-1] + ",}"
        self.counts["repaired"] += 1

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        raw = "".join(text + "\n" for text in self.lines).encode()
        packed = gzip.compress(raw, mtime=0) if self.name.endswith(".gz") else raw
        (folder / self.name).write_bytes(packed)


def completion_logs(traffic: Traffic) -> list[Log]:
    """Stored completions, one file a week; all but the newest are packed, as log rotation does."""
    logs = _weekly("completions")
    for answer in traffic.stored():
        logs[_week(answer.created)].add(line(completion(answer)), "records", responses=1)
    second, third, newest = logs[1:]
    for at in REPEATED:  # the logger wrote these lines twice
        third.add(third.lines[at], "records", responses=1, at=at + 1)
    second.add(_same_id(traffic, second.lines[10]), "records", responses=1, at=30)  # an id that was given out twice
    second.spoil(99)
    for log, at in ((logs[0], 77), (newest, 123)):
        log.add("", "blank", at=at)
    logs[0].add('{"event":"rotate","pid":4211}', "rejects", at=200)
    second.add("2026-10-07 14:02:11,532 WARNING retrying request to /chat/completions", "rejects", at=350)
    newest.add(newest.lines[60][:211], "rejects", at=61)  # two writers, one file
    for log, at, times in ((logs[0], 150, 2), (second, 420, 4), (third, 10, 3), (newest, 500, 12)):
        for number in range(times):
            log.add(line(_failure(number)), "records", responses=1, at=at + 3 * number)
    return logs


def chunk_logs(traffic: Traffic) -> tuple[list[Log], list[Answer]]:
    """Chunk lines as they arrived, one file a week, and the answers that were written out whole."""
    answers = traffic.streamed()
    for week in WEEKS[1::2]:  # begun a second before a file ended: the next file holds the rest
        answers.append(traffic.answer(CODER, _midnight(week) - 1))
    logs, whole, arrived = _weekly("chunks"), [], []
    for number, answer in enumerate(answers):
        sent = list(chunks(answer))
        if traffic.turn("hung up", HUNG_UP):
            sent = sent[: max(3, len(sent) * traffic.rng.randint(2, 9) // 10)]  # the caller hung up
        else:
            whole.append(answer)
        arrived += [(answer.created + at * CHUNK_SECONDS, number, at, line(chunk)) for at, chunk in enumerate(sent)]
    for time, _, at, text in sorted(arrived):
        logs[_week(int(time))].add(text, "records", responses=int(at == 0))
    logs[2].add("", "blank", at=50)
    logs[2].add("Traceback (most recent call last):", "rejects", at=800)
    return logs, whole


def transcript(traffic: Traffic, name: str, day: date, count: int, *, broken: bool = True) -> Log:
    """The bodies of `count` streamed answers, one after the other, as they came over the wire."""
    log = Log(name)
    for number in range(count):
        answer = traffic.answer(MINI if number % 3 == 1 else CODER, _midnight(day) + 36_000 + 97 * number)
        sent = [line(chunk) for chunk in chunks(answer)]
        end = "data: [DONE]"
        if number % 20 == 7:  # hung up: no more events, no [DONE]
            sent, end = sent[: len(sent) // 2], ""
        if number % 20 == 13 and broken:  # the server gave up in the middle of an answer
            sent = [
                *sent[: len(sent) // 2],
                line(error("The server had an error while processing your request.", "server_error", None)),
            ]
            end = ""
        for at, text in enumerate(sent):
            if at == 1 and number % 5 == 0:
                log.add(": keep-alive", "ignorable")
                log.add("", "blank")
            log.add(f"data: {text}", "records", responses=int(at == 0))
            log.add("", "blank")
        if number % 40 == 27 and broken:  # the connection broke inside an event
            log.add(f"data: {sent[-1][:90]}", "rejects")
            log.add("", "blank")
        if end:
            log.add(end, "ignorable")
            log.add("", "blank")
    return log


def batch(traffic: Traffic) -> Log:
    """A batch's output file: labels with log probabilities, not in the order they were asked for."""
    log = Log("batch_output.jsonl")
    numbers = list(range(150))
    traffic.rng.shuffle(numbers)
    for number in numbers:
        custom_id = f"review-{number:04}"
        if number % 31 == 5:
            body = error(
                "Invalid 'messages[1].content': string too long.", "invalid_request_error", "string_above_max_length"
            )
            made = batch_line(number, custom_id, 400, body)
        elif number % 47 == 11:
            expired = {
                "code": "batch_expired",
                "message": "This request could not be executed before the batch expired.",
            }
            made = batch_line(number, custom_id, 0, {}) | {"response": None, "error": expired}
        else:
            made = batch_line(
                number, custom_id, 200, completion(traffic.label(_midnight(WEEKS[2]) + 7_200 + 3 * number))
            )
        log.add(line(made), "records", responses=1)
    return log


def exchanges(traffic: Traffic) -> Log:
    """A gateway's log: each call with its request and its times, on a day with an outage around noon."""
    log = Log("exchanges.jsonl")
    for second in traffic.times(OUTAGE, 1, 90):
        failed = 12 <= datetime.fromtimestamp(second, UTC).hour < 14 and traffic.rng.random() < 0.6
        answer = traffic.answer(MINI, second)
        answer.billed = not failed
        ended = second + (0.2 if failed else 0.4 + 0.015 * answer.usage["completion_tokens"])
        made = {
            "started_at": iso(second),
            "ended_at": iso(ended),
            "request": traffic.request(answer),
            "status": 503 if failed else 200,
            "response": _failure(2) if failed else completion(answer),
        }
        log.add(line(made), "records", responses=1)
    return log


def recorded(traffic: Traffic) -> Log:
    """A recorder's log of the last two weeks: streamed calls, each chunk with its time of arrival."""
    log = Log("recorded.jsonl.gz")
    for record in recorded_calls(traffic, WEEKS[2], 14):
        log.add(line(record), "records", responses=1)
    return log


def provider_bill(traffic: Traffic) -> str:
    """What the provider charges for all that was answered, and for calls of one day that no log holds."""
    logged = [answer for answer in traffic.made if answer.billed]
    missing = [traffic.answer(BIG, _midnight(UNLOGGED) + 40_000 + 300 * number) for number in range(25)]
    return bill([*logged, *missing])


def sample_logs() -> tuple[list[Log], dict[str, int], str]:
    """All sample logs, how many rows they make together, and the bill for them."""
    traffic = Traffic(SEED)
    stored = completion_logs(traffic)
    streamed, whole = chunk_logs(traffic)
    twins = [answer for answer in whole if answer.created >= _midnight(WEEKS[3]) and len(answer.choices) == 1][:TWINS]
    for answer in twins:  # logged by the client as chunks and by the proxy as one object
        stored[3].add(line(completion(answer)), "records", responses=1)
    logs = [*stored, *streamed, transcript(traffic, "transcripts.sse", date(2026, 10, 20), 32)]
    logs += [batch(traffic), exchanges(traffic), recorded(traffic)]
    responses = sum(log.counts["responses"] for log in logs)
    repeats = len(REPEATED) + len(twins)
    total = {"responses": responses, "rows": responses - repeats, "duplicates": repeats}
    return logs, total, provider_bill(traffic)


def demo_logs() -> list[Log]:
    """A small slice around the backend change, with one junk line and one stream that was cut."""
    traffic = Traffic(SEED + 1)
    first = BACKEND_CHANGE - timedelta(days=3)
    stored, streamed = Log("completions.jsonl"), Log("chunks.jsonl.gz")
    for answer in traffic.stored(first, 7, busy=0.045):
        stored.add(line(completion(answer)), "records", responses=1)
    stored.add("2026-10-19 09:14:03,118 WARNING retrying request to /chat/completions", "rejects", at=20)
    for number, answer in enumerate(traffic.streamed(first, 7, busy=0.5)):
        sent = list(chunks(answer))
        for at, chunk in enumerate(sent[:6] if number == 11 else sent):
            streamed.add(line(chunk), "records", responses=int(at == 0))
    return [
        stored,
        streamed,
        transcript(traffic, "transcript.sse", BACKEND_CHANGE + timedelta(days=1), 2, broken=False),
    ]


def expected(logs: list[Log], total: dict[str, int] | None = None) -> str:
    """The counts as TOML: one table a file, `total` for all of them together."""
    tables = [(f'"{log.name}"', {name: log.counts[name] for name in COUNTED}) for log in logs]
    tables += [("total", total)] if total else []
    note = "# What a right reader counts. Written by generate.py; README.md says what each number means.\n"
    return note + "".join(
        f"\n[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in counts.items()) for name, counts in tables
    )


def _weekly(stem: str) -> list[Log]:
    names = [f"{stem}-{week.isocalendar().year}-w{week.isocalendar().week}.jsonl" for week in WEEKS]
    return [Log(name + ".gz") for name in names[:-1]] + [Log(names[-1])]


def _week(second: int) -> int:
    return min((datetime.fromtimestamp(second, UTC).date() - FIRST_DAY).days // 7, len(WEEKS) - 1)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _same_id(traffic: Traffic, text: str) -> str:
    """Another answer under the id of the one in `text`."""
    other = traffic.answer(MINI, _midnight(date(2026, 10, 5)) + 30_000)
    other.id = text[len('{"id":"') : text.index('","object"')]
    return line(completion(other))


def _failure(number: int) -> dict[str, object]:
    if number % 3 == 2:
        return error("The server is overloaded or not ready yet.", "server_error", None)
    return error("Rate limit reached for requests. Please try again in 20s.", "requests", "rate_limit_exceeded")


def write_all(root: Path) -> Iterator[Path]:
    """Writes everything below `root`, laid out as in the project; gives back each file's path."""
    logs, total, costs = sample_logs()
    for folder, files, sums in ((root / "sample_data", logs, total), (root / "chatlogs/data/demo", demo_logs(), None)):
        for log in files:
            log.write(folder)
            yield folder / log.name
        if sums:
            (folder / "expected.toml").write_text(expected(files, sums), encoding="utf-8")
            yield folder / "expected.toml"
            (folder / "costs.csv").write_text(costs, encoding="utf-8")
            yield folder / "costs.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help="write below here")
    for path in write_all(parser.parse_args().root):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

"""Times before the texts of lines are found in many lines at once as they are in each alone."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from chatlogs.normalizing.unwrapping.timed import mark
from chatlogs.reading.lines import NO_TRANSCRIPT, ODD, Block, scan

CHUNK = '{"id":"aD","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"D"}}]}'
FORMS = (
    "2026-01-0DT00:00:0D.DDDZ HELD",
    "2026-01-0D 00:00:0D,DDD INFO [app.D] HELD",
    "2026-01-0D 00:00:0D,DDD WARNING got={}",
    "2026-01-0DT00:00:0D.DDD+00:00 stdout F data: HELD",
    "[DDDDDDDDDD.DDD] data:HELD",
    "DDDDDDDDDD  data:   HELD",
    "DDDDDDDDDD data: [DONE]",
    "2026-01-0DT00:00:0DZ",
    "2026-01-0DT00:00:0DZ event: message",
    "2026-01-0DT00:00:0DZ words of a program D",
    "<DD>D 2026-01-0DT00:00:0DZ host app DDD response=HELD",
    "INFO:root:HELD",
    "INFO:root:D {}",
    "DD HELD",
    "May 0D 0D:00:0D host app[DD]: HELD",
    "<DD>May  D 0D:00:0D host app: got={}",
    "0DDD/0D/0D 00:00:0D.DDDDDD HELD",
    "INFO 0D-1D 00:00:0D [app.py:D] HELD",
    "0D:00:0D data: HELD",
    "0D:00:0D data: [DONE]",
    "web-D  | HELD",
    "web-D  |",
    "web_D  | 2026-01-0D 00:00:0D data: HELD",
    "[INFO] data: [DONE]",
    "INFO:root:data: HELD",
    "\x1b[3DmINFO\x1b[0m HELD",
    "\x1b[3Dm2026-01-0D 00:00:0D\x1b[0m | \x1b[1mINFO\x1b[0m - \x1b[1mHELD",
    "2026-01-0D 00:00:0D ChatCompletion(id='aD', choices=[])",
    "data: HELD",
    "data: [DONE]",
    "HELD",
    "",
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_times_of_many_lines_are_found_as_of_each(data: st.DataObject) -> None:
    forms = data.draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=4))
    random = Random(data.draw(st.integers(0, 1 << 30)))
    lines = []
    for _ in range(60):
        first, *rest = random.choice(forms).replace("HELD", CHUNK).split("D")
        text = first + "".join(f"{random.randrange(10)}{part}" for part in rest)
        if random.random() < 0.1 and text:
            at = random.randrange(min(60, len(text)))
            text = text[:at] + random.choice((" ", "{", ":", "0", "a", "é", "\t", "")) + text[at + 1 :]
        lines.append(text)
    found = scan(Block.of("".join(f"{line}\n" for line in lines).encode()))
    odd = {n for n in range(len(lines)) if found.kind[n] == ODD and found.transcript[n] == NO_TRANSCRIPT}
    arrivals: dict[int, str] = {}
    worded = mark(found, arrivals)
    has_events = any(alone_in_body(line) for n, line in enumerate(lines) if n in odd)
    for number in sorted(odd):
        alone = scan(Block.of(f"{lines[number]}\n".encode()))
        times: dict[int, str] = {}
        words = mark(alone, times)
        assert arrivals.get(number) == times.get(0)
        assert (number in worded) == bool(words)
        assert found.start[number] - found.begin[number] == alone.start[0]
        assert (found.transcript[number] == NO_TRANSCRIPT) == (alone.transcript[0] == NO_TRANSCRIPT)
        if not has_events:  # else a line of nothing but a time is the blank one behind an event
            assert found.kind[number] == alone.kind[0]


def alone_in_body(line: str) -> bool:
    """Whether the line is an event behind a time."""
    alone = scan(Block.of(f"{line}\n".encode()))
    before = int(alone.transcript[0])
    mark(alone, {})
    return before == NO_TRANSCRIPT and int(alone.transcript[0]) != NO_TRANSCRIPT

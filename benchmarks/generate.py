"""Logs of any size for measuring: interleaved chunk streams, or stored completions.

The same arguments give the same bytes on any machine. Field order, ids and texts follow what OpenAI
sends, so that a reader tuned on these files is tuned on real ones.

    python benchmarks/generate.py chunks -o chunks.jsonl               2,000,000 lines, about 600 MB
    python benchmarks/generate.py completions -o completions.jsonl       400,000 lines, about 500 MB
    python benchmarks/generate.py chunks --scale 0.1 --obfuscation --odd 0.01 -o odd.jsonl
    python benchmarks/generate.py chunks --times beside -o timed.jsonl
    python benchmarks/generate.py completions --container litellm --lines 100000 -o litellm.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from containers import CONTAINERS, Requests
from dialects import DIALECTS, with_dialect
from seeded import START, STREAMS_PER_SECOND, Texts

CHUNK_LINES = 2_000_000
COMPLETION_LINES = 400_000
FINISH = [b"stop"] * 94 + [b"length"] * 5 + [b"content_filter"]


def stream(texts: Texts, created: int, *, obfuscation: bool = False) -> Iterator[bytes]:
    """The chunk lines of one answer: role, content, finish, usage."""
    model, fingerprint = texts.backend()
    answer = texts.answer(mean=100)
    head = (
        b'{"id":"%s","object":"chat.completion.chunk","created":%d,"model":"%s","service_tier":"default",'
        b'"system_fingerprint":"%s","choices":[' % (texts.response_id(created), created, model, fingerprint)
    )
    content, tail = head + b'{"index":0,"delta":{"content":"', b'"},"logprobs":null,"finish_reason":null}],"usage":null'
    finish = texts.rng.choice(FINISH)
    lines = [
        head + b'{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
        b'"logprobs":null,"finish_reason":null}],"usage":null',
        *[content + token + tail for token in answer],
        head + b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"%s"}],"usage":null' % finish,
        head + b'],"usage":' + texts.usage(len(answer) + 1),
    ]
    if not obfuscation:
        return iter([line + b"}\n" for line in lines])
    pad, lengths = texts.letters(len(lines) + 16), texts.rng.randbytes(len(lines))
    return iter(
        [line + b',"obfuscation":"%s"}\n' % pad[at : at + 1 + (lengths[at] & 15)] for at, line in enumerate(lines)]
    )


def chunk_lines(texts: Texts, *, open_streams: int = 50, obfuscation: bool = False) -> Iterator[bytes]:
    """Chunk lines without end, `open_streams` answers being written at any time."""
    begun = open_streams

    def begin() -> Callable[[], bytes]:
        return stream(texts, START + begun // STREAMS_PER_SECOND, obfuscation=obfuscation).__next__

    streams = [begin() for _ in range(open_streams)]
    while True:
        for slot in texts.rng.choices(range(open_streams), k=4096):
            try:
                yield streams[slot]()
            except StopIteration:
                begun += 1
                streams[slot] = begin()


def completion_lines(texts: Texts) -> Iterator[bytes]:
    """Stored completions without end, as the API returns them to a client that does not stream."""
    created = float(START)
    while True:
        created += texts.rng.expovariate(STREAMS_PER_SECOND)
        second = int(created)
        model, fingerprint = texts.backend()
        answer = texts.answer(mean=120)
        yield (
            b'{"id":"%s","object":"chat.completion","created":%d,"model":"%s","choices":[{"index":0,"message":'
            b'{"role":"assistant","content":"%s","refusal":null,"annotations":[]},"logprobs":null,'
            b'"finish_reason":"%s"}],"usage":%s,"service_tier":"default","system_fingerprint":"%s"}\n'
            % (
                texts.response_id(second), second, model, b"".join(answer), texts.rng.choice(FINISH),
                texts.usage(len(answer) + 1), fingerprint,
            )
        )  # fmt: skip


ODD_KINDS: dict[str, Callable[[bytes], bytes]] = {
    "unknown": lambda line: b'{"x_trace":"%d",' % len(line) + line[1:],  # an unknown field
    "null": lambda line: line.replace(b'"index":0,', b'"index":0,"native_finish_reason":null,', 1),  # one level down
    "event": lambda line: b"data: " + line,  # an SSE event pasted in
    "batch": lambda line: (
        b'{"id":"batch_req_%d","custom_id":"r-%d","response":{"status_code":200,"request_id":"req_1",'
        b'"body":%s},"error":null}\n' % (len(line), len(line), line[:-1])
    ),  # wrapped as a batch result
    "comma": lambda line: line[:-2] + b",}\n",  # a comma too many
    "cut": lambda line: line[: len(line) // 2] + b"\n",  # cut off
    "bytes": lambda line: line.replace(b'"content":"', b'"content":"\xff', 1),  # a byte that is not UTF-8
    "output": lambda line: b"INFO: 10.0.0.7 - POST /v1/chat/completions 200 OK\n",  # another program's
}


def with_odd(lines: Iterator[bytes], rng: random.Random, share: float, kinds: Sequence[str]) -> Iterator[bytes]:
    """The same lines, about `share` of them made odd, in ways of these kinds, in equal parts."""
    ways = [ODD_KINDS[kind] for kind in kinds]
    for line in lines:
        yield rng.choice(ways)(line) if rng.random() < share else line


TIMES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "before": lambda time, line: b"%s %s\n" % (time, line),  # as `ts` and the loggers of proxies put them
    "beside": lambda time, line: b'{"ts":"%s","chunk":%s}\n' % (time, line),  # in an object of the logger's
    "docker": lambda time, line: (  # what was printed, as Docker keeps it
        b'{"log":%s,"stream":"stdout","time":"%s"}\n' % (json.dumps(f"{line.decode()}\n").encode(), time)
    ),
}


def with_times(lines: Iterator[bytes], where: str) -> Iterator[bytes]:
    """The same lines, each with the time at which it arrived, a millisecond behind the one before."""
    begin = datetime.fromtimestamp(START, UTC)
    for number, line in enumerate(lines):
        at = (begin + timedelta(milliseconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield TIMES[where](at.encode(), line[:-1])


def with_logprobs(lines: Iterator[bytes], rng: random.Random) -> Iterator[bytes]:
    """The same chunks, those with text each with the log probability of its token and of another one."""
    form = (
        b'"logprobs":{"content":[{"token":"%b","logprob":%.8f,"bytes":[32,97,110],"top_logprobs":['
        b'{"token":"%b","logprob":%.8f,"bytes":[32,97,110]},'
        b'{"token":" the","logprob":-4.5,"bytes":[32,116,104,101]}]}],"refusal":null}'
    )
    for line in lines:
        token = line.partition(b'"delta":{"content":"')[2].partition(b'"},"logprobs"')[0]
        logprob = -rng.expovariate(2)
        yield line.replace(b'"logprobs":null', form % (token, logprob, token, logprob)) if token else line


def wrapped(kind: str, texts: Texts, container: str) -> Iterator[bytes]:
    """Answers, each line in a container with its request: stored completions, or whole lists of chunks."""
    requests = Requests(texts)
    lines = completion_lines(Texts.seeded(texts.seed + 2)) if kind == "completions" else _lists_of_chunks(texts)
    for line in lines:
        at = int(line.split(b'"created":', 1)[1].split(b",", 1)[0]) + texts.rng.random()
        model = line.split(b'"model":"', 1)[1].split(b'"', 1)[0]
        took = 0.2 + texts.rng.expovariate(0.5)
        yield CONTAINERS[container](requests, model, line[:-1], at, took, kind == "chunks")


def _lists_of_chunks(texts: Texts) -> Iterator[bytes]:
    created = float(START)
    while True:
        created += texts.rng.expovariate(STREAMS_PER_SECOND)
        yield b"[%b]\n" % b",".join(line[:-1] for line in stream(texts, int(created)))


def write(
    kind: str, path: str | Path, *, lines: int, seed: int = 7, obfuscation: bool = False, odd: float = 0.0,
    odd_kinds: Sequence[str] = tuple(ODD_KINDS), open_streams: int = 50, container: str | None = None,
    times: str | None = None, logprobs: bool = False, dialect: str | None = None,
) -> int:  # fmt: skip
    """Write `lines` lines of `kind` ("chunks" or "completions") to `path`; gives back the bytes written.

    A chunk log ends where its lines end, so the streams still open there stay unfinished. container: each line is
    an answer in it, one of chunks holds a whole stream. times: where each line's time stands, one of TIMES. logprobs:
    chunks tell those of their tokens. dialect: of which server chunks are, one of DIALECTS.
    """
    texts = Texts.seeded(seed)
    if container is not None:
        made = wrapped(kind, texts, container)
    elif kind == "chunks":
        made = chunk_lines(texts, open_streams=open_streams, obfuscation=obfuscation)
    else:
        made = completion_lines(texts)
    if dialect is not None:
        made = with_dialect(made, dialect)
    if logprobs:
        made = with_logprobs(made, random.Random(seed + 1))
    if odd:
        made = with_odd(made, random.Random(seed + 1), odd, odd_kinds)
    if times is not None:
        made = with_times(made, times)
    size, left = 0, lines
    with Path(path).open("wb") as out:
        while left:
            block = b"".join(islice(made, min(left, 20_000)))
            size += out.write(block)
            left -= min(left, 20_000)
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["chunks", "completions"])
    parser.add_argument("-o", "--output", required=True, type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 = 2,000,000 chunks or 400,000 completions")
    parser.add_argument("--lines", type=int, help="exactly so many lines, instead of --scale")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--obfuscation", action="store_true", help='add "obfuscation" to each chunk, as OpenAI does')
    parser.add_argument("--odd", type=float, default=0.0, metavar="SHARE", help="share of lines made odd, 0 to 1")
    parser.add_argument("--odd-kind", action="append", choices=list(ODD_KINDS), help="how; all kinds if none is given")
    parser.add_argument("--container", choices=list(CONTAINERS), help="put each answer into one, with its request")
    parser.add_argument("--dialect", choices=list(DIALECTS), help="chunks with the fields that a server adds")
    parser.add_argument("--times", choices=list(TIMES), help="a time before each line, or beside it in an object")
    parser.add_argument("--logprobs", action="store_true", help="chunks with log probabilities of their tokens")
    parser.add_argument("--open", type=int, default=50, metavar="N", help="streams being written at once")
    options = parser.parse_args()
    whole = CHUNK_LINES if options.kind == "chunks" else COMPLETION_LINES
    lines = options.lines if options.lines is not None else round(whole * options.scale)
    size = write(
        options.kind, options.output, lines=lines, seed=options.seed, obfuscation=options.obfuscation,
        odd=options.odd, odd_kinds=options.odd_kind or tuple(ODD_KINDS), open_streams=options.open,
        container=options.container, times=options.times, logprobs=options.logprobs, dialect=options.dialect,
    )  # fmt: skip
    print(f"{options.output}: {lines:,} lines, {size / 1e6:,.1f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()

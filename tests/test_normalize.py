"""A block gives the same pieces whichever path reads it, in any thread or process, and every line is accounted for."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import random
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conformance.suite import load_cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingested import blocks, shown
from log_lines import MARK, dumps, logs, obj, records

from chatlogs.normalizing.normalize import normalize
from chatlogs.normalizing.records.oddlines import PLAINLY
from chatlogs.normalizing.tables.partials import Partials
from chatlogs.reading.asked import Asked
from chatlogs.reading.lines import Block

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
WORKING = (
    "physical_lines",
    "first_body",
    "open_body",
    "bodies_closed",
    "first_record",
    "last_record",
    "unfinished",
    "container",
)
SOME = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def chunk(delta: Any, /, *, index: int = 0, finish: str | None = None, **top: Any) -> bytes:
    entry = obj(index=index, delta=delta, finish_reason=finish)
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"} | top
    return dumps(obj(**fields, choices=[entry]))


def lines(*texts: bytes) -> bytes:
    return b"".join(text + b"\n" for text in texts)


def agree(data: bytes) -> Partials:
    """The yield of the fast path, which must be that of the careful one; also where a row of each chunk is kept."""
    agree_on(data, Asked(chunks=True))
    return agree_on(data, PLAINLY)


def agree_on(data: bytes, asked: Asked) -> Partials:
    fast, careful = normalize(Block.of(data), asked=asked), normalize(Block.of(data), fast=False, asked=asked)
    assert fast.counts == careful.counts
    assert fast.counts.balanced
    assert fast.rejects.to_pylist() == careful.rejects.to_pylist()
    assert shown(fast.tables) == shown(careful.tables)
    assert [getattr(fast, name) for name in WORKING] == [getattr(careful, name) for name in WORKING]
    return fast


def content(partials: Partials) -> list[str | None]:
    return [row["content"] for row in shown(partials.tables)["choices"]]


# --- fast == careful ---------------------------------------------------------------------------------------------


@SOME
@given(st.lists(logs(most_edits=4), min_size=1, max_size=6))
def test_both_paths_agree(parts: list[bytes]) -> None:
    """Streams and completions mixed, in bodies or bare, with odd values, unknown keys, repeats and broken lines."""
    agree(b"\n".join(part.replace(b'"c1"', b'"c1-%d"' % number) for number, part in enumerate(parts)))


HEL, LO = chunk(obj(content="Hel")), chunk(obj(content="lo"))
STORED = dumps(
    obj(
        id="c1",
        object="chat.completion",
        created=1700000000,
        model="m",
        choices=[obj(index=0, message=obj(role="assistant", content="Hello"), finish_reason="stop")],
    )
)
LONG = "a text of many words, of which some carry more than others".split(" ")
NAMESAKES = {"content": "no", "reasoning": "no", "role": "no", "finish_reason": "no", "call_id": "no"}


@SOME
@given(st.lists(logs(most_edits=2), min_size=1, max_size=6), st.integers(0, 10**6), st.floats(0.2, 1))
def test_both_paths_agree_on_lines_behind_times(parts: list[bytes], seed: int, share: float) -> None:
    """Each chunk with its own time, or with one that others have too, or without."""
    draw = random.Random(seed)
    timed = []
    for line in b"\n".join(parts).split(b"\n"):
        time = b"2026-01-01T00:00:%02d.5Z " % draw.randrange(60)
        timed.append(time + line if line[:1] in b"{d" and draw.random() < share else line)
    agree(b"\n".join(timed))


AGREEMENTS = {
    "a stored completion ends the stream of its body": lines(
        b"data: " + HEL, b"", b"data: " + STORED, b"", b"data: [DONE]"
    ),
    "a text that is the mark of skeletons": lines(
        chunk(obj(content=MARK)), chunk(obj(content="")), b" " + chunk(obj(refusal=MARK))
    ),
    "the mark in a line spaced otherwise": lines(HEL, HEL.replace(b":", b": ").replace(b"Hel", MARK.encode())),
    "chunks without an id that are neighbours": lines(*[chunk(obj(content=text), id="") for text in "aab"]),
    "chunks without an id apart": lines(chunk(obj(content="a"), id=None), HEL, chunk(obj(content="a"), id=None)),
    "numbers where text should be": lines(
        *[chunk(obj(**{key: value})) for key in ("content", "reasoning", "refusal", "role") for value in (1.5, 1, True)]
    ),
    "numbers for ids and models": lines(
        chunk(obj(content="a"), id=1.5), chunk(obj(content="a"), id=7), chunk(obj(content="a"), model=True)
    ),
    "names in camelCase": lines(
        STORED,
        STORED.replace(b"finish_reason", b"finishReason").replace(b'"c1"', b'"c2"'),
        *[
            STORED.replace(b'"c1"', b'"c%d","usage":{"%s":3}' % (at, name))
            for at, name in ((3, b"total_tokens"), (4, b"totalTokens"), (5, b"serviceTier"))
        ],
        b'{"request":{"model":"m","messages":[{"role":"tool","toolCallId":"t","content":"x"}]},"response":%s}' % STORED,
        b'{"request":{"model":"m","maxTokens":3,"messages":[{"role":"tool","content":"x"}]},"response":%s}' % STORED,
    ),
    "numbers that are text": lines(*[chunk(obj(content=text)) for text in ("1", "-", "1.5", "true", "2.")]),
    "number arguments": lines(chunk(obj(tool_calls=[obj(index=0, id="t", function=obj(name="f", arguments=1))]))),
    "a call that begins after the one behind it": lines(
        *[
            chunk(obj(tool_calls=[obj(index=index, id=name, type="function", function=obj(name="f", arguments="{}"))]))
            for index, name in ((1, "b"), (0, "a"), (2, "c"))
        ]
    ),
    "a call that has another name later": lines(
        *[
            chunk(obj(tool_calls=[obj(index=0, function=obj(name=name, arguments=text))]))
            for name, text in (("get_", ""), ("weather", "{}"), (None, "x"))
        ]
    ),
    "a choice that begins at another time, behind the end of the others": lines(
        chunk(obj(content="a")),
        chunk(obj(), finish="stop"),
        chunk(obj(role="assistant"), index=1, created=1700000001),
        chunk(obj(content="b"), index=1),
        chunk(obj(), index=1, finish="stop"),
    ),
    "a call of which nothing is said": lines(
        chunk(obj(tool_calls=[obj(index=0, id="t", function=obj(name="f", arguments=""))])),
        chunk(obj(tool_calls=[obj(index=1, function=obj(arguments=""))])),
        chunk(obj(), finish="tool_calls"),
    ),
    "a padded line twice": lines(
        *[chunk(obj(content="ab"), obfuscation="xyzw")] * 2, chunk(obj(content="ab"), obfuscation="wzyx")
    ),
    "a padded line twice, padded before the text": lines(*[b'{"obfuscation":"xyzw",' + HEL[1:]] * 2, LO),
    "a padded line twice behind an end without": lines(
        chunk(obj(content="a"), finish="stop"), *[chunk(obj(content="ab"), obfuscation="xyzw")] * 2
    ),
    "a padded end twice": lines(HEL, *[chunk(obj(), finish="stop", obfuscation="xyzw")] * 2),
    "a padded line in two bodies": lines(
        *[b"data: " + chunk(obj(content="ab"), obfuscation="xyzw"), b"", b"data: [DONE]", b""] * 2
    ),
    "a padded line bare and in a body": lines(
        *[head + chunk(obj(content="ab"), obfuscation="xyzw") for head in (b"", b"data: ")]
    ),
    "padding that first comes late": lines(*[HEL] * 300, *[chunk(obj(content="ab"), obfuscation="xyzw")] * 2),
    "a pair of surrogates in two fragments": lines(*[chunk(obj(content=text)) for text in ("\ud83d", "\ude0a!")]),
    "an escape cut in two lines": lines(
        *[chunk(obj(content=text)).replace(b"/", b"\\") for text in ("a", "/u00", "e9", "b/u", "00e9", "c//u", "d")]
    ),
    "unknown fields at every level": lines(
        *[
            chunk(obj(content=text, note={"a": number % 2}), trace={"n": number, "of": "x"}, extras=["y", None])
            for number, text in enumerate("abcabc")
        ]
    ),
    "unknown fields in a few lines": lines(
        *[chunk(obj(content=text), **({"trace": place} if place % 4 == 3 else {})) for place, text in enumerate(LONG)],
        chunk(obj(), finish="stop"),
    ),
    "unknown fields that come and go": lines(
        *[chunk(obj(content=text), seen=place // 3 % 2) for place, text in enumerate("abcdefghijklmnop")]
    ),
    "unknown fields without a text": lines(
        chunk(obj(role="assistant", content="")), *[chunk(obj(), beat=place) for place in (1, 1, 2)], HEL, LO
    ),
    "a filter's results beside each text": lines(
        *[
            chunk(obj(content=text)).replace(
                b'"finish_reason"', b'"content_filter_results":{"hate":{"filtered":%s}},"finish_reason"' % flag
            )
            for text, flag in (("a", b"false"), ("b", b"false"), ("c", b"true"), ("d", b"false"))
        ]
    ),
    "a filter without results": lines(
        *[chunk(obj(content=t)).replace(b'"finish', b'"content_filter_results":{},"finish') for t in "abc"]
    ),
    "unknown fields of stored answers": lines(
        *[
            STORED.replace(b'"c1"', b'"s%d"' % place).replace(
                b'"role"', b'"seen":%d,"weights":{"a":"b"},"role"' % place
            )[:-1]
            + b',"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"severity":"safe"}}}]}'
            for place in range(9)
        ]
    ),
    "an id within each delta": lines(
        *[chunk(obj(content=text, id=7)) for text in ("alpha", "beta", "gamma", "delta")],
    ),
    "a model within each delta": lines(
        *[chunk(obj(content=text, model="n")) for text in LONG],
    ),
    "unknown fields by the names of columns, in stored answers": lines(
        *[
            STORED.replace(b"c1", b"s%d" % place)
            .replace(b'"role"', b'"id":7,"model":"n","created":170000000%d,"name":"f","role"' % place)
            .replace(b'"id"', dumps(NAMESAKES)[1:-1] + b',"id"', 1)
            for place in range(3)
        ]
    ),
    "unknown fields called delta beside the choices": lines(
        *[chunk(obj(content=text), delta=value) for text, value in (("a", 0), ("b", 0), ("c", {"a": 1}))]
    ),
    "fields that mean more": lines(
        *[chunk(obj(content=t), provider="P", request_id="r", system="s") for t in "ab"],
        chunk(obj(content="c"), error={"code": 1}),
        chunk(obj(content="d"), x_groq={"id": "g", "usage": None}),
    ),
    "usage that does not say what it is, and has no choices": lines(
        *[
            chunk(obj(content="a")).replace(b'"object":"chat.completion.chunk",', b"")[:-1]
            + b',"usage":{"total_tokens":3}}',
            b'{"id":"c1","created":1700000000,"model":"m","choices":[],"usage":{"total_tokens":3}}',
        ]
    ),
    "half a pair in the name of an unknown field": lines(
        HEL.replace(b'"object"', b'"\\ud83d":1,"object"'), chunk(obj(content="lo", note="\ud83d"))
    ),
    "half a pair": lines(chunk(obj(content="a\ud83d")), LO),
    "chunks in wrappers among bare ones": lines(
        chunk(obj(role="assistant", content="")),
        *[
            chunk(obj(content=text))
            if place % 3
            else b'{"custom_id":"r-%d","response":{"status_code":20%d,'
            b'"request_id":"q%d","body":%s},"error":null}' % (place, place, place, chunk(obj(content=text)))
            for place, text in enumerate("abcdefgh")
        ],
        *[chunk(obj(content=text), id="c2") for text in "ab"],
        chunk(obj(), finish="stop"),
    ),
    "chunks beside their requests": lines(
        *[
            b'{"request":{"model":"m-%d","messages":[{"role":"user","content":"%d"}],"seed":%d},"response":%s,'
            b'"started_at":%d}' % (place, place, place, chunk(obj(content=text)), 1700000009 - place)
            if place in (2, 5, 6)
            else chunk(obj(content=text))
            for place, text in enumerate("abcdefgh")
        ]
    ),
    "some chunks behind a time": lines(
        *[
            (b"2026-01-0%dT00:00:00Z " % (9 - place) if place % 3 == 1 else b"") + chunk(obj(content=text))
            for place, text in enumerate("abcdefgh")
        ],
        chunk(obj(content="x"), id="c2"),
    ),
    "chunks that say whose they are": lines(
        *[
            chunk(obj(content=text), **({"provider": f"P{place}", "request_id": "r"} if place % 2 else {}))
            for place, text in enumerate("abcdef")
        ],
        chunk(obj(), error={"code": 1, "message": "broken \ud83d"}),
    ),
    "ends that had to be repaired": lines(
        HEL,
        LO,
        chunk(obj(), finish="stop")[:-1] + b",}",
        b'{"id":"c1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[],'
        b'"usage":{"total_tokens":3},}',
    ),
    "two entries of one choice, each with the role": lines(
        HEL,
        chunk(obj(role="assistant", content=""), id="c2").replace(
            b'"choices":[', b'"choices":[{"index":0,"delta":{"role":"assistant"}},'
        ),
    ),
    "a trailing comma": lines(HEL[:-1] + b",}", LO),
    "a NaN": lines(HEL[:-1] + b',"usage":{"total_tokens":NaN}}', LO),
    "a key twice": lines(
        HEL[:-1] + b',"model":"other"}', HEL.replace(b'"content":"Hel"', b'"content":"Hel","content":"no"')
    ),
    "texts that repeat as they grow": lines(*[chunk(obj(content=text)) for text in ("a", "ab", "abc", "abcd")]),
    "a comma too many in a text and behind it": lines(
        *[line.replace(b"null}", b"null,}") for line in (chunk(obj(content=",}")), chunk(obj(content='",}')), LO)]
    ),
    "many lines damaged in many ways": lines(
        *[
            (line[:-1] + b",}" if place % 3 else line.replace(b"of", b"o\xe9")).replace(b"c1", b"c%d" % (place % 4))
            for place, text in enumerate([*LONG, "a/n", "/ud83d", ",}", ""] * 3)
            for line in (chunk(obj(content=text)).replace(b"/", b"\\"), chunk(obj(), finish="stop"), HEL)[
                : 1 + place // 40
            ]
        ],
        *[chunk(obj(content=text), id="c1") for text in "ab"],
        b"data: " + HEL[:-1] + b",}",
    ),
    "two chunks in one line among plain ones": lines(
        HEL,
        LO,
        chunk(obj(), usage=obj(total_tokens=3)) + chunk(obj(role="assistant"), created=1700000001),
        *[chunk(obj(content=text)) for text in ("a", "b")],
        chunk(obj(), finish="stop"),
    ),
    "an odd line between the lines of a body in which another stream ends": lines(
        *[
            b"data: " + chunk(obj(reasoning_content=text)).replace(b"object", name)
            for text, name in (("a", b"object"), ("", b"object"), ("b", b"object"), ("c", b"unknown"), ("d", b"object"))
        ],
        b"data: " + chunk(obj(), finish="length", id="c3"),
    ),
    "an error within a body, behind which the role stands again": lines(
        b"data: " + chunk(obj(content="a"), x_groq={"id": "r", "error": "over capacity"}),
        b"data: " + chunk(obj(role="assistant", content="b"), finish="stop"),
    ),
    "two texts in each chunk, of which one is the same in all": lines(
        *[chunk(obj(content=f"a long text {number}", reasoning="think")) for number in range(5)],
        chunk(obj(content="a long text", reasoning="think"), finish="stop"),
    ),
    "a text beside the delta that repeats it in one chunk, and in the next does not": lines(
        *[
            chunk(obj(content=said), finish=finish).replace(b'"index"', b'"text":"a b c","index"')
            for said, finish in (("a b c", None), ("other", None), ("a b c", None), ("a b c", "stop"))
        ],
    ),
    "numbers below zero where none are expected": lines(
        *[chunk(obj(content=text), index=-1) for text in ("a", "b")],
        *[chunk(obj(content=text), created=-170000000, id="c2") for text in ("a", "b")],
        *[chunk(obj(tool_calls=[obj(index=-1, function=obj(arguments=text))]), id="c3") for text in ("a", "b")],
    ),
    "a line that is not UTF-8": lines(HEL.replace(b"Hel", b"H\xe9l"), LO),
    "lines that are not UTF-8 among others": lines(
        *[HEL.replace(b"Hel", b"H\xe9l" if place % 50 in (3, 4, 9) else b"Hel") for place in range(130)],
        LO[:-9] + "é".encode()[:1],
        "é".encode()[1:] + LO,
    ),
}


@pytest.mark.parametrize("data", AGREEMENTS.values(), ids=AGREEMENTS.keys())
def test_both_paths_agree_where_they_once_did_not(data: bytes) -> None:
    agree(data)


@pytest.mark.parametrize("name", sorted(p.name for p in SAMPLES.iterdir() if p.suffix in (".jsonl", ".sse")))
def test_both_paths_agree_on_the_sample_logs(name: str) -> None:
    agree((SAMPLES / name).read_bytes())


CASES = {f"{case.name}/{file}": case.read(file) for case in load_cases() for run in case.runs for file, _ in run}


@pytest.mark.parametrize("name", [name for name, data in CASES.items() if len(data) < 1 << 20])
def test_both_paths_agree_on_the_conformance_suite(name: str) -> None:
    """Whatever size a log has: small ones are read line by line, so the suite alone would not ask the fast path."""
    agree(CASES[name])


def test_a_pair_of_surrogates_split_over_fragments_is_whole_again() -> None:
    found = agree(AGREEMENTS["a pair of surrogates in two fragments"])
    assert content(found) == ["😊!"]


def test_padding_tells_a_repeated_line_from_a_repeated_fragment() -> None:
    assert content(agree(AGREEMENTS["a padded line twice"])) == ["abab"]
    assert content(agree(AGREEMENTS["a padded line in two bodies"])) == ["ab", "ab"]
    assert content(agree(lines(HEL, HEL))) == ["HelHel"]


# --- conservation ------------------------------------------------------------------------------------------------

_DAMAGE = (
    b"",
    b",",
    b"NaN",
    b"\\ud83d",
    b"\xed\xa0\xbd",
    b"\xef\xbb\xbf",
    b"\r",
    b"\x00",
    b"\n",
    b'"',
    b"}",
    b"[",
    b"\xff",
    b"data: ",
    b",}",
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Real lines cut short, spliced, and with bytes flipped or put in."""
    data = b"\n".join(dumps(record) for record in draw(records(most_edits=1))) + b"\n"
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["insert", "flip", "cut", "splice"]))
        if how == "insert":
            data = data[:at] + draw(st.sampled_from(_DAMAGE)) + data[at:]
        elif how == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
        elif how == "cut":
            data = data[:at]
        elif how == "splice":
            data = data[:at] + data[draw(st.integers(0, len(data))) :]
    return data


@SOME
@given(
    st.one_of(
        damaged(), damaged(), st.binary(max_size=200), st.lists(st.binary(max_size=30), max_size=9).map(b"\n".join)
    )
)
def test_any_bytes_are_accounted_for(data: bytes) -> None:
    """records + blank + ignorable + rejects = lines, and both paths count alike; nothing raises."""
    partials = agree(data)
    assert partials.counts.rejects == len(partials.rejects)
    assert partials.physical_lines == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


@SOME
@given(damaged())
def test_what_is_rejected_is_kept_whole(data: bytes) -> None:
    """A reject's raw text stands in the log at its byte offset."""
    text = Block.of(data)
    for row in normalize(text, fast=False).rejects.to_pylist():
        assert data[row["byte_offset"] :].decode("utf-8", "backslashreplace").startswith(row["raw"])


def test_an_answer_may_end_for_half_a_character() -> None:
    """Also where rows of its chunks are kept."""
    tables = shown(agree(chunk(obj(content="Hi"), finish="\ud800")).tables)
    assert [row["finish_reason"] for row in tables["choices"]] == ["\\ud800"]


def test_a_reject_may_name_half_a_character() -> None:
    (row,) = agree(b'{"a\\ud800":1}').rejects.to_pylist()
    assert row["reason"] == "unknown_shape" and "a\\ud800" in row["detail"]


@pytest.mark.parametrize(
    ("data", "expected"),
    {
        b"": (0, 0, 0, 0, 0),
        b"\n\n \n\r\n": (4, 4, 0, 0, 0),
        b"data: [DONE]\n\n": (2, 1, 1, 0, 0),
        b"[DONE]": (1, 0, 1, 0, 0),
        b"\x00\x00\x00": (1, 0, 0, 0, 1),
        b"null": (1, 0, 0, 0, 1),
        HEL: (1, 0, 0, 1, 0),
        b"\xef\xbb\xbf" + HEL + b"\r\n": (1, 0, 0, 1, 0),
        HEL[:-1]: (1, 0, 0, 0, 1),
        b": ping\n\nevent: message\nid: 7\nretry: 5\ndata: " + HEL: (6, 1, 4, 1, 0),
        b"[" * 100_000 + b"\n" + HEL: (2, 0, 0, 1, 1),
        b"....\n" + HEL + HEL + b"\n": (3, 0, 0, 2, 1),
    }.items(),
)
def test_lines_that_are_hard_to_count(data: bytes, expected: tuple[int, ...]) -> None:
    counts = agree(data).counts
    assert (counts.lines, counts.blank, counts.ignorable, counts.records, counts.rejects) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_log_in_utf16_is_read(encoding: str) -> None:
    data = (lines(HEL, LO) + chunk(obj(), finish="stop") + b"\n").decode().encode(encoding)
    found = normalize(Block.of(data))
    assert content(found) == ["Hello"]
    assert found.counts.balanced and found.counts.records == 3 and found.counts.rejects == 0


def test_a_line_of_fifty_megabytes_is_one_record_and_work_grows_with_its_size() -> None:
    """Work is counted in calls, not in seconds: four times the line is at most four times the calls, and some."""

    def calls(size: int) -> int:
        block, count = Block.of(chunk(obj(content="ab" * (size // 2)))), 0

        def one(*_: Any) -> None:
            nonlocal count
            count += 1

        sys.setprofile(one)
        try:
            partials = normalize(block)
        finally:
            sys.setprofile(None)
        (answer,) = content(partials)
        assert answer is not None and len(answer) == size
        return count

    calls(1_000)
    assert calls(48_000_000) < 4 * calls(12_000_000)


# --- one function, anywhere --------------------------------------------------------------------------------------


def test_a_block_and_its_yield_can_be_sent_to_other_processes() -> None:
    """The same bytes give the same rows inline, in threads and in processes."""
    names = ("completions-2026-w43.jsonl", "chunks-2026-w43.jsonl", "transcripts.sse")
    sent = [block for name in names for block in blocks((SAMPLES / name).read_bytes(), block_bytes=200_000)]
    assert len(sent) > 3
    inline = list(map(normalize, sent))
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(normalize, sent))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        spawned = list(pool.map(normalize, sent))
    for one, other, third in zip(inline, threaded, spawned, strict=True):
        assert shown(one.tables) == shown(other.tables) == shown(third.tables)
        assert one.counts == other.counts == third.counts
        assert one.exact == third.exact


def test_a_block_survives_pickling_without_its_room() -> None:
    block = Block("log", bytearray(lines(HEL) + b"what an earlier block left" * 9), len(HEL) + 1, offset=5, last=False)
    again = pickle.loads(pickle.dumps(block))
    assert (again.source, again.size, again.offset, again.last) == ("log", len(HEL) + 1, 5, False)
    assert content(normalize(again)) == content(normalize(block)) == ["Hel"]


def test_usage_is_kept_as_the_server_sent_it() -> None:
    usage = obj(prompt_tokens=12345678901234567890, completion_tokens=2, total_tokens=5)
    found = agree(lines(chunk(obj(content="a"), usage=usage)))
    assert json.loads(found.tables["completions"]["usage"][0].as_py())["prompt_tokens"] == 12345678901234567890


@pytest.mark.parametrize("choices", [1, 3])
@pytest.mark.parametrize("spaced", [False, True])
def test_a_text_that_is_no_json_among_many_that_are(choices: int, spaced: bool) -> None:
    """Only when the texts of many lines are decoded together is it found that one of them is none."""
    marks = (", ", ": ") if spaced else (",", ":")
    said = [
        {"index": place, "message": {"role": "assistant", "content": f"text {place}"}, "finish_reason": "stop"}
        for place in range(choices)
    ]
    top = {
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m",
        "choices": said,
        "usage": {"total_tokens": 3},
    }
    texts = [json.dumps({"id": f"c-{number}", **top}, separators=marks).encode() for number in range(400)]
    texts[200] = texts[200].replace(b"text 0", b"no \\q escape")
    found = agree(lines(*texts))
    assert (found.counts.records, found.counts.rejects) == (399, 1)
    assert found.tables["choices"].num_rows == 399 * choices


def test_choices_that_stand_in_another_order_are_read_with_care() -> None:
    """Several choices of a stored completion, with numbers of their own, twice the same, or none."""

    def stored(*numbers: Any) -> bytes:
        said = [{"index": n, "message": {"role": "assistant", "content": f"{n}"}} for n in numbers]
        return json.dumps({"id": "c", "object": "chat.completion", "created": 1700000000, "choices": said}).encode()

    orders = [(0, 1), (1, 0), (0, 0), (1, 2), (0, None), (0, 10**12), (0, 1, 2), (0, 2, 1)]
    found = agree(lines(*[stored(*order) for order in orders * 30]))
    assert found.counts.records == len(orders) * 30

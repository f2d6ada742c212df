"""Logs in an object store are read as files are: the same logs are found, and the same rows come of them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import Run
from ingested import stored
from object_store import Bucket, served
from pyarrow import fs
from test_sources import zstd

import chatlogs
from chatlogs.errors import SourceError, StoreError
from chatlogs.reading import objects
from chatlogs.reading.blocks import Reader
from chatlogs.reading.opening import open_source
from chatlogs.reading.sources import Source, find

NewStore = Callable[[], Path]

CASSETTE = b"interactions:\n- request:\n    uri: https://api.example.com\nversion: 1\n"
TREE = {
    "app.log": b"a\n",
    "app.log.1": b"b\n",
    "app.log.2.gz": gzip.compress(b"c\n"),
    "app-2026-01-02.jsonl": b"d\n",
    "below/deep/x y+é.jsonl": b"e\n",
    "below/table.parquet": b"PAR1",
    "below/[odd]/n?.jsonl": b"f\n",
    "below-too/other.jsonl": b"g\n",
    ".hidden/h.jsonl": b"h\n",
    "_logs/i.jsonl": b"i\n",
    "cassette.yaml": CASSETTE,
    "settings.yaml": b"level: info\n",
    "store/sources/_delta_log/00000000000000000000.json": b"{}\n",
    "store/completions/part.jsonl": b"j\n",
}
PATTERNS = ("*", "*.jsonl", "app.log*", "**/*.jsonl", "below/**", "below/*/x*", "below*/*.jsonl", "[a-b]*/*/*")


def answer(id: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    fields = {"id": id, "object": "chat.completion", "created": 1_700_000_000, "model": "m"}
    return json.dumps({**fields, "choices": [choice]}).encode() + b"\n"


def chunk(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    fields = {"id": "s1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}
    return json.dumps({**fields, "choices": [choice]}).encode() + b"\n"


STREAM = chunk({"role": "assistant", "content": "Hel"}, None) + chunk({"content": "lo"}, "stop")
LOG = answer("c1") + STREAM + b"no log\n"


@pytest.fixture(scope="module")
def client() -> Iterator[fs.FileSystem]:
    with served() as client:
        yield client


@pytest.fixture
def bucket(client: fs.FileSystem) -> Bucket:
    return Bucket(client)


@pytest.fixture
def both(bucket: Bucket, tmp_path: Path) -> tuple[str, str]:
    """The same files in a bucket and in a folder."""
    bucket.put(TREE)
    for name, data in TREE.items():
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return bucket.url, str(tmp_path / "logs")


def names(path: str, root: str) -> list[str] | str:
    """What is found there, in order, from the root on; or that nothing is."""
    try:
        return [source.name.removeprefix(root) for source in find(path)]
    except SourceError as error:
        return str(error).replace(root, "ROOT").replace("object", "file")


@pytest.mark.parametrize("below", ["", "/", "/below", "/below/", "/below/deep", "/app.log", "/cassette.yaml", "/store"])
def test_a_prefix_is_read_as_a_folder(both: tuple[str, str], below: str) -> None:
    url, folder = both
    if below == "/store":
        with pytest.raises(SourceError, match="/store is a store: stores are asked on local disks, copy it to one"):
            find(url + below)
        return
    assert names(url + below, url) == names(folder + below, folder)


@pytest.mark.parametrize("pattern", [*PATTERNS, "nothing*", "below/[odd]/n?.jsonl"])
def test_a_pattern_matches_as_it_does_files(both: tuple[str, str], pattern: str) -> None:
    url, folder = both
    assert names(f"{url}/{pattern}", url) == names(f"{folder}/{pattern}", folder)


def test_what_is_named_twice_is_one_log(bucket: Bucket) -> None:
    bucket.put({"a/x.jsonl": LOG})
    assert [source.stored_size for source in find([f"{bucket.url}/a/x.jsonl", bucket.url])] == [len(LOG)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_the_same_rows_come_of_an_object(
    bucket: Bucket, new_store: NewStore, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    bucket.put({"logs/x.jsonl": pack(LOG)})
    (tmp_path / "x.jsonl").write_bytes(pack(LOG))
    here, there = new_store(), new_store()
    local = chatlogs.ingest(tmp_path / "x.jsonl", here)
    report = chatlogs.ingest(f"{bucket.url}/logs", there)
    assert report.balanced and (report.lines, report.records, report.rejects) == (4, 3, 1)
    assert report.responses == local.responses == 2
    assert [source.source for source in report.sources] == [f"{bucket.url}/logs/x.jsonl"]
    assert stored(there, without=["source"]) == stored(here, without=["source"])
    again = [chatlogs.ingest(path, there) for path in (f"{bucket.url}/logs", tmp_path / "x.jsonl")]
    again.append(chatlogs.ingest(bucket.url, here))
    assert [(report.responses, report.ingest_id) for report in again] == [(0, None)] * 3


def test_an_object_that_was_replaced_by_a_longer_one_is_read_from_there(bucket: Bucket, new_store: NewStore) -> None:
    store = new_store()
    first, second = LOG, answer("c2")
    bucket.put({"x.jsonl": first})
    chatlogs.ingest(bucket.url, store)
    bucket.put({"x.jsonl": first + second})
    report = chatlogs.ingest(bucket.url, store)
    assert (report.lines, report.responses) == (1, 1)


def test_an_older_copy_in_the_bucket_holds_nothing_new(bucket: Bucket, new_store: NewStore) -> None:
    store = new_store()
    more = b"".join(answer(f"c{number}") for number in range(2, 9))
    bucket.put({"new.jsonl": LOG + more})
    chatlogs.ingest(bucket.url, store)
    bucket.put({"old.jsonl": LOG})
    assert chatlogs.ingest(f"{bucket.url}/old.jsonl", store).ingest_id is None


def test_many_objects_are_read(bucket: Bucket, new_store: NewStore) -> None:
    bucket.put({f"{day}/{hour}.jsonl": answer(f"c{day}-{hour}") for day in range(6) for hour in range(5)})
    report = chatlogs.ingest(bucket.url, new_store())
    assert (len(report.sources), report.responses) == (30, 30)


def test_an_object_of_several_requests_is_whole(bucket: Bucket) -> None:
    data = b"".join(b'{"number":%d}\n' % number for number in range(200_000))
    bucket.put({"x.jsonl": data})
    source = Source(f"{bucket.url}/x.jsonl", f"{bucket.url}/x.jsonl", len(data))
    opened = open_source(source)
    blocks = [bytes(block.data[: block.size]) for block in Reader(opened, block_bytes=1 << 19).blocks()]
    opened.close()
    assert b"".join(blocks) == data and len(blocks) > 3


def test_an_object_that_is_replaced_while_it_is_read_is_refused(bucket: Bucket) -> None:
    """Who knows of which of the two its bytes were."""
    bucket.put({"x.jsonl": LOG * 2_000})
    stream = objects.open_object(f"{bucket.url}/x.jsonl")
    assert len(stream.read(1_000)) == 1_000
    bucket.put({"x.jsonl": LOG * 3_000})
    with pytest.raises(OSError, match="replaced while it was read"):
        while stream.read(1 << 20):
            pass


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd", "bzip2", "xz"])
def test_what_cannot_be_read_is_not_called_damaged(bucket: Bucket, form: str) -> None:
    """The bytes that came were whole; it is the next request that failed."""
    packs = {"plain": bytes, "gzip": gzip.compress, "zstd": zstd, "bzip2": bz2.compress, "xz": lzma.compress}
    data = packs[form](random.Random(1).randbytes(300_000))
    bucket.put({"x": data})
    opened = open_source(Source(f"{bucket.url}/x", f"{bucket.url}/x", len(data)))
    bucket.put({"x": data[:1_000]})
    with pytest.raises(SourceError, match=r"/x cannot be read: "):
        list(Reader(opened, block_bytes=1 << 16).blocks())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("BUCKET/nothing", "BUCKET/nothing holds no logs"),
        ("BUCKET/*.log", "no object matches BUCKET/*.log"),
        ("s3://there-is-no-such-bucket/x", "s3://there-is-no-such-bucket/x holds no logs"),
        ("s3://", "s3:// cannot be read: no bucket is named"),
        ("s3://logs*/x", "s3://logs*/x cannot be read: name one bucket; only what follows it can be a pattern"),
        ("s3://key:word@logs/x", "s3://key:word@logs/x cannot be read: keys are told by AWS_ACCESS_KEY_ID"),
    ],
)
def test_what_is_not_there_is_one_sentence(bucket: Bucket, run: Run, path: str, said: str) -> None:
    code, out, err = run("usage", path.replace("BUCKET", bucket.url))
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: {said.replace('BUCKET', bucket.url)}") and err.count("\n") == 1


def test_a_server_out_of_reach_is_one_sentence(client: fs.FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(SourceError, match=r"^s3://out-of-reach/x cannot be read: network connection \(\w+\): [^\n]+$"):
        find("s3://out-of-reach/x")


@pytest.mark.parametrize("path", ["s3://bucket/store", "gs://bucket/store", Path("s3://bucket/store")])
def test_a_store_lies_on_a_local_disk(path: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jsonl").write_bytes(LOG)
    with pytest.raises(StoreError, match="a store lies on a local disk"):
        chatlogs.ingest("x.jsonl", path)
    with pytest.raises(StoreError, match="a store lies on a local disk"):
        chatlogs.open(path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


def test_it_is_asked_as_any_log(bucket: Bucket, run: Run) -> None:
    bucket.put({"x.jsonl": LOG})
    code, out, err = run("finish", f"{bucket.url}/*.jsonl", "--csv")
    assert code == 0 and "stop" in out
    assert "read 1 file" in err and "1 line could not be read" in err

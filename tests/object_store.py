"""An S3 of our own on loopback, for tests that read logs from one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count

from moto.server import ThreadedMotoServer
from pyarrow import fs

_NUMBERS = count(1)


class Bucket:
    """One new bucket; `url` is where it lies."""

    def __init__(self, client: fs.FileSystem) -> None:
        self._client, self._name = client, f"logs-{next(_NUMBERS)}"
        client.create_dir(self._name)
        self.url = f"s3://{self._name}"

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Store these bytes by their keys, as they are."""
        for key, data in objects.items():
            with self._client.open_output_stream(f"{self._name}/{key}", compression=None) as stream:
                stream.write(data)


@contextmanager
def served() -> Iterator[fs.FileSystem]:
    """A client of a server on loopback, to which the environment sends whoever asks for s3:// meanwhile."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    told = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield fs.S3FileSystem(endpoint_override=told["AWS_ENDPOINT_URL"], allow_bucket_creation=True)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        server.stop()

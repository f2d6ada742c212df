"""Peer: litellm's stream_chunk_builder, called once per stream with all its chunks.

Chunks are decoded with orjson and handed over as the typed objects its own callers hand over; each answer is
written as one JSON line. There is nothing of this kind in litellm for stored completions.

    python benchmarks/peers/litellm_builder.py chunks LOG OUT
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its price list comes with it: nothing is fetched

import litellm
import orjson
from litellm.types.utils import ModelResponseStream


def folded(lines: Iterable[bytes]) -> Iterator[Any]:
    """One response per stream: when its usage chunk comes, or at the end of the log."""
    streams: dict[str, list[ModelResponseStream]] = {}
    for line in lines:
        chunk = orjson.loads(line)
        streams.setdefault(chunk["id"], []).append(ModelResponseStream(**chunk))
        if chunk["usage"]:
            yield litellm.stream_chunk_builder(streams.pop(chunk["id"]))
    for chunks in streams.values():
        yield litellm.stream_chunk_builder(chunks)


def main() -> None:
    _, log, out = sys.argv[1:]
    with open(log, "rb") as lines, open(out, "w", encoding="utf-8") as written:
        written.writelines(response.model_dump_json() + "\n" for response in folded(lines))


if __name__ == "__main__":
    main()

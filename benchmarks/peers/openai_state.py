"""Peer: the openai package's own accumulator, ChatCompletionStreamState, one per stream id.

Lines become the package's typed objects first, by the faster of its two ways (pydantic's JSON reader), and each
answer is written as one JSON line. Stored completions need no folding: they are read into ChatCompletion objects.

    python benchmarks/peers/openai_state.py chunks|completions LOG OUT
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk


def folded(lines: Iterable[bytes]) -> Iterator[ChatCompletion]:
    """One completion per stream: when its usage chunk comes, or at the end of the log."""
    states: dict[str, ChatCompletionStreamState[None]] = {}
    for line in lines:
        chunk = ChatCompletionChunk.model_validate_json(line)
        state = states.get(chunk.id)
        if state is None:
            state = states[chunk.id] = ChatCompletionStreamState()
        state.handle_chunk(chunk)
        if chunk.usage:
            # not get_final_completion(): that one raises when an answer was cut at its length limit
            yield states.pop(chunk.id).current_completion_snapshot
    for state in states.values():
        yield state.current_completion_snapshot


def stored(lines: Iterable[bytes]) -> Iterator[ChatCompletion]:
    return map(ChatCompletion.model_validate_json, lines)


def main() -> None:
    kind, log, out = sys.argv[1:]
    with open(log, "rb") as lines, open(out, "w", encoding="utf-8") as written:
        completions = folded(lines) if kind == "chunks" else stored(lines)
        # some streams are still open at the end: their finish_reason is none, of which pydantic would warn
        written.writelines(completion.model_dump_json(warnings=False) + "\n" for completion in completions)


if __name__ == "__main__":
    main()

"""The lines of training files, as types: what has to be there and of which type, in each format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
Speaker = Literal["system", "human", "user", "gpt", "assistant", "observation", "function_call"]


class Function(Struct):
    name: str
    arguments: str | dict[str, Any] = ""


class Call(Struct):
    function: Function
    id: str | None = None
    type: Literal["function"] = "function"


class Part(Struct):
    type: str


class Message(Struct):
    role: Role
    content: str | list[Part] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    refusal: str | None = None
    weight: Literal[0, 1] | None = None


Conversations = Iterator[tuple[str, list[Message], bool]]
"""The path of each list of messages, the messages, and whether they must end with an answer."""


def _lists(line: Struct, **fields: bool) -> Conversations:
    """The fields that hold messages; in TRL they may be texts instead."""
    for name, must_answer in fields.items():
        if isinstance(messages := getattr(line, name), list):
            yield f"$.{name}", messages, must_answer


class Whole(Struct):
    """`{"messages": […]}`, of OpenAI and TRL."""

    messages: list[Message]
    tools: list[dict[str, Any]] | str | None = None
    functions: list[dict[str, Any]] | None = None
    parallel_tool_calls: bool | None = None

    def conversations(self) -> Conversations:
        yield "$.messages", self.messages, True


class Asked(Struct):
    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    parallel_tool_calls: bool | None = None


class Preferred(Struct):
    """`{"input", "preferred_output", "non_preferred_output"}`, of OpenAI: one answer rather than another."""

    input: Asked
    preferred_output: list[Message]
    non_preferred_output: list[Message]

    @property
    def tools(self) -> list[dict[str, Any]] | None:
        return self.input.tools

    def conversations(self) -> Conversations:
        yield "$.input.messages", self.input.messages, False
        yield from _lists(self, preferred_output=True, non_preferred_output=True)


class Completed(Struct):
    """`{"prompt": […], "completion": […]}`, of TRL."""

    prompt: list[Message] | str
    completion: list[Message] | str
    tools: list[dict[str, Any]] | str | None = None

    def conversations(self) -> Conversations:
        yield from _lists(self, prompt=False, completion=True)


class Chosen(Struct):
    """`{"prompt"?, "chosen": […], "rejected": […]}`, of TRL."""

    chosen: list[Message] | str
    rejected: list[Message] | str
    prompt: list[Message] | str = ""
    tools: list[dict[str, Any]] | str | None = None

    def conversations(self) -> Conversations:
        yield from _lists(self, prompt=False, chosen=True, rejected=True)


class Text(Struct):
    """`{"text": …}`, of TRL: a text as it is."""

    text: str

    def conversations(self) -> Conversations:
        yield from ()


class Called(Struct):
    """A call in the text of a ShareGPT turn, which holds one or a list of them."""

    name: str
    arguments: dict[str, Any]


class Turn(Struct):
    speaker: Speaker = msgspec.field(name="from")
    value: str


class ShareGPT(Struct):
    """`{"conversations": […], "system"?, "tools"?}`, as LLaMA-Factory reads it."""

    conversations: list[Turn]
    system: str | None = None
    tools: str | None = None


def format_of(value: Mapping[str, Any]) -> str | None:
    """The format that a line's fields tell; None when they tell none."""
    if "conversations" in value:
        return "sharegpt"
    if not value.keys().isdisjoint(("prompt", "completion", "chosen", "text")):
        return "trl"
    return "openai" if "messages" in value or "preferred_output" in value else None


def _openai(value: Mapping[str, Any]) -> type[Struct]:
    return Preferred if "preferred_output" in value else Whole


def _trl(value: Mapping[str, Any]) -> type[Struct]:
    named: Mapping[str, type[Struct]] = {"chosen": Chosen, "messages": Whole, "text": Text}
    return next((shape for name, shape in named.items() if name in value), Completed)


LINES: Mapping[str, Callable[[Mapping[str, Any]], type[Any]]] = {
    "openai": _openai,
    "trl": _trl,
    "sharegpt": lambda _: ShareGPT,
}
"""The type of a line, by format."""


def names_of(tools: object) -> set[str] | None:
    """The names of a line's tools; None when it says nothing of them that can be read."""
    if isinstance(tools, str):
        tools = decoded(tools, list[dict[str, Any]])
    if not isinstance(tools, list):
        return None
    functions = [tool.get("function", tool) for tool in tools if isinstance(tool, dict)]
    return {str(function.get("name")) for function in functions if isinstance(function, dict)}


def decoded(text: str, type: Any) -> Any:
    """What a text of JSON holds; None where it is none, or holds something else."""
    try:
        return msgspec.json.decode(text, type=type)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None

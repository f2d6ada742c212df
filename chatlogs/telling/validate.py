"""A training file in, what is wrong with it out: line, place in the line, and what to do.

The rule: a line is held against what its format's documentation asks for and trainers refuse or misread without.
Errors make a file invalid; warnings are what a careful reader would look at once more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from chatlogs.asking.examples import READERS, WARNINGS
from chatlogs.errors import ChatlogsError, OptionError
from chatlogs.telling import shapes
from chatlogs.telling.shapes import Message

if TYPE_CHECKING:
    import polars as pl

_LEAST = 10
_PARTS = {"openai": ("text", "image_url"), "trl": ("text", "image", "video", "audio")}


class Problem(NamedTuple):
    """`line` counts from 1 and is None of the whole file; `place` is the field's path, as `$.messages[2].role`."""

    line: int | None
    rule: str
    place: str
    problem: str

    @property
    def is_error(self) -> bool:
        return self.rule not in WARNINGS


@dataclass(frozen=True)
class Validation:
    """What was found in a training file; lines without an error are examples."""

    path: str
    format: str
    lines: int
    examples: int
    found: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        """Whether a trainer takes it: there are lines, and none has an error."""
        return self.lines > 0 and self.examples == self.lines

    @property
    def problems(self) -> pl.DataFrame:
        """A row for each problem: line, level ('error' or 'warning'), rule, place, problem."""
        import polars as pl

        names = ("line", "level", "rule", "place", "problem")
        types = {name: pl.Int64 if name == "line" else pl.String for name in names}
        level = {True: "error", False: "warning"}
        rows = [(p.line, level[p.is_error], p.rule, p.place, p.problem) for p in self.found]
        return pl.DataFrame(rows, types, orient="row")


def validate(path: str | os.PathLike[str], *, format: str | None = None) -> Validation:
    """Check a training file of JSON lines, such as chatlogs.export writes.

    path: a file, or "-" for standard input. format: 'openai', 'trl' or 'sharegpt'; told by the first line's fields
    unless given. Raises OptionError for another one, and ChatlogsError when the file cannot be read or its first line
    does not tell the format.
    """
    if format is not None and format not in READERS:
        raise OptionError(f"there is no format '{format}' to check. Known: {', '.join(READERS)}.")
    name = os.fspath(path)
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:
            if name != "-" and _is_parquet(name):
                raise ChatlogsError(f"{name} is Parquet, and training files that can be checked are JSON lines.")
            return _checked(name, file, format)
    except OSError as error:
        raise ChatlogsError(f"cannot read {name}: {error.strerror or error}.") from error


def _is_parquet(name: str) -> bool:
    """Whether a file begins and ends as Parquet does; a line of text may begin so too."""
    if not os.path.isfile(name) or os.path.getsize(name) < 12:
        return False
    with open(name, "rb") as file:
        begin = file.read(4)
        file.seek(-4, os.SEEK_END)
        return begin == file.read() == b"PAR1"


def _checked(name: str, file: IO[bytes], format: str | None) -> Validation:
    found: list[Problem] = []
    seen: dict[int, int] = {}
    lines = invalid = 0
    for number, line in enumerate(file, start=1):
        lines = number
        value = _decoded(line)
        if format is None and isinstance(value, dict):
            format = shapes.format_of(value)
            if format is None:
                raise ChatlogsError(
                    f"{name}, line {number}: neither messages, prompt nor conversations tell the format; name it with "
                    f"--as (Python: format=): {', '.join(READERS)}."
                )
        problems = [Problem(number, *one) for one in _of_line(line, value, format or "openai")]
        first = seen.setdefault(hash(line.strip()), number)
        if first != number and not problems:
            problems.append(Problem(number, "duplicate", "$", f"the same as line {first}"))
        found += problems
        invalid += any(problem.is_error for problem in problems)
    format = format or "openai"
    if format == "openai" and 0 < lines < _LEAST:
        found.append(Problem(None, "too_few", "$", f"{lines} of the {_LEAST} lines that OpenAI asks for"))
    return Validation(name, format, lines, lines - invalid, tuple(found))


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_valid(line: bytes, format: str) -> bool:
    """Whether a line by itself has no error."""
    return all(rule in WARNINGS for rule, _, _ in _of_line(line, _decoded(line), format))


def _of_line(line: bytes, value: Any, format: str) -> Iterator[tuple[str, str, str]]:
    """Where a line's fields have wrong types, nothing else is looked for in it."""
    if not isinstance(value, dict):
        yield "not_json", "$", "the line is no JSON object" if line.strip() else "the line is blank"
        return
    shape = shapes.LINES[format](value)
    try:
        read = msgspec.convert(value, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        what, _, place = str(error).partition(" - at `")
        yield "shape", place.rstrip("`") or "$", what
        return
    given = getattr(read, "tools", None)
    tools = shapes.names_of(given)
    if isinstance(given, str) and given and tools is None:
        yield "shape", "$.tools", "the text is no JSON list of tools"
    if isinstance(read, shapes.ShareGPT):
        yield from _of_turns(read)
        return
    is_openai = format == "openai"
    for unknown in sorted(value.keys() - set(shape.__struct_fields__)) if is_openai else ():
        yield "unknown_field", f"$.{unknown}", f"the format has no field '{unknown}'"
    functions = shapes.names_of(getattr(read, "functions", None))
    known = tools if functions is None else functions | (tools or set())
    for place, messages, must_answer in read.conversations():
        yield from _of_messages(place, messages, known, must_answer=must_answer, format=format)


def _of_messages(
    place: str, messages: Sequence[Message], tools: set[str] | None, *, must_answer: bool, format: str
) -> Iterator[tuple[str, str, str]]:
    if must_answer and (not messages or messages[-1].role != "assistant"):
        yield "no_answer", place, "the last message is not the assistant's"
    answers = [message for message in messages if message.role == "assistant"]
    if must_answer and answers and all(message.weight == 0 for message in answers):
        yield "nothing_trained", place, "every message of the assistant has weight 0"
    for index, message in enumerate(messages):
        yield from _of_message(f"{place}[{index}]", message, format)
        for at, function in _functions(f"{place}[{index}]", message):
            yield from _of_call(at, function, tools)
    yield from _of_calls(place, messages, goes_on=not must_answer)
    if tools is None and any(message.tool_calls for message in messages):
        yield "no_tools", "$.tools", "the line calls tools and does not say which there are"


def _of_calls(place: str, messages: Sequence[Message], *, goes_on: bool) -> Iterator[tuple[str, str, str]]:
    """Calls and the tools' messages: each call is answered before anybody else speaks, here or in what goes on."""
    waiting: dict[str, str] = {}
    for index, message in enumerate(messages):
        at = f"{place}[{index}]"
        if message.role == "tool" and message.tool_call_id:
            if waiting.pop(message.tool_call_id, None) is None:
                yield "misplaced", f"{at}.tool_call_id", f"no call just before has the id '{message.tool_call_id}'"
        elif waiting:
            yield "open_call", next(iter(waiting.values())), "no tool's message answers this call"
            waiting = {}
        for number, call in enumerate(message.tool_calls or ()):
            waiting[call.id or f"{index}.{number}"] = f"{at}.tool_calls[{number}]"
    if waiting and goes_on:
        yield "open_call", next(iter(waiting.values())), "no tool's message answers this call"


def _of_message(at: str, message: Message, format: str) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a message by itself."""
    called = bool(message.tool_calls) or message.function_call is not None
    is_answer = message.role == "assistant"
    says = bool(message.content or message.refusal) if is_answer else message.content is not None
    if not says and not called:
        yield "empty_message", at, "it holds neither content nor calls"
    if called and not is_answer:
        yield "misplaced", at, f"a message of the role {message.role} calls no tools"
    if message.weight is not None and not is_answer:
        yield "misplaced", f"{at}.weight", "only messages of the assistant have a weight"
    if message.role == "tool" and not message.tool_call_id:
        yield "misplaced", at, "a tool's message needs the tool_call_id of its call"
    ids = [call.id for call in message.tool_calls or () if format == "openai"]
    for number, id in enumerate(ids):
        if not id or id in ids[:number]:
            yield "call_id", f"{at}.tool_calls[{number}]", f"another call has the id '{id}'" if id else "it has no id"
    if not isinstance(message.content, list):
        return
    if format == "openai" and message.role != "user":
        yield "misplaced", f"{at}.content", f"the content of the role {message.role} is a text"
    for number, part in enumerate(message.content):
        if part.type not in _PARTS[format]:
            yield "unknown_part", f"{at}.content[{number}]", f"the format has no part '{part.type}'"


def _functions(at: str, message: Message) -> Iterator[tuple[str, shapes.Function]]:
    for number, call in enumerate(message.tool_calls or ()):
        yield f"{at}.tool_calls[{number}].function", call.function
    if message.function_call is not None:
        yield f"{at}.function_call", message.function_call


def _of_call(at: str, function: shapes.Function, tools: set[str] | None) -> Iterator[tuple[str, str, str]]:
    arguments = function.arguments
    if isinstance(arguments, str) and not isinstance(_decoded(arguments.encode()), dict):
        yield "broken_call", f"{at}.arguments", "the arguments are no JSON object"
    if tools is not None and function.name not in tools:
        yield "unknown_tool", f"{at}.name", f"the line has no tool '{function.name}'"


def _of_turns(read: shapes.ShareGPT) -> Iterator[tuple[str, str, str]]:
    shift = int(read.conversations[:1] != [] and read.conversations[0].speaker == "system")
    turns = read.conversations[shift:]
    before = ""
    for index, turn in enumerate(turns):
        at = f"$.conversations[{index + shift}]"
        if not turn.value:
            yield "empty_message", at, "it holds no value"
        is_asking = turn.speaker in ("human", "user", "observation")
        if is_asking != (index % 2 == 0) or (before == "function_call") != (turn.speaker == "observation"):
            yield "turns", at, f"it is not the turn of {turn.speaker}"
            return
        if turn.speaker == "function_call" and not shapes.decoded(turn.value, shapes.Called | list[shapes.Called]):
            yield "broken_call", f"{at}.value", "it holds no call, in JSON, with a name and an object of arguments"
        before = turn.speaker
    if not turns or len(turns) % 2:
        yield "no_answer", "$.conversations", "the last turn is not gpt's"

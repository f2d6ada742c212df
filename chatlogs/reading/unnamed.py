"""Where an answer may stand that is under no known name, and what beside it belongs to it.

Programs log answers into fields of their own, keep them by their ids, or write tables whose columns are lists or
objects. An answer is known by its shape, whatever the field is called; what was asked, quoted or expected is none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.camelcase import either
from chatlogs.reading.encoded import MARKS, is_encoded
from chatlogs.reading.envelopes import Envelope, Unread
from chatlogs.reading.kept import parsed
from chatlogs.reading.otel import attributes_of
from chatlogs.reading.printed import may_be_printed
from chatlogs.reading.wrappers import ANSWERS_UNDER, CHUNK_KEYS, FACTS, FLAT, Wrapper
from chatlogs.values import as_json, moment

WORDS_OF_CHATS = (b"choices", b"messages", b"chat.completion", *MARKS)
"""One of these is in every line of which an answer, or a failed call, stands under any name."""
_ANSWERS = (shapes.CHUNK, shapes.COMPLETION)
_ASKED = frozenset({
    "request", "requests", "req", "requestbody", "input", "inputs", "prompt", "prompts", "query", "kwargs", "params",
    "tools", "functions", "arguments", "vars", "variables", "target", "schema",
})  # fmt: skip
_QUOTED = frozenset({"content", "text", "arguments", "description", "title", "template"})
# The same by one word of a name: of what was expected or made up, by the last word of what was asked, and of texts.
_MEANT = frozenset({
    "expected", "reference", "references", "golden", "gold", "truth", "ideal", "example", "examples", "shots",
    "demonstration", "demonstrations", "mock", "mocked", "fixture", "stub",
})  # fmt: skip
_ASKING = frozenset({"prompt", "prompts", "question", "questions", "query", "queries", "input", "inputs"})
_QUOTING = frozenset({
    "tool", "tools", "note", "notes", "comment", "comments", "contexts", "passages", "quote", "quoted", "snippet",
    "snippets", "excerpt", "attachments",
})  # fmt: skip
_OF_USERS = frozenset({"user", "human"})
_SAYS_ANSWER = re.compile(
    r"resp|repl(y|ies)|answer|completion|output|result|generat|judg|grad|criti|evaluat|verif|classif|translat|rewrit|draft|final"
    r"|chosen|rejected|candidate|baseline|fallback|shadow|orig|raw|upstream|sent|stream|attempt|retr(y|ies)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SPEAKERS = frozenset({"user", "human", "system", "developer", "assistant", "gpt", "bot", "tool", "function"})
_SPEAKER = ("role", "from", "author", "sender", "speaker")
_SPOKEN = frozenset({"content", "text", "value", "message", "msg", "body", "result"})
_TRACED = frozenset({"run_type", "op_name"})  # what was called returns the answer of a call that is traced itself
_PAIRS = (
    ("response", "request"), ("completion", "request"), ("resp", "req"), ("res", "req"), ("output", "input"),
    ("reply", "request"), ("result", "request"), ("stream", "request"), ("chunks", "request"), ("answer", "question"),
)  # fmt: skip
_REQUESTS = (
    "request.body", "request", "request_body", "requestBody", "req.body", "req", "kwargs", "params", "input",
)  # fmt: skip
_CHOICES = "choices"
_SAID = either({
    "role", "content", "tool_calls", "function_call", "refusal", "reasoning_content", "reasoning", "reasoning_text",
    "audio",
})  # fmt: skip
_END = either({"finish_reason"})
_TOKENS = either({"prompt_tokens", "completion_tokens", "total_tokens"})
_OF_RECORDS = ANSWERS_UNDER.union(CHUNK_KEYS)
_COLUMNS, _DATA = "columns", ("data", "rows", "data_array")


def names_to_search(value: Mapping[str, Any]) -> list[str]:
    """The fields in which an answer may stand: objects, lists, and texts that speak of choices."""
    if not _TRACED.isdisjoint(value):
        return []
    no_texts = is_message(value)
    return [name for name, item in value.items() if _may_hold(name, item, no_texts)]


def names_beside(value: Mapping[str, Any]) -> list[str]:
    """The same beside an answer: what speaks of choices there in the clear, and texts only of names of answers."""
    return [
        name for name in names_to_search(value)
        if _CHOICES in (item if isinstance(item := value[name], str) else as_json(item))
        and (_SAYS_ANSWER.search(name) or not _is_of_texts(item))
    ]  # fmt: skip


def is_message(value: object) -> bool:
    """Whether it is a message of a conversation, whose texts are no answers, and which is no record itself."""
    return isinstance(value, dict) and "role" in value


def without_said(value: object) -> object:
    """What is listed, but of a turn of a conversation only what is beside its words: these may quote anything."""
    if not isinstance(value, dict) or not any(str(value.get(name)).lower() in _SPEAKERS for name in _SPEAKER):
        return value
    return {
        name: item for name, item in value.items()
        if name not in _SPOKEN or (isinstance(item, dict) and name != "content")
    }  # fmt: skip


def _may_hold(name: str, item: object, no_texts: bool) -> bool:
    if not item or not isinstance(item, (dict, list, str)) or name in CHUNK_KEYS or _is_asked(name):
        return False
    if not isinstance(item, dict) and _is_quoted(name, _is_of_texts(item)):
        return False
    return not isinstance(item, str) or ((_CHOICES in item or is_encoded(item)) and not no_texts)


def _is_of_texts(item: object) -> bool:
    return isinstance(item, str) or (isinstance(item, list) and isinstance(item[0], str))


@functools.lru_cache(maxsize=1 << 12)
def _is_asked(name: str) -> bool:
    """Whether a field of this name holds what was asked, or expected of an answer."""
    words = _words(name)
    return _plain(name) in _ASKED or not _MEANT.isdisjoint(words) or not _ASKING.isdisjoint(words[-1:])


@functools.lru_cache(maxsize=1 << 12)
def _is_quoted(name: str, is_text: bool) -> bool:
    """Whether a text of this name, or a list, may quote anything."""
    words = _words(name)
    return _plain(name) in _QUOTED or not _QUOTING.isdisjoint(words) or (is_text and not _OF_USERS.isdisjoint(words))


def _words(name: str) -> list[str]:
    """The words of a name, in whichever way it joins them."""
    return [word.lower() for word in _WORD.findall(name)]


@functools.lru_cache(maxsize=1 << 12)
def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def holds_answer(found: Iterable[Envelope | Unread]) -> bool:
    """Whether an answer is among these, or a call for a chat that failed; mere errors may be those of anything."""
    return any(
        isinstance(one, Envelope) and (_asks(one.request) or any(is_answer(part.value) for part in one.parts))
        for one in found
    )


def names_with_request(value: Mapping[str, Any]) -> list[str]:
    """The fields beside which stands what was asked, under the counterpart of their names."""
    return [name for name in value if any(asked in value for asked in asked_beside(name))]


@functools.lru_cache(maxsize=1 << 10)
def row_of(name: str) -> Wrapper:
    """A row of the table of wrappers for an answer under this name; what was asked may stand under its counterpart."""
    return Wrapper("exchange", (name,), (name,), (*asked_beside(name), *_REQUESTS), facts=FACTS, merged_request=FLAT)


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether it is surely an answer, or a chunk of one: polls have choices with messages too."""
    if shapes.kind(value) not in _ANSWERS:
        return False
    if str(value.get("object")).startswith("chat.completion"):
        return True
    choices, usage = value.get(_CHOICES), value.get("usage")
    if not choices:
        return isinstance(usage, dict) and not _TOKENS.isdisjoint(usage)
    return any(_is_choice(choice) for choice in choices if isinstance(choice, dict))


def _is_choice(choice: Mapping[str, Any]) -> bool:
    said = choice.get("message") or choice.get("delta")
    is_end = "delta" in choice and not _END.isdisjoint(choice)
    return is_end or (isinstance(said, dict) and not _SAID.isdisjoint(said))


def _asks(request: Mapping[str, Any] | None) -> bool:
    messages = (request or {}).get("messages")
    return isinstance(messages, list) and any(isinstance(message, dict) for message in messages)


@functools.lru_cache(maxsize=1 << 12)
def asked_beside(name: str) -> tuple[str, ...]:
    """Under which names what was asked may stand beside an answer of this name."""
    return tuple(dict.fromkeys(other for pair in _PAIRS for other in _counterparts(name, *pair)))


def attributes(item: Any) -> Any:
    """OpenTelemetry's list of attributes as an object; anything else as it is."""
    if not isinstance(item, list) or not all(isinstance(one, dict) and one.keys() == {"key", "value"} for one in item):
        return item
    return attributes_of(item)


def _counterparts(name: str, answer: str, question: str) -> Sequence[str]:
    """`llm_request` and so on of `llm_response`, and `backendRequestBody` of `backendResponseBody`."""
    for said, other in ((answer, question), (answer.capitalize(), question.capitalize())):
        if re.search(said, name):
            return [name.replace(said, other)]
    return []


def printed_field(value: Mapping[str, Any]) -> str | None:
    """The field that holds an answer as Python prints it, cut or damaged so that it cannot be read."""
    texts = ((name, item) for name, item in value.items() if isinstance(item, str) and _CHOICES in item)
    return next((name for name, item in texts if may_be_printed(item)), None)


def line_of(item: Any) -> Any:
    """What a line, or an item of a list, says that is the text of an answer, or a pair of a time and what was logged.

    Pairs are Loki's, whose second is a text, and Fluent Bit's, whose first may be a list of the time and metadata.
    """
    if isinstance(item, str):
        return parsed(item) if _CHOICES in item else item
    if not isinstance(item, list) or len(item) != 2:
        return item
    time, said = item
    if isinstance(said, str) and isinstance(time, str) and time.isdecimal():
        return {"time": time, "line": said}
    if isinstance(said, dict):
        time = time[0] if isinstance(time, list) and len(time) == 2 and isinstance(time[1], dict) else time
        return item if moment(time) is None else {"time": time, "record": said}
    return item


def rows_of(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a table of columns, which are objects with the same keys; those of records are no labels of rows."""
    columns = list(value.values())
    if len(columns) < 2 or not are_alike(columns) or not columns[0] or not _OF_RECORDS.isdisjoint(columns[0]):
        return None
    return [{name: column[label] for name, column in value.items()} for label in columns[0]]


def are_alike(items: Collection[Any]) -> bool:
    """Whether these are objects with the same keys."""
    first = next(iter(items), None)
    return isinstance(first, dict) and all(isinstance(item, dict) and item.keys() == first.keys() for item in items)


def named_rows(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a table of lists, with the names of the columns beside them."""
    names, rows = value.get(_COLUMNS), next((value[name] for name in _DATA if name in value), None)
    if not isinstance(names, list) or not isinstance(rows, list):
        return None
    names = [name.get("name") if isinstance(name, dict) else name for name in names]
    if not all(isinstance(name, str) for name in names):
        return None
    is_table = all(isinstance(row, list) and len(row) == len(names) for row in rows)
    return [dict(zip(names, row, strict=True)) for row in rows] if is_table else None

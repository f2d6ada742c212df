"""What tracers write of a call into the events of its span, in the attributes that stand for it today.

Before the conventions put messages into attributes they had an event for each message and each choice; OpenLLMetry and
Azure's SDKs wrote one for the prompt and one for the answer; and where a span shall be short, one holds all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from chatlogs.reading.kept import parsed

ASKED, SAID = "gen_ai.input.messages", "gen_ai.output.messages"
_DETAILS = "gen_ai.client.inference.operation.details"
_CHOICE = "gen_ai.choice"
_MESSAGE = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")
_WHOLE = {"gen_ai.content.prompt": ("gen_ai.prompt", ASKED), "gen_ai.content.completion": ("gen_ai.completion", SAID)}
_BODY = "gen_ai.event.content"


def told(events: Iterable[tuple[Any, Mapping[str, Any]]]) -> dict[str, Any]:
    """The attributes that the events stand for, of their names and their own attributes."""
    whole: dict[str, Any] = {}
    listed: dict[str, list[Any]] = {}
    for name, said in ((name, said) for name, said in events if isinstance(name, str)):
        message = _MESSAGE.fullmatch(name)
        if name == _DETAILS:
            whole |= said
        elif name == _CHOICE:
            listed.setdefault(SAID, []).append(_body(said))
        elif message:
            listed.setdefault(ASKED, []).append({"role": message[1], **_body(said)})
        elif name in _WHOLE:
            attribute, place = _WHOLE[name]
            text = said.get(attribute)
            value = parsed(text)
            is_said = isinstance(value, str) and value
            listed.setdefault(place, []).extend(
                value if isinstance(value, list) else [{"content": text}] if is_said else []
            )
    return listed | whole


def _body(said: Mapping[str, Any]) -> dict[str, Any]:
    """A message or a choice: the JSON of an attribute, or the attributes that are none of the conventions'."""
    whole = parsed(said.get(_BODY))
    if isinstance(whole, dict):
        return whole
    return {name: parsed(value) for name, value in said.items() if not name.startswith("gen_ai.")}

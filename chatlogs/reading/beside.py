"""Answers that stand beside the one a wrapper is of: of a judge, of a second try, of the calls before.

The same answer is often there twice, as an SDK gave it and as the server sent it: then it counts once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from chatlogs.reading import shapes
from chatlogs.reading.envelopes import Envelope, Unread, at
from chatlogs.reading.unnamed import is_answer
from chatlogs.values import as_json, listed

_OTHER_FORM = re.compile("raw|orig|upstream|provider|native|transformed", re.IGNORECASE)
"""What names a field in which a gateway keeps an answer as it came, maybe under another id than that it gave on."""


def kept_apart(first: Envelope, found: Iterable[tuple[str, Envelope | Unread]]) -> list[Envelope]:
    """The wrapper's own envelope and those found in other fields, each answer once: by its id, else by what it says.

    Of two forms of one answer that with an id stays, with what the other knows of the request. What has choices, and
    tells neither id nor model nor tokens, is part of an answer.
    """
    kept = [first]
    for name, one in found:
        if not isinstance(one, Envelope) or not any(_is_whole(part.value) for part in one.parts):
            continue
        if _OTHER_FORM.search(name) and _ids(first) and _said(one) and _said(one) == _said(first):
            continue
        twin = next((place for place, other in enumerate(kept) if _is_same(one, other)), None)
        if twin is None:
            kept.append(one)
        elif _ids(one) and not _ids(kept[twin]):
            one.request = one.request or kept[twin].request
            one.facts = kept[twin].facts | one.facts
            kept[twin] = one
    return kept


def _is_whole(value: dict[str, Any]) -> bool:
    return bool(value.get("choices")) and is_answer(value) and any(value.get(name) for name in ("id", "model", "usage"))


def _is_same(one: Envelope, other: Envelope) -> bool:
    """Whether they are one answer: by their ids, or by what they say where one has none or only one is a stream."""
    ids, others = _ids(one), _ids(other)
    if not ids.isdisjoint(others):
        return True
    said = _said(one)
    if ids and others:
        return bool(said) and said == _said(other) and _is_stream(one) != _is_stream(other)
    return said == _said(other)


def _is_stream(envelope: Envelope) -> bool:
    return any(shapes.kind(part.value) == shapes.CHUNK for part in envelope.parts)


def _ids(envelope: Envelope) -> set[str]:
    return {name for part in envelope.parts if isinstance(name := part.value.get("id"), str) and name}


def _said(envelope: Envelope) -> str:
    """The text of the answer and the arguments of its calls, as far as they are plain."""
    choices = [part.value["choices"] for part in envelope.parts if isinstance(part.value.get("choices"), list)]
    firsts = [found[0] for found in choices if found and isinstance(found[0], dict)]
    said = [choice.get("message") or choice.get("delta") for choice in firsts]
    messages = [one for one in said if isinstance(one, dict)]
    texts = [one["content"] for one in messages if isinstance(one.get("content"), str)]
    calls = [at(call, "function.arguments") for one in messages for call in listed(one.get("tool_calls"))]
    return "".join([*texts, *(json if isinstance(json, str) else as_json(json) for json in calls if json)])

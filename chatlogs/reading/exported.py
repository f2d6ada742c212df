"""Answers that went through a table or a database, as they were: fields in JSON texts, dotted names, typed numbers.

Where a column holds no list, `choices` and `usage` become texts; pandas.json_normalize makes a column of each field of
the usage; MongoDB's exports write `{"$numberInt": "5"}`.
"""

from __future__ import annotations

from typing import Any

from chatlogs.reading.kept import parsed
from chatlogs.reading.native import with_one_message
from chatlogs.values import integer, number

_TEXTS = ("choices", "usage")
_USAGE, _DOTTED = "usage", "usage."
_NUMBERS = {"$numberInt": integer, "$numberLong": integer, "$numberDouble": number, "$numberDecimal": number}
TYPED = b'"$number'
"""What a line holds of which the numbers may have to be looked for in objects."""


def restored(value: Any) -> Any:
    """The object as it was before it was exported; anything else as it is."""
    if not isinstance(value, dict):
        return value
    if "_id" in value:
        value = _untyped(value)
    return with_one_message(_nested(value)) if "choices" in value else value


def _untyped(value: Any) -> Any:
    """The value with plain numbers; MongoDB lets no field of a document be called like its types."""
    if isinstance(value, list):
        return [_untyped(item) if isinstance(item, (dict, list)) else item for item in value]
    if len(value) == 1:
        ((name, said),) = value.items()
        if name in _NUMBERS and (found := _NUMBERS[name](said)) is not None:
            return found
    return {name: _untyped(item) if isinstance(item, (dict, list)) else item for name, item in value.items()}


def _nested(value: dict[str, Any]) -> dict[str, Any]:
    """The answer with its choices and its usage as objects."""
    texts = {name: parsed(value[name]) for name in _TEXTS if isinstance(value.get(name), str)}
    if any(isinstance(item, (dict, list)) for item in texts.values()):
        value = value | texts
    if value.get(_USAGE) is None and any(name.startswith(_DOTTED) for name in value):
        usage: dict[str, Any] = {}
        for name, item in value.items():
            if name.startswith(_DOTTED) and item is not None:  # a row without usage has all of its columns, and nulls
                *path, last = name.removeprefix(_DOTTED).split(".")
                inner = usage
                for step in path:
                    inner = inner.setdefault(step, {}) if isinstance(inner.get(step, {}), dict) else {}
                inner.setdefault(last, item)
        value = {name: item for name, item in value.items() if not name.startswith(_DOTTED)} | {_USAGE: usage or None}
    return value

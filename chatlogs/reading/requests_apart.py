"""What was asked, where a log keeps it apart from the answers: a batch's input, pages of messages.

Such records hold no answer. They are found before the answers are read (moving/questions.py) and put beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_OF_COMPLETION = re.compile(r"(?P<id>.+)-(?P<place>\d+)")


def batch_request(value: object) -> tuple[str, dict[str, Any]] | None:
    """custom_id and body of a line of a batch's input: `{"custom_id", "method", "url", "body"}`, or these two alone."""
    if not isinstance(value, dict) or "response" in value or not value.keys() >= {"custom_id", "body"}:
        return None
    custom_id, body = value["custom_id"], value["body"]
    if not isinstance(custom_id, str) or not isinstance(body, dict):
        return None
    is_request = value.keys() & {"url", "method"} or isinstance(body.get("messages"), list)
    return (custom_id, body) if is_request else None


def page_messages(value: object) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Completion id, place and message for each message of a page of `/chat/completions/{id}/messages`."""
    if not isinstance(value, dict) or value.get("object") != "list" or not isinstance(value.get("data"), list):
        return
    for entry in value["data"]:
        if isinstance(entry, dict) and "role" in entry and "choices" not in entry and isinstance(entry.get("id"), str):
            match = _OF_COMPLETION.fullmatch(entry["id"])
            if match is not None:
                yield match["id"], int(match["place"]), entry


def is_asking(value: object) -> bool:
    """Whether the record says what was asked, and nothing of an answer; an empty list page says nothing at all."""
    if isinstance(value, dict) and value.get("object") == "list" and value.get("data") == []:
        return True
    return batch_request(value) is not None or next(page_messages(value), None) is not None


def has_more(value: object) -> bool:
    """Whether it is a list page that more pages follow."""
    return isinstance(value, dict) and value.get("object") == "list" and value.get("has_more") is True

"""Text that grows by fragments.

Linear: a million fragments cost a million appends and one join, when the text is asked for.
"""

from __future__ import annotations


class Text:
    """Fragments in order; `str()` joins them. Equal to any text or string that reads the same."""

    __slots__ = ("fragments",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, *fragments: str) -> None:
        self.fragments = list(fragments)

    def __str__(self) -> str:
        if len(self.fragments) != 1:
            self.fragments = ["".join(self.fragments)]
        return self.fragments[0]

    def __repr__(self) -> str:
        return f"Text({str(self)!r})"

    def __bool__(self) -> bool:
        return any(self.fragments)

    def __len__(self) -> int:
        return sum(map(len, self.fragments))

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, (str, Text)) else NotImplemented


Grown = str | Text | None
"""A text that may still grow: None when nothing was sent, and "" when "" was."""


def joined(one: Grown, other: Grown) -> Grown:
    """The first text with the second appended; the first may be changed, the second is left alone."""
    if other is None or (one is not None and not other):
        return one
    if one is None:
        return Text(*other.fragments) if isinstance(other, Text) else other
    if not isinstance(one, Text):
        one = Text(one)
    if isinstance(other, Text):
        one.fragments.extend(other.fragments)
    else:
        one.fragments.append(other)
    return one


def whole(value: Grown) -> str | None:
    """The joined text, None when there is none."""
    return None if value is None else str(value)

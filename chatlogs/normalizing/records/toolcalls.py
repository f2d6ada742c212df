"""Tool calls of a choice: fragments in, runs while a stream is folded, calls at the end.

A fragment names its call by index, by id, by both or by neither, and servers differ in all of it. So
folding keeps *runs* (fragments of one call that follow each other), which makes it associative, and
only `settled` decides which runs are one call: same index and id; or same index, unless a new id, or another name
where an id is missing, begins a new call there; a fragment with neither continues the newest call. Behind a call that
has a name, an id without one begins none; and more of a name goes on with a call that has an id and no arguments yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chatlogs.texts import Grown, joined, whole

FUNCTION, CUSTOM, FUNCTION_CALL = "function", "custom", "function_call"


@dataclass(slots=True)
class ToolSlot:
    """One tool call, or one run of its fragments. `index` is as sent; None when the server sends none."""

    index: int | None = None
    call_id: str | None = None
    kind: str | None = None
    name: str | None = None
    arguments: Grown = None

    @property
    def key(self) -> int | str | None:
        if self.kind == FUNCTION_CALL:
            return FUNCTION_CALL
        if self.index is not None:
            return self.index
        return None if self.call_id is None else "id:" + self.call_id

    @property
    def token(self) -> tuple[str | None, str | None]:
        return self.call_id, self.name

    @property
    def is_empty(self) -> bool:
        return self.call_id is None and self.name is None and not whole(self.arguments)


@dataclass(slots=True)
class ToolRuns:
    """The runs of one choice in the order they began. `newest` is the run that was touched last."""

    runs: list[ToolSlot] = field(default_factory=list)
    newest: int = -1
    places: dict[int | str, int] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.runs)

    def add(self, slot: ToolSlot) -> int:
        """Where the fragment or run went; it must not be used afterwards."""
        key = slot.key
        at = self.newest if key is None and slot.name is None else self.places.get(key) if key is not None else None
        if at is not None and at >= 0 and (slot.token == (None, None) or slot.token == self.runs[at].token):
            _absorb(self.runs[at], slot)
        else:
            at = len(self.runs)
            self.runs.append(slot)
            if key is not None:
                self.places[key] = at
        self.newest = at
        return at

    def extend(self, later: ToolRuns) -> None:
        """Take over the runs of the segment that follows."""
        places = [self.add(run) for run in later.runs]
        if places:
            self.newest = places[later.newest]


def settled(runs: list[ToolSlot]) -> list[ToolSlot]:
    """The calls that the runs make up, in order of arrival. The runs must not be used afterwards."""
    calls: list[ToolSlot] = []
    newest: dict[int | str, ToolSlot] = {}  # by index; the legacy call by its kind
    by_id: dict[tuple[int | None, str], ToolSlot] = {}  # servers give calls of different index the same id
    for run in runs:
        key = run.key
        call = None
        if run.call_id is not None:
            call = by_id.get((run.index, run.call_id))
        if call is None and key is not None:
            call = newest.get(key)
            if call is not None and key != FUNCTION_CALL and _begins_anew(call, run):
                call = None
        if call is None:
            call = run
            calls.append(call)
        else:
            _absorb(call, run)
        if key is not None:
            newest[key] = call
        if run.call_id is not None:
            by_id[run.index, run.call_id] = call
    return [call for call in calls if not call.is_empty]


def _begins_anew(call: ToolSlot, run: ToolSlot) -> bool:
    if run.call_id is not None and call.call_id is not None:
        return run.call_id != call.call_id and (run.name is not None or call.name is None)
    return run.name is not None and call.name is not None and run.name != call.name and not _names_more(call, run)


def _names_more(call: ToolSlot, run: ToolSlot) -> bool:
    """Whether the run brings the next part of the call's name."""
    if call.call_id is None or run.call_id not in (None, call.call_id) or whole(call.arguments):
        return False
    return call.name is not None and run.name is not None and run.name != call.name


def _absorb(call: ToolSlot, run: ToolSlot) -> None:
    if call is run:
        return
    if _names_more(call, run) and call.name and run.name:
        call.name += run.name
    call.call_id = call.call_id or run.call_id
    call.kind = call.kind or run.kind
    call.name = call.name or run.name
    call.arguments = joined(call.arguments, run.arguments)

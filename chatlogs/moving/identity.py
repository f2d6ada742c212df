"""Which responses of one id are the same response: the decisions, without their texts.

An id is no key: servers draw it from a thousand numbers, caches replay it, recorders redact it. So equal
ids only raise the question, and digests of all that was logged answer it.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chatlogs.moving.agreeing import Agreeing, Told
from chatlogs.normalizing.records.piece import is_placeholder
from chatlogs.reading.asked import CONTENTS

_NOT_COUNTED = (None, None, None)


@dataclass
class Response:
    """What is compared of a response; the fields are the columns of sql/identity/digests.sql."""

    id: str
    completion_key: int
    is_new: bool
    source_key: int
    line_number: int
    byte_offset: int
    form: str
    status: str
    model: str | None
    created: int | None
    system_fingerprint: str | None
    usage: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    metadata: str | None
    custom_id: str | None
    request_id: str | None
    started_at: int | None
    flags: list[str]
    duplicates: int
    body: str
    beside: str  # the fields of which the meaning is not known, and others that may hold texts
    content: str  # how its texts were kept, as far as it tells: see asked.CONTENTS
    folded: str | None
    ended: list[int]
    speaking: list[int]
    indexes: list[int]
    has_role: bool
    asked: str | None  # the text of the last message of its request
    told: int  # how many facts of the request and its times are known
    in_body: bool  # in an SSE body, or beside its request in one record: something tells where it ends

    @property
    def counts(self) -> tuple[int | None, int | None, int | None]:
        return self.prompt_tokens, self.completion_tokens, self.total_tokens


@dataclass
class Outcome:
    """What becomes of the responses of one id.

    kept: what each row that stays is made of: one response, or the parts of a stream in order, which become one row
    under the first key. dropped: responses that another row stands for. changed: keys of rows that stay, but with
    other flags, duplicates or metadata.
    """

    kept: list[list[Response]] = field(default_factory=list)
    dropped: list[Response] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)

    @property
    def merged(self) -> list[list[Response]]:
        """The streams that are put together from parts."""
        return [chain for chain in self.kept if len(chain) > 1]

    @property
    def touched(self) -> list[Response]:
        """Rows that stay as they are but for what is counted and flagged."""
        return [chain[0] for chain in self.kept if len(chain) == 1 and chain[0].completion_key in self.changed]


def decide(responses: Sequence[Response]) -> Outcome:
    """Which responses of one id are the same or go on with each other: stored ones first, then new ones, each in
    the order of the logs.

    Not yet what they are once they are put together: see `compared`.
    """
    outcome = Outcome()
    chains = _Chains(outcome)
    for response in responses:
        chain = chains.before(response) if response.is_new else None
        if chain is not None and _is_open(chain) and not response.has_role:
            chains.append(chain, response)  # all that its head lacks may make it equal to a twin already
        elif chains.dropped(response):
            continue
        elif chain is not None:
            chains.append(chain, response)
        else:
            chains.add(response)
    return outcome


def compared(outcome: Outcome, whole: Mapping[int, Response]) -> Outcome:
    """The outcome when streams that were put together, which are in `whole` by the key of their first part, are
    compared like any other response: they may be what another log holds in one piece. Then all that is left is
    flagged, as if it had been read at once."""
    result = Outcome(dropped=outcome.dropped, changed=outcome.changed)
    chains = _Chains(result)
    for chain in outcome.kept:
        response = whole.get(chain[0].completion_key, chain[0])
        if not chains.dropped(response):
            chains.add(response)
    _flag_collisions(result)
    return result


class _Chains:
    """The chains of an outcome, found by what another response can be to them.

    Some ids stand for thousands of responses, of which each must not be held against each: only those of one model
    and time can be equal, and no stream that begins goes on with one whose choices have ended.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._alike = Agreeing()
        self._streams: dict[frozenset[int], dict[int, list[Response]]] = {}
        self._places: dict[int, int] = {}

    def add(self, response: Response) -> None:
        """Begin a chain."""
        chain = [response]
        self._places[id(chain)] = len(self._outcome.kept)
        self._outcome.kept.append(chain)
        self._note_face(chain)
        self._note(chain)

    def _note_face(self, chain: list[Response]) -> None:
        for _, face, told in _faces(chain[0]):
            self._alike.add(self._places[id(chain)], (chain[0].form, face), told)

    def append(self, chain: list[Response], response: Response) -> None:
        """Let the response go on with the chain."""
        self._streams[_ended(chain)].pop(self._places[id(chain)])
        chain.append(response)
        self._note(chain)

    def _note(self, chain: list[Response]) -> None:
        if chain[0].form == "stream":
            self._streams.setdefault(_ended(chain), {})[self._places[id(chain)]] = chain

    def before(self, response: Response) -> list[Response] | None:
        """What the response goes on with: of several rather what began at the same time and lacks its end, or its
        usage, and what stands in the same log, than the latest."""
        if response.form != "stream":
            return None
        found: list[tuple[tuple[bool, ...], int, list[Response]]] = []
        for ended, streams in self._streams.items():
            if response.has_role and not ended.isdisjoint(response.indexes):
                continue
            found += [
                (_likeness(chain, response), place, chain)
                for place, chain in streams.items()
                if continues(chain, response)
            ]
        return max(found, key=lambda one: one[:2])[2] if found else None

    def dropped(self, response: Response) -> bool:
        """Whether the response is the same as one before it: the fuller of both stays in its place."""
        place = self._first_alike(response)
        if place is None:
            return False
        chain = self._outcome.kept[place]
        twin = chain[0]
        stays, goes = (response, twin) if _is_fuller(response, twin) else (twin, response)
        stays.duplicates += goes.duplicates + (not _is_usage_of(goes, stays))
        stays.metadata = twin.metadata if response.metadata is None else response.metadata
        if twin.form == "stream":
            self._streams[_ended(chain)].pop(place)
        if stays is not twin:
            chain[0] = stays
            self._note_face(chain)
        self._note(chain)
        self._outcome.dropped.append(goes)
        self._outcome.changed.add(stays.completion_key)
        return True

    def _first_alike(self, response: Response) -> int | None:
        """The place of the first chain that is one response, and the same as this one."""
        found: list[int] = []
        for form, face, told in _faces(response):
            for places in self._alike.places((form, face), told):
                while places and not self._is_same(places[0], response):
                    heapq.heappop(places)  # it was found for what it told before
                found += places[:1]
        return min(found, default=None)

    def _is_same(self, place: int, response: Response) -> bool:
        chain = self._outcome.kept[place]
        return len(chain) == 1 and _same(response, chain[0])


def _ended(chain: Sequence[Response]) -> frozenset[int]:
    return frozenset(index for part in chain for index in part.ended)


def _likeness(chain: Sequence[Response], response: Response) -> tuple[bool, ...]:
    same_time = response.created is None or chain[0].created in (None, response.created)
    lacks_usage = all(part.usage is None for part in chain)
    return same_time, _is_open(chain), lacks_usage, chain[-1].source_key == response.source_key


def _same(response: Response, other: Response) -> bool:
    if (other.model, other.created) != (response.model, response.created):
        return False
    if any(None not in pair and pair[0] != pair[1] for pair in zip(_call(other), _call(response), strict=True)):
        return False  # two calls with one answer, as a cache gives them
    if other.form == response.form:
        is_alike = other.content != response.content or other.beside == response.beside
        return is_alike and other.body == response.body and other.system_fingerprint == response.system_fingerprint
    if _is_usage_of(other, response) or _is_usage_of(response, other):
        return True
    return other.folded == response.folded and other.folded is not None and _agree(other, response)


def _faces(response: Response) -> Iterator[tuple[str, Hashable, Told]]:
    """What _same goes by, each as it is found: the form of the other one, what is equal, what does not contradict."""
    other = "completion" if response.form == "stream" else "stream"
    call, alike = _call(response), (response.model, response.created)
    yield response.form, ("body", *alike, response.body, response.system_fingerprint), (*call, *_beside(response))
    if response.folded is not None:
        yield other, ("folded", *alike, response.folded), (*call, *response.counts)
    if response.counts != _NOT_COUNTED and (response.form == "completion" or _is_usage(response)):
        yield other, ("counts", *alike, *response.counts), call


def _beside(response: Response) -> Told:
    """What is compared among responses whose texts were kept alike."""
    return tuple(response.beside if response.content == content else None for content in CONTENTS)


def _is_usage_of(a: Response, b: Response) -> bool:
    """Whether a is the last chunk of a stream, of which all others were found to be what b is."""
    return _is_usage(a) and b.form == "completion" and a.counts == b.counts != _NOT_COUNTED


def _is_usage(response: Response) -> bool:
    return response.form == "stream" and response.usage is not None and not response.indexes


def _is_open(chain: Sequence[Response]) -> bool:
    """Whether a choice of the stream has not ended."""
    return not {index for part in chain for index in part.indexes} <= {i for part in chain for i in part.ended}


def _call(response: Response) -> Told:
    """What tells the call that a response answers from others."""
    return response.custom_id, response.request_id, response.started_at, response.asked


def _agree(a: Response, b: Response) -> bool:
    """Whether the usage of a stream and of its stored twin do not contradict each other."""
    return all(x is None or y is None or x == y for x, y in zip(a.counts, b.counts, strict=True))


def _is_fuller(new: Response, old: Response) -> bool:
    return _fullness(new) > _fullness(old)


def _fullness(response: Response) -> tuple[bool, int, bool]:
    return response.usage is not None, response.told, response.form == "completion"


def continues(chain: Sequence[Response], later: Response) -> bool:
    """Whether a stream goes on with one that an earlier block, file or run left open.

    The same rule as pieces.continues, asked of whole rows: a role at the start is all that tells a fresh start.
    """
    first = chain[0]
    if not all(part.form == "stream" for part in (first, later)) or first.model != later.model:
        return False
    if "closed_early" in chain[-1].flags:
        return False
    ended = {index for part in chain for index in part.ended}
    spoken = {index for part in chain for index in part.speaking}
    created_differs = (
        first.created is not None and later.created is not None and first.created != later.created
        and "created_varies" not in (*first.flags, *later.flags)
    )  # fmt: skip
    again = ended.intersection(later.speaking)
    if again and chain[-1].in_body:
        return False  # of one body all that belongs together has been put together
    if (again and created_differs) or (later.has_role and (again or ended.intersection(later.indexes))):
        return False
    known = {index for part in chain for index in part.indexes}
    if not known and later.has_role and any(part.usage and not is_placeholder(part.usage) for part in chain):
        return False  # that was the usage of a stream that ended before
    if ended and ended == known and not again:
        return not (later.speaking and created_differs)
    return not (later.has_role and spoken.intersection(later.indexes) and created_differs)


def _flag_collisions(outcome: Outcome) -> None:
    """Flag what shares the id, and no longer what did so only as long as it was not all known."""
    rows = [chain[0] for chain in outcome.kept]
    forms: dict[tuple[str | None, int | None], set[str]] = {}
    for row in rows:
        forms.setdefault((row.model, row.created), set()).add(row.form)
    for row in rows:
        flags = {*row.flags} - {"id_collision", "twin_differs"}
        if len(rows) > 1:
            flags.add("id_collision")
        if len(forms[row.model, row.created]) > 1:
            flags.add("twin_differs")
        if flags != set(row.flags):
            row.flags = sorted(flags)
            outcome.changed.add(row.completion_key)

"""Which responses of one id are the same response: the decisions, without their texts.

An id is no key: servers draw it from a thousand numbers, caches replay it, recorders redact it. So equal
ids only raise the question, and digests of all that was logged answer it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Response:
    """What is compared of a response; the fields are the columns of sql/identity/digests.sql."""

    id: str
    completion_key: int
    is_new: bool
    source: str
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
    started_at: int | None
    flags: list[str]
    duplicates: int
    body: str
    folded: str | None
    ended: list[int]
    speaking: list[int]
    indexes: list[int]
    has_role: bool
    in_body: bool  # in an SSE body, or beside its request in one record: something tells where it ends

    @property
    def counts(self) -> tuple[int | None, int | None, int | None]:
        return self.prompt_tokens, self.completion_tokens, self.total_tokens


@dataclass
class Outcome:
    """What becomes of the responses of one id.

    dropped: keys of responses that another row stands for. touched: rows that stay but change (flags,
    duplicates, metadata). merged: keys of streams, in order, that become one row under the first key.
    """

    dropped: list[Response] = field(default_factory=list)
    touched: list[Response] = field(default_factory=list)
    merged: list[list[Response]] = field(default_factory=list)


def decide(responses: Sequence[Response]) -> Outcome:
    """The outcome for all responses of one id, in log order, stored ones first."""
    outcome = Outcome()
    kept: list[list[Response]] = []
    changed: set[int] = set()
    for response in responses:
        twin = _same(response, (chain[0] for chain in kept if len(chain) == 1))
        if twin is not None:
            stays, goes = (response, twin) if _is_fuller(response, twin) else (twin, response)
            stays.duplicates += goes.duplicates + 1
            if goes is response and response.metadata is not None:
                stays.metadata = response.metadata
            kept[next(i for i, chain in enumerate(kept) if chain[0] is twin)] = [stays]
            outcome.dropped.append(goes)
            changed.add(stays.completion_key)
            continue
        for chain in reversed(kept):
            if continues(chain, response):
                chain.append(response)
                break
        else:
            kept.append([response])
    if len(kept) > 1:
        _flag_collisions(kept, changed)
    for chain in kept:
        if len(chain) > 1:
            outcome.merged.append(chain)
        elif chain[0].completion_key in changed:
            outcome.touched.append(chain[0])
    return outcome


def _same(response: Response, others: Iterable[Response]) -> Response | None:
    for other in others:
        if (other.model, other.created) != (response.model, response.created):
            continue
        if None not in (times := (other.started_at, response.started_at)) and times[0] != times[1]:
            continue  # two calls with one answer, as a cache gives them
        if other.form == response.form:
            if other.body == response.body and other.system_fingerprint == response.system_fingerprint:
                return other
        elif other.folded == response.folded and other.folded is not None and _agree(other, response):
            return other
    return None


def _agree(a: Response, b: Response) -> bool:
    """Whether the usage of a stream and of its stored twin do not contradict each other."""
    return all(x is None or y is None or x == y for x, y in zip(a.counts, b.counts, strict=True))


def _is_fuller(new: Response, old: Response) -> bool:
    if new.form == old.form:
        return False
    if (new.usage is None) != (old.usage is None):
        return new.usage is not None
    return new.form == "completion"


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
    if ended and ended == known and not again:
        return not (later.speaking and created_differs)
    return not (later.has_role and spoken.intersection(later.indexes) and created_differs)


def _flag_collisions(kept: Sequence[Sequence[Response]], changed: set[int]) -> None:
    logged_twice = len({chain[0].form for chain in kept}) > 1
    for chain in kept:
        first = chain[0]
        flags = {*first.flags, "id_collision"}
        if logged_twice and any(
            other[0].form != first.form and (other[0].model, other[0].created) == (first.model, first.created)
            for other in kept
        ):
            flags.add("twin_differs")
        if flags != set(first.flags):
            first.flags = sorted(flags)
            changed.add(first.completion_key)

"""Chunks of a block in, folded streams out: in columns where a stream is plain, and named where it is not.

Plain: one id, model, backend and tier; a choice starts once, ends with one reason and says nothing behind it;
a tool slot has one id; no two runs of one text overlap, so that joining whole runs keeps the order. All else needs
judgement, and the careful path folds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import pyarrow as pa

from chatlogs.normalizing.folding.chunks import NONE, TEXTS, Chunks, says
from chatlogs.normalizing.folding.grouped import agreed, joined, unknown, worst
from chatlogs.normalizing.folding.groups import NEVER, Groups
from chatlogs.normalizing.folding.runs import Runs, each_line
from chatlogs.normalizing.folding.unknown import SAID
from chatlogs.normalizing.scanning.words import Bools
from chatlogs.reading.lines import Ints

_CALL = len(TEXTS) - 1  # numbers of fields; a call's is larger by its slot
_ONE_A_STREAM = ("id", "model", "system_fingerprint", "service_tier", "provider", "request_id")


@dataclass
class Streams:
    """The streams of a block's chunks.

    stretches: where rows stand for parts of runs, all of their lines, and the place of each one's row.
    """

    chunks: Chunks
    stretches: tuple[Ints, Ints] | None = None

    def plain(self, careful: Sequence[str] = ()) -> tuple[Bools, Bools]:
        """Which rows belong to plain streams, and which to streams that may be once tangled runs are cut.

        careful: names of streams that are not plain, though it may look like it.
        """
        by_stream, by_choice = self._by_stream, self._by_choice
        odd = ~self._have_one_of_all | self._may_be_several
        odd[by_stream.of_row[by_choice.first[~self._choices_start_once]]] = True
        odd[by_stream.of_row[self._calls_that_differ]] = True
        odd |= np.isin(self._key[by_stream.first], self._keys_of(careful))
        tangled = np.zeros(len(by_stream), bool)
        tangled[by_stream.of_row[by_choice.first[~self._choices_are_in_order]]] = True
        tangled[by_stream.of_row[self._tangled]] = True
        tangled[by_stream.of_row[self._mixed]] = True
        return ~(odd | tangled)[by_stream.of_row], (tangled & ~odd)[by_stream.of_row]

    @property
    def is_run(self) -> Bools:
        """Which rows stand for more lines than one."""
        return self.chunks.cut & (self.chunks.numbers["chunks"] > 1)

    def each_line(self, runs: Runs | None) -> tuple[Ints, Ints]:
        """All lines that the rows stand for, and the place of each one's row."""
        return self.stretches or each_line(runs, self.chunks.numbers["line"], self.is_run)

    @property
    def number(self) -> Ints:
        """The number of each row's stream."""
        return self._by_stream.of_row

    @cached_property
    def first_line(self) -> Ints:
        """The line that the stream of each row begins in."""
        return self._by_stream.least(self.chunks.numbers["line"])[self._by_stream.of_row]

    @cached_property
    def _key(self) -> Ints:
        """The stream of each row: its body, or its id."""
        transcript = self.chunks.numbers["transcript"]
        return np.where(transcript >= 0, -1 - transcript, self.chunks.codes["id"].code + 1)

    def _keys_of(self, names: Sequence[str]) -> Ints:
        """The keys of streams that the careful path names."""
        ids = {text: code + 1 for code, text in enumerate(self.chunks.codes["id"].texts.to_pylist())} | {"": 0}
        kinds = (name.partition(" ") for name in names)
        return np.array([-1 - int(of) if kind == "body" else ids.get(of, 0) for kind, _, of in kinds], np.int64)

    @cached_property
    def _by_stream(self) -> Groups:
        return Groups(self._key)

    @cached_property
    def _by_choice(self) -> Groups:
        return Groups(self._by_stream.of_row, self.chunks.numbers["choice_index"])

    @cached_property
    def _said(self) -> list[Bools]:
        """Which rows add to each of the texts; what calls add may be empty."""
        texts = [says(self.chunks.texts[name]) for name in TEXTS[:_CALL]]
        return [*texts, self.chunks.numbers["call_index"] >= 0]

    @cached_property
    def _field(self) -> Ints:
        """The text that each row adds to, or NONE."""
        field = np.full(len(self.chunks), NONE)
        for number in reversed(range(len(TEXTS))):
            field = np.where(self._said[number], number, field)
        return np.where(field == _CALL, _CALL + self.chunks.numbers["call_index"], field)

    @cached_property
    def _opens(self) -> Bools:
        """Which rows have a role and nothing else."""
        codes = self.chunks.codes
        alone = (codes["finish_reason"].code < 0) & (codes["usage"].code < 0)
        return (codes["role"].code >= 0) & (self._field == NONE) & alone

    @property
    def _have_one_of_all(self) -> Bools:
        by_stream, codes = self._by_stream, self.chunks.codes
        ok = by_stream.least(codes["id"].code) >= 0
        line, index = self.chunks.numbers["line"], self.chunks.numbers["choice_index"]
        ok &= by_stream.least(line, (index < 0) & (codes["usage"].code >= 0)) >= by_stream.least(line, index >= 0)
        for name in _ONE_A_STREAM:
            ok &= by_stream.agree(codes[name].code)
        ok &= by_stream.most(np.sum(self._said, axis=0)) <= 1
        return ok

    @property
    def _may_be_several(self) -> Bools:
        """Streams with chunks of different times, in which a choice begins behind the end of one: of another answer?"""
        by_stream, numbers = self._by_stream, self.chunks.numbers
        line = numbers["line"]
        begins = np.where(numbers["choice_index"] >= 0, self._by_choice.least(line)[self._by_choice.of_row], NONE)
        ends = self.chunks.codes["finish_reason"].code >= 0
        return self._vary_in_time & (by_stream.most(begins) > by_stream.least(line, ends))

    @cached_property
    def _vary_in_time(self) -> Bools:
        """Streams whose chunks were created at different times."""
        created = self.chunks.numbers["created"]
        return self._by_stream.least(created, created >= 0) < self._by_stream.most(created)

    @property
    def _choices_start_once(self) -> Bools:
        at_once = ~self._vary_in_time[self._by_stream.of_row[self._by_choice.first]]
        ok = at_once | (self._by_choice.total(self._opens) <= 1)  # servers send empty chunks, with a role, meanwhile
        ok &= self._by_choice.agree(self.chunks.codes["finish_reason"].code)
        ok[self._repeating] = False
        return ok

    @property
    def _choices_are_in_order(self) -> Bools:
        by_choice, codes = self._by_choice, self.chunks.codes
        line, last_line = self.chunks.numbers["line"], self.chunks.numbers["last_line"]
        has_role, speaks, ends = codes["role"].code >= 0, self._field >= 0, codes["finish_reason"].code >= 0
        begins = by_choice.least(line, has_role)
        ok = (begins <= by_choice.least(line, speaks)) | (begins == NEVER)
        # A role that is told again beside the usage, as OpenRouter tells it, says nothing new.
        adds = speaks | self._opens | (has_role & (line == begins[by_choice.of_row]))
        return ok & (by_choice.most(last_line, adds) <= by_choice.least(line, ends))

    @property
    def _repeating(self) -> list[int]:
        """Choices of which each fragment may repeat all text so far.

        Then the text begins with the first fragment twice, and so does the last fragment, which is longer.
        """
        firsts, lasts = self.chunks.fragments
        heard = np.flatnonzero(says(firsts))
        if not len(heard):
            return []
        choice = self._by_choice.of_row[heard]
        groups, begin = np.unique(choice, return_index=True)
        _, end = np.unique(choice[::-1], return_index=True)
        pairs = zip(self._written(firsts, heard[begin]), self._written(lasts, heard[::-1][end]), strict=True)
        found = []
        for group, (first, last) in zip(groups.tolist(), pairs, strict=True):
            if last.startswith(first) and len(last) > len(first) + 1:
                rows = heard[choice == group]
                if self._text_so_far(rows, 2 * len(first)).startswith(2 * first):
                    found.append(group)
        return found

    def _written(self, fragments: pa.Array, rows: Ints) -> Iterator[str]:
        """What fragments say; those that were cut out are still as they were written."""
        texts = fragments.take(pa.array(rows)).to_pylist()
        for text, is_cut in zip(texts, self.chunks.cut[rows].tolist(), strict=True):
            yield json.loads(f'"{text}"') if is_cut and "\\" in text else text

    def _text_so_far(self, rows: Ints, length: int) -> str:
        """How the content of a choice begins."""
        text = ""
        for row in rows.tolist():
            text += self.chunks.texts["content"][row].as_py()
            if len(text) >= length:
                break
        return text

    @property
    def _tangled(self) -> Ints:
        """Rows that begin before the one ends that came before them in the same text."""
        line, last_line = self.chunks.numbers["line"], self.chunks.numbers["last_line"]
        rows = np.flatnonzero(self._field >= 0)
        choice, field = self._by_choice.of_row[rows], self._field[rows]
        order = np.lexsort((line[rows], field, choice))
        rows, choice, field = rows[order], choice[order], field[order]
        goes_on = (choice[1:] == choice[:-1]) & (field[1:] == field[:-1])
        return rows[1:][goes_on & (line[rows[1:]] <= last_line[rows[:-1]])]

    @property
    def _mixed(self) -> Ints:
        """Rows that begin before one ends that came before them, where usage or unknown fields tell which came when."""
        codes = self.chunks.codes
        differ = ~self._by_stream.agree(codes["extra"].code) | ~self._by_stream.agree(codes["usage"].code)
        for name in ("choice_extra", "content_filter"):
            differ[self._by_stream.of_row[self._by_choice.first[~self._by_choice.agree(codes[name].code)]]] = True
        rows = self._by_stream.order
        rows = rows[differ[self._by_stream.of_row[rows]]]
        stream = self._by_stream.of_row[rows]
        # The streams stand one behind the other, so that one running maximum serves them all.
        apart = stream * (int(self.chunks.numbers["last_line"].max(initial=0)) + 1)
        reach = np.maximum.accumulate(self.chunks.numbers["last_line"][rows] + apart)
        return rows[1:][(self.chunks.numbers["line"][rows] + apart)[1:] <= reach[:-1]]

    @property
    def _calls_that_differ(self) -> Ints:
        """A row of each tool slot that has two ids or names, or an id that comes later: it may be another call's.

        And of each that says nothing, or begins after the slot behind it: calls stand in the order in which they came.
        """
        rows, by_call = self._by_call
        line, name = self.chunks.numbers["line"][rows], self.chunks.codes["call_id"].code[rows]
        begins, named = by_call.least(line), by_call.least(line, name >= 0)
        odd = ~by_call.agree(name) | ~by_call.agree(self.chunks.codes["call_name"].code[rows])
        odd |= (named != NEVER) & (named > begins)
        odd |= ~by_call.total(self._call_says[rows]).astype(bool)
        choice = self._by_choice.of_row[rows[by_call.first]]
        odd[:-1] |= (choice[1:] == choice[:-1]) & (begins[1:] < begins[:-1])
        return rows[by_call.first[odd]]

    @property
    def _call_says(self) -> Bools:
        """Which rows say anything of a call."""
        codes = self.chunks.codes
        named = (codes["call_id"].code >= 0) | (codes["call_name"].code >= 0)
        return named | says(self.chunks.texts["call_arguments"])

    @cached_property
    def _by_call(self) -> tuple[Ints, Groups]:
        """The rows of tool calls, and these in groups by slot."""
        slot = self.chunks.numbers["call_index"]
        rows = np.flatnonzero(slot >= 0)
        return rows, Groups(self._by_choice.of_row[rows], slot[rows])

    def folded(self, plain: Bools) -> dict[str, pa.Table]:
        """The plain streams, linked by the line that each begins in (`line_number`)."""
        return {
            "completions": self._responses(plain),
            "choices": self._choices(plain),
            "tool_calls": self._tool_calls(plain),
        }

    def _responses(self, plain: Bools) -> pa.Table:
        by_stream, numbers, codes = self._by_stream, self.chunks.numbers, self.chunks.codes
        kept = plain[by_stream.first]
        has_role = codes["role"].code >= 0
        roles = by_stream.total(has_role)
        with_role = self._by_choice.total(has_role) > 0
        starts = np.bincount(by_stream.of_row[self._by_choice.first[with_role]], minlength=len(by_stream))
        created = by_stream.least(numbers["created"], numbers["created"] >= 0)
        usage_changed = ~by_stream.agree(codes["usage"].code)
        transcript = numbers["transcript"][by_stream.first]
        columns = {
            "transcript": pa.array(transcript[kept], pa.int64(), mask=transcript[kept] < 0),
            "line_number": pa.array(by_stream.least(numbers["line"])[kept]),
            "last_line": pa.array(by_stream.most(numbers["last_line"])[kept]),
            "form": pa.repeat(pa.scalar("stream"), int(kept.sum())),
            "created": pa.array(created[kept], mask=created[kept] == NEVER),
            "chunk_count": pa.array(by_stream.total(numbers["chunks"])[kept]),
            "flags": self._flags({"created_varies": self._vary_in_time, "usage_changed": usage_changed}, kept),
            "opens": pa.array(self._opens[by_stream.first][kept]),
            "role_repeats": pa.array(((roles > starts) | (by_stream.most(numbers["chunks"], has_role) > 1))[kept]),
        }
        columns["extra"] = unknown(codes["extra"], by_stream, kept, ())
        columns["usage"] = codes["usage"].take(by_stream.latest(codes["usage"].code)[kept])
        return pa.table(columns | {name: agreed(codes[name], by_stream, kept) for name in _ONE_A_STREAM})

    def _flags(self, told: Mapping[str, Bools], kept: Bools) -> pa.Array:
        """The flags of streams: those that their chunks have, and those that are told of whole streams."""
        column = self.chunks.codes["flags"]
        found: list[list[str]] = [[] for _ in range(len(self._by_stream))]
        for flag, is_true in told.items():
            for stream in np.flatnonzero(is_true).tolist():
                found[stream].append(flag)
        rows = np.flatnonzero(column.code >= 0)
        texts = [msgspec.json.decode(text) for text in column.texts.to_pylist()] if len(rows) else []
        for stream, code in zip(self._by_stream.of_row[rows].tolist(), column.code[rows].tolist(), strict=True):
            found[stream] = sorted({*found[stream], *texts[code]})
        return pa.array([found[stream] for stream in np.flatnonzero(kept).tolist()], pa.list_(pa.string()))

    def _choices(self, plain: Bools) -> pa.Table:
        by_choice, codes = self._by_choice, self.chunks.codes
        filtered = codes["content_filter"]
        index = self.chunks.numbers["choice_index"][by_choice.first]
        kept = plain[by_choice.first] & (index >= 0)
        columns = {
            "line_number": pa.array(self.first_line[by_choice.first[kept]]),
            "choice_index": pa.array(index[kept]),
            "role": codes["role"].take(by_choice.earliest(codes["role"].code)[kept]),
            "finish_reason": agreed(codes["finish_reason"], by_choice, kept),
            "extra": unknown(codes["choice_extra"], by_choice, kept, SAID),
            "content_filter": worst(filtered, by_choice, kept),
        }
        texts = {name: joined(self.chunks.texts[name], by_choice, kept) for name in TEXTS[:_CALL]}
        return pa.table(columns | texts)

    def _tool_calls(self, plain: Bools) -> pa.Table:
        rows, by_call = self._by_call
        numbers, codes = self.chunks.numbers, self.chunks.codes
        first = rows[by_call.first]
        kept = plain[first]
        name = codes["call_name"]
        return pa.table(
            {
                "line_number": pa.array(self.first_line[first[kept]]),
                "choice_index": pa.array(numbers["choice_index"][first[kept]]),
                "tool_call_index": pa.array(numbers["call_index"][first[kept]]),
                "call_id": codes["call_id"].take(by_call.most(codes["call_id"].code[rows])[kept]),
                "kind": pa.repeat(pa.scalar("function"), int(kept.sum())),
                "name": name.take(by_call.earliest(name.code[rows])[kept]),
                "arguments": joined(self.chunks.texts["call_arguments"].take(pa.array(rows)), by_call, kept),
            }
        )

"""Times and durations of many wrappers, read together: the same as `time_of` and `duration_of` say of each.

What is written in the usual ways is converted in columns; what is not is null here, to be read one by one.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlogs.values import moment

# A day that its month has in every year: of no other do the engine and Python say the same.
_DAY = r"(((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8]))|((0[13-9]|1[0-2])-(29|30))|((0[13578]|1[02])-31))"
_LOCAL = rf'^"(19[7-9]\d|20\d\d)-{_DAY}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,9}})?'
_UTC, _ZONED = rf'{_LOCAL}"$', rf'{_LOCAL}(Z|[+-](0\d|1[0-4]):[0-5]\d)"$'
_SECONDS, _MILLISECONDS = r"^[1-9]\d{8,9}(\.\d{1,9})?$", r"^[1-9]\d{12}$"
_DURATION = r"^(0|[1-9]\d{0,7})(\.\d{1,9})?$"


def times(parts: pa.StringArray) -> pa.Int64Array:
    """Microseconds since 1970 of JSON values; without a zone they are UTC."""
    found = _moments(_those(parts, _ZONED), "UTC")
    if found.null_count:
        found = pc.coalesce(found, _moments(_those(parts, _UTC), None))
    found = pc.if_else(pc.greater(found, 0), found, None)
    if not found.null_count:
        return found
    milliseconds = pc.multiply(_those(parts, _MILLISECONDS).cast(pa.int64()), 1000)
    return pc.coalesce(found, _rounded(_those(parts, _SECONDS), 1_000_000), milliseconds)


def moments(written: pa.StringArray) -> pa.Int64Array:
    """Microseconds since 1970 of times and numbers, as `moment` says of each; null where that is nothing."""
    found = times(pc.binary_join_element_wise('"', written, '"', ""))
    if found.null_count:
        found = pc.coalesce(found, times(written))
    others = pc.and_(found.is_null(), written.is_valid()).to_numpy(zero_copy_only=False)
    if not others.any():
        return found
    more = [moment(text) for text in written.filter(pa.array(others)).to_pylist()]
    return pc.replace_with_mask(found, pa.array(others), pa.array(more, pa.int64()))


def durations(parts: pa.StringArray, unit: int) -> pa.Int64Array:
    """Microseconds of JSON numbers in a unit of so many of them."""
    return _rounded(_those(parts, _DURATION), unit)


def _those(parts: pa.StringArray, pattern: str) -> pa.StringArray:
    """The values that are written so, null in the place of others."""
    return pc.if_else(pc.match_substring_regex(parts, pattern), parts, None)


def _moments(texts: pa.StringArray, zone: str | None) -> pa.Int64Array:
    nanoseconds = pc.utf8_slice_codeunits(texts, 1, -1).cast(pa.timestamp("ns", zone)).cast(pa.int64())
    return pc.divide(nanoseconds, 1000)  # what is finer is cut off, as Python does


def _rounded(texts: pa.StringArray, unit: int) -> pa.Int64Array:
    values = np.rint(texts.cast(pa.float64()).fill_null(0).to_numpy() * unit).astype(np.int64)
    return pa.array(values, mask=texts.is_null().to_numpy(zero_copy_only=False))

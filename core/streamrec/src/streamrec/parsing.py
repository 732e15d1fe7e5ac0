"""From the columns of a file to those of an event, as Polars expressions; what is unreadable is null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import SourceError
from streamrec.fileformat import SECONDS
from streamrec.schema import RAW, STAMP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamrec.profile import Profile

    Types = Mapping[str, pl.DataType]

_ISO = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
_FALLBACK: dict[str, str | float] = {"watch_seconds": 0.0, "device": "unknown", "category": "unknown"}
_SHOWN = 80


def stamps(column: pl.Expr, dtype: pl.DataType, profile: Profile) -> pl.Expr:
    """The moments in UTC of a column of stamps; null where it is unreadable, or has no zone and gets none."""
    if profile.written.epoch:
        return _since_1970(column, dtype, profile.written.epoch)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.convert_time_zone("UTC").cast(STAMP)
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        return _localized(column.cast(pl.Datetime("us")), profile)
    if not isinstance(dtype, pl.String):
        return pl.lit(None, STAMP)
    if profile.format:
        parsed = column.str.to_datetime(profile.format, time_unit="us", strict=False)
        return parsed.dt.convert_time_zone("UTC") if "%z" in profile.format else _localized(parsed, profile)
    return _iso(column, profile)


def _since_1970(column: pl.Expr, dtype: pl.DataType, unit: str) -> pl.Expr:
    """The moments of numbers since 1970, exact to the microsecond below which the rest is cut."""
    nanoseconds = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    if dtype.is_float():
        whole = (column * (nanoseconds / 1000)).round().cast(pl.Int64, strict=False)
    elif dtype.is_integer():
        whole = (column.cast(pl.Int128) * nanoseconds // 1000).cast(pl.Int64, strict=False)
    elif isinstance(dtype, pl.String):
        text = column.str.strip_chars()
        number = pl.when(text.str.contains(r"^-?[0-9]{1,19}(?:\.[0-9]{1,9})?$")).then(text)
        billionths = number.cast(pl.Decimal(38, 9), strict=False).to_physical()
        whole = (billionths * nanoseconds // 10**12).cast(pl.Int64, strict=False)
    else:
        return pl.lit(None, STAMP)
    return whole.cast(STAMP)


def _iso(column: pl.Expr, profile: Profile) -> pl.Expr:
    text = column.str.strip_chars().str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T").str.replace("[Zz]$", "+00:00")
    zoned = [text.str.to_datetime(f"{form}%z", time_unit="us", strict=False) for form in _ISO]
    if profile.timezone is None:
        return pl.coalesce(zoned)
    naive = [text.str.to_datetime(form, time_unit="us", strict=False) for form in (*_ISO, "%Y-%m-%d")]
    return pl.coalesce(*zoned, _localized(pl.coalesce(naive), profile))


def _localized(naive: pl.Expr, profile: Profile) -> pl.Expr:
    if profile.timezone is None:
        return pl.lit(None, STAMP)
    local = naive.dt.replace_time_zone(profile.timezone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def event_columns(types: Types, profile: Profile, moment: pl.Expr) -> list[pl.Expr]:
    """The fields of `schema.RAW` without `origin`; `moment` are the parsed stamps.

    Raises:
        SourceError: a column holds nested or binary values.
    """
    fields = {name: _field(name, types, profile) for name in RAW if name not in ("timestamp", "malformed", "origin")}
    fields["timestamp"] = moment
    problems = [_problem(name, parsed, types, profile) for name, parsed in fields.items()]
    joined = pl.concat_str(problems, separator="; ", ignore_nulls=True)
    named = [fields[name].alias(name) for name in RAW if name in fields]
    return [*named, pl.when(joined != "").then(joined).alias("malformed")]


def _field(name: str, types: Types, profile: Profile) -> pl.Expr:
    column = profile.column(name)
    default = profile.defaults.get(name, _FALLBACK.get(name))
    if column not in types:
        return pl.lit(default, RAW[name])
    dtype = types[column]
    if dtype.is_nested() or isinstance(dtype, (pl.Binary, pl.Object)):
        raise SourceError(f"column {column!r} holds {dtype}, not the {RAW[name]} of a {name}: give one value a row")
    value = pl.col(column)
    if isinstance(dtype, pl.String):
        value = pl.when(value != "").then(value)
    value = value.cast(RAW[name], strict=False)
    if name == "event_type" and profile.written.event_types:
        value = value.replace(dict(profile.written.event_types))
    if name == "watch_seconds" and profile.written.duration != "s":
        value = _seconds(pl.col(column), value, dtype, profile)
    return value if default is None or name not in profile.defaults else value.fill_null(pl.lit(default, RAW[name]))


def _seconds(column: pl.Expr, number: pl.Expr, dtype: pl.DataType, profile: Profile) -> pl.Expr:
    """Durations of the profile's unit; those that a file holds as durations know their own."""
    if isinstance(dtype, pl.Duration):
        return column.dt.total_nanoseconds() * SECONDS["ns"]
    return number * SECONDS[profile.written.duration]


def _problem(name: str, parsed: pl.Expr, types: Types, profile: Profile) -> pl.Expr:
    """Null, or the text of a value that could not be read, such as `timestamp='32.1.2026'`."""
    column = profile.column(name)
    if column not in types:
        return pl.lit(None, pl.String)
    text = pl.col(column).cast(pl.String, strict=False)
    unread = parsed.is_null() & (text != "")
    if RAW[name] == pl.String():
        unread = unread | text.str.contains("\ufffd", literal=True)
    shown = pl.lit(f"{name}='") + text.str.slice(0, _SHOWN) + pl.lit("'")
    return pl.when(unread).then(shown)

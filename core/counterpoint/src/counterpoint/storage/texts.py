"""Texts as values: only where formatting the value gives the text back, or one of its plain forms (1.0 for 1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

_INTEGER = r"^-?(?:0|[1-9][0-9]*)(?:\.0+)?$"
_NUMBER = r"^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?|NaN|nan|-?inf)$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"^[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,9})?$"
_STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?$"
_ZONED = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})$"
)
_FORMS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_SHORT = {pl.Float64: 15, pl.Float32: 6}  # a text of so many bytes has no more digits than each such number holds
_DIGITS = 38  # of the largest decimal
TYPED = (pl.String, pl.Categorical, pl.Enum)


def exact(text: pl.Expr, kind: Any) -> pl.Expr:
    """The values of texts, null where a text is no value of that type exactly; empty texts are null but as texts.

    Args:
        text: A column of strings.
        kind: A type that is no list, struct or binary.
    """
    if isinstance(kind, TYPED):
        return text
    if kind == pl.Boolean:
        return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=kind)
    if kind.is_integer():
        return _where(text, _INTEGER, text.str.replace(r"\.0+$", "").cast(kind, strict=False))
    if kind.is_float():
        return _float(text, kind)
    if isinstance(kind, pl.Decimal):
        return _decimal(text, kind)
    return _moment(text, kind)


def value(text: pl.Expr, kind: Any) -> pl.Expr:
    """The same values of texts that are known to be `exact` all, in less time."""
    if kind.is_integer():
        return text.str.replace(r"\.0+$", "").cast(kind, strict=False)
    return text.cast(kind, strict=False) if kind.is_float() else exact(text, kind)


def candidates(texts: pl.Series) -> list[Any]:
    """The types that a few texts allow for a column of such, the best first; none where it stays text."""
    given = texts.filter((texts != "") & texts.is_not_null())
    kinds: dict[str, list[Any]] = {
        _NUMBER: [pl.Int64(), pl.Float64()],
        _DATE: [pl.Date()],
        _STAMP: [pl.Datetime("us"), pl.Datetime("ns")],
        _ZONED: [pl.Datetime("us", "UTC"), pl.Datetime("ns", "UTC")],
    }
    found = [kind for pattern, several in kinds.items() if given.str.contains(pattern).all() for kind in several]
    column, rows = pl.col(given.name), given.to_frame()
    return [kind for kind in found if not rows.select(exact(column, kind).is_null().any()).item()]


def is_number(texts: pl.Series) -> bool:
    """Whether all texts that are not empty are numbers."""
    return bool(texts.filter(texts != "").str.contains(_NUMBER).all())


def wide_numbers(texts: list[pl.LazyFrame], name: str) -> list[Any]:
    """The types for numbers that neither 64 bits nor doubles hold: integers of 128 bits, decimals."""
    measured = [_measured(frame, name) for frame in texts]
    whole, parts = (max(one[n] for one in measured) for n in (0, 1))
    return [pl.Int128(), *([pl.Decimal(_DIGITS, parts)] if whole + parts <= _DIGITS else [])]


def _measured(texts: pl.LazyFrame, name: str) -> tuple[int, int]:
    """The most digits before and behind the point."""
    column = pl.col(name)
    found = texts.select(
        whole=column.str.extract("^-?([0-9]*)").str.len_chars().max(),
        parts=column.str.extract(r"^-?[0-9]+\.([0-9]+)$").str.strip_chars_end("0").str.len_chars().max(),
    ).collect()
    return found["whole"].item() or 0, found["parts"].item() or 0


def _where(text: pl.Expr, pattern: str, value: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(value)


def _float(text: pl.Expr, kind: Any) -> pl.Expr:
    """A double holds a text whose digits its own shortest text, or its text of 17 digits, has."""
    value = text.cast(kind, strict=False)
    plain = text.str.contains(_NUMBER)
    short = (text.str.len_bytes() <= _SHORT[kind.base_type()]) & ~text.str.contains("[a-zE]")
    easy = short | (value.cast(pl.String) == text)
    # few are left as a rule, and those are asked one by one
    asked = pl.when(plain & ~easy).then(text)
    single = kind == pl.Float32
    held = asked.map_batches(lambda texts: _held(texts, single=single), return_dtype=pl.Boolean, is_elementwise=True)
    return pl.when(plain & (easy | held)).then(value)


def _held(texts: pl.Series, *, single: bool) -> pl.Series:
    if texts.len() == texts.null_count():
        return pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True).alias(texts.name)  # noqa: FBT003
    found = [text is not None and _is_held(text, single=single) for text in texts]
    return pl.Series(texts.name, found, pl.Boolean)


def _is_held(text: str, *, single: bool) -> bool:
    number = float(text)
    if (
        single
        and (number := float(np.float32(text))) != float(text)
        and _digits(str(np.float32(text))) == _digits(text)
    ):
        return True
    if not math.isfinite(number):
        return text.strip("-").lower() in {"nan", "inf"}
    return number == float(text) and _digits(text) in {_digits(repr(number)), _digits(f"{number:.17g}")}


def _digits(text: str) -> str:
    """The digits of a number, without zeros before and behind."""
    return text.lower().partition("e")[0].replace("-", "").replace(".", "").strip("0")


def _decimal(text: pl.Expr, kind: Any) -> pl.Expr:
    trimmed = pl.when(text.str.contains(".", literal=True)).then(text.str.replace(r"\.?0+$", "")).otherwise(text)
    fits = trimmed.str.contains(rf"^-?[0-9]{{1,{max(kind.precision - kind.scale, 1)}}}(?:\.[0-9]{{1,{kind.scale}}})?$")
    whole = trimmed.str.contains(rf"^-?[0-9]{{1,{max(kind.precision - kind.scale, 1)}}}$")
    room = fits if kind.scale else whole
    return pl.when(text.str.contains(_DECIMAL) & room).then(trimmed).cast(kind, strict=False)


def _moment(text: pl.Expr, kind: Any) -> pl.Expr:
    if kind == pl.Date:
        return _where(text, _DATE, text.str.to_date("%Y-%m-%d", strict=False))
    if kind == pl.Time:
        return _where(text, _TIME, text.str.to_time("%H:%M:%S%.f", strict=False))
    if isinstance(kind, pl.Datetime):
        return _stamp(text, kind)
    return pl.lit(None, kind)


def _stamp(text: pl.Expr, kind: Any) -> pl.Expr:
    """A stamp, with digits of a second that the type has not only if they are zeros."""
    spaced = text.str.replace("T", " ", literal=True).str.replace("Z$", "+0000")
    fine = text.str.extract(r"\.([0-9]+)").str.strip_chars_end("0").str.len_chars().fill_null(0)
    room = fine <= {"ms": 3, "us": 6, "ns": 9}[kind.time_unit]
    zone = "%z" if kind.time_zone else ""
    forms = [form + zone for form in _FORMS] + ([] if zone else ["%Y-%m-%d"])
    parsed = [spaced.str.to_datetime(form, time_unit=kind.time_unit, strict=False) for form in forms]
    value = pl.coalesce(parsed)
    # beyond the years of nanoseconds, the library's parser wraps around
    room = room & ((value.dt.year() - text.str.slice(0, 4).cast(pl.Int32, strict=False)).abs() <= 1)
    value = value.dt.convert_time_zone(kind.time_zone) if kind.time_zone else value
    return pl.when(text.str.contains(_ZONED if zone else _STAMP) & room).then(value)


def number_type(texts: pl.LazyFrame, name: str) -> Any:
    """The first type that holds all texts of a column that are numbers; doubles, the nearest, where none does."""
    column = pl.col(name)
    for kind in (pl.Int64(), pl.Float64(), *wide_numbers([texts], name)):
        missed = texts.select((column.str.contains(_NUMBER) & exact(column, kind).is_null()).sum()).collect().item()
        if not missed:
            return kind
    return pl.Float64()

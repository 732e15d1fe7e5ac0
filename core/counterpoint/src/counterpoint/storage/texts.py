"""Texts as values, only if formatting the value returns the text or one of its plain forms (1.0 for 1)."""

from __future__ import annotations

import math
import re
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
_SHORT = {
    pl.Float64: 15,
    pl.Float32: 6,
}  # a text of at most this length has no more digits than every such number holds
_DIGITS = 38  # of the largest decimal
# the types to try for texts of a form
_KINDS: dict[str, tuple[Any, ...]] = {
    _INTEGER: (pl.Int64(),),
    _NUMBER: (pl.Float64(),),
    _DATE: (pl.Date(),),
    _STAMP: (pl.Datetime("us"), pl.Datetime("ns")),
    _ZONED: (pl.Datetime("us", "UTC"), pl.Datetime("ns", "UTC")),
}
TYPED = (pl.String, pl.Categorical, pl.Enum)


def exact(text: pl.Expr, kind: Any) -> pl.Expr:
    """The values of texts, null if a text is not exactly a value of the type; empty texts stay only as texts.

    Args:
        text: A column of strings.
        kind: A type other than list, struct or binary.
    """
    if isinstance(kind, TYPED):
        return text
    if kind == pl.Boolean:
        return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=kind)
    if kind.is_integer():
        number = text.cast(kind, strict=False)
        other = _unlike(text, kind)
        rest = _where(other, _INTEGER, other.str.replace(r"\.0+$", "").cast(kind, strict=False))
        return pl.coalesce(pl.when(other.is_null()).then(number), rest)
    if kind.is_float():
        return _float(text, kind)
    if isinstance(kind, pl.Decimal):
        return _decimal(text, kind)
    return _moment(text, kind)


def value(text: pl.Expr, kind: Any) -> pl.Expr:
    """The values of texts that are all known to be `exact`, computed faster."""
    if kind.is_integer():
        number = text.cast(kind, strict=False)
        rest = pl.when(number.is_null()).then(text).str.replace(r"\.0+$", "").cast(kind, strict=False)
        return pl.coalesce(number, rest)
    return text.cast(kind, strict=False) if kind.is_float() else exact(text, kind)


def own_text(text: pl.Expr, kind: Any) -> pl.Expr:
    """Whether a text is the one that its number is written as; such a text is `exact`."""
    return (text.cast(kind, strict=False).cast(pl.String) == text).fill_null(value=False)


def _unlike(text: pl.Expr, kind: Any) -> pl.Expr:
    """The texts that are not a number's own; few as a rule, and patterns of nulls cost nothing."""
    return pl.when(own_text(text, kind)).then(None).otherwise(text)


def candidates(samples: pl.DataFrame) -> dict[str, list[Any]]:
    """For each column, the types to try that a sample of its texts allows, the best first; none if it stays text."""
    return {name: [kind for form in _forms_of(samples[name]) for kind in _KINDS[form]] for name in samples.columns}


def numbers(samples: pl.DataFrame) -> list[str]:
    """The columns of which all texts that are not empty are numbers."""
    return [name for name in samples.columns if _NUMBER in _forms_of(samples[name])]


def _forms_of(texts: pl.Series) -> list[str]:
    """The patterns that all texts of a sample match that are not empty."""
    # not Polars' patterns, of which a plan for each column of a wide table takes seconds
    filled = [text for text in texts if text]
    return [form for form in _KINDS if all(re.fullmatch(form, text) for text in filled)]


def wide_numbers(texts: list[pl.LazyFrame], name: str) -> list[Any]:
    """The types for numbers that fit neither 64-bit integers nor doubles: 128-bit integers, decimals."""
    measured = [_measured(frame, name) for frame in texts]
    whole, parts = (max(digits[n] for digits in measured) for n in (0, 1))
    return [pl.Int128(), *([pl.Decimal(_DIGITS, parts)] if whole + parts <= _DIGITS else [])]


def _measured(texts: pl.LazyFrame, name: str) -> tuple[int, int]:
    """The largest numbers of digits before and after the decimal point."""
    column = pl.col(name)
    digits = texts.select(
        whole=column.str.extract("^-?([0-9]*)").str.len_chars().max(),
        parts=column.str.extract(r"^-?[0-9]+\.([0-9]+)$").str.strip_chars_end("0").str.len_chars().max(),
    ).collect()
    return digits["whole"].item() or 0, digits["parts"].item() or 0


def _where(text: pl.Expr, pattern: str, value: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(value)


def _float(text: pl.Expr, kind: Any) -> pl.Expr:
    """The floats of texts whose digits equal those of the float's shortest text or of its text of 17 digits."""
    value = text.cast(kind, strict=False)
    other = _unlike(text, kind)
    plain = other.str.contains(_NUMBER)
    short = (other.str.len_bytes() <= _SHORT[kind.base_type()]) & ~other.str.contains("[a-zE]")
    # usually few texts remain, and these are checked one by one
    remaining = pl.when(plain & ~short).then(other)
    single = kind == pl.Float32
    held = remaining.map_batches(
        lambda texts: _held(texts, single=single), return_dtype=pl.Boolean, is_elementwise=True
    )
    return pl.when(other.is_null() | (plain & (short | held))).then(value)


def _held(texts: pl.Series, *, single: bool) -> pl.Series:
    if texts.len() == texts.null_count():
        return pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True).alias(texts.name)  # noqa: FBT003
    results = [text is not None and _is_held(text, single=single) for text in texts]
    return pl.Series(texts.name, results, pl.Boolean)


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
    """The digits of a number, without leading and trailing zeros."""
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
    """The datetimes of texts; fractional digits beyond the type's precision must be zeros."""
    spaced = text.str.replace("T", " ", literal=True).str.replace("Z$", "+0000")
    fine = text.str.extract(r"\.([0-9]+)").str.strip_chars_end("0").str.len_chars().fill_null(0)
    room = fine <= {"ms": 3, "us": 6, "ns": 9}[kind.time_unit]
    zone = "%z" if kind.time_zone else ""
    forms = [form + zone for form in _FORMS] + ([] if zone else ["%Y-%m-%d"])
    parsed = [spaced.str.to_datetime(form, time_unit=kind.time_unit, strict=False) for form in forms]
    value = pl.coalesce(parsed)
    # the library's parser wraps around for years that nanoseconds cannot hold
    room = room & ((value.dt.year() - text.str.slice(0, 4).cast(pl.Int32, strict=False)).abs() <= 1)
    value = value.dt.convert_time_zone(kind.time_zone) if kind.time_zone else value
    return pl.when(text.str.contains(_ZONED if zone else _STAMP) & room).then(value)


def number_type(texts: pl.LazyFrame, name: str) -> Any:
    """The first type that holds all numbers in a column of texts; doubles, which round them, if none does."""
    column = pl.col(name)
    for kind in (pl.Int64(), pl.Float64(), *wide_numbers([texts], name)):
        missed = texts.select((column.str.contains(_NUMBER) & exact(column, kind).is_null()).sum()).collect().item()
        if not missed:
            return kind
    return pl.Float64()

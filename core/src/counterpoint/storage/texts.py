"""Texts as values: only where formatting the value gives the text back, or one of its plain forms (1.0 for 1)."""

from __future__ import annotations

from typing import Any

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
_DIGITS = 38  # of the largest decimal
_LONGEST = 18  # digits that every Int64 has room for
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


def _where(text: pl.Expr, pattern: str, value: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(value)


def _float(text: pl.Expr, kind: Any) -> pl.Expr:
    """A double holds a text whose digits its own shortest text, or its text of 17 digits, has."""
    value = text.cast(kind, strict=False)
    shortest = _digits(value.cast(pl.String)) == _digits(text)
    long = text.map_batches(_seventeen, return_dtype=pl.Boolean, is_elementwise=True)
    if kind == pl.Float32:
        double = text.cast(pl.Float64, strict=False)
        long = (double == value.cast(pl.Float64)) & (long | (_digits(double.cast(pl.String)) == _digits(text)))
    held = shortest | long | text.str.to_lowercase().str.contains("nan|inf")
    return pl.when(text.str.contains(_NUMBER) & held).then(value)


def _digits(text: pl.Expr) -> pl.Expr:
    """The digits of a number, without zeros before and behind."""
    return text.str.replace("[eE].*$", "").str.replace_all("[-.]", "").str.strip_chars("0")


def _seventeen(texts: pl.Series) -> pl.Series:
    """Whether a text of 16 or 17 digits is what `%.17g` writes of its double."""
    long = (texts.str.len_bytes() >= 17).fill_null(value=False)  # noqa: PLR2004 - sixteen digits and a point
    if not long.any():
        return pl.Series(texts.name, [False], pl.Boolean).new_from_index(0, len(texts))
    found = [flag and _is_seventeen(value) for flag, value in zip(long, texts, strict=True)]
    return pl.Series(texts.name, found, pl.Boolean)


def _is_seventeen(text: str) -> bool:
    try:
        written = f"{float(text):.17g}"
    except ValueError:
        return False
    parts = (one.lower().partition("e")[0].translate({45: None, 46: None}).strip("0") for one in (written, text))
    return len(set(parts)) == 1


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


def number_type(texts: pl.LazyFrame, name: str) -> pl.DataType:
    """The first type that holds all texts of a column that are numbers; doubles, the nearest, where none does."""
    for kind in number_types(texts, name):
        column = pl.col(name)
        missed = texts.select((column.str.contains(_NUMBER) & exact(column, kind).is_null()).sum()).collect().item()
        if not missed:
            return kind
    return pl.Float64()


def number_types(texts: pl.LazyFrame, name: str) -> list[Any]:
    """Types that may hold the numbers of a column, the best first."""
    column = pl.col(name)
    found = texts.select(
        whole=column.str.extract("^-?([0-9]*)").str.len_chars().max(),
        parts=column.str.extract(r"^-?[0-9]+\.([0-9]+)$").str.strip_chars_end("0").str.len_chars().max(),
    ).collect()
    whole, parts = ((found[part].item() or 0) for part in ("whole", "parts"))
    integers = [pl.Int64()] if whole <= _LONGEST else [pl.Int64(), pl.Int128()]
    decimals = [pl.Decimal(_DIGITS, parts)] if whole + parts <= _DIGITS else []
    return [*integers, pl.Float64(), *decimals]

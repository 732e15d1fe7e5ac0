"""What is an interaction: the SQL expression `keep` of a profile, applied to the texts or values of a file.

Whether a column of texts counts as text or number is told by the expression alone, never by the values of a day: it is
a number where it stands beside one (`qty > 0`), and a text elsewhere.
"""

from __future__ import annotations

import re
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.errors import UsageError
from counterpoint.redaction import redacted, row_value
from counterpoint.storage.texts import exact, number_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Types = Mapping[str, pl.DataType]

KEPT = "__kept"
_PREFIX = "__"
_SHOWN = 80
# texts and quoted names stay as they are; a number with a point would be compared with a text without complaint
_NUMBERS = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\w*[A-Za-z_]\w*)|(\d+\.\d*|\.\d+)""")
_MANY = 8


class Keep:
    """The expression `keep` of a profile for files with some columns.

    Raises:
        UsageError: it is no SQL, names a column that the file has not, or cannot be applied to such columns.
    """

    def __init__(self, keep: str | None, types: Types, file: Path) -> None:
        self._keep, self._file = keep, file
        self._expression = _parsed(keep) if keep else pl.lit(True)  # noqa: FBT003
        self.columns = tuple(dict.fromkeys(self._expression.meta.root_names()))
        missing = [name for name in self.columns if name not in types]
        if missing:
            raise UsageError(f"[interactions] keep: no column {missing[0]!r}; the file has {', '.join(types)}")
        self._texts = [name for name in self.columns if isinstance(types[name], pl.String)]
        self._numbers = self._as_numbers({name: types[name] for name in self.columns}) if keep else ()

    def selected(self) -> list[pl.Expr]:
        """The columns that it looks at, under names of their own."""
        return [pl.col(name).alias(_PREFIX + name) for name in self.columns]

    def judged(self, found: pl.DataFrame) -> pl.DataFrame:
        """The rows with `KEPT` instead of what was `selected`.

        A row of which a text beside a number is none is kept where its verdict hangs on that, and `malformed` says it.

        Raises:
            UsageError: the expression cannot be applied to these values.
        """
        given = found.select(pl.col(_PREFIX + name).alias(name) for name in self.columns)
        inputs = given.with_columns(pl.col(name).replace("", None) for name in self._texts)
        numbers = {name: _as_number(inputs[name]) for name in self._numbers}
        rows = inputs.with_columns(**numbers) if self.columns else found
        try:
            verdict = rows.select(self._expression.cast(pl.Boolean).alias(KEPT))[KEPT]
        except pl.exceptions.PolarsError as error:
            raise self._fails(error) from None
        verdict = verdict.new_from_index(0, len(found)) if len(verdict) == 1 and len(found) != 1 else verdict
        unread = [inputs[name].is_not_null() & numbers[name].is_null() for name in self._numbers]
        for name, bad in zip(self._numbers, unread, strict=True):
            if bad.sum() * 2 > len(bad):
                shown = ", ".join(map(row_value, inputs[name].filter(bad).head(3)))
                raise self._fails(f"column {name!r} stands beside a number and holds none ({shown})")
        rest = found.drop(_PREFIX + name for name in self.columns)
        return _marked(rest, verdict, inputs, dict(zip(self._numbers, unread, strict=True)))

    def _fails(self, error: object) -> UsageError:
        reason = redacted(str(error)).splitlines()[0]
        return UsageError(f"[interactions] keep = {self._keep!r} fails on {self._file}: {reason}")

    def _as_numbers(self, types: Types) -> tuple[str, ...]:
        """The columns of texts that stand beside numbers: the fewest with which the expression means something."""
        assert self._keep is not None  # noqa: S101 - asked where there is one
        plain = pl.sql_expr(_NUMBERS.sub(lambda found: found[1] or "1", self._keep))
        first: Exception | None = None
        for names in _sets(self._texts):
            kinds = {name: pl.Int64() if name in names else kind for name, kind in types.items()}
            row = pl.DataFrame({name: [None] for name in kinds}, schema=kinds)
            ones = row.with_columns(pl.lit("1").cast(kinds[name]).alias(name) for name in self._texts)
            try:
                ones.select(plain.cast(pl.Boolean))
            except pl.exceptions.PolarsError as error:
                first = first or error
            else:
                return names
        raise self._fails(first or ValueError("no columns")) from first


def _parsed(keep: str) -> pl.Expr:
    try:
        return pl.sql_expr(keep)
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"[interactions] keep = {keep!r} is no SQL expression: {error}") from None


def _sets(names: list[str]) -> Iterable[tuple[str, ...]]:
    """All sets of some names, small ones first; of many names only none, each alone, and all."""
    sizes: Iterator[int] | range = range(len(names) + 1) if len(names) <= _MANY else iter((0, 1, len(names)))
    return chain.from_iterable(combinations(names, size) for size in sizes)


def _as_number(texts: pl.Series) -> pl.Series:
    """The numbers of texts, null where one is none, in a type that holds them all exactly if there is one."""
    text = pl.col(texts.name).str.strip_chars().str.replace(r"^(-?)\+?0*(\d)", "${1}${2}")
    plain = texts.to_frame().select(text.str.replace(r"^(-?)\.", "${1}0.").str.replace(r"\.$", ""))
    kind: Any = number_type(plain.lazy(), texts.name)
    column = pl.col(texts.name)
    value = pl.coalesce(exact(column, kind), column.cast(kind, strict=False) if kind.is_float() else None)
    return plain.select(pl.when(value.is_finite() if kind.is_float() else value.is_not_null()).then(value)).to_series()


def _marked(rest: pl.DataFrame, verdict: pl.Series, inputs: pl.DataFrame, unread: dict[str, pl.Series]) -> pl.DataFrame:
    """The rows with `KEPT`; those without a verdict for an unread number are kept, and are malformed."""
    kept = verdict.fill_null(value=False)
    undecided = verdict.is_null()
    for name, bad in unread.items():
        wrong = undecided & bad
        if wrong.any():
            shown = pl.lit(f"{name}='") + pl.lit(inputs[name].str.slice(0, _SHOWN)) + pl.lit("'")
            both = pl.concat_str(["malformed", shown], separator="; ", ignore_nulls=True)
            rest = rest.with_columns(pl.when(pl.lit(wrong)).then(both).otherwise("malformed").alias("malformed"))
            kept = kept | wrong
    return rest.with_columns(kept.alias(KEPT))

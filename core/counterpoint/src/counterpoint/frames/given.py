"""A Polars frame as another library's, for a parameter that asks for one; no value is lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.extras import need

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

POLARS = "polars.DataFrame"
_WHAT = "parameters that ask for frames of {}"


def given_as(kind: str, frame: pl.DataFrame) -> Any:
    """A frame as a parameter asks for it.

    Args:
        kind: the type, as `frames_asked` names it.
        frame: the rows.

    Raises:
        UsageError: the library is not installed here; holds the command that installs it.
    """
    return _MADE[kind](frame)


def _arrow(frame: pl.DataFrame) -> Any:
    import polars as pl

    # plain strings and lists: not every library reads Arrow's views
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def _pandas(frame: pl.DataFrame) -> Any:
    """NumPy's types where they hold every value of a column, else pandas' nullable or Arrow's types."""
    pandas = need("pandas", "frames", _WHAT.format("pandas"))
    columns = {column: _column(pandas, frame.get_column(column)) for column in frame.columns}
    return pandas.DataFrame(columns, index=pandas.RangeIndex(frame.height))


def _column(pandas: Any, series: pl.Series) -> Any:
    import polars as pl

    array = _arrow(series.to_frame()).column(0)
    kind = series.dtype
    if kind.is_float() and series.is_nan().any():
        # in a NumPy column, NaN is what is missing
        return pandas.Series(pandas.arrays.ArrowExtensionArray(array))
    if kind.is_float() or kind in (pl.String, pl.Null) or isinstance(kind, pl.Datetime | pl.Categorical | pl.Enum):
        return array.to_pandas()
    if (kind.is_integer() or kind == pl.Boolean) and not series.null_count():
        return array.to_pandas()
    if kind.is_integer():
        # a NumPy column would hold its integers as floats, for the sake of what is missing
        return pandas.Series(pandas.array(series.to_list(), dtype=str(kind)))
    if kind == pl.Boolean:
        return pandas.Series(pandas.array(series.to_list(), dtype="boolean"))
    return pandas.Series(pandas.arrays.ArrowExtensionArray(array))


def _duckdb(frame: pl.DataFrame) -> Any:
    # of the default connection, so that the inputs of a step can be joined with each other
    return need("duckdb", "frames", _WHAT.format("DuckDB")).from_arrow(_arrow(frame))


def _spark(frame: pl.DataFrame) -> Any:
    sql = need("pyspark.sql", "spark", _WHAT.format("Spark"))
    session = sql.SparkSession.getActiveSession() or sql.SparkSession.builder.getOrCreate()
    return session.createDataFrame(_arrow(frame))


_MADE: dict[str, Callable[[Any], Any]] = {
    POLARS: lambda frame: frame,
    "polars.LazyFrame": lambda frame: frame.lazy(),
    "pandas.DataFrame": _pandas,
    "pyarrow.Table": _arrow,
    "duckdb.DuckDBPyRelation": _duckdb,
    "pyspark.DataFrame": _spark,
}
KINDS = frozenset(_MADE)

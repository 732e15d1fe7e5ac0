"""What a step returned as a Polars frame, whichever library's frame it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, StepError
from counterpoint.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

_INDEX = "call .reset_index(drop=True) to drop it, or name it (frame.index.name = …) to keep it as a column"


def named(value: Any) -> str:
    """The type of a value with its package, and an article."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def as_polars(value: Any, who: str) -> pl.DataFrame:
    """The rows of a frame of any library that is known here.

    Args:
        value: a frame of Polars, pandas, PyArrow, DuckDB or Spark, or of what else Narwhals or Arrow's stream can read.
        who: what returned it, such as `step orders`; begins an error.

    Returns:
        A Polars frame; an index that has names is columns of it.

    Raises:
        StepError: it is no frame, it cannot be read, or its index or the names of its columns would be lost.
        UsageError: a library that reads it is not installed here.
    """
    polars_kind = next((k.__name__ for k in type(value).__mro__ if k.__module__.startswith("polars")), None)
    if polars_kind == "DataFrame":
        return value  # type: ignore[no-any-return]
    if polars_kind == "LazyFrame":
        return value.collect()  # type: ignore[no-any-return]
    with _readable(value, who):
        frame = None if polars_kind or isinstance(value, list | dict) else _read(value, who)
    if frame is None:
        raise StepError(
            f"{who} returned {named(value)}, not a frame, but its output is of kind table: {_fix(value)}, or declare"
            " another output"
        )
    return frame


def _fix(value: Any) -> str:
    if type(value).__name__ == "Series":
        return "return it .to_frame()"
    return "return polars.DataFrame(rows)" if isinstance(value, list | dict) else "return a Polars frame"


@contextmanager
def _readable(value: Any, who: str) -> Iterator[None]:
    try:
        yield
    except CounterpointError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise StepError(
            f"{who} returned {named(value)} that cannot be read as a table: {type(error).__name__}: {reason}; make sure"
            " that what it reads is still there after the step returns, and that each column has one type"
        ) from error


def _read(value: Any, who: str) -> pl.DataFrame | None:
    if type(value).__module__.partition(".")[0] == "pandas":
        return _of_pandas(value, who) if hasattr(value, "columns") else None
    nw = need("narwhals", "frames", f"frames such as {named(value)}")
    frame = nw.from_native(nw.to_native(value, pass_through=True), pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        return frame.collect("polars").to_native()  # type: ignore[no-any-return]
    if not isinstance(frame, nw.DataFrame):
        return _of_stream(value)
    if frame.implementation.is_pandas_like():
        return _of_pandas(frame.to_pandas(), who)
    return frame.to_polars()  # type: ignore[no-any-return]


def _of_stream(value: Any) -> pl.DataFrame | None:
    """What has rows as Arrow's stream; None for what has none."""
    import polars as pl

    if not hasattr(value, "__arrow_c_stream__"):
        return None
    pyarrow = need("pyarrow", "frames", f"frames such as {named(value)}")
    return pl.from_arrow(pyarrow.RecordBatchReader.from_stream(value).read_all())  # type: ignore[return-value]


def _of_pandas(frame: Any, who: str) -> pl.DataFrame:
    """A pandas frame; its column names must be text and its index a name or a mere numbering."""
    import polars as pl
    import pyarrow as pa

    frame = _without_index(frame, who)
    names = list(frame.columns)
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise StepError(
            f"{who} returned a pandas.DataFrame with a column named {wrong!r}, which is no text: rename it"
            " (frame.columns = frame.columns.map(str))"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise StepError(f"{who} returned a pandas.DataFrame with several columns named {twice[0]!r}: rename them")
    return pl.from_arrow(pa.Table.from_pandas(frame, preserve_index=False))  # type: ignore[return-value]


def _without_index(frame: Any, who: str) -> Any:
    index = frame.index
    if all(name is not None for name in index.names):
        lost = sorted(str(name) for name in index.names if name in frame.columns)
        if lost:
            raise StepError(
                f"{who} returned a pandas.DataFrame whose index and a column are both named {lost[0]!r}: rename one,"
                " or drop the index by .reset_index(drop=True)"
            )
        return frame.reset_index()
    if type(index).__name__ == "RangeIndex":
        return frame
    raise StepError(
        f"{who} returned a pandas.DataFrame with an index ({type(index).__name__}) that has no name, and would be"
        f" lost: {_INDEX}"
    )

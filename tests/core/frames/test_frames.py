"""The same rows have one digest, whichever library holds them, and no library loses a value on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError, StepError, UsageError
from counterpoint.frames import as_polars, frames_asked, given_as
from counterpoint.storage import content_digest

OTHERS = ("polars.LazyFrame", "pandas.DataFrame", "pyarrow.Table", "duckdb.DuckDBPyRelation")
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - naive ones are a type, too
VALUES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "small": (pl.Int8, st.integers(-128, 127)),
    "long": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "unsigned": (pl.UInt32, st.integers(0, 2**32 - 1)),
    "float": (pl.Float64, st.floats()),
    "single": (pl.Float32, st.floats(width=32)),
    "flag": (pl.Boolean, st.booleans()),
    "text": (pl.String, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)),
    "bytes": (pl.Binary, st.binary(max_size=5)),
    "day": (pl.Date, st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "moment": (pl.Datetime("us"), MOMENTS),
    "zoned": (pl.Datetime("us", "UTC"), MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC))),
    "numbers": (pl.List(pl.Int64), st.lists(st.integers(-9, 9), max_size=3)),
    "pair": (pl.Struct({"a": pl.Int64}), st.fixed_dictionaries({"a": st.integers(0, 9)})),
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    height = draw(st.integers(0, 4))
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4, unique=True))
    columns = {name: draw(st.lists(st.none() | VALUES[name][1], min_size=height, max_size=height)) for name in names}
    return pl.DataFrame(columns, {name: VALUES[name][0] for name in names})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_the_same_rows_have_one_digest_in_every_library(frame: pl.DataFrame) -> None:
    digest = content_digest(frame)
    in_libraries = {kind: given_as(kind, frame) for kind in OTHERS}
    in_libraries["pandas with Arrow's types"] = frame.to_pandas(use_pyarrow_extension_array=True)
    in_libraries["Arrow's stream"] = frame.to_arrow().to_reader()
    told = {kind: content_digest(as_polars(held, "step x")) for kind, held in in_libraries.items()}
    assert told == dict.fromkeys(told, digest)


def test_integers_with_nulls_stay_integers_in_pandas() -> None:
    big = 2**60 + 1
    held = given_as("pandas.DataFrame", pl.DataFrame({"a": [big, None], "b": [big, 1], "c": [True, None]}))
    assert [str(kind) for kind in held.dtypes] == ["Int64", "int64", "boolean"]
    assert held["a"].iloc[0] == big


def test_an_index_with_names_becomes_columns_and_a_numbering_is_dropped() -> None:
    plain = pd.DataFrame({"x": [1, 2]})
    assert as_polars(plain, "step x").columns == ["x"]
    indexed = plain.set_index(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"]))
    assert as_polars(indexed, "step x").to_dict(as_series=False) == {"k": ["a", "b"], "n": [1, 2], "x": [1, 2]}


INDEXED = pd.DataFrame({"x": [1, 2, 3, 4]})
REFUSED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "filtered": (INDEXED[INDEXED["x"] != 2], ("an index (Index) that has no name", ".reset_index(drop=True)")),
    "half named": (INDEXED.set_index(["x", INDEXED["x"].to_numpy()]), ("that has no name",)),
    "twice": (INDEXED.rename_axis("x"), ("both named 'x'", "rename one")),
    "numbered columns": (pd.DataFrame([[1]]), ("a column named 0", "columns.map(str)")),
    "columns of one name": (pd.DataFrame([[1, 2]], columns=["a", "a"]), ("several columns named 'a'",)),
    "mixed": (pd.DataFrame({"a": [1, "x"]}), ("cannot be read as a table", "column a", "one type")),
    "series": (pd.Series([1]), ("a pandas.Series", ".to_frame()")),
    "polars series": (pl.Series([1]), ("a polars.Series", ".to_frame()")),
    "array": (pa.chunked_array([[1]]), ("a pyarrow.ChunkedArray", "non-struct")),
    "rows": ([{"a": 1}], ("a list", "polars.DataFrame(rows)")),
    "nothing": (None, ("a NoneType", "not a frame")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_something_is_refused_with_the_fix(name: str) -> None:
    value, words = REFUSED[name]
    with pytest.raises(StepError) as failure:
        as_polars(value, "step made")
    assert str(failure.value).startswith("step made returned ")
    assert [word for word in words if word not in str(failure.value)] == []


def test_a_relation_of_a_closed_connection_says_so() -> None:
    with duckdb.connect() as connection:
        relation = connection.sql("select 1 as a")
    with pytest.raises(StepError, match=r"step made returned a _?duckdb.DuckDBPyRelation that cannot be read .* still"):
        as_polars(relation, "step made")


def test_a_record_batch_and_a_frame_of_narwhals_are_frames() -> None:
    import narwhals as nw

    batch = pa.record_batch({"a": [1, 2]})
    wrapped = nw.from_native(pd.DataFrame({"a": [1, 2]}))
    assert as_polars(batch, "x").equals(as_polars(wrapped, "x"))
    assert as_polars(batch, "x")["a"].to_list() == [1, 2]


def test_annotations_say_which_frame_is_asked_for() -> None:
    def asks(  # noqa: PLR0913, PLR0917 - a parameter per way to ask
        plain: Any,
        own: pl.DataFrame,
        lazy: "pl.LazyFrame | None",  # noqa: UP037
        window: dict[str, pd.DataFrame],
        table: "dict[str, 'pa.Table']",  # noqa: UP037
        either: pl.DataFrame | pd.DataFrame,
        relation: duckdb.DuckDBPyRelation,
        series: pd.Series,
    ) -> pd.DataFrame: ...

    assert frames_asked(asks) == {
        "lazy": "polars.LazyFrame",
        "window": "pandas.DataFrame",
        "table": "pyarrow.Table",
        "relation": "duckdb.DuckDBPyRelation",
    }


def test_a_parameter_asks_for_one_library() -> None:
    def asks(frame: pd.DataFrame | pa.Table) -> None: ...

    with pytest.raises(DefinitionError, match=r"parameter frame of .* asks for pandas.DataFrame and pyarrow.Table"):
        frames_asked(asks)


def test_spark_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match=r"ask for frames of Spark need pyspark.* pip install 'counterpoint\[spark\]'"):
        given_as("pyspark.DataFrame", pl.DataFrame({"a": [1]}))

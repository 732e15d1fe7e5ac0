"""Steps that ask for frames of other libraries and return them; the annotations' imports are for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from counterpoint.errors import ContractError
from counterpoint.model import Output, OutputKind, Pipeline, step, windowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pandas as pd
    import pyarrow as pa
    from pyarrow import Table

TABLE = OutputKind.TABLE


def orders() -> pl.LazyFrame:
    return pl.LazyFrame({"country": ["de", "fr", "de"], "amount": [10, None, 5]})


def with_pandas(orders: pd.DataFrame) -> pd.DataFrame:
    assert type(orders).__module__.startswith("pandas")
    return orders.assign(double=orders["amount"] * 2).set_index("country")


def with_arrow(with_pandas: Table) -> pa.Table:
    return with_pandas.append_column("one", [[1] * with_pandas.num_rows])


def with_duckdb(with_arrow: duckdb.DuckDBPyRelation, orders: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return with_arrow.set_alias("a").join(orders.set_alias("o"), "a.country = o.country").select("a.country, o.amount")


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(amount=frame["amount"] * 2)


def week(days: Mapping[str, pd.DataFrame], halves: Mapping[str, pl.DataFrame]) -> pd.DataFrame:
    (day,) = days.values()
    (half,) = halves.values()
    return day.assign(twice=half["amount"].to_list())


def many_countries(frame: pd.DataFrame) -> None:
    """At least two countries."""
    if frame["country"].nunique() < 2:
        raise ContractError("too few countries")


pipeline = Pipeline(
    "askers",
    (
        step(orders, output=Output(TABLE, contract="askers:many_countries")),
        *(step(function, output=Output(TABLE)) for function in (with_pandas, with_arrow, with_duckdb)),
        step(
            week,
            inputs={"days": windowed("orders", "t..t"), "halves": windowed("orders", "t..t", "askers:doubled")},
            output=Output(TABLE),
        ),
    ),
)


def spark_frame(orders: "pyspark.sql.DataFrame") -> int:  # noqa: F821, UP037 - a name that this module does not have
    return orders.count()


sparkling = Pipeline("sparkling", (step(orders, output=Output(TABLE)), step(spark_frame)))

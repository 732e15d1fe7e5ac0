"""Steps get the frames that they ask for and return any; what is stored is the same, and contracts hold on each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pap
import pandera.polars as pa
import polars as pl
import pytest

from counterpoint.contracts import check, split
from counterpoint.errors import ContractError, DefinitionError
from counterpoint.model import RunRequest
from counterpoint.runtime import LocalRun, context_of, execute

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-01-03"


def test_each_step_gets_the_frame_that_it_asks_for(tmp_path: Path) -> None:
    request = RunRequest("askers:pipeline", DAY, "r", str(tmp_path))
    run = LocalRun(request).run()
    assert {name: step.error for name, step in run.steps.items() if step.error} == {}
    store = context_of(request, "orders").store
    outputs = {name: store.read(store.entry(name, DAY).reference) for name in run.steps}
    assert outputs["with_pandas"].columns == ["country", "amount", "double"]
    assert outputs["with_pandas"].schema["double"] == pl.Int64
    assert outputs["with_arrow"]["one"].to_list() == [1, 1, 1]
    assert outputs["with_duckdb"].height == 5
    assert sorted(outputs["week"]["twice"].drop_nulls().to_list()) == [10, 20]


def test_a_step_that_asks_for_spark_says_what_to_install(tmp_path: Path) -> None:
    request = RunRequest("askers:sparkling", DAY, "r", str(tmp_path))
    made = execute(request, "orders")
    with pytest.raises(Exception, match=r"counterpoint\[spark\]"):
        execute(request, "spark_frame", {"orders": made})


FRAME = pl.DataFrame({"amount": [1, -2, 3]})
AT_LEAST_ZERO: dict[str, Any] = {
    "polars": pa.DataFrameSchema({"amount": pa.Column(int, pa.Check.ge(0))}, name="amounts"),
    "pandas": pap.DataFrameSchema({"amount": pap.Column(int, pap.Check.ge(0))}, name="amounts"),
}


@pytest.mark.parametrize("library", AT_LEAST_ZERO)
@pytest.mark.parametrize("returned", [None, FRAME.to_pandas(), FRAME.to_arrow()], ids=["polars", "pandas", "arrow"])
def test_a_contract_of_either_library_holds_on_every_frame(library: str, returned: Any) -> None:
    with pytest.raises(
        ContractError, match=r"column amount, check greater_than_or_equal_to\(0\): 1 times, such as '?-2'?"
    ):
        check(AT_LEAST_ZERO[library], FRAME, "made", DAY, returned)
    (passed,) = check(AT_LEAST_ZERO[library], FRAME.filter(pl.col("amount") > 0), "made", DAY)
    assert passed.metadata == {"rows": 2, "columns": ["amount"]}


@pytest.mark.parametrize("library", AT_LEAST_ZERO)
def test_rows_are_split_by_a_schema_of_either_library(library: str) -> None:
    found = split(AT_LEAST_ZERO[library], FRAME.to_pandas(), max_bad_rate=0.5)
    assert (found.rows["amount"].to_list(), found.rejected["amount"].to_list()) == ([1, 3], [-2])
    assert found.rejected["check"].to_list() == ["greater_than_or_equal_to(0)"]


def test_what_a_step_returned_is_held_against_a_schema_for_pandas_as_it_is() -> None:
    schema = pap.DataFrameSchema({"when": pap.Column("datetime64[ns]")}, name="whens")
    returned = pd.DataFrame({"when": pd.to_datetime(["2026-01-01"]).as_unit("ns")})
    stored = pl.from_pandas(returned).cast(pl.Datetime("us"))
    assert check(schema, stored, "made", DAY, returned)[0].passed


def test_a_schema_written_as_a_class_is_a_contract() -> None:
    class Amounts(pap.DataFrameModel):
        amount: int = pap.Field(ge=0)

    with pytest.raises(ContractError, match="greater_than_or_equal_to"):
        check(Amounts, FRAME, "made", DAY)


def test_a_schema_of_another_library_is_refused() -> None:
    schema = type("DataFrameSchema", (), {"__module__": "pandera.api.pyspark.container", "validate": None, "name": "s"})
    with pytest.raises(DefinitionError, match="the contract s is a schema of pandera for pyspark: write it for Polars"):
        check(schema(), FRAME, "made", DAY)


def test_a_callable_gets_the_frame_that_it_asks_for() -> None:
    seen: list[Any] = []

    def contract(frame: pd.DataFrame) -> None:
        seen.append(frame)

    check(contract, FRAME, "made", DAY)
    assert isinstance(seen[0], pd.DataFrame)

"""A pipeline for OpenLineage events: a table made from another one, with contracts, and a step that fails."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from counterpoint.model import Output, OutputKind, Pipeline, step, windowed

SECRET = "pl4nted-s3cret"  # noqa: S105 - planted, to be looked for

SHIPS = pa.DataFrameSchema(
    {"name": pa.Column(pl.String, description="painted on the bow"), "tons": pa.Column(pl.Int64)}
)
LOADS = pa.DataFrameSchema(
    {
        "ship": pa.Column(pl.String, metadata={"sources": ["ships.name"]}),
        "load": pa.Column(pl.Float64, metadata={"sources": ["ships.tons", "elsewhere.x"]}),
    },
    description="what each ship carries",
)


def ships() -> pl.DataFrame:
    return pl.DataFrame({"name": ["Ann", "Bo", None], "tons": [3, 5, 9]}).drop_nulls()


def loads(days: dict[str, pl.DataFrame], password: str) -> pl.DataFrame:
    assert password
    frame = pl.concat(days.values())
    return frame.select(ship="name", load=pl.col("tons") * 0.5)


def sunk(loads: pl.DataFrame, password: str) -> int:
    raise RuntimeError(f"{loads.height} ships sank; {password}")


pipeline = Pipeline(
    "shipping",
    (
        step("shipping:ships", output=Output(OutputKind.TABLE, contract="shipping:SHIPS")),
        step(
            "shipping:loads",
            inputs={"days": windowed("ships", "t-1..t")},
            output=Output(OutputKind.TABLE, contract="shipping:LOADS"),
        ),
        step("shipping:sunk"),
    ),
    config={"password": "none-at-all"},
)

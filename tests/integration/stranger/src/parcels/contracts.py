import pandera.polars as pa
import polars as pl

joined = pa.DataFrameSchema(
    {
        "parcel": pa.Column(pl.String, unique=True),
        "region": pa.Column(pl.String, pa.Check.isin(["north", "south", "west"])),
        "carrier": pa.Column(pl.String),
        "weight": pa.Column(pl.Float64, pa.Check.gt(0)),
        "hours_late": pa.Column(pl.Float64, pa.Check.in_range(0, 200)),
        "quick": pa.Column(pl.Int64),
    },
    name="joined",
)

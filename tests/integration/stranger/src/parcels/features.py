from importlib.resources import files

import polars as pl


def joined(parcels, carriers) -> pl.DataFrame:
    quick = pl.col("carrier").replace_strict(carriers, default=0, return_dtype=pl.Int64)
    return parcels.with_columns(quick=quick, weight=pl.col("weight").cast(pl.Float64)).sort("parcel")


def daily(days) -> pl.DataFrame:
    """By region, over today and yesterday."""
    query = files(__package__).joinpath("sql/limits.sql").read_text()
    return pl.concat(days.values()).sql(query)


def trend(days) -> pl.DataFrame:
    """A window over a window: how much later a region has become."""
    first, *_, last = days.values()
    both = last.join(first, on="region", suffix="_before").sort("region")
    return both.select("region", change=pl.col("late") - pl.col("late_before"))


def features(joined, trend) -> pl.DataFrame:
    return joined.join(trend, on="region", how="left").with_columns(pl.col("change").fill_null(0.0)).sort("parcel")

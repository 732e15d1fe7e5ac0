"""What becomes of rejected events: one that came late goes to its own day, any other one back to the day it was in."""

from __future__ import annotations

import polars as pl

from streamrec.config import FIRST_DAY
from streamrec.schema import INSIDE


def to_their_days(rejected: pl.DataFrame) -> pl.DataFrame:
    """The rejected events (columns of `schema.RAW`, `check`, `partition`), each with the day to try it in.

    A stamp before the first day there can be is taken for a wrong one, and its event goes back where it was.
    """
    day = pl.col("timestamp").dt.strftime("%Y-%m-%d")
    strayed = (pl.col("check") == INSIDE) & (day >= FIRST_DAY)
    return rejected.with_columns(partition=pl.when(strayed).then(day).otherwise("partition"))

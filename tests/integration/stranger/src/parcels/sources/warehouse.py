"""What the warehouse delivers: a CSV file a day."""

import hashlib
from pathlib import Path

import polars as pl

from counterpoint.errors import SourceError


def delivered(folder, partition):
    """What the file of a day holds: its digest."""
    return hashlib.sha256(_file(folder, partition).read_bytes()).hexdigest()


def parcels(partition, folder) -> pl.DataFrame:
    return pl.read_csv(_file(folder, partition), schema_overrides={"parcel": pl.String, "hours_late": pl.Float64})


def _file(folder, partition):
    file = Path(folder) / f"{partition.key}.csv"
    if not file.exists():
        raise SourceError(f"{file} was not delivered: ask the warehouse for it")
    return file

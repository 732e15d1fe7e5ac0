"""The storage of step outputs: Delta tables by day, models and metrics as files by day, below one folder."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from deltalake import DeltaTable, write_deltalake

from counterpoint.storage.models import Model, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DAY = "%Y-%m-%d"


class NotInLakeError(LookupError):
    """A day of an output is not in the lake; names both."""


class Lake:
    """The outputs of all steps by name and day (`YYYY-MM-DD`)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_table(self, name: str, day: str, rows: pl.DataFrame) -> None:
        """Replaces a day of a table in one commit."""
        data = rows.with_columns(pl.lit(day).alias("day")).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        uri = self.root / "tables" / name
        uri.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(str(uri), data.schema, mode="ignore", partition_by=["day"])
        write_deltalake(str(uri), data, mode="overwrite", predicate=f"day = '{day}'")
        # a day without rows leaves no file behind
        self._put(f"days/{name}/{day}", str(len(rows)).encode())

    def read_table(self, name: str, day: str) -> pl.DataFrame:
        """A day of a table.

        Raises:
            NotInLakeError: it was never written.
        """
        if not self.has(name, day):
            raise NotInLakeError(f"{name} of {day} is not in {self.root}: run its step first")
        return pl.scan_delta(str(self.root / "tables" / name)).filter(pl.col("day") == day).drop("day").collect()

    def has(self, name: str, day: str) -> bool:
        """Whether a day of a table was written."""
        return (self.root / "days" / name / day).exists()

    def missing(self, name: str, days: Iterable[str]) -> list[str]:
        """The days of a table that were not written."""
        return [day for day in days if not self.has(name, day)]

    def read_days(self, name: str, days: Iterable[str]) -> dict[str, pl.DataFrame]:
        """Several days of a table.

        Raises:
            NotInLakeError: one was never written.
        """
        return {day: self.read_table(name, day) for day in days}

    def write_model(self, name: str, day: str, model: Model) -> Path:
        """Writes a model; returns its folder."""
        for file, data in encode(model).items():
            self._put(f"models/{name}/{day}/{file}", data)
        return self.root / "models" / name / day

    def read_model(self, name: str, day: str) -> Model:
        """The model of a day.

        Raises:
            NotInLakeError: it was never written.
        """
        folder = f"models/{name}/{day}"
        return decode(self._get(f"{folder}/weights.safetensors"), self._get(f"{folder}/model.json"))

    def write_json(self, name: str, day: str, value: Any) -> None:
        """Writes a JSON value."""
        self._put(f"values/{name}/{day}.json", json.dumps(value, sort_keys=True, allow_nan=False).encode())

    def read_json(self, name: str, day: str) -> Any:
        """The JSON value of a day.

        Raises:
            NotInLakeError: it was never written.
        """
        return json.loads(self._get(f"values/{name}/{day}.json"))

    def _put(self, path: str, data: bytes) -> None:
        """Writes a file atomically."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(target)

    def _get(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError as error:
            raise NotInLakeError(f"{path} is not in {self.root}: run its step first") from error


def days_before(day: str, first: int, last: int = 0) -> list[str]:
    """The days from `first` to `last` days before a day, oldest first."""
    moment = datetime.strptime(day, DAY).replace(tzinfo=UTC)
    return [(moment - timedelta(days=offset)).strftime(DAY) for offset in range(first, last - 1, -1)]

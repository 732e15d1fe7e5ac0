"""A pipeline with an output of every kind, for stores in this process and in the children that tests start."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoint.model import PRODUCTION, ArtifactRef, Materialization, Output, OutputKind, Pipeline, Step
from counterpoint.storage import Model, Store
from counterpoint.storage.tables import read_partition

DAY = "2026-01-03"
ROWS, WHOLE, MODEL, METRICS = (
    Step(name, "shelves:doubled", output=output)
    for name, output in (
        ("rows", Output(OutputKind.TABLE)),
        ("whole", Output(OutputKind.TABLE, partitioned=False)),
        ("model", Output(OutputKind.MODEL)),
        ("metrics", Output(OutputKind.METRICS)),
    )
)
PIPELINE = Pipeline("shelf", (ROWS, WHOLE, MODEL, METRICS))
SETTINGS = "0123456789abcdef"
DAYS = [f"2026-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 21)]
JOURNAL = "catalog/production/shelf/.promotion.json"


def shelf(root: str, version: str = PRODUCTION) -> Store:
    return Store(root, PIPELINE, version)


def doubled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.all() * 2)


def numbers(number: int, count: int = 1) -> pl.DataFrame:
    """A frame that says in every row, and by its length, which one it is."""
    return pl.DataFrame({"x": [number] * count})


def model(number: int, size: int = 4) -> Model:
    return Model({"w": np.full(size, number, np.float32)}, {"number": number}, {"loss": 0.5})


def entry(reference: ArtifactRef, made_from: str = "f") -> Materialization:
    return Materialization(reference, made_from, {}, SETTINGS, "code", "run")


def save(store: Store, frame: pl.DataFrame, day: str = DAY) -> ArtifactRef:
    return store.write(ROWS, day, frame, SETTINGS)


def newest(store: Store, day: str = DAY) -> pl.DataFrame:
    """A partition as the newest commit has it, whatever any reference says."""
    return read_partition(store.uri("tables/production/shelf/rows"), None, "date", day)


def made(name: str, day: str = DAY, step: str = "metrics") -> Materialization:
    """An entry without data that tells by its fingerprint what it is."""
    reference = ArtifactRef(step, day, "metrics", "", None, None, 0, f"sha256:{name}")
    return Materialization(reference, name, {}, SETTINGS, "code", "run")


def publish(store: Store, name: str, days: list[str]) -> None:
    for day in days:
        store.publish(made(name, day))


def names(store: Store, step: str = "metrics") -> dict[str, str]:
    return {day: found.fingerprint for day, found in store.entries(step).items()}


def name(store: Store, day: str = DAY) -> str | None:
    found = store.entry("metrics", day)
    return found.fingerprint if found else None

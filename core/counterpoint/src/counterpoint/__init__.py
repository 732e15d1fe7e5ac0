"""Write an ML pipeline once, as pure functions with contracts; run it on Airflow, Dagster or Prefect."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

__version__ = "0.1.0"


def read(
    name: str,
    days: str | date | Iterable[str | date] | None = None,
    *,
    root: str | None = None,
    version: str = "production",
) -> Any:
    """Reads the published outputs of a step and checks them against their digests.

    Args:
        name: pipeline and step, as `fraud.country_summary` or `package.module:object.step`.
        days: a partition, a range `2026-01-01..2026-01-07`, or several of them; by default all published ones.
        root: the root of the data, a folder or s3://; by default `COUNTERPOINT_ROOT`, else `./counterpoint-data`.
        version: the version of the data.

    Returns:
        A table as one Polars frame, with the partition as a column (`date` for daily ones); a model as a `Model`; other
        outputs as JSON values. Unless `days` is a single partition, models and values come as a dict by partition.

    Raises:
        UsageError: the pipeline, step or version does not exist, or days are missing; the message names them.
        DamagedOutputError: a stored output is damaged; the message has the command that computes it again.
    """
    # every import from the package imports this file first, so it must stay small
    reading = import_module("counterpoint.runtime.reading")
    return reading.read_output(name, days, root, version)

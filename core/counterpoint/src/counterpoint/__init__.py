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
    """Reads what stands of a step, checked against its digest.

    Args:
        name: pipeline and step, as `fraud.country_summary` or `package.module:object.step`.
        days: a partition, a range `2026-01-01..2026-01-07`, or several of them; by default all that stand.
        root: where the data lies, a folder or s3://; by default `COUNTERPOINT_ROOT`, else `./counterpoint-data`.
        version: the version of the data.

    Returns:
        Of a table one Polars frame, with the partition as a column (`date`, for daily ones); of a model a `Model`; of
        other outputs a JSON value. Unless `days` is a single one, what is no table comes as a dict by partition.

    Raises:
        UsageError: there is no such pipeline, step or version, or days are missing; they are named.
        DamagedOutputError: what stands is not what was written; holds the command that makes it again.
    """
    # whoever imports any part of the package imports this file: it must not bring all of it along
    reading = import_module("counterpoint.runtime.reading")
    return reading.read_output(name, days, root, version)

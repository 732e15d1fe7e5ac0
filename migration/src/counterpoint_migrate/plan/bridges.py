"""Dependencies that cross from one orchestrator to the other while half has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint_migrate.plan.dagster_equivalents import means_of
from counterpoint_migrate.plan.plans import TO_AIRFLOW, TO_DAGSTER, Bridge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from counterpoint_migrate.inventory.inventory_model import Dependency

_MEANS = {TO_DAGSTER: "to_dagster", TO_AIRFLOW: "to_airflow"}


def bridges(dependencies: Iterable[Dependency], waves: Mapping[str, int]) -> list[Bridge]:
    """A bridge for each dependency whose sides do not move at once, in the order of the waves that build them.

    `waves` are the numbers of the waves in which DAGs move; what is not in it stays where it is.
    """
    spans = [(*span, one) for one in dependencies if (span := _span(one, waves))]
    spans.sort(key=lambda span: span[0])
    return [
        Bridge(number, one, direction, begins, ends, _means(one, direction))
        for number, (begins, ends, direction, one) in enumerate(spans, 1)
    ]


def _span(one: Dependency, waves: Mapping[str, int]) -> tuple[int, int | None, str] | None:
    """After which wave it begins to cross, which wave ends that, and in which direction."""
    before, later = waves.get(one.upstream), waves.get(one.downstream)
    if before == later:
        return None
    if later is not None and (before is None or later < before):
        return later, before, TO_DAGSTER
    return (before, later, TO_AIRFLOW) if before is not None else None


def _means(one: Dependency, direction: str) -> str:
    text = means_of(one.kind, _MEANS[direction])
    names = {"{up}": one.upstream, "{down}": one.downstream, "{place}": one.place}
    for name, value in names.items():
        text = text.replace(name, value)
    if one.offset is None:
        return text
    return f"{text}. It waits for another logical date ({one.offset}): {_shift(one, direction)}"


def _shift(one: Dependency, direction: str) -> str:
    """What carries the offset of a sensor over a bridge."""
    if one.offset_seconds is None:
        return "which run that is has to be written by hand"
    if direction == TO_DAGSTER:
        return f"airflow_run_sensor(..., shift=timedelta(seconds={-one.offset_seconds:g}))"
    return f"its partition is '{{{{ (logical_date - macros.timedelta(seconds={one.offset_seconds:g})) | ds }}}}'"


def shared_pools(pools: Mapping[str, set[str]], waves: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    """Pools that tasks on both sides use for a while: the first and the last wave that moves a DAG of theirs."""
    for pool in sorted(set().union(*pools.values())):
        moving = [waves[dag] for dag, named in pools.items() if pool in named]
        if min(moving) < max(moving):
            yield pool, min(moving), max(moving)

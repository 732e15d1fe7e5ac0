"""A group on Dagster: one op makes the assets of its steps, any of them alone if only that is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.dagster

import dagster as dg

from counterpoint.adapter import find_adapter
from counterpoint.model import RunRequest
from counterpoint.testing.grouping import grouped_failure, grouped_steps

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {step.name for step in grouped_steps.steps if step.group}


def result_of(pipeline: Any, folder: Path, *steps: str) -> dg.ExecuteInProcessResult:
    from counterpoint_dagster.runs import tags_of

    request = RunRequest(
        f"counterpoint.testing.grouping:{pipeline.name}",
        "2026-01-03",
        "+".join(steps) or "whole",
        str(folder),
        "dagster",
        config={"folder": str(folder / "evidence")},
        steps=steps or None,
    )
    job = find_adapter("dagster").translate(pipeline).resolve_job_def(pipeline.name)
    keys = [dg.AssetKey(name) for name in steps or pipeline.step_names]
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            partition_key="2026-01-03",
            asset_selection=keys,
            tags=tags_of(request),
            raise_on_error=False,
        )


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}


def test_one_op_makes_the_assets_of_a_group(tmp_path: Path) -> None:
    definitions = find_adapter("dagster").translate(grouped_steps)
    (group,) = (asset for asset in definitions.assets if len(asset.keys) > 1)
    assert {key.path[-1] for key in group.keys} == SMALL
    assert (group.op.name, group.op.pool, group.can_subset) == ("grouped_steps__grouped_small", "shared", True)
    result = result_of(grouped_steps, tmp_path)
    assert result.success
    assert made(result) == set(grouped_steps.step_names)


def test_what_a_failed_group_made_is_materialized(tmp_path: Path) -> None:
    result = result_of(grouped_failure, tmp_path)
    assert not result.success
    assert made(result) == {"amid_first", "amid_beside"}


def test_one_step_of_a_group_can_be_materialized_alone(tmp_path: Path) -> None:
    assert result_of(grouped_steps, tmp_path).success
    result = result_of(grouped_steps, tmp_path, "grouped_total")
    assert result.success
    assert made(result) == {"grouped_total"}

"""What a step says that it needs, as Prefect's own properties: job variables and tags; and read back from there."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.prefect

from counterpoint.errors import UnsupportedError
from counterpoint.model import Pipeline, Resources, step
from counterpoint.testing.needs import resources
from counterpoint.testing.scenarios import linear

CONSTANT = "counterpoint.testing.steps:constant"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Prefect makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        yield


def translated(pipeline: Pipeline) -> Any:
    from counterpoint_prefect import ADAPTER

    return ADAPTER.translate(pipeline)


def read_back(native: Any) -> Pipeline:
    from counterpoint_prefect import ADAPTER

    return ADAPTER.read_back(native)


def test_the_one_container_of_a_flow_run_is_large_enough_for_every_step() -> None:
    variables = translated(resources).job_variables
    assert variables == {"image": "example.org/steps:1", "cpu": "1", "memory": "256Mi", "gpu": "1"}
    assert translated(linear).job_variables == {}


def test_two_images_are_refused_with_the_steps_that_name_them() -> None:
    steps = [step(CONSTANT, name=name, image=image) for name, image in (("one", "x:1"), ("two", "y:1"), ("any", None))]
    with pytest.raises(UnsupportedError, match=r"step one has the image x:1 and step two has y:1: give all steps one"):
        translated(Pipeline("several", tuple(steps), config={"offset": 1}))
    assert translated(Pipeline("several", tuple(steps[1:]), config={"offset": 1})).job_variables == {"image": "y:1"}


def test_owners_and_tags_are_tags_of_tasks() -> None:
    tasks = translated(resources).tasks
    assert tasks["resources_none"].tags == {"owner:team:data", "tier:silver", "area:ops"}
    assert tasks["resources_variable"].tags == {"owner:ann@example.org", "tier:gold"}


def test_what_changes_natively_is_read_back() -> None:
    flow = translated(resources)
    assert read_back(flow) == resources
    assert read_back(flow).step("resources_hopeless").resources == Resources(0.5, "256Mi", 1)
    flow.tasks["resources_none"].tags = {"owner:team:ops", "tier:low"}
    changed = read_back(flow).step("resources_none")
    assert (changed.owner, changed.tags) == ("team:ops", {"tier": "low"})

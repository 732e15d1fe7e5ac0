"""What a step says that it needs, as Dagster's own properties: tags of ops, owners, tags; and read back from there."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.dagster

from counterpoint.model import Resources
from counterpoint.testing.needs import resources


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Dagster keeps nothing in the user's home, wherever these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        from counterpoint_dagster import ADAPTER

        yield ADAPTER.translate(resources)


def pod_of(definitions: Any, step: str) -> Any:
    asset = next(asset for asset in definitions.assets if asset.key.to_user_string() == step)
    tag = asset.op.tags.get("dagster-k8s/config")
    return tag and json.loads(tag)


def test_the_executor_of_kubernetes_is_told_resources_image_and_variables(definitions: Any) -> None:
    assert pod_of(definitions, "resources_threads") == {
        "container_config": {"image": "example.org/steps:1", "resources": {"requests": {"cpu": "1"}}}
    }
    assert pod_of(definitions, "resources_hopeless")["container_config"]["resources"] == {
        "requests": {"cpu": "0.5", "memory": "256Mi"},
        "limits": {"memory": "256Mi", "nvidia.com/gpu": "1"},
    }
    variables = pod_of(definitions, "resources_variable")["container_config"]["env"]
    assert variables == [{"name": "COUNTED_BY", "value": "hand"}]
    assert pod_of(definitions, "resources_none") is None


def test_owners_and_tags_are_native_beside_kinds(definitions: Any) -> None:
    specs = {asset.key.to_user_string(): asset.get_asset_spec() for asset in definitions.assets}
    assert {name: list(spec.owners) for name, spec in specs.items()} == {s.name: [s.owner] for s in resources.steps}
    assert dict(specs["resources_none"].tags).items() >= {"tier": "silver", "area": "ops"}.items()
    assert specs["resources_none"].kinds == {"python", "value"}
    assert definitions.jobs[0].tags == {"tier": "gold"}


def test_what_changes_natively_is_read_back(definitions: Any) -> None:
    import dagster as dg

    from counterpoint_dagster import ADAPTER

    assert ADAPTER.read_back(definitions) == resources
    container = {"resources": {"requests": {"cpu": "3"}, "limits": {"memory": "1Gi"}}}
    kept = next(asset for asset in definitions.assets if asset.key.to_user_string() == "resources_threads")

    @dg.asset(
        name="resources_threads",
        owners=["team:ops"],
        tags={"tier": "low"},
        op_tags={"dagster-k8s/config": {"container_config": container}},
        metadata=kept.metadata_by_key[kept.key],
    )
    def by_hand() -> None: ...

    others = [asset for asset in definitions.assets if asset is not kept]
    changed = ADAPTER.read_back(dg.Definitions(assets=[by_hand, *others], jobs=definitions.jobs))
    read = changed.step("resources_threads")
    assert (read.resources, read.image) == (Resources(3, "1Gi"), None)
    assert (read.owner, read.tags) == ("team:ops", {"tier": "low"})

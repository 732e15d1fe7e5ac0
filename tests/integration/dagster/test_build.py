"""The files of `build --target dagster`: the same native objects as the translation, formatted, and they run."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.dagster

import yaml

from counterpoint.build import Build, Project, rendered
from counterpoint.errors import UsageError
from counterpoint.model import Configuration, Partitions, Pipeline, Pool, RunRequest, Schedule, Secret, step
from counterpoint.runtime import find_pipeline
from counterpoint.storage import Store, layout
from counterpoint.testing.scenarios import SCENARIOS, linear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REFERENCES = [*(scenario.reference for scenario in SCENARIOS), "streamrec.pipeline:pipeline"]
LINEAR = "counterpoint.testing.scenarios:linear"
PROJECT = Project("farm", "1.2.0", "farm.pipeline", "pipeline", ("counterpoint==0.1.0",), "3.12")
NUMBERS = "counterpoint.testing.steps:numbers"
_OF_SPECS = ("deps", "group_name", "kinds", "description", "freshness_policy", "code_version", "partitions_def")


@pytest.fixture(scope="module", autouse=True)
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable of Counterpoint's is set, and Dagster keeps nothing in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COUNTERPOINT_ROOT", "COUNTERPOINT_SCHEDULES", "COUNTERPOINT_SITE"):
            patch.delenv(name, raising=False)
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        yield


def build_of(reference: str, root: str = "/lake", **more: Any) -> Build:
    configuration = Configuration("prod", root, **more)
    pipeline = find_pipeline(reference).configured(configuration.settings)
    return Build(pipeline, reference, configuration, PROJECT, "registry:5000/farm:1.2.0", "counterpoint build it")


def files_of(build: Build) -> dict[str, str]:
    from counterpoint_dagster import ADAPTER

    return rendered(ADAPTER, build)


def executed(build: Build, folder: Path) -> Any:
    """The definitions that the generated file makes."""
    place = folder / "definitions.py"
    place.write_text(files_of(build)["definitions.py"], encoding="utf-8")
    return runpy.run_path(str(place))["defs"]


def translated(build: Build) -> Any:
    from counterpoint_dagster.definitions_file import binding_of
    from counterpoint_dagster.translate import definitions

    return definitions(build.pipeline, binding_of(build))


def asset_values(asset: Any, key: Any) -> dict[str, Any]:
    """What Dagster knows of an asset, but for the metadata that only `read_back` reads."""
    spec, op = asset.get_asset_spec(key), asset.op
    values = {name: getattr(spec, name) for name in _OF_SPECS}
    values["deps"] = {dep.asset_key: dep.partition_mapping for dep in spec.deps}
    return values | {
        "op": op.name,
        "retry": op.retry_policy,
        "pool": op.pool,
        "inputs": {definition.name: asset.keys_by_input_name[definition.name] for definition in op.input_defs},
        "required": [definition.is_required for definition in op.output_defs],
        "resources": asset.required_resource_keys,
        "checks": [(check.name, check.asset_key, check.blocking) for check in asset.check_specs],
    }


def job_values(definitions: Any, name: str) -> dict[str, Any]:
    job = definitions.resolve_job_def(name)
    executor = job.executor_def
    configured = getattr(executor.config_schema, "resolve_config", None)
    return {
        "description": job.description,
        "partitions": job.partitions_def,
        "assets": set(job.asset_layer.executable_asset_keys),
        "executor": executor.name,
        "configuration": configured({}).value if configured else None,
        "tags": job.run_tags,
    }


def sensor_values(sensor: Any) -> tuple[Any, ...]:
    jobs = [job.name for job in sensor.jobs]
    return (type(sensor), sensor.name, sensor.minimum_interval_seconds, sensor.default_status, jobs, sensor.description)


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_file_makes_what_the_translation_makes(reference: str, tmp_path: Path) -> None:
    build = build_of(reference)
    ours, theirs = executed(build, tmp_path), translated(build)
    sides = [{key: asset_values(a, key) for a in side.assets for key in a.keys} for side in (ours, theirs)]
    assert sides[0] == sides[1]
    assert {key.path[0] for key in sides[0]} == {build.pipeline.name}
    assert job_values(ours, build.pipeline.name) == job_values(theirs, build.pipeline.name)
    assert list(map(sensor_values, ours.sensors or ())) == list(map(sensor_values, theirs.sensors))
    schedules = [
        [(s.name, s.cron_schedule, s.execution_timezone, s.job.name, s.default_status) for s in side.schedules or ()]
        for side in (ours, theirs)
    ]
    assert schedules[0] == schedules[1]
    assert ours.resources == theirs.resources
    assert all(resource.configuration for resource in ours.resources.values())


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_translation_below_a_prefix_is_read_back(reference: str) -> None:
    from counterpoint_dagster import ADAPTER

    build = build_of(reference)
    assert ADAPTER.read_back(translated(build)) == ADAPTER.read_back(ADAPTER.translate(build.pipeline))


@pytest.mark.parametrize("reference", REFERENCES)
def test_files_are_stable_and_formatted(reference: str, tmp_path: Path) -> None:
    texts = files_of(build_of(reference))
    assert texts == files_of(build_of(reference))
    assert sorted(texts) == [
        "Dockerfile",
        "README.md",
        "component/defs.yaml",
        "definitions.py",
        "required.json",
        "requirements.txt",
        "values.yaml",
        "workspace.yaml",
    ]
    ruff = shutil.which("ruff")
    if ruff:
        command = [ruff, "format", "--isolated", "--line-length", "88", "--check", "-"]
        done = subprocess.run(command, input=texts["definitions.py"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_change_of_the_pipeline_is_a_small_change_of_the_file() -> None:
    build = build_of(LINEAR)
    slower = replace(
        linear,
        steps=tuple(replace(s, pool="press") if s.name == "linear_total" else s for s in linear.steps),
        pools=(*linear.pools, Pool("press", 2)),
    )
    before, after = (files_of(b)["definitions.py"].splitlines() for b in (build, replace(build, pipeline=slower)))
    assert [line for line in after if line not in before] == [
        f'    structure="{replace(build, pipeline=slower).structure}",',
        '    pool="press",',
    ]


@pytest.mark.parametrize(
    ("scenario", "remark"),
    [
        ("timeout", "# Each attempt is ended after 0:00:"),
        ("all_done_trigger", "# Trigger rule all_done: a sensor launches the asset when Dagster has skipped it."),
        ("condition_false", "# Skipped unless "),
        ("mapped", "# Called once for each element of "),
        (
            "late_marker",
            "# Waits for marker late/marker/{partition}, at most 0:05:00; then a sensor launches the asset.",
        ),
        ("linear", "# A run is late 2:00:00 after its tick: `counterpoint watch` reports it, for Dagster cannot."),
    ],
)
def test_a_comment_names_what_dagster_has_no_argument_for(scenario: str, remark: str) -> None:
    text = files_of(build_of(f"counterpoint.testing.scenarios:{scenario}"))["definitions.py"]
    assert [line for line in text.splitlines() if line.startswith(remark)]


def test_names_that_the_file_uses_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Pipeline(
        "odd",
        (
            step(NUMBERS, name="steps"),
            step("counterpoint.testing.steps:total", name="job", inputs={"numbers": "steps"}),
        ),
        Partitions(start="2026-01-01"),
        schedule=Schedule("0 2 * * *"),
        config={"offset": 1},
    )
    monkeypatch.setattr("counterpoint_dagster.generated.find_pipeline", lambda _: odd)
    build = Build(odd, "odd", Configuration("prod", "/lake"), PROJECT, "farm", "counterpoint build odd")
    definitions = executed(build, tmp_path)
    assert sorted(asset.key.path for asset in definitions.assets) == [["odd", "job"], ["odd", "steps"]]
    assert definitions.resolve_asset_graph().get(_key("odd", "job")).parent_keys == {_key("odd", "steps")}


def _key(*path: str) -> Any:
    import dagster as dg

    return dg.AssetKey(list(path))


def test_another_structure_is_refused_when_the_file_is_loaded(tmp_path: Path) -> None:
    build = build_of(LINEAR)
    other = replace(build, pipeline=replace(linear, steps=linear.steps[:-1]))
    with pytest.raises(UsageError, match="was built from structure .*counterpoint build linear"):
        executed(other, tmp_path)


def test_a_tick_is_of_the_partition_before(tmp_path: Path) -> None:
    import dagster as dg

    repository = executed(build_of(LINEAR), tmp_path).get_repository_def()
    schedule = repository.get_schedule_def("linear_schedule")
    due = datetime(2026, 1, 8, 2, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=due, repository_def=repository) as context:
        (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-01-07"


def test_a_run_goes_by_the_configuration_of_the_file_alone(tmp_path: Path) -> None:
    import dagster as dg

    build = build_of(LINEAR, str(tmp_path / "lake"), settings={"offset": 9})
    job = executed(build, tmp_path).resolve_job_def("linear")
    with dg.DagsterInstance.ephemeral() as instance:
        chosen = [_key("linear", name) for name in ("linear_numbers", "linear_total")]
        result = job.execute_in_process(instance=instance, partition_key="2026-01-07", asset_selection=chosen)
        assert result.success
    store = Store(str(tmp_path / "lake"), linear)
    assert [store.read(entry.reference) for entry in store.entries("linear_total").values()] == [1 + 7 + 0 + 9]
    kept = store.get_json(layout.run_request("linear", f"dagster-{result.run_id}"))
    request = RunRequest.from_json(kept["request"])
    assert (request.env, request.steps) == ("prod", ("linear_numbers", "linear_total"))


def test_sensors_follow_runs_of_prefixed_assets(tmp_path: Path) -> None:
    import dagster as dg

    reference = "counterpoint.testing.scenarios:all_done_trigger"
    definitions = executed(build_of(reference, str(tmp_path / "lake")), tmp_path)
    job = definitions.resolve_job_def("all_done_trigger")
    sensors = {s.name.rpartition("_")[2].upper(): s for s in definitions.sensors}

    def told(instance: Any, result: Any) -> Any:
        ended = "SUCCESS" if result.success else "FAILURE"
        context = dg.build_run_status_sensor_context(
            sensors[ended].name, result.all_events[-1], instance, result.dagster_run, repository_def=None
        )
        return sensors[ended](context)

    with dg.DagsterInstance.ephemeral() as instance:
        key = "2026-01-03"
        result = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
        followed: list[list[str]] = []
        while not isinstance(answer := told(instance, result), dg.SkipReason):
            followed += [list(asset.path) for asset in answer.asset_selection]
            assert len(followed) < 9
            result = job.execute_in_process(
                instance=instance, partition_key=key, asset_selection=answer.asset_selection, tags=answer.tags
            )
    assert followed == [["all_done_trigger", "done_anyway"], ["all_done_trigger", "done_after"]]


class TestYaml:
    """Files that Dagster and Helm read."""

    def test_the_workspace_names_the_file(self) -> None:
        (entry,) = yaml.safe_load(files_of(build_of(LINEAR))["workspace.yaml"])["load_from"]
        assert entry == {"python_file": {"relative_path": "definitions.py", "location_name": "linear"}}

    def test_the_values_are_those_of_the_chart(self) -> None:
        build = build_of("counterpoint.testing.scenarios:all_done_trigger", secrets={"key": "env:API_KEY"})
        first, *others = build.pipeline.steps
        build = replace(
            build, pipeline=replace(build.pipeline, steps=(replace(first, secrets=(Secret("key"),)), *others))
        )
        (deployment,) = yaml.safe_load(files_of(build)["values.yaml"])["deployments"]
        assert deployment == {
            "name": "all-done-trigger",
            "image": {"repository": "registry:5000/farm", "tag": "1.2.0", "pullPolicy": "Always"},
            "dagsterApiGrpcArgs": ["--python-file", "/app/definitions.py"],
            "port": 3030,
            "includeConfigInLaunchedRuns": {"enabled": True},
            "envSecrets": [{"name": "all-done-trigger"}],
        }

    def test_an_image_without_a_tag(self) -> None:
        build = replace(build_of(LINEAR), image="registry:5000/farm")
        (deployment,) = yaml.safe_load(files_of(build)["values.yaml"])["deployments"]
        assert deployment["image"] == {"repository": "registry:5000/farm", "tag": "latest", "pullPolicy": "Always"}
        assert "envSecrets" not in deployment


class TestComponent:
    """A pipeline in a `defs.yaml`."""

    @pytest.fixture
    def loaded(self) -> Callable[[str], Any]:
        """Loads a component as Dagster does, from its file."""

        def load(text: str) -> Any:
            from dagster.components.testing import create_defs_folder_sandbox

            from counterpoint_dagster import PipelineComponent

            body = yaml.safe_load(text)
            with create_defs_folder_sandbox() as sandbox:
                place = sandbox.scaffold_component(component_cls=PipelineComponent, defs_yaml_contents=body)
                with sandbox.load_component_and_build_defs(defs_path=place) as (_, definitions):
                    return definitions

        return load

    def test_the_built_one_makes_the_same_assets(self, loaded: Callable[[str], Any]) -> None:
        build = build_of(LINEAR)
        definitions = loaded(files_of(build)["component/defs.yaml"])
        ours = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
        theirs = {spec.key: spec for spec in translated(build).resolve_all_asset_specs()}
        assert {key: (s.code_version, s.kinds, s.group_name) for key, s in ours.items()} == {
            key: (s.code_version, s.kinds, s.group_name) for key, s in theirs.items()
        }
        assert definitions.resolve_schedule_def("linear_schedule").cron_schedule == "0 2 * * *"

    @pytest.mark.parametrize(
        ("prefix", "path"),
        [(None, ["linear", "linear_total"]), (["shop", "eu"], ["shop", "eu", "linear_total"]), ([], ["linear_total"])],
    )
    def test_the_prefix_is_an_option(
        self, loaded: Callable[[str], Any], prefix: list[str] | None, path: list[str]
    ) -> None:
        attributes = {"pipeline": LINEAR, "configuration": {"root": "/lake"}}
        attributes |= {} if prefix is None else {"key_prefix": prefix}
        text = yaml.safe_dump({"type": "counterpoint_dagster.PipelineComponent", "attributes": attributes})
        assert path in [spec.key.path for spec in loaded(text).resolve_all_asset_specs()]

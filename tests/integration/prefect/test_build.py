"""Built files for Prefect: what they say is what `translate` makes, in the form that formatters leave alone."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.build import Build, Project, rendered
from counterpoint.errors import UsageError
from counterpoint.model import Configuration, Pipeline, Schedule, Secret, step
from counterpoint.testing.needs import resources
from counterpoint.testing.scenarios import SCENARIOS, fan_out, linear

if TYPE_CHECKING:
    from counterpoint.build.order import Build as Order

pytestmark = pytest.mark.prefect
IMAGE = "registry/orchard:1.4.0"
PROJECT = Project("orchard", "1.4.0", "orchard.pipeline", "pipeline", ("polars==1.0.0",), "3.11")
# where a native object was defined, and what was kept beside it to read it back
OF_ITS_PLACE = {
    *("version", "_entrypoint", "fn", "task_key", "counterpoint", "tasks", "edges", "job_variables", "__wrapped__"),
    *("__name__", "__qualname__", "__module__", "__annotations__"),
}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))


def order(pipeline: Pipeline, reference: str | None = None, root: str = "s3://lake/orchard") -> Order:
    configuration = Configuration(
        "prod", root, settings={"note": "it's {{ ds }}"}, secrets={"api_key": "env:ORCHARD_API_KEY"}
    )
    command = "counterpoint build orchard --target prefect --out deploy --env prod"
    return Build(pipeline, reference or pipeline.name, configuration, PROJECT, IMAGE, command)


def files_of(build: Order) -> dict[str, str]:
    from counterpoint_prefect import ADAPTER

    return rendered(ADAPTER, build)


def executed(build: Order, folder: Path) -> dict[str, Any]:
    """The names of a built flow file."""
    from counterpoint_prefect.deployment_files import flow_path

    file = folder / flow_path(build)
    file.write_text(files_of(build)[file.name], encoding="utf-8")
    return runpy.run_path(str(file))


def flow_of(names: dict[str, Any]) -> Any:
    from prefect import Flow

    (flow,) = [value for value in names.values() if isinstance(value, Flow)]
    return flow


def tasks_of(names: dict[str, Any]) -> dict[str, Any]:
    from prefect import Task

    return {value.name: value for value in names.values() if isinstance(value, Task)}


def properties(native: Any) -> dict[str, Any]:
    """All properties of a native object but those of its place; functions of steps by what they close over."""
    values = {name: value for name, value in vars(native).items() if name not in OF_ITS_PLACE}
    values["parameters"] = values["parameters"].model_dump() if "parameters" in values else None
    for name in ("task_runner", "cache_policy"):
        value = values.pop(name, None)
        values[name] = (
            (type(value), {key: item for key, item in vars(value).items() if key in PLAIN}) if value else None
        )
    return values


PLAIN = {"_max_workers", "cache_key_fn", "key_storage", "isolation_level"}


def closed_over(task: Any) -> tuple[Any, ...]:
    return (task.fn.__code__, *(cell.cell_contents for cell in task.fn.__closure__))


class Recorder:
    """Notes the edges that a flow file submits its tasks with."""

    def __init__(self) -> None:
        self.edges: dict[str, tuple[str, ...]] = {}
        self.mapped: set[str] = set()

    def submit(self, task: Any, upstream: Any = ()) -> None:
        # what is submitted later would be no upstream task yet
        assert {other.name for other in upstream} <= set(self.edges)
        self.edges[task.name] = tuple(other.name for other in upstream)

    def map(self, task: Any, upstream: Any = ()) -> None:
        self.submit(task, upstream)
        self.mapped.add(task.name)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_file_says_what_translate_makes(scenario: Any, tmp_path: Path) -> None:
    from counterpoint_prefect.translate import translate

    names, served = executed(order(scenario.pipeline, scenario.reference), tmp_path), translate(scenario.pipeline)
    tasks, recorder = tasks_of(names), Recorder()
    names["submit"](recorder)
    assert properties(flow_of(names)) == properties(served)
    assert {name: properties(task) for name, task in tasks.items()} == {
        name: properties(task) for name, task in served.tasks.items()
    }
    assert {n: closed_over(task) for n, task in tasks.items()} == {n: closed_over(t) for n, t in served.tasks.items()}
    assert recorder.edges == served.edges
    assert recorder.mapped == {step.name for step in scenario.pipeline.steps if step.map_over}


def ruff() -> Path:
    """The formatter of this environment, or of the one beside it that has the tools."""
    folders = (Path(sys.executable).parent, Path(sys.prefix).parent / ".venv" / "bin")
    found = next((folder / "ruff" for folder in folders if (folder / "ruff").exists()), None)
    return found or pytest.skip("ruff is not installed")


def test_files_are_formatted_and_stable(tmp_path: Path) -> None:
    for scenario in SCENARIOS:
        build = order(scenario.pipeline, scenario.reference)
        texts = files_of(build)
        assert texts == files_of(build)
        (tmp_path / f"{scenario.name}.py").write_text(texts[f"{scenario.name}_flow.py"], encoding="utf-8")
    command = [ruff(), "format", "--isolated", "--line-length", "88", "--check", "--diff", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["steps", "submit", "flow", "date", "timedelta", "State", "class"])
def test_a_step_may_have_a_name_that_the_file_uses(name: str, tmp_path: Path) -> None:
    function, wanted = "counterpoint.testing.steps:constant", [name, f"{name}_"]
    pipeline = replace(linear, steps=tuple(step(function, name=name, timeout=timedelta(1)) for name in wanted))
    names, recorder = executed(order(pipeline), tmp_path), Recorder()
    names["submit"](recorder)
    assert sorted(tasks_of(names)) == sorted(recorder.edges) == wanted
    assert flow_of(names).name == "linear"


@pytest.mark.parametrize("name", ["submit", "Steps", "State", "steps"])
def test_a_pipeline_may_have_a_name_that_the_file_uses(name: str, tmp_path: Path) -> None:
    build = order(replace(linear, name=name))
    names = executed(build, tmp_path)
    assert flow_of(names) is names[f"{name}_"]
    assert f'entrypoint: "{name}_flow.py:{name}_"' in files_of(build)["prefect.yaml"]


def test_a_change_of_the_pipeline_changes_the_lines_that_it_is_about() -> None:
    before = files_of(order(fan_out))["fan_out_flow.py"].splitlines()
    steps = tuple(replace(s, pool="wide") if s.name == "fan_a" else s for s in fan_out.steps)
    after = files_of(order(replace(fan_out, steps=steps)))["fan_out_flow.py"].splitlines()
    changed = [line for line in after if line not in before]
    assert changed[-1] == 'fan_a = steps.task("fan_a", tags={"pool:wide"})'
    assert [line.strip().partition("=")[0] for line in changed[:-1]] in ([], ["structure"], ["steps "])
    assert len(before) == len(after)


class TestDeployments:
    """`prefect.yaml` and the automations, read by Prefect's own models."""

    @staticmethod
    def read(name: str, pipeline: Pipeline = linear) -> Any:
        import yaml

        return yaml.safe_load(files_of(order(pipeline))[name])

    @pytest.mark.parametrize(
        ("name", "variables"), [("prefect.yaml", {}), ("prefect.container.yaml", {"image": IMAGE})]
    )
    def test_a_deployment_has_pool_image_schedule_and_tags(self, name: str, variables: dict[str, str]) -> None:
        from prefect.cli.deploy._models import PrefectYamlModel

        pipeline = replace(linear, schedule=Schedule("30 4 * * 1-5"))
        (deployment,) = PrefectYamlModel.model_validate(self.read(name, pipeline)).deployments
        structure = f"structure:{order(pipeline).structure}"
        assert (deployment.name, deployment.version) == ("prod", "1.4.0")
        assert deployment.tags == ["counterpoint", "env:prod", structure]
        (tick,) = deployment.schedules or []
        assert (tick.cron, tick.timezone, tick.active) == ("30 4 * * 1-5", "UTC", True)
        assert deployment.work_pool
        assert (deployment.work_pool.name, deployment.work_pool.job_variables) == ("orchard", variables)
        assert deployment.entrypoint == "linear_flow.py:linear"

    def test_a_process_pool_needs_no_step_and_containers_build_push_and_pull_the_image(self) -> None:
        assert not {"build", "push", "pull"} & set(self.read("prefect.yaml"))
        container = self.read("prefect.container.yaml")
        folder = container["pull"][0]["prefect.deployments.steps.set_working_directory"]["directory"]
        copied = f"COPY linear_flow.py {folder}/"
        assert copied in files_of(order(linear))["Dockerfile"].splitlines()
        assert IMAGE in container["build"][0]["prefect.deployments.steps.run_shell_script"]["script"]
        asking = replace(linear.steps[0], secrets=(Secret("api_key"),))
        secretive = replace(linear, steps=(asking, *linear.steps[1:]))
        assert "ORCHARD_API_KEY" in files_of(order(secretive))["prefect.container.yaml"]
        assert "ORCHARD_API_KEY" not in files_of(order(linear))["prefect.container.yaml"]

    def test_containers_are_as_large_as_the_step_that_needs_most(self) -> None:
        from counterpoint_prefect.containers import job_variables

        native = job_variables(resources)
        assert native["memory"]
        (deployment,) = self.read("prefect.container.yaml", resources)["deployments"]
        assert deployment["work_pool"]["job_variables"] == {"image": IMAGE, **native}

    def test_a_container_finds_the_flow_by_the_pull_step(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        from prefect.deployments.steps import set_working_directory
        from prefect.flows import load_flow_from_entrypoint

        (line,) = [
            line for line in files_of(order(linear))["Dockerfile"].splitlines() if line.startswith("COPY linear")
        ]
        _, name, folder = line.split()
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(files_of(order(linear))[name], encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        container = self.read("prefect.container.yaml")
        set_working_directory(**container["pull"][0]["prefect.deployments.steps.set_working_directory"])
        entrypoint = container["deployments"][0]["entrypoint"]
        assert load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False).name == "linear"

    def test_the_deadline_is_the_automation_that_services_make(self) -> None:
        from prefect.automations import AutomationCore

        from counterpoint_prefect.deadlines import deadline_automation

        (values,) = self.read("automations.yaml")["automations"]
        read = AutomationCore.model_validate(values)
        ours = deadline_automation("linear/prod", timedelta(hours=2), values["trigger"]["match_related"])
        assert read == ours
        assert "automations.yaml" not in files_of(order(replace(linear, schedule=None)))

    def test_limits_are_named_with_their_commands(self) -> None:
        readme = files_of(order(fan_out))["README.md"]
        assert "`prefect gcl create narrow --limit 2`, `prefect gcl create wide --limit 8`" in readme
        assert "prefect gcl" not in files_of(order(linear))["README.md"]


def test_a_worker_with_another_structure_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = replace(linear, steps=linear.steps[:1])
    names = executed(order(other, "counterpoint.testing.scenarios:linear", str(tmp_path)), tmp_path)
    with pytest.raises(UsageError, match="counterpoint build linear"):
        flow_of(names).fn("2026-01-03")


def test_a_run_goes_by_the_configuration_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from counterpoint_prefect.partitions import request_of

    monkeypatch.delenv("COUNTERPOINT_ROOT", raising=False)
    configuration = Configuration("prod", str(tmp_path), settings={"offset": 4}, secrets={"api_key": "env:KEY"})
    made = request_of("counterpoint.testing.scenarios:linear", "2026-01-03", None, configuration)
    assert (made.partition, made.configuration) == ("2026-01-03", configuration)


def test_loading_the_file_imports_nothing_of_the_pipeline(tmp_path: Path) -> None:
    build = order(linear, "counterpoint.testing.scenarios:linear")
    file = tmp_path / "linear_flow.py"
    file.write_text(files_of(build)[file.name], encoding="utf-8")
    code = (
        "import sys, prefect.tasks, runpy; own = set(sys.modules); runpy.run_path(sys.argv[1])\n"
        "print(*(set(sys.modules) - own))"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {"counterpoint.testing.scenarios", "polars", "torch", "pandera", "deltalake"} & loaded

"""Bridges between a real Airflow and a real Dagster, both up at once, and neither of their DAGs and assets ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from counterpoint.errors import ServiceError
from counterpoint.http import ask, bearer
from counterpoint.model import RunRequest, Status
from counterpoint.service_environment import USER
from counterpoint.services import LocalEngine, home_of, new_target, serving
from counterpoint.services.launch import launch
from counterpoint.services.service_environments import free_port, password_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from counterpoint.adapter import Adapter, Plan, ServiceEnvironment

pytestmark = [
    pytest.mark.dagster,
    pytest.mark.service,
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.release,
]
HERE = Path(__file__).parent
ANY = "counterpoint.testing.scenarios:linear"
PATIENCE = 240
PAGE = (HERE.parents[1] / "docs/how-to/bridges.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


class Sides:
    """What a test asks of either server."""

    def __init__(self, url: str, target: ServiceEnvironment, password: str) -> None:
        self.url, self.target = url, target
        self.token = ask(f"{url}/auth/token", {"username": USER, "password": password})["access_token"]

    def airflow(self, path: str, body: Any = None) -> Any:
        return ask(f"{self.url}/api/v2{path}", body, credentials=bearer(self.token))

    def trigger(self, dag: str, day: str) -> str:
        """The path of a new run of a DAG."""
        until(lambda: self.parsed(dag))
        date = f"{day}T00:00:00+00:00"
        self.airflow(f"/dags/{dag}/dagRuns", {"dag_run_id": f"{dag}-{day}", "logical_date": date})
        return f"/dags/{dag}/dagRuns/{dag}-{day}"

    def parsed(self, dag: str) -> bool:
        with suppress(ServiceError):
            return bool(self.airflow(f"/dags/{dag}"))
        return False

    def task(self, run: str, name: str = "fish") -> str | None:
        return self.airflow(f"{run}/taskInstances/{name}")["state"]

    def log(self, run: str) -> str:
        return json.dumps(self.airflow(f"{run}/taskInstances/fish/logs/1?full_content=true"))

    def instance(self) -> AbstractContextManager[Any]:
        import dagster as dg

        return dg.DagsterInstance.from_config(str(self.target.home))

    def made(self, *key: str) -> dict[str, Any]:
        """The metadata of each materialization, by partition; one that was made twice is a failure."""
        import dagster as dg

        with self.instance() as instance:
            records = instance.fetch_materializations(dg.AssetKey(key), limit=50).records
        events = [record.asset_materialization for record in records]
        found = {event.partition: {name: value.value for name, value in event.metadata.items()} for event in events}
        assert len(found) == len(events), events
        return found

    def ticks(self, sensor: str, status: str) -> list[str]:
        """What ticks of a sensor that ended so had to say."""
        with self.instance() as instance:
            states = [one for one in instance.all_instigator_state() if one.instigator_name == sensor]
            ticks = [t for s in states for t in instance.get_ticks(s.instigator_origin_id, s.selector_id, limit=20)]
        chosen = [tick for tick in ticks if tick.status.value == status]
        return [str(tick.skip_reason or (tick.error and tick.error.to_string())) for tick in chosen]

    def runs(self) -> list[tuple[str, str]]:
        with self.instance() as instance:
            return sorted((run.tags["dagster/partition"], run.status.value) for run in instance.get_runs())


def until(found: Callable[[], Any]) -> Any:
    """What is there at last."""
    end = time.monotonic() + PATIENCE
    while not (there := found()):
        assert time.monotonic() < end, found
        time.sleep(0.3)
    return there


def ferry_adapter() -> Adapter:
    """The adapter of Dagster, but for what its code server serves."""
    from counterpoint_dagster import DagsterAdapter

    class Ferry(DagsterAdapter):
        def services(self, target: ServiceEnvironment) -> Plan:
            plan = super().services(target)
            return replace(plan, processes=tuple(replace(p, command=serving_ferry(p.command)) for p in plan.processes))

    return Ferry()


def serving_ferry(command: tuple[str, ...]) -> tuple[str, ...]:
    words = list(command)
    if "--module-name" in words:
        place = words.index("--module-name")
        words[place : place + 2] = ["--python-file", str(HERE / "ferry.py")]
    return tuple(words)


@pytest.fixture(scope="module")
def sides(
    tmp_path_factory: pytest.TempPathFactory,
    on_path: Callable[[str], AbstractContextManager[None]],
    airflow_up: Callable[[str, int], AbstractContextManager[Callable[[], str]]],
) -> Iterator[Sides]:
    root = str(tmp_path_factory.mktemp("root"))
    dags = home_of(root, "airflow") / "dags"
    dags.mkdir(parents=True)
    shutil.copy(HERE / "pier.py", dags)
    (dags / "report_page.py").write_text(EXAMPLES[2].replace('schedule="0 4 * * *"', "schedule=None"), encoding="utf-8")
    web, port = free_port(), free_port()
    with on_path(str(HERE)), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERPOINT_AIRFLOW_URL", f"http://127.0.0.1:{port}")
        patch.setenv("COUNTERPOINT_DAGSTER_URL", f"http://127.0.0.1:{web}/")
        password = password_of(home_of(root, "airflow"))
        patch.setenv("COUNTERPOINT_AIRFLOW_USER", USER)
        patch.setenv("COUNTERPOINT_AIRFLOW_PASSWORD", password)
        patch.setenv("COUNTERPOINT_DAGSTER_USER", USER)
        patch.setenv("COUNTERPOINT_DAGSTER_PASSWORD", password_of(home_of(root, "dagster")))
        patch.setenv("NOWHERE_URL", f"http://127.0.0.1:{free_port()}")
        ferry = ferry_adapter()
        with (
            airflow_up(root, port) as waiting,
            serving(ferry, new_target(ferry, root, (ANY,), ports={"web": web})) as target,
        ):
            assert waiting(), "Airflow did not start"
            yield Sides(f"http://127.0.0.1:{port}", target, password)


def test_a_run_on_airflow_is_an_asset_in_dagster_and_starts_what_comes_after_it_once(sides: Sides) -> None:
    run = sides.trigger("harbour", "2026-01-03")
    until(lambda: ("2026-01-03", "SUCCESS") in sides.runs())
    until(lambda: sides.made("c"))
    time.sleep(8)  # ticks that must find nothing new
    assert sides.runs() == [("2026-01-03", "SUCCESS")]
    (told,) = sides.made("l").values()
    assert told["airflow/run_id"] == "harbour-2026-01-03"
    assert told["airflow/logical_date"] == "2026-01-03T00:00:00+00:00"
    assert told["airflow/url"] == f"{sides.url}/dags/harbour/runs/harbour-2026-01-03"
    assert sides.made("fish", "sold").keys() == {"2026-01-03"}
    event = sides.made("c")["2026-01-03"]
    assert (event["airflow/extra"], event["airflow/dag_id"]) == ({"boxes": 3}, "harbour")
    assert sides.airflow(run)["state"] == "success"


def test_airflow_waits_for_dagster_without_a_slot_and_knows_what_it_made(sides: Sides) -> None:
    run = sides.trigger("market", "2026-01-04")
    until(lambda: sides.task(run) == "deferred")
    assert sides.airflow("/pools/default_pool")["running_slots"] == 0
    sides.trigger("harbour", "2026-01-04")  # round the whole way: Dagster waits for it, and sells
    until(lambda: sides.airflow(run)["state"] == "success")
    xcom = f"{run}/taskInstances/fish/xcomEntries/return_value?deserialize=true"
    found = sides.airflow(xcom)["value"]
    found = json.loads(found) if isinstance(found, str) else found
    assert found["partition"] == "2026-01-04"
    assert {name: found["metadata"][name] for name in ("table_version", "digest", "shape")} == {
        "table_version": 7,
        "digest": "sha256:fish",
        "shape": {"rows": 2},
    }
    assert found["run_id"] in found["url"]
    (event,) = sides.airflow(f"/assets/events?name_pattern={quote('dagster/fish/sold')}")["asset_events"]
    assert (event["extra"]["run_id"], event["source_dag_id"]) == (found["run_id"], "market")


def test_what_does_not_come_in_time_is_an_error_that_names_it(sides: Sides) -> None:
    run = sides.trigger("hungry", "2026-01-05")
    until(lambda: sides.task(run) == "failed")
    assert "waited 0:00:08 for the Dagster asset fish/never, partition 2026-01-05, at http://127.0.0.1" in sides.log(
        run
    )
    said = until(lambda: sides.ticks("airflow_DAG_market_m", "FAILURE"))[0]
    assert "MissingInputError: Airflow's DAG market has not made partition 20" in said
    assert "after its end: it has no run of 20" in said


def test_who_does_not_answer_is_named(sides: Sides) -> None:
    run = sides.trigger("marooned", "2026-01-05")
    nowhere = os.environ["NOWHERE_URL"]
    said = until(lambda: sides.ticks("airflow_DAG_marooned_a", "SKIPPED"))[0]
    assert said.startswith(f"{nowhere}/auth/token does not answer: ")
    assert sides.ticks("airflow_DAG_marooned_a", "FAILURE") == []
    until(lambda: sides.task(run) == "failed")
    assert f"at {nowhere} ({nowhere}/graphql does not answer: " in sides.log(run)


def test_a_pipeline_waits_for_both_and_its_lineage_names_them(sides: Sides, tmp_path: Path) -> None:
    record = launch(RunRequest("ferry:crossing", "2026-01-04", "crossed", str(tmp_path)), LocalEngine())
    assert record.status is Status.SUCCESS
    lineage = json.loads(Path(str(record.lineage)).read_text(encoding="utf-8"))
    airflow, dagster = lineage["bridged"]["landing"]
    assert (airflow["orchestrator"], airflow["run_id"]) == ("airflow", "harbour-2026-01-04")
    assert (dagster["orchestrator"], dagster["metadata"]["digest"]) == ("dagster", "sha256:fish")


def test_the_examples_of_the_page_are_taken(sides: Sides) -> None:
    until(lambda: sides.parsed("report"))
    assert sides.airflow("/importErrors")["import_errors"] == []
    tasks = {task["task_id"]: task["class_ref"]["class_name"] for task in sides.airflow("/dags/report/tasks")["tasks"]}
    assert tasks == {"revenue": "DagsterAssetSensor", "send": "_PythonDecoratedOperator"}
    names: dict[str, Any] = {}
    exec(compile(EXAMPLES[1], "bridges.md", "exec"), names)  # noqa: S102 - the page's own example
    sensors = names["defs"].get_repository_def().sensor_defs
    assert {sensor.name for sensor in sensors} == {
        "airflow_DAG_load_orders_orders",
        "airflow_asset_s3_lake_stock_stock",
    }

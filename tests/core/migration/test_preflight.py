"""The preflight of semantics: what the adapters themselves say, put together for a pipeline and two orchestrators."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.cli.main import main
from counterpoint.runtime import find_pipeline
from counterpoint.testing import SCENARIOS
from counterpoint_migrate.plan.limits import Lack
from counterpoint_migrate.plan.preflight import USES, Row, compare, properties

if TYPE_CHECKING:
    from counterpoint.adapter import Limit

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/preflight.schema.json").read_text(encoding="utf-8"))
SIDES = ("airflow", "dagster", "prefect")
KIT = "counterpoint.testing.scenarios"
Printed = pytest.CaptureFixture[str]


def limits_of(adapter: str) -> tuple[Limit, ...]:
    """Those of the adapter in this checkout; its limits.py imports nothing of its orchestrator."""
    path = ROOT / f"adapters/{adapter}/src/counterpoint_{adapter}/limits.py"
    spec = importlib.util.spec_from_file_location(f"limits_of_{adapter}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: tuple[Limit, ...] = module.LIMITS
    return found


def rows(pipeline: str, source: str, target: str) -> dict[str, Row]:
    known = find_pipeline(pipeline)
    lacking = [
        [Lack(one.subject, one.reason, one.stand_in, refuses=False) for one in limits_of(side)]
        for side in (source, target)
    ]
    return {row.title if row.name == "other" else row.name: row for row in compare(known, (source, target), lacking)}


@pytest.mark.parametrize("adapter", SIDES)
def test_every_limit_of_an_adapter_belongs_to_a_property(adapter: str) -> None:
    known = {subject for one in properties() for subject in one.limits}
    assert {limit.subject for limit in limits_of(adapter)} <= known


def test_no_property_names_a_limit_that_no_adapter_has() -> None:
    said = {limit.subject for adapter in SIDES for limit in limits_of(adapter)}
    assert {subject for one in properties() for subject in one.limits} <= said


def test_what_is_seen_on_every_side_says_where_it_was_read() -> None:
    assert [one.name for one in properties() if one.seen and not one.source] == []
    assert {side for one in properties() for side in one.seen} <= set(SIDES)


def test_the_scenarios_of_a_property_have_it() -> None:
    pipelines = {scenario.name: scenario.pipeline for scenario in SCENARIOS}
    for one in properties():
        for scenario in one.scenarios:
            assert USES[one.uses](pipelines[scenario]), f"{scenario} does not use {one.name}"


def test_each_property_and_each_rule_is_used_once() -> None:
    names = [one.name for one in properties()]
    assert len(names) == len(set(names))
    assert {one.uses for one in properties()} == set(USES)


def test_streamrec_from_airflow_to_dagster() -> None:
    found = rows("streamrec", "airflow", "dagster")
    assert {name: row.verdict for name, row in found.items() if row.used_by} == {
        "interval": "stands in",
        "schedule": "same",
        "catch_up": "same",
        "retry_delays": "stands in",
        "retried_failures": "same",
        "trigger_rules": "differs",
        "timeouts": "stands in",
        "backfill": "differs",
        "windows": "differs",
        "pools": "stands in",
        "deadline": "differs",
        "freshness": "stands in",
        "alerts": "same",
        "partial_runs": "stands in",
        "core": "same",
    }
    assert found["trigger_rules"].used_by == ("registered_models",)
    assert [lack.subject for lack in found["retry_delays"].target.limits] == ["retry.max_delay"]
    assert "the op asks for each retry with core's own delay" in found["retry_delays"].target.text


@pytest.mark.parametrize(
    ("scenario", "source", "target", "name", "verdict"),
    [
        ("mapped", "airflow", "dagster", "mapped", "differs"),
        ("mapped", "airflow", "prefect", "mapped", "stands in"),
        ("in_vain", "airflow", "dagster", "waits", "differs"),
        ("condition_false", "dagster", "prefect", "branches", "same"),
        ("condition_false", "airflow", "prefect", "trigger_rules", "same"),
        ("linear", "dagster", "prefect", "catch_up", "differs"),
        ("timeout", "airflow", "dagster", "timeouts", "stands in"),
    ],
)
def test_verdicts(scenario: str, source: str, target: str, name: str, verdict: str) -> None:
    there, back = rows(f"{KIT}:{scenario}", source, target)[name], rows(f"{KIT}:{scenario}", target, source)[name]
    assert there.verdict == back.verdict == verdict
    assert (there.source, there.target) == (back.target, back.source)
    assert there.used_by


def test_a_limit_of_a_strangers_adapter_is_not_dropped() -> None:
    strange = [Lack("moon", "it has none", "a lamp", refuses=False)]
    found = compare(find_pipeline(f"{KIT}:linear"), ("airflow", "dagster"), [(), strange])
    assert [(row.name, row.title, row.verdict) for row in found[-1:]] == [("other", "moon", "stands in")]


ADAPTER = """
from types import SimpleNamespace
from counterpoint.adapter import Limit

LIMITS = (
    Limit("timeout", "it never stops", None, lambda pipeline: any(step.timeout for step in pipeline.steps)),
    Limit("pools", "it has none", "a queue"),
)
adapter = SimpleNamespace(distribution="toys", limits=LIMITS)
"""
ENTRIES = "[counterpoint.adapters]\nairflow = toys:adapter\ndagster = toys:adapter\n"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which a distribution brings adapters; one limit of theirs has no stand-in."""
    target = tmp_path / "site"
    (target / "toys-1.0.dist-info").mkdir(parents=True)
    (target / "toys.py").write_text(dedent(ADAPTER))
    (target / "toys-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (target / "toys-1.0.dist-info/entry_points.txt").write_text(ENTRIES)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{target}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for side in ("AIRFLOW", "DAGSTER"):
        monkeypatch.setenv(f"COUNTERPOINT_PYTHON_{side}", str(python))


def asked(capsys: Printed, *arguments: str) -> tuple[int, Any]:
    code = main(["migrate", "preflight", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("elsewhere")
def test_adapters_are_asked_where_they_are(capsys: Printed) -> None:
    code, document = asked(capsys, f"{KIT}:fan_out", "--from", "airflow", "--to", "dagster")
    jsonschema.validate(document, SCHEMA)
    assert (code, document["refused"]) == (0, False)
    (pools,) = [row for row in document["rows"] if row["name"] == "pools"]
    assert pools["used_by"] == ["fan_source", *(f"fan_{letter}" for letter in "abcd")]
    assert pools["to"]["limits"] == [
        {"subject": "pools", "reason": "it has none", "stand_in": "a queue", "refuses": False}
    ]
    assert "timeouts" not in [row["name"] for row in document["rows"]]


@pytest.mark.usefixtures("elsewhere")
def test_a_pipeline_that_an_adapter_refuses(capsys: Printed) -> None:
    code, document = asked(capsys, f"{KIT}:timeout", "--all")
    jsonschema.validate(document, SCHEMA)
    assert (code, document["refused"]) == (2, True)
    assert [row["name"] for row in document["rows"] if row["verdict"] == "refused"] == ["timeouts"]
    assert [row["name"] for row in document["rows"]] == [one.name for one in properties()]


@pytest.mark.usefixtures("elsewhere")
def test_the_terminal(capsys: Printed) -> None:
    assert main(["migrate", "preflight", f"{KIT}:fan_out"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Pools: each orchestrator counts its own slots: while both run, twice as many may be in use" in out
    assert "it has none: a queue" in out
    assert out.endswith("1 differs, 1 stands in, 3 same\n")


def test_an_adapter_that_is_not_installed(capsys: Printed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for side in ("AIRFLOW", "DAGSTER"):
        monkeypatch.setenv(f"COUNTERPOINT_PYTHON_{side}", str(tmp_path / "none"))
    assert main(["migrate", "preflight", "streamrec"]) == 3
    assert "airflow is not installed: there is no" in capsys.readouterr().err


def test_a_python_without_the_adapter(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in ("AIRFLOW", "DAGSTER"):
        monkeypatch.setenv(f"COUNTERPOINT_PYTHON_{side}", sys.executable)
    assert main(["migrate", "preflight", "streamrec"]) == 3
    assert "the adapter for airflow is not installed here: run 'make setup'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["stremrec"], "did you mean 'streamrec'?"),
        (["streamrec", "--from", "dagster", "--to", "dagster"], "name two orchestrators"),
    ],
)
def test_bad_usage(capsys: Printed, arguments: list[str], told: str) -> None:
    assert main(["migrate", "preflight", *arguments]) == 2
    assert told in capsys.readouterr().err

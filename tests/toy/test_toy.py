"""A fourth adapter, installed as a distribution of its own: no line of the core is for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.cli.environments import known
from counterpoint.orchestrators import offered, version_of
from counterpoint.testing import SCENARIOS, Scenario, check_behaviour, check_round_trip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

HERE = Path(__file__).parent
LINEAR = "counterpoint.testing.scenarios:linear"
# those that take longest with all their waits run before a release; they are the local runner's own here
QUICK = ("linear", "all_done_trigger", "condition_false", "mapped", "retry_exhausted")


@pytest.fixture(scope="module", autouse=True)
def installed(
    tmp_path_factory: pytest.TempPathFactory, on_path: Callable[[str], AbstractContextManager[None]]
) -> Iterator[Path]:
    """The distribution as an installer leaves it: a package, and what its pyproject.toml says of it."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    target = tmp_path_factory.mktemp("site")
    told = target / f"counterpoint_toy-{project['version']}.dist-info"
    told.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (told / "METADATA").write_text(metadata, encoding="utf-8")
    points = project["entry-points"]["counterpoint.adapters"]
    lines = ["[counterpoint.adapters]", *(f"{name} = {value}" for name, value in points.items())]
    (told / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (target / "counterpoint_toy").symlink_to(HERE / "src" / "counterpoint_toy")
    with on_path(str(target)):
        yield target
    sys.modules.pop("counterpoint_toy", None)


def typed(*words: str, folder: Path) -> tuple[int, Any, str]:
    """The exit code of a command, its JSON answer, and what it said."""
    command = [sys.executable, "-m", "counterpoint", *words]
    done = subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def test_it_runs_a_partition(tmp_path: Path) -> None:
    code, told, said = typed("run", LINEAR, "--date", "2026-01-02", "--on", "toy", "--json", folder=tmp_path)
    assert code == 0, said
    assert (told["orchestrator"], told["orchestrator_version"], told["status"]) == ("toy", "0.7", "success")
    code, lineage, said = typed("lineage", told["run_id"], "--json", folder=tmp_path)
    assert (code, lineage["orchestrator_version"]) == (0, "0.7"), said
    code, _, said = typed("run", LINEAR, "--date", "2026-01-02", "--on", "toy", "--service", folder=tmp_path)
    assert (code, "toy has no services of its own" in said) == (2, True)


def test_it_is_compared(tmp_path: Path) -> None:
    words = ("--on", "local,toy", "--rounds", "1", "--workloads", "empty", "--out", "report", "--json")
    code, told, said = typed("compare", LINEAR, *words, folder=tmp_path)
    assert code == 0, said
    assert told["equal"]
    assert [side["name"] for side in told["orchestrators"]] == ["local", "toy"]
    assert {figure["name"]: list(figure["on"]) for figure in told["figures"]}["empty.run.seconds"] == ["local", "toy"]
    assert "toy" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_it_is_looked_at_by_the_doctor(tmp_path: Path) -> None:
    _, told, said = typed("doctor", "--json", folder=tmp_path)
    toy = {check["what"]: check for check in told["checks"]}["toy"]
    assert (toy["state"].partition(" ")[0], toy["fix"]) == ("0.7", None), said


def test_a_side_that_nobody_has_is_named_with_those_that_are(tmp_path: Path) -> None:
    code, _, said = typed("run", LINEAR, "--date", "2026-01-02", "--on", "luigi", folder=tmp_path)
    assert (code, "'luigi'" in said, "'toy'" in said) == (2, True, True)
    code, _, said = typed("up", "toy", "--pipeline", LINEAR, folder=tmp_path)
    assert (code, "toy has no services of its own" in said) == (2, True)
    assert not (tmp_path / "counterpoint-data").exists()


def test_only_an_environment_with_an_adapter_is_a_side(
    tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    for name in ("toy2", "old"):
        python = tmp_path / f".venv-{name}" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
    packages = tmp_path / ".venv-toy2" / "lib" / "python3.11" / "site-packages"
    packages.parent.mkdir(parents=True)
    shutil.copytree(installed, packages)
    points = next(packages.glob("*.dist-info")) / "entry_points.txt"
    points.write_text("[counterpoint.adapters]\ntoy2 = counterpoint_toy:ADAPTER\n", encoding="utf-8")
    known.cache_clear()
    assert set(known()) == {*offered(), *find_adapters(), "toy2"}
    known.cache_clear()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_round_trip(scenario: Scenario) -> None:
    check_round_trip(find_adapter("toy"), scenario)
    assert version_of("toy") == "0.7"


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(one, marks=[] if one.name in QUICK else [pytest.mark.release]) for one in SCENARIOS],
    ids=lambda scenario: scenario.name,
)
def test_behaviour(scenario: Scenario, tmp_path: Path) -> None:
    check_behaviour(find_adapter("toy"), scenario, tmp_path)

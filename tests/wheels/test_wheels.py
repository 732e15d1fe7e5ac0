"""The distributions as a stranger gets them: built as wheels, installed where no checkout is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "counterpoint": "core/counterpoint",
    "streamrec": "core/streamrec",
    "counterpoint-compare": "benchmarks",
    "counterpoint-migrate": "migration",
    "counterpoint-airflow": "adapters/airflow",
    "counterpoint-dagster": "adapters/dagster",
    "counterpoint-prefect": "adapters/prefect",
}
MOST_DEPENDENCIES = 8
SMALL = "synthetic:rows=2000,users=200,items=50,seed=7"
# what a checkout of the project would bring by itself
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "COUNTERPOINT_ROOT")
FARM = """
from counterpoint.model import Output, OutputKind, Pipeline, step

def number(partition):
    return partition.start.day

def double(number):
    return 2 * number

VALUE = Output(OutputKind.VALUE)
pipeline = Pipeline("farm", (
    step("farm:number", output=VALUE), step("farm:double", output=VALUE)))
"""


def uv(*words: str | Path) -> None:
    command = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert command, "uv is not installed: it is one of the tools of this environment"
    done = subprocess.run([command, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution, by its name."""
    place = tmp_path_factory.mktemp("wheels")
    for folder in FOLDERS.values():
        uv("build", "--quiet", "--wheel", "--out-dir", place, folder)
    built = {path.name.partition("-")[0].replace("_", "-"): path for path in place.glob("*.whl")}
    assert built.keys() == FOLDERS.keys()
    return built


def environment(place: Path, wheels: dict[str, Path], *wanted: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A new environment with some distributions, each NAME or NAME[EXTRA]; what runs `counterpoint` there."""
    uv("venv", "--quiet", "--python", sys.executable, place / "env")
    names = {name: re.sub(r"\[.*", "", name) for name in wanted}
    whole = [f"{name} @ {wheels[bare].as_uri()}" for name, bare in names.items()]
    limits = ("-c", "constraints/core.txt", "-c", "constraints/no-cuda.txt")
    uv("pip", "install", "--quiet", "--python", place / "env", *limits, *whole)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        command = [str(place / "env" / "bin" / "counterpoint"), *words]
        return subprocess.run(command, cwd=place, env=kept, capture_output=True, text=True, check=False, timeout=600)

    return run


def test_a_worker_has_few_dependencies_and_every_wheel_its_data(wheels: dict[str, Path]) -> None:
    described = {}
    for name, path in wheels.items():
        with zipfile.ZipFile(path) as archive:
            files = archive.namelist()
            (meta,) = [file for file in files if file.endswith(".dist-info/METADATA")]
            described[name] = message_from_bytes(archive.read(meta))
        assert not [file for file in files if file.startswith(("tests", "docs", "src"))]
    worker = [one for one in described["counterpoint"].get_all("Requires-Dist", []) if "extra ==" not in one]
    assert len(worker) <= MOST_DEPENDENCIES, worker
    for name in ("matplotlib", "jinja2", "pygments", "pygount", "apprise"):
        assert not any(one.lower().startswith(name) for one in worker)


def test_the_flagship_runs_from_wheels_alone(wheels: dict[str, Path], tmp_path: Path) -> None:
    wanted = ("counterpoint[streamrec]", "streamrec[torch]", "counterpoint-compare", "counterpoint-migrate")
    counterpoint = environment(tmp_path, wheels, *wanted)
    done = counterpoint("run", "streamrec", "--date", "2026-01-07", "--source", SMALL, "--json", "--quiet")
    assert done.returncode == 0, done.stderr[-4000:]
    record = json.loads(done.stdout)
    assert record["status"] == "success"
    assert {step["status"] for step in record["steps"]} == {"success"}
    compared = ("compare", "streamrec", "--on", "local", "--rounds", "0", "--source", SMALL, "--out", "report")
    done = counterpoint(*compared)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "data: equal on all sides" in done.stdout
    assert "[1/1] local" in done.stderr
    results = json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8"))
    assert "streamrec orchestrated: airflow_taskflow.py (airflow)" in results["code"]
    assert (tmp_path / "report" / "index.html").exists()
    shutil.copytree(ROOT / "examples" / "airflow_team", tmp_path / "dags")
    done = counterpoint("migrate", "plan", "dags", "--html", "plan.html")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "15 DAGs with 180 tasks" in done.stdout


def test_the_kernel_alone_runs_a_pipeline_and_names_what_it_lacks(wheels: dict[str, Path], tmp_path: Path) -> None:
    counterpoint = environment(tmp_path, wheels, "counterpoint")
    (tmp_path / "farm.py").write_text(FARM, encoding="utf-8")
    done = counterpoint("run", "farm:pipeline", "--date", "2026-01-07", "--json")
    assert done.returncode == 0, done.stderr[-4000:]
    assert {step["status"] for step in json.loads(done.stdout)["steps"]} == {"success"}
    assert counterpoint("status", "farm:pipeline").returncode == 0
    made = json.loads(counterpoint("init", "my-farm", "--json").stdout)
    assert {".gitignore", ".github/workflows/tests.yml", "src/my_farm/sample/2026-01-05.csv"} < {*made["files"]}
    for command, distribution in (("compare", "compare"), ("advise", "compare"), ("migrate", "migrate")):
        for words in ((command,), (command, "plan", "dags", "--html", "x"), (command, "--json")):
            done = counterpoint(*words)
            assert done.returncode == 2
            said = f"'counterpoint {command}' cannot be used here: it is a command of counterpoint-{distribution}"
            assert done.stderr.splitlines() == [f"counterpoint: {said}: pip install counterpoint-{distribution}"]
    done = counterpoint("--help")
    assert (done.returncode, "not installed: it is a command of" in " ".join(done.stdout.split())) == (0, True)
    done = counterpoint("run", "farm:pipeline", "--date", "2026-01-07", "--on", "dagster")
    assert (done.returncode, "dagster is not installed" in done.stderr) == (3, True)

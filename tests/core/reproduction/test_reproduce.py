"""A run is made again from its lineage alone: the same bit for bit, or the first thing that differs is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/reproduce.schema.json").read_text(encoding="utf-8"))
DAY = "2026-01-02"
STEPS = """
import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
import tinylib
from counterpoint.model import Output, OutputKind, Pipeline, step
from counterpoint.storage import Model


def source_digest(source):
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()


def ore(source, partition):
    return pl.read_csv(source)


def scale():
    return {"scale": 3}


def alloy(ore, scale, rate):
    weights = ore["x"].to_numpy().astype(np.float32) * scale["scale"] * rate * tinylib.FACTOR
    return Model({"w": weights}, {}, {})


def luck():
    return os.urandom(8).hex() if os.environ.get("FORGE_LUCK") else "none"


pipeline = Pipeline(
    "forge",
    (
        step("forge:ore", output=Output(OutputKind.TABLE), observe="forge:source_digest"),
        step("forge:scale"),
        step("forge:alloy", output=Output(OutputKind.MODEL)),
        step("forge:luck"),
    ),
    config={"source": "source.csv", "rate": 2},
)
"""


@dataclass(frozen=True)
class Forge:
    """A checkout with a pipeline, a library beside it, and a root with one run."""

    place: Path

    @property
    def lineage(self) -> Path:
        return next(self.place.glob("data/runs/forge/*/lineage.json"))

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        values = json.loads(self.lineage.read_text())
        change(values)
        self.lineage.write_text(json.dumps(values))

    def replace(self, old: str, new: str, file: str = "code/forge.py") -> None:
        path = self.place / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))

    def type(self, *words: str, **variables: str) -> tuple[int, Any, str]:
        command = [sys.executable, "-P", "-m", "counterpoint", *words, "--root", "../data", "--json"]
        environment = {**os.environ, "PYTHONPATH": str(self.place / "library"), **variables}
        environment.pop("COUNTERPOINT_FOLDER", None)  # of a pipeline that another test has looked for
        ended = subprocess.run(
            command, cwd=self.place / "code", env=environment, capture_output=True, text=True, check=False
        )
        return ended.returncode, json.loads(ended.stdout) if ended.stdout else None, ended.stderr

    def run(self, **variables: str) -> None:
        code, _, told = self.type("run", "forge:pipeline", "--date", DAY, **variables)
        assert code == 0, told

    def again(self, **variables: str) -> tuple[int, Any]:
        code, found, told = self.type("reproduce", self.lineage.parent.name, **variables)
        assert found is not None, told
        jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)
        return code, found

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(self.place / "code"), *who, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def make(place: Path) -> Forge:
    forge = Forge(place)
    (place / "code").mkdir(parents=True)
    (place / "code/forge.py").write_text(STEPS)
    (place / "code/source.csv").write_text("x\n1\n2\n")
    (place / "library/tinylib-1.0.dist-info").mkdir(parents=True)
    (place / "library/tinylib.py").write_text("FACTOR = 1\n")
    (place / "library/tinylib-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: tinylib\nVersion: 1.0\n"
    )
    (place / "library/tinylib-1.0.dist-info/RECORD").write_text("tinylib.py,,\ntinylib-1.0.dist-info/METADATA,,\n")
    forge.git("init", "-q")
    forge.git("add", ".")
    forge.git("commit", "-qm", "first")
    return forge


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    forge = make(tmp_path_factory.mktemp("forge") / "base")
    forge.run()
    return forge


@pytest.fixture
def forge(recorded: Forge, tmp_path: Path) -> Forge:
    shutil.copytree(recorded.place, tmp_path / "copy")
    return Forge(tmp_path / "copy")


def outputs(found: Any) -> dict[str, bool]:
    return {output["step"]: output["same"] for output in found["outputs"]}


def test_a_run_is_made_again_bit_for_bit_with_the_code_of_its_commit(forge: Forge) -> None:
    forge.replace("* rate *", "* rate * 5 *")
    forge.git("commit", "-qam", "another")
    code, found = forge.again()
    assert (code, found["same"], found["first"], found["differences"]) == (0, True, None, [])
    assert outputs(found) == dict.fromkeys(("ore", "scale", "alloy", "luck"), True)
    assert found["code"].startswith("commit ")
    assert len(forge.git("worktree", "list").splitlines()) == 1


def test_an_uncommitted_change_is_applied_where_it_is_kept_and_named_where_it_is_not(tmp_path: Path) -> None:
    forge = make(tmp_path / "dirty")
    forge.replace("* rate *", "* rate * 5 *")
    forge.run()
    forge.git("checkout", "-q", ".")
    code, found = forge.again()
    assert (code, found["same"]) == (0, True)
    assert found["code"].endswith("with its uncommitted change")
    forge.edit(lambda values: values.update(patch={"text": None, "reason": "it holds what looks like a secret"}))
    code, found = forge.again()
    assert (code, found["first"]["kind"], found["first"]["what"]) == (4, "code", "forge.alloy")
    assert any("was dirty" in note and "looks like a secret" in note for note in found["notes"])


def test_changed_code_is_named_by_its_function(forge: Forge) -> None:
    shutil.rmtree(forge.place / "code/.git")
    forge.replace("* rate *", "* rate * 5 *")
    code, found = forge.again()
    assert (code, found["same"], outputs(found)["alloy"], outputs(found)["ore"]) == (4, False, False, True)
    assert (found["first"]["kind"], found["first"]["what"]) == ("code", "forge.alloy")
    assert any("not at hand" in note for note in found["notes"])


def test_a_changed_source_is_named(forge: Forge) -> None:
    forge.replace("1\n", "7\n", "code/source.csv")
    code, found = forge.again()
    assert (code, found["first"]["kind"], found["first"]["what"]) == (4, "data", "what ore reads from outside")
    assert outputs(found) == {"ore": False, "scale": True, "alloy": True, "luck": True}


def test_an_input_with_other_content_is_named_and_nothing_is_made(forge: Forge) -> None:
    value = next(forge.place.glob("data/artifacts/production/forge/scale/*/*/value.json"))
    value.write_text('{"scale": 4}')
    code, found = forge.again()
    assert (code, found["same"], found["outputs"]) == (4, False, [])
    assert (found["first"]["kind"], found["first"]["what"]) == ("data", f"scale of {DAY}")


def test_an_input_that_is_not_kept_is_named_and_nothing_counts_as_the_same(forge: Forge) -> None:
    next(forge.place.glob("data/artifacts/production/forge/scale/*/*/value.json")).unlink()
    code, found = forge.again()
    assert (code, found["same"], found["outputs"]) == (2, False, [])
    assert [missing.partition(":")[0] for missing in found["missing"]] == [f"scale of {DAY}"]


def test_another_setting_is_named(forge: Forge) -> None:
    forge.edit(lambda values: values["configuration"].update(rate=9))
    code, found = forge.again()
    assert (code, found["first"]["kind"], found["first"]["what"]) == (4, "configuration", "rate")


def test_another_version_of_a_package_that_the_code_imports_is_named_first_of_all_packages(forge: Forge) -> None:
    library = forge.place / "library"
    (library / "tinylib.py").write_text("FACTOR = 2\n")
    forge.replace("Version: 1.0", "Version: 2.0", "library/tinylib-1.0.dist-info/METADATA")
    forge.edit(lambda values: values["packages"].update(mypy="0.1"))
    code, found = forge.again()
    assert (code, found["first"]) == (4, {"kind": "package", "what": "tinylib", "recorded": "1.0", "now": "2.0"})
    assert {difference["kind"] for difference in found["differences"]} == {"package"}


def test_a_package_and_a_machine_that_changed_nothing_are_told_beside_the_same_result(forge: Forge) -> None:
    def change(values: dict[str, Any]) -> None:
        values["packages"]["polars"] = "0.0.1"
        values["environment"].update(cores=640, python="2.7")

    forge.edit(change)
    code, found = forge.again()
    assert (code, found["same"], found["first"]) == (0, True, None)
    told = [(difference["kind"], difference["what"]) for difference in found["differences"]]
    assert told == [("package", "Python"), ("package", "polars"), ("machine", "cores")]


def test_a_step_that_is_not_deterministic_is_not_explained_by_anything(forge: Forge) -> None:
    code, found = forge.again(FORGE_LUCK="yes")
    assert (code, found["same"], found["first"]) == (4, False, None)
    assert outputs(found)["luck"] is False


def test_a_run_that_is_not_there_is_refused_by_name(forge: Forge) -> None:
    code, found, told = forge.type("reproduce", "nothing")
    assert (code, found) == (2, None)
    assert "'nothing'" in told

"""`counterpoint init`: a project that works at once, or one clear error and nothing written."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterpoint.cli.main import main
from counterpoint.cli.project_files import project_files, write_project
from counterpoint.cli.project_names import ProjectName
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from conftest import Command

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/init.schema.json").read_text(encoding="utf-8"))
NAME = ProjectName("my-shop")
PIPELINE = "my_shop.pipeline:pipeline"
READ = f"""
import sys, counterpoint
ranked = counterpoint.read("{PIPELINE}.best_sellers", "2026-01-07", root=sys.argv[1])
print(ranked.sort("rank").select("product", "revenue").write_csv())
"""
DIGEST = "sha256:3673ccbc36addc5b84a9672777e52ff9e0a2484ef64084b04ae9814ba15c7bfe"
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=8)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as the command makes it."""
    place = tmp_path_factory.mktemp("projects")
    command = [sys.executable, "-m", "counterpoint", "init", "my-shop"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("my-shop is made")
    assert done.stdout.splitlines()[1:] == [
        "  cd my-shop && python -m pip install -e '.[test]'",
        "  python -m pytest",
        "  counterpoint run my_shop --date 2026-01-07",
    ]
    assert [entry.name for entry in place.iterdir()] == ["my-shop"]
    return place / "my-shop"


def within(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in a project, as if the project was installed."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERPOINT_", "PYTEST_"))}
    path = os.pathsep.join([str(project / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=project, env={**bare, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=240
    )


def test_its_own_tests_pass(project: Path, tmp_path: Path) -> None:
    done = within(project, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'own'}")
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_it_runs_and_comes_to_a_number_that_a_person_can_check(project: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    words = ("run", PIPELINE, "--date", "2026-01-07", "--root", root, "--json")
    done = within(project, "-m", "counterpoint", *words)
    assert done.returncode == 0, done.stderr
    steps = {step["name"]: step for step in json.loads(done.stdout)["steps"]}
    assert [step["status"] for step in steps.values()] == ["success"] * 3
    assert steps["best_sellers"]["output"]["digest"] == DIGEST
    done = within(project, "-c", READ, root)
    assert done.stdout.split() == ["product,revenue", f"tea,{(4 + 6 + 8) * 2.5}", f"coffee,{3 * 4 * 3.0}"], done.stderr


def test_the_answer_is_as_its_schema_says(command: Command, tmp_path: Path) -> None:
    told = command.json("init", "my_shop", "--out", "new/folder")
    jsonschema.validate(told, SCHEMA)
    folder = tmp_path / "new/folder/my_shop"
    assert Path(told["folder"]) == folder.resolve()
    assert told["files"] == sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    assert 'name = "my-shop"' in (folder / "pyproject.toml").read_text(encoding="utf-8")
    assert told["next"][0].startswith("cd new/folder/my_shop && ")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-shop", "no name of a project"),
        ("my--shop", "no name of a project"),
        ("../shop", "no name of a project"),
        ("1shop", "no name of a project"),
        ("shöp", "no name of a project"),
        ("shop\n", "no name of a project"),
        ("", "no name of a project"),
        ("s" * 3000, "no name of a project"),
        ("class", "a keyword of Python"),
        ("json", "a module of the standard library"),
        ("polars", "polars, which is installed"),
        ("counterpoint", "which is installed"),
        ("dagster", "the orchestrator dagster"),
        ("counterpoint-dagster", "hide"),
        ("tests", "the project's own tests"),
        ("ledgerly", "the module "),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_name_that_cannot_be_is_one_clear_error(command: Command, tmp_path: Path, name: str, said: str) -> None:
    done = command("init", name)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert said in line
    assert len(line) < 300
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_stays_as_it_is(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my-shop").mkdir()
    (tmp_path / "my-shop" / "mine").write_text("kept", encoding="utf-8")
    (tmp_path / "a-file").touch()
    (tmp_path / "a-link").symlink_to(tmp_path / "nowhere")
    for words, said in (
        (("my-shop",), "my-shop exists and is not empty"),
        (("a-file",), "a-file exists and is no folder"),
        (("a-link",), "a-link exists and is no folder"),
        (("new-shop", "--out", "a-file"), "--out a-file is no folder"),
    ):
        done = command("init", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["a-file", "a-link", "mine", "my-shop"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "my-shop").mkdir()
    folder, files = write_project(NAME, tmp_path)
    assert [*project_files(NAME)] == files
    assert all((folder / file).is_file() for file in files)


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    write = Path.write_text

    def until_full(file: Path, *args: str, **more: str) -> int:
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        written.append(file)
        return write(file, *args, **more)

    monkeypatch.setattr(Path, "write_text", until_full)
    with pytest.raises(UsageError, match=r"cannot be written into .*my-shop \(No space left on device\)"):
        write_project(NAME, tmp_path)
    assert len(written) == 5
    assert list(tmp_path.iterdir()) == []


def test_no_word_of_a_template_is_left() -> None:
    for path, text in project_files(ProjectName("some-name")).items():
        assert "PACKAGE" not in path
        assert "$" not in text
        assert text.endswith("\n")


@settings(max_examples=40)
@given(st.one_of(LETTERS, st.text(max_size=6), st.sampled_from(sorted(sys.stdlib_module_names))))
@example("shop2-a_b")
@example("match")
def test_a_name_is_refused_or_its_package_can_be_imported(name: str) -> None:
    with TemporaryDirectory() as place:
        if main_of("init", "--out", place, "--json", "--", name) == 2:
            assert list(Path(place).iterdir()) == []
            return
        (folder,) = Path(place).iterdir()
        assert folder.name == name
        package = name.replace("-", "_")
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder / "src"))
            try:
                assert importlib.import_module(f"{package}.pipeline").pipeline.name == package
                importlib.import_module(f"{package}.steps")
            finally:
                for module in [one for one in sys.modules if one.partition(".")[0] == package]:
                    del sys.modules[module]


def main_of(*words: str) -> int:
    """The exit code of a command in this process, whose signals stay as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        return main(words)

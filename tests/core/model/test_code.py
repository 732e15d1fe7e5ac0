"""What a code digest covers: own modules by content, others by version, what is declared; what cannot be followed."""

from __future__ import annotations

import py_compile
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import DefinitionError
from counterpoint.model import Output, Pipeline, Step, code_digest, code_of, step
from counterpoint.model.code import step_reach, unfollowed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Disk:
    """Files below a folder that is on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def changes(self, files: Mapping[str, str | bytes], function: str = "mine.steps:f") -> bool:
        """Whether other content of files makes another digest."""
        before = code_digest(function)
        self.write(files)
        return code_digest(function) != before

    def install(self, name: str, version: str, files: Mapping[str, str], origin: str = "") -> None:
        """As an installer does, from an index if no origin is told."""
        for old in self.folder.glob(f"{name}-*.dist-info"):
            old.rename(old.with_name(f"gone-{old.stem.replace('.', '')}"))
        info = f"{name}-{version}.dist-info"
        record = "".join(f"{file},sha256=x,1\n" for file in [*files, f"{info}/METADATA"])
        told = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/RECORD": record,
        }
        self.write({**files, **told, **({f"{info}/direct_url.json": origin} if origin else {})})


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Disk(tmp_path)
    made.write({"mine/__init__.py": "", "mine/steps.py": "import theirs.deep\ndef f(): ...\n"})
    return made


THEIRS = {"theirs/__init__.py": "", "theirs/deep.py": "X = 1\n"}


def test_what_came_from_an_index_counts_by_its_version(disk: Disk) -> None:
    disk.install("Theirs", "1.0", THEIRS)
    assert not disk.changes({"theirs/deep.py": "X = 2\n"})
    before = code_digest("mine.steps:f")
    disk.install("unrelated", "2.0", {"unrelated.py": ""})
    assert code_digest("mine.steps:f") == before
    disk.install("Theirs", "1.1", THEIRS)
    assert code_digest("mine.steps:f") != before


def test_the_version_is_read_again_when_only_its_file_changes(disk: Disk) -> None:
    disk.install("theirs", "1.0", THEIRS)
    assert disk.changes({"theirs-1.0.dist-info/METADATA": "Name: theirs\nVersion: 1.0.1\n"})


@pytest.mark.parametrize(
    "origin", ['{"url": "file:///s", "dir_info": {}}', '{"url": "file:///s", "dir_info": {"editable": true}}']
)
def test_what_came_from_a_folder_counts_by_its_content(disk: Disk, origin: str) -> None:
    disk.install("theirs", "1.0", THEIRS, origin)
    assert disk.changes({"theirs/deep.py": "X = 2\n"})


def test_what_came_from_a_commit_counts_by_that(disk: Disk) -> None:
    origin = '{{"url": "https://example.org/r.git", "vcs_info": {{"vcs": "git", "commit_id": "{}"}}}}'
    disk.install("theirs", "1.0", THEIRS, origin.format("a" * 40))
    assert not disk.changes({"theirs/deep.py": "X = 2\n"})
    assert disk.changes(
        {"theirs-1.0.dist-info/direct_url.json": origin.format("b" * 40)}
        | {"theirs-1.0.dist-info/METADATA": "Name: theirs\nVersion: 1.0 \n"}
    )


def test_what_lies_loose_among_distributions_counts_by_its_content(disk: Disk) -> None:
    disk.install("other", "1.0", {"other.py": ""})
    disk.write(THEIRS)
    assert disk.changes({"theirs/deep.py": "X = 2\n"})


def test_an_editable_install_counts_by_its_content(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.install(
        "theirs", "1.0", {"_theirs.pth": str(tmp_path / "src")}, '{"url": "file:///s", "dir_info": {"editable": true}}'
    )
    disk.write({f"src/{name}": text for name, text in THEIRS.items()})
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    assert disk.changes({"src/theirs/deep.py": "X = 2\n"})


def test_the_steps_own_distribution_counts_by_its_content_however_it_was_installed(disk: Disk) -> None:
    disk.install(
        "mine",
        "1.0",
        {"mine/__init__.py": "", "mine/steps.py": "from mine import more\ndef f(): ...\n", "mine/more.py": ""},
    )
    assert disk.changes({"mine/more.py": "X = 2\n"})


def test_a_namespace_that_several_distributions_share(disk: Disk) -> None:
    disk.write({"mine/steps.py": "import space.own, space.inner.theirs\ndef f(): ...\n", "space/own.py": ""})
    disk.install("space_theirs", "1.0", {"space/inner/theirs.py": ""})
    assert not disk.changes({"space/inner/theirs.py": "X = 2\n"})
    assert disk.changes({"space/own.py": "X = 2\n"})


def test_the_kernel_counts_by_its_version() -> None:
    assert step_reach(step_of("counterpoint.testing.steps:anything")).own == {}


def step_of(function: str, **properties: object) -> Step:
    return Step("f", function, **properties)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "edited"),
    [
        (
            {
                "mine/steps.py": "from mine.parts import *\ndef f(): ...\n",
                "mine/parts/__init__.py": "__all__ = ['a']\n",
            },
            "mine/parts/a.py",
        ),
        (
            {
                "mine/steps.py": "from .parts import *\ndef f(): ...\n",
                "mine/parts/__init__.py": "__all__ = [n for n in 'ab']\n",
            },
            "mine/parts/a.py",
        ),
        (
            {"mine/steps.py": "import mine\ndef f(): return mine.parts.a.X\n", "mine/parts/__init__.py": ""},
            "mine/parts/a.py",
        ),
        ({"mine/steps.py": "import helpers\ndef f(): ...\n"}, "helpers.py"),
        ({"mine/steps.py": "try:\n    import fast\nexcept ImportError:\n    fast = None\ndef f(): ...\n"}, "fast.py"),
    ],
)
def test_what_is_reached_in_other_ways(disk: Disk, files: dict[str, str], edited: str) -> None:
    disk.write(files)
    disk.write({edited: "X = 1\n"})
    assert disk.changes({edited: "X = 2\n"})
    before = code_digest("mine.steps:f")
    (disk.folder / edited).unlink()
    assert code_digest("mine.steps:f") != before


def test_a_package_over_several_folders(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    split = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    disk.write({"one/split/__init__.py": split, "two/split/__init__.py": split, "two/split/far.py": ""})
    disk.write({"mine/steps.py": "from split.far import *\ndef f(): ...\n"})
    for folder in ("two", "one"):
        monkeypatch.syspath_prepend(str(disk.folder / folder))
    assert disk.changes({"two/split/far.py": "X = 2\n"})
    assert unfollowed(pipeline()) == []


def pipeline(**properties: object) -> Pipeline:
    return Pipeline("mined", (step("mine.steps:f", **properties),))


def test_the_contract_the_partial_function_and_the_names_of_functions_count(disk: Disk) -> None:
    disk.write(
        {
            "mine/steps.py": "def f(): ...\ndef g(): ...\n",
            "mine/rules.py": "from mine.limits import LOW\ndef positive(v): ...\n",
        }
    )
    disk.write({"mine/limits.py": "LOW = 0\n"})
    contract = Output(contract="mine.rules:positive")
    made = step_of("mine.steps:f", output=contract)
    before = code_of(made)
    assert len({before, code_of(step_of("mine.steps:f")), code_of(step_of("mine.steps:g", output=contract))}) == 3
    disk.write({"mine/limits.py": "LOW = 1000\n"})
    assert code_of(made) != before


def test_declared_files_count(disk: Disk) -> None:
    disk.write({"mine/steps.py": "def f(): ...\n", "mine/sql/a.sql": "select 1"})
    made = pipeline(code=("sql/*.sql",)).steps[0]
    first = code_of(made)
    disk.write({"mine/sql/a.sql": "select 2"})
    second = code_of(made)
    disk.write({"mine/sql/b.sql": "select 3"})
    assert len({first, second, code_of(made), code_of(pipeline().steps[0])}) == 4


def test_what_is_declared_and_not_there_is_an_error(disk: Disk) -> None:
    disk.write({"mine/steps.py": "def f(): ...\n"})
    with pytest.raises(
        DefinitionError, match=r"step f: code='sql/\*.sql' of mine.steps:f matches no file below .*mine, and no"
    ):
        pipeline(code=("sql/*.sql",))
    with pytest.raises(DefinitionError, match=r"step f: code='sql/\*.sql' is no tuple"):
        pipeline(code="sql/*.sql")


PLUGGED = "from importlib import import_module\ndef f(name): return import_module(f'mine.plugins.{name}')\n"


def test_what_cannot_be_followed_counts_all_of_its_package_until_it_is_declared(disk: Disk) -> None:
    disk.write(
        {
            "mine/steps.py": PLUGGED,
            "mine/plugins/a.py": "from mine import deep\n",
            "mine/deep.py": "",
            "mine/other.py": "",
        }
    )
    assert disk.changes({"mine/plugins/a.py": "from mine import deep\nX = 2\n"})
    assert disk.changes({"mine/other.py": "X = 2\n"})
    (place,) = unfollowed(two(disk))
    assert (place["line"], place["steps"]) == (2, ["g", "f"])
    assert place["text"].startswith("import_module(f")
    declared = step_of("mine.steps:f", code=("mine.plugins",))
    assert step_reach(declared).unfollowed == ()
    reached = set(step_reach(declared).own)
    assert reached == {"mine", "mine.steps", "mine.plugins.a", "mine.deep"}
    assert set(step_reach(step_of("mine.steps:f", code=("plugins/*.py",))).own) == reached


def two(disk: Disk) -> Pipeline:
    disk.write({"mine/one.py": "from mine.steps import f as _\ndef g(): ...\n"})
    return Pipeline("mined", (step("mine.one:g"), step("mine.steps:f", inputs={"name": "g"})))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("importlib.import_module(name)", "computed name"),
        ("list(map(importlib.import_module, name))", "computed name"),
        ("__import__(name)", "computed name"),
        ("exec(name)", "at run time"),
        ("eval(name)", "at run time"),
        ("runpy.run_path(name)", "from a file"),
        ("importlib.util.spec_from_file_location('x', name)", "from a file"),
        ("sys.path.insert(0, name)", "searched for"),
        ("sys.path = [name]", "searched for"),
        ("sys.modules['x'] = name", "searched for"),
        ("ctypes.CDLL(name)", "native library"),
        ("open(__file__)", "files that belong"),
        ("importlib.resources.files('mine')", "files that belong"),
        ("subprocess.run(['dbt'])", "another program"),
    ],
)
def test_each_place_that_cannot_be_followed_is_named(disk: Disk, line: str, why: str) -> None:
    modules = "import ctypes, importlib, importlib.resources, runpy, subprocess, sys\n"
    disk.write({"mine/steps.py": f"{modules}def f(name=''):\n    {line}\n"})
    (place,) = unfollowed(Pipeline("mined", (step("mine.steps:f"),), config={"name": ""}))
    assert (place["file"], place["line"]) == (str(disk.folder / "mine" / "steps.py"), 3)
    assert why in place["why"]
    disk.write({"d.sql": ""})
    declared = step("mine.steps:f", code=("mine.steps", "../d.sql"))
    assert unfollowed(Pipeline("mined", (declared,), config={"name": ""})) == []


@pytest.mark.parametrize(
    "line",
    [
        "importlib.import_module('mine')",
        "importlib.import_module('.steps', __package__)",
        "sys.path.count(name)",
        "name.eval()",
        "sys.modules.get('x')",
    ],
)
def test_what_can_be_followed_is_not_named(disk: Disk, line: str) -> None:
    disk.write({"mine/steps.py": f"import importlib, sys\ndef f(name=''):\n    {line}\n"})
    assert unfollowed(Pipeline("mined", (step("mine.steps:f"),), config={"name": ""})) == []


def test_modules_without_a_source_count_and_are_named(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = f"mine/fast{EXTENSION_SUFFIXES[0]}"
    disk.write(
        {
            binary: b"1",
            "mine/old.py": "X = 1\n",
            "mine/steps.py": "from mine import fast, old\nimport packed\ndef f(): ...\n",
        }
    )
    py_compile.compile(str(disk.folder / "mine/old.py"), str(disk.folder / "mine/old.pyc"))
    (disk.folder / "mine/old.py").unlink()
    with zipfile.ZipFile(disk.folder / "packed.zip", "w") as archive:
        archive.writestr("packed.py", "X = 1\n")
    monkeypatch.syspath_prepend(str(disk.folder / "packed.zip"))
    told = {(place["text"], place["why"].partition(":")[0], place["line"]) for place in unfollowed(pipeline())}
    assert told == {
        ("mine.fast", "is a C extension", 1),
        ("mine.old", "has no source", 1),
        ("packed", "lies in an archive", 2),
    }
    assert disk.changes({binary: b"2"})
    assert "packed" not in sys.modules

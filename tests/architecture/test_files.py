"""What no file of the repository may hold."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# written in pieces, so that this file passes its own test
FOLDERS = "work|opt|root|home|Users|var/tmp"
MACHINE_PATH = re.compile(rf"(?:(?<![\w.}}/:*)-])|file://)/(?:{FOLDERS})/\w")
ADDRESSES = (
    r"pypi\.or" + "g",
    "pythonhoste" + "d",
    r"pytorch\.or" + "g/whl",
    "index-ur" + "l[ =]",
    "/simpl" + "e/",
)
REGISTRY = re.compile("|".join(ADDRESSES))
PICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"torch.load", "torch.save", "pd.read_pickle", "pandas.read_pickle"}


def text_of(file: Path) -> str:
    content = file.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def found(files: list[Path], pattern: re.Pattern[str]) -> list[str]:
    lines = ((file, number, line) for file in files for number, line in enumerate(text_of(file).splitlines(), 1))
    return [f"{file.name}:{number}: {line.strip()}" for file, number, line in lines if pattern.search(line)]


def test_no_path_of_a_machine(files: list[Path]) -> None:
    assert found(files, MACHINE_PATH) == []


def test_no_address_of_a_registry(files: list[Path]) -> None:
    assert found(files, REGISTRY) == []


@pytest.mark.parametrize("line", ["see /" + "home/ann/x", 'p = "/' + 'opt/wheels"', "file:///" + "work/main"])
def test_a_path_of_a_machine_is_recognised(line: str) -> None:
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["core/root/x", "{root}/work/x", "/usr/bin/chromium", "s3://home/x"])
def test_other_paths_are_fine(line: str) -> None:
    assert not MACHINE_PATH.search(line)


def test_no_package_file_above_src(root: Path, files: list[Path]) -> None:
    above = [file for file in files if file.name == "__init__.py" and "src" not in file.relative_to(root).parts[:-1]]
    assert above == [], "they shadow the real packages of the orchestrators"


def test_no_pickle(files: list[Path]) -> None:
    used = {file.name: list(pickling(file)) for file in files if file.suffix == ".py"}
    assert {name: places for name, places in used.items() if places} == {}


def pickling(file: Path) -> Iterator[str]:
    """The imports and calls of a file that read or write pickles."""
    for node in ast.walk(ast.parse(text_of(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PICKLERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLERS:
            yield str(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in UNSAFE_CALLS:
            yield ast.unparse(node.func)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield "allow_pickle"

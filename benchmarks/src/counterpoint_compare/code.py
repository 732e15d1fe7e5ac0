"""Counts lines of code with pygount: blank lines, comments and docstrings do not count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import ServiceError
from counterpoint.remote_env import query
from counterpoint_compare.code_excerpts import MODULES, files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WHERE = "import json, sys; from importlib.util import find_spec;"
_WHERE += " print(json.dumps(list(find_spec(sys.argv[1]).submodule_search_locations)[0]))"


def code_sizes(
    python_of: Callable[[str], Path], orchestrators: tuple[str, ...], *, flagship: bool = True
) -> dict[str, dict[str, int]]:
    """Files and code lines of the core and of each adapter; with `flagship`, also of StreamRec and by hand."""
    packages = {"counterpoint (core)": ("local", "counterpoint")}
    if flagship:
        packages["streamrec (business logic)"] = ("local", "streamrec")
    packages |= {f"adapter {o}": (o, f"counterpoint_{o}") for o in orchestrators if o != "local"}
    sizes = {label: _size(_folder(python_of(o), package)) for label, (o, package) in packages.items()}
    return {**sizes, **(_by_hand() if flagship else {})}


def _by_hand() -> dict[str, dict[str, int]]:
    """The files that orchestrate StreamRec with Counterpoint and by hand, if they are installed."""
    files_by_side = files()
    if len(files_by_side) < len(MODULES):
        return {}
    orchestrated = {
        f"streamrec orchestrated: {file.name} ({side})": _count([file]) for side, file in files_by_side.items()
    }
    shared = sorted(
        path for path in files_by_side["airflow"].parent.glob("*.py") if not path.name.startswith(tuple(MODULES))
    )
    return {**orchestrated, "by hand: storage, registry and alerts, shared": _count(shared)}


def _folder(python: Path, package: str) -> Path:
    problem = f"the folder of {package} could not be read"
    command = [str(python), "-P", "-c", _WHERE, package]
    return Path(query(command, 60, problem, lambda _, stderr: ServiceError(f"{problem}: {python}: {stderr}")))


def _size(folder: Path) -> dict[str, int]:
    return _count(sorted(folder.rglob("*.py")))


def _count(files: Sequence[Path]) -> dict[str, int]:
    from pygount import SourceAnalysis

    analyses = [SourceAnalysis.from_file(path, "counted", encoding="utf-8") for path in files]
    return {"files": len(files), "lines": sum(analysis.code_count for analysis in analyses)}

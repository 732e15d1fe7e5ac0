"""How much code there is: source lines without blank lines, comments and docstrings, counted by pygount."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WHERE = "import importlib.util as u, sys; print(list(u.find_spec(sys.argv[1]).submodule_search_locations)[0])"


def code_sizes(python_of: Callable[[str], Path], orchestrators: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Files and code lines of the core, of the pipeline's own functions, and of each adapter."""
    packages = {
        "counterpoint (core)": ("local", "counterpoint"),
        "streamrec (business logic)": ("local", "streamrec"),
    }
    packages |= {f"adapter {o}": (o, f"counterpoint_{o}") for o in orchestrators if o != "local"}
    return {label: _size(_folder(python_of(o), package)) for label, (o, package) in packages.items()}


def _folder(python: Path, package: str) -> Path:
    asked = subprocess.run([python, "-c", _WHERE, package], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


def _size(folder: Path) -> dict[str, int]:
    from pygount import SourceAnalysis

    files = sorted(folder.rglob("*.py"))
    counted = [SourceAnalysis.from_file(path, folder.name, encoding="utf-8") for path in files]
    return {"files": len(files), "lines": sum(found.code_count for found in counted)}

"""`counterpoint doctor`: what is installed, which version, what is wrong, and the fix."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.adapter import installed_version
from counterpoint.cli.environments import python_of
from counterpoint.cli.output import answer, table
from counterpoint.errors import CounterpointError
from counterpoint.model.orchestrators import DISTRIBUTIONS, ORCHESTRATORS

if TYPE_CHECKING:
    import argparse

HELP = "what is installed, which version, what is wrong and the fix"
_ASK = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Checks all environments and the root; exit code 3 when something is missing."""
    found = [
        _own("counterpoint"),
        _own("torch"),
        _own("mlflow"),
        *map(_orchestrator, ORCHESTRATORS),
        _root(args.root),
    ]
    if args.json:
        answer({"python": platform.python_version(), "checks": found})
    else:
        table("Doctor", ("what", "state", "fix"), [(c["what"], c["state"], c["fix"]) for c in found])
    return 3 if any(check["fix"] for check in found) else 0


def _own(distribution: str) -> dict[str, Any]:
    version = installed_version(distribution)
    fix = None if version else "pip install 'counterpoint[streamrec]'"
    return {"what": distribution, "state": version or "not installed", "fix": fix}


def _orchestrator(name: str) -> dict[str, Any]:
    try:
        python = python_of(name)
        asked = subprocess.run(
            [python, "-c", _ASK, DISTRIBUTIONS[name]], capture_output=True, text=True, timeout=60, check=False
        )
    except (CounterpointError, OSError, subprocess.TimeoutExpired) as error:
        return {"what": name, "state": str(error), "fix": "make setup"}
    if asked.returncode:
        return {
            "what": name,
            "state": f"not installed in {python}",
            "fix": f"pip install {DISTRIBUTIONS[name]}",
        }
    return {"what": name, "state": f"{asked.stdout.strip()} in {python.parent.parent}", "fix": None}


def _root(root: str) -> dict[str, Any]:
    if "://" in root:
        return {"what": "root", "state": root, "fix": None}
    path = Path(root).absolute()
    nearest = next(p for p in (path, *path.parents) if p.exists())
    writable = nearest.is_dir() and _writable(nearest)
    fix = None if writable else f"choose another --root, or make {nearest} writable"
    return {"what": "root", "state": f"{path}{'' if writable else ' cannot be written'}", "fix": fix}


def _writable(folder: Path) -> bool:
    probe = folder / ".counterpoint-probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True

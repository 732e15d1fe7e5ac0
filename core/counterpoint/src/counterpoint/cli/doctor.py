"""`counterpoint doctor`: checks the installation and the root, and names a fix for each problem."""

from __future__ import annotations

import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.cleaning import clean_root, options, refuse_contradictions
from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import known, python_of
from counterpoint.cli.output import answer, echo, table
from counterpoint.cli.shown_environment import REFERENCE, environment_checks
from counterpoint.errors import CounterpointError
from counterpoint.orchestrators import installed_version
from counterpoint.remote_env import UnusableError, query_adapter

if TYPE_CHECKING:
    import argparse

HELP = "check the installation and the root; print versions, problems and fixes"
EXAMPLE = "counterpoint doctor\ncounterpoint doctor --clean --older-than 90d --dry-run"
_CODE = "code"
# a secret may be one of a worker elsewhere, and code may be followed nowhere: neither is wrong here
_TOLD = (_CODE, REFERENCE)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Repairing and cleaning."""
    words = "move damaged files into the root's folder 'damaged', and find the existing outputs again"
    parser.add_argument("--repair", action="store_true", help=words)
    options(parser)


def run(args: argparse.Namespace) -> int:
    """Checks all environments, the root and the pipelines; returns 3 if something is missing, 2 for cyclic waits."""
    refuse_contradictions(args)
    if args.repair:
        return _repair(args)
    if args.clean:
        return clean_root(args)
    checks = [
        _own("counterpoint"),
        _own("torch"),
        _own("mlflow"),
        *map(_orchestrator, known()),
        _root(args.root),
        *environment_checks(environment_of(args)),
    ]
    waits = _waits()
    checks += [*waits, *_code(), _hooks()]
    if args.json:
        answer({"python": platform.python_version(), "checks": checks})
    else:
        table("Doctor", ("check", "state", "fix"), [(c["what"], c["state"], c["fix"]) for c in checks])
    if any(check["fix"] for check in waits):
        return 2
    return 3 if any(check["fix"] for check in checks if check["what"] not in _TOLD) else 0


def _repair(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from counterpoint.services.service_environments import absolute
    from counterpoint.upkeep import repair

    done = repair(absolute(args.root))
    if args.json:
        answer([asdict(act) for act in done])
    elif done:
        table("Repaired", ("file", "action"), [(act.path, act.done) for act in done])
    else:
        echo("no damaged files")
    return 0


def _waits() -> list[dict[str, Any]]:
    """Checks the waits of registered and served pipelines for each other."""
    from counterpoint.model.cycles import problems
    from counterpoint.runtime.adapter_support import served_pipelines
    from counterpoint.runtime.registry import find_pipeline, registered

    pipelines, wrong = {}, list[dict[str, Any]]()
    for name in dict.fromkeys([*registered(), *served_pipelines()]):
        try:
            pipelines[name] = find_pipeline(name)
        except Exception as error:  # noqa: BLE001 - any error of its module is reported as the problem
            wrong.append(
                {"what": "pipelines", "state": f"{name}: {error}", "fix": "repair its module, or its entry point"}
            )
    checks = [{"what": "waits", "state": problem.what, "fix": problem.fix} for problem in problems(pipelines)]
    return [*wrong, *checks] or [{"what": "waits", "state": f"{len(pipelines)} pipeline(s), no cycle", "fix": None}]


def _code() -> list[dict[str, Any]]:
    """The places in the code of the same pipelines that cannot be followed; these are no errors."""
    from counterpoint.cli.show import DECLARE
    from counterpoint.model.code import unfollowed
    from counterpoint.runtime.adapter_support import served_pipelines
    from counterpoint.runtime.registry import find_pipeline, registered

    checks: list[dict[str, Any]] = []
    for name in dict.fromkeys([*registered(), *served_pipelines()]):
        with suppress(Exception):  # `_waits` reports the error
            for place in unfollowed(find_pipeline(name)):
                where = f"{name} ({', '.join(place['steps'])}): {place['file']}:{place['line']}"
                checks.append({"what": _CODE, "state": f"{where}: {place['text']} {place['why']}", "fix": DECLARE})
    return checks or [{"what": _CODE, "state": "every import of every step can be followed", "fix": None}]


def _hooks() -> dict[str, Any]:
    """The installed hooks that run with each step, other than Counterpoint's own."""
    from counterpoint.runtime.hooks import OWN, installed

    try:
        names = [f"{type(hook).__module__}:{type(hook).__qualname__}" for hook in installed()]
    except CounterpointError as error:
        return {"what": "hooks", "state": str(error), "fix": "repair it, or uninstall its distribution"}
    theirs = [name for name in names if name not in OWN]
    return {"what": "hooks", "state": ", ".join(theirs) or "only Counterpoint's own", "fix": None}


def _own(distribution: str) -> dict[str, Any]:
    version = installed_version(distribution)
    fix = None if version else "pip install 'counterpoint[streamrec]'"
    return {"what": distribution, "state": version or "not installed", "fix": fix}


def _orchestrator(name: str) -> dict[str, Any]:
    try:
        python = python_of(name)
        version = query_adapter(name, python, "version_of(adapter.distribution)")
    except UnusableError as error:
        return {"what": name, "state": f"cannot be used in {error.place}", "fix": error.why.partition(": ")[2]}
    except CounterpointError as error:
        return {"what": name, "state": str(error), "fix": "make setup"}
    return {"what": name, "state": f"{version} in {python.parent.parent}", "fix": None}


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

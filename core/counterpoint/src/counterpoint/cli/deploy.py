"""`counterpoint deploy`: what a team's server lacks for its pipelines, as a plan that `--yes` applies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import reexec
from counterpoint.cli.output import answer, echo, say
from counterpoint.cli.run import PIPELINE
from counterpoint.cli.targets import declared_target, target_of_environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from counterpoint.adapter import Adapter
    from counterpoint.build import Build
    from counterpoint.deployment import Deployment
    from counterpoint.target import DeploymentTarget

HELP = "print what a team's server lacks for its pipelines; apply it with --yes"
EXAMPLE = """\
counterpoint deploy my_shop --env prod
counterpoint deploy --env prod --yes"""
_OPEN = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipelines, the folder of the built files, and whether to apply the plan."""
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE", help=f"{PIPELINE}; default all registered ones")
    about = "folder that 'build' wrote, as the workers see it; where one is needed"
    parser.add_argument("--files", type=Path, metavar="DIR", help=about)
    parser.add_argument("--image", metavar="NAME", help="container image of the workers; default PROJECT:VERSION")
    parser.add_argument("--yes", action="store_true", help="apply the plan")


def run(args: argparse.Namespace) -> int:
    """Prints the plan, and applies it with `--yes`; 4 if something is left to do."""
    from counterpoint.errors import UsageError

    declared = declared_target(args)
    if declared is None:
        where = f"[{args.environment.table}] of {args.environment.file}" if args.environment else "counterpoint.toml"
        raise UsageError(
            f"no server to deploy to: {where} names no target: add a table [target.NAME] with kind and url, and"
            " target = 'NAME' to the environment that --env names"
        )
    code = reexec(declared.kind, args.argv)
    if code is not None:
        return code
    from counterpoint.adapter import find_adapter
    from counterpoint.services.reaching import reach
    from counterpoint.services.service_environments import absolute

    target = target_of_environment(args, absolute(args.root))
    assert target is not None  # noqa: S101 - its declaration is there
    adapter = find_adapter(target.kind)
    version = reach(adapter, target)
    builds = _builds(args, adapter)
    plans = _plans(adapter, target, builds, args.files)
    if not args.json:
        _tell(plans, f"{target.kind} {version} at {target.url()}", applied=False)
    applied = args.yes and any(plan.changes for plan in plans.values())
    left = plans
    if applied:
        _apply(adapter, target, builds, args.files)
        left = _plans(adapter, target, builds, args.files)
        if not args.json:
            _tell(left, "after that", applied=True)
    if args.json:
        answer(_document(target, version, plans, left, applied=applied))
    return _OPEN if any(plan.changes or plan.by_hand for plan in left.values()) else 0


def _builds(args: argparse.Namespace, adapter: Adapter) -> dict[str, Build]:
    """What each pipeline's files would be built from; a pipeline that the orchestrator cannot honour is refused."""
    from argparse import Namespace

    from counterpoint.adapter import refuse_unsupported
    from counterpoint.cli.build import build_of
    from counterpoint.runtime.registry import registered, registered_by_users

    builds = {}
    out = args.files or Path("deploy", adapter.name)
    for name in args.pipelines or list(registered_by_users() or registered()):
        options = {"pipeline": name, "target": adapter.name, "out": out, "set": [], "source": None}
        builds[name] = build_of(Namespace(**{**vars(args), **options}), adapter)
        refuse_unsupported(adapter.name, adapter.limits, builds[name].pipeline)
    return builds


def _plans(
    adapter: Adapter, target: DeploymentTarget, builds: Mapping[str, Build], files: Path | None
) -> dict[str, Deployment]:
    folder = files.absolute() if files else None
    return {name: adapter.deployment(target, build, folder) for name, build in builds.items()}


def _apply(adapter: Adapter, target: DeploymentTarget, builds: Mapping[str, Build], files: Path | None) -> None:
    """Applies the plans one after the other: two pipelines may lack the same pool."""
    for name, build in builds.items():
        for change in _plans(adapter, target, {name: build}, files)[name].changes:
            change.apply()


def _tell(plans: Mapping[str, Deployment], where: str, *, applied: bool) -> None:
    """Prints a plan: each change, what a person has to do, and the numbers."""
    from counterpoint.deployment import summary

    for name, plan in plans.items():
        for change in plan.changes:
            echo(f"{name}: {change.verb} {change.kind} {change.name}: {change.details}")
        for words in plan.by_hand:
            echo(f"{name}: by hand: {words}")
    changes = [change for plan in plans.values() for change in plan.changes]
    by_hand = sum(len(plan.by_hand) for plan in plans.values())
    counted = summary(changes) if changes or not by_hand else ""
    echo(f"{where}: {', '.join(filter(None, [counted, f'{by_hand} by hand' if by_hand else '']))}")
    if changes and not applied:
        say("apply it with --yes")


def _document(
    target: DeploymentTarget,
    version: str,
    plans: Mapping[str, Deployment],
    left: Mapping[str, Deployment],
    *,
    applied: bool,
) -> dict[str, Any]:
    return {
        "target": target.name,
        "orchestrator": target.kind,
        "orchestrator_version": version,
        "url": target.url(),
        "changes": _changes(plans),
        "applied": applied,
        "left": _changes(left),
        "by_hand": {name: list(plan.by_hand) for name, plan in left.items() if plan.by_hand},
    }


def _changes(plans: Mapping[str, Deployment]) -> list[dict[str, str]]:
    return [{"pipeline": name, **change.to_dict()} for name, plan in plans.items() for change in plan.changes]

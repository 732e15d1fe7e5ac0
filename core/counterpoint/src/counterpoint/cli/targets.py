"""The team's own server that an environment names: which commands run there, and what lets them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.configured import environment_of
from counterpoint.orchestrators import LOCAL

if TYPE_CHECKING:
    import argparse

    from counterpoint.configuration.targets import DeclaredTarget
    from counterpoint.target import DeploymentTarget


def declared_target(args: argparse.Namespace) -> DeclaredTarget | None:
    """The target that the command's environment names, or None.

    Raises:
        UsageError: its orchestrator has no adapter that anybody offers.
    """
    environment = environment_of(args)
    declared = environment.target if environment else None
    if declared is not None:
        from counterpoint.cli.environments import known
        from counterpoint.errors import UsageError
        from counterpoint.model.suggest import suggest

        if declared.kind not in known():
            raise UsageError(
                f"{declared.place}: kind: no adapter is called {declared.kind!r}: {suggest(declared.kind, known())}"
            )
    return declared


def take_target(args: argparse.Namespace) -> str | None:
    """Has a command with `--service` run on the target of its environment; returns the name of the target.

    Raises:
        UsageError: `--on` names another orchestrator than the target's.
    """
    declared = declared_target(args) if args.service else None
    if declared is None:
        return None
    if args.on not in {LOCAL, declared.kind}:
        from counterpoint.errors import UsageError

        raise UsageError(
            f"--on {args.on} --service: the environment's target is {declared.kind} ({declared.place}): leave --on out,"
            " or choose another --env"
        )
    args.on = declared.kind
    return declared.name


def open_target(args: argparse.Namespace, name: str | None, root: str) -> DeploymentTarget | None:
    """The target of that name; no server is asked, and no secret read.

    Args:
        args: The command line, whose environment names the target.
        name: The target; None for none.
        root: Where the data of its runs lies.

    Raises:
        UsageError: The environment names another target or none.
    """
    if name is None:
        return None
    from counterpoint.services.service_environments import home_of

    declared, environment = declared_target(args), environment_of(args)
    if declared is None or declared.name != name or environment is None:
        from counterpoint.errors import UsageError

        raise UsageError(
            f"this was run on the target {name!r}, which the environment of this command does not name: give the one"
            " that has it by --env"
        )
    return declared.opened(root, home_of(root, declared.kind), environment.name)


def target_of_environment(args: argparse.Namespace, root: str) -> DeploymentTarget | None:
    """The opened target of the command's environment, or None if it names none."""
    declared = declared_target(args)
    return open_target(args, declared.name if declared else None, root)

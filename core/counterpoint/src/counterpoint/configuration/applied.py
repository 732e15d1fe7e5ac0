"""Which environment a command goes by, and what of it becomes variables of the process for as long as the command runs.

An option of the command line beats all. An environment that `--env` names beats the variables of the process; one that
`COUNTERPOINT_ENV` names, or that is the file's default, does not.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from counterpoint.commands import ENV
from counterpoint.configuration.file import CONFIG, find_file, read_file
from counterpoint.configuration.merging import ROOT, environment_named
from counterpoint.redaction import redacted_values
from counterpoint.runtime.surroundings import restored

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from counterpoint.configuration.tables import Environment

log = logging.getLogger(__name__)
_ROOT, _TRACKING, _ALERTS = "COUNTERPOINT_ROOT", "MLFLOW_TRACKING_URI", "COUNTERPOINT_ALERTS"


@contextmanager
def applied(args: argparse.Namespace) -> Iterator[Environment | None]:
    """Has a command go by its environment: sets `args.root` and `args.environment`, and variables until its end.

    Raises:
        UsageError: there is no such environment, or its file says something that has no meaning.
    """
    environment = _environment(args.env)
    names = (ENV, CONFIG, _ROOT, _TRACKING, _ALERTS, *(environment.variables if environment else ()))
    with restored(names):
        if environment is not None:
            environment = _effective(environment, explicit=bool(args.env), root=args.root)
        args.environment = environment
        if args.root is None:
            args.root = os.environ.get(_ROOT, ROOT)
        yield environment


def _environment(option: str | None) -> Environment | None:
    """The environment that is named, else the default of the file that is found; None without either."""
    if name := option or os.environ.get(ENV):
        return environment_named(name)
    path = find_file()
    environments = read_file(path) if path else None
    default = environments.default if environments else None
    return environments.environment(default) if environments and default else None


def _effective(environment: Environment, *, explicit: bool, root: str | None) -> Environment:
    """The environment with the variables of the process that beat it; all others are set as it says."""
    wanted = {
        _TRACKING: environment.tracking,
        _ALERTS: f"{environment.file}#{environment.table}.alerts" if environment.alerts else None,
        **environment.variables,
    }
    # an option says where data lies, whatever variable or file does
    wanted |= {_ROOT: environment.root} if root is None else {}
    values = {name: value for name, value in wanted.items() if value is not None}
    overruled = sorted(name for name, value in values.items() if os.environ.get(name, value) != value)
    if explicit and overruled:
        log.warning("--env %s overrules %s of this process", environment.name, ", ".join(overruled))
    if explicit:
        os.environ.update(values)
    for name, value in values.items():
        os.environ.setdefault(name, value)
    os.environ.update({ENV: environment.name, CONFIG: str(environment.file)})
    variables = {name: os.environ[name] for name in environment.variables}
    return replace(
        environment,
        root=os.environ.get(_ROOT) if root is None else root,
        tracking=_public(_TRACKING, os.environ.get(_TRACKING)),
        variables={name: value for name, value in variables.items() if _public(name, value) is not None},
    )


def _public(name: str, value: str | None) -> str | None:
    """The value of a variable; None where it holds a secret: only processes that inherit it have it."""
    return value if value and redacted_values({name: value}) == {name: value} else None

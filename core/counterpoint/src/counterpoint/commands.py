"""Commands that are printed for people to type: they repeat all that the run was given, quoted for the shell.

Every command that a message, an alert or a report holds is made here, so that it does what it says from any folder:
`command("retry", name, "--run", run_id, root=root)`. One that runs or judges something anew repeats the settings, too:
`command_of(request, "run", request.pipeline, "--date", request.partition)`. Where only the request of a run is known
and no settings matter, as for `retry`, which reads them from the run, the root is enough.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.redaction import redacted_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import RunRequest

SOURCE = "source"
# names the environment of counterpoint.toml that a process goes by
ENV = "COUNTERPOINT_ENV"


def command(
    *words: str,
    root: str | None,
    config: Mapping[str, Any] | None = None,
    on: str = "local",
    service: bool = False,
    env: str | None = None,
) -> str:
    """A command line of `counterpoint`.

    Args:
        words: the command, its arguments and its options that are no settings.
        root: where the data lies, as `--root` takes it; None for a command that needs none.
        config: the settings that were given; secrets are masked: the environment has to hold them.
        on: the orchestrator.
        service: whether the run was one of its services.
        env: the environment; default that of this process.
    """
    place = ["--on", on] if on != "local" else []
    place += ["--service"] if service and place else []
    where = ["--root", root] if root else []
    name = env or os.environ.get(ENV)
    where += ["--env", name] if name and root else []
    return shlex.join(["counterpoint", *words, *place, *setting_words(config or {}), *where])


def command_of(request: RunRequest, *words: str, service: bool = False) -> str:
    """A command line that repeats what a run was given: its settings, where it ran, and its root."""
    on, env = request.orchestrator, request.env
    return command(*words, root=request.root, config=request.config, on=on, service=service, env=env)


def setting_words(config: Mapping[str, Any]) -> list[str]:
    """The options by which a command line gives settings."""
    return [word for name, value in sorted(config.items()) for word in _setting(name, value)]


def _setting(name: str, value: Any) -> Iterator[str]:
    told = redacted_values({name: value})[name]
    if name == SOURCE and isinstance(told, str) and absolute_source(told) == told:
        yield from ("--source", told)
    else:
        yield from ("--set", f"{name}={json.dumps(told)}")


def absolute_source(source: str, folder: Path | None = None) -> str:
    """The same source from whatever folder it is read: its path and its profile's made absolute.

    Args:
        source: as `--source` takes it.
        folder: what its paths are relative to; default the working folder.
    """
    if source.partition(":")[0].strip() == "synthetic":
        return source
    parts = source.split(",profile=", 1)
    return ",profile=".join(str((folder or Path()).joinpath(part.strip()).absolute()) for part in parts)

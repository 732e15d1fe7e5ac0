"""Commands that are printed for people to type: they repeat the options of the run, quoted for the shell.

Every command in a message, an alert or a report is made here, so that it works from any folder:
`command("retry", name, "--run", run_id, root=root)`. A command that runs or validates something again also repeats the
settings: `command_of(request, "run", request.pipeline, "--date", request.partition)`. The root is enough for a command
that needs no settings, such as `retry`, which reads them from the run.
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
# names the environment of counterpoint.toml that a process uses
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
        root: the value of `--root`; None for a command that needs no root.
        config: the settings; secrets are masked, because the environment has to provide them.
        on: the orchestrator.
        service: whether its services execute the run.
        env: the environment; by default that of this process.
    """
    orchestrator_options = ["--on", on] if on != "local" else []
    orchestrator_options += ["--service"] if service and orchestrator_options else []
    root_options = ["--root", root] if root else []
    name = env or os.environ.get(ENV)
    root_options += ["--env", name] if name and root else []
    return shlex.join(["counterpoint", *words, *orchestrator_options, *setting_words(config or {}), *root_options])


def command_of(request: RunRequest, *words: str, service: bool = False) -> str:
    """A command line that repeats the options of a run: its settings, its orchestrator and its root."""
    on, env = request.orchestrator, request.env
    return command(*words, root=request.root, config=request.config, on=on, service=service, env=env)


def setting_words(config: Mapping[str, Any]) -> list[str]:
    """The settings as options of a command line."""
    return [word for name, value in sorted(config.items()) for word in _setting(name, value)]


def _setting(name: str, value: Any) -> Iterator[str]:
    shown = redacted_values({name: value})[name]
    if name == SOURCE and isinstance(shown, str) and absolute_source(shown) == shown:
        yield from ("--source", shown)
    else:
        yield from ("--set", f"{name}={json.dumps(shown)}")


def absolute_source(source: str, folder: Path | None = None) -> str:
    """The source with absolute paths, so that it is the same from any folder.

    Args:
        source: the value of `--source`.
        folder: the folder of relative paths; by default the working folder.
    """
    if source.partition(":")[0].strip() == "synthetic":
        return source
    parts = source.split(",profile=", 1)
    return ",profile=".join(str((folder or Path()).joinpath(part.strip()).absolute()) for part in parts)

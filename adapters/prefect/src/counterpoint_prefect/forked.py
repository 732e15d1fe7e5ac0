"""Runs that are forked from a process that has imported Prefect and never runs a flow itself.

Prefect's worker starts a command for each run, and 3 of the 4 CPU seconds of a run are that command's imports. Our
command therefore only stands for a forked process (`counterpoint.runtime.forkserver_standin`).
"""

from __future__ import annotations

import json
import runpy
import sys
from typing import TYPE_CHECKING

from counterpoint.runtime import forkserver_standin
from counterpoint.runtime.forkserver import listen
from counterpoint.runtime.forkserver_client import take

if TYPE_CHECKING:
    import socket
    from pathlib import Path

_ENGINE = "prefect.engine"
# the imports of a run before its flow; each run loads the flow itself, since its code may have changed
_IMPORTED = (
    "prefect.flow_engine",
    "prefect._internal.metrics",
    "prefect.client.orchestration",
    "prefect.runner.storage",
    "counterpoint_prefect.translate",
    "counterpoint_prefect.waits",
    "counterpoint.storage",
)


def available() -> bool:
    """Whether runs are forked on this platform: on Linux only."""
    return sys.platform == "linux"


def serving(home: Path) -> tuple[str, ...]:
    """The command of the service that runs are forked from; `home` is the service environment's."""
    return (sys.executable, "-P", "-m", __name__, str(_place(home)))


def run_command(home: Path | None) -> tuple[str, ...]:
    """The command of a run on a worker; `home` is the service environment's, None outside one."""
    engine = (sys.executable, "-m", _ENGINE)
    return forkserver_standin.command(str(_place(home)), engine) if home and available() else engine


def _place(home: Path) -> Path:
    return home / "runs.sock"


def run(connection: socket.socket, _: int) -> int:
    """Runs `python -m prefect.engine` in a fork, with the requester's environment; returns the exit code."""
    from prefect.context import refresh_global_settings_context

    with connection, connection.makefile("r", encoding="utf-8") as lines:
        take(json.loads(lines.readline()))
    refresh_global_settings_context()
    sys.argv[:] = [_ENGINE]
    sys.modules.pop(_ENGINE, None)
    try:
        runpy.run_module(_ENGINE, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(listen(sys.argv[1], run, _IMPORTED)())

"""Runs that are forked from a process which has imported Prefect, and never runs a flow itself.

Prefect's worker starts a command for each run, and 3 of the 4 CPU seconds that a run costs are that command's imports.
Its command is therefore one that stands for a fork (`counterpoint.runtime.forkserver_standin`).
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
# what a run imports before it comes to its flow, which each run loads itself: its code may have changed
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
    """Whether processes are forked here at all: on Linux only."""
    return sys.platform == "linux"


def serving(home: Path) -> tuple[str, ...]:
    """The command of the service that runs are forked from, in the folder of a service environment."""
    return (sys.executable, "-P", "-m", __name__, str(_place(home)))


def run_command(home: Path | None) -> tuple[str, ...]:
    """The command of a run, on a worker of the service environment in that folder."""
    engine = (sys.executable, "-m", _ENGINE)
    return forkserver_standin.command(str(_place(home)), engine) if home and available() else engine


def _place(home: Path) -> Path:
    return home / "runs.sock"


def run(asking: socket.socket, _: int) -> int:
    """What a fork does: as `python -m prefect.engine` would do in the surroundings of who asks."""
    from prefect.context import refresh_global_settings_context

    with asking, asking.makefile("r", encoding="utf-8") as question:
        take(json.loads(question.readline()))
    refresh_global_settings_context()
    sys.argv[:] = [_ENGINE]
    sys.modules.pop(_ENGINE, None)
    try:
        runpy.run_module(_ENGINE, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(listen(sys.argv[1], run, _IMPORTED)())

"""The three servers of a service environment: one code server, and the webserver and the daemon, which both ask it.

Left to themselves, webserver and daemon would each start a code server, and the daemon a new one every minute; and each
run would import Dagster anew.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.processes import await_listener
from counterpoint_dagster.keys import LOCATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint.adapter import ServiceEnvironment

# how often the daemon looks at backfills; Dagster's own every 30 s
TICK_SECONDS = 3
_NAME, _WORKSPACE = "code.sock", "workspace.yaml"


def commands(target: ServiceEnvironment) -> dict[str, Sequence[str]]:
    """The command of each server, which runs in the folder of the target; what they share is written there.

    Args:
        target: Where the servers run.

    Returns:
        The words of each command, by the name of its process.
    """
    # every server runs in the folder of the service environment, whose own path may be longer than an address may be
    folder = Path("/proc/self/cwd") if sys.platform == "linux" else target.home
    place = str(folder / _NAME)
    workspace = f"load_from:\n  - grpc_server: {{socket: {json.dumps(place)}, location_name: {LOCATION}}}\n"
    (target.home / _WORKSPACE).write_text(workspace, encoding="utf-8")
    # an error in the code of a pipeline is told by the webserver: the server itself is there
    code = ("--socket", place, "--module-name", LOCATION, "--location-name", LOCATION, "--lazy-load-user-code")
    web = ("-h", "127.0.0.1", "-p", str(target.ports["web"]), "-w", _WORKSPACE)
    options = {"code-server": code, "webserver": web, "daemon": ("run", "-w", _WORKSPACE)}
    here = (sys.executable, "-P", "-m", __name__)
    return {name: (*here, name, *words) for name, words in options.items()}


def _serve_code() -> None:
    from dagster._cli.api import grpc_command

    from counterpoint_dagster.forked import prepare

    prepare()
    # Dagster takes away what stands first before it loads definitions, here and in each run: the folder of a script
    sys.path.insert(0, str(Path.cwd()))
    grpc_command()


def _serve_pages() -> None:
    from counterpoint_dagster.webserver import main

    _until_there()
    main()


def _serve_ticks() -> None:
    from dagster._daemon import controller
    from dagster._daemon.cli import main

    # how often it looks at backfills, for which Dagster has no setting: what follows in a backfill waits so long
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = TICK_SECONDS
    _until_there()
    main()


def _until_there() -> None:
    """Waits until the code server listens: Dagster would call it an error, and look again after ten seconds."""
    await_listener(socket.AF_UNIX, _NAME)


def main() -> None:
    """Runs the server that the first word names, with the options that follow."""
    name = sys.argv.pop(1)
    {"code-server": _serve_code, "webserver": _serve_pages, "daemon": _serve_ticks}[name]()


if __name__ == "__main__":
    main()

"""The three servers of a service environment: one code server, and the webserver and the daemon, which both use it.

By default, webserver and daemon would each start a code server (the daemon a new one every minute), and each run would
import Dagster again.
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

# how often the daemon looks at backfills; Dagster's default is 30 s
TICK_SECONDS = 3
_NAME, _WORKSPACE = "code.sock", "workspace.yaml"


def commands(target: ServiceEnvironment) -> dict[str, Sequence[str]]:
    """The command of each server, which runs in the target's home; their shared workspace file is written there.

    Args:
        target: The service environment of the servers.

    Returns:
        The arguments of each command, by the name of its process.
    """
    # every server runs in the home of the service environment, whose path may be too long for a socket's address
    folder = Path("/proc/self/cwd") if sys.platform == "linux" else target.home
    address = str(folder / _NAME)
    workspace = f"load_from:\n  - grpc_server: {{socket: {json.dumps(address)}, location_name: {LOCATION}}}\n"
    (target.home / _WORKSPACE).write_text(workspace, encoding="utf-8")
    # with lazy loading the server starts even if a pipeline's code has an error, and the webserver reports the error
    code = ("--socket", address, "--module-name", LOCATION, "--location-name", LOCATION, "--lazy-load-user-code")
    web = ("-h", "127.0.0.1", "-p", str(target.ports["web"]), "-w", _WORKSPACE)
    arguments = {"code-server": code, "webserver": web, "daemon": ("run", "-w", _WORKSPACE)}
    here = (sys.executable, "-P", "-m", __name__)
    return {name: (*here, name, *words) for name, words in arguments.items()}


def _serve_code() -> None:
    from dagster._cli.api import grpc_command

    from counterpoint_dagster.forked import prepare

    prepare()
    # before Dagster loads definitions, here and in each run, it removes the first entry, which is a script's folder
    sys.path.insert(0, str(Path.cwd()))
    grpc_command()


def _serve_pages() -> None:
    from counterpoint_dagster.webserver import main

    _await_code_server()
    main()


def _serve_ticks() -> None:
    from dagster._daemon import controller
    from dagster._daemon.cli import main

    # Dagster has no setting for this interval; each next partition of a backfill waits that long
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = TICK_SECONDS
    _await_code_server()
    main()


def _await_code_server() -> None:
    """Waits until the code server listens: otherwise Dagster reports an error, and tries again after ten seconds."""
    await_listener(socket.AF_UNIX, _NAME)


def main() -> None:
    """Runs the server that the first argument names, with the arguments after it."""
    name = sys.argv.pop(1)
    {"code-server": _serve_code, "webserver": _serve_pages, "daemon": _serve_ticks}[name]()


if __name__ == "__main__":
    main()

"""Prefect's worker, which starts when its server listens.

    python -m counterpoint_prefect.worker ARGUMENT ...      the arguments of `prefect worker`

A worker that starts before its server never connects to the event stream, and polls for runs only half a minute after
the server's start. What the worker before it has left active is told first: afterwards, active runs are its own.
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
from importlib import import_module
from urllib.parse import urlsplit

from counterpoint.processes import await_listener
from counterpoint_prefect.lost import tell_crashed

_IMPORTED = ("prefect.cli.worker", "prefect.workers.process")


def main() -> None:
    """Imports the worker's modules, waits for the server, tells of lost runs, and then runs the worker."""
    for name in _IMPORTED:
        import_module(name)
    server = urlsplit(os.environ["PREFECT_API_URL"])
    await_listener(socket.AF_INET, (server.hostname, server.port))
    tell_crashed()
    sys.argv[:] = ["prefect", "worker", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

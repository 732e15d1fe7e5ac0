"""Prefect's worker, which begins when its server is there.

    python -m counterpoint_prefect.worker WORD ...      the words of `prefect worker`

One that begins before connects to no stream of events then or later, and looks for runs half a minute after the server
has come.
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
from importlib import import_module
from urllib.parse import urlsplit

from counterpoint.processes import await_listener

_IMPORTED = ("prefect.cli.worker", "prefect.workers.process")


def main() -> None:
    """Imports what the worker needs, waits for the server, and becomes the worker."""
    for name in _IMPORTED:
        import_module(name)
    server = urlsplit(os.environ["PREFECT_API_URL"])
    await_listener(socket.AF_INET, (server.hostname, server.port))
    sys.argv[:] = ["prefect", "worker", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

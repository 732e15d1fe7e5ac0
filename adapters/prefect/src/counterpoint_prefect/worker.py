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
import time
from contextlib import suppress
from importlib import import_module
from urllib.parse import urlsplit

_PATIENCE = 120.0  # seconds until the server listens, on a machine with much else to do
_IMPORTED = ("prefect.cli.worker", "prefect.workers.process")


def _until_there() -> None:
    server = urlsplit(os.environ["PREFECT_API_URL"])
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((server.hostname, server.port or 80), timeout=5):
            return
        time.sleep(0.1)


def main() -> None:
    """Imports what the worker needs, waits for the server, and becomes the worker."""
    for name in _IMPORTED:
        import_module(name)
    _until_there()
    sys.argv[:] = ["prefect", "worker", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

"""Processes of runs and of parallel steps, forked from a process that has already imported Dagster.

Dagster itself starts a new interpreter for each run, and another one from which the steps of the run are forked.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from typing import TYPE_CHECKING, Any

from dagster._grpc import server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# the imports of a run before its definitions; each run loads the definitions itself, since they may have changed
_IMPORTED = [
    "counterpoint_dagster.step",
    "dagster._core.executor.multiprocess",
    "dagster._core.storage.sqlite_storage",
    "dagster._grpc.server",
]
_MOST_BYTES = 1 << 16
# the attributes used here are private and have no types
_FORKSERVER: Any = forkserver


class ForkingServer(server.DagsterApiServer):
    """Dagster's code server with forked runs."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._mp_ctx = _Runs()


class _Runs(ForkServerContext):
    """Starts processes as Python's forkserver does, each with its own process to fork steps from."""

    def Process(self, *, target: Callable[..., None], args: Sequence[Any]) -> Any:  # type: ignore[override]  # noqa: N802
        return super().Process(target=_run, args=(target, *args))


class _Steps:
    """A process to fork steps from; it is forked while the run's process still has one thread.

    It waits for the first step, and then acts as the forkserver of a new interpreter would. Source:
    `ForkServer.ensure_running` of Python's multiprocessing.
    """

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        if os.fork() == 0:
            self._orders.close()
            _wait_for_steps(theirs)
        theirs.close()
        self._begun = False

    def ensure_running(self) -> None:
        """Replaces the method that starts an interpreter."""
        if self._begun:
            return
        forkserver_state, self._begun = _FORKSERVER._forkserver, True  # noqa: SLF001
        address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
        alive_reader, alive = os.pipe()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            os.chmod(address, 0o600)  # noqa: PTH101 - the address may be no path
            listener.listen()
            modules = json.dumps(forkserver_state._preload_modules).encode()  # noqa: SLF001
            socket.send_fds(self._orders, [modules], [listener.fileno(), alive_reader])
        os.close(alive_reader)
        forkserver_state._forkserver_address, forkserver_state._forkserver_alive_fd = address, alive  # noqa: SLF001


def _wait_for_steps(orders: socket.socket) -> None:
    try:
        modules, descriptors, _, _ = socket.recv_fds(orders, _MOST_BYTES, 2)
        if descriptors:  # without descriptors, the run has ended and needed none
            _FORKSERVER.main(*descriptors, json.loads(modules))
    finally:
        os._exit(0)


def _run(target: Callable[..., None], *args: Any) -> None:
    _FORKSERVER._forkserver.ensure_running = _Steps().ensure_running  # noqa: SLF001
    target(*args)


def prepare() -> None:
    """Replaces Dagster's code server by the forking one, and starts to import what runs need."""
    multiprocessing.set_forkserver_preload(_IMPORTED)
    forkserver.ensure_running()
    server.DagsterApiServer = ForkingServer

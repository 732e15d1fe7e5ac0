"""A stand-in for a process that is forked elsewhere: it passes signals on to that process, and ends as it ends.

It is started in place of a command whose imports take long. It is run as a file, `python -I -S standin.py SOCKET
COMMAND...`, and needs only the standard library and 0.03 CPU seconds. If nothing listens at the socket, it becomes the
command.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

# an order: a byte, with a socket for the question and its answer, the standard error, and a file for stacks
ORDER = b"."
# the descriptor, because sys.stderr may be an object without one
STDERR = 2
_MOST_BYTES = 4096
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def command(place: str, instead: tuple[str, ...]) -> tuple[str, ...]:
    """The command that stands in for a fork at the socket `place`, and becomes `instead` if nothing listens there."""
    return (sys.executable, "-I", "-S", __file__, place, *instead)


def address(folder: int, name: str) -> str:
    """The address of a socket in an open folder, whose own path may exceed the 107 bytes of a socket address."""
    return f"/proc/self/fd/{folder}/{name}"


def connected(place: str) -> socket.socket:
    """A connection to the process that forks at `place`, for one order.

    Raises:
        OSError: Nothing listens there.
    """
    orders = socket.socket(socket.AF_UNIX)
    try:
        folder = os.open(os.path.dirname(place), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120 - pathlib costs more
        try:
            orders.connect(address(folder, os.path.basename(place)))  # noqa: PTH119
        finally:
            os.close(folder)
    except OSError:
        orders.close()
        raise
    return orders


def _order(place: str) -> socket.socket:
    """Orders a new process; returns the socket on which it reports.

    Raises:
        OSError: Nothing listens at the socket.
    """
    ours, theirs = socket.socketpair()
    with theirs, connected(place) as orders:
        nothing = os.open(os.devnull, os.O_WRONLY)  # no time-out here asks for the stack
        socket.send_fds(orders, [ORDER], [theirs.fileno(), STDERR, nothing])
        os.close(nothing)
    return ours


def _pid_of(connection: socket.socket) -> int | None:
    """The pid of the new process, which waits for its instructions; None when none was started."""
    line = b""
    while not line.endswith(b"\n") and (byte := connection.recv(1)):
        line += byte
    word, _, process = line.decode().partition(" ")
    return int(process.partition(".")[0]) if word == "process" else None


def _stand_in(pid: int, connection: socket.socket) -> int:
    """Sends the process this one's environment and waits for its end; the exit code, below zero for a signal."""
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)  # noqa: FBT003 - its only parameter
    # a Python handler would run only after the next message if the signal came just before `select`
    signal.set_wakeup_fd(waker.fileno())
    for number in _PASSED_ON:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    environment = {"folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    message = b""
    with suppress(ConnectionError):
        connection.sendall(json.dumps(environment).encode() + b"\n")
        while not message.endswith(b"\n"):
            ready, _, _ = select.select([connection, woken], [], [])
            if woken in ready:
                _pass_on(pid, woken.recv(_MOST_BYTES))
            if connection in ready:
                data = connection.recv(_MOST_BYTES)
                if not data:
                    break
                message += data
    word, _, code = message.decode().partition(" ")
    return int(code) if word == "exit" else -signal.SIGKILL  # the fork server is gone, and its forks with it


def _pass_on(pid: int, numbers: bytes) -> None:
    for number in numbers:
        with suppress(ProcessLookupError):  # the process has ended meanwhile
            os.kill(pid, number)


def main(place: str, *instead: str) -> NoReturn:
    """Orders a process at a socket and stands in for it; becomes the command if no process is started."""
    # blocked until it is known where to pass them on
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    connection = pid = None
    with suppress(OSError):
        connection = _order(place)
        pid = _pid_of(connection)
    if connection is None or pid is None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        os.execv(instead[0], instead)  # noqa: S606
    code = _stand_in(pid, connection)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
